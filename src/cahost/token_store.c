/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/token_store.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define LOCK_SECONDS 10
/* A machine whose answer got lost asks again within seconds, or when it has booted again. */
#define RETRY_SECONDS (60 * 60)
#define FORM_SECONDS  (7L * DAY)

void token_entry_free(struct token_entry *t)
{
	token_forget(&t->token);
	free(t->name);
	free(t->address);
	free(t->from);
	strv_free(t->addresses);
	strv_free(t->sans);
	for (size_t i = 0; i < t->n_used; i++) {
		free(t->used[i].name);
		free(t->used[i].key);
	}
	free(t->used);
	*t = (struct token_entry){ 0 };
}

void token_list_free(struct token_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		token_entry_free(&list->entries[i]);
	free(list->entries);
	*list = (struct token_list){ 0 };
}

const struct token_use *token_used_by(const struct token_entry *t, const char *name)
{
	for (size_t i = 0; i < t->n_used; i++)
		if (strcmp(t->used[i].name, name) == 0)
			return &t->used[i];
	return NULL;
}

unsigned int token_left(const struct token_entry *t, time_t now)
{
	return t->expires <= now || t->n_used >= t->uses ? 0 : t->uses - (unsigned int)t->n_used;
}

/* The caller frees. */
static char *tokens_dir(const struct machine *m)
{
	return xasprintf("%s/tokens", m->at.enroll);
}

static char *path_of(const struct machine *m, const char *id)
{
	return xasprintf("%s/tokens/%s", m->at.enroll, id);
}

int token_store_lock(const struct machine *m, struct err *e)
{
	static const char *const beside[] = { "members", "removed", "clients", "revoked" }; /* record.h */
	auto_free char *lock = xasprintf("%s/lock", m->at.enroll);
	auto_free char *dir = tokens_dir(m);
	int fd;

	if (file_mkdirs(dir, FILE_MODE(0700), e) < 0)
		return -1;
	fd = file_lock(lock, LOCK_SECONDS, e);
	if (fd >= 0) {
		file_sweep(m->at.enroll);
		file_sweep(dir);
		for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
			auto_free char *other = xasprintf("%s/%s", m->at.enroll, beside[i]);

			file_sweep(other);
		}
	}
	return fd;
}

static void add_use(struct token_entry *t, const char *name, const char *key, time_t at)
{
	t->used = xrealloc(t->used, t->n_used + 1, sizeof(*t->used));
	t->used[t->n_used++] = (struct token_use){ xstrdup(name), xstrdup(key), at };
}

/* USED_1="n2 <key> <when>" */
static bool parse_use(struct token_entry *t, const char *value)
{
	auto_strv char **words = text_split(value, BLANKS);
	uint64_t at;

	if (strv_len(words) != 3 || !text_parse_u64(words[2], 0, INT64_MAX, &at))
		return false;
	add_use(t, words[0], words[1], (time_t)at);
	return true;
}

static bool parse(const struct keyfile *k, struct token_entry *t)
{
	const char *psk = keyfile_get(k, "PSK"), *proof = keyfile_get(k, "PROOF"), *number = keyfile_get(k, "USES"),
		   *sans = keyfile_get(k, "SANS"), *addresses = keyfile_get(k, "ADDRESSES");
	uint64_t uses;

	if (!psk || !text_unhex(psk, t->token.psk, sizeof(t->token.psk)) || !keyfile_time(k, "MADE", &t->made) ||
	    !keyfile_time(k, "EXPIRES", &t->expires) || !number || !text_parse_u64(number, 0, TOKEN_MAX_USES, &uses))
		return false;
	t->token.proves = proof && text_unhex(proof, t->token.proof, sizeof(t->token.proof));
	t->uses = (unsigned int)uses;
	t->members = keyfile_get(k, "MEMBERS") != NULL;
	t->client = keyfile_get(k, "CLIENT") != NULL;
	if (t->client)
		t->uses = 1;
	t->recovery = keyfile_get(k, "RECOVERY") != NULL;
	t->name = keyfile_copy(k, t->client ? "CLIENT" : "NAME");
	t->address = keyfile_copy(k, "ADDRESS");
	t->from = keyfile_copy(k, "FROM");
	t->addresses = addresses ? text_split(addresses, BLANKS) : NULL;
	t->sans = sans ? text_split(sans, BLANKS) : NULL;
	for (size_t i = 0; i < k->n; i++)
		if (text_starts(k->entries[i].key, "USED_") && !parse_use(t, k->entries[i].value))
			return false;
	return true;
}

int token_store_find(const struct machine *m, const char *id, struct token_entry *t, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	auto_free char *path = path_of(m, id);

	*t = (struct token_entry){ 0 };
	if (!token_is_id(id))
		return 0;
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	memcpy(t->token.id, id, sizeof(t->token.id));
	if (parse(&k, t))
		return 1;
	(void)err_set(e, ERR_CONFIG, "%s is not as it was written", path);
	return err_hint(e, "etcd-cluster token revoke %s; etcd-cluster token new", id);
}

static int render(const struct token_entry *t, struct buf *text, struct err *e)
{
	auto_free char *sans = t->sans ? strv_join(t->sans, " ") : NULL;
	auto_free char *addresses = t->addresses ? strv_join(t->addresses, " ") : NULL;
	char psk[2 * TOKEN_PSK + 1], proof[2 * TOKEN_PSK + 1];

	buf_puts(text, "# An enrolment token; etcd-cluster token list shows it, token revoke removes it.\n");
	text_hex(t->token.psk, sizeof(t->token.psk), psk);
	text_hex(t->token.proof, sizeof(t->token.proof), proof);
	/* To an earlier version, which does not know CLIENT, a token for a client is one that is used up. */
	buf_printf(text, "PSK=%s\nMADE=%lld\nEXPIRES=%lld\nUSES=%u\n", psk, (long long)t->made, (long long)t->expires,
		   t->client ? 0 : t->uses);
	if (t->token.proves)
		buf_printf(text, "PROOF=%s\n", proof);
	explicit_bzero(psk, sizeof(psk));
	explicit_bzero(proof, sizeof(proof));
	if (keyfile_put(text, "MEMBERS", t->members ? "yes" : NULL, e) < 0 ||
	    keyfile_put(text, "RECOVERY", t->recovery ? "yes" : NULL, e) < 0 ||
	    keyfile_put(text, t->client ? "CLIENT" : "NAME", t->name, e) < 0 ||
	    keyfile_put(text, "ADDRESS", t->address, e) < 0 || keyfile_put(text, "ADDRESSES", addresses, e) < 0 ||
	    keyfile_put(text, "FROM", t->from, e) < 0 || keyfile_put(text, "SANS", sans, e) < 0)
		return -1;
	for (size_t i = 0; i < t->n_used; i++) {
		auto_free char *key = xasprintf("USED_%zu", i + 1);
		auto_free char *value =
			xasprintf("%s %s %lld", t->used[i].name, t->used[i].key, (long long)t->used[i].at);

		if (keyfile_put(text, key, value, e) < 0)
			return -1;
	}
	return 0;
}

int token_store_put(const struct machine *m, const struct token_entry *t, struct err *e)
{
	auto_free char *path = path_of(m, t->token.id);
	auto_buf struct buf text = { 0 };

	if (render(t, &text, e) < 0)
		return -1;
	return file_replace(path, FILE_MODE(0600), text.data, text.len, e);
}

int token_store_use(const struct machine *m, struct token_entry *t, const char *name, const char *key, struct err *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n_used; i++) {
		if (strcmp(t->used[i].name, name) != 0) {
			t->used[kept++] = t->used[i];
			continue;
		}
		free(t->used[i].name); /* an earlier disk of the same machine, while the cluster is formed */
		free(t->used[i].key);
	}
	t->n_used = kept;
	add_use(t, name, key, m->now);
	return token_store_put(m, t, e);
}

int token_store_remove(const struct machine *m, const char *id, struct err *e)
{
	auto_free char *path = path_of(m, id);

	return token_is_id(id) ? file_wipe(path, e) : 0;
}

int token_store_list(const struct machine *m, struct token_list *list, struct err *e)
{
	auto_free char *dir = tokens_dir(m);
	auto_strv char **ids = NULL;

	*list = (struct token_list){ 0 };
	if (file_list(dir, token_is_id, &ids, e) < 0)
		return -1;
	list->entries = xcalloc(strv_len(ids), sizeof(*list->entries));
	for (char **id = ids; id && *id; id++) {
		int found = token_store_find(m, *id, &list->entries[list->n], e);

		list->n += found != 0;
		if (found < 0)
			return -1;
	}
	return 0;
}

/* Of no use any more. */
static bool is_spent(const struct token_entry *t, time_t now)
{
	return t->expires <= now ||
	       (t->n_used >= t->uses && (t->n_used == 0 || t->used[t->n_used - 1].at + RETRY_SECONDS <= now));
}

int token_store_sweep(const struct machine *m, struct err *e)
{
	auto_free char *dir = tokens_dir(m);
	auto_strv char **ids = NULL;
	int swept = 0;

	if (file_list(dir, token_is_id, &ids, e) < 0)
		return -1;
	for (char **id = ids; id && *id; id++) {
		auto_token_entry struct token_entry t = { 0 };
		struct err unread = { 0 };

		/* One that is broken is for `token list` to complain about; the others must go all the same. */
		if (token_store_find(m, *id, &t, &unread) <= 0 || !is_spent(&t, m->now))
			continue;
		log_info("enrolment token %s %s: removed", *id, t.expires <= m->now ? "has expired" : "is used up");
		if (token_store_remove(m, *id, e) < 0)
			return -1;
		swept++;
	}
	return swept;
}

/* 1 it is in the store now, 0 it was, or it is not taken again; -1. */
static int store_given(const struct machine *m, const struct token *token, bool gathers, struct err *e)
{
	auto_token_entry struct token_entry fresh = { .token = *token,
						      .made = m->now,
						      .expires = m->now + FORM_SECONDS,
						      .uses = (unsigned int)m->conf.n_members - 1,
						      .members = true };
	auto_token_entry struct token_entry known = { 0 };
	/*
	 * Ids of tokens that came as ENROLL_TOKEN_FILE. What provisions machines may write that file again at every boot,
	 * long after the token was used up and removed: it must not become good for another round.
	 */
	auto_free char *path = xasprintf("%s/taken", m->at.enroll);
	auto_close int lock = token_store_lock(m, e);
	auto_buf struct buf taken = { 0 };
	bool was;
	int rc;

	if (lock < 0 || (file_read(path, 1 << 20, &taken, e) < 0 && err_absent(e) < 0) || fresh.uses == 0)
		return lock < 0 || fresh.uses > 0 ? -1 : 0;
	was = strstr(buf_str(&taken), token->id) != NULL;
	rc = token_store_find(m, token->id, &known, e);
	if (rc < 0)
		return -1;
	if (was && !gathers) {
		log_info("enrolment token %s was taken in before, and is not again", token->id);
		return 0;
	}
	if (was && rc > 0 && known.token.proves && known.expires > m->now + FORM_SECONDS / 2)
		return 0;
	known.token = *token;
	known.expires = fresh.expires;
	if (token_store_put(m, rc > 0 ? &known : &fresh, e) < 0)
		return -1;
	buf_printf(&taken, "%s\n", token->id);
	if (!was && file_replace(path, FILE_MODE(0600), taken.data, taken.len, e) < 0)
		return -1;
	log_info("enrolment token %s is good for the other %u of MEMBERS until %s", token->id, fresh.uses,
		 clock_day(fresh.expires).text);
	return 1;
}

int token_store_form(const struct machine *m, bool gathers, struct err *e)
{
	auto_token struct token token = { .id = "" };
	int rc = token_read_file(m, &token, e), stored = 0, wiped;

	if (rc < 0)
		return -1;
	if (rc > 0 && m->dry_run)
		log_info("would let the other MEMBERS enrol with the token of %s", m->conf.enroll_token_file);
	else if (rc > 0)
		stored = store_given(m, &token, gathers, e);
	if (stored < 0 || gathers)
		return stored;
	wiped = token_wipe_file(m, e);
	return wiped < 0 ? -1 : stored || wiped;
}
