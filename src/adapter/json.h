/* SPDX-License-Identifier: Apache-2.0
 *
 * What --json prints, and the JSON that is read again, by json-c. Each function of the first half adds to an object
 * under `key`, or to an array when key is NULL. Running out of memory ends the program.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct json_object;

struct json_object *json_new_object(void);
struct json_object *json_new_array(void);

/* NULL is written as null. Bytes that are not UTF-8 are written as '?'. */
void json_text(struct json_object *to, const char *key, const char *value);
/* An array of strings; a NULL strv is an empty one. */
void json_texts(struct json_object *to, const char *key, char *const *values);
void json_flag(struct json_object *to, const char *key, bool value);
void json_number(struct json_object *to, const char *key, int64_t value);
/* null for a negative one. */
void json_number_or_null(struct json_object *to, const char *key, int64_t value);
/* RFC 3339, in UTC: "2026-11-21T10:15:00Z"; null for 0. */
void json_time(struct json_object *to, const char *key, time_t value);
/* With one digit after the point. */
void json_tenths(struct json_object *to, const char *key, double value);
/* An etcd ID as a string of 16 hex digits: a JSON number loses the last digits of 64 bits. */
void json_id(struct json_object *to, const char *key, uint64_t id);
/* A new object or array inside `to`, which owns it. */
struct json_object *json_object_in(struct json_object *to, const char *key);
struct json_object *json_array_in(struct json_object *to, const char *key);

/* Prints it to stdout as one line, and frees it. */
void json_print(struct json_object *o);
/* The same text with a newline, which the caller frees; frees it. */
char *json_dump(struct json_object *o);

/* An object of a text; NULL when it is none. The caller frees with json_free. */
struct json_object *json_parse(const char *text);
void json_free(struct json_object **o);
/* A string of it, which it owns; NULL when there is none. */
const char *json_get_text(struct json_object *o, const char *key);
/* False when there is no such number, from least to most. */
bool json_get_number(struct json_object *o, const char *key, int64_t least, int64_t most, int64_t *value);
bool json_get_flag(struct json_object *o, const char *key);
