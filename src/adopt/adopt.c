/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/adopt.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "adapter/handshake.h"
#include "adapter/json.h"
#include "adopt/switch.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/membership.h"
#include "flow/common.h"
#include "member/endpoint.h"
#include "pki/pair.h"
#include "release/name.h"
#include "release/release.h"
#include "service/service.h"

#define LOCK_SECONDS 1
#define PROVE_MS     3000

/* ---- The plan, printed ----------------------------------------------------------------------------------------- */

/* Adds a step; the caller frees the list. */
#define STEP(list, ...)                                                                                                \
	do {                                                                                                           \
		auto_free char *text_ = xasprintf(__VA_ARGS__);                                                        \
		strv_add(list, text_);                                                                                 \
	} while (0)

static char **steps_of(const struct adopt_plan *p)
{
	const char *theirs = p->source.unit ? p->source.unit : p->source.path;
	char **steps = NULL;

	STEP(&steps, "install and verify etcd %s beside what is here", p->version);
	STEP(&steps, "check again that every other voter is healthy");
	STEP(&steps, "stop and disable %s; its file stays%s", theirs,
	     p->voters == 1   ? "; nothing can be written until etcd is started again, some seconds later"
	     : p->voters == 2 ? "; nothing can be written until this member is back, some seconds later"
			      : "");
	STEP(&steps, "write cluster.conf with NAME=%s, %s%s, DATA_DIR=%s; former files go to %s/before", p->name,
	     p->members ? "MEMBERS=" : "ADDRESS=", p->members ? p->members : p->address, p->data_dir,
	     p->here->at.adopted);
	STEP(&steps, "take over the CA and the certificates%s",
	     p->ca_host ? ", and its key: this machine can sign" : "; without ca.key, so they are only checked");
	STEP(&steps, "give %s to the user etcd", p->data_dir);
	STEP(&steps, "start etcd %s as member " ID_FMT " of cluster " ID_FMT, p->version, p->member_id, p->cluster_id);
	STEP(&steps, "wait until it is healthy; else all of this is undone");
	return steps;
}

static void print_plan(const struct adopt_plan *p, bool json)
{
	auto_strv char **steps = steps_of(p);
	struct json_object *o;

	if (!json) {
		printf("member %s at %s, from %s\n", p->name, p->address, p->source.path);
		for (size_t i = 0; steps[i]; i++)
			printf("%zu. %s\n", i + 1, steps[i]);
		(void)fflush(stdout);
		return;
	}
	o = json_new_object();
	json_text(o, "source", p->source.path);
	json_text(o, "unit", p->source.unit);
	json_text(o, "name", p->name);
	json_text(o, "address", p->address);
	json_text(o, "members", p->members);
	json_text(o, "version", p->version);
	json_text(o, "data_dir", p->data_dir);
	json_id(o, "cluster_id", p->cluster_id);
	json_id(o, "member_id", p->member_id);
	json_number(o, "voters", (int64_t)p->voters);
	json_flag(o, "ca_host", p->ca_host);
	json_texts(o, "steps", steps);
	json_print(o);
	(void)fflush(stdout);
}

/* ---- Before their etcd is stopped ------------------------------------------------------------------------------ */

/* Exactly their version, verified, and one that has all the options. */
static int install_release(const struct adopt_plan *p, const char *name, struct err *e)
{
	struct release r = { .name = xstrdup(name), .dir = release_dir(p->here, name) };
	auto_strv char **options = NULL;
	int rc = version_parse(p->version, &r.version) ? 0
						       : err_set(e, ERR_CONFIG, "etcd %s is not a release", p->version);

	if (rc == 0 && !release_is_whole(p->here, name))
		log_info("installing etcd %s", p->version);
	if (rc == 0 && release_install(&p->m, name, TARBALL_ANY, e) < 0) {
		e->class = e->class == ERR_PENDING ? ERR_FAIL : e->class; /* no timer runs this again */
		e->hint[0] = '\0';
		rc = err_hint(e, "etcd-cluster release install %s shows what is missing; then: etcd-cluster adopt",
			      p->version);
	}
	if (rc == 0 && (release_options(&r, &options, e) < 0 || adopt_check_options(p, options, e) < 0))
		rc = -1;
	release_free(&r);
	return rc;
}

static int begin_journal(const struct adopt_plan *p, const struct adopt_options *how, const char *release,
			 struct adopt_journal *j, struct err *e)
{
	auto_free char *data = layout_path(&p->here->at, p->data_dir);
	const char *unit = p->source.unit;
	struct err none = { 0 };
	struct stat st;

	if (stat(data, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot inspect %s", data);
	*j = (struct adopt_journal){
		.step = ADOPT_SWITCHING,
		.unit = unit ? xstrdup(unit) : NULL,
		.path = xstrdup(p->source.path),
		.release = xstrdup(release),
		.current = file_read_link(p->here->at.current, &none),
		.data_dir = xstrdup(p->data_dir),
		.wal_dir = p->wal_dir ? xasprintf("%s/wal", p->wal_dir) : NULL,
		.name = xstrdup(p->name),
		.cluster_id = p->cluster_id,
		.member_id = p->member_id,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.enabled = unit && service_is_enabled(p->here, unit),
		.allow_outage = how->allow_outage,
		.many = p->members != NULL,
	};
	return adopt_journal_write(&p->here->at, j, e);
}

/* Plan, release, journal. 1 go on, 0 it was a dry run, -1 and adopted/new is gone. */
static int prepare(const struct machine *here, const struct adopt_options *how, struct adopt_journal *j, struct err *e)
{
	auto_plan struct adopt_plan p = { .name = NULL };
	auto_free char *release = NULL;
	struct err left = { 0 };
	int rc;

	if (file_exists(here->at.member_id))
		return err_set(e, ERR_CONFIG, "this machine is a member of etcd-cluster already (%s)",
			       here->at.member_id);
	rc = adopt_plan_make(here, how->source, &p, e);
	if (rc == 0)
		rc = adopt_may_stop(&p.m, p.member_id, how->allow_outage || here->dry_run, e);
	if (rc == 0) {
		print_plan(&p, how->json);
		release = xasprintf("v%s", p.version);
	}
	if (rc == 0 && !here->dry_run &&
	    (install_release(&p, release, e) < 0 || begin_journal(&p, how, release, j, e) < 0))
		rc = -1;
	if (rc == 0 && !here->dry_run)
		return 1;
	if (file_remove_tree(here->at.adopted, &left) < 0)
		log_error(LOG_WARNING, &left);
	return rc;
}

/* ---- The end of it --------------------------------------------------------------------------------------------- */

static int undo(const struct machine_options *where, const struct machine *here, const struct adopt_options *how,
		struct adopt_journal *j, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };

	if (j->step == ADOPT_FINISHED)
		return err_set(e, ERR_CONFIG, "taking over was confirmed with --finish, so it is not undone any more");
	if (here->dry_run) {
		log_info("would start %s again", j->unit ? j->unit : j->path);
		return 1;
	}
	if (j->step == ADOPT_READY && j->many &&
	    (machine_open(&m, where, e) < 0 || adopt_may_stop(&m, j->member_id, how->allow_outage, e) < 0))
		return -1;
	return adopt_back(here, j, e) < 0 ? -1 : 1;
}

/* 1 every member shows a peer certificate with the CN of ours, 0 one does not, with its name; -1. */
static int same_cn(const struct machine *m, char **other, struct err *e)
{
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	auto_free char *own = pki_peer_cn(m, e), *ca = machine_pki_path(m, "ca", "crt");
	auto_free char *cert = machine_pki_path(m, "peer", "crt"), *key = machine_pki_path(m, "peer", "key");

	if (!own || membership_list(m, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		cleanup(handshake_seen_free) struct handshake_seen seen = { 0 };
		struct handshake h = { .ca = ca, .cert = cert, .key = key, .timeout_ms = PROVE_MS };
		auto_free char *host = NULL;

		if (!list.list[i].peer_urls || !endpoint_split(list.list[i].peer_urls[0], &host, &h.port))
			continue;
		h.address = host;
		if (handshake_look(&h, &seen, e) != 1)
			return e->class != ERR_NONE ? -1
						    : err_set(e, ERR_HEALTH, "member %s does not answer at %s",
							      list.list[i].name, list.list[i].peer_urls[0]);
		if (!own[0] || strcmp(seen.leaf.cn, own) != 0) {
			*other = xstrdup(list.list[i].name);
			return 0;
		}
	}
	return 1;
}

/* No way back from here; and the peer port is narrowed when all members have peer certificates of one name. */
static int finish(const struct machine_options *where, struct adopt_journal *j, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };
	auto_free char *other = NULL;
	auto_close int lock = -1;
	int same = 1, wrote = 0;

	if (j->step != ADOPT_READY && j->step != ADOPT_FINISHED) {
		(void)err_set(e, ERR_CONFIG, "taking over is not done yet (%s)", adopt_step_name(j->step));
		return err_hint(e, "etcd-cluster adopt");
	}
	if (machine_open(&m, where, e) < 0)
		return -1;
	lock = machine_lock(&m, e);
	if (lock < 0)
		return -1;
	if (file_exists(m.at.any_peer))
		same = same_cn(&m, &other, e);
	if (same < 0)
		return -1;
	if (same == 0)
		log_warn("the peer certificate of member %s has another CN, so the peer port goes on taking every "
			 "certificate of this CA; when all have one: etcd-cluster adopt --finish",
			 other);
	if (m.dry_run)
		return 1;
	if (same > 0 && file_exists(m.at.any_peer)) {
		if (file_remove_tree(m.at.any_peer, e) < 0 || (wrote = common_write_env(&m, e)) < 0)
			return -1;
		log_info("the peer port will take only certificates with the CN of the members; when it suits you: "
			 "systemctl restart etcd");
	}
	if (j->step == ADOPT_FINISHED)
		return wrote > 0;
	j->step = ADOPT_FINISHED;
	return adopt_journal_write(&m.at, j, e) < 0 ? -1 : 1;
}

/* ---- All of it ------------------------------------------------------------------------------------------------- */

/* Ours is not healthy: theirs runs again, and the reason is the error. */
static int give_up(const struct machine *here, struct adopt_journal *j, struct err *e)
{
	struct err lost = { 0 };

	log_error(LOG_WARNING, e);
	if (adopt_back(here, j, &lost) < 0) {
		(void)err_wrap(&lost, "and taking over cannot be undone");
		*e = lost;
		return err_hint(e, "etcd-cluster adopt --undo");
	}
	(void)err_wrap(e, "etcd was not taken over, and %s runs again", j->unit ? j->unit : "their etcd");
	return -1;
}

static int carry_on(const struct machine_options *where, const struct machine *here, const struct adopt_options *how,
		    struct adopt_journal *j, struct err *e)
{
	int rc = 1;

	if (j->step == ADOPT_READY || j->step == ADOPT_FINISHED)
		return 0;
	if (j->step == ADOPT_UNDOING)
		return adopt_back(here, j, e) < 0 ? -1 : 1;
	if (j->step == ADOPT_NOTHING)
		rc = prepare(here, how, j, e);
	if (rc < 0 || here->dry_run)
		return rc < 0 ? -1 : 1;
	if (adopt_forth(where, here, j, e) < 0)
		return here->live ? give_up(here, j, e) : -1;
	log_info("member " ID_FMT " is taken over; to go back: etcd-cluster adopt --undo; when all members are: "
		 "etcd-cluster adopt --finish",
		 j->member_id);
	return 1;
}

int adopt_run(const struct machine_options *where, const struct adopt_options *how, struct err *e)
{
	struct machine here cleanup(machine_free) = { 0 };
	auto_journal struct adopt_journal j = { 0 };
	auto_close int lock = -1;
	auto_free char *path = NULL;

	machine_locate(&here, where);
	path = xasprintf("%s/adopt.lock", here.at.run);
	if (file_mkdirs(here.at.run, FILE_MODE(0755), e) < 0)
		return -1;
	lock = file_lock(path, LOCK_SECONDS, e);
	if (lock < 0 || adopt_journal_read(&here.at, &j, e) < 0)
		return -1;
	if ((how->undo || how->finish) && j.step == ADOPT_NOTHING) {
		(void)err_set(e, ERR_CONFIG, "no etcd was taken over on this machine");
		return err_hint(e, "etcd-cluster adopt --dry-run");
	}
	if (how->undo)
		return undo(where, &here, how, &j, e);
	if (how->finish)
		return finish(where, &j, e);
	return carry_on(where, &here, how, &j, e);
}
