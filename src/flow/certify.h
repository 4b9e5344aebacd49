/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates of this machine (/etc/etcd/pki): issued, checked, renewed. How the machine gets them follows from the files (pki/origin.h):
 *   own CA        nothing is there, and this machine makes the CA of its cluster: it signs the leaves
 *   given CA      ca.crt and ca.key were put there: it signs the leaves, and is never touched
 *   enrolled      nothing is there, or ca.host is: a CA host signs through its door, for keys that never leave this machine
 *   given leaves  ca.crt alone: nothing can be issued, so all is only checked
 */
#ifndef FLOW_CERTIFY_H
#define FLOW_CERTIFY_H

#include "config/machine.h"

/*
 * Issues what is missing, reissues what no longer fits cluster.conf, renews what is due; under machine_lock. After a
 * renewal it looks by handshake whether a running etcd serves the new one. Returns 1 changed (with m->dry_run: would change), 0 nothing to do.
 * local: nobody outside is asked.
 * Refusals (ERR_CONFIG, ERR_VERIFY) name the file and have changed nothing; ERR_HEALTH: all is written, but etcd serves something else;
 * ERR_PENDING: what etcd needs is not there yet and is to be had from the CA host, which was not asked (local) or did not answer.
 */
int pki_ensure(const struct machine *m, bool local, struct err *e) MUST_CHECK;

/*
 * The same for certificates that are there already, which the renew timer calls: only these names (strv; NULL: all), and with force also what
 * is not due. A machine without certificates has nothing to do.
 */
int pki_renew(const struct machine *m, char *const *names, bool force, struct err *e) MUST_CHECK;

/*
 * The preflight before etcd starts, which itself would start and fail later: every pair loads, matches, is in date, verifies up to ca.crt for its uses,
 * and the names others dial (ADDRESS, NAME, loopback) are in it. ERR_VERIFY or ERR_CONFIG with the file and the mending command.
 */
int pki_check_start(const struct machine *m, struct err *e) MUST_CHECK;

/* One certificate as `status`, `check` and `cert list` show it. */
struct pki_entry {
	char *name; /* "ca", "server", … */
	char *path;
	bool present;			 /* and readable; only then do the next lines say something */
	char *subject, *serial, *issuer; /* printable text; serial in hex */
	time_t not_before, not_after;
	char **sans; /* strv or NULL */
	char *source; /* of the CA's entry: who signs, "this machine", "10.0.0.1:2382" (a door), "the CA host", "copied"; else NULL */
	char *problem; /* a plain sentence, or NULL */
	char *fix;     /* the command that fixes it, or NULL */
};

/* All of them, the CA first. Only reads. The caller frees with pki_list_free. */
int pki_list(const struct machine *m, struct pki_entry **list, size_t *n, struct err *e) MUST_CHECK;
void pki_list_free(struct pki_entry *list, size_t n);

/* The CN of the peer.crt in use, for ETCD_PEER_CERT_ALLOWED_CN; "" when a given one has none. The caller frees. */
char *pki_peer_cn(const struct machine *m, struct err *e) MUST_CHECK;

/* "<pki>/server.crt" for "server", "crt". The caller frees. */
char *pki_path(const struct machine *m, const char *name, const char *ext);

#endif
