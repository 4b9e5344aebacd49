/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines on stderr for people and for the journal. The only global state of the program.
 */
#pragma once

#include <stdbool.h>
#include <syslog.h>

#include "base/err.h"

/*
 * verbose: show debug lines. Lines carry the "<n>" prefix of sd-daemon(3) only when
 * stderr is the journal (JOURNAL_STREAM names its device and inode).
 */
void log_open(bool verbose);

/* One line, at a level of syslog(3). Control bytes are shown as '?': parts of it may come from the network. */
void log_line(int level, const char *fmt, ...) ERR_PRINTF(2, 3);

#define log_warn(...)  log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* True when people read the lines on a terminal. */
bool log_to_terminal(void);

/* Message and hint of e, at level. */
void log_error(int level, const struct err *e);
