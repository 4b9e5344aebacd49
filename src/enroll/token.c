/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/token.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "adapter/digest.h"
#include "base/log.h"
#include "base/text.h"

#define BITS	   0x1p128 /* as many texts there must be to choose from */
#define SEPARATORS ":-._"

void token_forget(struct token *t)
{
	explicit_bzero(t, sizeof(*t));
}

/* What a text is made of, without what does not count. */
struct shape {
	char s[TOKEN_MAX + 1]; /* in lower case */
	size_t n;
	bool digits, hex; /* nothing else in it */
	unsigned int alphabet;
	size_t distinct;
};

/* How two characters follow each other in the alphabet, the digits or a row of the keyboard: 1, -1, 0 for the same, FAR for all else. */
#define FAR 9
static int step(char a, char b)
{
	static const char rows[] = "qwertyuiop asdfghjkl zxcvbnm";
	const char *x = strchr(rows, a), *y = strchr(rows, b);

	if (b - a >= -1 && b - a <= 1)
		return b - a;
	return x && y && (y - x == 1 || y - x == -1) ? (int)(y - x) : FAR;
}

/* True when whoever saw the text up to here would guess s[i]. */
static bool expected(const char *s, size_t i)
{
	int now = i >= 2 ? step(s[i - 1], s[i]) : FAR;
	int before = i >= 2 ? step(s[i - 2], s[i - 1]) : FAR;

	if (now != FAR && (now == before || (before != FAR && i >= 3 && now == step(s[i - 3], s[i - 2]))))
		return true;
	for (size_t j = 3; i >= 4 && j < i; j++)
		if (memcmp(s + j - 3, s + i - 3, 4) == 0)
			return true;
	return false;
}

/*
 * True when letters are beside each other as in words. These 140 pairs of the 676 are 87 % of those in English text; when more
 * of them are here than five standard deviations above what chance brings, it was not chance.
 */
static bool reads_like_words(const char *text)
{
	static const char pairs[] =
		"abacagaialamanaparasatbebiblbubycacechciclcoctdadedidoeaecedeeelemeneresetexfifofrft"
		"geghgrhahehihohtiaibicidieifigiliminioisitivlalelilllolumamemimompnancndnengninonsnt"
		"nyodofolomonoporosotouovpapeplpoprpupyrarcrerirmrorrrsrtryseshsisossstsutatethtitotr"
		"tstwtyubunurusutveviwawiyoyr";
	const long known = (sizeof(pairs) - 1) / 2, all = 26L * 26;
	long n = 0, seen = 0, more;

	for (const char *p = text; p[0] && p[1]; p++) {
		/* "tH" is where one word ends and the next one begins, or it is random. */
		if (!isalpha((unsigned char)p[0]) || !isalpha((unsigned char)p[1]) ||
		    (islower((unsigned char)p[0]) && isupper((unsigned char)p[1])))
			continue;
		n++;
		for (const char *q = pairs; *q; q += 2)
			seen += tolower((unsigned char)p[0]) == q[0] && tolower((unsigned char)p[1]) == q[1];
	}
	more = seen * all - n * known;
	return more > 0 && more * more > 25 * n * known * (all - known);
}

/* 8-4-4-4-12 hex digits. */
static bool is_uuid(const char *s)
{
	if (strlen(s) != 36)
		return false;
	for (size_t i = 0; s[i]; i++)
		if ((i == 8 || i == 13 || i == 18 || i == 23) ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

static void look(const char *text, struct shape *shape)
{
	size_t len = strlen(text);
	unsigned int lower = 0, upper = 0, digit = 0, other = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	shape->hex = shape->digits = true;
	for (size_t i = 0; i < len; i++) {
		if (strchr(SEPARATORS, text[i]))
			continue;
		shape->hex = shape->hex && isxdigit((unsigned char)text[i]);
		shape->digits = shape->digits && isdigit((unsigned char)text[i]);
	}
	for (size_t i = 0; i < len; i++) {
		char c = (char)tolower((unsigned char)text[i]);

		if (shape->hex && strchr(SEPARATORS, c))
			continue;
		lower |= islower((unsigned char)text[i]) ? 26 : 0;
		upper |= isupper((unsigned char)text[i]) ? 26 : 0;
		digit |= isdigit((unsigned char)text[i]) ? 10 : 0;
		other |= isalnum((unsigned char)text[i]) ? 0 : 2; /* base64 has two; people put one at the end */
		shape->distinct += !memchr(shape->s, c, shape->n);
		shape->s[shape->n++] = c;
	}
	if (lower && upper) /* base64; that it has no digit or none of its two other characters in it is chance */
		digit = 10, other = 2;
	shape->alphabet = shape->digits ? 10 : shape->hex ? 16 : lower + upper + digit + other;
}

/* How many characters of this alphabet it takes. */
static size_t needed(unsigned int alphabet)
{
	double texts = 1;
	size_t n = 0;

	for (; alphabet > 1 && texts < BITS; n++)
		texts *= alphabet;
	return n;
}

static int judge(const char *text, const struct shape *shape, struct err *e)
{
	size_t enough = shape->alphabet / 2 < 9 ? shape->alphabet / 2 : 9, guessed = 0;
	size_t need = needed(shape->alphabet);

	if (is_uuid(text))
		return err_set(e, ERR_CONFIG, "the enrolment token is a UUID: six of its 128 bits are not random");
	if (shape->n < need || need == 0)
		return err_set(e, ERR_CONFIG,
			       "the enrolment token is too short: of such characters 128 bits take %zu, and it has %zu",
			       need, shape->n);
	if (shape->distinct < enough)
		return err_set(e, ERR_CONFIG, "the enrolment token has only %zu different characters", shape->distinct);
	for (size_t i = 0; i < shape->n; i++)
		guessed += expected(shape->s, i);
	if (guessed > shape->n / 6 && shape->n - guessed < need)
		return err_set(e, ERR_CONFIG,
			       "the enrolment token repeats itself or counts up: %zu of its %zu characters follow "
			       "from those before them",
			       guessed, shape->n);
	if (!shape->hex && reads_like_words(text))
		return err_set(e, ERR_CONFIG, "the enrolment token reads like words, which can be guessed");
	return 0;
}

int token_check(const char *text, struct err *e)
{
	struct shape shape = { .n = 0 };
	int rc = 0;

	if (strlen(text) > TOKEN_MAX)
		rc = err_set(e, ERR_CONFIG, "the enrolment token is longer than %d characters", TOKEN_MAX);
	for (const char *p = text; rc == 0 && *p; p++)
		if (*p < 0x21 || *p > 0x7e)
			rc = err_set(e, ERR_CONFIG,
				     "the enrolment token is not one line of printable ASCII without blanks");
	if (rc == 0) {
		look(text, &shape);
		rc = judge(text, &shape, e);
	}
	explicit_bzero(&shape, sizeof(shape));
	return rc < 0 ? err_hint(e, "openssl rand -hex 20 makes a good one") : 0;
}

void token_new(char text[TOKEN_TEXT])
{
	uint8_t random[(TOKEN_TEXT - 1) / 2];

	/* So few bytes never come short (getrandom(2)). */
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort();
	text_hex(random, sizeof(random), text);
	explicit_bzero(random, sizeof(random));
}

void token_derive(const char *text, struct token *t)
{
	static const char id_label[] = "etcd-cluster token id", psk_label[] = "etcd-cluster token psk";
	auto_digest struct digest *d = digest_new();
	uint8_t id[DIGEST_LEN];

	digest_add(d, id_label, sizeof(id_label));
	digest_add(d, text, strlen(text));
	digest_end(d, id);
	text_hex(id, (TOKEN_ID_HEX - 1) / 2, t->id);
	digest_add(d, psk_label, sizeof(psk_label));
	digest_add(d, text, strlen(text));
	digest_end(d, t->psk);
}

bool token_is_id(const char *id)
{
	return strlen(id) == TOKEN_ID_HEX - 1 && strspn(id, "0123456789abcdef") == TOKEN_ID_HEX - 1;
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
