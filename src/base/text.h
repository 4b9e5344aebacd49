/* SPDX-License-Identifier: Apache-2.0
 *
 * Small questions about text that came from outside.
 */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Replaces control bytes and everything outside ASCII by '?', in place: foreign text carries no terminal escapes. */
void text_printable(char *s);

/* A decimal number: first character a digit, nothing left over, min <= *out <= max. False otherwise. */
bool text_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* How IDs of members and clusters are shown: always 16 digits. */
#define ID_FMT "%016" PRIx64

/* A hexadecimal number of 1 to 16 digits and nothing else: etcd shows its IDs without leading zeros. */
bool text_parse_hex(const char *s, uint64_t *out);

/* The same of exactly 16 digits, as our files have it; false for NULL, too. */
bool text_parse_id(const char *s, uint64_t *out);

/* The entry of names (NULL-terminated) nearest to word, or NULL when more than a quarter of the letters differ. */
const char *text_suggest(const char *word, const char *const *names);

/* ASCII letters to lower or upper case, in place, whatever the locale. */
void text_lower(char *s);
void text_upper(char *s);

/* True when s has only ASCII letters, digits and the characters of also. */
bool text_is_word(const char *s, const char *also);

/* The index of text, which may be NULL, in names; n when it is not among them. */
size_t text_index(const char *text, const char *const *names, size_t n);

bool text_starts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);

#define BLANKS " \t"

/* Splits at the characters of `stops`, dropping empty parts. NULL for none. The caller frees (a strv). */
char **text_split(const char *s, const char *stops);

/* Lower-case hex of len bytes into out, which holds 2 * len + 1. */
void text_hex(const uint8_t *data, size_t len, char *out);

/* The reverse; false unless hex is exactly 2 * len hex digits. */
bool text_unhex(const char *hex, uint8_t *data, size_t len);
