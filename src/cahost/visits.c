/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/visits.h"

#include <string.h>

#include "base/text.h"

void visits_free(struct visits *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->list[i].source);
	*v = (struct visits){ 0 };
}

void visits_add(struct visits *v, time_t time, const char *source)
{
	if (v->n == VISITS_MAX)
		free(v->list[--v->n].source);
	memmove(&v->list[1], &v->list[0], v->n * sizeof(v->list[0]));
	v->list[0] = (struct visit){ time, xstrdup(source) };
	v->n++;
}

void visits_copy(const struct visits *from, struct visits *to)
{
	visits_free(to);
	for (size_t i = from->n; i > 0; i--)
		visits_add(to, from->list[i - 1].time, from->list[i - 1].source);
}

bool visits_moved(const struct visits *v)
{
	return v->n > 1 && strcmp(v->list[0].source, v->list[1].source) != 0;
}

bool visits_get(const struct keyfile *k, struct visits *v)
{
	for (size_t i = VISITS_MAX; i > 0; i--) {
		auto_free char *key = xasprintf("VISIT_%zu", i);
		const char *value = keyfile_get(k, key);
		auto_strv char **words = value ? text_split(value, BLANKS) : NULL;
		uint64_t time;

		if (!value)
			continue;
		if (strv_len(words) != 2 || !text_parse_u64(words[0], 0, INT64_MAX, &time))
			return false;
		visits_add(v, (time_t)time, words[1]);
	}
	return true;
}

int visits_put(const struct visits *v, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < v->n; i++) {
		auto_free char *key = xasprintf("VISIT_%zu", i + 1);
		auto_free char *value = xasprintf("%lld %s", (long long)v->list[i].time, v->list[i].source);

		if (keyfile_put(out, key, value, e) < 0)
			return -1;
	}
	return 0;
}
