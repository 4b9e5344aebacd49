/* SPDX-License-Identifier: Apache-2.0
 *
 * What cluster.conf says, checked and with every default filled in (cluster.conf.5 is the reference); and answers
 * written into it.
 */
#pragma once

#include <stdint.h>

#include "adapter/x509.h"
#include "config/check.h"
#include "config/layout.h"

enum role { ROLE_SINGLE, ROLE_CLUSTER, ROLE_JOIN, ROLE_NONE };

/* One entry of MEMBERS: "n3=[fd00::3]" is { "n3", "fd00::3" }. */
struct config_member {
	char *name;
	char *address;
};

struct config {
	enum role role;
	char *name;    /* lower-case, a valid DNS label sequence */
	char *address; /* IPv4, IPv6 (no brackets) or DNS name, as others dial it; 127.0.0.1 for ROLE=single without one */
	char **addresses; /* ADDRESSES: strv of further IPs of this machine, of the form of address; or NULL */
	struct config_member *members;
	size_t n_members;
	char *cluster_token;
	char **join;		 /* strv of addresses, or NULL */
	uint16_t *join_ports;	 /* for each of them the client port, or 0: ours */
	char *enroll_token_file; /* the secret that certificates are asked for with; need not exist */
	char *release; /* "3.6.14" or "system"; NULL: none was given and the pinned table has none for this machine */
	bool release_given;  /* cluster.conf names it; else it is the package's default */
	char **release_urls; /* strv, bases in the order to try; NULL: the network is forbidden */
	char *release_ca;    /* RELEASE_CA_FILE: trusted CAs for https mirrors instead of the system's, or NULL */
	char *data_dir;
	char *wal_dir; /* or NULL: inside data_dir */
	uint16_t client_port, peer_port;
	uint16_t enroll_port; /* where the CA host signs certificates for the others */
	bool replace;	      /* REPLACE=yes: take the place of the dead member of the same name */
	char *metrics_url;    /* "http://127.0.0.1:2381", or "" for none */
	char **extra_sans;    /* strv of IPs and DNS names, or NULL */
	bool ca_external;     /* CA=external: somebody else's CA signs the certificates (pki/external.h) */
	enum x509_key_type key_type;
	unsigned int cert_days, ca_days, renew_before_days;
	char *backup_schedule;		       /* a calendar event of systemd.time(7), or "" for none */
	char *backup_dir;		       /* where backups go */
	char *backup_mount;		       /* the mount point that must be mounted then, or "" */
	unsigned int backup_keep, backup_days; /* how many are kept, and for how long (0: whatever their age) */
	bool backup_zstd;		       /* BACKUP_COMPRESS=zstd */
	char *backup_command, *backup_user;    /* what each finished one is handed to, and as whom; or "" */
	struct config_line *etcd;	       /* ETCD_* lines, passed to etcd unchanged */
	size_t n_etcd;
};

/*
 * cluster.conf (an absent one is empty, unless --config named it), then its drop-ins (*.conf in byte order; a key
 * there replaces that of an earlier file). ERR_CONFIG for a mistake, with file and line; ERR_VERIFY when somebody else
 * can write a file; ERR_PENDING when the address is unknown and there is no network or DNS yet. The caller frees c in
 * any case.
 */
int config_load(const struct layout *at, struct config *c, struct err *e) MUST_CHECK;
void config_free(struct config *c);

/* True when there is a cluster.conf, or a drop-in of it. */
bool config_exists(const struct layout *at);

/*
 * The text of one file that gives c again, whatever the network and the host name are then: the lines of all files,
 * and NAME and ADDRESS.
 */
int config_text(const struct layout *at, const struct config *c, struct buf *out, struct err *e) MUST_CHECK;

/* True when this machine makes the CA of its cluster: ROLE=single, or the first of MEMBERS. */
bool config_makes_ca(const struct config *c);

/* "https://10.0.0.1:2379", "https://[fd00::3]:2379". The caller frees. */
char *config_url(const char *address, uint16_t port);

/* The value of the ETCD_* line with this key, or NULL. */
const char *config_etcd_value(const struct config *c, const char *key);

/*
 * WAL_DIR/wal, without --root, or NULL when the log is in DATA_DIR. Not WAL_DIR itself: etcd makes a new log as
 * "<directory>.tmp" and renames it (etcd, wal.Create), which a mount point does not allow. The caller frees.
 */
char *config_wal_dir(const struct config *c);

struct config_answer {
	const char *key;
	const char *value; /* NULL: the key stays as it is */
};

/*
 * Sets each KEY=value: in place of its line; else behind a commented-out "#KEY=" line; else at the end. The rest
 * stays; a missing file is made. The new text is loaded from a scratch file first: a bad answer (ERR_CONFIG) changes
 * nothing. 1 the file changed, 0 it has the answers already, -1.
 */
int config_edit(const struct layout *at, const struct config_answer *answers, size_t n, bool dry_run,
		struct err *e) MUST_CHECK;
