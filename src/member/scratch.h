/* SPDX-License-Identifier: Apache-2.0
 *
 * An etcd of our own on data that no member uses. It listens on Unix sockets only, has no certificates for peers, and
 * never outlives this program.
 */
#pragma once

#include "adapter/grpc.h"
#include "adapter/keyfile.h"
#include "base/proc.h"
#include "config/machine.h"

struct scratch {
	const struct machine *m;
	const struct keyfile *env;   /* etcd.env: whose certificates for clients it has, and limits */
	const char *dir;	     /* it runs here, where the sockets are made, too; user etcd's */
	const char *const *settings; /* ended by NULL: "ETCD_DATA_DIR=old" (below dir), … */
	const char *log;	     /* path of its log */
	unsigned int seconds;	     /* how long it may take until it answers */
	struct proc_child child;
	int dir_fd, log_fd;
};

/*
 * Starts it and waits until a linearizable read proves that it has applied all of its log. *revision: its revision
 * then. scratch_end must follow, also after a failure.
 */
int scratch_start(struct scratch *s, int64_t *revision, struct err *e) MUST_CHECK;

/* Ends it by SIGTERM: it writes all that it has applied to the database. */
int scratch_end(struct scratch *s, struct err *e) MUST_CHECK;

/* A session with it, each call within call_ms; NULL on failure. The caller closes it. */
struct grpc *scratch_session(const struct scratch *s, unsigned int call_ms, struct err *e);
