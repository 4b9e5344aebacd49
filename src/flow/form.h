/* SPDX-License-Identifier: Apache-2.0
 *
 * Forming a cluster: every member starts by itself with the same MEMBERS, and etcd brings them together. That is right just once.
 * A machine whose data is gone must not do it again, nor one that was added to the line later.
 */
#pragma once

#include "config/machine.h"

enum form_verdict {
	FORM_NEW, /* no other member knows of a cluster, or they are just forming this one: start */
	FORM_REPLACE, /* the cluster runs with this machine as a member, whose data is not here, and m->conf.replace allows to replace it */
};

/*
 * What the first start of one of MEMBERS without data and identity is, as far as the others can be asked (a second and a half at most). The
 * verdict, or -1 (ERR_CONFIG, with what to type) when it is neither: a member that was rebuilt, or one that has to join.
 */
int form_check(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Whether another of MEMBERS answers on its peer port: then a cluster runs, it has a CA, and a second CA would make a second cluster. *who is
 * its address (the caller frees), or NULL.
 */
bool form_others_answer(const struct machine *m, char **who);
