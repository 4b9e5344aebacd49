/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/source.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

/* A part of the path of our program, which every etcd.service of ours runs. */
#define OUR_PROGRAM "libexec/etcd-cluster/"

/* In the order in which systemd prefers them (systemd.unit(5)). */
static const char *const dirs[] = { "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
				    "/usr/lib/systemd/system", "/lib/systemd/system" };

struct unit {
	const struct layout *at;
	const char *file;	 /* that is read */
	unsigned int line;	 /* where the present line began */
	struct adopt_source env; /* variables, as they are called: only key, value and where are used */
	char **files;		 /* strv of "file:line path" of EnvironmentFile= */
	char *exec, *exec_file;
	unsigned int exec_line;
};

static void unit_free(struct unit *u)
{
	adopt_source_free(&u->env);
	strv_free(u->files);
	free(u->exec);
	free(u->exec_file);
}

static int bad(const struct unit *u, const char *why, const char *what, struct err *e)
{
	return err_set(e, ERR_CONFIG, "%s:%u: %s: %s", u->file, u->line, what, why);
}

/* ---- Words ----------------------------------------------------------------------------------------------------- */

static const char *variable(const struct unit *u, const char *name, size_t len)
{
	for (size_t i = 0; i < u->env.n; i++)
		if (strlen(u->env.settings[i].key) == len && strncmp(u->env.settings[i].key, name, len) == 0)
			return u->env.settings[i].value;
	return "";
}

static int put_specifier(const struct unit *u, char which, struct buf *out, struct err *e)
{
	char host[256] = "";

	if (which == '%')
		buf_puts(out, "%");
	else if (which == 'H' && gethostname(host, sizeof(host) - 1) == 0)
		buf_puts(out, host);
	else
		return bad(u, "only the specifiers %% and %H are understood", (const char[]){ '%', which, '\0' }, e);
	return 0;
}

/* "${NAME}" at p; *p goes to its end. False for another use of "$". */
static bool put_variable(const struct unit *u, const char **p, struct buf *out)
{
	const char *end = (*p)[1] == '{' ? strchr(*p, '}') : NULL;

	if ((*p)[1] == '$') {
		buf_puts(out, "$");
		(*p)++;
		return true;
	}
	if (!end)
		return false;
	buf_puts(out, variable(u, *p + 2, (size_t)(end - *p) - 2));
	*p = end;
	return true;
}

/* One word at *p with its quotes, up to a blank. */
static int take_word(const struct unit *u, const char **p, bool expand, struct buf *out, struct err *e)
{
	char quote = '\0';

	for (; **p && (quote || !isspace((unsigned char)**p)); (*p)++) {
		if (**p == quote) {
			quote = '\0';
		} else if (!quote && (**p == '"' || **p == '\'')) {
			quote = **p;
		} else if (**p == '\\') {
			if (!strchr("\\\"' ", (*p)[1]) || !(*p)[1])
				return bad(u, "this escape is not understood", *p, e);
			buf_add(out, ++*p, 1);
		} else if (**p == '%') {
			if (put_specifier(u, *++*p, out, e) < 0)
				return -1;
		} else if (**p == '$' && expand) {
			if (!put_variable(u, p, out))
				return bad(u, "this use of $ is not understood", *p, e);
		} else {
			buf_add(out, *p, 1);
		}
	}
	return quote ? bad(u, "a quote is not closed", buf_str(out), e) : 0;
}

/* expand: variables, where "$NAME" as a word of its own can become several. */
static int split(const struct unit *u, const char *text, bool expand, char ***words, struct err *e)
{
	for (const char *p = text; *(p += strspn(p, " \t")) != '\0';) {
		auto_buf struct buf word = { 0 };
		const size_t len = strcspn(p, " \t");

		if (expand && p[0] == '$' && len > 1 && (isalpha((unsigned char)p[1]) || p[1] == '_')) {
			auto_strv char **several = text_split(variable(u, p + 1, len - 1), " \t");

			strv_add_all(words, several);
			p += len;
			continue;
		}
		if (take_word(u, &p, expand, &word, e) < 0)
			return -1;
		strv_add(words, buf_str(&word));
	}
	return 0;
}

/* ---- Variables ------------------------------------------------------------------------------------------------- */

static void put_env(struct unit *u, const char *word, const char *equal, const char *file, unsigned int line)
{
	auto_free char *key = xstrndup(word, (size_t)(equal - word));
	struct config_line *to = NULL;

	for (size_t i = 0; i < u->env.n; i++)
		if (strcmp(u->env.settings[i].key, key) == 0)
			to = &u->env.settings[i];
	if (to) {
		config_line_free(to);
	} else {
		u->env.settings = xrealloc(u->env.settings, u->env.n + 1, sizeof(*u->env.settings));
		to = &u->env.settings[u->env.n++];
	}
	*to = (struct config_line){ steal(&key), xstrdup(equal + 1), xasprintf("%s:%u", file, line) };
}

static int take_environment(struct unit *u, const char *value, struct err *e)
{
	auto_strv char **words = NULL;

	if (!*value)
		adopt_source_free(&u->env);
	if (split(u, value, false, &words, e) < 0)
		return -1;
	for (size_t i = 0; words && words[i]; i++) {
		const char *equal = strchr(words[i], '=');

		if (!equal)
			return bad(u, "is not NAME=VALUE", words[i], e);
		put_env(u, words[i], equal, u->file, u->line);
	}
	return 0;
}

/* A value of an environment file: quotes around all of it, or none. False for an escape or a quote elsewhere. */
static bool unquote(char *value)
{
	size_t len = strlen(value);

	while (len > 0 && isspace((unsigned char)value[len - 1]))
		value[--len] = '\0';
	if (len > 1 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0]) {
		value[len - 1] = '\0';
		memmove(value, value + 1, len - 1);
	}
	return !strpbrk(value, "\"'\\");
}

static int take_env_line(struct unit *u, char *line, const char *file, unsigned int n, struct err *e)
{
	char *equal;

	line += strspn(line, " \t");
	if (!*line || *line == '#' || *line == ';')
		return 0;
	equal = strchr(line, '=');
	if (!equal)
		return 0; /* as systemd */
	memmove(equal + 1, equal + 1 + strspn(equal + 1, " \t"), strlen(equal + 1 + strspn(equal + 1, " \t")) + 1);
	if (!unquote(equal + 1))
		return text_starts(line, "ETCD_")
			       ? err_set(e, ERR_CONFIG, "%s:%u: the quotes of this line are not understood", file, n)
			       : 0;
	put_env(u, line, equal, file, n);
	return 0;
}

/* "-" before the path: it may be absent. */
static int read_env_file(struct unit *u, const char *named, struct err *e)
{
	const bool optional = named[0] == '-';
	const char *file = named + optional;
	auto_free char *path = layout_path(u->at, file);
	auto_buf struct buf text = { 0 };
	unsigned int n = 0;

	if (file_read(path, ADOPT_FILE_MAX, &text, e) < 0)
		return optional ? err_absent(e) : -1;
	for (char *line = text.data, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (take_env_line(u, line, file, ++n, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- The unit -------------------------------------------------------------------------------------------------- */

static int take_line(struct unit *u, char *line, struct err *e)
{
	char *value = strchr(line, '=');

	if (!value)
		return 0;
	for (char *end = value; end > line && isspace((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcmp(line, "Environment") == 0)
		return take_environment(u, value, e);
	if (strcmp(line, "PassEnvironment") == 0 && *value)
		return bad(u, "the environment of systemd is not known here", line, e);
	if (strcmp(line, "EnvironmentFile") == 0) {
		if (!*value)
			strv_free(steal(&u->files));
		else if (strpbrk(value, "%*?[\"") || (value[0] != '/' && value[0] != '-'))
			return bad(u, "is not the path of one file", value, e);
		else
			strv_add(&u->files, value);
	} else if (strcmp(line, "ExecStart") == 0) {
		if (*value && u->exec)
			return bad(u, "there is a second one", "ExecStart", e);
		free(steal(&u->exec));
		free(steal(&u->exec_file));
		if (*value) {
			u->exec = xstrdup(value);
			u->exec_file = xstrdup(u->file);
			u->exec_line = u->line;
		}
	}
	return 0;
}

/* Appends the line to `whole`; false when the next one continues it. Comments in between count for nothing. */
static bool complete(struct buf *whole, const char *line)
{
	size_t len = strlen(line);

	if (whole->len > 0 && (line[strspn(line, " \t")] == '#' || line[strspn(line, " \t")] == ';'))
		return false;
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	if (len == 0 || line[len - 1] != '\\') {
		buf_add(whole, line, len);
		return true;
	}
	buf_add(whole, line, len - 1);
	buf_puts(whole, " ");
	return false;
}

static int take_text(struct unit *u, const char *file, char *text, struct err *e)
{
	auto_buf struct buf whole = { 0 };
	bool service = false;
	unsigned int n = 0;

	u->file = file;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line += strspn(line, " \t\r");
		n++;
		if (whole.len == 0) {
			u->line = n;
			if (*line == '#' || *line == ';' || !*line)
				continue;
		}
		if (!complete(&whole, line) && next)
			continue;
		if (buf_str(&whole)[0] == '[')
			service = text_starts(buf_str(&whole), "[Service]");
		else if (service && whole.len > 0 && take_line(u, whole.data, e) < 0)
			return -1;
		buf_free(&whole);
	}
	return 0;
}

static int take_file(struct unit *u, const char *file, struct err *e)
{
	auto_free char *path = layout_path(u->at, file);
	auto_buf struct buf text = { 0 };

	if (file_read(path, ADOPT_FILE_MAX, &text, e) < 0)
		return -1;
	return text.len > 0 ? take_text(u, file, text.data, e) : 0;
}

static bool is_conf(const char *name)
{
	return text_ends(name, ".conf");
}

/* All of them by name; of the same name the one in the preferred directory. Ours are left out. */
static int take_drop_ins(struct unit *u, const char *unit, struct err *e)
{
	auto_strv char **all = NULL;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		auto_free char *dir = xasprintf("%s/%s.d", dirs[i], unit), *path = layout_path(u->at, dir);
		auto_strv char **names = NULL;

		if (file_list(path, is_conf, &names, e) < 0)
			return -1;
		for (size_t k = 0; names && names[k]; k++)
			if (!text_starts(names[k], "50-etcd-cluster-"))
				strv_add_once(&all, names[k]);
	}
	strv_sort(all);
	for (size_t k = 0; all && all[k]; k++) {
		for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
			auto_free char *file = xasprintf("%s/%s.d/%s", dirs[i], unit, all[k]);
			auto_free char *path = layout_path(u->at, file);

			if (!file_exists(path))
				continue;
			if (take_file(u, file, e) < 0)
				return -1;
			break;
		}
	}
	return 0;
}

char *adopt_unit_path(const struct layout *at, const char *unit)
{
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		auto_free char *file = xasprintf("%s/%s", dirs[i], unit), *path = layout_path(at, file);
		auto_buf struct buf text = { 0 };
		struct err unread = { 0 };

		if (file_read(path, ADOPT_FILE_MAX, &text, &unread) == 0 && text.len > 0 &&
		    !strstr(buf_str(&text), OUR_PROGRAM))
			return steal(&file);
	}
	return NULL;
}

/* The words of ExecStart=: the program is etcd itself, and neither a shell nor a container. */
static int take_command(struct unit *u, struct adopt_source *s, struct err *e)
{
	auto_strv char **words = NULL;
	const char *program;

	u->file = u->exec_file;
	u->line = u->exec_line;
	if (split(u, u->exec, true, &words, e) < 0)
		return -1;
	program = words && words[0] ? words[0] + strspn(words[0], "-:+!") : "";
	if (!text_ends(program, "/etcd") && strcmp(program, "etcd") != 0) {
		(void)bad(u, "is not etcd itself, but what starts it", program, e);
		return err_hint(e, "write the command of etcd with its options into ExecStart=, without a shell or a "
				   "container, restart it, then: etcd-cluster adopt");
	}
	return adopt_put_flags(s, words + 1, u->exec_file, u->exec_line, e);
}

int adopt_read_unit(const struct layout *at, const char *unit, struct adopt_source *s, struct err *e)
{
	struct unit u cleanup(unit_free) = { .at = at };

	s->unit = xstrdup(unit);
	s->path = adopt_unit_path(at, unit);
	if (!s->path) {
		(void)err_set(e, ERR_CONFIG, "this machine has no unit %s of another etcd", unit);
		return err_hint(e, "systemctl status PID of that etcd shows its unit; then: etcd-cluster adopt UNIT");
	}
	if (take_file(&u, s->path, e) < 0 || take_drop_ins(&u, unit, e) < 0)
		return -1;
	for (size_t i = 0; u.files && u.files[i]; i++)
		if (read_env_file(&u, u.files[i], e) < 0)
			return -1;
	if (!u.exec)
		return err_set(e, ERR_CONFIG, "%s has no ExecStart=", s->path);
	for (size_t i = 0; i < u.env.n; i++) {
		const struct config_line *from = &u.env.settings[i];
		const char *colon = strrchr(from->where, ':');
		auto_free char *file = xstrndup(from->where, (size_t)(colon - from->where));

		if (text_starts(from->key, "ETCD_"))
			adopt_put(s, from->key + strlen("ETCD_"), from->value, file,
				  (unsigned int)strtoul(colon + 1, NULL, 10));
	}
	return take_command(&u, s, e);
}
