/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/json.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static struct json_object *made(struct json_object *o)
{
	if (!o)
		abort(); /* json-c returns NULL for nothing but a lack of memory */
	return o;
}

struct json_object *json_new_object(void)
{
	return made(json_object_new_object());
}

struct json_object *json_new_array(void)
{
	return made(json_object_new_array());
}

static void put(struct json_object *to, const char *key, struct json_object *value)
{
	if ((key ? json_object_object_add(to, key, value) : json_object_array_add(to, value)) < 0)
		abort();
}

/* Length of the UTF-8 character at s, or 0 (RFC 3629: overlong forms and surrogates are not valid). */
static size_t utf8_len(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t min; /* smaller numbers have a shorter form */
	} forms[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
	uint32_t c;
	size_t n = 0;

	while (n < ARRAY_LEN(forms) && (s[0] & forms[n].mask) != forms[n].lead)
		n++;
	if (n == ARRAY_LEN(forms))
		return 0;
	c = s[0] & (0xffU ^ forms[n].mask);
	for (size_t i = 1; i <= n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < forms[n].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n + 1;
}

/* json-c writes strings as they are, and a reader refuses the whole document for one wrong byte. */
void json_text(struct json_object *to, const char *key, const char *value)
{
	auto_free char *copy = value ? xstrdup(value) : NULL;

	for (char *s = copy; s && *s;) {
		size_t len = utf8_len((const unsigned char *)s);

		if (len == 0)
			*s = '?';
		s += len == 0 ? 1 : len;
	}
	put(to, key, copy ? made(json_object_new_string(copy)) : NULL);
}

void json_texts(struct json_object *to, const char *key, char *const *values)
{
	struct json_object *array = json_array_in(to, key);

	for (; values && *values; values++)
		json_text(array, NULL, *values);
}

void json_flag(struct json_object *to, const char *key, bool value)
{
	put(to, key, made(json_object_new_boolean(value)));
}

void json_number(struct json_object *to, const char *key, int64_t value)
{
	put(to, key, made(json_object_new_int64(value)));
}

void json_tenths(struct json_object *to, const char *key, double value)
{
	auto_free char *text = xasprintf("%.1f", value);

	put(to, key, made(json_object_new_double_s(value, text)));
}

void json_id(struct json_object *to, const char *key, uint64_t id)
{
	auto_free char *text = xasprintf(ID_FMT, id);

	json_text(to, key, text);
}

struct json_object *json_object_in(struct json_object *to, const char *key)
{
	struct json_object *o = json_new_object();

	put(to, key, o);
	return o;
}

struct json_object *json_array_in(struct json_object *to, const char *key)
{
	struct json_object *o = json_new_array();

	put(to, key, o);
	return o;
}

void json_print(struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		abort();
	(void)puts(text);
	(void)json_object_put(o);
}
