/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of flow/certify: the files in /etc/etcd, and the state after every successful run.
 */
#pragma once

#include "machine_fixture.h"

#include "flow/certify.h"
#include "pki/check.h"
#include "pki/list.h"
#include "pki/profile.h"

/* Output of a shell command run in /etc/etcd of the machine; it must succeed. The caller frees. */
static inline char *shell(const char *script)
{
	auto_free char *line = xasprintf("umask 022 && cd '%s/etc/etcd' && %s", root, script);
	const char *const argv[] = { "sh", "-ec", line, NULL };
	struct buf out = { 0 };
	struct proc_run run = { .argv = argv, .timeout = 30, .out = &out };
	struct err why = { 0 };

	if (proc_run(&run, &why) != 0)
		fail_msg("%s: %s", script, why.msg);
	return out.data ? out.data : xstrdup("");
}

/* All files: names, modes, sizes, inodes, times. */
static inline char *tree(void)
{
	return shell("find . -not -name cluster.conf -printf '%P %m %s %i %T@ %l\\n' | LC_ALL=C sort");
}

static inline void assert_tree(const char *want)
{
	auto_free char *now = tree();

	assert_string_equal(now, want);
}

/* Runs certify and expects this result. */
static inline void ensure(const struct machine *m, int want)
{
	struct err why = { 0 };
	int rc = certify(m, false, true, &why);

	if (rc != want)
		fail_msg("certify: %d instead of %d: %s", rc, want, why.msg);
}

/* etcd can start, there is nothing to do, there are no leftovers and no problems. */
static inline void assert_settled(const struct machine *m)
{
	auto_free char *before = tree();
	struct pki_entry *list;

	assert_ok(pki_check_start(m, e));
	ensure(m, 0);
	assert_tree(before);
	assert_null(strstr(before, ".new"));
	list = pki_list(m);
	for (size_t i = 0; i < PKI_ENTRIES; i++)
		if (list[i].problem || !list[i].present)
			fail_msg("%s: %s", list[i].name, list[i].problem);
	pki_list_free(list);
}
