/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes: other programs, and our own code with its privileges taken away.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

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

/* Whether it has ended by itself; it must still be finished. */
bool proc_ended(const struct proc_child *child);

/* Asks it to end (SIGTERM), then proc_finish with that many seconds from now. */
int proc_end(struct proc_child *child, unsigned int seconds, struct err *e) MUST_CHECK;

struct proc_jail {
	bool network;			 /* may reach the network (and read files, for its resolver) */
	unsigned long long file_bytes;	 /* RLIMIT_FSIZE: the largest file it may grow */
	unsigned long long memory_bytes; /* RLIMIT_AS above what we have mapped already; 0: no limit */
	unsigned int cpu_seconds;	 /* RLIMIT_CPU; 0: no limit */
};

/* What such a child does: on failure -1 with e filled. */
typedef int proc_work(void *arg, void *result, struct err *e);

/*
 * Runs work(arg, result, e) in a child that cannot get anything new: as PROC_NOBODY when we are root, no_new_privs, no core
 * dump, rlimits; without `network` also a Landlock domain in which no file can be opened (so it has just the
 * descriptors it inherited) and a seccomp filter that knows no open, socket, exec, chmod or kill. A kernel without Landlock
 * leaves that one out. The child dies with us.
 * Memory is a copy, as after fork(2): only the result_len bytes at result and the error come back. A child that a limit or the
 * filter killed is an ERR_VERIFY failure: its input did that.
 */
int proc_jailed(const struct proc_jail *jail, proc_work *work, void *arg, void *result, size_t result_len,
		struct err *e) MUST_CHECK;

/* A jailed child at work. */
struct proc_jailed {
	pid_t pid;
	struct proc_verdict *verdict;
	size_t result_len;
};

/* proc_jailed in halves, for work to be done meanwhile: every one that was started must be finished, which waits for it. */
int proc_jailed_start(const struct proc_jail *jail, proc_work *work, void *arg, size_t result_len,
		      struct proc_jailed *child, struct err *e) MUST_CHECK;
bool proc_jailed_ended(const struct proc_jailed *child);
int proc_jailed_finish(struct proc_jailed *child, void *result, struct err *e) MUST_CHECK;

#endif
