/* SPDX-License-Identifier: Apache-2.0 */
#include "release/record.h"

#include <fcntl.h>
#include <string.h>

#include "base/proc.h"
#include "base/text.h"

#define SECONDS		  10		   /* it takes 0.02 s; a machine at first boot may be busy */
#define VERSION_LINE	  "etcd Version: " /* the first line of --version, from 3.4 to 3.7 */
#define OPTION_LINE	  "  --"	   /* so begins the line of each option in --help, likewise */
#define OPTION_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define OPTIONS_MIN	  10 /* etcd has about a hundred; fewer than this is not its help */

/* What the open program prints with this option. */
static int output_of(int fd, const char *path, const char *option, struct buf *out, struct err *e)
{
	auto_buf struct buf diag = { 0 };
	const struct proc_run run = {
		.argv = (const char *const[]){ "etcd", option, NULL },
		.program = fd,
		.timeout = SECONDS,
		.uid = PROC_NOBODY,
		.gid = PROC_NOBODY,
		.out = out,
		.diag = &diag,
	};
	int status = proc_run(&run, e);

	if (status < 0 && e->sys == ENOEXEC)
		return err_set(e, ERR_VERIFY, "%s does not run on this machine", path);
	if (status < 0)
		return err_wrap(e, "%s %s", path, option);
	if (status != 0)
		return err_set(e, ERR_VERIFY, "%s %s ended with status %d", path, option, status);
	return 0;
}

static bool parse_version(const char *text, struct version *v)
{
	auto_free char *number = NULL;

	if (!text_starts(text, VERSION_LINE))
		return false;
	text += strlen(VERSION_LINE);
	number = xstrndup(text, strcspn(text, "\n"));
	return version_parse(number, v);
}

static bool parse_help(const char *line, struct buf *options)
{
	size_t n = 0;

	for (; *line; line += *line == '\n') {
		const char *name = text_starts(line, OPTION_LINE) ? line + strlen(OPTION_LINE) : "";
		size_t len = strspn(name, OPTION_CHARACTERS);

		if (len > 0) {
			buf_printf(options, "%.*s\n", (int)len, name);
			n++;
		}
		line += strcspn(line, "\n");
	}
	return n >= OPTIONS_MIN;
}

int binary_ask(const char *path, struct version *v, struct buf *options, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	auto_buf struct buf version = { 0 }, help = { 0 };

	if (fd < 0)
		return err_sys(e, ERR_FAIL, "cannot open %s", path);
	if (file_check_trusted(fd, path, e) < 0 || output_of(fd, path, "--version", &version, e) < 0)
		return -1;
	if (!parse_version(buf_str(&version), v))
		return err_set(e, ERR_VERIFY, "%s --version does not print an etcd version", path);
	if (output_of(fd, path, "--help", &help, e) < 0)
		return -1;
	if (!parse_help(buf_str(&help), options))
		return err_set(e, ERR_VERIFY, "%s --help does not list the options of etcd", path);
	return 0;
}
