/* SPDX-License-Identifier: Apache-2.0
 *
 * The leaf certificates of a machine, and what cluster.conf wants each of them to say.
 */
#pragma once

#include "config/machine.h"

/*
 * Only certificates with this CN are accepted on the peer port (ETCD_PEER_CERT_ALLOWED_CN): no other profile may carry
 * it.
 */
#define PKI_PEER_CN "etcd-peer"

enum pki_leaf { PKI_SERVER, PKI_PEER, PKI_ETCDCTL, PKI_HEALTHCHECK, PKI_APISERVER, PKI_LEAVES };

struct pki_profile {
	const char *name; /* of its files: "server" is server.crt and server.key */
	const char *verb; /* what `cert issue` calls it */
	const char *cn;	  /* NULL: the machine's NAME */
	bool server;	  /* serverAuth and SANs; clientAuth they all have */
	bool for_etcd;	  /* the etcd user must read its key */
	bool needed;	  /* this machine cannot do without */
};

const struct pki_profile *pki_profile(int leaf);

/* What a certificate must say. */
struct pki_want {
	char *cn;
	char **sans; /* strv as struct x509_info writes them: sorted, each once; NULL: none */
	bool server; /* serverAuth beside clientAuth */
};

#define auto_want cleanup(pki_want_free)

/* For this machine. The caller frees with pki_want_free. */
void pki_want(const struct machine *m, const struct pki_profile *profile, struct pki_want *want);
/* For a host called `name` with these further SANs (strv or NULL). */
void pki_want_for(const char *name, char *const *sans, const struct pki_profile *profile, struct pki_want *want);
void pki_want_free(struct pki_want *want);

/* Owner and mode of its key, and of any certificate. */
struct file_mode pki_key_mode(const struct machine *m, bool for_etcd);
struct file_mode pki_cert_mode(void);
