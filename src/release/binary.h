/* SPDX-License-Identifier: Apache-2.0
 *
 * What an etcd program prints about itself. It runs as nobody, and only after it was checked.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "config/version.h"

/*
 * The version of the etcd at path, and its option names ("listen-peer-urls"), one a line, appended to options.
 * ERR_VERIFY when others could change the program, or it does not answer as etcd does; e->sys is ENOENT when it is
 * missing.
 */
int binary_ask(const char *path, struct version *v, struct buf *options, struct err *e) MUST_CHECK;
