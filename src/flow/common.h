/* SPDX-License-Identifier: Apache-2.0
 *
 * What leave, remove, replace and recover share.
 */
#pragma once

#include "config/machine.h"
#include "member/health.h"

/* 0 when the surveyed members can agree to a removal, else -1 (ERR_HEALTH). */
int common_check_quorum(const struct member_survey *s, struct err *e) MUST_CHECK;

/*
 * Stops etcd.service. An etcd on DATA_DIR that systemd did not start has that many seconds to end by itself; one that
 * still runs is ERR_FAIL, or ERR_CONFIG with 0 seconds.
 */
int common_stop(const struct machine *m, unsigned int seconds, struct err *e) MUST_CHECK;
