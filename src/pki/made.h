/* SPDX-License-Identifier: Apache-2.0
 *
 * New certificates of this machine in memory: signed here (pki/make.h), or by the enrolment server of a CA host.
 */
#pragma once

#include "base/buf.h"
#include "pki/profile.h"

struct pki_made {
	struct buf ca_pem;	     /* of an enrolment: the CA, or the bundle of CAs, to trust */
	struct buf cert[PKI_LEAVES]; /* PEM, by profile; empty for one that was not asked for */
	char *server; /* of an enrolment: "10.0.0.1:2382", "[fd00::1]:2382": who signed, for <pki>/ca.host */
};

#define auto_made cleanup(pki_made_free)
void pki_made_free(struct pki_made *made);
