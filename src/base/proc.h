/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
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
	struct buf *out;      /* its stdout, at most 1 MiB (more is an error); NULL: thrown away */
	struct buf *diag;     /* its stderr, likewise; NULL: ours */
};

/*
 * Runs a program to its end with an empty stdin and LC_ALL=C. Returns its exit status (128 + n when signal n
 * ended it), or -1 when it could not be run, said too much or took too long.
 */
int proc_run(const struct proc_run *run, struct err *e) MUST_CHECK;

struct proc_jail {
	bool network;			 /* may reach the network (and read files, for its resolver) */
	unsigned long long file_bytes;	 /* RLIMIT_FSIZE: the largest file it may grow */
	unsigned long long memory_bytes; /* RLIMIT_AS above what we have mapped already; 0: no limit */
	unsigned int cpu_seconds;	 /* RLIMIT_CPU; 0: no limit */
};

/*
 * Runs work(arg, result, e) in a child that cannot get anything new: as PROC_NOBODY when we are root, no_new_privs, no core
 * dump, rlimits; without `network` also a Landlock domain in which no file can be opened (so it has just the
 * descriptors it inherited) and a seccomp filter that knows no open, socket, exec, chmod or kill. A kernel without Landlock
 * leaves that one out. The child dies with us.
 * Memory is a copy, as after fork(2): only the result_len bytes at result and the error come back. A child that a limit or the
 * filter killed is an ERR_VERIFY failure: its input did that.
 */
int proc_jailed(const struct proc_jail *jail, int (*work)(void *arg, void *result, struct err *e), void *arg,
		void *result, size_t result_len, struct err *e) MUST_CHECK;

#endif
