/* SPDX-License-Identifier: Apache-2.0
 *
 * systemctl(1), and drop-ins of units.
 */
#pragma once

#include "config/machine.h"

/* It talks to PID 1 over a socket; a longer wait means that the machine is in trouble. */
#define SYSTEMCTL_SECONDS 20

/* The arguments of a command. */
#define SYSTEMCTL(...) ((const char *const[]){ "systemctl", __VA_ARGS__, NULL })

/* Runs it. An exit code that is not 0 is an error. */
int unit_systemctl(const char *const *argv, struct buf *out, struct err *e) MUST_CHECK;

/* Changes a unit; nothing on a machine that is not live. */
int unit_change(const struct machine *m, const char *const *argv, struct err *e) MUST_CHECK;

/* One property of a unit; NULL on failure. The caller frees. */
char *unit_property(const char *unit, const char *name, struct err *e);

/* The path of a drop-in of a unit. The caller frees. */
char *unit_drop_in(const struct machine *m, const char *unit, const char *name);

/* 1 when its text is another one, 0, -1. An empty text stands for no file. */
int unit_drop_in_differs(const char *path, const struct buf *want, struct err *e) MUST_CHECK;

/* Writes it, or removes it, and has systemd read it. 1, -1. */
int unit_drop_in_write(const struct machine *m, const char *path, const struct buf *want, struct err *e) MUST_CHECK;
