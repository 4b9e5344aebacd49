/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd-cluster-backup.timer, which runs by BACKUP_SCHEDULE.
 */
#pragma once

#include "config/machine.h"

/*
 * Drop-ins for BACKUP_SCHEDULE and BACKUP_DIR, and the timer started; without a schedule they are removed and the timer
 * is stopped. ERR_CONFIG: systemd does not accept the schedule. 1 changed, 0 unchanged, -1. Below --root only files.
 */
int schedule_set(const struct machine *m, struct err *e) MUST_CHECK;

/* The longest time between two of the next elapses, in seconds; 0 when systemd-analyze(1) does not say. */
long schedule_period(const struct machine *m);

/* When the timer last elapsed. Without systemd: this midnight, UTC, as of a daily one. */
time_t schedule_last(const struct machine *m);

/* Since when there is this schedule; 0: setup has not run with it. */
time_t schedule_since(const struct machine *m);

/*
 * Reads "Mon 2026-11-30 00:00:00 UTC" wherever it is in a line; false when it is not. For the tests, too.
 */
bool schedule_parse(const char *line, time_t *when);
