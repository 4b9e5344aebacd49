/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/message.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/keyfile.h"
#include "adapter/x509_csr.h"
#include "base/text.h"
#include "config/check.h"
#include "enroll/rules.h"

#define PROTOCOL "1"
#define CAS_MAX	 16 /* certificates of a trust bundle */
#define SANS_MAX 64

static const char *const statuses[] = { [ENROLL_OK] = "ok", [ENROLL_REFUSED] = "refused", [ENROLL_BUSY] = "busy" };

void enroll_question_free(struct enroll_question *q)
{
	free(q->name);
	free(q->address);
	strv_free(q->sans);
	free(q->members);
	free(q->ports);
	free(q->cluster_token);
	for (int i = 0; i < PKI_LEAVES; i++)
		free(q->csr[i]);
	memset(q, 0, sizeof(*q));
}

void enroll_question_fill(const struct config *conf, time_t now, struct enroll_question *q)
{
	*q = (struct enroll_question){ .name = xstrdup(conf->name), .address = xstrdup(conf->address), .now = now };
	for (char **s = conf->extra_sans; s && *s; s++)
		strv_add(&q->sans, *s);
	if (conf->role != ROLE_CLUSTER)
		return;
	q->members = enroll_members_text(conf);
	q->ports = enroll_ports_text(conf);
	q->cluster_token = xstrdup(conf->cluster_token);
}

/* "CSR_SERVER", "CERT_CLIENT": one key for each profile. The caller frees. */
static char *leaf_key(const char *what, int i)
{
	char *key = xasprintf("%s_%s", what, pki_profile((enum pki_leaf)i)->verb);

	text_upper(key);
	return key;
}

static int put_given(struct buf *out, const char *key, const char *value, struct err *e)
{
	return value ? keyfile_put(out, key, value, e) : 0;
}

int enroll_question_put(const struct enroll_question *q, struct buf *out, struct err *e)
{
	auto_free char *now = xasprintf("%lld", (long long)q->now);
	auto_buf struct buf sans = { 0 };

	for (char **s = q->sans; s && *s; s++)
		buf_printf(&sans, "%s%s", sans.len > 0 ? " " : "", *s);
	if (keyfile_put(out, "VERSION", PROTOCOL, e) < 0 || keyfile_put(out, "NAME", q->name, e) < 0 ||
	    keyfile_put(out, "ADDRESS", q->address, e) < 0 || put_given(out, "SANS", sans.data, e) < 0 ||
	    keyfile_put(out, "TIME", now, e) < 0 || put_given(out, "MEMBERS", q->members, e) < 0 ||
	    put_given(out, "PORTS", q->ports, e) < 0 || put_given(out, "CLUSTER_TOKEN", q->cluster_token, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *key = leaf_key("CSR", i);

		if (put_given(out, key, q->csr[i], e) < 0)
			return -1;
	}
	return 0;
}

/* A copy of the value, or NULL. The caller frees. */
static char *take(const struct keyfile *k, const char *key)
{
	const char *value = keyfile_get(k, key);

	return value ? xstrdup(value) : NULL;
}

static const char *check_sans(const struct enroll_question *q)
{
	const char *why = NULL;

	if (q->sans && strv_len(q->sans) > SANS_MAX)
		return "has too many names";
	for (char **s = q->sans; s && *s && !why; s++)
		why = config_check_san(*s);
	return why;
}

/* Version and form first, so that a later version hears that it is the version. */
static int judge(const struct keyfile *k, struct enroll_question *q, struct err *e)
{
	const char *version = keyfile_get(k, "VERSION"), *now = keyfile_get(k, "TIME"), *why;
	uint64_t seconds;
	bool any = false;

	if (!version || strcmp(version, PROTOCOL) != 0)
		return err_set(e, ERR_VERIFY,
			       "the request is of version %s, and this enrolment server speaks " PROTOCOL,
			       version ? version : "none");
	if (!q->name || !q->address || !now)
		return err_set(e, ERR_VERIFY, "the request lacks NAME, ADDRESS or TIME");
	why = config_check_name(q->name);
	if (why)
		return err_set(e, ERR_VERIFY, "NAME=%s %s", q->name, why);
	why = config_check_address(q->address);
	if (why)
		return err_set(e, ERR_VERIFY, "ADDRESS=%s %s", q->address, why);
	why = check_sans(q);
	if (why)
		return err_set(e, ERR_VERIFY, "a name in SANS %s", why);
	if (!text_parse_u64(now, 0, INT32_MAX * 4ULL, &seconds))
		return err_set(e, ERR_VERIFY, "TIME=%s is not a valid time", now);
	q->now = (time_t)seconds;
	for (int i = 0; i < PKI_LEAVES; i++)
		any = any || q->csr[i];
	return any ? 0 : err_set(e, ERR_VERIFY, "the request asks for no certificate");
}

int enroll_question_get(const struct buf *text, struct enroll_question *q, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };

	*q = (struct enroll_question){ 0 };
	if (keyfile_parse("the request", buf_str(text), text->len, &k, e) < 0) {
		e->class = ERR_VERIFY;
		e->hint[0] = '\0';
		return -1;
	}
	q->name = take(&k, "NAME");
	q->address = take(&k, "ADDRESS");
	q->members = take(&k, "MEMBERS");
	q->ports = take(&k, "PORTS");
	q->cluster_token = take(&k, "CLUSTER_TOKEN");
	if (keyfile_get(&k, "SANS"))
		q->sans = text_split(keyfile_get(&k, "SANS"), "");
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *key = leaf_key("CSR", i);

		q->csr[i] = take(&k, key);
	}
	return judge(&k, q, e);
}

void enroll_reply_free(struct enroll_reply *r)
{
	free(r->message);
	free(r->hint);
	buf_free(&r->ca_pem);
	for (int i = 0; i < PKI_LEAVES; i++)
		buf_free(&r->cert[i]);
	memset(r, 0, sizeof(*r));
}

/* Words for people, in the form that a line can carry. */
static int put_words(struct buf *out, const char *key, const char *words, struct err *e)
{
	auto_free char *safe = xstrdup(words ? words : "");

	text_printable(safe);
	for (char *p = safe; *p; p++)
		if (strchr("$`\\\"", *p))
			*p = '\'';
	return keyfile_put(out, key, safe, e);
}

/* Every certificate of a bundle: the text is cut at the ends. */
static int put_cas(struct buf *out, const struct buf *pem, struct err *e)
{
	static const char end[] = "-----END CERTIFICATE-----";
	const char *at = buf_str(pem), *stop;

	for (int i = 1; (stop = strstr(at, end)); i++) {
		auto_free char *key = xasprintf("CA_%d", i);
		auto_buf struct buf one = { 0 }, line = { 0 };
		auto_cert x509_cert *ca = NULL;

		buf_add(&one, at, (size_t)(stop - at) + strlen(end));
		buf_puts(&one, "\n");
		at = stop + strlen(end);
		ca = x509_cert_parse(&one, "ca.crt", e);
		if (!ca)
			return -1;
		if (i > CAS_MAX)
			return err_set(e, ERR_CONFIG, "ca.crt has more than %d certificates", CAS_MAX);
		x509_cert_put(ca, &line);
		if (keyfile_put(out, key, line.data, e) < 0)
			return -1;
	}
	return 0;
}

int enroll_reply_put(const struct enroll_reply *r, struct buf *out, struct err *e)
{
	if (keyfile_put(out, "VERSION", PROTOCOL, e) < 0 || keyfile_put(out, "STATUS", statuses[r->status], e) < 0 ||
	    put_words(out, "MESSAGE", r->message, e) < 0 || put_words(out, "HINT", r->hint, e) < 0 ||
	    put_cas(out, &r->ca_pem, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *key = leaf_key("CERT", i);
		auto_cert x509_cert *cert = NULL;
		auto_buf struct buf line = { 0 };

		if (r->cert[i].len == 0)
			continue;
		cert = x509_cert_parse(&r->cert[i], key, e);
		if (!cert)
			return -1;
		x509_cert_put(cert, &line);
		if (keyfile_put(out, key, line.data, e) < 0)
			return -1;
	}
	return 0;
}

/* Appends the certificate of this line as PEM. 1, 0 there is no such line, -1. */
static int get_cert(const struct keyfile *k, const char *key, struct buf *pem, struct err *e)
{
	const char *line = keyfile_get(k, key);
	auto_cert x509_cert *cert = line ? x509_cert_get(line, e) : NULL;

	if (!line)
		return 0;
	if (!cert)
		return err_wrap(e, "%s", key);
	x509_cert_pem(cert, pem);
	return 1;
}

static int get_certs(const struct keyfile *k, struct enroll_reply *r, struct err *e)
{
	int rc = 1;

	for (int i = 1; i <= CAS_MAX && rc > 0; i++) {
		auto_free char *key = xasprintf("CA_%d", i);

		rc = get_cert(k, key, &r->ca_pem, e);
	}
	for (int i = 0; i < PKI_LEAVES && rc >= 0; i++) {
		auto_free char *key = leaf_key("CERT", i);

		rc = get_cert(k, key, &r->cert[i], e);
	}
	return rc < 0 ? -1 : 0;
}

int enroll_reply_get(const struct buf *text, struct enroll_reply *r, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	const char *status;
	size_t i = 0;

	*r = (struct enroll_reply){ 0 };
	if (keyfile_parse("the answer", buf_str(text), text->len, &k, e) < 0) {
		e->class = ERR_VERIFY;
		e->hint[0] = '\0';
		return -1;
	}
	status = keyfile_get(&k, "STATUS");
	while (status && i < ARRAY_LEN(statuses) && strcmp(status, statuses[i]) != 0)
		i++;
	if (!status || i == ARRAY_LEN(statuses))
		return err_set(e, ERR_VERIFY, "the answer has no known STATUS");
	r->status = (enum enroll_status)i;
	r->message = take(&k, "MESSAGE");
	r->hint = take(&k, "HINT");
	return get_certs(&k, r, e);
}
