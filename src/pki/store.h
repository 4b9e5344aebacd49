/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory /etc/etcd/pki changes as a whole: the next generation is built beside it (/etc/etcd/.pki.new) and put
 * in its place by one rename, so that no reader sees a certificate of one generation with a key of another. What only
 * the former one had is kept in /etc/etcd/pki.old/<generation>, but not its ca.key. The file `generation` (a number) in
 * each shows after a kill which is which.
 */
#pragma once

#include "config/machine.h"

/*
 * Finishes or undoes what a killed run left, and removes ca.key from former generations. Call it under machine_lock
 * before anything else of this module.
 */
int pki_store_recover(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Makes the next generation: everything of the present one (linked, not copied) and what fill writes into dir with
 * file_stage. After a failure the present one stays. ERR_CONFIG when the disk is full or pki is a symbolic link.
 */
typedef int pki_store_fill(const struct machine *m, const char *dir, const void *what, struct err *e);
int pki_store_change(const struct machine *m, pki_store_fill *fill, const void *what, struct err *e) MUST_CHECK;
