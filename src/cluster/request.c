/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/request.h"

#include <string.h>

#include "adapter/x509_csr.h"
#include "adapter/x509_raw.h"
#include "base/clock.h"
#include "base/text.h"
#include "config/check.h"
#include "member/endpoint.h"
#include "pki/pair.h"
#include "pki/profile.h"

#define MAGIC "etcd-cluster-request-1"

enum { MAGIC_, CLUSTER, ID, FROM, NAME, TO, EXPIRES, WHAT, ARGUMENT, OUTAGE, CERT, SIGNATURE, WORDS };

#define TEXT_MAX 16384
#define CERT_MAX 8192
/* As many requests as a cluster gets in years; the newest are kept. */
#define JOURNAL_ENTRIES 256
#define JOURNAL_MAX	(JOURNAL_ENTRIES * 2048)

void request_free(struct request *r)
{
	free(r->name);
	free(r->what);
	free(r->argument);
	*r = (struct request){ 0 };
}

char *request_key(uint64_t to)
{
	return xasprintf("etcd-cluster/request/" ID_FMT, to);
}

char *request_answer_key(uint64_t to)
{
	return xasprintf("etcd-cluster/answer/" ID_FMT, to);
}

/* --- Made. */

/* As others will read it. */
static int check_own(const struct machine *m, const char *line, const struct pki_pair *ca, struct err *e)
{
	uint8_t der[CERT_MAX];
	const size_t len = x509_raw_line(line, der, sizeof(der));
	auto_cert x509_cert *cert = len > 0 ? x509_raw_cert(der, len, &ca->pem, e) : NULL;

	(void)m;
	if (cert)
		return 0;
	(void)err_set(
		e, ERR_CONFIG,
		"peer.crt is not signed by a CA of ca.crt itself, so the other members could not check a request");
	return err_hint(e, "on each machine, one after the other: etcd-cluster restart");
}

char *request_sign(const struct machine *m, const struct request *r, struct err *e)
{
	const struct pki_profile *profile = pki_profile(PKI_PEER);
	auto_pair struct pki_pair ca = { 0 }, peer = { 0 };
	auto_buf struct buf line = { 0 }, cert = { 0 };

	if (pki_pair_load(m, "ca", false, &ca, e) < 0 || pki_pair_load(m, profile->name, profile->server, &peer, e) < 0)
		return NULL;
	if (!ca.cert || !peer.cert || !peer.key)
		return err_null(e, ERR_CONFIG, "%s has no whole pair peer.crt and peer.key beside ca.crt", m->at.pki);
	x509_cert_put(peer.cert, &cert);
	if (check_own(m, buf_str(&cert), &ca, e) < 0)
		return NULL;
	buf_printf(&line, MAGIC " " ID_FMT " %s " ID_FMT " %s " ID_FMT " %lld %s %s %s %s ", r->cluster, r->id, r->from,
		   r->name, r->to, (long long)r->expires, r->what, r->argument ? r->argument : "-",
		   r->allow_outage ? "allow-outage" : "-", buf_str(&cert));
	return x509_key_sign(peer.key, line.data, line.len, &line, e) < 0 ? NULL : xstrdup(buf_str(&line));
}

/* --- Checked. */

static int refuse(struct err *e, const char *why)
{
	return err_set(e, ERR_VERIFY, "%s", why);
}

/* The certificate that came with it: of a peer of this cluster, now. NULL. */
static x509_cert *check_cert(const char *line, const struct request_facts *f, struct err *e)
{
	uint8_t der[CERT_MAX];
	const size_t len = x509_raw_line(line, der, sizeof(der));
	const struct buf no_chain = { 0 };
	auto_cert x509_cert *cert = NULL;
	struct x509_info info = { 0 };
	int rc = -1;

	if (len == 0)
		return err_null(e, ERR_VERIFY, "what came as its certificate is none");
	cert = x509_raw_cert(der, len, f->ca, e);
	if (!cert)
		return NULL;
	if (x509_verify(cert, &no_chain, f->ca, true, f->now, e) < 0) {
		(void)err_wrap(e, "its certificate cannot be used");
		return NULL;
	}
	x509_describe(cert, &info);
	if (info.ca || strcmp(info.cn, f->peer_cn) != 0)
		(void)err_set(e, ERR_VERIFY, "its certificate (CN %s) is not one of a peer", info.cn);
	else if (strv_has(f->revoked, info.serial))
		(void)err_set(e, ERR_VERIFY, "its certificate is revoked");
	else
		rc = 0;
	x509_info_free(&info);
	return rc < 0 ? NULL : steal(&cert);
}

static bool parse(char *const *words, struct request *r)
{
	uint64_t expires;

	if (!text_parse_id(words[CLUSTER], &r->cluster) || !disk_is_id(words[ID]) ||
	    !text_parse_id(words[FROM], &r->from) || config_check_name(words[NAME]) ||
	    !text_parse_id(words[TO], &r->to) || !text_parse_u64(words[EXPIRES], 1, INT64_MAX / 2, &expires))
		return false;
	memcpy(r->id, words[ID], DISK_ID_HEX);
	r->expires = (time_t)expires;
	r->name = xstrdup(words[NAME]);
	r->what = xstrdup(words[WHAT]);
	r->argument = strcmp(words[ARGUMENT], "-") == 0 ? NULL : xstrdup(words[ARGUMENT]);
	r->allow_outage = strcmp(words[OUTAGE], "allow-outage") == 0;
	return true;
}

/* The member that asks is one now, and its certificate is for an address at which the cluster dials it. */
static int check_member(const struct request *r, x509_cert *cert, const struct rpc_members *list, struct err *e)
{
	const struct rpc_member *one = NULL;

	for (size_t i = 0; i < list->n; i++)
		if (list->list[i].id == r->from)
			one = &list->list[i];
	if (!one)
		return err_set(e, ERR_VERIFY, "the member " ID_FMT " that asks is not in the cluster", r->from);
	if (one->is_learner || strcmp(one->name, r->name) != 0)
		return err_set(e, ERR_VERIFY, "the member " ID_FMT " is not a voting member %s", r->from, r->name);
	for (char **url = one->peer_urls; url && *url; url++) {
		auto_free char *host = NULL;
		uint16_t port;

		if (endpoint_split(*url, &host, &port) && x509_covers(cert, host))
			return 0;
	}
	return err_set(e, ERR_VERIFY, "its certificate is not for the address of %s", r->name);
}

static int check_order(const struct request *r, const struct request_facts *f, struct err *e)
{
	if (r->cluster != f->list->cluster_id)
		return err_set(e, ERR_VERIFY, "it is for the cluster " ID_FMT, r->cluster);
	if (r->to != f->own)
		return err_set(e, ERR_VERIFY, "it is for the member " ID_FMT, r->to);
	if (r->expires <= f->now)
		return err_set(e, ERR_VERIFY, "it has expired at %s", clock_minute(r->expires).text);
	if (r->expires > f->now + REQUEST_SECONDS)
		return refuse(e, "it is valid for longer than an hour: its maker's clock or this machine's is wrong");
	return strv_has(f->known, r->id) ? refuse(e, "it was carried out before") : 0;
}

int request_check(const char *text, const struct request_facts *f, struct request *r, struct err *e)
{
	auto_strv char **words = strlen(text) < TEXT_MAX ? text_split(text, BLANKS) : NULL;
	auto_cert x509_cert *cert = NULL;

	if (!words || strv_len(words) != WORDS || strcmp(words[MAGIC_], MAGIC) != 0)
		return refuse(e, "it is not a request that this version of etcd-cluster understands");
	cert = check_cert(words[CERT], f, e);
	if (!cert)
		return -1;
	if (!x509_raw_signed(cert, text, (size_t)(strrchr(text, ' ') + 1 - text), words[SIGNATURE]))
		return refuse(e, "its signature is not that of its certificate");
	if (!parse(words, r))
		return refuse(e, "it is not a request that this version of etcd-cluster understands");
	return check_member(r, cert, f->list, e) < 0 || check_order(r, f, e) < 0 ? -1 : 0;
}

/* --- The journal. */

static const char *const states[] = {
	[REQUEST_BEGUN] = "begun", [REQUEST_DONE] = "done", [REQUEST_FAILED] = "failed", [REQUEST_REFUSED] = "refused"
};

const char *request_state_name(enum request_state state)
{
	return states[state];
}

static char *journal_path(const struct machine *m)
{
	const int dir = (int)(strrchr(m->at.mark, '/') - m->at.mark);

	return xasprintf("%.*s/requests", dir, m->at.mark);
}

void request_journal_free(struct request_journal *j)
{
	for (size_t i = 0; i < j->n; i++)
		free(j->list[i].words);
	free(j->list);
	*j = (struct request_journal){ 0 };
}

static void add(struct request_journal *j, const struct request_entry *one)
{
	j->list = xrealloc(j->list, j->n + 1, sizeof(*j->list));
	j->list[j->n] = *one;
	j->list[j->n++].words = xstrdup(one->words ? one->words : "");
}

/* "ID STATE REVISION WHEN words" */
static void parse_line(char *line, struct request_journal *j)
{
	char *word[4], *rest = line;
	struct request_entry one = { 0 };
	uint64_t revision, when;
	size_t state;

	for (size_t i = 0; i < ARRAY_LEN(word); i++) {
		word[i] = strsep(&rest, " ");
		if (!rest)
			return;
	}
	state = text_index(word[1], states, ARRAY_LEN(states));
	if (!disk_is_id(word[0]) || state == ARRAY_LEN(states) || !text_parse_u64(word[2], 0, INT64_MAX, &revision) ||
	    !text_parse_u64(word[3], 0, INT64_MAX / 2, &when))
		return;
	memcpy(one.id, word[0], DISK_ID_HEX);
	one.state = (enum request_state)state;
	one.revision = (int64_t)revision;
	one.when = (time_t)when;
	one.words = rest;
	add(j, &one);
}

int request_journal_read(const struct machine *m, struct request_journal *j, struct err *e)
{
	auto_free char *path = journal_path(m);
	auto_buf struct buf text = { 0 };
	auto_strv char **lines = NULL;

	if (file_read(path, JOURNAL_MAX, &text, e) < 0)
		return err_absent(e);
	lines = text_split(buf_str(&text), "\n");
	for (char **line = lines; line && *line; line++)
		parse_line(*line, j);
	return 0;
}

int request_journal_put(const struct machine *m, struct request_journal *j, const struct request_entry *one,
			struct err *e)
{
	auto_free char *path = journal_path(m), *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	auto_buf struct buf text = { 0 };
	size_t at = 0;

	while (at < j->n && strcmp(j->list[at].id, one->id) != 0)
		at++;
	if (at < j->n) {
		free(j->list[at].words);
		memmove(&j->list[at], &j->list[at + 1], (j->n - at - 1) * sizeof(*j->list));
		j->n--;
	}
	add(j, one);
	for (size_t i = j->n > JOURNAL_ENTRIES ? j->n - JOURNAL_ENTRIES : 0; i < j->n; i++)
		buf_printf(&text, "%s %s %lld %lld %.1024s\n", j->list[i].id, states[j->list[i].state],
			   (long long)j->list[i].revision, (long long)j->list[i].when, j->list[i].words);
	if (file_mkdirs(dir, FILE_MODE(0755), e) < 0)
		return -1;
	return machine_write(m, path, FILE_MODE(0644), &text, e) < 0 ? -1 : 0;
}
