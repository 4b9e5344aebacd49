/* SPDX-License-Identifier: Apache-2.0
 *
 * What the flows share.
 */
#pragma once

#include "config/machine.h"
#include "member/health.h"

/* member_survey; and ERR_HEALTH, with the answers in s, when the members cannot agree to a removal now. */
int common_survey(const struct machine *m, struct member_survey *s, struct err *e) MUST_CHECK;

/* Writes etcd.env and etcdctl.env for the release in use. 1 written, 0 as they were, or there is no release yet; -1. */
int common_write_env(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Stops etcd.service. An etcd on DATA_DIR that systemd did not start has that many seconds to end by itself; one that
 * still runs is ERR_FAIL, or ERR_CONFIG with 0 seconds.
 */
int common_stop(const struct machine *m, unsigned int seconds, struct err *e) MUST_CHECK;

/*
 * On a CA host: the keys of the machine that was this member get nothing any more. Another CA host learns it from the
 * membership list.
 */
int common_forget(const struct machine *m, const char *name, uint64_t id, struct err *e) MUST_CHECK;
