/* SPDX-License-Identifier: Apache-2.0 */
#include "service/outcome.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "base/text.h"

static const char *const names[] = {
	[OUTCOME_READY] = "ready",
	[OUTCOME_IDLE] = "idle",
	[OUTCOME_PENDING] = "pending",
	[OUTCOME_FAILED] = "failed",
};

const char *outcome_name(enum outcome_state state)
{
	return names[state];
}

static char *path_of(const struct machine *m)
{
	return xasprintf("%s/setup", m->at.run);
}

int outcome_read(const struct machine *m, struct outcome *o, struct err *e)
{
	auto_free char *path = path_of(m);
	auto_keyfile struct keyfile file = { 0 };
	const char *state, *code;
	uint64_t number;

	*o = (struct outcome){ 0 };
	if (keyfile_read(path, &file, e) < 0)
		return err_absent(e);
	state = keyfile_get(&file, "STATE");
	code = keyfile_get(&file, "EXIT");
	for (size_t i = 0; state && code && i < ARRAY_LEN(names); i++) {
		if (strcmp(state, names[i]) != 0 || !text_parse_u64(code, 0, 255, &number))
			continue;
		*o = (struct outcome){ .state = (enum outcome_state)i,
				       .exit = (int)number,
				       .message = keyfile_text(&file, "MESSAGE"),
				       .hint = keyfile_text(&file, "HINT") };
		return 1;
	}
	return err_set(e, ERR_FAIL, "%s is damaged; the next setup writes it again", path);
}

void outcome_free(struct outcome *o)
{
	free(o->message);
	free(o->hint);
	*o = (struct outcome){ 0 };
}

/* Messages are for reading: the few bytes that a KEY=VALUE file cannot carry are replaced. */
static int put_text(struct buf *out, const char *key, const char *text, struct err *e)
{
	auto_free char *copy = xstrdup(text);

	text_printable(copy);
	for (char *c = copy; *c; c++) {
		if (*c == '"')
			*c = '\'';
		else if (strchr("$`\\", *c))
			*c = '?';
	}
	return keyfile_put(out, key, copy, e);
}

int outcome_write(const struct machine *m, enum outcome_state state, const struct err *why, struct err *e)
{
	auto_free char *path = path_of(m);
	auto_buf struct buf text = { 0 };

	buf_printf(&text, "STATE=%s\nEXIT=%d\n", names[state], why ? (int)why->class : 0);
	if (why && (put_text(&text, "MESSAGE", why->msg, e) < 0 || put_text(&text, "HINT", why->hint, e) < 0))
		return -1;
	if (file_mkdirs(m->at.run, FILE_MODE(0755), e) < 0)
		return -1;
	return machine_write(m, path, FILE_MODE(0644), &text, e);
}
