/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of tokens: a strong token, and the token file of a machine.
 */
#pragma once

#include "machine_fixture.h"

#define TEXT "2a4ebd3c65a4f42daa8e1d8834ebada2"
#define KEY  "1111111111111111111111111111111111111111111111111111111111111111"

/* The caller frees the path of the file. */
static inline char *put_secret(const struct machine *m, const char *text, mode_t mode)
{
	char *path = layout_path(&m->at, m->conf.enroll_token_file);

	assert_ok(file_replace(path, FILE_MODE(mode), text, strlen(text), e));
	return path;
}
