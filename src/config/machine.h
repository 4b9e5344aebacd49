/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine: where its files are, what its cluster.conf sets, and how much of it may change.
 */
#pragma once

#include "base/file.h"
#include "config/config.h"

struct machine {
	struct layout at;
	struct config conf;
	char *const *
		client_files; /* what a client of etcd uses instead of its files in pki: CA, certificate, key; or NULL */
	bool live;	      /* no --root, and systemd runs it: services can be started and asked */
	bool dry_run;	      /* log what would be done, do nothing */
	struct err broken; /* cluster.conf cannot be used, so conf is that of the last healthy start (last_good_open) */
	bool no_conf;	   /* then: there is none either, and conf has only defaults (machine_open_default) */
	time_t now;	   /* the one clock of this run; a test build reads ETCD_CLUSTER_NOW (seconds) for it */
};

struct machine_options {
	const char *root;
	const char *config;
	bool dry_run;
};

/* Fills all of m but conf. The caller frees with machine_free. */
void machine_locate(struct machine *m, const struct machine_options *o);

/*
 * Fills m and loads cluster.conf. A file that is missing on a member is an error: every default would be another
 * cluster's. Beside another etcd (layout.adopt) ROLE is none, whatever the file says. The caller frees with
 * machine_free, also after a failure.
 */
int machine_open(struct machine *m, const struct machine_options *o, struct err *e) MUST_CHECK;
void machine_free(struct machine *m);

/*
 * After a failed machine_open, for a look at the rest: every setting has its default, and m->broken is the error, which
 * is cleared. False: not even that is possible.
 */
bool machine_open_default(struct machine *m, struct err *e);

/*
 * Takes the lock of this machine (<run>/lock), waiting up to 60 s for another etcd-cluster, and sweeps what a killed
 * one left in /etc/etcd. Returns a descriptor to close; a dry run returns one of /dev/null.
 */
int machine_lock(const struct machine *m, struct err *e) MUST_CHECK;

/* Whether an etcd-cluster has the lock now; true when that cannot be seen (only root may look). */
bool machine_is_locked(const struct machine *m);

/* "<pki>/server.crt" for "server", "crt". The caller frees. */
char *machine_pki_path(const struct machine *m, const char *name, const char *ext);

/* Makes path a file with these bytes. 1 written (in a dry run: logged), 0 it has them already, -1. */
int machine_write(const struct machine *m, const char *path, struct file_mode how, const struct buf *text,
		  struct err *e) MUST_CHECK;

/* User and group etcd of this machine; false when it has none. */
bool machine_etcd_ids(const struct machine *m, uid_t *uid, gid_t *gid);

/*
 * Owner and mode for a file that the etcd user reads: root:etcd when we are root and the machine has the group, else
 * our user. And for one that the etcd user owns.
 */
struct file_mode machine_mode_group(const struct machine *m, mode_t mode);
struct file_mode machine_mode_etcd(const struct machine *m, mode_t mode);
