/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static struct {
	bool verbose;
	bool journal;
} settings;

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of the socket that stderr was connected to. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(stream, own) == 0;
}

void log_open(bool verbose)
{
	settings.verbose = verbose;
	settings.journal = stderr_is_journal();
}

bool log_to_terminal(void)
{
	return !settings.journal && isatty(STDERR_FILENO);
}

void log_line(int level, const char *fmt, ...)
{
	const char *word = level == LOG_ERR ? "error: " : level == LOG_WARNING ? "warning: " : "";
	char line[2048];
	va_list ap;

	if (level == LOG_DEBUG && !settings.verbose)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	text_printable(line);
	if (settings.journal)
		/* A notice: etcd-cluster-setup.service hides what is less, that is systemd's line for each try. */
		(void)fprintf(stderr, "<%d>%s\n", level == LOG_INFO ? LOG_NOTICE : level, line);
	else
		(void)fprintf(stderr, "etcd-cluster: %s%s\n", word, line);
}

void log_error(int level, const struct err *e)
{
	log_line(level, "%s", e->msg);
	if (e->hint[0] != '\0')
		log_line(LOG_INFO, "  %s", e->hint);
}
