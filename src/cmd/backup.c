/* SPDX-License-Identifier: Apache-2.0
 *
 * backup: a snapshot of the cluster, and whether one can be restored.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "adapter/json.h"
#include "backup/choose.h"
#include "backup/hand_over.h"
#include "backup/keep.h"
#include "backup/place.h"
#include "backup/rehearse.h"
#include "backup/state.h"
#include "backup/take.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "service/schedule.h"

#define SURVEY_MS 5000

/* What the others and `status` see, and what BACKUP_KEEP and BACKUP_COMMAND do with it. */
static int settle(const struct machine *m, const struct member_survey *s, const struct backup_meta *made,
		  struct backup_state *state, struct err *e)
{
	const struct choose_last last = { .time = made->time,
					  .revision = made->revision,
					  .member = made->member,
					  .file = strrchr(made->path, '/') + 1 };
	struct err unknown = { 0 };

	state->time = made->time;
	state->failed = 0;
	backup_state_text(&state->file, made->path);
	backup_state_text(&state->why, NULL);
	/* Of a lone member nobody else has to know; unused.h recognises an unused cluster by its revision. */
	if (member_count_votes(s).all > 1 && choose_last_write(m, &last, &unknown) < 0)
		log_warn("the other machines do not know of this backup: %s", unknown.msg);
	return keep_apply(m, s->cluster_id, e);
}

/* Those of earlier runs, too. */
static int hand_over(const struct machine *m, uint64_t cluster_id, struct backup_state *state, struct err *e)
{
	int rc = hand_over_all(m, cluster_id, e);

	backup_state_text(&state->command_why, rc < 0 ? e->msg : NULL);
	return rc;
}

static void print_made(const struct backup_meta *made)
{
	(void)printf("%s\n", made->path);
	log_info("revision %" PRId64 " of cluster " ID_FMT ", %" PRId64 " bytes, etcd %s", made->revision,
		 made->cluster_id, made->size, made->version);
}

/* Into BACKUP_DIR. 1 taken, 0 it is not due here, -1. */
static int take(const struct machine *m, bool scheduled, struct member_survey *s, struct backup_state *state,
		struct err *e)
{
	cleanup(backup_meta_free) struct backup_meta made = { 0 };
	const time_t occasion = scheduled ? schedule_last(m) : 0;
	const struct member *from;
	int turn;

	if (scheduled && state->time >= occasion && state->time <= m->now)
		return 0;
	if (member_survey(m, SURVEY_MS, s, e) < 0)
		return -1;
	turn = scheduled ? choose_turn(m, s, occasion, e) : 1;
	if (turn <= 0)
		return turn;
	from = take_source(s, e);
	if (!from || take_run(m, s, from, NULL, &made, e) < 0)
		return -1;
	if (m->dry_run)
		return 1;
	print_made(&made);
	return settle(m, s, &made, state, e) < 0 ? -1 : 1;
}

static int into_dir(const struct machine *m, bool scheduled, struct err *e)
{
	cleanup(backup_state_free) struct backup_state state = { 0 };
	cleanup(member_survey_free) struct member_survey s = { 0 };
	struct err unwritten = { 0 };
	int rc, given;

	backup_state_read(m, &state);
	rc = take(m, scheduled, &s, &state, e);
	if (m->dry_run)
		return rc < 0 ? -1 : CMD_DONE;
	if (rc < 0 && e->class != ERR_PENDING) {
		state.failed = state.failed ? state.failed : m->now;
		backup_state_text(&state.why, e->msg);
	} else if (rc == 0) {
		/* Another machine has it, or there was nothing to do. */
		state.failed = 0;
		backup_state_text(&state.why, NULL);
	}
	given = rc < 0 ? 0 : hand_over(m, s.cluster_id, &state, e);
	if (backup_state_write(m, &state, &unwritten) < 0)
		log_error(LOG_WARNING, &unwritten);
	if (rc < 0 || given < 0)
		return -1;
	return rc > 0 || given > 0 ? CMD_DONE : CMD_NOTHING;
}

/* A file of that name alone: no rotation, no command, and the schedule does not count it. */
static int into_file(const struct machine *m, const char *name, struct err *e)
{
	auto_free char *file = name[0] == '/' ? xstrdup(name) : NULL, *here = file ? NULL : getcwd(NULL, 0);
	cleanup(backup_meta_free) struct backup_meta made = { 0 };
	cleanup(member_survey_free) struct member_survey s = { 0 };
	const struct member *from;

	if (!file && !here)
		return err_sys(e, ERR_FAIL, "cannot find the current directory");
	if (!file)
		file = xasprintf("%s/%s", here, name);
	if (member_survey(m, SURVEY_MS, &s, e) < 0)
		return -1;
	from = take_source(&s, e);
	if (!from || take_run(m, &s, from, file, &made, e) < 0)
		return -1;
	if (!m->dry_run)
		print_made(&made);
	return CMD_DONE;
}

static int backup_work(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_close int lock = place_lock(m, e);

	if (lock < 0 || rehearse_sweep(m, e) < 0)
		return -1;
	if (a->scheduled && a->words[0])
		return err_set(e, ERR_CONFIG, "--scheduled takes no FILE");
	return a->words[0] ? into_file(m, a->words[0], e) : into_dir(m, a->scheduled, e);
}

static int backup(const struct cmd_args *a, struct err *e)
{
	return cmd_on_machine(a, false, backup_work, e);
}

static int rehearse(const struct machine *m, const char *file, struct verified *v, struct rehearsed *r, struct err *e)
{
	cleanup(backup_state_free) struct backup_state state = { 0 };
	auto_close int lock = place_lock(m, e);
	struct err unwritten = { 0 };
	int rc;

	if (lock < 0)
		return -1;
	rc = rehearse_file(m, file, v, r, e);
	backup_state_read(m, &state);
	state.rehearsed = m->now;
	backup_state_text(&state.rehearsed_file, file);
	backup_state_text(&state.rehearsed_why, rc < 0 ? e->msg : NULL);
	if (backup_state_write(m, &state, &unwritten) < 0)
		log_error(LOG_WARNING, &unwritten);
	return rc;
}

static void print_verified(const char *file, const struct verified *v, const struct rehearsed *r)
{
	(void)printf("%s: whole, %llu bytes\n", file, v->size);
	if (v->has_meta)
		(void)printf("revision %" PRId64 " of cluster " ID_FMT ", etcd %s, taken by %s at %s\n",
			     v->meta.revision, v->meta.cluster_id, v->meta.version, v->meta.member,
			     clock_minute(v->meta.time).text);
	else
		(void)puts("without its metadata only the SHA-256 at its end was compared");
	if (r->revision)
		(void)printf("restored for trial: revision %" PRId64 ", %" PRId64 " keys%s\n", r->revision, r->keys,
			     r->hashed	   ? ", with the hash of the backup"
			     : v->has_meta ? ", as at the backup"
					   : "");
}

static void json_verified(const char *file, const struct verified *v, const struct rehearsed *r)
{
	struct json_object *o = json_new_object();

	json_text(o, "file", file);
	json_number(o, "size_bytes", (int64_t)v->size);
	json_flag(o, "metadata", v->has_meta);
	if (v->has_meta) {
		json_id(o, "cluster_id", v->meta.cluster_id);
		json_number(o, "revision", v->meta.revision);
		json_text(o, "version", v->meta.version);
		json_text(o, "time", clock_rfc3339(v->meta.time).text);
	}
	json_flag(o, "rehearsed", r->revision != 0);
	if (r->revision) {
		json_number(o, "rehearsed_revision", r->revision);
		json_number(o, "rehearsed_keys", r->keys);
		json_flag(o, "rehearsed_hash", r->hashed);
	}
	json_print(o);
}

static int verify(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	const char *file = a->words[0];
	struct verified v = { 0 };
	struct rehearsed r = { 0 };
	int rc = a->rehearse ? rehearse(m, file, &v, &r, e) : verify_file(file, -1, &v, e);

	if (rc == 0)
		(a->json ? json_verified : print_verified)(file, &v, &r);
	backup_meta_free(&v.meta);
	return rc < 0 ? -1 : CMD_DONE;
}

static const struct cmd_verb verb_verify = {
	.name = "verify",
	.about = "Checks that a backup is whole: its size, its SHA-256 and the SHA-256 at its end. With --rehearse it "
		 "is "
		 "also restored for trial, beside the data of this machine, and what was restored is removed again.",
	.example = "backup verify --rehearse /root/today.db",
	.options = CMD_OPTIONS(CMD_FLAG("rehearse", rehearse, "Restore it for trial and compare what is in it.")),
	.args = { "FILE", CMD_FILE },
	.list = verify,
};

const struct cmd_verb cmd_backup = {
	.name = "backup",
	.about =
		"Takes a backup of the cluster. Writes FILE and FILE.json, or without FILE a file in BACKUP_DIR, where "
		"BACKUP_KEEP, BACKUP_COMPRESS and BACKUP_COMMAND apply. A name that ends in .zst is compressed.",
	.example = "backup /root/today.db",
	.options = CMD_OPTIONS(CMD_FLAG("scheduled", scheduled, "Take it only if it is due and this machine's turn.")),
	.args = { "[FILE]", CMD_FILE },
	.dry_run = true,
	.verbs = (const struct cmd_verb *const[]){ &verb_verify, NULL },
	.run = backup,
};
