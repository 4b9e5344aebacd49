/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of YAML that etcd's sample configuration and kubeadm's manifest are written in: one key or one item a line,
 * plain or quoted. What is written in another way is refused by its line.
 */
#include <string.h>

#include "adopt/source.h"
#include "base/buf.h"
#include "base/text.h"

struct line {
	unsigned int number, indent;
	bool item;   /* "- …"; indent is that of the text behind */
	char *key;   /* or NULL */
	char *value; /* "" when there is none */
};

static int bad(const char *file, unsigned int line, const char *what, struct err *e)
{
	return err_set(e, ERR_CONFIG, "%s:%u: %s is not understood", file, line, what);
}

/* Cuts a comment, blanks and quotes. NULL: this is another kind of YAML. */
static char *scalar(char *s)
{
	char *end;

	s += strspn(s, " ");
	if (*s == '"' || *s == '\'') {
		end = strchr(s + 1, *s);
		if (!end || (end[1] && end[1 + strspn(end + 1, " ")] != '#' && end[1 + strspn(end + 1, " ")]) ||
		    memchr(s, '\\', (size_t)(end - s)))
			return NULL;
		*end = '\0';
		return s + 1;
	}
	end = *s == '#' ? s : strstr(s, " #");
	if (end)
		*end = '\0';
	for (end = s + strlen(s); end > s && strchr(" \r", end[-1]);)
		*--end = '\0';
	if (strcmp(s, "{}") == 0 || strcmp(s, "[]") == 0)
		*s = '\0';
	return *s && strchr("{|>&*!%@`", *s) ? NULL : s;
}

/* "key: value", "- item", "- key: value". 1, 0 for an empty line, -1. */
static int take(const char *file, char *text, struct line *l, struct err *e)
{
	char *colon;

	l->key = NULL;
	l->item = false;
	l->indent = (unsigned int)strspn(text, " ");
	text += l->indent;
	if (strchr(text, '\t'))
		return bad(file, l->number, "a tab", e);
	if (!*text || *text == '#' || *text == '\r' || strncmp(text, "---", 3) == 0)
		return 0;
	while (text_starts(text, "- ")) {
		l->item = true;
		l->indent += 2;
		text += 2;
	}
	colon = *text == '"' || *text == '\'' || text_starts(text, "--") ? NULL : strchr(text, ':');
	if (colon && (colon[1] == ' ' || colon[1] == '\0' || colon[1] == '\r')) {
		*colon = '\0';
		l->key = text;
		text = colon + 1;
	}
	l->value = scalar(text);
	return l->value ? 1 : bad(file, l->number, l->key ? l->key : text, e);
}

/* [a, "b"] becomes a,b in place. */
static void join_list(char *value)
{
	char *to = value;

	if (value[0] != '[')
		return;
	for (const char *from = value; *from; from++)
		if (!strchr("[]\"' ", *from))
			*to++ = *from;
	*to = '\0';
}

/* ---- etcd's configuration file --------------------------------------------------------------------------------- */

/* An option of client-transport-security or peer-transport-security as a flag. The caller frees; NULL: unknown. */
static char *tls_option(const char *section, const char *key)
{
	static const char *const known[] = { "cert-file", "key-file", "client-cert-auth", "trusted-ca-file",
					     "auto-tls" };
	const bool peer = strcmp(section, "peer-transport-security") == 0;

	if (!peer && strcmp(section, "client-transport-security") != 0)
		return NULL;
	if (peer && strcmp(key, "allowed-cn") == 0)
		return xstrdup("peer-cert-allowed-cn");
	if (peer && strcmp(key, "allowed-hostname") == 0)
		return xstrdup("peer-cert-allowed-hostname");
	if (text_index(key, known, ARRAY_LEN(known)) == ARRAY_LEN(known))
		return NULL;
	return xasprintf("%s%s", peer ? "peer-" : "", key);
}

static int take_config(struct adopt_source *s, const char *file, struct line *l, char **section, struct buf *list,
		       struct err *e)
{
	auto_free char *option = NULL;

	if (l->item && !l->key && *section) {
		buf_printf(list, "%s%s", list->len ? "," : "", l->value);
		adopt_put(s, *section, buf_str(list), file, l->number);
		return 0;
	}
	buf_free(list);
	if (!l->key || l->item)
		return bad(file, l->number, l->value, e);
	join_list(l->value);
	if (l->indent == 0) {
		free(*section);
		*section = l->value[0] ? NULL : xstrdup(l->key);
		if (l->value[0])
			adopt_put(s, l->key, l->value, file, l->number);
		return 0;
	}
	option = *section ? tls_option(*section, l->key) : NULL;
	if (!option)
		return bad(file, l->number, l->key, e);
	adopt_put(s, option, l->value, file, l->number);
	return 0;
}

int adopt_read_config(struct adopt_source *s, const char *file, const char *text, struct err *e)
{
	auto_free char *copy = xstrdup(text), *section = NULL;
	auto_buf struct buf list = { 0 };
	struct line l = { 0 };

	for (char *at = copy, *next; at; at = next) {
		int rc;

		next = strchr(at, '\n');
		if (next)
			*next++ = '\0';
		l.number++;
		rc = take(file, at, &l, e);
		if (rc < 0 || (rc > 0 && take_config(s, file, &l, &section, &list, e) < 0))
			return -1;
	}
	return 0;
}

/* ---- The manifest of a static pod ------------------------------------------------------------------------------ */

struct manifest {
	char **words;	     /* of the command */
	unsigned int first;  /* line of the command */
	bool in_command;     /* the next items belong to it */
	unsigned int indent; /* of its key */
};

static int take_manifest(struct adopt_source *s, const char *file, struct line *l, struct manifest *m, struct err *e)
{
	if (m->in_command && l->item && !l->key && l->indent > m->indent) {
		strv_add(&m->words, l->value);
		return 0;
	}
	m->in_command = false;
	if (!l->key)
		return 0;
	if (strcmp(l->key, "command") == 0 || strcmp(l->key, "args") == 0) {
		if (l->value[0] || (m->words && strcmp(l->key, "command") == 0))
			return bad(file, l->number, m->words ? "a second command" : "a command in one line", e);
		m->in_command = true;
		m->indent = l->indent;
		m->first = m->first ? m->first : l->number;
	} else if (strcmp(l->key, "env") == 0 || strcmp(l->key, "envFrom") == 0) {
		return bad(file, l->number, l->key, e);
	} else if (strcmp(l->key, "path") == 0 && l->value[0] == '/') {
		strv_add_once(&s->mounts, l->value); /* of hostPath, and of probes, which is no directory */
	}
	return 0;
}

int adopt_read_manifest(struct adopt_source *s, const char *file, const char *text, struct err *e)
{
	auto_free char *copy = xstrdup(text);
	struct manifest m = { 0 };
	struct line l = { 0 };
	int rc = 0;

	for (char *at = copy, *next; at && rc >= 0; at = next) {
		next = strchr(at, '\n');
		if (next)
			*next++ = '\0';
		l.number++;
		rc = take(file, at, &l, e);
		if (rc > 0)
			rc = take_manifest(s, file, &l, &m, e);
	}
	if (rc >= 0 && (!m.words || (strcmp(m.words[0], "etcd") != 0 && !text_ends(m.words[0], "/etcd"))))
		rc = err_set(e, ERR_CONFIG, "%s: no container has the command etcd", file);
	if (rc >= 0)
		rc = adopt_put_flags(s, m.words + 1, file, m.first, e);
	strv_free(m.words);
	return rc < 0 ? -1 : 0;
}
