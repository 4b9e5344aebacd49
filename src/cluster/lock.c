/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/lock.h"

#include <string.h>

#include "adapter/x509.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/poll.h"
#include "member/endpoint.h"

#define KEY "etcd-cluster/lock"

/* etcd gives up a proposal after 7 s. */
#define CALL_MS	  10000
#define SURVEY_MS 5000
#define LOOK_MS	  1000

void lock_free(struct lock *l)
{
	free(l->what);
	*l = (struct lock){ 0 };
}

void lock_holder_free(struct lock_holder *h)
{
	free(h->name);
	free(h->what);
	*h = (struct lock_holder){ 0 };
}

bool lock_parse(const char *text, struct lock_holder *h)
{
	auto_strv char **words = text_split(text, BLANKS);
	uint64_t since;

	if (strv_len(words) != 6 || !text_parse_id(words[0], &h->cluster) || !text_parse_id(words[1], &h->member) ||
	    !disk_is_id(words[2]) || !text_parse_u64(words[3], 1, INT32_MAX, &since))
		return false;
	memcpy(h->nonce, words[2], DISK_ID_HEX);
	h->since = (time_t)since;
	h->name = xstrdup(words[4]);
	h->what = xstrdup(words[5]);
	return true;
}

enum lock_verdict lock_judge(const struct lock_holder *h, const struct member_survey *s, time_t now)
{
	const struct member *holder = NULL;
	long long age;

	if (h->cluster != s->cluster_id)
		return LOCK_FREE;
	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (one->listed && one->id == h->member)
			holder = one;
	}
	if (holder && holder->here)
		return LOCK_FREE;
	if (!holder)
		return s->agreed ? LOCK_GONE : LOCK_HELD;
	if (!holder->healthy || !holder->has_clock)
		return LOCK_HELD;
	age = (long long)now + holder->ahead_ms / 1000 - (long long)h->since;
	return age >= LOCK_SECONDS || age <= -LOCK_SECONDS ? LOCK_IDLE : LOCK_HELD;
}

/* --- The key, at one voter. */

/* 1 it is there, and understood; 0 it is not; -1. What another voter said before is forgotten. */
static int read_key(struct grpc *g, struct lock_holder *h, int64_t *revision, struct err *e)
{
	auto_free char *text = NULL;
	int rc = rpc_get(g, KEY, true, &text, revision, e);

	lock_holder_free(h);
	return rc > 0 ? lock_parse(text, h) : rc;
}

static int write_key(const struct machine *m, struct grpc *g, const struct lock *l, int64_t revision, struct err *e)
{
	auto_free char *text = xasprintf(ID_FMT " " ID_FMT " %s %lld %s %s", l->cluster, l->member, l->nonce,
					 (long long)time(NULL), m->conf.name, l->what);

	return rpc_put_if(g, KEY, revision, text, e);
}

int lock_denied(const struct machine *m, struct err *e)
{
	auto_free char *path = machine_pki_path(m, ENDPOINT_PAIR, "crt");
	struct err unread = { 0 };
	auto_cert x509_cert *cert = x509_cert_read(m->client_files ? m->client_files[1] : path, &unread);
	struct x509_info info = { 0 };
	const char *user = "root";

	if (cert)
		x509_describe(cert, &info);
	if (info.cn && info.cn[0])
		user = info.cn;
	e->class = ERR_CONFIG;
	e->hint[0] = '\0';
	(void)err_wrap(e, "etcd does not permit the user %s of this machine to do this", user);
	(void)err_hint(
		e,
		"as a user with the role root: etcdctl user add %s --no-password, if there is none; etcdctl user "
		"grant-role %s root",
		user, user);
	x509_info_free(&info);
	return -1;
}

/* What one voter is asked for: 1 done, 0 it is not to be, -1. */
typedef int lock_step(const struct machine *m, struct grpc *g, struct lock *l, struct lock_holder *h, struct err *e);

/*
 * At the first voter that has an answer: those that know a leader first, among these this machine's own. A step looks
 * before it changes anything, so the next voter may be asked after an answer that was lost.
 */
static int at_voter(const struct machine *m, lock_step *step, struct lock *l, struct lock_holder *h, struct err *e)
{
	cleanup(poll_free) struct poll r = { 0 };
	bool asked = false;

	if (poll_all(m, endpoint_all(m), CALL_MS, &r) == 0)
		return poll_fail(&r, e);
	for (int leader = 1; leader >= 0; leader--) {
		for (const struct poll_answer *one = r.list; one < r.list + r.n; one++) {
			int rc;

			if (!one->answers || one->status.is_learner || one->status.cluster_id != l->cluster ||
			    (one->status.leader != 0) != leader)
				continue;
			asked = true;
			rc = step(m, one->g, l, h, e);
			if (rc >= 0) {
				err_clear(e);
				return rc;
			}
			if (e->rpc == GRPC_PERMISSION_DENIED)
				return lock_denied(m, e);
		}
	}
	return asked ? -1 : err_set(e, ERR_HEALTH, "no voting member of cluster " ID_FMT " answers", l->cluster);
}

/* 1 it is ours, 0 another member has it: h. */
static int take_step(const struct machine *m, struct grpc *g, struct lock *l, struct lock_holder *h, struct err *e)
{
	int64_t revision;
	int rc;

	do {
		rc = read_key(g, h, &revision, e);
		if (rc < 0)
			return -1;
		if (rc > 0 && strcmp(h->nonce, l->nonce) == 0)
			return 1;
		if (rc > 0 && (h->cluster != l->cluster || h->member == l->member)) {
			log_debug("the lock that an earlier run has left is taken over");
			rc = 0;
		}
		if (rc > 0 && strcmp(h->nonce, l->over) != 0)
			return 0;
		rc = write_key(m, g, l, revision, e);
	} while (rc == 0); /* somebody was faster */
	return rc;
}

static int confirm_step(const struct machine *m, struct grpc *g, struct lock *l, struct lock_holder *h, struct err *e)
{
	int64_t revision;
	int rc = read_key(g, h, &revision, e);

	if (rc < 0)
		return -1;
	return rc > 0 && strcmp(h->nonce, l->nonce) == 0 ? write_key(m, g, l, revision, e) : 0;
}

static int release_step(const struct machine *m, struct grpc *g, struct lock *l, struct lock_holder *h, struct err *e)
{
	int64_t revision;
	int rc = read_key(g, h, &revision, e);

	(void)m;
	if (rc < 0)
		return -1;
	return rc > 0 && strcmp(h->nonce, l->nonce) == 0 ? rpc_delete_if(g, KEY, revision, e) : 0;
}

/* --- The lock. */

static int is_held(const struct lock_holder *h, const struct member_survey *s, struct err *e)
{
	bool down = true;

	for (const struct member *one = s->list; one < s->list + s->n; one++)
		down &= !one->listed || one->id != h->member || !one->healthy;
	(void)err_set(e, ERR_HEALTH, "%s%s holds the lock of the cluster for %s since %s", h->name,
		      down ? ", which is not healthy," : "", h->what, clock_minute(h->since).text);
	if (down)
		return err_hint(e,
				"repair %s first, on that machine: etcd-cluster status; if it is lost: etcd-cluster "
				"remove %s",
				h->name, h->name);
	return err_hint(e, "wait for it; if nothing runs on %s any more, the lock is free %d minutes after that",
			h->name, LOCK_SECONDS / 60);
}

/* Whether the holder may be passed over: then l->over is its nonce. */
static int look_at_holder(const struct machine *m, struct lock *l, const struct lock_holder *h, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	enum lock_verdict verdict;

	if (member_survey(m, SURVEY_MS, &s, e) < 0)
		return -1;
	verdict = lock_judge(h, &s, m->now);
	if (verdict == LOCK_HELD)
		return is_held(h, &s, e);
	log_warn("the lock that %s holds for %s since %s is taken over: %s", h->name, h->what,
		 clock_minute(h->since).text,
		 verdict == LOCK_IDLE ? "it has been healthy without it for ten minutes"
				      : "it is not a member any more");
	memcpy(l->over, h->nonce, sizeof(l->over));
	return 0;
}

static const struct member *own_voter(const struct member_survey *s, size_t *voters)
{
	const struct member *own = NULL;

	*voters = 0;
	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (one->listed && one->here)
			own = one;
		*voters += one->listed && !one->learner;
	}
	return own;
}

int lock_take(const struct machine *m, const struct member_survey *s, const char *what, unsigned int wait_s,
	      struct lock *l, struct err *e)
{
	const long long end = clock_ms() + 1000LL * wait_s;
	struct lock_holder h cleanup(lock_holder_free) = { 0 };
	size_t voters;
	const struct member *own = own_voter(s, &voters);
	bool logged = false;
	int rc;

	if (!own)
		return err_set(e, ERR_CONFIG, "this machine is not a member of the cluster");
	*l = (struct lock){ .cluster = s->cluster_id, .member = own->id, .what = xstrdup(what), .local = voters <= 1 };
	disk_new_id(l->nonce);
	if (l->local || m->dry_run)
		return 0;
	while ((rc = at_voter(m, take_step, l, &h, e)) == 0) {
		if (look_at_holder(m, l, &h, e) == 0)
			continue;
		if (e->class != ERR_HEALTH || clock_ms() >= end)
			return -1;
		if (!logged)
			log_info("waiting: %s", e->msg);
		logged = true;
		err_clear(e);
		clock_sleep(LOOK_MS);
	}
	return rc < 0 ? -1 : 0;
}

int lock_confirm(const struct machine *m, const struct lock *l, struct err *e)
{
	struct lock_holder h cleanup(lock_holder_free) = { 0 };
	struct lock own = *l;
	int rc = l->local || m->dry_run ? 1 : at_voter(m, confirm_step, &own, &h, e);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	(void)err_set(e, ERR_HEALTH, "another machine has taken over the lock of the cluster meanwhile%s%s",
		      h.name ? ": " : "", h.name ? h.name : "");
	return err_hint(e, "etcd-cluster status shows whether all members are healthy; then run this again");
}

void lock_release(const struct machine *m, const struct lock *l)
{
	struct lock_holder h cleanup(lock_holder_free) = { 0 };
	struct lock own = *l;
	struct err lost = { 0 };

	if (l->local || m->dry_run || l->cluster == 0)
		return;
	if (at_voter(m, release_step, &own, &h, &lost) < 0)
		log_warn("the lock of the cluster stays for ten minutes: %s", lost.msg);
}
