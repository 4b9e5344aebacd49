/* SPDX-License-Identifier: Apache-2.0
 *
 * The other members of the cluster that this machine is or was in, for what must not run beside them.
 */
#pragma once

#include "adapter/keyfile.h"
#include "cluster/health.h"

/*
 * Their peer URLs: as the survey lists them; without a list those that etcd.env (env) and cluster.conf name. A strv
 * that the caller frees; NULL: there are none.
 */
char **others_of(const struct machine *m, const struct keyfile *env, const struct member_survey *s);

/*
 * The first of these peer URLs (strv, or NULL) where something answers; NULL: none. A member that was started without a
 * quorum answers no client, but it answers its peers. of: an etcd that shows another cluster than this one does not
 * count; 0: every one does. but: one of this cluster does not count; 0: of none. *cluster_id: that of what answers; 0:
 * it shows none.
 */
const char *others_answering(const struct machine *m, char *const *urls, uint64_t of, uint64_t but,
			     uint64_t *cluster_id);

/* ERR_CONFIG, always -1: these (strv) are silent, which does not show that they are off. The caller adds the hint. */
int others_unreached(char *const *urls, struct err *e);
