/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/plan.h"

#include <string.h>

#include "member/identity.h"

void adopt_plan_free(struct adopt_plan *p)
{
	adopt_source_free(&p->source);
	free(p->name);
	free(p->address);
	free(p->client_url);
	free(p->data_dir);
	free(p->wal_dir);
	free(p->members);
	free(p->version);
	free(p->dir);
	machine_free(&p->m);
}

static int write_member_id(struct adopt_plan *p, struct err *e)
{
	const struct identity id = { .cluster_id = p->cluster_id, .member_id = p->member_id, .name = p->name };

	free(p->m.at.member_id);
	p->m.at.member_id = xasprintf("%s/member-id", p->dir);
	return identity_write(&p->m, &id, e) < 0 ? -1 : 0;
}

int adopt_plan_make(const struct machine *here, const char *name, struct adopt_plan *p, struct err *e)
{
	*p = (struct adopt_plan){ .here = here, .dir = xasprintf("%s/new", here->at.adopted) };
	if (adopt_source_read(&here->at, name, &p->source, e) < 0 || adopt_understand(p, e) < 0)
		return -1;
	/* What a former run has prepared may be of former settings. */
	if ((file_exists(p->dir) && file_remove_tree(p->dir, e) < 0) || file_mkdirs(p->dir, FILE_MODE(0700), e) < 0 ||
	    adopt_copy_pki(p, e) < 0)
		return -1;
	/* With what the settings say until the cluster has answered, then with what it says. */
	if (adopt_write_conf(p, e) < 0 || adopt_ask(p, e) < 0 || adopt_write_conf(p, e) < 0)
		return -1;
	return adopt_certify(p, e) < 0 ? -1 : write_member_id(p, e);
}
