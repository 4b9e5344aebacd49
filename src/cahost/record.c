/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/record.h"

#include <limits.h>
#include <string.h>

#include "adapter/keyfile.h"
#include "base/text.h"
#include "cahost/token_store.h"
#include "config/check.h"
#include "pki/profile.h"

/* --- The visits. */

void visits_free(struct visits *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->list[i].source);
	*v = (struct visits){ 0 };
}

void visits_add(struct visits *v, time_t time, const char *source)
{
	if (v->n == VISITS_MAX)
		free(v->list[--v->n].source);
	memmove(&v->list[1], &v->list[0], v->n * sizeof(v->list[0]));
	v->list[0] = (struct visit){ time, xstrdup(source) };
	v->n++;
}

void visits_copy(const struct visits *from, struct visits *to)
{
	visits_free(to);
	for (size_t i = from->n; i > 0; i--)
		visits_add(to, from->list[i - 1].time, from->list[i - 1].source);
}

bool visits_moved(const struct visits *v)
{
	return v->n > 1 && strcmp(v->list[0].source, v->list[1].source) != 0;
}

bool visits_get(const struct keyfile *k, struct visits *v)
{
	for (size_t i = VISITS_MAX; i > 0; i--) {
		auto_free char *key = xasprintf("VISIT_%zu", i);
		const char *value = keyfile_get(k, key);
		auto_strv char **words = value ? text_split(value, BLANKS) : NULL;
		uint64_t time;

		if (!value)
			continue;
		if (strv_len(words) != 2 || !text_parse_u64(words[0], 0, INT64_MAX, &time))
			return false;
		visits_add(v, (time_t)time, words[1]);
	}
	return true;
}

int visits_put(const struct visits *v, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < v->n; i++) {
		auto_free char *key = xasprintf("VISIT_%zu", i + 1);
		auto_free char *value = xasprintf("%lld %s", (long long)v->list[i].time, v->list[i].source);

		if (keyfile_put(out, key, value, e) < 0)
			return -1;
	}
	return 0;
}

/* --- What is freed. */

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

time_t enroll_record_end(const struct enroll_record *r)
{
	time_t end = 0;

	for (size_t i = 0; i < r->grants.n; i++)
		end = r->grants.list[i].end > end ? r->grants.list[i].end : end;
	return end;
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

static const char *const dirs[][2] = {
	[ENROLL_MACHINE] = { "members", "removed" },
	[ENROLL_CLIENT] = { "clients", "revoked" },
	[ENROLL_ISSUED] = { "issued", "revoked" },
};

const char *enroll_record_dir(enum enroll_kind kind, bool tombstones)
{
	return dirs[kind][tombstones];
}

bool enroll_record_is_name(enum enroll_kind kind, const char *name)
{
	return (kind == ENROLL_MACHINE ? config_check_name(name) : pki_check_cn(name)) == NULL;
}

/* The caller frees. */
static char *path_of(const struct machine *m, enum enroll_kind kind, bool tombstone, const char *name)
{
	return xasprintf("%s/%s/%s", m->at.enroll, dirs[kind][tombstone], name);
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

/* LISTED="<looks that missed it> <time of the last one>". An earlier version wrote the ID of a member only. */
static bool parse_listed(const struct keyfile *k, struct enroll_record *r)
{
	auto_strv char **words = words_of(k, "LISTED");
	uint64_t missed, at;

	r->listed = words || r->member != 0;
	if (!words)
		return true;
	if (strv_len(words) != 2 || !text_parse_u64(words[0], 0, UINT_MAX, &missed) ||
	    !text_parse_u64(words[1], 0, INT64_MAX, &at))
		return false;
	r->missed = (unsigned int)missed;
	r->missed_at = (time_t)at;
	return true;
}

bool enroll_record_parse(const struct keyfile *k, enum enroll_kind kind, const char *name, struct enroll_record *r)
{
	r->kind = kind;
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
	return parse_listed(k, r) && parse_grants(k, &r->grants) && visits_get(k, &r->visits);
}

bool enroll_tombstone_parse(const struct keyfile *k, enum enroll_kind kind, const char *name,
			    struct enroll_tombstone *t)
{
	t->kind = kind;
	t->name = keyfile_text(k, "NAME");
	for (size_t i = 0; i < k->n; i++)
		if (text_starts(k->entries[i].key, "KEY_"))
			strv_add_once(&t->keys, k->entries[i].value);
	return strcmp(t->name, name) == 0 && keyfile_time(k, "TIME", &t->time) && parse_grants(k, &t->grants);
}

int enroll_record_read(const struct machine *m, enum enroll_kind kind, const char *name, struct enroll_record *r,
		       struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	auto_free char *path = path_of(m, kind, false, name);

	*r = (struct enroll_record){ 0 };
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	if (enroll_record_parse(&k, kind, name, r))
		return 1;
	(void)err_set(e, ERR_CONFIG, "%s is not as it was written", path);
	return err_hint(e, "remove it; the machine then needs a new token to enrol again");
}

int enroll_tombstone_read(const struct machine *m, enum enroll_kind kind, const char *name, struct enroll_tombstone *t,
			  struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	auto_free char *path = path_of(m, kind, true, name);

	*t = (struct enroll_tombstone){ 0 };
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	if (enroll_tombstone_parse(&k, kind, name, t))
		return 1;
	(void)err_set(e, ERR_CONFIG, "%s is not as it was written", path);
	return err_hint(e,
			"put back a copy of it (etcd-cluster ca import); without it the removed machine %s is "
			"served again",
			name);
}

static bool is_machine(const char *name)
{
	return enroll_record_is_name(ENROLL_MACHINE, name);
}

static bool is_client(const char *name)
{
	return enroll_record_is_name(ENROLL_CLIENT, name);
}

int enroll_record_list(const struct machine *m, enum enroll_kind kind, bool tombstones, char ***names, struct err *e)
{
	auto_free char *dir = xasprintf("%s/%s", m->at.enroll, dirs[kind][tombstones]);

	return file_list(dir, kind == ENROLL_MACHINE ? is_machine : is_client, names, e);
}

char **enroll_record_names(const struct machine *m, enum enroll_kind kind)
{
	char **names = NULL;
	struct err unread = { 0 };

	return enroll_record_list(m, kind, false, &names, &unread) < 0 ? NULL : names;
}

int enroll_records_read(const struct machine *m, enum enroll_kind kind, struct enroll_records *r, struct err *e)
{
	auto_strv char **names = NULL;

	*r = (struct enroll_records){ 0 };
	if (enroll_record_list(m, kind, false, &names, e) < 0)
		return -1;
	r->list = xcalloc(strv_len(names), sizeof(*r->list));
	for (char **name = names; name && *name; name++)
		if (enroll_record_read(m, kind, *name, &r->list[r->n++], e) < 0)
			return -1;
	return 0;
}

int enroll_tombstones_read(const struct machine *m, enum enroll_kind kind, struct enroll_tombstones *t, struct err *e)
{
	auto_strv char **names = NULL;

	*t = (struct enroll_tombstones){ 0 };
	if (enroll_record_list(m, kind, true, &names, e) < 0)
		return -1;
	t->list = xcalloc(strv_len(names), sizeof(*t->list));
	for (char **name = names; name && *name; name++)
		if (enroll_tombstone_read(m, kind, *name, &t->list[t->n++], e) < 0)
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
	auto_free char *path = path_of(m, r->kind, false, r->name);
	auto_buf struct buf text = { 0 };

	buf_printf(&text, "# A %s that got its certificates from this machine.\n",
		   r->kind == ENROLL_MACHINE ? "machine" : "client");
	if (keyfile_put(&text, "NAME", r->name, e) < 0 || keyfile_put(&text, "ADDRESS", r->address, e) < 0 ||
	    put_words(&text, "ADDRESSES", r->addresses, e) < 0 || put_words(&text, "SANS", r->sans, e) < 0 ||
	    keyfile_put(&text, "FROM", r->from, e) < 0 || put_words(&text, "RESOLVED", r->resolved, e) < 0 ||
	    keyfile_put(&text, "KEY", r->key, e) < 0 || keyfile_put(&text, "TOKEN", r->token ? r->token : "", e) < 0 ||
	    put_grants(&text, &r->grants, e) < 0 || visits_put(&r->visits, &text, e) < 0)
		return -1;
	put_id(&text, "CLUSTER", r->cluster);
	put_id(&text, "MEMBER", r->member);
	put_id(&text, "NOT_MEMBER", r->not_member);
	if (r->listed)
		buf_printf(&text, "LISTED=\"%u %lld\"\n", r->missed, (long long)r->missed_at);
	buf_printf(&text, "SINCE=%lld\nTIME=%lld\n", (long long)r->since, (long long)r->time);
	return put_file(m, dirs[r->kind][false], path, &text, e);
}

int enroll_tombstone_write(const struct machine *m, const struct enroll_tombstone *t, struct err *e)
{
	auto_free char *path = path_of(m, t->kind, true, t->name);
	auto_buf struct buf text = { 0 };

	buf_printf(&text, "# A %s: its keys get nothing any more.\n",
		   t->kind == ENROLL_MACHINE ? "machine that was removed" : "client that was revoked");
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
	return put_file(m, dirs[t->kind][true], path, &text, e);
}

int enroll_record_bury(const struct machine *m, enum enroll_kind kind, const char *name, struct err *e)
{
	cleanup(enroll_tombstone_free) struct enroll_tombstone t = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	int found, before;

	if (!enroll_record_is_name(kind, name))
		return 0;
	found = enroll_record_read(m, kind, name, &r, e);
	before = found < 0 ? -1 : enroll_tombstone_read(m, kind, name, &t, e);
	if (before < 0)
		return -1;
	t.kind = kind;
	if (before == 0)
		t.name = xstrdup(name);
	t.time = m->now > t.time ? m->now : t.time;
	if (found > 0) {
		strv_add_once(&t.keys, r.key);
		enroll_grants_join(&t.grants, &r.grants, m->now);
	}
	if (enroll_tombstone_write(m, &t, e) < 0 || enroll_record_drop(m, kind, name, e) < 0)
		return -1;
	return found;
}

int enroll_machine_bury(const struct machine *m, const char *name, struct err *e)
{
	auto_strv char **issued = NULL;
	int found = enroll_record_bury(m, ENROLL_MACHINE, name, e);

	if (found < 0 || enroll_record_list(m, ENROLL_ISSUED, false, &issued, e) < 0)
		return -1;
	for (char **one = issued; one && *one; one++)
		if (strcasecmp(*one, name) == 0 && enroll_record_bury(m, ENROLL_ISSUED, *one, e) < 0)
			return -1;
	return found;
}

int enroll_record_drop(const struct machine *m, enum enroll_kind kind, const char *name, struct err *e)
{
	auto_free char *path = path_of(m, kind, false, name);

	return enroll_record_is_name(kind, name) ? file_wipe(path, e) : 0;
}
