/* SPDX-License-Identifier: Apache-2.0
 *
 * What an etcd program says about itself. It is run as nobody, and only after it was checked.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/proc.h"
#include "config/version.h"

/* The questions that an etcd is being asked; one of them per file. */
struct binary {
	char *path;
	struct proc_child children[2]; /* --version, --help */
	struct buf out[2], diag[2];
	bool running[2];
};

/*
 * Starts asking the open program; `path` is for messages. The answers come while other work is done. The caller calls
 * binary_free in any case.
 */
int binary_ask(struct binary *b, int fd, const char *path, struct err *e) MUST_CHECK;

/*
 * Its version, and its option names ("listen-peer-urls"), one a line, appended to options. ERR_VERIFY when it does not
 * answer as etcd does.
 */
int binary_answer(struct binary *b, struct version *v, struct buf *options, struct err *e) MUST_CHECK;

void binary_free(struct binary *b);
