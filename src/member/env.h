/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd.env and etcdctl.env, made from cluster.conf for the etcd in use, and for a machine that was added to a running
 * cluster from what that said then (member/joining.h). Paths in them are those of the installed machine, without
 * --root. The first line carries the SHA-256 of the rest: a file that a person edited is told from one that is merely
 * out of date.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "config/machine.h"
#include "config/version.h"

/*
 * What etcd.env is made from, besides cluster.conf. The same questions must be answered the same way for as long as the
 * member lives, or the file changes.
 */
struct env_input {
	struct version version; /* of the etcd in use */
	char *const
		*options;    /* release_options(): no other is written, since etcd only warns about unknown variables */
	const char *peer_cn; /* pki_peer_cn(): only certificates with this CN are taken for peers */
};

/*
 * Writes both files where they differ; one that was edited by hand is kept, and what would have been written is put
 * beside it as .new, with a warning. Returns 1 when something was written (with m->dry_run: would be), 0 when there was
 * nothing to do. An ETCD_* line of cluster.conf that this etcd does not know is ERR_CONFIG with file, line and the
 * likely name.
 */
int env_ensure(const struct machine *m, const struct env_input *in, struct err *e) MUST_CHECK;

enum env_state {
	ENV_CURRENT, /* what cluster.conf says */
	ENV_ABSENT,
	ENV_STALE,  /* made by us, but cluster.conf (or the etcd version) has changed since: setup would rewrite it */
	ENV_EDITED, /* by hand; setup leaves it alone */
};

/* How etcd.env stands. Only reads. */
int env_drift(const struct machine *m, const struct env_input *in, enum env_state *state, struct err *e) MUST_CHECK;
