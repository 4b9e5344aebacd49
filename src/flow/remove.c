/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/remove.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "enroll/record.h"
#include "enroll/token_store.h"
#include "member/health.h"
#include "member/membership.h"
#include "member/removal.h"

#define ASK_MS 3000

/* Nobody is dead because of one lost packet: looked at this often, a second apart. */
#define LOOKS 3

/* Nobody has that name. 0 when it is plain that somebody had it, else an error that says who there is. */
static int not_there(const struct machine *m, const struct member_survey *s, const char *what, struct err *e)
{
	auto_buf struct buf names = { 0 };
	uint64_t id;
	bool known = text_parse_hex(what, &id) && strlen(what) == 16;

	for (size_t i = 0; i < m->conf.n_members; i++)
		known |= strcmp(m->conf.members[i].name, what) == 0;
	if (known) {
		log_info("%s is no member of the cluster", what);
		return 0;
	}
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].listed)
			buf_printf(&names, "%s%s (%016" PRIx64 ")", names.len ? ", " : "",
				   s->list[i].name[0] ? s->list[i].name : "a new member", s->list[i].id);
	}
	return err_set(e, ERR_CONFIG, "there is no member %s; there are %s", what, buf_str(&names));
}

static int refuse_answering(const struct member *one, struct err *e)
{
	(void)err_set(e, ERR_CONFIG, "member %s (%016" PRIx64 ") answers at %s", one->name, one->id, one->url);
	return err_hint(e,
			"on that machine: etcd-cluster leave; or, if that is not possible: etcd-cluster remove --force "
			"%016" PRIx64,
			one->id);
}

/* One look: who it is, and everything that speaks against it. 1 it may go, 0 it is not there, -1. */
static int look(const struct machine *m, const struct remove_options *how, struct member_survey *s,
		const struct member **one, struct err *e)
{
	int rc;

	member_survey_free(s);
	if (member_survey(m, ASK_MS, s, e) < 0)
		return -1;
	if (!s->agreed) {
		(void)err_set(e, ERR_HEALTH,
			      "no voting member that can be reached from here has a quorum: nobody can agree to a "
			      "removal");
		return err_hint(
			e, "start etcd on the machines that are down; if they are lost for ever: etcd-cluster restore "
			   "--force-new-cluster CLUSTER_ID, on a machine whose data is still there");
	}
	rc = removal_pick(s, how->member, one, e);
	if (rc <= 0)
		return rc < 0 ? -1 : not_there(m, s, how->member, e);
	if ((*one)->here) {
		(void)err_set(e, ERR_CONFIG, "%s is this machine", how->member);
		return err_hint(e, "etcd-cluster leave");
	}
	if ((*one)->answers && !how->force)
		return refuse_answering(*one, e);
	return removal_check(s, *one, e) < 0 ? -1 : 1;
}

/* The enrolment server must not accept its certificates again. */
static int forget(const struct machine *m, const char *name, struct err *e)
{
	auto_close int lock = -1;

	if (!file_exists(m->at.enroll))
		return 0;
	lock = token_store_lock(m, e);
	return lock < 0 || enroll_record_drop(m, name, e) < 0 ? -1 : 0;
}

static int go(const struct machine *m, const struct remove_options *how, struct member_survey *s, struct err *e)
{
	const struct timespec second = { .tv_sec = 1 };
	const struct member *one = NULL;
	int rc = look(m, how, s, &one, e);

	for (int i = 1; rc > 0 && one && i < LOOKS && one->url[0] != '\0' && !one->answers && !m->dry_run; i++) {
		(void)nanosleep(&second, NULL);
		rc = look(m, how, s, &one, e);
	}
	if (rc <= 0 || !one)
		return rc;
	if (m->dry_run) {
		log_info("would remove member %016" PRIx64 " (%s, %s)", one->id,
			 one->name[0] ? one->name : "not started yet", one->peer_urls ? one->peer_urls[0] : "no URL");
		return 1;
	}
	if (membership_remove(m, one->id, e) < 0 || forget(m, one->name, e) < 0)
		return -1;
	log_info("member %016" PRIx64 " (%s, %s) was removed", one->id, one->name[0] ? one->name : "not started yet",
		 one->peer_urls ? one->peer_urls[0] : "no URL");
	removal_report(s, one);
	return 1;
}

int remove_run(const struct machine *m, const struct remove_options *how, struct err *e)
{
	struct member_survey s = { 0 };
	int rc = go(m, how, &s, e);

	member_survey_free(&s);
	return rc;
}
