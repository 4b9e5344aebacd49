/* SPDX-License-Identifier: Apache-2.0 */
#include "member/recovered.h"

#include "adapter/keyfile.h"
#include "base/text.h"
#include "member/aside.h"
#include "member/disk.h"
#include "member/identity.h"

int recovered_read(const struct machine *m, struct recovered *r, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	auto_free char *peers = NULL;

	*r = (struct recovered){ 0 };
	if (keyfile_read(m->at.recovered, &k, e) < 0)
		return err_absent(e);
	peers = keyfile_text(&k, "FORMER_PEERS");
	r->former_peers = text_split(peers, BLANKS);
	r->token = keyfile_copy(&k, "TOKEN");
	r->nonce = keyfile_copy(&k, "NONCE");
	r->file = keyfile_copy(&k, "FILE");
	if (r->token && !r->nonce == !r->file && (!r->nonce || disk_is_id(r->nonce)) &&
	    text_parse_id(keyfile_get(&k, "CLUSTER_ID"), &r->cluster_id) &&
	    text_parse_id(keyfile_get(&k, "MEMBER_ID"), &r->member_id) &&
	    text_parse_id(keyfile_get(&k, "FORMER_CLUSTER"), &r->former_cluster))
		return 1;
	recovered_free(r);
	return err_set(e, ERR_CONFIG,
		       "%s must have CLUSTER_ID, MEMBER_ID and FORMER_CLUSTER (16 hex digits each) and TOKEN",
		       m->at.recovered);
}

void recovered_free(struct recovered *r)
{
	free(r->token);
	free(r->nonce);
	free(r->file);
	strv_free(r->former_peers);
	*r = (struct recovered){ 0 };
}

int recovered_write(const struct machine *m, const struct recovered *r, struct err *e)
{
	auto_free char *peers = strv_join(r->former_peers, " ");
	auto_buf struct buf text = { 0 };

	buf_puts(&text, "# The cluster that was recovered or restored on this machine; written by etcd-cluster, see "
			"etcd-cluster(8), FILES.\n");
	buf_printf(&text, "CLUSTER_ID=" ID_FMT "\nMEMBER_ID=" ID_FMT "\nFORMER_CLUSTER=" ID_FMT "\n", r->cluster_id,
		   r->member_id, r->former_cluster);
	if (keyfile_put(&text, "TOKEN", r->token, e) < 0 || keyfile_put(&text, "FORMER_PEERS", peers, e) < 0 ||
	    (r->nonce && (keyfile_put(&text, "NONCE", r->nonce, e) < 0 || keyfile_put(&text, "FILE", r->file, e) < 0)))
		return -1;
	return machine_write(m, m->at.recovered, FILE_MODE(0644), &text, e);
}

char *recovered_part(const char *part)
{
	return xasprintf("%s.aside-recovered", part);
}

bool recovered_pending(const struct machine *m, const struct recovered *r)
{
	auto_strv char **parts = aside_parts(m);
	cleanup(identity_free) struct identity id = { 0 };
	struct err ignored = { 0 };
	int known = identity_read(m, &id, &ignored);

	for (size_t i = 0; parts[i]; i++) {
		auto_free char *new = recovered_part(parts[i]);

		if (file_exists(new))
			return true;
	}
	return known == 0 || (known > 0 && id.cluster_id == r->former_cluster);
}
