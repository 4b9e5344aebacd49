/* SPDX-License-Identifier: Apache-2.0
 *
 * Question and answer of an enrolment, as text: KEY=VALUE lines (adapter/keyfile.h). Unknown keys are ignored, so that
 * a later version may say more.
 */
#pragma once

#include "adapter/keyfile.h"
#include "config/config.h"
#include "pki/made.h"

/* False when two clocks are too far apart for certificates that one dates and the other checks. */
bool enroll_clocks_agree(time_t theirs, time_t ours);

/* What a machine asks for. */
struct enroll_question {
	bool client; /* for the certificate of a client: name is its CN, address "", and csr[PKI_ETCDCTL] alone counts */
	char *name, *address;
	char **addresses; /* strv, ADDRESSES, or NULL */
	char **sans;	  /* strv, EXTRA_SANS, or NULL */
	time_t now;	  /* by its clock */
	char *members,
		*ports; /* of the cluster that it is about to form (ROLE=cluster), as in member/forming.h; else NULL */
	char *cluster_token;   /* likewise */
	uint64_t member;       /* its member ID by its own word; 0: none */
	int64_t list;	       /* number of its revocation list; -1: it takes none */
	bool list_only;	       /* whether its key is accepted, and the list if there is a newer one; no certificate */
	char *csr[PKI_LEAVES]; /* adapter/x509_csr.h; NULL: not wanted */
};

#define auto_question cleanup(enroll_question_free)
void enroll_question_free(struct enroll_question *q);

/* What cluster.conf says, for all but csr. The caller frees. */
void enroll_question_fill(const struct config *conf, time_t now, struct enroll_question *q);

int enroll_question_put(const struct enroll_question *q, struct buf *out, struct err *e) MUST_CHECK;

/*
 * From a stranger. What passes has a NAME, an ADDRESS and SANs as cluster.conf would take them, or is for a client and
 * has a CN; a number for a time, and some CSR unless list_only; whether any of it is granted is another question. Else
 * -1, ERR_VERIFY. The caller frees, also after a failure.
 */
int enroll_question_get(const struct buf *text, struct enroll_question *q, struct err *e) MUST_CHECK;

/* For further messages. parse: what came over the network; -1: ERR_VERIFY. */
int enroll_parse(const char *what, const struct buf *text, struct keyfile *k, struct err *e) MUST_CHECK;
/* Words for people (NULL: ""), in the form that a line can carry, and cut to its length. */
int enroll_put_words(struct buf *out, const char *key, const char *words, struct err *e) MUST_CHECK;

enum enroll_status { ENROLL_OK, ENROLL_REFUSED, ENROLL_BUSY };

struct enroll_reply {
	enum enroll_status status;
	char *message, *hint; /* plain words and what to type when it is not ENROLL_OK; "" else */
	bool standby;	      /* this machine signs for nobody */
	char *ca_host;	      /* the enrolment server of the one that does; NULL: not known */
	bool lists;	      /* the server knows list_only */
	bool clients;	      /* and questions for clients; an older one lacks NAME and ADDRESS in them */
	bool quorum;	      /* to list_only: it has asked one */
	uint64_t member;      /* likewise: the one that had this key, as the CA host knows it; 0: none */
	struct pki_made made; /* all but server */
};

#define auto_reply cleanup(enroll_reply_free)
void enroll_reply_free(struct enroll_reply *r);

/*
 * What a server sends first: the nonce (hex) for the request. Versions that send none take it for a refusal, and print
 * what to do. get: "" in nonce when the text has none. The caller frees.
 */
int enroll_hello_put(const char *nonce, struct buf *out, struct err *e) MUST_CHECK;
int enroll_hello_get(const struct buf *text, char **nonce, struct err *e) MUST_CHECK;

int enroll_reply_put(const struct enroll_reply *r, struct buf *out, struct err *e) MUST_CHECK;

/*
 * -1 with the server's words unless it is ENROLL_OK: ERR_PENDING, it is busy; ERR_VERIFY, it refuses; ERR_FAIL, it is a
 * standby, which would refuse every proof: what those say that sign is of more use.
 */
int enroll_reply_check(const struct enroll_reply *r, struct err *e) MUST_CHECK;

/* From a server. -1: ERR_VERIFY. The caller frees, also after a failure. */
int enroll_reply_get(const struct buf *text, struct enroll_reply *r, struct err *e) MUST_CHECK;
