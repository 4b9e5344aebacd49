/* SPDX-License-Identifier: Apache-2.0
 *
 * The data of a recovered cluster (recover_data.c). It is made beside the old data, which stays as it is until the new
 * data is whole.
 */
#pragma once

#include "adapter/keyfile.h"
#include "backup/verify.h"
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
 * Makes the data of a cluster of one from a backup, beside that of this machine, with the etcd in use: the file is
 * copied and checked (backup/staged.h), restored with a new nonce and, where the release can do that, a higher
 * revision, and tried: an etcd that listens on Unix sockets only opens it. env: etcd.env. Fills nonce and token of
 * `to`, v (the caller frees v->meta, also after a failure), and the revision that it has now. etcd may run. A failure,
 * or a crash, leaves what recover_sweep removes.
 */
int recover_restore(const struct machine *m, const char *file, const struct keyfile *env, struct recovered *to,
		    struct verified *v, int64_t *revision, struct err *e) MUST_CHECK;

/* Removes what was made and not put in its place. */
int recover_sweep(const struct machine *m, struct err *e) MUST_CHECK;

/* Then: makes it durable under its recovered_part names, and fills cluster_id and member_id. etcd may run. */
int recover_present(const struct machine *m, struct recovered *to, struct err *e) MUST_CHECK;

/*
 * Moves the old data aside and puts the new in its place; then, after a restore, the record of the new cluster; then
 * etcd.env, and the new identity. etcd must not run. Killed anywhere, it is called again.
 */
int recover_switch(const struct machine *m, const struct recovered *to, struct err *e) MUST_CHECK;
