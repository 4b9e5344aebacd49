/* SPDX-License-Identifier: Apache-2.0 */
#include "release/binary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"

#define SECONDS		  10		   /* it takes 0.02 s; a machine at first boot may be busy */
#define VERSION_LINE	  "etcd Version: " /* the first line of --version, from 3.4 to 3.7 */
#define OPTION_LINE	  "  --"	   /* so begins the line of each option in --help, likewise */
#define OPTION_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define OPTIONS_MIN	  10 /* etcd has about a hundred; fewer than this is not its help */

enum { VERSION_QUESTION, HELP_QUESTION, QUESTIONS };

static const char *const questions[QUESTIONS][3] = {
	{ "etcd", "--version", NULL },
	{ "etcd", "--help", NULL },
};

int binary_ask(struct binary *b, int fd, const char *path, struct err *e)
{
	*b = (struct binary){ .path = xstrdup(path) };
	for (int i = 0; i < QUESTIONS; i++) {
		struct proc_run run = {
			.argv = questions[i],
			.program = fd,
			.timeout = SECONDS,
			.as_nobody = true,
			.out = &b->out[i],
			.diag = &b->diag[i],
		};

		if (proc_start(&run, &b->children[i], e) < 0)
			return err_wrap(e, "%s", path);
		b->running[i] = true;
	}
	return 0;
}

static int finish(struct binary *b, int i, struct err *e)
{
	int status;

	b->running[i] = false;
	status = proc_finish(&b->children[i], e);
	if (status < 0 && e->sys == ENOEXEC)
		return err_set(e, ERR_VERIFY, "%s: etcd does not run on this machine", b->path);
	if (status < 0)
		return err_wrap(e, "%s %s", b->path, questions[i][1]);
	if (status != 0)
		return err_set(e, ERR_VERIFY, "%s %s ended with status %d", b->path, questions[i][1], status);
	return 0;
}

void binary_free(struct binary *b)
{
	struct err ignored = { 0 };

	for (int i = 0; i < QUESTIONS; i++) {
		if (b->running[i] && finish(b, i, &ignored) < 0)
			log_debug("%s", ignored.msg);
		buf_free(&b->out[i]);
		buf_free(&b->diag[i]);
	}
	free(b->path);
	*b = (struct binary){ 0 };
}

static int parse_version(const char *path, const char *text, struct version *v, struct err *e)
{
	auto_free char *number = NULL;

	if (text_starts(text, VERSION_LINE))
		number = xstrndup(text + strlen(VERSION_LINE), strcspn(text + strlen(VERSION_LINE), "\n"));
	if (!number || !version_parse(number, v))
		return err_set(e, ERR_VERIFY, "%s --version does not print an etcd version", path);
	return 0;
}

static int parse_help(const char *path, const char *line, struct buf *options, struct err *e)
{
	size_t n = 0;

	for (; *line; line += *line == '\n') {
		const char *name = text_starts(line, OPTION_LINE) ? line + strlen(OPTION_LINE) : "";
		size_t len = strspn(name, OPTION_CHARACTERS);

		if (len > 0) {
			buf_add(options, name, len);
			buf_puts(options, "\n");
			n++;
		}
		line += strcspn(line, "\n");
	}
	if (n < OPTIONS_MIN)
		return err_set(e, ERR_VERIFY, "%s --help does not list the options of etcd", path);
	return 0;
}

int binary_answer(struct binary *b, struct version *v, struct buf *options, struct err *e)
{
	if (finish(b, VERSION_QUESTION, e) < 0 ||
	    parse_version(b->path, buf_str(&b->out[VERSION_QUESTION]), v, e) < 0 || finish(b, HELP_QUESTION, e) < 0)
		return -1;
	return parse_help(b->path, buf_str(&b->out[HELP_QUESTION]), options, e);
}
