/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine below a directory of its own, with a secret that will do, for the tests of tokens.
 */
#ifndef TOKEN_ROOT_H
#define TOKEN_ROOT_H

#include "unit.h"

#include "base/file.h"
#include "config/machine.h"

#define NOW  1795000000
#define TEXT "2a4ebd3c65a4f42daa8e1d8834ebada2"
#define KEY  "1111111111111111111111111111111111111111111111111111111111111111"

static inline int setup(void **state)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	auto_free char *root = unit_dir();

	layout_init(&m->at, root, NULL);
	m->now = NOW;
	m->conf.enroll_token_file = xstrdup("/etc/etcd/enroll-token");
	assert_ok(file_mkdirs(m->at.etc, FILE_MODE(0755), e));
	*state = m;
	return 0;
}

static inline int teardown(void **state)
{
	struct machine *m = *state;

	assert_ok(file_remove_tree(m->at.root, e));
	machine_free(m);
	free(m);
	return 0;
}

/* The file that the secret is given in. The caller frees its path. */
static inline char *given(const struct machine *m, const char *text, mode_t mode)
{
	char *path = layout_path(&m->at, m->conf.enroll_token_file);

	assert_ok(file_replace(path, FILE_MODE(mode), text, strlen(text), e));
	return path;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
