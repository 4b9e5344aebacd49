/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/copy.h"

#include <string.h>

#include "base/text.h"
#include "cahost/record.h"
#include "cahost/token_store.h"

/* Each file is behind a line with its directory and name: "[members/n2]", "[revoked/backup]", "[issued/kube]". */

static int export_dir(const struct machine *m, enum enroll_kind kind, bool tombstones, struct buf *out, struct err *e)
{
	const char *sub = enroll_record_dir(kind, tombstones);
	auto_strv char **names = NULL;

	if (enroll_record_list(m, kind, tombstones, &names, e) < 0)
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
	if (lock < 0)
		return -1;
	for (enum enroll_kind kind = ENROLL_MACHINE; kind <= ENROLL_CLIENT; kind++)
		if (export_dir(m, kind, true, out, e) < 0 || export_dir(m, kind, false, out, e) < 0)
			return -1;
	return export_dir(m, ENROLL_ISSUED, false, out, e);
}

static int bury_issued(const struct machine *m, const struct enroll_tombstone *t, struct err *e)
{
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };

	if (enroll_record_read(m, ENROLL_ISSUED, t->name, &r, e) < 0 ||
	    (r.key && strv_has(t->keys, r.key) && enroll_record_bury(m, ENROLL_ISSUED, t->name, e) < 0))
		return -1;
	return 1;
}

static int import_tombstone(const struct machine *m, const struct enroll_tombstone *t, struct err *e)
{
	cleanup(enroll_tombstone_free) struct enroll_tombstone here = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	int found = enroll_tombstone_read(m, t->kind, t->name, &here, e);
	size_t before = strv_len(here.keys);

	if (found < 0)
		return -1;
	here.kind = t->kind;
	if (found == 0)
		here.name = xstrdup(t->name);
	for (char **key = t->keys; key && *key; key++)
		strv_add_once(&here.keys, *key);
	if (found > 0 && strv_len(here.keys) == before && here.time >= t->time)
		return 0;
	here.time = t->time > here.time ? t->time : here.time;
	enroll_grants_join(&here.grants, &t->grants, m->now);
	if (enroll_tombstone_write(m, &here, e) < 0 || enroll_record_read(m, t->kind, t->name, &r, e) < 0)
		return -1;
	if (r.key && strv_has(here.keys, r.key) && enroll_record_bury(m, r.kind, r.name, e) < 0)
		return -1;
	/* The two share their tombstones. */
	return t->kind == ENROLL_CLIENT ? bury_issued(m, &here, e) : 1;
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
	int found = enroll_record_read(m, r->kind, r->name, &here, e);

	if (found < 0 || enroll_tombstone_read(m, r->kind, r->name, &gone, e) < 0)
		return -1;
	if (!strv_has(gone.keys, r->key) && here.key && strcmp(here.key, r->key) == 0 && here.since == r->since)
		return import_grants(m, r, &here, e);
	if (strv_has(gone.keys, r->key) || (found > 0 && here.since >= r->since))
		return 0;
	if (here.key && strcmp(here.key, r->key) != 0 && enroll_record_bury(m, here.kind, here.name, e) < 0)
		return -1;
	return enroll_record_write(m, r, e) < 0 ? -1 : 1;
}

static bool is_dir(const char *title, size_t len, const char *dir)
{
	return strlen(dir) == len && memcmp(title, dir, len) == 0;
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
	for (enum enroll_kind kind = ENROLL_MACHINE; name && kind <= ENROLL_ISSUED; kind++) {
		const size_t len_dir = (size_t)(name - title);

		if (!enroll_record_is_name(kind, name + 1))
			continue;
		if (is_dir(title, len_dir, enroll_record_dir(kind, false)) &&
		    enroll_record_parse(&k, kind, name + 1, &r))
			return import_record(m, &r, e);
		if (is_dir(title, len_dir, enroll_record_dir(kind, true)) &&
		    enroll_tombstone_parse(&k, kind, name + 1, &t))
			return import_tombstone(m, &t, e);
	}
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
