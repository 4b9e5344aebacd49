/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate of a client of etcd, from the enrolment server of a CA host: for a program on a machine that need not
 * have an etcd.
 */
#pragma once

#include "config/machine.h"

struct client_want {
	const char *cn;
	const char *server;	/* of the CA host, "10.0.0.1:2382" */
	const char *dir;	/* of <cn>.key, <cn>.crt and ca.crt; made when missing */
	const char *token_file; /* NULL: none; it may be missing */
	bool force;
};

/*
 * Makes sure that dir has a certificate that does not end within RENEW_BEFORE_DAYS (force: a new one). One that is
 * there is renewed with its key. Without one, or when the CA host refuses its key for good and there is a token, a new
 * key comes with the token, which is wiped then; owner and mode of the former key stay. At every instant <cn>.crt and
 * <cn>.key belong together, and a run that was killed is taken up by the next.
 *   1 a new certificate (dry run: would be asked for), 0 none is due
 *   ERR_CONFIG   no certificate and no token, or files that do not belong together
 *   ERR_VERIFY   the CA host refuses, in its words; it is another one; or its answer is not what was asked for
 *   ERR_PENDING  nobody answers, it is busy, of an older version, or clocks differ: try again
 */
int client_cert(const struct machine *m, const struct client_want *want, struct err *e) MUST_CHECK;
