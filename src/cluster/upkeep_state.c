/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/upkeep_state.h"

#include <string.h>

#include "adapter/keyfile.h"

static char *path_of(const struct machine *m)
{
	return layout_path(&m->at, "/var/lib/etcd-cluster.state/maintain");
}

void upkeep_state_read(const struct machine *m, struct upkeep_state *s)
{
	auto_free char *path = path_of(m);
	auto_keyfile struct keyfile k = { 0 };
	struct err unread = { 0 };

	*s = (struct upkeep_state){ 0 };
	(void)(keyfile_read(path, &k, &unread) < 0);
	(void)keyfile_time(&k, "TIME", &s->time);
	(void)keyfile_time(&k, "FAILED", &s->failed);
	s->member = keyfile_text(&k, "MEMBER");
	s->why = keyfile_text(&k, "WHY");
}

void upkeep_state_free(struct upkeep_state *s)
{
	free(s->member);
	free(s->why);
	*s = (struct upkeep_state){ 0 };
}

int upkeep_state_write(const struct machine *m, const struct upkeep_state *s, struct err *e)
{
	auto_free char *path = path_of(m), *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	auto_free char *member = keyfile_safe(s->member), *why = keyfile_safe(s->why);
	auto_buf struct buf out = { 0 };

	if (keyfile_put_time(&out, "TIME", s->time, e) < 0 || keyfile_put(&out, "MEMBER", member, e) < 0 ||
	    keyfile_put_time(&out, "FAILED", s->failed, e) < 0 || keyfile_put(&out, "WHY", why, e) < 0)
		return -1;
	return file_mkdirs(dir, FILE_MODE(0755), e) < 0 ? -1 : machine_write(m, path, FILE_MODE(0644), &out, e);
}
