/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own code in a child with its privileges taken away, for hostile input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct jail {
	/* Ended by -1: all other descriptors are closed, or /dev/null (stdin to stderr, with network). NULL: none are. */
	const int *keep;
	bool network;			 /* may reach the network, and read files for its resolver */
	unsigned long long file_bytes;	 /* RLIMIT_FSIZE: the largest file it may grow */
	unsigned long long memory_bytes; /* RLIMIT_AS above what is mapped already; 0: no limit */
	unsigned int cpu_seconds;	 /* RLIMIT_CPU; 0: no limit */
};

/* What the child does: on failure -1 with e filled. */
typedef int jail_work(void *arg, void *result, struct err *e);

/*
 * Runs work(arg, result, e) in a child as PROC_NOBODY (when we are root) with no_new_privs, rlimits, no core dump, and
 * the filters of filter.h: it can start no program, signal no process, and open no file to write; without `network` it
 * can open no file and no socket at all. The child dies with us. Memory is a copy, as after fork(2): only the
 * result_len bytes at result and the error (jail_distrust) come back. A child that a limit or a filter killed is
 * ERR_VERIFY: its input did that.
 */
int jail_run(const struct jail *jail, jail_work *work, void *arg, void *result, size_t result_len,
	     struct err *e) MUST_CHECK;

/*
 * jail_run in halves, for work to be done meanwhile. jail_finish waits; call it for every child that was started. jail
 * NULL: nothing is taken away, and the child still dies with us; for work of our own.
 */
struct jail_child {
	pid_t pid; /* for proc_has_ended */
	struct jail_verdict *verdict;
	size_t result_len;
	bool trusted; /* it had no jail */
};
int jail_start(const struct jail *jail, jail_work *work, void *arg, size_t result_len, struct jail_child *child,
	       struct err *e) MUST_CHECK;
int jail_finish(struct jail_child *child, void *result, struct err *e) MUST_CHECK;

/*
 * For an error that came out of a jail, whose input may control it: its texts end and are printable ASCII, and its
 * class is one that err.h has (ERR_VERIFY for another number).
 */
void jail_distrust(struct err *e);
