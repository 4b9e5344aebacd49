/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/state.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "base/clock.h"
#include "base/text.h"

static char *path_of(const struct machine *m)
{
	return layout_path(&m->at, "/var/lib/etcd-cluster.state/backup");
}

void backup_state_read(const struct machine *m, struct backup_state *s)
{
	auto_free char *path = path_of(m);
	auto_keyfile struct keyfile k = { 0 };
	struct err unread = { 0 };

	*s = (struct backup_state){ 0 };
	(void)(keyfile_read(path, &k, &unread) < 0);
	(void)keyfile_time(&k, "TIME", &s->time);
	(void)keyfile_time(&k, "FAILED", &s->failed);
	(void)keyfile_time(&k, "REHEARSED", &s->rehearsed);
	s->file = keyfile_text(&k, "FILE");
	s->why = keyfile_text(&k, "WHY");
	s->command_why = keyfile_text(&k, "COMMAND_WHY");
	s->rehearsed_file = keyfile_text(&k, "REHEARSED_FILE");
	s->rehearsed_why = keyfile_text(&k, "REHEARSED_WHY");
}

void backup_state_free(struct backup_state *s)
{
	char *const texts[] = { s->file, s->why, s->command_why, s->rehearsed_file, s->rehearsed_why };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	*s = (struct backup_state){ 0 };
}

void backup_state_text(char **to, const char *text)
{
	char *copy = xstrdup(text ? text : "");

	text_printable(copy);
	for (char *at = copy; (at = strpbrk(at, "\"'$`\\")); at++)
		*at = '?';
	free(*to);
	*to = copy;
}

static int put_time(struct buf *out, const char *key, time_t when, struct err *e)
{
	auto_free char *text = xasprintf("%lld", (long long)when);

	return when ? keyfile_put(out, key, text, e) : 0;
}

int backup_state_write(const struct machine *m, const struct backup_state *s, struct err *e)
{
	const char *const texts[][2] = { { "FILE", s->file },
					 { "WHY", s->why },
					 { "COMMAND_WHY", s->command_why },
					 { "REHEARSED_FILE", s->rehearsed_file },
					 { "REHEARSED_WHY", s->rehearsed_why } };
	auto_free char *path = path_of(m), *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	auto_buf struct buf out = { 0 };

	if (put_time(&out, "TIME", s->time, e) < 0 || put_time(&out, "FAILED", s->failed, e) < 0 ||
	    put_time(&out, "REHEARSED", s->rehearsed, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i][1][0] && keyfile_put(&out, texts[i][0], texts[i][1], e) < 0)
			return -1;
	return file_mkdirs(dir, FILE_MODE(0755), e) < 0 ? -1 : machine_write(m, path, FILE_MODE(0644), &out, e);
}
