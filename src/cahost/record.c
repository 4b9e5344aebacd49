/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/record.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "base/text.h"
#include "cahost/token_store.h"
#include "config/check.h"

void enroll_grants_free(struct enroll_grants *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->list[i].serials);
	free(g->list);
	*g = (struct enroll_grants){ 0 };
}

void enroll_grants_add(struct enroll_grants *g, time_t end, const char *serials, time_t now)
{
	if (!*serials || end < now)
		return;
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->list[i].serials, serials) == 0)
			return;
	g->list = xrealloc(g->list, g->n + 1, sizeof(*g->list));
	g->list[g->n++] = (struct enroll_grant){ end, xstrdup(serials) };
}

void enroll_grants_join(struct enroll_grants *g, const struct enroll_grants *more, time_t now)
{
	for (size_t i = 0; i < more->n; i++)
		enroll_grants_add(g, more->list[i].end, more->list[i].serials, now);
}

void enroll_record_free(struct enroll_record *r)
{
	free(r->name);
	free(r->address);
	strv_free(r->addresses);
	strv_free(r->sans);
	free(r->from);
	strv_free(r->resolved);
	free(r->key);
	free(r->token);
	enroll_grants_free(&r->grants);
	visits_free(&r->visits);
	*r = (struct enroll_record){ 0 };
}

void enroll_tombstone_free(struct enroll_tombstone *t)
{
	free(t->name);
	strv_free(t->keys);
	enroll_grants_free(&t->grants);
	*t = (struct enroll_tombstone){ 0 };
}

void enroll_records_free(struct enroll_records *r)
{
	for (size_t i = 0; i < r->n; i++)
		enroll_record_free(&r->list[i]);
	free(r->list);
	*r = (struct enroll_records){ 0 };
}

void enroll_tombstones_free(struct enroll_tombstones *t)
{
	for (size_t i = 0; i < t->n; i++)
		enroll_tombstone_free(&t->list[i]);
	free(t->list);
	*t = (struct enroll_tombstones){ 0 };
}

/* The caller frees. */
static char *record_path(const struct machine *m, const char *name)
{
	return xasprintf("%s/members/%s", m->at.enroll, name);
}

static char *tombstone_path(const struct machine *m, const char *name)
{
	return xasprintf("%s/removed/%s", m->at.enroll, name);
}

/* --- Reading. Unknown keys are ignored, so that an older version reads what this one wrote. */

/* Further grants, GRANT_1="<end> peer:1f… server:2e…". */
static bool parse_grants(const struct keyfile *k, struct enroll_grants *g)
{
	for (size_t i = 0; i < k->n; i++) {
		const char *value = k->entries[i].value, *rest = strchr(value, ' ');
		auto_free char *number = rest ? xstrndup(value, (size_t)(rest - value)) : NULL;
		uint64_t end;

		if (!text_starts(k->entries[i].key, "GRANT_"))
			continue;
		if (!number || !text_parse_u64(number, 0, INT64_MAX, &end))
			return false;
		enroll_grants_add(g, (time_t)end, rest + 1, 0);
	}
	return true;
}

static char **words_of(const struct keyfile *k, const char *key)
{
	const char *value = keyfile_get(k, key);

	return value ? text_split(value, BLANKS) : NULL;
}

/* An ID that need not be there: 0. */
static bool parse_id(const struct keyfile *k, const char *key, uint64_t *id)
{
	const char *value = keyfile_get(k, key);

	*id = 0;
	return !value || text_parse_id(value, id);
}

static bool parse_record(const struct keyfile *k, const char *name, struct enroll_record *r)
{
	r->name = keyfile_text(k, "NAME");
	r->address = keyfile_text(k, "ADDRESS");
	r->addresses = words_of(k, "ADDRESSES");
	r->sans = words_of(k, "SANS");
	r->from = keyfile_copy(k, "FROM");
	r->resolved = words_of(k, "RESOLVED");
	r->key = keyfile_text(k, "KEY");
	r->token = keyfile_text(k, "TOKEN");
	if (strcmp(r->name, name) != 0 || !*r->key || !keyfile_time(k, "TIME", &r->time) ||
	    !parse_id(k, "CLUSTER", &r->cluster) || !parse_id(k, "MEMBER", &r->member) ||
	    !parse_id(k, "NOT_MEMBER", &r->not_member))
		return false;
	/* Records of earlier versions: the end of the certificates is not known, so they count for ever. */
	if (keyfile_get(k, "SERIALS"))
		enroll_grants_add(&r->grants, INT64_MAX, keyfile_get(k, "SERIALS"), 0);
	if (!keyfile_get(k, "SINCE"))
		r->since = r->time;
	else if (!keyfile_time(k, "SINCE", &r->since))
		return false;
	return parse_grants(k, &r->grants) && visits_get(k, &r->visits);
}

static bool parse_tombstone(const struct keyfile *k, const char *name, struct enroll_tombstone *t)
{
	t->name = keyfile_text(k, "NAME");
	for (size_t i = 0; i < k->n; i++)
		if (text_starts(k->entries[i].key, "KEY_"))
			strv_add_once(&t->keys, k->entries[i].value);
	return strcmp(t->name, name) == 0 && keyfile_time(k, "TIME", &t->time) && parse_grants(k, &t->grants);
}

int enroll_record_read(const struct machine *m, const char *name, struct enroll_record *r, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	auto_free char *path = record_path(m, name);

	*r = (struct enroll_record){ 0 };
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	if (parse_record(&k, name, r))
		return 1;
	(void)err_set(e, ERR_CONFIG, "%s is not as it was written", path);
	return err_hint(e, "remove it; the machine then needs a new token to enrol again");
}

int enroll_tombstone_read(const struct machine *m, const char *name, struct enroll_tombstone *t, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	auto_free char *path = tombstone_path(m, name);

	*t = (struct enroll_tombstone){ 0 };
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	if (parse_tombstone(&k, name, t))
		return 1;
	(void)err_set(e, ERR_CONFIG, "%s is not as it was written", path);
	return err_hint(e,
			"put back a copy of it (etcd-cluster ca import); without it the removed machine %s is "
			"served again",
			name);
}

static bool is_name(const char *name)
{
	return config_check_name(name) == NULL;
}

static int names_in(const struct machine *m, const char *sub, char ***names, struct err *e)
{
	auto_free char *dir = xasprintf("%s/%s", m->at.enroll, sub);

	return file_list(dir, is_name, names, e);
}

char **enroll_record_names(const struct machine *m)
{
	char **names = NULL;
	struct err unread = { 0 };

	return names_in(m, "members", &names, &unread) < 0 ? NULL : names;
}

int enroll_records_read(const struct machine *m, struct enroll_records *r, struct err *e)
{
	auto_strv char **names = NULL;

	*r = (struct enroll_records){ 0 };
	if (names_in(m, "members", &names, e) < 0)
		return -1;
	r->list = xcalloc(strv_len(names), sizeof(*r->list));
	for (char **name = names; name && *name; name++)
		if (enroll_record_read(m, *name, &r->list[r->n++], e) < 0)
			return -1;
	return 0;
}

int enroll_tombstones_read(const struct machine *m, struct enroll_tombstones *t, struct err *e)
{
	auto_strv char **names = NULL;

	*t = (struct enroll_tombstones){ 0 };
	if (names_in(m, "removed", &names, e) < 0)
		return -1;
	t->list = xcalloc(strv_len(names), sizeof(*t->list));
	for (char **name = names; name && *name; name++)
		if (enroll_tombstone_read(m, *name, &t->list[t->n++], e) < 0)
			return -1;
	return 0;
}

/* --- Writing. */

static int put_words(struct buf *text, const char *key, char *const *words, struct err *e)
{
	auto_free char *line = words ? strv_join(words, " ") : NULL;

	return keyfile_put(text, key, line, e);
}

static void put_id(struct buf *text, const char *key, uint64_t id)
{
	if (id != 0)
		buf_printf(text, "%s=" ID_FMT "\n", key, id);
}

static int put_grants(struct buf *text, const struct enroll_grants *g, struct err *e)
{
	for (size_t i = 0; i < g->n; i++) {
		auto_free char *key = xasprintf("GRANT_%zu", i + 1);
		auto_free char *value = xasprintf("%lld %s", (long long)g->list[i].end, g->list[i].serials);

		if (keyfile_put(text, key, value, e) < 0)
			return -1;
	}
	return 0;
}

static int put_file(const struct machine *m, const char *sub, const char *path, const struct buf *text, struct err *e)
{
	auto_free char *dir = xasprintf("%s/%s", m->at.enroll, sub);

	if (file_mkdirs(dir, FILE_MODE(0700), e) < 0)
		return -1;
	return file_replace(path, FILE_MODE(0600), text->data, text->len, e);
}

int enroll_record_write(const struct machine *m, const struct enroll_record *r, struct err *e)
{
	auto_free char *path = record_path(m, r->name);
	auto_buf struct buf text = { 0 };

	buf_puts(&text, "# A machine that got its certificates from this one.\n");
	if (keyfile_put(&text, "NAME", r->name, e) < 0 || keyfile_put(&text, "ADDRESS", r->address, e) < 0 ||
	    put_words(&text, "ADDRESSES", r->addresses, e) < 0 || put_words(&text, "SANS", r->sans, e) < 0 ||
	    keyfile_put(&text, "FROM", r->from, e) < 0 || put_words(&text, "RESOLVED", r->resolved, e) < 0 ||
	    keyfile_put(&text, "KEY", r->key, e) < 0 || keyfile_put(&text, "TOKEN", r->token ? r->token : "", e) < 0 ||
	    put_grants(&text, &r->grants, e) < 0 || visits_put(&r->visits, &text, e) < 0)
		return -1;
	put_id(&text, "CLUSTER", r->cluster);
	put_id(&text, "MEMBER", r->member);
	put_id(&text, "NOT_MEMBER", r->not_member);
	buf_printf(&text, "SINCE=%lld\nTIME=%lld\n", (long long)r->since, (long long)r->time);
	return put_file(m, "members", path, &text, e);
}

int enroll_tombstone_write(const struct machine *m, const struct enroll_tombstone *t, struct err *e)
{
	auto_free char *path = tombstone_path(m, t->name);
	auto_buf struct buf text = { 0 };

	buf_puts(&text, "# A machine that was removed: its keys get nothing any more.\n");
	if (keyfile_put(&text, "NAME", t->name, e) < 0)
		return -1;
	for (size_t i = 0; t->keys && t->keys[i]; i++) {
		auto_free char *key = xasprintf("KEY_%zu", i + 1);

		if (keyfile_put(&text, key, t->keys[i], e) < 0)
			return -1;
	}
	if (put_grants(&text, &t->grants, e) < 0)
		return -1;
	buf_printf(&text, "TIME=%lld\n", (long long)t->time);
	return put_file(m, "removed", path, &text, e);
}

int enroll_record_bury(const struct machine *m, const char *name, struct err *e)
{
	cleanup(enroll_tombstone_free) struct enroll_tombstone t = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	int found, before;

	if (config_check_name(name))
		return 0;
	found = enroll_record_read(m, name, &r, e);
	before = found < 0 ? -1 : enroll_tombstone_read(m, name, &t, e);
	if (before < 0)
		return -1;
	if (before == 0)
		t.name = xstrdup(name);
	t.time = m->now > t.time ? m->now : t.time;
	if (found > 0) {
		strv_add_once(&t.keys, r.key);
		enroll_grants_join(&t.grants, &r.grants, m->now);
	}
	if (enroll_tombstone_write(m, &t, e) < 0 || enroll_record_drop(m, name, e) < 0)
		return -1;
	return found;
}

int enroll_record_drop(const struct machine *m, const char *name, struct err *e)
{
	auto_free char *path = record_path(m, name);

	return config_check_name(name) ? 0 : file_wipe(path, e);
}

/* --- For a copy of the CA: each file behind a line "[members/n2]" or "[removed/n3]". */

static int export_dir(const struct machine *m, const char *sub, struct buf *out, struct err *e)
{
	auto_strv char **names = NULL;

	if (names_in(m, sub, &names, e) < 0)
		return -1;
	for (char **name = names; name && *name; name++) {
		auto_free char *path = xasprintf("%s/%s/%s", m->at.enroll, sub, *name);

		/* Each file has the time, as a key that earlier versions ignore. */
		buf_printf(out, "[%s/%s]\nEXPORTED=%lld\n", sub, *name, (long long)m->now);
		if (file_read(path, KEYFILE_MAX_BYTES, out, e) < 0)
			return -1;
	}
	return 0;
}

int enroll_records_export(const struct machine *m, struct buf *out, struct err *e)
{
	auto_close int lock = -1;

	if (!file_exists(m->at.enroll) || m->dry_run)
		return 0;
	lock = token_store_lock(m, e);
	return lock < 0 || export_dir(m, "removed", out, e) < 0 || export_dir(m, "members", out, e) < 0 ? -1 : 0;
}

static int import_tombstone(const struct machine *m, const struct enroll_tombstone *t, struct err *e)
{
	cleanup(enroll_tombstone_free) struct enroll_tombstone here = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	int found = enroll_tombstone_read(m, t->name, &here, e);
	size_t before = strv_len(here.keys);

	if (found < 0)
		return -1;
	if (found == 0)
		here.name = xstrdup(t->name);
	for (char **key = t->keys; key && *key; key++)
		strv_add_once(&here.keys, *key);
	if (found > 0 && strv_len(here.keys) == before && here.time >= t->time)
		return 0;
	here.time = t->time > here.time ? t->time : here.time;
	enroll_grants_join(&here.grants, &t->grants, m->now);
	if (enroll_tombstone_write(m, &here, e) < 0 || enroll_record_read(m, t->name, &r, e) < 0)
		return -1;
	if (r.key && strv_has(here.keys, r.key) && enroll_record_bury(m, r.name, e) < 0)
		return -1;
	return 1;
}

/* The same key on both sides: what each of them gave it counts. */
static int import_grants(const struct machine *m, const struct enroll_record *r, struct enroll_record *here,
			 struct err *e)
{
	const size_t before = here->grants.n;

	enroll_grants_join(&here->grants, &r->grants, m->now);
	if (here->grants.n == before)
		return 0;
	if (r->visits.n > 0 && (here->visits.n == 0 || r->visits.list[0].time > here->visits.list[0].time))
		visits_copy(&r->visits, &here->visits);
	return enroll_record_write(m, here, e) < 0 ? -1 : 1;
}

static int import_record(const struct machine *m, const struct enroll_record *r, struct err *e)
{
	cleanup(enroll_record_free) struct enroll_record here = { .name = NULL };
	cleanup(enroll_tombstone_free) struct enroll_tombstone gone = { .name = NULL };
	int found = enroll_record_read(m, r->name, &here, e);

	if (found < 0 || enroll_tombstone_read(m, r->name, &gone, e) < 0)
		return -1;
	if (!strv_has(gone.keys, r->key) && here.key && strcmp(here.key, r->key) == 0 && here.since == r->since)
		return import_grants(m, r, &here, e);
	if (strv_has(gone.keys, r->key) || (found > 0 && here.since >= r->since))
		return 0;
	if (here.key && strcmp(here.key, r->key) != 0 && enroll_record_bury(m, here.name, e) < 0)
		return -1;
	return enroll_record_write(m, r, e) < 0 ? -1 : 1;
}

/* One file: its title "members/n2", and its text. */
static int import_file(const struct machine *m, const char *title, const char *text, size_t len, time_t *exported,
		       struct err *e)
{
	cleanup(enroll_tombstone_free) struct enroll_tombstone t = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	auto_keyfile struct keyfile k = { 0 };
	const char *name = strchr(title, '/');

	if (keyfile_parse(title, text, len, &k, e) < 0)
		return -1;
	if (!keyfile_time(&k, "EXPORTED", exported))
		*exported = 0;
	if (name && is_name(name + 1) && text_starts(title, "members/") && parse_record(&k, name + 1, &r))
		return import_record(m, &r, e);
	if (name && is_name(name + 1) && text_starts(title, "removed/") && parse_tombstone(&k, name + 1, &t))
		return import_tombstone(m, &t, e);
	return err_set(e, ERR_VERIFY, "%s in the export is not a record", title);
}

int enroll_records_import(const struct machine *m, const struct buf *text, time_t *exported, struct err *e)
{
	const char *at = buf_str(text);
	auto_close int lock = text->len > 0 ? token_store_lock(m, e) : -1;
	int changed = 0;

	*exported = 0;
	if (text->len > 0 && lock < 0)
		return -1;
	while (*at) {
		const char *body = strchr(at, '\n'), *next;
		auto_free char *title = body && *at == '[' ? xstrndup(at + 1, (size_t)(body - at - 1)) : NULL;
		int rc;

		if (!title || !text_ends(title, "]"))
			return err_set(e, ERR_VERIFY, "the records in the export are not as they were written");
		title[strlen(title) - 1] = '\0';
		next = strstr(body, "\n[");
		rc = import_file(m, title, body + 1, next ? (size_t)(next - body) : strlen(body + 1), exported, e);
		if (rc < 0)
			return -1;
		changed |= rc;
		at = next ? next + 1 : "";
	}
	return changed;
}
