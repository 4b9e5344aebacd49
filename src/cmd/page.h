/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for people: lines of at most 100 columns, and colour on a terminal.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#define PAGE_WIDTH 100

/* A paragraph being printed: words move to the next line, which begins at `indent`, when they would cross the width. */
struct page {
	FILE *to;
	int column, indent;
	int width; /* 0: PAGE_WIDTH */
};

void page_word(struct page *p, const char *text, size_t len);
/*
 * Blanks divide words, a newline ends a paragraph. Ends the line. A command is one word, so that it can be copied: a
 * long one begins a line and crosses the width.
 */
void page_text(struct page *p, const char *text);

/* The same after a first column "%-*s"; the further lines begin below the text. */
void page_entry(FILE *to, int indent, const char *first, const char *text);

/* PAGE_WIDTH, or what COLUMNS in the environment says (40 or more). */
int page_width(void);

enum page_colour { PAGE_PLAIN, PAGE_RED, PAGE_YELLOW, PAGE_GREEN, PAGE_BOLD };

/* The sequence that begins the colour on stdout; "" if it is no terminal, TERM is dumb, or NO_COLOR is set. */
const char *page_colour(enum page_colour colour);

/* True when stdout is a terminal that can move its cursor. */
bool page_is_terminal(void);
