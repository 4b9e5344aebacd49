/* SPDX-License-Identifier: Apache-2.0
 *
 * What taking over the etcd of this machine would do. It is built in /etc/etcd/adopted/new, where nothing reads it:
 * cluster.conf and the directory of certificates. switch.c puts it into place.
 */
#pragma once

#include "adopt/source.h"
#include "cluster/health.h"
#include "config/machine.h"

struct adopt_plan {
	struct adopt_source source;
	/* The settings, understood. */
	char *name, *address;
	char *client_url; /* where this member is asked until it is ours */
	uint16_t client_port, peer_port;
	char *data_dir, *wal_dir; /* as DATA_DIR and WAL_DIR; wal_dir NULL: inside */
	/* The cluster. */
	uint64_t cluster_id, member_id;
	char *members; /* MEMBERS; NULL for a cluster of one */
	char *version; /* "3.5.16" */
	size_t voters;
	bool ca_host; /* the key of its CA is here */

	struct machine m;	    /* this machine by the new cluster.conf and with the certificates in adopted/new */
	char *dir;		    /* adopted/new */
	const struct machine *here; /* as it is now */
};

#define auto_plan cleanup(adopt_plan_free)
void adopt_plan_free(struct adopt_plan *p);

/*
 * Builds all of it from the unit or manifest that `name` says (adopt_source_read) and from the answers of the live
 * cluster. ERR_CONFIG: something is not understood or cannot be taken over, with file and line; ERR_VERIFY: a
 * certificate would not do; ERR_HEALTH: the cluster is not healthy. Only adopted/new has changed.
 */
int adopt_plan_make(const struct machine *here, const char *name, struct adopt_plan *p, struct err *e) MUST_CHECK;

/* conf.c: the settings, understood; and cluster.conf from them, once the cluster has answered. */
int adopt_understand(struct adopt_plan *p, struct err *e) MUST_CHECK;
int adopt_write_conf(struct adopt_plan *p, struct err *e) MUST_CHECK;

/* The options that cluster.conf gets as ETCD_ lines: is it one that etcd itself has (options: strv of its names)? */
int adopt_check_options(const struct adopt_plan *p, char *const *options, struct err *e) MUST_CHECK;

/* pki.c: copies their certificates to adopted/new/pki; and, once cluster.conf is there, makes them ours. */
int adopt_copy_pki(struct adopt_plan *p, struct err *e) MUST_CHECK;
int adopt_certify(struct adopt_plan *p, struct err *e) MUST_CHECK;

/* cluster.c: asks this member who is in the cluster. */
int adopt_ask(struct adopt_plan *p, struct err *e) MUST_CHECK;

/*
 * Whether this member may stop now: every other voter is healthy and has what the leader has; with two voters only if
 * the outage is allowed. m: how to ask. ERR_HEALTH with the member and why; ERR_CONFIG for the outage.
 */
int adopt_may_stop(const struct machine *m, uint64_t member_id, bool allow_outage, struct err *e) MUST_CHECK;
