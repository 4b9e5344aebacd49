/* SPDX-License-Identifier: Apache-2.0
 *
 * The leaf certificates of a machine, and what each of them must contain according to cluster.conf.
 */
#pragma once

#include "config/machine.h"

/* The only CN that is accepted on the peer port (ETCD_PEER_CERT_ALLOWED_CN): no other profile may have it. */
#define PKI_PEER_CN "etcd-peer"

enum pki_leaf { PKI_SERVER, PKI_PEER, PKI_ETCDCTL, PKI_HEALTHCHECK, PKI_APISERVER, PKI_LEAVES };

struct pki_profile {
	const char *name; /* of its files: "server" is server.crt and server.key */
	const char *verb; /* what `cert issue` calls it */
	const char *cn;	  /* NULL: the machine's NAME */
	bool server;	  /* etcd's own: serverAuth, SANs, and a key for the etcd user; clientAuth they all have */
	bool shared;	  /* it has EXTRA_SANS: names that several machines share are for clients only */
	bool needed;	  /* a machine cannot do without it */
};

const struct pki_profile *pki_profile(int leaf);

/*
 * NULL when it can be the CN of a client, and with that the name of its files: 1 to 64 letters, digits and ._@:-, of
 * which the first is a letter or digit. Else why not.
 */
const char *pki_check_cn(const char *cn);

/* True for a CN that one of the profiles has, in whatever case. */
bool pki_is_profile_cn(const char *cn);

/* What a certificate must contain. */
struct pki_want {
	char *cn;
	char **sans; /* strv as struct x509_info writes them: sorted, each once; NULL: none */
	bool server; /* serverAuth beside clientAuth */
};

#define auto_want cleanup(pki_want_free)

/*
 * For a host with this name, address (or NULL), further addresses (strv or NULL) and, if the profile is shared, these
 * SANs (strv or NULL). Freed with pki_want_free.
 */
struct pki_want pki_want(const char *name, const char *address, char *const *addresses, char *const *sans,
			 const struct pki_profile *profile);
void pki_want_free(struct pki_want *want);

/* Owner and mode of its key, and of any certificate. */
struct file_mode pki_key_mode(const struct machine *m, bool for_etcd);
struct file_mode pki_cert_mode(void);
