/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets certificates: one decision over facts that the caller gathered. Asks nobody, changes nothing.
 */
#pragma once

#include "adapter/x509.h"
#include "enroll/message.h"
#include "enroll/record.h"
#include "enroll/token_store.h"

/* What etcd says about the name. */
enum enroll_view {
	ENROLL_UNKNOWN,	 /* no quorum could be asked */
	ENROLL_STRANGER, /* no member has it */
	ENROLL_MEMBER,	 /* a member has it, which does not answer */
	ENROLL_ALIVE,	 /* a member has it and answers */
};

/* What the CA host knows. Keys are the SHA-256 of a SubjectPublicKeyInfo, hex. token and cert: exactly one is set. */
struct enroll_facts {
	const struct config *conf;
	time_t now;
	bool gathers;			 /* the cluster is being formed (forming_gathers) */
	bool admitted;			 /* and its record names the disk that this name reported from this source */
	bool formed;			 /* this host has an identity: the cluster has been healthy before */
	char *key;			 /* of the machine's peer key, which it proved to have */
	const struct token_entry *token; /* it showed that it has this token (found with the lock held) */
	const struct x509_info
		*cert;	    /* it showed that it has the key of this certificate of our CA, whose CN is PKI_PEER_CN */
	char *cert_key;	    /* of that certificate */
	const char *source; /* address that it connected from, as text */
	char **addresses;   /* strv of IP literals that address and sans stand for, names resolved; or NULL */
	const struct enroll_record *record; /* of that name, or NULL */
	enum enroll_view view;
	char **others; /* strv: names and addresses of all other members that etcd lists, or NULL */
};

/*
 * q as enroll_question_get leaves it: valid in form, but a stranger's word.
 * 1: sign, and with a token this is a use of it (token_store_use). 0: sign; the token's use was counted already, or
 * there is none. -1: no. ERR_PENDING: it may be otherwise later (clocks, etcd does not answer); ERR_VERIFY: refused
 * for good. Message and hint are for the machine that asks, and hold nothing that it did not say or may not know.
 */
int enroll_rules(const struct enroll_question *q, const struct enroll_facts *f, struct err *e) MUST_CHECK;

/* False when two clocks are too far apart for certificates that one dates and the other checks. */
bool enroll_clocks_agree(time_t theirs, time_t ours);
