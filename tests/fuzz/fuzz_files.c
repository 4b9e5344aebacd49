/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/token, enroll/token_store, enroll/record: any bytes as the file of the secret, as a token on file, and as the
 * record of a machine. What could be read is the same after it was written again.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cahost/record.h"
#include "cahost/token_store.h"

#define ID "0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct machine m;
static char *secret, *token, *record;

static void clean_up(void)
{
	struct err e = { 0 };

	(void)!file_remove_tree(m.at.root, &e);
	free(secret);
	free(token);
	free(record);
	machine_free(&m);
}

/* A machine in memory, if there is a file system in memory. */
static void set_up(void)
{
	char dir[] = "/dev/shm/fuzz.XXXXXX", other[] = "/tmp/fuzz.XXXXXX";
	const char *root = mkdtemp(dir) ? dir : mkdtemp(other);
	const struct machine_options o = { .root = root };
	auto_free char *members = NULL;
	struct err e = { 0 };
	int lock;

	if (!root)
		abort();
	machine_locate(&m, &o);
	members = xasprintf("%s/members", m.at.enroll);
	m.conf.enroll_token_file = xstrdup("/etc/etcd/enroll-token");
	secret = xasprintf("%s/etc/etcd/enroll-token", root);
	token = xasprintf("%s/tokens/" ID, m.at.enroll);
	record = xasprintf("%s/members/n1", m.at.enroll);
	(void)atexit(clean_up);
	lock = token_store_lock(&m, &e);
	if (lock < 0 || file_mkdirs(members, FILE_MODE(0700), &e) < 0)
		abort();
	(void)close(lock);
}

static void put(const char *path, const uint8_t *data, size_t size)
{
	struct err e = { 0 };

	if (file_stage(path, FILE_MODE(0600), data, size, &e) < 0)
		abort();
}

static void tokens(void)
{
	auto_token_entry struct token_entry first = { 0 }, second = { 0 };
	struct err e = { 0 };

	if (token_store_find(&m, ID, &first, &e) <= 0 || token_store_put(&m, &first, &e) < 0)
		return;
	if (token_store_find(&m, ID, &second, &e) <= 0 || first.uses != second.uses || first.n_used != second.n_used ||
	    first.expires != second.expires || memcmp(first.token.psk, second.token.psk, TOKEN_PSK) != 0 ||
	    strv_len(first.sans) != strv_len(second.sans) || token_left(&first, 1) != token_left(&second, 1))
		abort();
}

static void records(void)
{
	struct enroll_record first = { 0 }, second = { 0 };
	struct err e = { 0 };

	if (enroll_record_read(&m, ENROLL_MACHINE, "n1", &first, &e) > 0 && enroll_record_write(&m, &first, &e) == 0 &&
	    (enroll_record_read(&m, ENROLL_MACHINE, "n1", &second, &e) <= 0 || strcmp(first.key, second.key) != 0 ||
	     strcmp(first.address, second.address) != 0 || first.time != second.time))
		abort();
	enroll_record_free(&first);
	enroll_record_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_token struct token t = { .id = "" };
	struct err e = { 0 };

	if (!m.at.root)
		set_up();
	put(secret, data, size);
	put(token, data, size);
	put(record, data, size);
	if (token_read_file(&m, &t, &e) > 0 && !token_is_id(t.id))
		abort();
	tokens();
	records();
	return 0;
}
