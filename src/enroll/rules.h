/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets certificates: one decision over facts that the caller gathered. Asks nobody, changes nothing.
 */
#pragma once

#include "adapter/x509.h"
#include "enroll/record.h"
#include "enroll/token_store.h"

/* What a machine says. Everything in it is a stranger's word. */
struct enroll_ask {
	const char *name, *address;
	char *const *sans; /* further ones that it wants; strv or NULL */
	const char *key;   /* SHA-256 of its peer key's SubjectPublicKeyInfo, hex; its CSR proved that it has the key */
	time_t time;	   /* its clock */
	const char *members, *cluster_token, *ports; /* what it is about to form a cluster with; all NULL: it is not */
};

/* What etcd says about the name. */
enum enroll_view {
	ENROLL_UNKNOWN,	 /* no quorum could be asked */
	ENROLL_STRANGER, /* no member has it */
	ENROLL_MEMBER,	 /* a member has it, which does not answer */
	ENROLL_ALIVE,	 /* a member has it and answers */
};

/* What the CA host knows. token and cert: exactly one is set. */
struct enroll_facts {
	const struct config *conf;
	time_t now;
	bool formed;			 /* this host has an identity: the cluster has been healthy before */
	const struct token_entry *token; /* it showed that it has this token (found with the lock held) */
	const struct x509_info
		*cert;	      /* it showed that it has the key of this certificate of our CA, whose CN is PKI_PEER_CN */
	const char *cert_key; /* with cert: SHA-256 of its SubjectPublicKeyInfo, hex */
	const char *source;   /* address that it connected from, as text */
	char *const *addresses; /* strv of IP literals that address and sans stand for, names resolved; or NULL */
	const struct enroll_record *record; /* of that name, or NULL */
	enum enroll_view view;
	char *const *others; /* strv: names and addresses of all other members that etcd lists, or NULL */
};

/*
 * 1: sign, and with a token this is a use of it (token_store_use). 0: sign; the token's use was counted already, or
 * there is none. -1: no. ERR_PENDING: it may be otherwise later (clocks, etcd does not answer); ERR_VERIFY: refused
 * for good. Message and hint are for the machine that asks, and hold nothing that it did not say or may not know.
 */
int enroll_rules(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e) MUST_CHECK;

/*
 * MEMBERS in one form, "n1=10.0.0.1,n2=10.0.0.2", and "CLIENT_PORT,PEER_PORT": what both sides compare. The caller
 * frees.
 */
char *enroll_members_text(const struct config *c);
char *enroll_ports_text(const struct config *c);
