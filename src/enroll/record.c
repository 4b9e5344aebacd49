/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/record.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "config/check.h"

void enroll_record_free(struct enroll_record *r)
{
	free(r->name);
	free(r->address);
	free(r->key);
	free(r->former);
	free(r->token);
	free(r->serials);
	*r = (struct enroll_record){ 0 };
}

/* The caller frees. */
static char *path_of(const struct machine *m, const char *name)
{
	return xasprintf("%s/members/%s", m->at.enroll, name);
}

int enroll_record_read(const struct machine *m, const char *name, struct enroll_record *r, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	auto_free char *path = path_of(m, name);

	*r = (struct enroll_record){ 0 };
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	r->name = keyfile_text(&k, "NAME");
	r->address = keyfile_text(&k, "ADDRESS");
	r->key = keyfile_text(&k, "KEY");
	r->former = keyfile_text(&k, "FORMER");
	r->token = keyfile_text(&k, "TOKEN");
	r->serials = keyfile_text(&k, "SERIALS");
	if (strcmp(r->name, name) != 0 || !*r->key || !keyfile_time(&k, "TIME", &r->time)) {
		(void)err_set(e, ERR_CONFIG, "%s is not as it was written", path);
		return err_hint(e, "remove it; the machine then needs a new token to enrol again");
	}
	return 1;
}

int enroll_record_write(const struct machine *m, const struct enroll_record *r, struct err *e)
{
	auto_free char *dir = xasprintf("%s/members", m->at.enroll);
	auto_free char *path = path_of(m, r->name);
	auto_buf struct buf text = { 0 };

	buf_puts(&text, "# A machine that got its certificates from this one.\n");
	if (keyfile_put(&text, "NAME", r->name, e) < 0 || keyfile_put(&text, "ADDRESS", r->address, e) < 0 ||
	    keyfile_put(&text, "KEY", r->key, e) < 0 ||
	    keyfile_put(&text, "FORMER", r->former ? r->former : "", e) < 0 ||
	    keyfile_put(&text, "TOKEN", r->token ? r->token : "", e) < 0 ||
	    keyfile_put(&text, "SERIALS", r->serials, e) < 0)
		return -1;
	buf_printf(&text, "TIME=%lld\n", (long long)r->time);
	if (file_mkdirs(dir, FILE_MODE(0700), e) < 0)
		return -1;
	return file_replace(path, FILE_MODE(0600), text.data, text.len, e);
}

int enroll_record_drop(const struct machine *m, const char *name, struct err *e)
{
	auto_free char *path = path_of(m, name);

	return config_check_name(name) ? 0 : file_wipe(path, e);
}

static bool is_name(const char *name)
{
	return config_check_name(name) == NULL;
}

char **enroll_record_names(const struct machine *m)
{
	auto_free char *dir = path_of(m, "");
	char **names = NULL;
	struct err unread = { 0 };

	return file_list(dir, is_name, &names, &unread) < 0 ? NULL : names;
}
