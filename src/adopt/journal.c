/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/journal.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "base/text.h"
#include "member/identity.h"

static const char *const steps[] = {
	[ADOPT_NOTHING] = "nothing", [ADOPT_SWITCHING] = "switching", [ADOPT_PLACED] = "placed",
	[ADOPT_READY] = "ready",     [ADOPT_UNDOING] = "undoing",     [ADOPT_FINISHED] = "finished",
};

const char *adopt_step_name(enum adopt_step step)
{
	return steps[step];
}

void adopt_journal_free(struct adopt_journal *j)
{
	free(j->unit);
	free(j->path);
	free(j->release);
	free(j->current);
	free(j->data_dir);
	free(j->wal_dir);
	free(j->name);
	*j = (struct adopt_journal){ 0 };
}

static bool flag(const struct keyfile *k, const char *key)
{
	const char *value = keyfile_get(k, key);

	return value && strcmp(value, "yes") == 0;
}

int adopt_journal_read(const struct layout *at, struct adopt_journal *j, struct err *e)
{
	auto_free char *path = xasprintf("%s/journal", at->adopted);
	auto_keyfile struct keyfile k = { 0 };
	auto_free char *uid_text = NULL, *gid_text = NULL;
	uint64_t uid = 0, gid = 0;
	size_t step;

	*j = (struct adopt_journal){ 0 };
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	uid_text = keyfile_text(&k, "UID");
	gid_text = keyfile_text(&k, "GID");
	step = text_index(keyfile_get(&k, "STATE"), steps, ARRAY_LEN(steps));
	if (step == ARRAY_LEN(steps) || !keyfile_get(&k, "DATA_DIR") || !keyfile_get(&k, "RELEASE") ||
	    !keyfile_get(&k, "FILE") || !text_parse_id(keyfile_get(&k, "CLUSTER_ID"), &j->cluster_id) ||
	    !text_parse_id(keyfile_get(&k, "MEMBER_ID"), &j->member_id) ||
	    !text_parse_u64(uid_text, 0, UINT32_MAX, &uid) || !text_parse_u64(gid_text, 0, UINT32_MAX, &gid))
		return err_set(e, ERR_CONFIG, "%s is not a journal of etcd-cluster adopt", path);
	j->step = (enum adopt_step)step;
	j->unit = keyfile_copy(&k, "UNIT");
	j->path = keyfile_copy(&k, "FILE");
	j->release = keyfile_copy(&k, "RELEASE");
	j->current = keyfile_copy(&k, "CURRENT");
	j->data_dir = keyfile_copy(&k, "DATA_DIR");
	j->wal_dir = keyfile_copy(&k, "WAL_DIR");
	j->name = keyfile_text(&k, "NAME");
	j->uid = (uid_t)uid;
	j->gid = (gid_t)gid;
	j->enabled = flag(&k, "ENABLED");
	j->allow_outage = flag(&k, "ALLOW_OUTAGE");
	j->many = flag(&k, "MANY");
	return 1;
}

int adopt_journal_write(const struct layout *at, const struct adopt_journal *j, struct err *e)
{
	auto_free char *path = xasprintf("%s/journal", at->adopted);
	auto_free char *uid = xasprintf("%u", j->uid), *gid = xasprintf("%u", j->gid);
	auto_free char *cluster = xasprintf(ID_FMT, j->cluster_id), *member = xasprintf(ID_FMT, j->member_id);
	auto_buf struct buf text = { 0 };
	const char *const lines[][2] = {
		{ "STATE", steps[j->step] },
		{ "UNIT", j->unit },
		{ "FILE", j->path },
		{ "RELEASE", j->release },
		{ "CURRENT", j->current },
		{ "DATA_DIR", j->data_dir },
		{ "WAL_DIR", j->wal_dir },
		{ "NAME", j->name },
		{ "CLUSTER_ID", cluster },
		{ "MEMBER_ID", member },
		{ "UID", uid },
		{ "GID", gid },
		{ "ENABLED", j->enabled ? "yes" : "no" },
		{ "ALLOW_OUTAGE", j->allow_outage ? "yes" : "no" },
		{ "MANY", j->many ? "yes" : "no" },
	};

	buf_puts(&text, "# How far etcd-cluster adopt is, and what etcd-cluster adopt --undo needs.\n");
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (keyfile_put(&text, lines[i][0], lines[i][1], e) < 0)
			return -1;
	return file_replace(path, FILE_MODE(0600), text.data, text.len, e);
}
