/* SPDX-License-Identifier: Apache-2.0 */
#include "change/members.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/membership.h"
#include "cluster/removal.h"
#include "flow/common.h"

/* One lost packet does not make a member dead: it is looked at this often, a second apart. */
#define LOOKS 3

/* 0 when `what` is one of MEMBERS or an ID, so was removed before; else an error with the members that are there. */
static int not_there(const struct machine *m, const struct member_survey *s, const char *what, struct err *e)
{
	auto_buf struct buf names = { 0 };
	uint64_t id;
	bool known = text_parse_id(what, &id);

	for (size_t i = 0; i < m->conf.n_members; i++)
		known |= strcmp(m->conf.members[i].name, what) == 0;
	if (known) {
		log_info("%s is not a member of the cluster", what);
		return 0;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].listed)
			buf_printf(&names, "%s%s (" ID_FMT ")", names.len ? ", " : "",
				   s->list[i].name[0] ? s->list[i].name : "a new member", s->list[i].id);
	return err_set(e, ERR_CONFIG, "the cluster has no member %s; its members are %s", what, buf_str(&names));
}

static int refuse_answering(const struct member *one, struct err *e)
{
	(void)err_set(e, ERR_CONFIG, "member %s (" ID_FMT ") answers at %s", one->name, one->id, one->url);
	return err_hint(
		e, "on that machine: etcd-cluster leave; if that is not possible: etcd-cluster remove --force " ID_FMT,
		one->id);
}

/* One look: who it is, and everything that speaks against its removal. 1 it may go, 0 it is not there, -1. */
static int look(const struct machine *m, const char *member, bool force, struct member_survey *s,
		const struct member **one, struct err *e)
{
	int rc;

	member_survey_free(s);
	if (common_survey(m, s, e) < 0)
		return -1;
	rc = removal_pick(s, member, one, e);
	if (rc <= 0)
		return rc < 0 ? -1 : not_there(m, s, member, e);
	if ((*one)->here) {
		(void)err_set(e, ERR_CONFIG, "%s is this machine", member);
		return err_hint(e, "etcd-cluster leave");
	}
	if ((*one)->answers && !force)
		return refuse_answering(*one, e);
	return removal_check(s, *one, e) < 0 ? -1 : 1;
}

int remove_run(const struct machine *m, const char *member, bool force, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	const struct member *one = NULL;
	auto_free char *what = NULL;
	int rc = look(m, member, force, &s, &one, e);

	for (int i = 1; rc > 0 && one && i < LOOKS && one->url[0] != '\0' && !one->answers && !m->dry_run; i++) {
		clock_sleep(1000);
		rc = look(m, member, force, &s, &one, e);
	}
	if (rc <= 0 || !one)
		return rc;
	what = xasprintf(ID_FMT " (%s, %s)", one->id, one->name[0] ? one->name : "not started yet",
			 one->peer_urls ? one->peer_urls[0] : "no URL");
	if (m->dry_run) {
		log_info("would remove member %s", what);
		return 1;
	}
	if (membership_remove(m, one->id, e) < 0 || common_forget(m, one->name, one->id, e) < 0)
		return -1;
	log_info("member %s was removed", what);
	removal_report(&s, one);
	common_revoke(m, &s, one);
	return 1;
}
