/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/switch.h"

#include <string.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "flow/setup.h"
#include "member/identity.h"
#include "release/release.h"
#include "service/service.h"

#define STOP_SECONDS 120 /* of a static pod: kubelet looks for changes every 20 s, and gives it 30 s */
#define LOOK_MS	     100
#define TARGET	     "etcd-cluster.target"
#define UNITS_DIR    "/etc/systemd/system"

/*
 * What is swapped, in /etc/etcd. Staged: ours waits in adopted/new; setup makes the others, after theirs have gone.
 */
static const struct item {
	const char *name;
	bool staged;
} items[] = {
	{ "pki", true },	  { "cluster.conf", true }, { "member-id", true },  { "etcd.env", false },
	{ "etcdctl.env", false }, { "host", false },	    { "last-good", false },
};

static int move(const char *from, const char *to, struct err *e)
{
	auto_free char *dir = xstrndup(to, (size_t)(strrchr(to, '/') - to));

	if (!file_exists(from))
		return 0;
	return file_mkdirs(dir, FILE_MODE(0700), e) < 0 ? -1 : file_rename(from, to, e);
}

/* Theirs to `before`, then ours from `new`. While ours still waits, what is in the place is theirs. */
static int put_ours(const struct machine *m, const struct item *item, struct err *e)
{
	auto_free char *place = xasprintf("%s/%s", m->at.etc, item->name);
	auto_free char *ours = xasprintf("%s/new/%s", m->at.adopted, item->name);
	auto_free char *theirs = xasprintf("%s/before/%s", m->at.adopted, item->name);

	if ((item->staged && !file_exists(ours)) || (file_exists(theirs) && !item->staged))
		return 0;
	if (!file_exists(theirs) && move(place, theirs, e) < 0)
		return -1;
	return item->staged ? move(ours, place, e) : 0;
}

static int put_theirs(const struct machine *m, const struct item *item, struct err *e)
{
	auto_free char *place = xasprintf("%s/%s", m->at.etc, item->name);
	auto_free char *ours = xasprintf("%s/new/%s", m->at.adopted, item->name);
	auto_free char *theirs = xasprintf("%s/before/%s", m->at.adopted, item->name);

	if (!file_exists(ours) && move(place, ours, e) < 0)
		return -1;
	return move(theirs, place, e);
}

/* ---- Their unit ------------------------------------------------------------------------------------------------ */

static bool has_our_name(const struct adopt_journal *j)
{
	return j->unit && strcmp(j->unit, "etcd.service") == 0;
}

/* Their etcd.service with its drop-ins would be in front of ours. A manifest is what kubelet runs. */
static int unit_paths(const struct machine *m, const struct adopt_journal *j, char *from[2], char *to[2])
{
	const char *base = strrchr(j->path, '/') + 1;

	if (j->unit && !has_our_name(j))
		return 0;
	from[0] = layout_path(&m->at, j->path);
	to[0] = xasprintf("%s/before/%s", m->at.adopted, base);
	from[1] = layout_path(&m->at, UNITS_DIR "/etcd.service.d");
	to[1] = xasprintf("%s/before/etcd.service.d", m->at.adopted);
	return j->unit ? 2 : 1;
}

static int hide_unit(const struct machine *m, const struct adopt_journal *j, struct err *e)
{
	char *from[2] = { NULL }, *to[2] = { NULL };
	int rc = 0, n = unit_paths(m, j, from, to);

	for (int i = 0; i < n && rc == 0; i++)
		if (!file_exists(to[i]))
			rc = move(from[i], to[i], e);
	for (int i = 0; i < 2; i++) {
		free(from[i]);
		free(to[i]);
	}
	return rc;
}

static int show_unit(const struct machine *m, const struct adopt_journal *j, struct err *e)
{
	auto_free char *ours = xasprintf("%s/new/etcd.service.d", m->at.adopted);
	char *from[2] = { NULL }, *to[2] = { NULL };
	int rc = 0, n = unit_paths(m, j, from, to);

	if (n == 2 && !file_exists(ours)) /* with our drop-in */
		rc = move(from[1], ours, e);
	for (int i = 0; i < n && rc == 0; i++)
		rc = move(to[i], from[i], e);
	for (int i = 0; i < 2; i++) {
		free(from[i]);
		free(to[i]);
	}
	return rc;
}

/* Until no etcd has the data open. */
static int wait_ended(const struct machine *m, const struct adopt_journal *j, struct err *e)
{
	auto_free char *data = layout_path(&m->at, j->data_dir);
	const long long end = clock_ms() + 1000LL * (m->live ? STOP_SECONDS : 0);
	pid_t pid;

	while ((pid = probe_etcd(data, NULL)) != 0) {
		if (clock_ms() >= end) {
			(void)err_set(e, ERR_CONFIG, "process %d runs etcd on %s", (int)pid, data);
			return err_hint(e, "end it with SIGTERM, then: etcd-cluster adopt");
		}
		clock_sleep(LOOK_MS);
	}
	return 0;
}

/* Right before the stop, also of a run that goes on: others may have failed in between. */
static int check_others(const struct machine *here, const struct adopt_journal *j, struct err *e)
{
	auto_free char *data = layout_path(&here->at, j->data_dir);
	auto_free char *conf = xasprintf("%s/new/cluster.conf", here->at.adopted);
	const struct machine_options where = { .root = here->at.root, .config = conf };
	struct machine m cleanup(machine_free) = { 0 };

	if (!j->many || probe_etcd(data, NULL) == 0)
		return 0;
	machine_locate(&m, &where);
	if (config_load(&m.at, &m.conf, e) < 0)
		return -1;
	free(m.at.pki);
	m.at.pki = xasprintf("%s/new/pki", here->at.adopted);
	return adopt_may_stop(&m, j->member_id, j->allow_outage, e);
}

static int stop_theirs(const struct machine *m, const struct adopt_journal *j, struct err *e)
{
	if (check_others(m, j, e) < 0)
		return -1;
	log_info("stopping %s", j->unit ? j->unit : j->path);
	if (j->unit && (service_do(m, "disable", j->unit, e) < 0 || service_do(m, "stop", j->unit, e) < 0))
		return -1;
	if (!j->unit && hide_unit(m, j, e) < 0)
		return -1;
	return wait_ended(m, j, e);
}

static int own_data(const struct machine *m, const struct adopt_journal *j, uid_t uid, gid_t gid, struct err *e)
{
	const char *const dirs[] = { j->data_dir, j->wal_dir };

	for (size_t i = 0; i < ARRAY_LEN(dirs) && uid != (uid_t)-1; i++) {
		auto_free char *path = dirs[i] ? layout_path(&m->at, dirs[i]) : NULL;

		if (path && file_own_tree(path, uid, gid, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- Forth ----------------------------------------------------------------------------------------------------- */

/* Before the files change: until then the gates for members do not look at this release. */
static int use_release(const struct machine *m, const struct adopt_journal *j, struct err *e)
{
	return file_exists(m->at.member_id) || release_use(m, j->release, e) >= 0 ? 0 : -1;
}

static int place(const struct machine *m, struct adopt_journal *j, struct err *e)
{
	const struct file_mode etcd = machine_mode_etcd(m, 0700);
	auto_free char *marker = xasprintf("%s/before/adopt", m->at.adopted);

	if (stop_theirs(m, j, e) < 0 || hide_unit(m, j, e) < 0 || use_release(m, j, e) < 0)
		return -1;
	if (j->many && file_replace(m->at.any_peer, FILE_MODE(0644), "", 0, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		if (put_ours(m, &items[i], e) < 0)
			return -1;
	if (own_data(m, j, etcd.uid, etcd.gid, e) < 0 || service_do(m, "daemon-reload", NULL, e) < 0)
		return -1;
	j->step = ADOPT_PLACED;
	if (adopt_journal_write(&m->at, j, e) < 0)
		return -1;
	return move(m->at.adopt, marker, e);
}

int adopt_forth(const struct machine_options *where, const struct machine *here, struct adopt_journal *j, struct err *e)
{
	auto_free char *marker = xasprintf("%s/before/adopt", here->at.adopted);

	if (j->step == ADOPT_SWITCHING) {
		auto_close int lock = machine_lock(here, e);

		if (lock < 0 || place(here, j, e) < 0)
			return -1;
	}
	if (move(here->at.adopt, marker, e) < 0)
		return -1;
	log_info("starting etcd %s on %s", j->release, j->data_dir);
	if (setup_run(where, &(struct setup_options){ .local = false }, e) < 0)
		return -1;
	if (service_do(here, "enable", TARGET, e) < 0 || service_do(here, "start", TARGET, e) < 0)
		return -1;
	j->step = ADOPT_READY;
	return adopt_journal_write(&here->at, j, e);
}

/* ---- Back ------------------------------------------------------------------------------------------------------ */

static int stop_ours(const struct machine *m, const struct adopt_journal *j, struct err *e)
{
	static const char *const units[] = { TARGET,
					     "etcd-cluster-setup.timer",
					     "etcd-cluster-setup.service",
					     "etcd-cluster-renew.timer",
					     "etcd-cluster-mark.timer",
					     "etcd-cluster-enroll.socket",
					     "etcd-cluster-enroll.service" };

	if (service_do(m, "disable", TARGET, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (service_do(m, "stop", units[i], e) < 0)
			return -1;
	/* While their unit has this name, it is theirs. */
	return service_stop(m, e) < 0 ? -1 : wait_ended(m, j, e);
}

/* Beside their programs, which foreign_keep of scripts/foreign has kept, `current` leads to these. */
static int former_release(const struct machine *m, const struct adopt_journal *j, struct err *e)
{
	return j->current ? file_replace_link(m->at.current, j->current, e) : 0;
}

int adopt_back(const struct machine *here, struct adopt_journal *j, struct err *e)
{
	auto_free char *marker = xasprintf("%s/before/adopt", here->at.adopted);
	auto_free char *ours = xasprintf("%s/new/member-id", here->at.adopted);
	auto_close int lock = -1;

	/* First the marker: whatever runs setup finds it idle. */
	if (move(marker, here->at.adopt, e) < 0 ||
	    (!file_exists(here->at.adopt) && file_replace(here->at.adopt, FILE_MODE(0644), "", 0, e) < 0))
		return -1;
	j->step = ADOPT_UNDOING;
	if (adopt_journal_write(&here->at, j, e) < 0)
		return -1;
	/* Ours does not run before its files are in place, and not after they were taken away. */
	if (!file_exists(ours) && stop_ours(here, j, e) < 0)
		return -1;
	lock = machine_lock(here, e);
	if (lock < 0)
		return -1;
	for (size_t i = ARRAY_LEN(items); i-- > 0;)
		if (put_theirs(here, &items[i], e) < 0)
			return -1;
	if (own_data(here, j, j->uid, j->gid, e) < 0 || former_release(here, j, e) < 0 || show_unit(here, j, e) < 0 ||
	    service_do(here, "daemon-reload", NULL, e) < 0)
		return -1;
	if (j->unit && j->enabled && service_do(here, "enable", j->unit, e) < 0)
		return -1;
	log_info("starting %s", j->unit ? j->unit : j->path);
	if (j->unit && service_do(here, "start", j->unit, e) < 0)
		return -1;
	return file_remove_tree(here->at.adopted, e); /* all that was theirs is back in its place */
}
