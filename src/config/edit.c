/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#define CONF_MAX (256 * 1024)

/* True and the first line of text that is `<prefix>key=…`; else false and the end of text. */
static bool find_line(const char *text, const char *prefix, const char *key, const char **at)
{
	auto_free char *begin = xasprintf("%s%s=", prefix, key);

	for (*at = text; !text_starts(*at, begin); (*at)++) {
		*at += strcspn(*at, "\n");
		if (**at == '\0')
			return false;
	}
	return true;
}

/* Puts one answer into text: in place of its line, behind its sample, or at the end. */
static void put(struct buf *text, const struct config_answer *answer)
{
	auto_buf struct buf was = *text;
	const char *at, *rest, *end; /* end: of what stays before the answer */
	bool is_set = find_line(buf_str(&was), "", answer->key, &at);

	if (!is_set)
		(void)find_line(buf_str(&was), "#", answer->key, &at);
	rest = at + strcspn(at, "\n");
	end = is_set ? at : rest;
	*text = (struct buf){ 0 };
	buf_add(text, was.data, (size_t)(end - buf_str(&was)));
	if (text->len > 0 && end[-1] != '\n')
		buf_puts(text, "\n");
	buf_printf(text, "%s=%s%s%s", answer->key, answer->value, *rest ? "" : "\n", rest);
}

/* The new text must load. It is tried under a name that is not read as a drop-in. */
static int try_load(const struct layout *at, const struct buf *text, struct err *e)
{
	auto_free char *scratch = xasprintf("%s.try", at->conf);
	struct layout trial cleanup(layout_free) = { 0 };
	struct config c cleanup(config_free) = { 0 };
	struct err left = { 0 };
	int rc;

	if (file_replace(scratch, FILE_MODE(0644), text->data, text->len, e) < 0)
		return -1;
	layout_init(&trial, at->root, scratch);
	rc = config_load(&trial, &c, e);
	if (file_remove_tree(scratch, &left) < 0)
		log_error(LOG_WARNING, &left);
	return rc;
}

int config_edit(const struct layout *at, const struct config_answer *answers, size_t n, bool dry_run, struct err *e)
{
	auto_buf struct buf before = { 0 }, text = { 0 };

	if (file_read(at->conf, CONF_MAX, &before, e) < 0 && err_absent(e) < 0)
		return -1;
	buf_puts(&text, buf_str(&before));
	for (size_t i = 0; i < n; i++)
		if (answers[i].value)
			put(&text, &answers[i]);
	if (strcmp(buf_str(&before), buf_str(&text)) == 0)
		return 0;
	if (dry_run) {
		log_info("would write %s", at->conf);
		return 1;
	}
	if (file_mkdirs(at->etc, FILE_MODE(0755), e) < 0 || try_load(at, &text, e) < 0 ||
	    file_replace(at->conf, FILE_MODE(0644), text.data, text.len, e) < 0)
		return -1;
	return 1;
}
