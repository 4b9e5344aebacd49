/* SPDX-License-Identifier: Apache-2.0
 *
 * One error object, filled where the failure happens and printed once, by main.
 */
#pragma once

#include <errno.h>

/*
 * The class decides the exit code (etcd-cluster.8, EXIT STATUS) and nothing else does.
 * ERR_NONE is an untouched object.
 */
enum err_class {
	ERR_NONE = 0,
	ERR_FAIL = 1,	 /* it was tried and went wrong; trying again may help */
	ERR_CONFIG = 3,	 /* usage, cluster.conf, or this machine's state: a person must change something */
	ERR_VERIFY = 4,	 /* something that had to be trusted could not be */
	ERR_HEALTH = 5,	 /* no quorum, or unhealthy */
	ERR_PENDING = 6, /* not yet; the retry timer will come back to it */
};

/*
 * msg: what failed, on which path or host, and why. hint: what to type next, or "".
 * Neither ends in a full stop or a newline.
 */
struct err {
	enum err_class class;
	int sys; /* errno behind it, or 0 */
	int rpc; /* gRPC status code behind it, or 0 */
	char msg[1024];
	char hint[512];
};

#define ERR_PRINTF(a, b) __attribute__((format(printf, a, b)))
/* On a function with a struct err: 0 (or a pointer) is success and leaves e untouched, -1 (or NULL) is failure. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* Fills e. Returns -1, so that callers write `return err_set(…)`. Drops any earlier content. */
#define err_set(e, class, ...) err_fill(e, class, 0, __VA_ARGS__)

/* As err_set, for a function that returns a pointer: NULL. */
#define err_null(...) (err_set(__VA_ARGS__), NULL)

/* As err_set, with ": <text of errno>" appended and errno in e->sys. Call it before anything can change errno. */
#define err_sys(e, class, ...) err_fill(e, class, errno, __VA_ARGS__)

int err_fill(struct err *e, enum err_class class, int sys, const char *fmt, ...) ERR_PRINTF(4, 5);

/* Puts "<text>: " before the message: context added while unwinding. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) ERR_PRINTF(2, 3);

/* Sets what to type next. Returns -1. A hint from further down is kept: it knows more. */
int err_hint(struct err *e, const char *fmt, ...) ERR_PRINTF(2, 3);

/* After a failed read of a file that may be absent: 0 and e cleared when it is (ENOENT), else -1. */
int err_absent(struct err *e) MUST_CHECK;

/* Back to ERR_NONE, for an error that was dealt with. */
void err_clear(struct err *e);
