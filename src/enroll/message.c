/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/message.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "adapter/x509_csr.h"
#include "base/text.h"
#include "config/check.h"
#include "member/forming.h"
#include "pki/profile.h"

#define PROTOCOL  "1"
#define CAS_MAX	  16 /* certificates of a trust bundle */
#define SANS_MAX  64
#define LIST_KIND "revocations"
#define CLIENT	  "client"
#define LIST_LINE 3000 /* bytes of a list that one line has */

#define CLOCK_SECONDS (30 * 60)

static const char *const statuses[] = { [ENROLL_OK] = "ok", [ENROLL_REFUSED] = "refused", [ENROLL_BUSY] = "busy" };

bool enroll_clocks_agree(time_t theirs, time_t ours)
{
	return llabs((long long)theirs - ours) <= CLOCK_SECONDS;
}

void enroll_question_free(struct enroll_question *q)
{
	free(q->name);
	free(q->address);
	strv_free(q->addresses);
	strv_free(q->sans);
	free(q->members);
	free(q->ports);
	free(q->cluster_token);
	for (int i = 0; i < PKI_LEAVES; i++)
		free(q->csr[i]);
	*q = (struct enroll_question){ 0 };
}

void enroll_question_fill(const struct config *conf, time_t now, struct enroll_question *q)
{
	*q = (struct enroll_question){
		.name = xstrdup(conf->name), .address = xstrdup(conf->address), .now = now, .list = -1
	};
	strv_add_all(&q->addresses, conf->addresses);
	strv_add_all(&q->sans, conf->extra_sans);
	if (conf->role != ROLE_CLUSTER)
		return;
	q->members = forming_members(conf);
	q->ports = forming_ports(conf);
	q->cluster_token = xstrdup(conf->cluster_token);
}

/* "CSR_SERVER", "CERT_CLIENT": one key for each profile. The caller frees. */
static char *leaf_key(const char *what, int i)
{
	char *key = xasprintf("%s_%s", what, pki_profile(i)->verb);

	text_upper(key);
	return key;
}

/* Nothing for 0. */
static int put_id(struct buf *out, const char *key, uint64_t id, struct err *e)
{
	auto_free char *text = id ? xasprintf(ID_FMT, id) : NULL;

	return keyfile_put(out, key, text, e);
}

int enroll_question_put(const struct enroll_question *q, struct buf *out, struct err *e)
{
	auto_free char *now = xasprintf("%lld", (long long)q->now), *sans = q->sans ? strv_join(q->sans, " ") : NULL;
	auto_free char *addresses = q->addresses ? strv_join(q->addresses, " ") : NULL;
	auto_free char *list = q->list < 0 ? NULL : xasprintf("%lld", (long long)q->list);

	if (keyfile_put(out, "KIND",
			q->client      ? CLIENT
			: q->list_only ? LIST_KIND
				       : NULL,
			e) < 0 ||
	    keyfile_put(out, "LIST", list, e) < 0 || keyfile_put(out, "VERSION", PROTOCOL, e) < 0 ||
	    keyfile_put(out, q->client ? "CN" : "NAME", q->name, e) < 0 ||
	    keyfile_put(out, "ADDRESS", q->client ? NULL : q->address, e) < 0 ||
	    keyfile_put(out, "ADDRESSES", addresses, e) < 0 || keyfile_put(out, "SANS", sans, e) < 0 ||
	    keyfile_put(out, "TIME", now, e) < 0 || keyfile_put(out, "MEMBERS", q->members, e) < 0 ||
	    keyfile_put(out, "PORTS", q->ports, e) < 0 || keyfile_put(out, "CLUSTER_TOKEN", q->cluster_token, e) < 0 ||
	    put_id(out, "MEMBER", q->member, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *key = leaf_key("CSR", i);

		if (keyfile_put(out, key, q->csr[i], e) < 0)
			return -1;
	}
	return 0;
}

/* What a machine says about itself. */
static int judge_machine(const struct enroll_question *q, struct err *e)
{
	const char *why = config_check_name(q->name);

	if (why)
		return err_set(e, ERR_VERIFY, "NAME=%s %s", q->name, why);
	why = config_check_address(q->address);
	if (why)
		return err_set(e, ERR_VERIFY, "ADDRESS=%s %s", q->address, why);
	why = strv_len(q->sans) > SANS_MAX ? "has too many names" : NULL;
	for (char **s = q->sans; s && *s && !why; s++)
		why = config_check_san(*s);
	if (why)
		return err_set(e, ERR_VERIFY, "a name in SANS %s", why);
	why = strv_len(q->addresses) > SANS_MAX ? "has too many addresses" : NULL;
	for (char **a = q->addresses; a && *a && !why; a++)
		why = config_is_ip(*a) ? config_check_address(*a) : "is not an IP address";
	return why ? err_set(e, ERR_VERIFY, "an address in ADDRESSES %s", why) : 0;
}

static int judge_client(const struct enroll_question *q, struct err *e)
{
	const char *why = pki_check_cn(q->name);

	if (why)
		return err_set(e, ERR_VERIFY, "CN=%s %s", q->name, why);
	for (int i = 0; i < PKI_LEAVES; i++)
		if ((q->csr[i] != NULL) != (i == PKI_ETCDCTL) || q->sans || q->addresses)
			return err_set(e, ERR_VERIFY, "the request is not for one client certificate");
	return 0;
}

/* Version and form first, so that a later version hears that it is the version. */
static int judge(const struct keyfile *k, struct enroll_question *q, struct err *e)
{
	const char *version = keyfile_get(k, "VERSION"), *now = keyfile_get(k, "TIME");
	uint64_t seconds;

	if (!version || strcmp(version, PROTOCOL) != 0)
		return err_set(e, ERR_VERIFY,
			       "the request is of version %s, and this enrolment server speaks " PROTOCOL,
			       version ? version : "none");
	if (!q->name || !q->address || !now)
		return err_set(e, ERR_VERIFY, "the request lacks %s or TIME", q->client ? "CN" : "NAME, ADDRESS");
	if ((q->client ? judge_client(q, e) : judge_machine(q, e)) < 0)
		return -1;
	if (!text_parse_u64(now, 0, INT32_MAX * 4ULL, &seconds))
		return err_set(e, ERR_VERIFY, "TIME=%s is not a valid time", now);
	q->now = (time_t)seconds;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (q->csr[i])
			return 0;
	if (q->list_only)
		return 0;
	return err_set(e, ERR_VERIFY, "the request asks for no certificate");
}

int enroll_parse(const char *what, const struct buf *text, struct keyfile *k, struct err *e)
{
	if (keyfile_parse(what, buf_str(text), text->len, k, e) == 0)
		return 0;
	e->class = ERR_VERIFY;
	e->hint[0] = '\0';
	return -1;
}

/* 0: there is none. */
static uint64_t get_id(const struct keyfile *k, const char *key)
{
	uint64_t id;

	return text_parse_id(keyfile_get(k, key), &id) ? id : 0;
}

int enroll_question_get(const struct buf *text, struct enroll_question *q, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	const char *kind;
	time_t list;

	*q = (struct enroll_question){ 0 };
	if (enroll_parse("the request", text, &k, e) < 0)
		return -1;
	kind = keyfile_get(&k, "KIND");
	q->client = kind && strcmp(kind, CLIENT) == 0;
	q->name = keyfile_copy(&k, q->client ? "CN" : "NAME");
	q->address = q->client ? xstrdup("") : keyfile_copy(&k, "ADDRESS");
	q->members = keyfile_copy(&k, "MEMBERS");
	q->ports = keyfile_copy(&k, "PORTS");
	q->cluster_token = keyfile_copy(&k, "CLUSTER_TOKEN");
	q->member = get_id(&k, "MEMBER");
	q->list_only = kind && strcmp(kind, LIST_KIND) == 0;
	q->list = keyfile_time(&k, "LIST", &list) ? list : -1;
	if (keyfile_get(&k, "ADDRESSES"))
		q->addresses = text_split(keyfile_get(&k, "ADDRESSES"), BLANKS);
	if (keyfile_get(&k, "SANS"))
		q->sans = text_split(keyfile_get(&k, "SANS"), BLANKS);
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *key = leaf_key("CSR", i);

		q->csr[i] = keyfile_copy(&k, key);
	}
	return judge(&k, q, e);
}

void enroll_reply_free(struct enroll_reply *r)
{
	free(r->message);
	free(r->hint);
	free(r->ca_host);
	pki_made_free(&r->made);
	*r = (struct enroll_reply){ 0 };
}

int enroll_put_words(struct buf *out, const char *key, const char *words, struct err *e)
{
	auto_free char *safe = xstrndup(words ? words : "", KEYFILE_MAX_LINE - strlen(key) - sizeof("=\"\""));
	char *special;

	text_printable(safe);
	while ((special = strpbrk(safe, "$`\\\"")))
		*special = '\'';
	return keyfile_put(out, key, safe, e);
}

/* The first certificate of a PEM text. */
static int put_cert(struct buf *out, const char *key, const struct buf *pem, const char *where, struct err *e)
{
	auto_cert x509_cert *cert = x509_cert_parse(pem, where, e);
	auto_buf struct buf line = { 0 };

	if (!cert)
		return -1;
	x509_cert_put(cert, &line);
	return keyfile_put(out, key, line.data, e);
}

/* Every certificate of a bundle: `rest` begins behind the end of the one before. */
static int put_cas(struct buf *out, const struct buf *pem, struct err *e)
{
	static const char end[] = "-----END CERTIFICATE-----";
	struct buf rest = *pem;
	char *stop;

	for (int i = 1; (stop = strstr(buf_str(&rest), end)); i++) {
		auto_free char *key = xasprintf("CA_%d", i);

		if (i > CAS_MAX)
			return err_set(e, ERR_CONFIG, "ca.crt has more than %d certificates", CAS_MAX);
		if (put_cert(out, key, &rest, "ca.crt", e) < 0)
			return -1;
		stop += strlen(end);
		rest.len -= (size_t)(stop - rest.data);
		rest.data = stop;
	}
	return 0;
}

static int put_list(struct buf *out, const struct buf *der, struct err *e)
{
	for (size_t at = 0, i = 1; at < der->len; at += LIST_LINE, i++) {
		const size_t left = der->len - at;
		auto_free char *key = xasprintf("LIST_%zu", i);
		auto_buf struct buf line = { 0 };

		x509_bytes_put(der->data + at, left < LIST_LINE ? left : LIST_LINE, &line);
		if (keyfile_put(out, key, line.data, e) < 0)
			return -1;
	}
	return 0;
}

int enroll_reply_put(const struct enroll_reply *r, struct buf *out, struct err *e)
{
	if (keyfile_put(out, "VERSION", PROTOCOL, e) < 0 || keyfile_put(out, "STATUS", statuses[r->status], e) < 0 ||
	    keyfile_put(out, "REPORTS", "yes", e) < 0 || keyfile_put(out, "LISTS", "yes", e) < 0 ||
	    keyfile_put(out, "CLIENTS", "yes", e) < 0 || keyfile_put(out, "QUORUM", r->quorum ? "yes" : NULL, e) < 0 ||
	    put_id(out, "MEMBER", r->member, e) < 0 || enroll_put_words(out, "MESSAGE", r->message, e) < 0 ||
	    enroll_put_words(out, "HINT", r->hint, e) < 0 ||
	    keyfile_put(out, "STANDBY", r->standby ? "yes" : NULL, e) < 0 ||
	    keyfile_put(out, "CA_HOST", r->ca_host, e) < 0 || put_cas(out, &r->made.ca_pem, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *key = leaf_key("CERT", i);

		if (r->made.cert[i].len > 0 && put_cert(out, key, &r->made.cert[i], key, e) < 0)
			return -1;
	}
	return put_list(out, &r->made.crl, e);
}

int enroll_hello_put(const char *nonce, struct buf *out, struct err *e)
{
	static char why[] = "etcd-cluster on this machine is older than on the CA host, which asks for proofs",
		    hint[] = "upgrade etcd-cluster on this machine; etcd runs on with the certificates that it has";
	const struct enroll_reply refusal = { .status = ENROLL_REFUSED, .message = why, .hint = hint };

	return enroll_reply_put(&refusal, out, e) < 0 ? -1 : keyfile_put(out, "NONCE", nonce, e);
}

int enroll_hello_get(const struct buf *text, char **nonce, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };

	if (enroll_parse("the greeting", text, &k, e) < 0)
		return -1;
	*nonce = keyfile_text(&k, "NONCE");
	return 0;
}

/* Appends the certificate of this line, if there is one, as PEM. */
static int get_cert(const struct keyfile *k, const char *key, struct buf *pem, struct err *e)
{
	const char *line = keyfile_get(k, key);
	auto_cert x509_cert *cert = line ? x509_cert_get(line, e) : NULL;

	if (!line)
		return 0;
	if (!cert)
		return err_wrap(e, "%s", key);
	x509_cert_pem(cert, pem);
	return 0;
}

static int get_certs(const struct keyfile *k, struct pki_made *made, struct err *e)
{
	for (int i = 1; i <= CAS_MAX; i++) {
		auto_free char *key = xasprintf("CA_%d", i);

		if (get_cert(k, key, &made->ca_pem, e) < 0)
			return -1;
	}
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *key = leaf_key("CERT", i);

		if (get_cert(k, key, &made->cert[i], e) < 0)
			return -1;
	}
	return 0;
}

static int get_list(const struct keyfile *k, struct buf *der, struct err *e)
{
	for (size_t i = 1;; i++) {
		auto_free char *key = xasprintf("LIST_%zu", i);
		const char *line = keyfile_get(k, key);

		if (!line)
			return 0;
		if (x509_bytes_get(line, der, e) < 0)
			return err_wrap(e, "%s", key);
	}
}

int enroll_reply_get(const struct buf *text, struct enroll_reply *r, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	size_t status;

	*r = (struct enroll_reply){ 0 };
	if (enroll_parse("the answer", text, &k, e) < 0)
		return -1;
	r->message = keyfile_copy(&k, "MESSAGE");
	r->hint = keyfile_copy(&k, "HINT");
	r->standby = keyfile_get(&k, "STANDBY") != NULL;
	r->ca_host = keyfile_copy(&k, "CA_HOST");
	status = text_index(keyfile_get(&k, "STATUS"), statuses, ARRAY_LEN(statuses));
	if (status == ARRAY_LEN(statuses))
		return err_set(e, ERR_VERIFY, "the answer has no known STATUS");
	r->status = (enum enroll_status)status;
	r->lists = keyfile_get(&k, "LISTS") != NULL;
	r->clients = keyfile_get(&k, "CLIENTS") != NULL;
	r->quorum = keyfile_get(&k, "QUORUM") != NULL;
	r->member = get_id(&k, "MEMBER");
	return get_certs(&k, &r->made, e) < 0 ? -1 : get_list(&k, &r->made.crl, e);
}

int enroll_reply_check(const struct enroll_reply *r, struct err *e)
{
	if (r->status == ENROLL_OK)
		return 0;
	(void)err_set(e,
		      r->standby		 ? ERR_FAIL
		      : r->status == ENROLL_BUSY ? ERR_PENDING
						 : ERR_VERIFY,
		      "%s", r->message ? r->message : "it refuses without a reason");
	return r->hint && r->hint[0] ? err_hint(e, "%s", r->hint) : -1;
}
