/* SPDX-License-Identifier: Apache-2.0 */
#include "service/outcome.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "base/clock.h"
#include "base/text.h"

#define FIRST_MS 30000LL
#define MOST_MS	 240000LL

static const char *const names[] = {
	[OUTCOME_READY] = "ready",   [OUTCOME_IDLE] = "idle",	    [OUTCOME_PENDING] = "pending",
	[OUTCOME_FAILED] = "failed", [OUTCOME_RUNNING] = "running",
};

const char *outcome_name(enum outcome_state state)
{
	return names[state];
}

bool outcome_is_settled(const struct outcome *o)
{
	return o->state == OUTCOME_READY || o->state == OUTCOME_IDLE;
}

long long outcome_backoff_ms(unsigned int tries, unsigned int chance)
{
	const long long ms = tries < 3 ? FIRST_MS << tries : MOST_MS;

	return ms + ms / 4 * (chance & 255) / 255;
}

int outcome_read(const struct machine *m, struct outcome *o, struct err *e)
{
	auto_keyfile struct keyfile file = { 0 };
	const char *state, *code, *tries, *next;
	uint64_t number, count = 0, due = 0;

	*o = (struct outcome){ 0 };
	if (keyfile_read(m->at.outcome, &file, e) < 0)
		return err_absent(e);
	state = keyfile_get(&file, "STATE");
	code = keyfile_get(&file, "EXIT");
	tries = keyfile_get(&file, "TRIES");
	next = keyfile_get(&file, "NEXT_MS");
	if ((tries && !text_parse_u64(tries, 0, UINT32_MAX, &count)) ||
	    (next && !text_parse_u64(next, 0, INT64_MAX, &due)))
		state = NULL;
	for (size_t i = 0; state && code && i < ARRAY_LEN(names); i++) {
		if (strcmp(state, names[i]) != 0 || !text_parse_u64(code, 0, 255, &number))
			continue;
		*o = (struct outcome){ .state = (enum outcome_state)i,
				       .exit = (int)number,
				       .tries = (unsigned int)count,
				       .next_ms = (long long)due,
				       .step = keyfile_text(&file, "STEP"),
				       .message = keyfile_text(&file, "MESSAGE"),
				       .hint = keyfile_text(&file, "HINT") };
		return 1;
	}
	return err_set(e, ERR_FAIL, "%s is damaged; the next setup writes it again", m->at.outcome);
}

void outcome_free(struct outcome *o)
{
	free(o->step);
	free(o->message);
	free(o->hint);
	*o = (struct outcome){ 0 };
}

/* Messages are for reading: the few bytes that a KEY=VALUE file cannot carry are replaced. The caller frees. */
static char *readable(const char *text)
{
	char *copy = xstrdup(text);

	text_printable(copy);
	for (char *c = copy; *c; c++) {
		if (*c == '"')
			*c = '\'';
		else if (strchr("$`\\", *c))
			*c = '?';
	}
	return copy;
}

bool outcome_is_same(const struct outcome *o, const struct err *why)
{
	auto_free char *text = readable(why->msg);

	return o->message && strcmp(o->message, text) == 0;
}

static int put(const struct machine *m, struct buf *out, const char *message, const char *hint, struct err *e)
{
	auto_free char *text = readable(message), *what = readable(hint);

	if ((*text && keyfile_put(out, "MESSAGE", text, e) < 0) || (*what && keyfile_put(out, "HINT", what, e) < 0) ||
	    file_mkdirs(m->at.run, FILE_MODE(0755), e) < 0)
		return -1;
	return machine_write(m, m->at.outcome, FILE_MODE(0644), out, e);
}

/* It need not be a good one: it spreads machines that do the same at the same time. */
static unsigned int chance(void)
{
	return (unsigned int)(clock_us() & 255);
}

int outcome_write(const struct machine *m, enum outcome_state state, const struct err *why, unsigned int tries,
		  struct err *e)
{
	auto_buf struct buf text = { 0 };

	buf_printf(&text, "STATE=%s\nEXIT=%d\n", names[state], why ? (int)why->class : 0);
	if (!why)
		return put(m, &text, "", "", e);
	buf_printf(&text, "TRIES=%u\nNEXT_MS=%lld\n", tries, clock_ms() + outcome_backoff_ms(tries, chance()));
	return put(m, &text, why->msg, why->hint, e);
}

int outcome_write_step(const struct machine *m, const char *step, const struct outcome *before, struct err *e)
{
	auto_buf struct buf text = { 0 };

	buf_printf(&text, "STATE=running\nSTEP=%s\nEXIT=%d\nTRIES=%u\n", step, before ? before->exit : 0,
		   before ? before->tries : 0);
	return put(m, &text, before ? before->message : "", before ? before->hint : "", e);
}
