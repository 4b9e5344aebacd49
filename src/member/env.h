/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd.env and etcdctl.env, made from cluster.conf for the etcd in use and, on a machine that was added to a running
 * cluster, from its journal (member/joining.h), else from the record of its cluster (member/forming.h). Paths in them
 * are without --root. The first line has the SHA-256 of the rest, so that a file edited by hand is distinguished from
 * one that is out of date.
 */
#pragma once

#include "config/machine.h"
#include "config/version.h"

/* What etcd.env is made from, besides cluster.conf. Other values make another file. */
struct env_input {
	struct version version; /* of the etcd in use */
	char *const
		*options;    /* release_options(): no other is written, since etcd only warns about unknown variables */
	const char *peer_cn; /* pki_peer_cn(): only certificates with this CN are accepted from peers */
};

/*
 * Writes both files where they differ. One that was edited by hand is kept, and the new text is put beside it as .new,
 * with a warning. 1 when something was written (with m->dry_run: would be), 0 when there was nothing to do. An ETCD_*
 * line of cluster.conf that this etcd does not know is ERR_CONFIG with file, line and the likely name.
 */
int env_ensure(const struct machine *m, const struct env_input *in, struct err *e) MUST_CHECK;

/*
 * The first variable of etcd.env that the etcd with this process id was not started with, or NULL. Empty ("") when that
 * cannot be seen. The caller frees.
 */
char *env_not_in(const struct machine *m, pid_t pid);

/* True for the text of an etcd.env or etcdctl.env that setup has made, even if somebody edited it since. */
bool env_is_made(const char *text);

enum env_state {
	ENV_CURRENT, /* as cluster.conf wants it */
	ENV_ABSENT,
	ENV_STALE,  /* made by us, but cluster.conf or the etcd version has changed since: setup would rewrite it */
	ENV_EDITED, /* by hand; setup leaves it alone */
};

/* The state of etcd.env. Only reads. */
int env_drift(const struct machine *m, const struct env_input *in, enum env_state *state, struct err *e) MUST_CHECK;
