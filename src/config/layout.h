/* SPDX-License-Identifier: Apache-2.0
 *
 * The paths of an installed machine (etcd-cluster.8, FILES).
 */
#pragma once

/* Absolute paths, each already below --root. Every member is a char *, which layout_free relies on. */
struct layout {
	char *root;	   /* "" for the machine itself, else the directory without a trailing slash */
	char *conf;	   /* /etc/etcd/cluster.conf */
	char *conf_dir;	   /* /etc/etcd/cluster.conf.d */
	char *etc;	   /* /etc/etcd */
	char *pki;	   /* /etc/etcd/pki */
	char *external;	   /* /etc/etcd/external: requests to somebody else's CA, and its certificates */
	char *etcd_env;	   /* /etc/etcd/etcd.env */
	char *etcdctl_env; /* /etc/etcd/etcdctl.env */
	char *adopt;	   /* /etc/etcd/adopt: another etcd is on this machine and keeps running; setup is idle */
	char *adopted;	   /* /etc/etcd/adopted: how this machine's etcd was taken over (adopt/adopt.h) */
	char *any_peer;	   /* …/any-peer: peers with certificates of other names are accepted, as they were before */
	char *member_id;   /* /etc/etcd/member-id: which member of which cluster this machine is */
	char *host;	   /* /etc/etcd/host: which machine it was set up on (member/host.h) */
	char *mark;	   /* /var/lib/etcd-cluster.state/mark: how far its log had come (cluster/mark.h) */
	char *last_good;   /* /etc/etcd/last-good: the settings of the last healthy start (member/last_good.h) */
	char *joining;	   /* /etc/etcd/joining: the steps in which this machine joined a running cluster */
	char *forming;	   /* /etc/etcd/forming: how this machine's cluster was formed */
	char *recovered;   /* /etc/etcd/recovered: that the cluster came out of one that had lost its quorum */
	char *enroll;	   /* /etc/etcd/enroll: on a CA host, tokens and who got certificates */
	char *digests;	   /* /usr/share/etcd-cluster/releases.sha256, pinned by the package */
	char *admin_digests; /* /etc/etcd/releases.sha256.d */
	char *release_keys;  /* /etc/etcd/release-keys.d */
	char *releases;	     /* /usr/libexec/etcd-cluster/releases */
	char *current;	     /* …/releases/current, a relative symlink to vX.Y.Z or system */
	char *cache;	     /* /var/cache/etcd-cluster */
	char *bundle;	     /* /usr/libexec/etcd-cluster/bundle: archives that a package brought (bundle/make) */
	char *backups;	     /* /var/backups/etcd-cluster */
	char *run;	     /* /run/etcd-cluster: lock, outcome of the last setup */
	char *outcome;	     /* …/setup (service/outcome.h) */
	char *progress;	     /* …/progress: of the download that runs (base/progress.h) */
	char *former_end;    /* …/former-end: when an etcd.service of before this installation ended */
};

/* root NULL or "/": the machine itself. conf NULL: the usual file and its drop-ins; else that file without drop-ins. */
void layout_init(struct layout *at, const char *root, const char *conf);
void layout_free(struct layout *at);

/* An absolute path of the installed machine (a DATA_DIR, say) as seen from here: below the root. The caller frees. */
char *layout_path(const struct layout *at, const char *path);
