/* SPDX-License-Identifier: Apache-2.0
 *
 * The data of a recovered cluster (recover_data.c). It is made beside the old data, which stays as it is until the new
 * data is whole.
 */
#pragma once

#include "adapter/keyfile.h"
#include "member/recovered.h"

/*
 * Makes the data of a cluster of one from that of this machine, with the etcd in use: on a copy, the log becomes that
 * of a new cluster and all of it is committed; etcd replays it, reachable by a Unix socket only; then the database is
 * restored under another cluster ID, with a higher revision where the release can do that. The result waits under
 * recovered_part names. env: etcd.env. Fills token, cluster_id and member_id of `to`, and the revision. etcd must not
 * run. A failure, or a crash, leaves the old data untouched and a copy that the next call removes.
 */
int recover_make_data(const struct machine *m, const struct keyfile *env, struct recovered *to, int64_t *revision,
		      struct err *e) MUST_CHECK;

/*
 * Moves the old data aside and puts the new in its place; then etcd.env, and the new identity. etcd must not run.
 * Killed anywhere, it is called again.
 */
int recover_switch(const struct machine *m, const struct recovered *to, struct err *e) MUST_CHECK;
