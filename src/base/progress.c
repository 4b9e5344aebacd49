/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#define MIB	(1024.0 * 1024.0)
#define SHOW_MS 250

long long progress_left(const struct progress *p)
{
	if (p->total < p->done || p->rate == 0)
		return -1;
	return (long long)((p->total - p->done + p->rate - 1) / p->rate);
}

char *progress_text(const struct progress *p)
{
	auto_buf struct buf text = { 0 };
	const long long left = progress_left(p);

	buf_printf(&text, "%s: %.1f", p->name, (double)p->done / MIB);
	if (p->total > 0)
		buf_printf(&text, " of %.1f MiB, %.0f %%", (double)p->total / MIB,
			   100.0 * (double)p->done / (double)p->total);
	else
		buf_puts(&text, " MiB");
	if (p->rate > 0)
		buf_printf(&text, ", %.1f MiB/s", (double)p->rate / MIB);
	if (left >= 0)
		buf_printf(&text, ", %lld s left", left);
	return xstrdup(buf_str(&text));
}

/* Of constant length, so that one write replaces the one before. */
static void put(const struct progress_meter *m)
{
	auto_free char *line =
		xasprintf("%020llu %020llu %020llu %s\n", m->now.done, m->now.total, m->now.rate, m->now.name);

	/* Nothing depends on it. */
	if (pwrite(m->fd, line, strlen(line), 0) < 0)
		log_debug("cannot write the progress");
}

void progress_show(struct progress_meter *m, unsigned long long done, unsigned long long total)
{
	const long long ms = clock_ms();

	if (!m->begun) {
		m->begun = true;
		m->began_ms = ms;
		m->first = done;
	} else if (ms - m->last_ms < SHOW_MS) {
		return;
	}
	m->last_ms = ms;
	m->now.done = done;
	m->now.total = total;
	if (ms > m->began_ms)
		m->now.rate = (done - m->first) * 1000 / (unsigned long long)(ms - m->began_ms);
	if (m->fd > 0)
		put(m);
	if (log_to_terminal()) {
		auto_free char *text = progress_text(&m->now);

		(void)fprintf(stderr, "  %s\033[K\r", text);
	}
}

void progress_end(const struct progress_meter *m)
{
	if (m->begun && log_to_terminal())
		(void)fputs("\033[K", stderr);
}

bool progress_read(const char *path, struct progress *p)
{
	auto_buf struct buf text = { 0 };
	auto_strv char **words = NULL;
	struct err unread = { 0 };
	uint64_t n[3];

	if (file_read(path, 4 * PROGRESS_NAME, &text, &unread) < 0)
		return false;
	words = text_split(buf_str(&text), " \n");
	if (strv_len(words) != 4 || strlen(words[3]) >= sizeof(p->name))
		return false;
	for (size_t i = 0; i < 3; i++)
		if (!text_parse_u64(words[i], 0, INT64_MAX, &n[i]))
			return false;
	*p = (struct progress){ .done = n[0], .total = n[1], .rate = n[2] };
	memcpy(p->name, words[3], strlen(words[3]) + 1);
	return true;
}
