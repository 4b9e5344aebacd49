/* SPDX-License-Identifier: Apache-2.0
 *
 * The revocation list of the CA host, /etc/etcd/enroll/crl.der: the serials of all tombstones. The enrolment server
 * may write it there, but not in pki.
 */
#pragma once

#include "config/machine.h"

/*
 * Makes the list have every serial of the tombstones. 1 written, 0 it had them, or this is
 * a standby, -1. Needs token_store_lock.
 */
int enroll_list_update(const struct machine *m, struct err *e) MUST_CHECK;

/* The list; empty when nothing was revoked yet. */
int enroll_list_read(const struct machine *m, struct buf *der, struct err *e) MUST_CHECK;

/*
 * All at once: learns from the cluster what was removed, if a quorum answers, updates the list, and puts it where the
 * etcd of this machine reads it. 1 that one is new, 0, -1.
 */
int enroll_revoke(const struct machine *m, struct err *e) MUST_CHECK;
