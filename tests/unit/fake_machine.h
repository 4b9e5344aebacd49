/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine whose etcd is a fake one (fake.h): a root with its certificates and a cluster.conf that names its port.
 */
#ifndef FAKE_MACHINE_H
#define FAKE_MACHINE_H

#include "fake.h"

#include "config/machine.h"

static char *root;

static inline void put(const char *path, const char *text)
{
	assert_ok(file_replace(path, FILE_MODE(0600), text, strlen(text), e));
}

/* The certificates under the names that a machine has them by. */
static inline void copy_pair(const char *from, const char *name, const char *ext)
{
	auto_free char *source = xasprintf("%s/%s.%s", pki, from, ext);
	auto_free char *target = xasprintf("%s/etc/etcd/pki/%s.%s", root, name, ext);
	auto_buf struct buf text = { 0 };

	assert_ok(file_read(source, 1 << 16, &text, e));
	put(target, buf_str(&text));
}

static inline int setup(void **state)
{
	auto_free char *dir = NULL;

	if (fake_setup(state) < 0)
		return -1;
	root = unit_dir();
	dir = xasprintf("%s/etc/etcd/pki", root);
	assert_ok(file_mkdirs(dir, FILE_MODE(0755), e));
	copy_pair("ca", "ca", "crt");
	copy_pair("client", "etcdctl-etcd-client", "crt");
	copy_pair("client", "etcdctl-etcd-client", "key");
	return 0;
}

static inline int teardown(void **state)
{
	struct err e = { 0 };

	if (file_remove_tree(root, &e) < 0)
		return -1;
	free(root);
	return fake_teardown(state);
}

/* Further lines of its cluster.conf. */
static const char *answers = "";

static inline void open_machine(struct machine *m, int port)
{
	auto_free char *conf = xasprintf("%s/etc/etcd/cluster.conf", root);
	auto_free char *text = xasprintf("NAME=n1\nCLIENT_PORT=%d\n%s", port, answers);
	const struct machine_options o = { .root = root };

	put(conf, text);
	assert_ok(machine_open(m, &o, e));
}

#endif
