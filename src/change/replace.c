/* SPDX-License-Identifier: Apache-2.0 */
#include "change/members.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cluster/removal.h"
#include "config/key.h"
#include "enroll/client.h"
#include "flow/certify.h"
#include "flow/common.h"
#include "flow/setup.h"
#include "member/aside.h"
#include "member/identity.h"
#include "member/joining.h"
#include "pki/origin.h"

static int check_words(const struct machine *m, const char *member, struct err *e)
{
	if (member && strcmp(member, m->conf.name) != 0) {
		(void)err_set(e, ERR_CONFIG, "this machine is %s, not %s", m->conf.name, member);
		return err_hint(e,
				"on the rebuilt machine: etcd-cluster replace; to remove a dead member without "
				"replacing it: etcd-cluster remove %s",
				member);
	}
	if (m->conf.role == ROLE_CLUSTER || m->conf.role == ROLE_JOIN)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s has ROLE=%s: this machine has no cluster to return to", m->at.conf,
		      config_role_name(m->conf.role));
	if (file_exists(m->at.member_id)) /* others may have joined it */
		return err_hint(e,
				"if it has other members: write ROLE=join and JOIN=ADDRESS-OF-A-MEMBER into %s, then: "
				"etcd-cluster replace",
				m->at.conf);
	return err_hint(e, "etcd-cluster join ADDRESS-OF-A-MEMBER --replace");
}

/* 1 when something of the former member is left (*id 0: only data). 0: nothing is, or setup goes on with a join. */
static int find_former(const struct machine *m, uint64_t *id, struct err *e)
{
	cleanup(identity_free) struct identity was = { 0 };
	auto_joining struct joining journal = { 0 };
	int rc = identity_read(m, &was, e);

	*id = was.member_id;
	if (rc != 0)
		return rc;
	rc = joining_read(m, &journal, e);
	return rc < 0 ? -1 : rc == 0 && aside_has_data(m);
}

/* 1 the others can do without it, 0 it answers, -1. */
static int ask_others(const struct machine *m, uint64_t id, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	const struct member *own = NULL;

	if (common_survey(m, &s, e) < 0)
		return -1;
	if (id != 0)
		own = removal_by_id(&s, id);
	else if (removal_pick(&s, m->conf.name, &own, e) < 0)
		return -1;
	if (own && own->answers) {
		log_info("member " ID_FMT " (%s) answers, so it is not replaced", own->id, own->name);
		return 0;
	}
	return own && removal_check(&s, own, e) < 0 ? -1 : 1;
}

/*
 * Before new keys are asked for, which end the present ones. As above; 1, too, when nobody accepts this machine's
 * certificates: it was removed, or has none.
 */
static int ask_before(const struct machine *m, uint64_t id, struct err *e)
{
	auto_buf struct buf list = { 0 };
	struct err why = { 0 };
	int rc = pki_origin(m) == PKI_ENROLLED ? ask_others(m, id, e) : 1;

	if (rc >= 0 || enroll_ask_list(m, &list, &why) != ENROLL_KEY_REFUSED)
		return rc;
	err_clear(e);
	return 1;
}

/* 1 run setup, 0 nothing to do, -1. */
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
	rc = ask_before(m, id, e);
	if (rc <= 0)
		return rc;
	/* A machine without certificates needs them before it can ask. No timer runs this verb again. */
	if (common_fresh_keys(m, true, "etcd-cluster replace", e) < 0 || certify(m, false, false, e) < 0) {
		e->class = e->class == ERR_PENDING ? ERR_HEALTH : e->class;
		return -1;
	}
	if (m->dry_run)
		return 1;
	rc = ask_others(m, id, e);
	if (rc <= 0)
		return rc;
	return common_stop(m, 0, e) < 0 || aside_membership(m, false, false, e) < 0 ? -1 : 1;
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
