/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <string.h>
#include <sys/param.h>

#include "base/mem.h"

void text_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			*s = '?';
}

bool text_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	unsigned long long value;
	char *end;

	if (*s < '0' || *s > '9') /* strtoull(3) takes blanks and signs */
		return false;
	errno = 0;
	value = strtoull(s, &end, 10);
	if (errno != 0 || *end != '\0' || value < min || value > max)
		return false;
	*out = value;
	return true;
}

/* Levenshtein distance with one row; words longer than the row are simply far apart. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], la = strlen(a), lb = strlen(b);

	if (la >= ARRAY_LEN(row) || lb >= ARRAY_LEN(row))
		return ARRAY_LEN(row);
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t replaced = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(replaced, 1 + MIN(row[j], row[j - 1]));
		}
	}
	return row[lb];
}

const char *text_suggest(const char *word, const char *const *names)
{
	size_t nearest = 2 + strlen(word) / 4; /* about a quarter of the letters may be wrong */
	const char *best = NULL;

	for (; *names; names++) {
		size_t d = distance(word, *names);

		if (d < nearest) {
			nearest = d;
			best = *names;
		}
	}
	return best;
}

void text_lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s | 0x20);
}

void text_upper(char *s)
{
	for (; *s; s++)
		if (*s >= 'a' && *s <= 'z')
			*s = (char)(*s & ~0x20);
}

bool text_is_word(const char *s, const char *also)
{
	while ((*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') ||
	       (*s && strchr(also, *s)))
		s++;
	return *s == '\0';
}

size_t text_index(const char *text, const char *const *names, size_t n)
{
	size_t i = 0;

	while (i < n && (!text || strcmp(text, names[i]) != 0))
		i++;
	return i;
}

bool text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s), tail = strlen(suffix);

	return len >= tail && strcmp(s + len - tail, suffix) == 0;
}

char **text_split(const char *s, const char *stops)
{
	char **v = NULL;

	for (s += strspn(s, stops); *s; s += strspn(s, stops)) {
		auto_free char *part = xstrndup(s, strcspn(s, stops));

		strv_add(&v, part);
		s += strlen(part);
	}
	return v;
}

void text_hex(const uint8_t *data, size_t len, char *out)
{
	*out = '\0';
	for (size_t i = 0; i < len; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", data[i]);
}

static bool is_hex(const char *s, size_t len)
{
	return strlen(s) == len && strspn(s, "0123456789abcdefABCDEF") == len;
}

bool text_unhex(const char *hex, uint8_t *data, size_t len)
{
	if (!is_hex(hex, 2 * len))
		return false;
	for (size_t i = 0; i < len; i++) {
		const char byte[] = { hex[2 * i], hex[2 * i + 1], '\0' };

		data[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return true;
}

bool text_parse_hex(const char *s, uint64_t *out)
{
	size_t n = strlen(s);

	if (n == 0 || n > 16 || !is_hex(s, n))
		return false;
	*out = strtoull(s, NULL, 16);
	return true;
}

bool text_parse_id(const char *s, uint64_t *out)
{
	return s && strlen(s) == 16 && text_parse_hex(s, out);
}
