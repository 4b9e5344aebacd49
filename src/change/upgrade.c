/* SPDX-License-Identifier: Apache-2.0 */
#include "change/upgrade.h"

#include <signal.h>
#include <string.h>

#include "adapter/keyfile.h"
#include "adapter/probe.h"
#include "backup/take.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "change/facts.h"
#include "cluster/gate.h"
#include "doctor/examine.h"
#include "flow/common.h"
#include "member/aside.h"
#include "member/last_good.h"
#include "release/release.h"
#include "service/service.h"

#define PROBE_MS     2000
#define LOOK_MS	     100
#define STOP_SECONDS 300

/* How long another operation, and the others after a start, are waited for. */
#define LOCK_SECONDS_WAIT 60
#define GATE_SECONDS	  60

/* The former release needs no longer than it did before. */
#define BACK_SECONDS 120

/* So that 3.5 takes a snapshot as soon as it has read its log again. */
#define SNAPSHOT_COUNT "ETCD_SNAPSHOT_COUNT"

/* How often systemd may start it again before it counts as failed. */
#define MOST_RESTARTS 3

/* --- The journal: /etc/etcd/upgrade, from the snapshot on until the member is healthy. */

struct journal {
	char *from;	/* the release that was in use: "v3.5.33", "system" */
	char *to;	/* "v3.6.14" */
	char *snapshot; /* the path of the backup */
};

static void journal_free(struct journal *j)
{
	free(j->from);
	free(j->to);
	free(j->snapshot);
	*j = (struct journal){ 0 };
}

/* 1: filled, the caller frees. 0: there is none. -1. */
static int journal_read(const struct machine *m, struct journal *j, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };

	if (keyfile_read(m->at.upgrade, &k, e) < 0)
		return err_absent(e);
	*j = (struct journal){ .from = keyfile_copy(&k, "FROM"),
			       .to = keyfile_copy(&k, "TO"),
			       .snapshot = keyfile_copy(&k, "SNAPSHOT") };
	if (j->from && j->to && j->snapshot)
		return 1;
	journal_free(j);
	(void)err_set(e, ERR_FAIL, "%s is damaged", m->at.upgrade);
	return -1;
}

static int journal_write(const struct machine *m, const struct journal *j, struct err *e)
{
	auto_buf struct buf text = { 0 };

	buf_puts(&text, "# An upgrade that is under way; written by etcd-cluster, see etcd-cluster(8), FILES.\n");
	if (keyfile_put(&text, "FROM", j->from, e) < 0 || keyfile_put(&text, "TO", j->to, e) < 0 ||
	    keyfile_put(&text, "SNAPSHOT", j->snapshot, e) < 0)
		return -1;
	return machine_write(m, m->at.upgrade, FILE_MODE(0644), &text, e) < 0 ? -1 : 0;
}

/* --- Starting anew. */

struct upgrade {
	const struct machine *m;
	const struct upgrade_options *how;
	struct version to;
	char *name; /* "v3.6.14" */
	struct journal journal;
	struct facts facts;
	struct step_verdict verdict;
	struct lock lock;
	bool locked;
};

static void upgrade_free(struct upgrade *u)
{
	if (u->locked)
		lock_release(u->m, &u->lock);
	lock_free(&u->lock);
	facts_free(&u->facts);
	journal_free(&u->journal);
	free(u->name);
}

/*
 * Has etcd started with the program and the settings of now. One order, which systemd carries out whatever becomes of
 * us.
 */
static int start_anew(const struct machine *m, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	const pid_t pid = m->live ? 0 : probe_etcd(data, NULL);

	if (m->live)
		return service_restart(m, e);
	if (pid > 0 && kill(pid, SIGTERM) < 0 && errno != ESRCH)
		return err_sys(e, ERR_FAIL, "cannot end etcd, process %d", (int)pid);
	log_info("systemd does not run here: what supervises etcd must start it again");
	return 0;
}

/* What a look at this machine's member shows: NULL when it is as it should be, else why not. */
static const char *look(const struct machine *m, struct version want, struct err *why)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	struct version runs = { 0 };

	if (member_survey(m, PROBE_MS, &s, why) < 0)
		return why->msg;
	for (const struct member *one = s.list; one < s.list + s.n; one++) {
		if (!one->here)
			continue;
		*why = one->why;
		if (!one->answers)
			return why->msg[0] ? why->msg : "it does not answer";
		if (!version_parse(one->status.version, &runs) || version_cmp(runs, want) != 0)
			return "etcd of another version answers";
		return one->healthy && one->listed ? NULL : why->msg[0] ? why->msg : "it reaches no quorum";
	}
	return "it is not listed as a member";
}

/* Waits until this machine's member is healthy and of that version. ERR_HEALTH: it is not, or systemd gave up. */
static int wait_for(const struct machine *m, struct version want, unsigned int seconds, struct err *e)
{
	const long long end = clock_ms() + 1000LL * seconds;
	unsigned int before = 0, restarts = 0;
	auto_free char *first = NULL;
	const char *what;
	struct err why = { 0 };

	if (service_failed(m, &before, &first, e) < 0)
		return -1;
	while ((what = look(m, want, &why)) && clock_ms() < end) {
		auto_free char *ended = NULL;
		int rc = service_failed(m, &restarts, &ended, e);

		if (rc < 0)
			return -1;
		if (rc == SERVICE_FAILED || (rc == SERVICE_RESTARTS && restarts >= before + MOST_RESTARTS))
			return err_set(e, ERR_HEALTH, "%s", ended);
		clock_sleep(LOOK_MS);
		err_clear(&why);
	}
	return what ? err_set(e, ERR_HEALTH, "%s", what) : 0;
}

/* Makes the release current, and etcd.env one for it. Nothing is started. */
static int switch_to(const struct machine *m, const char *name, struct err *e)
{
	return release_use(m, name, e) < 0 || common_write_env(m, e) < 0 ? -1 : 0;
}

/* --- The way back. */

/* The new release did not come up: fail has why. Always -1, with what runs now. */
static int go_back(struct upgrade *u, struct err *e)
{
	const struct machine *m = u->m;
	const struct err fail = *e;
	auto_facts struct facts f = { 0 };
	struct step_verdict v;
	struct version former;
	const char *snapshot = u->journal.snapshot;

	err_clear(e);
	if (release_version(m, u->journal.from, &former, e) <= 0)
		return err_set(e, ERR_HEALTH,
			       "etcd " VERSION_FMT " is not healthy here (%s), and %s is not installed; "
			       "the snapshot before is %s",
			       VERSION_ARGS(u->to), fail.msg, u->journal.from, snapshot);
	facts_gather(m, former, &f);
	f.step.from = u->to;
	step_judge(&f.step, &v);
	if (step_is_back(u->to, former) && facts_verdict(&v, true, e) < 0) {
		const struct err why = *e;

		(void)err_set(e, ERR_HEALTH,
			      "etcd " VERSION_FMT " is not healthy here (%s), and it cannot go back (%s); "
			      "the snapshot before is %s",
			      VERSION_ARGS(u->to), fail.msg, why.msg, snapshot);
		return err_hint(e, "journalctl -u etcd -n 50; if it stays so: etcd-cluster replace, on this machine");
	}
	log_warn("etcd " VERSION_FMT " is not healthy here (%s); going back to " VERSION_FMT, VERSION_ARGS(u->to),
		 fail.msg, VERSION_ARGS(former));
	if (switch_to(m, u->journal.from, e) < 0 || start_anew(m, e) < 0 || wait_for(m, former, BACK_SECONDS, e) < 0) {
		const struct err second = *e;

		(void)err_set(e, ERR_HEALTH,
			      "neither etcd " VERSION_FMT " (%s) nor " VERSION_FMT " (%s) is healthy "
			      "here; the snapshot before is %s",
			      VERSION_ARGS(u->to), fail.msg, VERSION_ARGS(former), second.msg, snapshot);
		return err_hint(e, "journalctl -u etcd -n 50; etcd-cluster status");
	}
	if (file_remove_tree(m->at.upgrade, e) < 0)
		return -1;
	(void)err_set(e, ERR_HEALTH,
		      "etcd " VERSION_FMT " was not healthy here (%s), so this machine runs " VERSION_FMT
		      " again; the snapshot before is %s",
		      VERSION_ARGS(u->to), fail.msg, VERSION_ARGS(former), snapshot);
	return err_hint(e, "journalctl -u etcd shows why");
}

/* --- The way forward. */

/* Waits for the new release; on success RELEASE is written and the journal ends. 1, -1. */
static int arrive(struct upgrade *u, struct err *e)
{
	const struct machine *m = u->m;
	auto_free char *text = xasprintf(VERSION_FMT, VERSION_ARGS(u->to));
	const struct config_answer answer = { "RELEASE", text };
	struct err unnoted = { 0 };

	if (wait_for(m, u->to, u->how->within, e) < 0)
		return e->class == ERR_HEALTH ? go_back(u, e) : -1;
	if (m->conf.release_given && config_edit(&m->at, &answer, 1, false, e) < 0)
		return -1;
	if (!m->live && last_good_write(m, &unnoted) < 0)
		log_error(LOG_WARNING, &unnoted);
	if (file_remove_tree(m->at.upgrade, e) < 0)
		return -1;
	log_info("this machine runs etcd %s; the snapshot before is %s", text, u->journal.snapshot);
	return 1;
}

/* etcd.env with a low snapshot count. */
static int write_env_snapshots(const struct machine *m, struct err *e)
{
	struct machine low = *m;
	struct config_line *lines = xcalloc(m->conf.n_etcd + 1, sizeof(*lines));
	char key[] = SNAPSHOT_COUNT, value[] = "1", where[] = "etcd-cluster";
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < m->conf.n_etcd; i++)
		if (strcmp(m->conf.etcd[i].key, SNAPSHOT_COUNT) != 0)
			lines[n++] = m->conf.etcd[i];
	lines[n++] = (struct config_line){ .key = key, .value = value, .where = where };
	low.conf.etcd = lines;
	low.conf.n_etcd = n;
	rc = common_write_env(&low, e);
	free(lines);
	return rc < 0 ? -1 : 0;
}

/*
 * To the release `after` (NULL: a start of the one in use, to take a snapshot): everything is switched, then come the
 * last looks, then the start. What was switched is switched back when the gate is closed.
 */
static int through_gate(struct upgrade *u, const char *after, struct err *e)
{
	const struct machine *m = u->m;
	cleanup(member_survey_free) struct member_survey s = { 0 };
	struct err left = { 0 };

	if ((after ? switch_to(m, after, e) : write_env_snapshots(m, e)) == 0 && doctor_can_start(m, e) == 0 &&
	    gate_wait(m, u->how->allow_outage, GATE_SECONDS, &s, e) == 0) {
		gate_hand_over(m, &s);
		if (gate_last(m, &u->lock, u->how->allow_outage, &s, e) == 0)
			return start_anew(m, e);
	}
	if (switch_to(m, u->journal.from, &left) < 0)
		log_error(LOG_WARNING, &left);
	return -1;
}

/* Has etcd take a snapshot behind the last request of the v2 API, by a start of its own release. */
static int pass_v2(struct upgrade *u, struct err *e)
{
	const struct machine *m = u->m;
	auto_free char *wal = aside_wal(m);
	const long long end = clock_ms() + 1000LL * BACK_SECONDS;
	struct wal_v2 found;
	uint64_t left = 1;

	log_info("the log has a request of the v2 API (%s): etcd is started once to take a snapshot behind it",
		 u->facts.v2.what);
	if (through_gate(u, NULL, e) < 0 || wait_for(m, u->facts.step.from, BACK_SECONDS, e) < 0)
		return -1;
	while (left != 0 && clock_ms() < end) {
		clock_sleep(LOOK_MS);
		if (wal_find_v2(wal, &found, e) < 0)
			return -1;
		left = facts_v2_entry(&found, u->to);
	}
	if (left == 0)
		return 0;
	return err_set(e, ERR_HEALTH, "etcd has taken no snapshot behind entry %" PRIu64 " of its log", left);
}

/* Then the settings are as they were. */
static int let_pass_v2(struct upgrade *u, struct err *e)
{
	struct err left = { 0 };
	int rc = pass_v2(u, e);

	if (common_write_env(u->m, &left) < 0)
		log_error(LOG_WARNING, &left);
	return rc;
}

/* 0 the step may be taken, -1. */
static int judge(struct upgrade *u, struct err *e)
{
	facts_free(&u->facts);
	facts_gather(u->m, u->to, &u->facts);
	step_judge(&u->facts.step, &u->verdict);
	return facts_verdict(&u->verdict, true, e);
}

static int take_snapshot(struct upgrade *u, struct err *e)
{
	cleanup(backup_meta_free) struct backup_meta made = { 0 };
	const struct member *from = take_source(&u->facts.survey, e);

	if (!from || take_run(u->m, &u->facts.survey, from, NULL, &made, e) < 0)
		return -1;
	u->journal.snapshot = xstrdup(made.path);
	log_info("the snapshot before is %s", made.path);
	return journal_write(u->m, &u->journal, e);
}

static int step(struct upgrade *u, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };

	if (gate_check(u->m, u->how->allow_outage, &s, e) < 0)
		return -1;
	if (!u->journal.snapshot && take_snapshot(u, e) < 0)
		return -1;
	if (lock_take(u->m, &s, "upgrade", LOCK_SECONDS_WAIT, &u->lock, e) < 0)
		return -1;
	u->locked = true;
	if (judge(u, e) < 0)
		return -1;
	if (step_first(&u->verdict, STEP_FIXABLE) && (let_pass_v2(u, e) < 0 || judge(u, e) < 0))
		return -1;
	return through_gate(u, u->name, e) < 0 ? -1 : arrive(u, e);
}

/* One that was killed. 1 it is done, 0 the step is still to take, -1. */
static int go_on(struct upgrade *u, const char *now, struct err *e)
{
	struct version runs = { 0 };
	struct err why = { 0 };

	if (strcmp(u->journal.to, u->name) != 0) {
		(void)err_set(e, ERR_CONFIG, "an upgrade to %s is under way", u->journal.to + 1);
		return err_hint(e, "etcd-cluster upgrade %s", u->journal.to + 1);
	}
	if (strcmp(now, u->name) != 0 && look(u->m, u->to, &why) != NULL) {
		/* Killed before the switch, or on the way back: what is in use has to run. */
		if (release_version(u->m, now, &runs, e) <= 0)
			return -1;
		return look(u->m, runs, &why) == NULL ||
				       (start_anew(u->m, e) == 0 && wait_for(u->m, runs, BACK_SECONDS, e) == 0)
			       ? 0
			       : -1;
	}
	/* Switched: either the start was ordered, or etcd still runs from before. */
	if (release_version(u->m, u->journal.from, &runs, e) > 0 && look(u->m, runs, &why) == NULL)
		return 0;
	if (service_start(u->m, false, e) < 0)
		return -1;
	return arrive(u, e);
}

/* From more than one step away the first one is named. */
static int check_step(const struct step_facts *s, struct err *e)
{
	if (s->from.major == s->to.major && s->to.minor <= s->from.minor + 1)
		return 0;
	(void)err_set(e, ERR_CONFIG, "from etcd " VERSION_FMT " to " VERSION_FMT " is more than one step",
		      VERSION_ARGS(s->from), VERSION_ARGS(s->to));
	return err_hint(e, "etcd-cluster upgrade --plan " VERSION_FMT, VERSION_ARGS(s->to));
}

static int begin(struct upgrade *u, const char *now, struct err *e)
{
	int rc = judge(u, e);

	if (check_step(&u->facts.step, e) < 0 || rc < 0)
		return -1;
	facts_warn(&u->verdict);
	/* Fetched and verified before anything else happens. */
	if (release_install(u->m, u->name, TARBALL_ANY, e) < 0)
		return -1;
	if (version_cmp(u->facts.step.from, u->to) == 0 && strcmp(now, u->name) == 0)
		return 0;
	if (u->m->dry_run) {
		log_info("would upgrade this machine from etcd " VERSION_FMT " to " VERSION_FMT,
			 VERSION_ARGS(u->facts.step.from), VERSION_ARGS(u->to));
		return 1;
	}
	if (!u->journal.from) {
		u->journal.from = xstrdup(now);
		u->journal.to = xstrdup(u->name);
	}
	return step(u, e);
}

/* After a failure: nothing is under way when the former release is in use. */
static void forget(const struct upgrade *u)
{
	auto_free char *now = NULL;
	struct err left = { 0 };

	if (u->journal.from && release_link_name(u->m, "current", &now, &left) > 0 &&
	    strcmp(now, u->journal.from) == 0 && file_remove_tree(u->m->at.upgrade, &left) < 0)
		log_error(LOG_WARNING, &left);
}

int upgrade_run(const struct machine *m, struct version to, const struct upgrade_options *how, struct err *e)
{
	struct upgrade u cleanup(upgrade_free) = { .m = m, .how = how, .to = to };
	auto_free char *now = NULL;
	int rc = facts_matter(m, e);

	if (rc == 0)
		return err_set(e, ERR_CONFIG, "this machine is not a member of a cluster");
	if (rc < 0 || release_link_name(m, "current", &now, e) < 0)
		return -1;
	if (!now)
		return err_set(e, ERR_CONFIG, "no release is in use on this machine");
	u.name = xasprintf("v" VERSION_FMT, VERSION_ARGS(to));
	rc = journal_read(m, &u.journal, e);
	if (rc > 0 && !m->dry_run)
		rc = go_on(&u, now, e);
	else if (rc > 0)
		rc = 0;
	rc = rc != 0 ? rc : begin(&u, now, e);
	if (rc < 0)
		forget(&u);
	return rc;
}
