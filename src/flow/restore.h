/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole cluster from one backup. The only machine, or the first of MEMBERS, becomes a new cluster of one with the
 * data of the file. The others of MEMBERS give up their data and join it as new machines do. Killed anywhere and run
 * again, it goes on.
 */
#pragma once

#include "config/machine.h"

struct restore_order {
	const char *file;
	bool fenced;		/* a person confirms that no other member runs where clients reach it */
	uint64_t serving;	/* 0, or the cluster that may still serve, as the person typed it */
	uint64_t other_cluster; /* 0, or the cluster of the backup, which is not that of this machine */
};

/*
 * Checks the file, makes the new data beside the old, moves the old aside and puts the new in its place; then runs
 * setup, which starts etcd. On another one of MEMBERS: checks the file, moves the old data aside, and runs
 * setup. Certificates and cluster.conf stay. Refused while a member of the former cluster answers, here or elsewhere.
 * SETUP_DONE, SETUP_NOTHING or -1, as setup_run; ERR_VERIFY: the file is damaged; ERR_CONFIG: a person must decide, and
 * nothing was changed.
 */
int restore_run(const struct machine_options *where, const struct restore_order *o, struct err *e) MUST_CHECK;
