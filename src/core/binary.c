/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 */
#include "core/binary.h"

#include <string.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/text.h"

#define SECONDS		  10		   /* it takes 0.02 s; a machine at first boot may be busy */
#define VERSION_LINE	  "etcd Version: " /* the first line of --version, from 3.4 to 3.7 */
#define OPTION_LINE	  "  --"	   /* so begins the line of each option in --help, likewise */
#define OPTION_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define OPTIONS_MIN	  10 /* etcd has about a hundred; fewer than this is not its help */

static int ask(int fd, const char *path, const char *question, struct buf *out, struct err *e)
{
	const char *const argv[] = { "etcd", question, NULL };
	auto_buf struct buf diag = { 0 };
	struct proc_run run = {
		.argv = argv,
		.program = fd,
		.timeout = SECONDS,
		.as_nobody = true,
		.out = out,
		.diag = &diag,
	};
	int status = proc_run(&run, e);

	if (status < 0)
		return err_wrap(e, "%s %s", path, question);
	if (status != 0)
		return err_set(e, ERR_VERIFY, "%s %s ended with status %d", path, question, status);
	buf_add(out, buf_str(&diag), diag.len); /* 3.4 prints the beginning of its help to stderr */
	return 0;
}

int binary_version(int fd, const char *path, struct version *v, struct err *e)
{
	auto_buf struct buf out = { 0 };
	auto_free char *number = NULL;
	const char *text;

	if (ask(fd, path, "--version", &out, e) < 0)
		return -1;
	text = buf_str(&out);
	if (text_starts(text, VERSION_LINE))
		number = xstrndup(text + strlen(VERSION_LINE), strcspn(text + strlen(VERSION_LINE), "\n"));
	if (!number || !version_parse(number, v))
		return err_set(e, ERR_VERIFY, "%s --version does not say a version of etcd", path);
	return 0;
}

int binary_options(int fd, const char *path, struct buf *options, struct err *e)
{
	auto_buf struct buf help = { 0 };
	size_t n = 0;

	if (ask(fd, path, "--help", &help, e) < 0)
		return -1;
	for (const char *line = buf_str(&help); *line; line += *line == '\n') {
		size_t len =
			strspn(line + (text_starts(line, OPTION_LINE) ? strlen(OPTION_LINE) : 0), OPTION_CHARACTERS);

		if (text_starts(line, OPTION_LINE) && len > 0) {
			buf_add(options, line + strlen(OPTION_LINE), len);
			buf_puts(options, "\n");
			n++;
		}
		line += strcspn(line, "\n");
	}
	if (n < OPTIONS_MIN)
		return err_set(e, ERR_VERIFY, "%s --help does not list the options of etcd", path);
	return 0;
}
