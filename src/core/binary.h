/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 *
 * What an etcd program says about itself. It is run as nobody, and only after it was checked.
 */
#ifndef CORE_BINARY_H
#define CORE_BINARY_H

#include "base/buf.h"
#include "base/err.h"
#include "core/version.h"

/* Runs the open program with --version. `path` is for messages. ERR_VERIFY when it does not answer as etcd does. */
int binary_version(int fd, const char *path, struct version *v, struct err *e) MUST_CHECK;

/* Runs it with --help; appends its option names ("listen-peer-urls"), one a line. */
int binary_options(int fd, const char *path, struct buf *options, struct err *e) MUST_CHECK;

#endif
