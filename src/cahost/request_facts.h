/* SPDX-License-Identifier: Apache-2.0
 *
 * What the CA host knows about a request, for the rules that decide (cahost/rules.h, cahost/client_rules.h).
 */
#pragma once

#include "adapter/x509.h"
#include "base/clock.h"
#include "cahost/owner.h"
#include "cahost/record.h"
#include "cahost/token_store.h"
#include "enroll/ca_host.h"
#include "enroll/message.h"

/* How long what a quorum or a token confirmed counts while no quorum can be asked. */
#define ENROLL_TRUST_SECONDS (7L * DAY)

/* What a quorum says about the machine: by the member ID on record, else by its name. */
enum enroll_view {
	ENROLL_UNKNOWN,	 /* no quorum could be asked */
	ENROLL_STRANGER, /* no member is it */
	ENROLL_MEMBER,	 /* a member is it, which does not answer */
	ENROLL_ALIVE,	 /* a member is it and answers */
};

/* What the CA host knows. Keys are the SHA-256 of a SubjectPublicKeyInfo, hex. token and cert: exactly one is set. */
struct enroll_facts {
	const struct config *conf;
	time_t now;
	const struct ca_host *standby;	    /* this machine signs for nobody: this one does; NULL: it may sign */
	bool gathers;			    /* the cluster is being formed (forming_gathers) */
	bool admitted;			    /* and its record names the disk that this name reported from this source */
	bool formed;			    /* this host has an identity: the cluster has been healthy before */
	char *key;			    /* of the machine's peer key, which it proved to have */
	const struct token_entry *token;    /* it showed that it has this token */
	const struct x509_info *cert;	    /* it showed that it has the key of this certificate of our CA */
	char *cert_key;			    /* of that certificate */
	const char *source;		    /* address that it connected from, as text */
	const struct enroll_record *record; /* of that name, or NULL */
	const struct enroll_record *own;    /* of the key that it proved or showed, or NULL */
	const struct enroll_tombstone *tombstone; /* of that name, or NULL */
	const struct enroll_tombstone *refused;	  /* that has the key that it proved or showed, or NULL */
	const struct enroll_records *machines;	 /* of a question for a client, whose record and so on the others are */
	const struct enroll_tombstones *removed; /* likewise */
	bool names_client;			 /* a client on record has the name of this machine */
	struct enroll_owners owners;		 /* of all names and addresses; of ENROLL_LIST only when asked */

	/* What others have to be asked for. */
	bool asked;
	char **addresses; /* strv of the IP literals that ADDRESS stands for; NULL: it cannot be resolved */
	enum enroll_view view;
	bool vacant; /* nothing answers where the machine was, by its record */
};
