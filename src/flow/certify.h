/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates of this machine (/etc/etcd/pki): issued, checked, renewed. How the machine gets them follows from
 * the files (pki/origin.h):
 *   own CA        nothing is there, and this machine makes the CA of its cluster: it signs the leaves
 *   copied CA     ca.crt and ca.key were put there: it signs the leaves, and is never touched
 *   enrolled      nothing is there, or ca.host is: a CA host signs for keys that never leave this machine
 *   copied        ca.crt without ca.key: nothing can be issued, so all is only checked
 *   external      CA=external: somebody else's CA signs requests of this machine
 */
#pragma once

#include "config/machine.h"

/*
 * Issues what is missing, reissues what no longer fits cluster.conf, renews what is due; under machine_lock. After a
 * renewal it checks by handshake that a running etcd serves the new one. Returns 1 changed (dry run: would change), 0
 * nothing to do. local: no other machine is asked. may_make_ca: nobody can have a CA for this cluster yet
 * (form_makes_ca).
 * Refusals (ERR_CONFIG, ERR_VERIFY) name the file and have changed nothing; ERR_HEALTH: all is written, but etcd serves
 * something else; ERR_PENDING: what etcd needs comes from the CA host, which was not asked (local) or did not answer,
 * or from an external CA; or it is not clear whether there is a CA.
 */
int certify(const struct machine *m, bool local, bool may_make_ca, struct err *e) MUST_CHECK;

/*
 * On a machine that has enrolled, with a token that names it: new keys and certificates take the place of those that
 * are there. Killed anywhere and run again, it asks for the same keys. Results as above.
 */
int certify_anew(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * The same for certificates that are there already, which the renew timer calls: only these names (strv; NULL: all),
 * and with force also what is not due. A machine without certificates has nothing to do.
 */
int certify_renew(const struct machine *m, char *const *names, bool force, struct err *e) MUST_CHECK;

/*
 * For a directory that is prepared to become pki (m->at.pki): what its CA key can issue again, else only checks. No
 * etcd is asked what it serves. Results as above.
 */
int certify_staged(const struct machine *m, struct err *e) MUST_CHECK;
