/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory /etc/etcd/pki changes as a whole: the next generation is built beside it (/etc/etcd/.pki.new) and put
 * in its place by one rename, so that no reader ever sees a certificate of one generation with a key of another. What
 * the former one alone had is kept in /etc/etcd/pki.old/<generation>. The file `generation` (a number) in each tells
 * after a kill which is which.
 */
#pragma once

#include "config/machine.h"

/* Finishes or undoes what a killed run left. Call it under machine_lock before anything else of this module. */
int pki_store_recover(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Begins the next generation with everything that is in the present one (linked, not copied). Returns its directory, in
 * which files may be written with file_stage; the caller frees the name. Fails when the disk is full.
 */
char *pki_store_begin(const struct machine *m, struct err *e) MUST_CHECK;

/* Makes it durable and puts it in place; a failure throws it away or leaves it to pki_store_recover. */
int pki_store_commit(const struct machine *m, struct err *e) MUST_CHECK;

/* Throws it away. */
void pki_store_abort(const struct machine *m);
