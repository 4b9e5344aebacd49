/* SPDX-License-Identifier: Apache-2.0 */
#include "member/identity.h"

#include "adapter/keyfile.h"
#include "base/text.h"

int identity_read(const struct machine *m, struct identity *id, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	const char *name;

	*id = (struct identity){ 0 };
	if (keyfile_read(m->at.member_id, &k, e) < 0)
		return err_absent(e);
	name = keyfile_get(&k, "NAME");
	if (k.n == 3 && name && text_parse_id(keyfile_get(&k, "CLUSTER_ID"), &id->cluster_id) &&
	    text_parse_id(keyfile_get(&k, "MEMBER_ID"), &id->member_id) && id->cluster_id != 0 && id->member_id != 0) {
		id->name = xstrdup(name);
		return 1;
	}
	*id = (struct identity){ 0 };
	(void)err_set(e, ERR_CONFIG,
		      "%s must have CLUSTER_ID, MEMBER_ID (16 hex digits each) and NAME, and nothing else",
		      m->at.member_id);
	return err_hint(e, "etcdctl.sh endpoint status shows the IDs of a running member");
}

int identity_write(const struct machine *m, const struct identity *id, struct err *e)
{
	auto_buf struct buf text = { 0 };

	buf_puts(&text, "# Which member of which cluster this machine is; written by etcd-cluster, see "
			"etcd-cluster(8), FILES.\n");
	buf_printf(&text, "CLUSTER_ID=" ID_FMT "\nMEMBER_ID=" ID_FMT "\n", id->cluster_id, id->member_id);
	if (keyfile_put(&text, "NAME", id->name, e) < 0)
		return -1;
	return machine_write(m, m->at.member_id, FILE_MODE(0644), &text, e);
}

void identity_free(struct identity *id)
{
	free(id->name);
	*id = (struct identity){ 0 };
}
