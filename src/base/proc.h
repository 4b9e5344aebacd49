/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes that run other programs. Our own code with its privileges taken away: jail.h.
 */
#pragma once

#include <poll.h>
#include <sys/types.h>

#include "base/buf.h"

/* uid and gid of the system's nobody: 65534 on Debian, Fedora, EL and SUSE alike. */
#define PROC_NOBODY 65534

struct proc_run {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH unless it has a slash */
	int program;		 /* when not 0: run this open file instead of argv[0], so that nobody can exchange it */
	unsigned int timeout;	 /* seconds; then it is killed and the call fails */
	uid_t uid; /* when not 0: run it with no_new_privs and, when we are root, as this user and group */
	gid_t gid;
	bool tied;	  /* it dies with us, whatever kills us */
	char *const *env; /* its whole environment; NULL: ours, with LC_ALL=C */
	int input;	  /* when not 0: its stdin is this open file */
	int log;	  /* when not 0: stdout and stderr go to this open file */
	struct buf *out;  /* its stdout, at most 1 MiB (more is an error); NULL: thrown away */
	struct buf *diag; /* its stderr, likewise; NULL: ours */
};

/*
 * Runs a program to its end with LC_ALL=C and, unless there is an input, an empty stdin. Returns its exit status (128 +
 * n when signal n ended it), or -1 when it could not be run (e->sys is ENOEXEC), printed too much or took too long.
 */
int proc_run(const struct proc_run *run, struct err *e) MUST_CHECK;

/* A program that is running. */
struct proc_child {
	struct proc_run run;
	long long deadline; /* ms of the monotonic clock */
	pid_t pid;
	struct pollfd streams[2]; /* our ends of the pipes from its stdout and stderr, or -1 */
};

/*
 * proc_run in halves, for work to be done meanwhile. proc_finish must be called for every child that was started;
 * output beyond the size of a pipe (64 KiB) blocks the program until then. run's pointers must stay valid, too.
 */
int proc_start(const struct proc_run *run, struct proc_child *child, struct err *e) MUST_CHECK;
int proc_finish(struct proc_child *child, struct err *e) MUST_CHECK;

/* Sends SIGTERM, then proc_finish with that many seconds from now. */
int proc_end(struct proc_child *child, unsigned int seconds, struct err *e) MUST_CHECK;

/* no_new_privs; as root also this user and group for good, no others. -1 with errno. Async-signal-safe. */
int proc_become(uid_t uid, gid_t gid);

/* True when a child has ended; it still has to be waited for. */
bool proc_has_ended(pid_t pid);
