/* SPDX-License-Identifier: Apache-2.0
 *
 * What the flows share.
 */
#pragma once

#include "cluster/health.h"
#include "config/machine.h"

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

/* 0 ENROLL_TOKEN_FILE has a token; else ERR_CONFIG: why this machine needs new keys, and the commands, `again` here. */
int common_need_token(const struct machine *m, const char *why, const char *again, struct err *e) MUST_CHECK;

/*
 * Before a machine adds itself to a cluster: a key that a member had is refused for good once that member is gone, so
 * the key must be one that no member had. Enrolled machines ask the CA host; those of another origin, and those of a CA
 * host of an older version, keep theirs unless must_know. With a token new keys take the place of such a key.
 * 1 new keys, 0 the key will do. ERR_CONFIG: a token is needed, with the commands (again: the one to type here);
 * ERR_PENDING: no CA host says.
 */
int common_fresh_keys(const struct machine *m, bool must_know, const char *again, struct err *e) MUST_CHECK;

/*
 * The newest revocation list, as far as this machine can get it: on a CA host from its records; on an enrolled one from
 * the CA host, which learns of a removal by being asked. 1 one came, 0, -1 (no CA host answers).
 */
int common_revocations(const struct machine *m, struct err *e) MUST_CHECK;

/* After the removal of a member of the survey: has the CA host revoke its certificates, and logs what is pending. */
void common_revoke(const struct machine *m, const struct member_survey *s, const struct member *gone);
