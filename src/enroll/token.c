/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/token.h"

#include <ctype.h>
#include <string.h>
#include <sys/random.h>

#include "adapter/digest.h"
#include "adapter/x509.h"
#include "base/log.h"
#include "base/text.h"

#define BITS	     0x1p128 /* as many texts there must be to choose from */
#define SEPARATORS   ":-._"
#define HEX	     "0123456789abcdef"
#define RANDOM_BYTES 20

void token_forget(struct token *t)
{
	explicit_bzero(t, sizeof(*t));
}

/* What a text is made of, without what does not count. */
struct shape {
	char s[TOKEN_MAX + 1]; /* in lower case */
	size_t n;
	unsigned int alphabet;
	size_t distinct, pairs; /* how many different characters, and pairs of neighbours */
	size_t steps;		/* characters that repeat the one before, or count up or down from it */
};

/* 8-4-4-4-12 hex digits. */
static bool is_uuid(const char *s)
{
	return strlen(s) == 36 && strspn(s, "0123456789abcdefABCDEF-") == 36 && s[8] == '-' && s[13] == '-' &&
	       s[18] == '-' && s[23] == '-';
}

/* From how many characters each one of this text seems to be taken. */
static unsigned int alphabet_of(const char *text, size_t len)
{
	unsigned int lower = 0, upper = 0, digit = 0, other = 0;
	bool hex = true;

	for (const char *p = text; p < text + len; p++) {
		if (strchr(SEPARATORS, *p)) {
			other = 2; /* base64 has two, and people put one at the end */
			continue;
		}
		hex = hex && isxdigit((unsigned char)*p);
		lower |= islower((unsigned char)*p) ? 26 : 0;
		upper |= isupper((unsigned char)*p) ? 26 : 0;
		digit |= isdigit((unsigned char)*p) ? 10 : 0;
		other |= isalnum((unsigned char)*p) ? 0 : 2;
	}
	if (hex)
		return lower || upper ? 16 : digit;
	/* That base64 has no digit or none of its two other characters in it is chance. */
	return lower && upper ? 64 : lower + upper + digit + other;
}

static void look(const char *text, struct shape *shape)
{
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '=')
		len--;
	shape->alphabet = alphabet_of(text, len);
	for (size_t i = 0; i < len; i++) {
		char c = (char)tolower((unsigned char)text[i]), *end = shape->s + shape->n;

		if (shape->alphabet <= 16 && strchr(SEPARATORS, c))
			continue;
		shape->distinct += !memchr(shape->s, c, shape->n);
		end[0] = c;
		if (shape->n > 0) {
			shape->pairs += memmem(shape->s, shape->n, end - 1, 2) == NULL;
			shape->steps += end[-1] - c >= -1 && end[-1] - c <= 1;
		}
		shape->n++;
	}
}

/* How many characters of this alphabet it takes to have so many texts to choose from. */
static size_t needed(unsigned int alphabet)
{
	size_t n = 0;

	for (double texts = 1; alphabet > 1 && texts < BITS; n++)
		texts *= alphabet;
	return n;
}

static int judge(const char *text, struct shape *shape, struct err *e)
{
	size_t enough, need;

	if (strlen(text) > TOKEN_MAX)
		return err_set(e, ERR_CONFIG, "the enrolment token is longer than %d characters", TOKEN_MAX);
	for (const char *p = text; *p; p++)
		if (*p < 0x21 || *p > 0x7e)
			return err_set(e, ERR_CONFIG,
				       "the enrolment token is not one line of printable ASCII without blanks");
	look(text, shape);
	enough = shape->alphabet / 2 < 9 ? shape->alphabet / 2 : 9;
	need = needed(shape->alphabet);
	if (is_uuid(text))
		return err_set(e, ERR_CONFIG, "the enrolment token is a UUID: six of its 128 bits are not random");
	if (shape->n < need || need == 0)
		return err_set(e, ERR_CONFIG,
			       "the enrolment token is too short: of such characters 128 bits take %zu, and it has %zu",
			       need, shape->n);
	if (shape->distinct < enough)
		return err_set(e, ERR_CONFIG, "the enrolment token has only %zu different characters", shape->distinct);
	if (shape->pairs <= shape->n / 2 + 1 || shape->steps > shape->n / 3 * 2)
		return err_set(e, ERR_CONFIG, "the enrolment token repeats itself or counts up");
	return 0;
}

int token_check(const char *text, struct err *e)
{
	struct shape shape = { .n = 0 };
	int rc = judge(text, &shape, e);

	explicit_bzero(&shape, sizeof(shape));
	return rc < 0 ? err_hint(e, "openssl rand -hex 20 makes a good one") : 0;
}

void token_new(const char *spki, char text[TOKEN_TEXT])
{
	uint8_t random[RANDOM_BYTES];

	/* So few bytes never come short (getrandom(2)). */
	must(getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random));
	text_hex(random, sizeof(random), text);
	explicit_bzero(random, sizeof(random));
	(void)snprintf(text + 2 * sizeof(random), TOKEN_TEXT - 2 * sizeof(random), ".%.*s", TOKEN_CA - 1, spki);
}

/* What token_new has put behind the dot; other texts have another length there. */
static void read_ca(const char *text, char ca[TOKEN_CA])
{
	const char *dot = text + strspn(text, HEX);

	memset(ca, 0, TOKEN_CA);
	if (dot - text == 2L * RANDOM_BYTES && *dot == '.' && strlen(dot + 1) == TOKEN_CA - 1 &&
	    strspn(dot + 1, HEX) == TOKEN_CA - 1)
		(void)snprintf(ca, TOKEN_CA, "%s", dot + 1);
}

/* SHA-256 of the label, NUL and the text. */
static void derive(const char *label, const char *text, uint8_t out[DIGEST_LEN])
{
	auto_digest digest_ctx *d = digest_new();

	digest_add(d, label, strlen(label) + 1);
	digest_add(d, text, strlen(text));
	digest_end(d, out);
}

void token_derive(const char *text, struct token *t)
{
	uint8_t id[DIGEST_LEN];

	derive("etcd-cluster token id", text, id);
	text_hex(id, (TOKEN_ID_HEX - 1) / 2, t->id);
	derive("etcd-cluster token psk", text, t->psk);
	derive("etcd-cluster token proof", text, t->proof);
	t->proves = true;
	read_ca(text, t->ca);
}

bool token_is_id(const char *id)
{
	return strlen(id) == TOKEN_ID_HEX - 1 && strspn(id, HEX) == TOKEN_ID_HEX - 1;
}

int token_read(const char *path, struct token *t, struct err *e)
{
	auto_close int fd = file_open_private(path, e);
	auto_buf struct buf text = { 0 };
	size_t from;

	if (fd < 0)
		return err_absent(e);
	if (file_read_fd(fd, path, 4096, &text, e) < 0)
		return -1;
	if (text.len == 0)
		return 0;
	if (memchr(text.data, '\0', text.len))
		return err_set(e, ERR_CONFIG, "%s has a NUL byte: this is not a text file", path);
	from = strspn(text.data, " \t\r\n");
	while (text.len > from && strchr(" \t\r\n", text.data[text.len - 1]))
		text.data[--text.len] = '\0';
	if (text.len == from)
		return 0;
	if (token_check(text.data + from, e) < 0)
		return err_wrap(e, "%s", path);
	token_derive(text.data + from, t);
	return 1;
}

int token_read_file(const struct machine *m, struct token *t, struct err *e)
{
	auto_free char *path = layout_path(&m->at, m->conf.enroll_token_file);

	return token_read(path, t, e);
}

int token_check_ca(const struct token *t, const struct buf *ca_pem, struct err *e)
{
	auto_cert x509_cert *ca = t->ca[0] ? x509_cert_parse(ca_pem, "its CA certificate", e) : NULL;
	auto_free char *spki = ca ? x509_spki_fingerprint(ca) : NULL;

	if (!t->ca[0] || (spki && text_starts(spki, t->ca)))
		return 0;
	return ca ? err_set(e, ERR_VERIFY, "its CA is not the one for which the token was made") : -1;
}

int token_wipe_file(const struct machine *m, struct err *e)
{
	auto_free char *path = layout_path(&m->at, m->conf.enroll_token_file);
	int rc;

	if (m->dry_run) {
		rc = file_exists(path);
		if (rc)
			log_info("would wipe %s", path);
		return rc;
	}
	rc = file_wipe(path, e);
	if (rc < 0 && e->sys == EROFS) {
		err_clear(e); /* a credential of the service manager, which takes it away itself */
		return 0;
	}
	return rc;
}
