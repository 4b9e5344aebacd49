/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates for other hosts and programs.
 */
#pragma once

#include "pki/sign.h"

struct pki_order {
	const char *profile; /* server peer client apiserver healthcheck */
	const char *name;    /* server, peer: of the host, NULL for this machine; client: its CN */
	char *const *sans;   /* further SANs for server and peer; strv or NULL */
	const char *dir;     /* made when missing */
	bool allow_root;     /* a client may be called root: RBAC's superuser */
	pki_record *record;  /* called before the certificate is there */
};

/*
 * Writes <file>.key, <file>.crt and ca.crt into the directory; <file> is the CN of a client, else as in pki/profile.h.
 * An existing certificate, the ca.crt of another CA and a client with the CN of peers are refused (ERR_CONFIG); names
 * of machines are for the caller to refuse. A key without a certificate, which a killed run left, is used. *path is
 * that of the certificate, freed by the caller.
 */
int pki_issue(const struct machine *m, const struct pki_order *order, char **path, struct err *e) MUST_CHECK;

/*
 * Copies to dir what kubeadm expects in pki/etcd: ca.crt, and certificate and key of server, peer, healthcheck-client
 * and apiserver-etcd-client; never ca.key. 1 written, 0 all was there already; a file with other content is refused
 * (ERR_CONFIG).
 */
int pki_export(const struct machine *m, const char *dir, struct err *e) MUST_CHECK;
