/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/json.h"

#include <json-c/json.h>
#include <openssl/asn1.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

static struct json_object *made(struct json_object *o)
{
	must(o); /* json-c returns NULL for nothing but a lack of memory */
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

static struct json_object *put(struct json_object *to, const char *key, struct json_object *value)
{
	must((key ? json_object_object_add(to, key, value) : json_object_array_add(to, value)) == 0);
	return value;
}

/* json-c writes strings as they are, and a reader refuses the whole document for one wrong byte. */
void json_text(struct json_object *to, const char *key, const char *value)
{
	auto_free char *copy = value ? xstrdup(value) : NULL;

	for (char *s = copy; s && *s;) {
		unsigned long c = 0;
		int len = UTF8_getc((const unsigned char *)s, (int)strnlen(s, 4), &c);

		if (len < 1 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			*s = '?';
		s += *s == '?' ? 1 : len;
	}
	(void)put(to, key, copy ? made(json_object_new_string(copy)) : NULL);
}

void json_texts(struct json_object *to, const char *key, char *const *values)
{
	struct json_object *array = json_array_in(to, key);

	for (; values && *values; values++)
		json_text(array, NULL, *values);
}

void json_flag(struct json_object *to, const char *key, bool value)
{
	(void)put(to, key, made(json_object_new_boolean(value)));
}

void json_number(struct json_object *to, const char *key, int64_t value)
{
	(void)put(to, key, made(json_object_new_int64(value)));
}

void json_number_or_null(struct json_object *to, const char *key, int64_t value)
{
	(void)put(to, key, value < 0 ? NULL : made(json_object_new_int64(value)));
}

void json_time(struct json_object *to, const char *key, time_t value)
{
	json_text(to, key, value ? clock_rfc3339(value).text : NULL);
}

void json_tenths(struct json_object *to, const char *key, double value)
{
	auto_free char *text = xasprintf("%.1f", value);

	(void)put(to, key, made(json_object_new_double_s(value, text)));
}

void json_id(struct json_object *to, const char *key, uint64_t id)
{
	auto_free char *text = xasprintf(ID_FMT, id);

	json_text(to, key, text);
}

struct json_object *json_object_in(struct json_object *to, const char *key)
{
	return put(to, key, json_new_object());
}

struct json_object *json_array_in(struct json_object *to, const char *key)
{
	return put(to, key, json_new_array());
}

char *json_dump(struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *copy;

	must(text);
	copy = xasprintf("%s\n", text);
	json_free(&o);
	return copy;
}

void json_print(struct json_object *o)
{
	auto_free char *text = json_dump(o);

	(void)fputs(text, stdout);
}

struct json_object *json_parse(const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	if (!json_object_is_type(o, json_type_object))
		json_free(&o);
	return o;
}

void json_free(struct json_object **o)
{
	(void)json_object_put(*o);
	*o = NULL;
}

static struct json_object *get(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(o, key, &value) && json_object_is_type(value, type) ? value : NULL;
}

const char *json_get_text(struct json_object *o, const char *key)
{
	struct json_object *value = get(o, key, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

bool json_get_number(struct json_object *o, const char *key, int64_t least, int64_t most, int64_t *value)
{
	struct json_object *number = get(o, key, json_type_int);

	if (!number)
		return false;
	*value = json_object_get_int64(number);
	return *value >= least && *value <= most;
}

bool json_get_flag(struct json_object *o, const char *key)
{
	struct json_object *value = get(o, key, json_type_boolean);

	return value && json_object_get_boolean(value);
}
