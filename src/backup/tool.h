/* SPDX-License-Identifier: Apache-2.0
 *
 * What the installed etcdutl (etcdctl of 3.4) does with a snapshot, run as user etcd.
 */
#pragma once

#include "config/machine.h"
#include "config/version.h"

/*
 * Checks the structure of the database in the open file and reads its newest revision. The file must be readable by the
 * group of user etcd; name is for messages. version: NULL, or gets the first release that writes such a database, such
 * as 3.7.0; 0.0.0: not known, since etcdutl before 3.6 does not show it. ERR_VERIFY: it is damaged. ERR_CONFIG: no
 * release is installed.
 */
int tool_revision(const struct machine *m, int fd, const char *name, int64_t *revision, struct version *version,
		  struct err *e) MUST_CHECK;

/* How far a restored revision is raised: what etcd's documentation suggests, beyond all that clients can have seen. */
#define TOOL_BUMP INT64_C(1000000000)

/* Whether the revision of a restored database can be raised: 3.4.27, 3.5.10, 3.6 and later. */
bool tool_can_bump(const struct machine *m);

/* etcdctl 3.4 leaves the former members in a restored database, where etcd 3.5 finds them again. */
bool tool_is_etcdctl(const struct machine *m);

/* What a restored member is. */
struct tool_member {
	const char *name, *urls; /* its peer URLs, with commas between them */
	const char *cluster;	 /* of etcd's --initial-cluster: this member alone */
	const char *token;	 /* of etcd's --initial-cluster-token */
	bool bump;		 /* by TOOL_BUMP, and all older revisions are marked as compacted */
	bool unsigned_;		 /* the database of a member, which has no SHA-256 at its end */
};

/* Restores the file `snapshot` into dir, which must not exist; both are in a place of etcd's. */
int tool_restore(const struct machine *m, const char *snapshot, const char *dir, const struct tool_member *as,
		 struct err *e) MUST_CHECK;
