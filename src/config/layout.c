/* SPDX-License-Identifier: Apache-2.0 */
#include "config/layout.h"

#include <string.h>

#include "base/mem.h"

char *layout_path(const struct layout *at, const char *path)
{
	return xasprintf("%s%s", at->root, path);
}

void layout_init(struct layout *at, const char *root, const char *conf)
{
	size_t len = root ? strlen(root) : 0;

	while (len > 0 && root[len - 1] == '/')
		len--;
	*at = (struct layout){ .root = xstrndup(root ? root : "", len) };
	at->conf = conf ? xstrdup(conf) : layout_path(at, "/etc/etcd/cluster.conf");
	at->conf_dir = conf ? NULL : layout_path(at, "/etc/etcd/cluster.conf.d");
	at->etc = layout_path(at, "/etc/etcd");
	at->pki = layout_path(at, "/etc/etcd/pki");
	at->external = layout_path(at, "/etc/etcd/external");
	at->etcd_env = layout_path(at, "/etc/etcd/etcd.env");
	at->etcdctl_env = layout_path(at, "/etc/etcd/etcdctl.env");
	at->adopt = layout_path(at, "/etc/etcd/adopt");
	at->adopted = layout_path(at, "/etc/etcd/adopted");
	at->any_peer = layout_path(at, "/etc/etcd/adopted/any-peer");
	at->member_id = layout_path(at, "/etc/etcd/member-id");
	at->host = layout_path(at, "/etc/etcd/host");
	at->mark = layout_path(at, "/var/lib/etcd-cluster.state/mark");
	at->last_good = layout_path(at, "/etc/etcd/last-good");
	at->joining = layout_path(at, "/etc/etcd/joining");
	at->forming = layout_path(at, "/etc/etcd/forming");
	at->recovered = layout_path(at, "/etc/etcd/recovered");
	at->enroll = layout_path(at, "/etc/etcd/enroll");
	at->digests = layout_path(at, "/usr/share/etcd-cluster/releases.sha256");
	at->admin_digests = layout_path(at, "/etc/etcd/releases.sha256.d");
	at->release_keys = layout_path(at, "/etc/etcd/release-keys.d");
	at->releases = layout_path(at, "/usr/libexec/etcd-cluster/releases");
	at->current = layout_path(at, "/usr/libexec/etcd-cluster/releases/current");
	at->cache = layout_path(at, "/var/cache/etcd-cluster");
	at->bundle = layout_path(at, "/usr/libexec/etcd-cluster/bundle");
	at->backups = layout_path(at, "/var/backups/etcd-cluster");
	at->run = layout_path(at, "/run/etcd-cluster");
	at->outcome = layout_path(at, "/run/etcd-cluster/setup");
	at->progress = layout_path(at, "/run/etcd-cluster/progress");
	at->former_end = layout_path(at, "/run/etcd-cluster/former-end");
}

void layout_free(struct layout *at)
{
	char **paths = (char **)at;

	for (size_t i = 0; i < sizeof(*at) / sizeof(*paths); i++)
		free(steal(&paths[i]));
}
