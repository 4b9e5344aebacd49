/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes that run other programs. Our own code with its privileges taken away: jail.h.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* uid and gid of the system's nobody: 65534 on Debian, Fedora, EL and SUSE alike. */
#define PROC_NOBODY 65534

struct proc_run {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH unless it has a slash */
	int program; /* when not 0: run this open file, whatever argv[0] says; no path leads elsewhere meanwhile */
	unsigned int timeout; /* seconds; then it is killed and the call fails */
	bool as_nobody;	      /* when we are root: run it as PROC_NOBODY with no_new_privs */
	uid_t uid;	      /* when not 0, and we are root: run it as this user and group with no_new_privs */
	gid_t gid;
	bool tied;	  /* it dies with us, whatever kills us */
	char *const *env; /* its whole environment; NULL: ours */
	int log;	  /* when not 0: stdout and stderr go to this open file */
	struct buf *out;  /* its stdout, at most 1 MiB (more is an error); NULL: thrown away */
	struct buf *diag; /* its stderr, likewise; NULL: ours */
};

/*
 * Runs a program to its end with an empty stdin and LC_ALL=C. Returns its exit status (128 + n when signal n
 * ended it), or -1 when it could not be run (e->sys is ENOEXEC), said too much or took too long.
 */
int proc_run(const struct proc_run *run, struct err *e) MUST_CHECK;

/* A program that is running. */
struct proc_child {
	struct proc_run run;
	long long deadline; /* ms of the monotonic clock */
	pid_t pid;
	int out, diag; /* our ends of its pipes, or -1 */
};

/*
 * The two halves of proc_run, for work to be done meanwhile. What a started program says beyond the size of a pipe (64 KiB) waits until
 * proc_finish, which must be called for every one that was started. run's pointers must live till then.
 */
int proc_start(const struct proc_run *run, struct proc_child *child, struct err *e) MUST_CHECK;
int proc_finish(struct proc_child *child, struct err *e) MUST_CHECK;

/* Asks it to end (SIGTERM), then proc_finish with that many seconds from now. */
int proc_end(struct proc_child *child, unsigned int seconds, struct err *e) MUST_CHECK;

/* As root: this user and group, no others, no_new_privs, no way back. Else no_new_privs alone. -1 with errno. Async-signal-safe. */
int proc_become(uid_t uid, gid_t gid);

/* Whether a child has ended; it is still to be waited for. */
bool proc_has_ended(pid_t pid);
