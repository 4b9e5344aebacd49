/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/kubeadm.h"

#include "member/endpoint.h"
#include "member/membership.h"

#define LOOK_MS 2000
#define THERE                                                                                                          \
	"/etc/kubernetes/pki/etcd" /* kubeadm's own place for them, which it shows to the API server's container */

static void put_endpoint(struct buf *out, const char *url)
{
	buf_printf(out, "      - \"%s\"\n", url);
}

/* As the members know them: a learner does not serve clients yet. False when nobody answers. */
static bool put_members(const struct machine *m, struct buf *out)
{
	struct rpc_members all cleanup(rpc_members_free) = { 0 };
	struct err nobody = { 0 };
	size_t n = 0;

	if (m->dry_run || membership_look(m, LOOK_MS, &all, &nobody) < 0)
		return false;
	for (size_t i = 0; i < all.n; i++) {
		for (char **url = all.list[i].client_urls; !all.list[i].is_learner && url && *url; url++, n++)
			put_endpoint(out, *url);
	}
	return n > 0;
}

void cmd_kubeadm(const struct machine *m, struct buf *out)
{
	buf_puts(out, "# Belongs into kubeadm's ClusterConfiguration, and the files into " THERE ".\n"
		      "etcd:\n  external:\n    endpoints:\n");
	if (!put_members(m, out)) {
		auto_strv char **urls = endpoint_all(m);

		for (char **url = urls; url && *url; url++)
			put_endpoint(out, *url);
	}
	buf_puts(out, "    caFile: " THERE "/ca.crt\n"
		      "    certFile: " THERE "/apiserver-etcd-client.crt\n"
		      "    keyFile: " THERE "/apiserver-etcd-client.key\n");
}
