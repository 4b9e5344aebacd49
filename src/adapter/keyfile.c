/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/keyfile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define DIGITS	"0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"

/* Length of the key that s begins with; 0 when it begins with none. */
static size_t key_length(const char *s)
{
	return strspn(s, DIGITS) > 0 ? 0 : strspn(s, LETTERS DIGITS);
}

/* What no value may have, quoted or not; NULL when there is nothing of the kind. */
static const char *forbidden(const char *value)
{
	for (const char *p = value; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "a control character";
		if ((unsigned char)*p > 0x7e)
			return "a character outside ASCII";
		if (*p == '$')
			return "a dollar sign";
		if (*p == '`')
			return "a backtick";
		if (*p == '\\')
			return "a backslash";
	}
	return NULL;
}

/* What a shell splits or expands where there are no quotes ('~' in assignments: POSIX 2.6.1). */
static bool needs_quotes(const char *value)
{
	return strpbrk(value, BLANKS ";&|<>()~'\"") != NULL;
}

/* The value without its quotes, in place. */
static int parse_value(const char *key, char *raw, const char **value, struct err *e)
{
	size_t len = strlen(raw);
	const char *what = forbidden(raw);
	char quote = raw[0];

	if (what)
		return err_set(e, ERR_CONFIG, "%s: the value has %s, which is not allowed in this file", key, what);
	if (quote != '"' && quote != '\'') {
		*value = raw;
		if (!needs_quotes(raw))
			return 0;
		(void)err_set(e, ERR_CONFIG, "%s: a value with blanks or any of ; & | < > ( ) ~ ' \" must be in quotes",
			      key);
		return err_hint(e, "write %s=\"the value\"", key);
	}
	if (len < 2 || raw[len - 1] != quote)
		return err_set(e, ERR_CONFIG, "%s: the value begins with a quote and does not end with the same one",
			       key);
	raw[len - 1] = '\0';
	if (strchr(raw + 1, quote))
		return err_set(e, ERR_CONFIG, "%s: there is a quote in the middle of the value", key);
	*value = raw + 1;
	return 0;
}

static int add(struct keyfile *k, unsigned int line, const char *key, const char *value, struct err *e)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->entries[i].key, key) == 0)
			return err_set(e, ERR_CONFIG, "%s is set twice; the first is in line %u", key,
				       k->entries[i].line);
	k->entries = xrealloc(k->entries, k->n + 1, sizeof(*k->entries));
	k->entries[k->n++] = (struct keyfile_entry){ xstrdup(key), xstrdup(value), line };
	return 0;
}

/* Why a line does not have the form KEY=…. */
static int explain(const char *line, size_t key_len, struct err *e)
{
	const char *after = line + key_len;
	auto_free char *key = xstrndup(line, key_len);

	if (key_len == 0)
		return err_set(e, ERR_CONFIG, "this line is neither KEY=VALUE nor a comment, which begins with #");
	if (after[strspn(after, BLANKS)] == '=')
		return err_set(e, ERR_CONFIG, "there must be no blank between %s and =", key);
	if (strcmp(key, "export") == 0)
		return err_set(e, ERR_CONFIG, "write KEY=VALUE without export");
	return err_set(e, ERR_CONFIG, "there is no = after %s", key);
}

/* line is NUL-terminated and has no NUL inside; it is changed. */
static int parse_line(struct keyfile *k, unsigned int number, char *line, struct err *e)
{
	const char *value = NULL;
	size_t key_len, len;

	line += strspn(line, BLANKS);
	len = strlen(line);
	if (len > 0 && line[len - 1] == '\r') {
		(void)err_set(e, ERR_CONFIG, "the line ends in a carriage return: the file was written on Windows");
		return err_hint(e, "sed -i 's/\\r$//' %s", k->path);
	}
	while (len > 0 && strchr(BLANKS, line[len - 1]))
		line[--len] = '\0';
	if (*line == '\0')
		return 0;
	if (*line == '#') {
		/* systemd before 254 reads the line after such a one as part of the comment; a shell does not. */
		return line[len - 1] == '\\' ? err_set(e, ERR_CONFIG, "a comment must not end in a backslash") : 0;
	}
	key_len = key_length(line);
	if (key_len == 0 || line[key_len] != '=')
		return explain(line, key_len, e);
	line[key_len++] = '\0';
	if (strspn(line + key_len, BLANKS) > 0)
		return err_set(e, ERR_CONFIG, "there must be no blank between %s= and its value", line);
	if (parse_value(line, line + key_len, &value, e) < 0)
		return -1;
	return add(k, number, line, value, e);
}

static int take_line(struct keyfile *k, unsigned int number, const char *text, size_t n, struct err *e)
{
	auto_free char *line = NULL;
	int rc;

	if (n > KEYFILE_MAX_LINE)
		return err_set(e, ERR_CONFIG, "the line is longer than %u bytes", KEYFILE_MAX_LINE);
	if (memchr(text, '\0', n))
		return err_set(e, ERR_CONFIG, "the line has a NUL byte: this is not a text file");
	line = xstrndup(text, n);
	rc = parse_line(k, number, line, e);
	explicit_bzero(line, n);
	return rc;
}

int keyfile_parse(const char *path, const char *text, size_t len, struct keyfile *k, struct err *e)
{
	const char *end = text + len;
	unsigned int number = 0;

	*k = (struct keyfile){ .path = xstrdup(path) };
	if (len > KEYFILE_MAX_BYTES)
		return err_set(e, ERR_CONFIG, "%s is larger than %u bytes", path, KEYFILE_MAX_BYTES);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return err_set(e, ERR_CONFIG, "%s:1: the file begins with a byte order mark; save it without", path);
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);

		if (take_line(k, ++number, text, n, e) < 0)
			return err_wrap(e, "%s:%u", path, number);
		text += newline ? n + 1 : n;
	}
	return 0;
}

int keyfile_read(const char *path, struct keyfile *k, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	auto_buf struct buf text = { 0 };
	struct stat st;

	*k = (struct keyfile){ 0 };
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "%s is not a regular file", path);
	if (st.st_size > (off_t)KEYFILE_MAX_BYTES)
		return err_set(e, ERR_CONFIG, "%s is larger than %u bytes", path, KEYFILE_MAX_BYTES);
	/* Root acts on this file: nobody else may have written it. */
	if (geteuid() == 0 && file_check_trusted(fd, path, e) < 0)
		return -1;
	if (file_read_fd(fd, path, KEYFILE_MAX_BYTES, &text, e) < 0)
		return -1;
	return keyfile_parse(path, buf_str(&text), text.len, k, e);
}

void keyfile_free(struct keyfile *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->entries[i].key);
		explicit_bzero(k->entries[i].value, strlen(k->entries[i].value)); /* some hold keys */
		free(k->entries[i].value);
	}
	free(k->entries);
	free(k->path);
	*k = (struct keyfile){ 0 };
}

const char *keyfile_get(const struct keyfile *k, const char *key)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->entries[i].key, key) == 0)
			return k->entries[i].value;
	return NULL;
}

char *keyfile_copy(const struct keyfile *k, const char *key)
{
	const char *value = keyfile_get(k, key);

	return value ? xstrdup(value) : NULL;
}

char *keyfile_text(const struct keyfile *k, const char *key)
{
	const char *value = keyfile_get(k, key);

	return xstrdup(value ? value : "");
}

bool keyfile_time(const struct keyfile *k, const char *key, time_t *out)
{
	const char *value = keyfile_get(k, key);
	uint64_t seconds;

	if (!value || !text_parse_u64(value, 0, INT64_MAX, &seconds))
		return false;
	*out = (time_t)seconds;
	return true;
}

int keyfile_put(struct buf *out, const char *key, const char *value, struct err *e)
{
	size_t key_len = key_length(key);
	const char *what, *quote = "";

	if (!value)
		return 0;
	what = forbidden(value);
	if (key_len == 0 || key[key_len] != '\0')
		return err_set(e, ERR_CONFIG, "a key of an environment file may have letters, digits and _ only");
	if (what)
		return err_set(e, ERR_CONFIG, "%s: the value has %s, which an environment file cannot carry", key,
			       what);
	if (needs_quotes(value))
		quote = strchr(value, '"') ? "'" : "\"";
	if (*quote && strchr(value, *quote))
		return err_set(e, ERR_CONFIG, "%s: the value has both kinds of quotes", key);
	if (strlen(key) + strlen(value) + 3 > KEYFILE_MAX_LINE)
		return err_set(e, ERR_CONFIG, "%s: the value is too long", key);
	buf_printf(out, "%s=%s%s%s\n", key, quote, value, quote);
	return 0;
}
