/* SPDX-License-Identifier: Apache-2.0
 *
 * `ca rotate` on the CA host: the stages of pki/rotate.h, and whether all others are ready for the next one.
 */
#pragma once

#include "pki/rotate.h"

enum rotate_kind {
	ROTATE_MEMBER,	/* of the cluster; asked by handshakes with its etcd */
	ROTATE_MACHINE, /* on record here, but no member yet */
	ROTATE_CLIENT,	/* that got its certificate with a token, or by cert issue; by its record */
};

/* Of which CA something is. The two are those of struct pki_rotation. */
enum rotate_ca { ROTATE_UNKNOWN, ROTATE_ISSUING, ROTATE_OTHER };

/* One that has certificates of this CA. */
struct rotate_party {
	enum rotate_kind kind;
	char *name;
	enum rotate_ca presents; /* its certificates are of that CA: both ports, of a member */
	char **trusts;		 /* strv of subjects: what its etcd was started with; NULL: not known */
	char *problem, fix[256]; /* why the rotation cannot end now, and what to type; NULL: it can */
};

struct rotate_status {
	struct pki_rotation files;
	bool agreed; /* a quorum has named the members; true, too, on a machine that is no member */
	struct rotate_party *list;
	size_t n;
};

#define auto_rotate_status cleanup(rotate_status_free)
void rotate_status_free(struct rotate_status *s);

/* Looks, and changes nothing. The caller frees in any case. */
int rotate_look(const struct machine *m, struct rotate_status *s, struct err *e) MUST_CHECK;

/*
 * Results as pki_rotate_begin and so on. ERR_CONFIG, too, on a machine that is not the CA host, and when a member has
 * not been restarted since the last rotation (begin); ERR_HEALTH without a quorum. finish: ERR_HEALTH, naming each, as
 * long as one presents certificates of the CA that is to go, or does not answer.
 */
int rotate_begin(const struct machine *m, struct err *e) MUST_CHECK;
int rotate_finish(const struct machine *m, struct err *e) MUST_CHECK;
int rotate_abort(const struct machine *m, struct err *e) MUST_CHECK;
