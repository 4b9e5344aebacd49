/* SPDX-License-Identifier: Apache-2.0
 *
 * New keys of a machine that has certificates wait beside pki until these are in place: a run that was killed after the
 * answer asks again with the same keys, for which the used token is still good.
 */
#pragma once

#include "pki/make.h"

/* Stores those in w->fresh; one that waits already takes its place. */
int waiting_keys_put(struct pki_run *w, struct err *e) MUST_CHECK;

/* Forgets all. */
int waiting_keys_drop(const struct machine *m, struct err *e) MUST_CHECK;
