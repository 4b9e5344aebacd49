/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates that are carried to other hosts and programs.
 */
#pragma once

#include "config/machine.h"

struct pki_order {
	const char *profile; /* server peer client apiserver healthcheck */
	const char *name;    /* server, peer: the host's, NULL this machine's; client: its CN */
	char *const *sans;   /* further SANs for server and peer; strv or NULL */
	const char *dir;     /* made when missing */
	bool allow_root;     /* a client may be called root: RBAC's superuser */
};

/*
 * Writes <file>.key and <file>.crt into the directory, and ca.crt beside them: server and peer are called so, a client
 * by its CN. An existing certificate or another CA's ca.crt is refused (ERR_CONFIG); a key without a certificate, which
 * a killed run left, is used. *path is the certificate's, freed by the caller. The peer's CN is for peers alone.
 */
int pki_issue(const struct machine *m, const struct pki_order *order, char **path, struct err *e) MUST_CHECK;

/*
 * Copies to dir what kubeadm expects in pki/etcd, by the same names: ca.crt, and certificate and key of server, peer,
 * healthcheck-client and apiserver-etcd-client; never ca.key. 1 written, 0 all was there already; a file with other
 * content is refused (ERR_CONFIG).
 */
int pki_export(const struct machine *m, const char *dir, struct err *e) MUST_CHECK;
