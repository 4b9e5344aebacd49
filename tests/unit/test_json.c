/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/json: what --json prints is valid JSON whatever the text, and IDs have one form.
 */
#include "adapter/json.h"

#include <json-c/json.h>

#include "unit.h"

static void assert_json(struct json_object *o, const char *want)
{
	assert_string_equal(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
			    want);
	(void)json_object_put(o);
}

static void keys_keep_their_order(void **state)
{
	struct json_object *o = json_new_object();
	char first[] = "https://n1:2380", second[] = "b";
	char *const urls[] = { first, second, NULL };

	(void)state;
	json_flag(o, "z", true);
	json_number(o, "a", INT64_MIN);
	json_text(o, "none", NULL);
	json_texts(o, "urls", urls);
	json_texts(o, "empty", NULL);
	json_tenths(json_object_in(json_array_in(o, "list"), NULL), "ahead", -0.25);
	assert_json(o, "{\"z\":true,\"a\":-9223372036854775808,\"none\":null,\"urls\":[\"https://n1:2380\",\"b\"],"
		       "\"empty\":[],\"list\":[{\"ahead\":-0.2}]}");
}

static void an_id_has_16_digits(void **state)
{
	struct json_object *o = json_new_array();

	(void)state;
	json_id(o, NULL, 0xabcU);
	json_id(o, NULL, UINT64_MAX);
	assert_json(o, "[\"0000000000000abc\",\"ffffffffffffffff\"]");
}

static void any_bytes_become_valid_text(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "a\"b\\c\n", "[\"a\\\"b\\\\c\\n\"]" },
		{ "\x01\x1f", "[\"\\u0001\\u001f\"]" },
		{ "n\xc3\xbc \xe4\xb8\xad \xf0\x9f\x90\xa7", "[\"n\xc3\xbc \xe4\xb8\xad \xf0\x9f\x90\xa7\"]" },
		{ "\xff"
		  "a\x80",
		  "[\"?a?\"]" },
		{ "\xc3", "[\"?\"]" },		      /* cut off */
		{ "\xe4\xb8", "[\"??\"]" },	      /* cut off */
		{ "\xc0\xaf", "[\"??\"]" },	      /* overlong */
		{ "\xe0\x80\xaf", "[\"???\"]" },      /* overlong */
		{ "\xf0\x80\x80\xaf", "[\"????\"]" }, /* overlong */
		{ "\xed\xa0\x80", "[\"???\"]" },      /* a surrogate */
		{ "\xf4\x90\x80\x80", "[\"????\"]" }, /* behind the last plane */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *o = json_new_array();

		json_text(o, NULL, cases[i].text);
		assert_json(o, cases[i].json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_keep_their_order),
		cmocka_unit_test(an_id_has_16_digits),
		cmocka_unit_test(any_bytes_become_valid_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
