/* SPDX-License-Identifier: Apache-2.0
 *
 * Forming a cluster: every member starts by itself with the same MEMBERS, and etcd brings them together. That is right
 * once only: not for a machine whose data is gone, nor for one that was added to MEMBERS later.
 */
#pragma once

#include "config/machine.h"

enum form_verdict {
	FORM_NEW,     /* no other member knows of a cluster, or they are just forming this one: start */
	FORM_REPLACE, /* the cluster has this machine as a member, its data is gone, and m->conf.replace is set */
};

/*
 * What the first start of one of MEMBERS without data and identity is, as far as the others answer within 1.5 s. The
 * verdict, or -1 (ERR_CONFIG, with what to type): a member that was rebuilt, or a machine that has to join.
 */
int form_check(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * The address of another of MEMBERS that answers on its peer port, or NULL; the caller frees. Then a cluster runs and
 * has a CA, and a second CA would make a second cluster.
 */
char *form_answering(const struct machine *m);
