/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/replace.h"

#include <inttypes.h>
#include <string.h>

#include "adapter/probe.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/key.h"
#include "flow/certify.h"
#include "flow/setup.h"
#include "member/aside.h"
#include "member/health.h"
#include "member/identity.h"
#include "member/joining.h"
#include "member/removal.h"
#include "service/service.h"

#define ASK_MS 3000

static int check_words(const struct machine *m, const char *member, struct err *e)
{
	if (member && strcmp(member, m->conf.name) != 0) {
		(void)err_set(e, ERR_CONFIG, "this machine is %s, not %s", m->conf.name, member);
		return err_hint(
			e,
			"run etcd-cluster replace on the rebuilt machine itself; to only take a dead member out: "
			"etcd-cluster remove %s",
			member);
	}
	if (m->conf.role == ROLE_CLUSTER || m->conf.role == ROLE_JOIN)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s has ROLE=%s: this machine has no cluster to return to", m->at.conf,
		      config_role_name(m->conf.role));
	return err_hint(e, "etcd-cluster join ADDRESS-OF-A-MEMBER --replace");
}

/*
 * Which member this machine was, when something of it is left: 1. 0: nothing is, or a join is under way that the road goes on with.
 */
static int find_former(const struct machine *m, uint64_t *id, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	auto_free char *member = xasprintf("%s/member", data);
	cleanup(identity_free) struct identity was = { 0 };
	auto_joining struct joining journal = { 0 };
	int rc = identity_read(m, &was, e);

	if (rc < 0)
		return -1;
	*id = was.member_id;
	if (rc > 0)
		return 1;
	rc = joining_read(m, &journal, e);
	if (rc < 0)
		return -1;
	return rc == 0 && file_exists(member);
}

/* The others must be able to do without it: 1 clear the way, 0 it is healthy, -1. */
static int ask_others(const struct machine *m, uint64_t id, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	const struct member *own = NULL;

	if (member_survey(m, ASK_MS, &s, e) < 0)
		return -1;
	if (!s.agreed) {
		(void)err_set(e, ERR_HEALTH, "no voting member that answers has a quorum; nothing was moved");
		return err_hint(e, "start etcd on the machines that are down: etcd-cluster status");
	}
	if (id != 0)
		own = removal_by_id(&s, id);
	else if (removal_pick(&s, m->conf.name, &own, e) < 0)
		return -1;
	if (own && own->answers) {
		log_info("member %016" PRIx64 " (%s) answers: it is not dead", own->id, own->name);
		return 0;
	}
	return own && removal_check(&s, own, e) < 0 ? -1 : 1;
}

static int clear_way(const struct machine *m, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	pid_t pid;

	if (service_stop(m, e) < 0)
		return -1;
	pid = m->dry_run ? 0 : probe_etcd(data, NULL);
	if (pid != 0) {
		(void)err_set(e, ERR_CONFIG, "process %d runs etcd on %s", (int)pid, data);
		return err_hint(e, "stop it, then run this again");
	}
	return aside_membership(m, false, false, e);
}

/* 1: the way is clear, 0 nothing to do, -1. */
static int prepare(const struct machine *m, const char *member, struct err *e)
{
	auto_close int lock = -1;
	uint64_t id = 0;
	int rc;

	if (check_words(m, member, e) < 0)
		return -1;
	lock = machine_lock(m, e);
	if (lock < 0)
		return -1;
	rc = find_former(m, &id, e);
	if (rc <= 0)
		return rc < 0 ? -1 : 1;
	/* A machine without certificates needs them before it can ask. No timer comes back to this verb. */
	if (certify(m, false, e) < 0) {
		e->class = e->class == ERR_PENDING ? ERR_HEALTH : e->class;
		return -1;
	}
	rc = ask_others(m, id, e);
	if (rc <= 0)
		return rc;
	return clear_way(m, e) < 0 ? -1 : 1;
}

int replace_run(const struct machine_options *where, const char *member, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };
	int rc;

	if (machine_open(&m, where, e) < 0)
		return -1;
	m.conf.replace = true;
	rc = prepare(&m, member, e);
	if (rc <= 0)
		return rc < 0 ? -1 : SETUP_NOTHING;
	return setup_run(where, &(struct setup_options){ .replace = true }, e);
}
