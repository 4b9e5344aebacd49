/* SPDX-License-Identifier: Apache-2.0
 *
 * CA=external: the CA of somebody else signs. In /etc/etcd/external this machine makes a key and a request for each
 * profile, NAME.key and NAME.csr. NAME.crt (with the chain behind it, if there is one), ca.crt and, if there is one,
 * crl.der are put there by a person or a program, which may replace them and a key at any time. What is whole and fit
 * is copied to /etc/etcd/pki.
 */
#pragma once

#include "pki/make.h"

/*
 * One run of flow/certify.h, with what is in pki loaded. Makes the keys and requests that are missing or no longer fit
 * cluster.conf, then takes over what was put there. 1 changed (dry run: would), 0, -1. What is incomplete (ERR_PENDING)
 * or unfit (ERR_VERIFY, ERR_CONFIG) changes nothing in pki; it is only logged while the certificates there will do.
 * force: ERR_CONFIG, since nothing is issued here.
 */
int pki_external(struct pki_run *w, bool force, struct err *e) MUST_CHECK;

/* Why what was put there is not taken over; 0: nothing stands against it. Changes nothing. */
int pki_external_check(const struct machine *m, struct err *e) MUST_CHECK;
