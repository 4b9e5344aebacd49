/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/page.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

#define LEAST 40
#define MOST  10000

int page_width(void)
{
	const char *columns = getenv("COLUMNS");
	uint64_t n;

	return columns && text_parse_u64(columns, LEAST, MOST, &n) ? (int)n : PAGE_WIDTH;
}

void page_word(struct page *p, const char *text, size_t len)
{
	if (p->column + 1 + (int)len > (p->width ? p->width : PAGE_WIDTH) && p->column > p->indent) {
		(void)fprintf(p->to, "\n%*s", p->indent, "");
		p->column = p->indent;
	} else if (p->column > p->indent) {
		(void)fputc(' ', p->to);
		p->column++;
	}
	(void)fprintf(p->to, "%.*s", (int)len, text);
	p->column += (int)len;
}

static bool is_one_of(const char *word, size_t len, const char *const list[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(word, list[i], len) == 0 && !list[i][len])
			return true;
	return false;
}

/* The length of the command that the text begins with; 0 if that is none. What follows it is a sentence about it. */
static size_t command_length(const char *text)
{
	static const char *const programs[] = { "etcd-cluster", "etcdctl.sh", "systemctl", "journalctl", "timedatectl",
						"openssl",	"install",    "chmod",	   "chown",	 "chgrp",
						"sudo",		"touch",      "mount",	   "mv",	 "rm",
						"cp",		"ip",	      "ss",	   "ps",	 "sed",
						"apt" };
	static const char *const prose[] = { "and",   "asks", "finishes", "forms", "here",  "in",    "issues",	"it",
					     "keeps", "made", "makes",	  "on",	   "opens", "or",    "removes", "says",
					     "shows", "the",  "then",	  "tries", "when",  "where", "which" };
	size_t len = strcspn(text, " \n");

	if (!is_one_of(text, len, programs, ARRAY_LEN(programs)))
		return 0;
	while (text[len] == ' ' && !strchr(";:,.)", text[len - 1])) {
		size_t next = strcspn(text + len + 1, " \n");

		if (next == 0 || text[len + 1] == '(' || is_one_of(text + len + 1, next, prose, ARRAY_LEN(prose)))
			break;
		len += 1 + next;
	}
	return len;
}

void page_text(struct page *p, const char *text)
{
	while (*text) {
		size_t command = command_length(text), len = command ? command : strcspn(text, " \n");

		if (len > 0)
			page_word(p, text, len);
		if (text[len] == '\n') {
			(void)fprintf(p->to, "\n\n%*s", p->indent, "");
			p->column = p->indent;
		}
		text += len + (text[len] != '\0');
	}
	(void)fputc('\n', p->to);
}

void page_entry(FILE *to, int indent, const char *first, const char *text)
{
	struct page p = { .to = to, .column = indent, .indent = indent, .width = page_width() };

	(void)fprintf(to, "%-*s", indent, first);
	page_text(&p, text);
}

bool page_is_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

const char *page_colour(enum page_colour colour)
{
	static const char *const codes[] = { [PAGE_PLAIN] = "\033[0m",
					     [PAGE_RED] = "\033[1;31m",
					     [PAGE_YELLOW] = "\033[33m",
					     [PAGE_GREEN] = "\033[32m",
					     [PAGE_BOLD] = "\033[1m" };
	const char *no = getenv("NO_COLOR"); /* https://no-color.org: any value but the empty one */

	return (no && *no) || !page_is_terminal() ? "" : codes[colour];
}
