/* SPDX-License-Identifier: Apache-2.0 */
#include "change/orders.h"

#include <string.h>

#include "adapter/x509_crl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "change/restart.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "pki/check.h"

#define ASK_MS	  5000
#define ANSWER_S  30
#define ANSWER_MS 500

static int do_restart(const struct machine *m, const struct request *r, time_t begun, struct err *e)
{
	const struct restart_how how = { .allow_outage = r->allow_outage, .since = begun };

	return restart_run(m, &how, e);
}

/* What a request can order. begun: when an earlier run began it, which was killed; else 0. */
static const struct {
	const char *what;
	int (*run)(const struct machine *m, const struct request *r, time_t begun, struct err *e);
} known[] = {
	{ "restart", do_restart },
};

struct serving {
	const struct machine *m;
	struct identity id;
	struct grpc *g; /* with this machine's etcd */
	char *text;	/* of the request */
	int64_t revision;
	struct request_journal journal;
	struct request request;
};

static void serving_free(struct serving *s)
{
	identity_free(&s->id);
	grpc_close(&s->g);
	free(s->text);
	request_journal_free(&s->journal);
	request_free(&s->request);
}

/* 1 there is a request, 0, -1. */
static int find(struct serving *s, struct err *e)
{
	auto_free char *own = endpoint_own(s->m), *key = NULL;
	int rc = identity_read(s->m, &s->id, e);

	if (rc <= 0)
		return rc;
	key = request_key(s->id.member_id);
	s->g = endpoint_open(s->m, own, 0, ASK_MS, e);
	return s->g ? rpc_get(s->g, key, true, &s->text, &s->revision, e) : -1;
}

static int read_file(const struct machine *m, const char *name, const char *ext, struct buf *out, struct err *e)
{
	auto_free char *path = machine_pki_path(m, name, ext);

	return file_read(path, PKI_FILE_MAX, out, e);
}

static const struct request_entry *entry_of(const struct serving *s, const char *id)
{
	for (size_t i = 0; i < s->journal.n; i++)
		if (strcmp(s->journal.list[i].id, id) == 0)
			return &s->journal.list[i];
	return NULL;
}

/* Of those that are over; one that was begun goes on. The caller frees. */
static char **known_ids(const struct serving *s)
{
	char **ids = NULL;

	for (size_t i = 0; i < s->journal.n; i++)
		if (s->journal.list[i].state == REQUEST_DONE || s->journal.list[i].state == REQUEST_FAILED)
			strv_add(&ids, s->journal.list[i].id);
	return ids;
}

static int check(struct serving *s, struct err *e)
{
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	auto_buf struct buf ca = { 0 }, crl = { 0 };
	auto_strv char **revoked = NULL, **ids = known_ids(s);
	auto_free char *peer_cn = pki_peer_cn(s->m, e);
	struct request_facts f = { .ca = &ca, .list = &list, .known = ids, .own = s->id.member_id, .now = s->m->now };

	if (!peer_cn || read_file(s->m, "ca", "crt", &ca, e) < 0)
		return -1;
	if (read_file(s->m, "crl", "der", &crl, e) < 0) {
		if (err_absent(e) < 0)
			return -1;
	} else if (x509_crl_parse(&crl, "crl.der", &revoked, e) < 0) {
		return -1;
	}
	if (rpc_member_list(s->g, true, &list, e) < 0)
		return -1;
	f.peer_cn = peer_cn;
	f.revoked = revoked;
	return request_check(s->text, &f, &s->request, e);
}

static int note(struct serving *s, const char *id, enum request_state state, const char *words, struct err *e)
{
	struct request_entry one = { .state = state, .revision = s->revision, .when = s->m->now };
	auto_free char *safe = xstrdup(words);

	text_printable(safe);
	memcpy(one.id, id, DISK_ID_HEX);
	one.words = safe;
	return request_journal_put(s->m, &s->journal, &one, e);
}

/* The same bytes are refused once; only what came later is news. */
static int refuse(struct serving *s, const struct err *why, struct err *e)
{
	static const char none[] = "00000000000000000000000000000000";
	const struct request_entry *last = entry_of(s, none);

	if (last && last->revision == s->revision)
		return 0;
	log_warn("a request to this machine is refused: %s", why->msg);
	return note(s, none, REQUEST_REFUSED, why->msg, e);
}

/* The answer, then the request goes: a machine that lost its journal does not find it again. */
static void answer(const struct serving *s, enum request_state state, const char *words)
{
	auto_free char *key = request_answer_key(s->id.member_id), *asked = request_key(s->id.member_id);
	auto_free char *text = xasprintf("%s %s %.900s", s->request.id, request_state_name(state), words);
	auto_free char *own = endpoint_own(s->m);
	const long long end = clock_ms() + ANSWER_S * 1000LL;
	struct err lost = { 0 };

	text_printable(text);
	while (clock_ms() < end) {
		auto_grpc struct grpc *g = endpoint_open(s->m, own, 0, ASK_MS, &lost);

		if (g && rpc_put(g, key, text, &lost) == 0 && rpc_delete_if(g, asked, s->revision, &lost) >= 0)
			return;
		clock_sleep(ANSWER_MS);
	}
	log_warn("%s does not get the answer to its request: %s", s->request.name, lost.msg);
}

static int carry_out(struct serving *s, struct err *e)
{
	const struct request *r = &s->request;
	const struct request_entry *before = entry_of(s, r->id);
	const time_t begun = before ? before->when : 0;
	struct err unwritten = { 0 };
	int rc = -1;

	if (s->m->dry_run) {
		log_info("would %s etcd, as %s orders", r->what, r->name);
		return 1;
	}
	(void)err_set(e, ERR_CONFIG, "it orders %s, which this version of etcd-cluster does not know", r->what);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(known[i].what, r->what) != 0)
			continue;
		err_clear(e);
		log_info("%s orders this machine to %s etcd", r->name, r->what);
		if (!before && note(s, r->id, REQUEST_BEGUN, "", e) < 0)
			return -1;
		rc = known[i].run(s->m, r, begun, e);
	}
	if (note(s, r->id, rc < 0 ? REQUEST_FAILED : REQUEST_DONE, rc < 0 ? e->msg : "", &unwritten) < 0)
		log_error(LOG_WARNING, &unwritten);
	answer(s, rc < 0 ? REQUEST_FAILED : REQUEST_DONE, rc < 0 ? e->msg : "");
	return rc < 0 ? -1 : 1;
}

int orders_serve(const struct machine_options *where, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct serving s cleanup(serving_free) = { .m = &m };
	auto_close int lock = -1;
	struct err why = { 0 };
	int rc;

	if (machine_open(&m, where, e) < 0)
		return -1;
	if (m.conf.role == ROLE_NONE)
		return 0;
	rc = find(&s, e);
	if (rc <= 0) {
		/* An etcd that does not answer, or has no quorum, has no orders. */
		if (rc < 0 && e->class == ERR_HEALTH) {
			log_debug("%s", e->msg);
			err_clear(e);
			return 0;
		}
		return rc;
	}
	lock = machine_lock(&m, e);
	if (lock < 0 || request_journal_read(&m, &s.journal, e) < 0)
		return -1;
	if (check(&s, &why) == 0)
		return carry_out(&s, e);
	if (why.class == ERR_VERIFY)
		return refuse(&s, &why, e);
	*e = why;
	return -1;
}
