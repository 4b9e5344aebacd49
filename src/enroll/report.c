/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/report.h"

#include <string.h>

#include "base/text.h"
#include "config/check.h"
#include "enroll/message.h"

#define KIND	    "report"
#define PROTOCOL    "1"
#define KEPT_MAX    64 /* a token names at most that many machines at a time; etcd advises seven members */
#define REFUSED_MAX 16
#define REFUSED	    "refused@"

static const char *const states[] = {
	[REPORT_NEW] = "new", [REPORT_ACCEPTED] = "accepted", [REPORT_STARTED] = "started"
};
static const char *const words[] = { [FORM_SAYS_WAIT] = "wait",
				     [FORM_SAYS_OFFER] = "offer",
				     [FORM_SAYS_COMMITTED] = "committed",
				     [FORM_SAYS_FORMED] = "formed" };

void report_free(struct report *r)
{
	free(r->name);
	free(r->address);
	free(r->disk);
	free(r->nonce);
	free(r->members);
	free(r->ports);
	free(r->token);
	free(r->package);
	free(r->source);
	free(r->why);
	*r = (struct report){ 0 };
}

void report_list_free(struct report_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		report_free(&l->list[i]);
	free(l->list);
	*l = (struct report_list){ 0 };
}

void report_fill(const struct machine *m, const char *disk, struct report *r)
{
	*r = (struct report){ .name = xstrdup(m->conf.name),
			      .address = forming_address(m->conf.address),
			      .disk = xstrdup(disk),
			      .members = forming_members(&m->conf),
			      .ports = forming_ports(&m->conf),
			      .token = xstrdup(m->conf.cluster_token),
			      .package = xstrdup(VERSION),
			      .now = m->now };
}

int report_put(const struct report *r, struct buf *out, struct err *e)
{
	auto_free char *now = xasprintf("%lld", (long long)r->now);
	const char *const lines[][2] = {
		{ "KIND", KIND },	   { "VERSION", PROTOCOL },
		{ "NAME", r->name },	   { "ADDRESS", r->address },
		{ "DISK", r->disk },	   { "REPORT", states[r->state] },
		{ "NONCE", r->nonce },	   { "MEMBERS", r->members },
		{ "PORTS", r->ports },	   { "CLUSTER_TOKEN", r->token },
		{ "PACKAGE", r->package }, { "TIME", now },
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (keyfile_put(out, lines[i][0], lines[i][1], e) < 0)
			return -1;
	return 0;
}

bool report_is(const struct buf *text)
{
	return text_starts(buf_str(text), "KIND=" KIND "\n");
}

/* True when all that other code relies on is there and as report_put writes it. */
static bool is_valid(const struct report *r)
{
	return r->name && !config_check_name(r->name) && r->address && !config_check_address(r->address) &&
	       disk_is_id(r->disk) && (r->state == REPORT_NEW || disk_is_id(r->nonce)) && r->members && r->ports &&
	       r->token && r->package;
}

static bool parse(const struct keyfile *k, struct report *r)
{
	const size_t state = text_index(keyfile_get(k, "REPORT"), states, ARRAY_LEN(states));

	*r = (struct report){ .name = keyfile_copy(k, "NAME"),
			      .address = keyfile_copy(k, "ADDRESS"),
			      .disk = keyfile_copy(k, "DISK"),
			      .state = (enum report_state)state,
			      .nonce = keyfile_copy(k, "NONCE"),
			      .members = keyfile_copy(k, "MEMBERS"),
			      .ports = keyfile_copy(k, "PORTS"),
			      .token = keyfile_copy(k, "CLUSTER_TOKEN"),
			      .package = keyfile_copy(k, "PACKAGE") };
	return state < ARRAY_LEN(states) && keyfile_time(k, "TIME", &r->now) && is_valid(r);
}

int report_get(const struct buf *text, struct report *r, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	const char *version;

	*r = (struct report){ 0 };
	if (enroll_parse("the report", text, &k, e) < 0)
		return -1;
	version = keyfile_get(&k, "VERSION");
	if (!version || strcmp(version, PROTOCOL) != 0)
		return err_set(e, ERR_VERIFY, "the report is of version %s, and this machine understands " PROTOCOL,
			       version ? version : "none");
	return parse(&k, r) ? 0 : err_set(e, ERR_VERIFY, "the report is not whole");
}

/* --- Kept below /run, which is memory. */

/* Counts while the machine sleeps, and no administrator sets it. */
static long long now_ms(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_BOOTTIME, &t) == 0);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static char *dir_of(const struct machine *m)
{
	return xasprintf("%s/reports", m->at.run);
}

/* 1 fresh and in r; 0 not fresh, or not one of ours. */
static int read_kept(const char *path, struct report *r)
{
	auto_keyfile struct keyfile k = { 0 };
	struct err unread = { 0 };
	const char *heard;
	uint64_t at;
	long long age;

	*r = (struct report){ 0 };
	if (keyfile_read(path, &k, &unread) < 0)
		return 0;
	heard = keyfile_get(&k, "HEARD");
	age = heard && text_parse_u64(heard, 0, INT64_MAX, &at) ? now_ms() - (long long)at : -1;
	if (age < 0 || age > 1000LL * REPORT_SECONDS || (!keyfile_get(&k, "WHY") && !parse(&k, r)))
		return 0;
	r->source = keyfile_copy(&k, "SOURCE");
	r->why = keyfile_copy(&k, "WHY");
	return 1;
}

int report_read(const struct machine *m, struct report_list *l, struct err *e)
{
	auto_free char *dir = dir_of(m);
	auto_strv char **names = NULL;

	*l = (struct report_list){ 0 };
	if (file_list(dir, NULL, &names, e) < 0)
		return -1;
	l->list = xcalloc(strv_len(names) + 1, sizeof(*l->list));
	for (char **name = names; name && *name; name++) {
		auto_free char *path = xasprintf("%s/%s", dir, *name);

		if (read_kept(path, &l->list[l->n]) > 0)
			l->n++;
		else
			report_free(&l->list[l->n]);
	}
	return 0;
}

/* Removes what is stale. How many of the others begin with `prefix`, not counting `but`. */
static size_t sweep(const char *dir, const char *prefix, const char *but)
{
	auto_strv char **names = NULL;
	struct err ignored = { 0 };
	size_t n = 0;

	if (file_list(dir, NULL, &names, &ignored) < 0)
		return 0;
	for (char **name = names; name && *name; name++) {
		auto_free char *path = xasprintf("%s/%s", dir, *name);
		auto_report struct report r = { 0 };

		if (text_starts(*name, FILE_TEMP))
			continue; /* somebody is writing it */
		if (read_kept(path, &r) == 0)
			(void)(file_remove_tree(path, &ignored) < 0);
		else
			n += text_starts(*name, prefix) && strcmp(*name, but) != 0;
	}
	return n;
}

/* text with its time, as the file `name`. */
static int keep(const struct machine *m, const char *name, const char *source, struct buf *text, struct err *e)
{
	auto_free char *dir = dir_of(m), *path = xasprintf("%s/%s", dir, name);
	auto_free char *heard = xasprintf("%lld", now_ms());

	if (keyfile_put(text, "SOURCE", source, e) < 0 || keyfile_put(text, "HEARD", heard, e) < 0 ||
	    file_mkdirs(dir, FILE_MODE(0700), e) < 0)
		return -1;
	return file_stage(path, FILE_MODE(0600), text->data, text->len, e);
}

int report_keep(const struct machine *m, const struct report *r, const char *source, struct err *e)
{
	auto_free char *dir = dir_of(m), *name = xasprintf("%s@%s.%s", r->name, source, r->disk);
	auto_buf struct buf text = { 0 };

	if (sweep(dir, "", name) >= KEPT_MAX)
		return err_set(e, ERR_PENDING, "too many machines report to this one");
	return report_put(r, &text, e) < 0 ? -1 : keep(m, name, source, &text, e);
}

void report_refuse(const struct machine *m, const char *source, const char *why)
{
	auto_free char *dir = dir_of(m), *name = xasprintf(REFUSED "%s", source);
	auto_buf struct buf text = { 0 };
	struct err ignored = { 0 };

	if (sweep(dir, REFUSED, name) >= REFUSED_MAX || enroll_put_words(&text, "WHY", why, &ignored) < 0)
		return;
	(void)(keep(m, name, source, &text, &ignored) < 0);
}

/* --- The answer. */

void form_reply_free(struct form_reply *r)
{
	free(r->message);
	forming_free(&r->record);
	*r = (struct form_reply){ 0 };
}

int form_reply_put(const struct form_reply *r, struct buf *out, struct err *e)
{
	if (keyfile_put(out, "VERSION", PROTOCOL, e) < 0 || keyfile_put(out, "STATUS", "ok", e) < 0 ||
	    keyfile_put(out, "FORM", words[r->word], e) < 0 || enroll_put_words(out, "MESSAGE", r->message, e) < 0 ||
	    keyfile_put(out, "NAMED", r->named ? "yes" : NULL, e) < 0)
		return -1;
	return r->record.nonce ? forming_put(out, &r->record, e) : 0;
}

int form_reply_get(const struct buf *text, struct form_reply *r, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	const char *word, *status;

	*r = (struct form_reply){ 0 };
	if (enroll_parse("the answer", text, &k, e) < 0)
		return -1;
	word = keyfile_get(&k, "FORM");
	status = keyfile_get(&k, "STATUS");
	r->message = keyfile_text(&k, "MESSAGE");
	if (!word && status && strcmp(status, "refused") == 0 && !keyfile_get(&k, "REPORTS")) {
		r->word = FORM_SAYS_FORMED;
		return 0;
	}
	if (!word)
		return err_set(e, status && strcmp(status, "busy") == 0 ? ERR_PENDING : ERR_VERIFY, "%s", r->message);
	r->word = (enum form_word)text_index(word, words, ARRAY_LEN(words));
	r->named = keyfile_get(&k, "NAMED") != NULL;
	if (r->word == ARRAY_LEN(words) ||
	    ((r->word == FORM_SAYS_OFFER || r->word == FORM_SAYS_COMMITTED) && !forming_get(&k, &r->record)))
		return err_set(e, ERR_VERIFY, "the answer to the report is not whole");
	return 0;
}
