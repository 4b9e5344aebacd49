/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole copy of the data, beside it, before something is done to it that cannot be undone.
 */
#pragma once

#include "config/machine.h"

/* Whether there is room for it: ERR_CONFIG with the numbers when there is not. Changes nothing. */
int datadir_copy_room(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Copies what is in DATA_DIR and WAL_DIR beside it, under the names of member/aside.h, and makes that durable; etcd
 * must not run. It is done as user etcd, whose directory it is, so that no link planted there leads us elsewhere. A
 * copy gets its name when it is whole; what a killed run left half-way is removed first.
 */
int datadir_copy(const struct machine *m, struct err *e) MUST_CHECK;
