/* SPDX-License-Identifier: Apache-2.0
 *
 * What a child gives up before it touches hostile input. Used by proc.c only.
 */
#ifndef BASE_JAIL_H
#define BASE_JAIL_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/proc.h"

/* As root: no groups, PROC_NOBODY, no way back. As anybody: no_new_privs. -1 with errno set on failure. Async-signal-safe. */
int jail_drop_user(void);

/* As root: this user and group, no others, no_new_privs, no way back. As jail_drop_user otherwise. */
int jail_become(uid_t uid, gid_t gid);

/* All of proc.h's contract for proc_jailed, for the calling process, which must be a fresh child of parent. */
int jail_enter(const struct proc_jail *jail, pid_t parent, struct err *e) MUST_CHECK;

/* Zeroed memory that a later fork(2) shares with its parent; NULL with errno set. */
void *jail_share(size_t len);
void jail_unshare(void *p, size_t len);

#endif
