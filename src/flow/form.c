/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/form.h"

#include <string.h>

#include "adapter/peers.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/membership.h"
#include "enroll/exchange.h"
#include "enroll/gather.h"
#include "flow/form_first.h"
#include "flow/join.h"
#include "member/aside.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/joining.h"
#include "pki/origin.h"

/* For the answers of the others' peer ports. */
#define PEERS_MS 1500

/* How long one run waits between accepting a record and hearing that all have. */
#define HOLD_MS 3000

static bool is_first(const struct machine *m)
{
	return config_makes_ca(&m->conf);
}

static bool is_alone(const struct machine *m)
{
	return m->conf.role == ROLE_SINGLE || m->conf.n_members < 2;
}

static int refuse_lost(const struct setup_run *r, struct err *e)
{
	(void)err_set(e, ERR_CONFIG,
		      "%s says that this machine, %s, is a member of its cluster, but the disk that was one is gone: "
		      "starting empty in its place can erase acknowledged writes",
		      r->m->at.forming, r->m->conf.name);
	if (is_alone(r->m))
		return err_hint(e, "put %s back; or, to give it up and start empty: mv %s %s.lost", r->m->conf.data_dir,
				r->m->at.forming, r->m->at.forming);
	return err_hint(e, "put %s back; or, if it is lost and the other members run: etcd-cluster replace",
			r->m->conf.data_dir);
}

/* ---- Reporting ------------------------------------------------------------------------------------------------- */

/* One report. 1 answered, 0 nobody there, -1. */
static int report(const struct setup_run *r, const struct proof *p, enum proof_kind how, struct form_reply *answer,
		  struct err *e)
{
	auto_free char *url = config_url(r->m->conf.members[0].address, r->m->conf.enroll_port);
	auto_buf struct buf question = { 0 }, text = { 0 };
	auto_report struct report own = { 0 };
	int rc;

	report_fill(r->m, r->disk, &own);
	if (r->has_record) {
		own.state = forming_is_bound(&r->record) ? REPORT_STARTED : REPORT_ACCEPTED;
		own.nonce = xstrdup(r->record.nonce);
	}
	if (report_put(&own, &question, e) < 0)
		return -1;
	rc = exchange(r->m, p, how, url + strlen("https://"), &question, GATHER_MS, &text, e);
	if (rc > 0 && form_reply_get(&text, answer, e) < 0)
		rc = -1;
	return rc < 0 ? err_wrap(e, "%s, the first of MEMBERS", r->m->conf.members[0].name) : rc;
}

/* With the token, which every machine has while the cluster is formed; then with a certificate. As above. */
static int tell_first(const struct setup_run *r, struct form_reply *answer, struct err *e)
{
	const enum pki_origin origin = pki_origin(r->m);
	auto_proof struct proof p = { .ca = NULL };
	int rc;

	if (proof_load(r->m, &p, e) < 0)
		return origin == PKI_CA || origin == PKI_EXTERNAL
			       ? form_wait(r, "this machine gets its certificates first", e)
			       : -1;
	rc = p.has_token ? report(r, &p, PROOF_TOKEN, answer, e) : -1;
	if (rc < 0 && p.has_pair) {
		err_clear(e);
		form_reply_free(answer);
		rc = report(r, &p, PROOF_PAIR, answer, e);
	}
	if (rc < 0 && p.has_token && e->class == ERR_VERIFY)
		(void)err_hint(e,
			       "%s has token %s; write the same token into that file of every machine, then: "
			       "etcd-cluster setup",
			       r->m->conf.enroll_token_file, p.token.id);
	return rc;
}

/* What the others' peer ports show; only machines of one CA answer each other. */
static enum form_move look_at_peers(const struct setup_run *r)
{
	auto_free char *ca = machine_pki_path(r->m, "ca", "crt");
	auto_free char *cert = machine_pki_path(r->m, "peer", "crt"), *key = machine_pki_path(r->m, "peer", "key");
	const struct peers_pair as = { .ca_file = ca, .cert_file = cert, .key_file = key };
	auto_free struct peers_answer *answers = xcalloc(r->m->conf.n_members, sizeof(*answers));
	auto_free char *own = endpoint_peer(&r->m->conf), *disk = NULL;
	auto_strv char **urls = NULL;
	enum form_move move = FORM_WAIT;
	struct wal_ids ids = { 0 };

	if (!file_exists(ca) || !file_exists(cert) || !file_exists(key))
		return FORM_WAIT;
	for (size_t i = 0; i < r->m->conf.n_members; i++) {
		auto_free char *url = config_url(r->m->conf.members[i].address, r->m->conf.peer_port);

		if (strcmp(r->m->conf.members[i].name, r->m->conf.name) != 0)
			strv_add(&urls, url);
	}
	if (!urls)
		return FORM_WAIT;
	disk = r->has_record ? forming_of(r->record.disks, r->m->conf.name) : NULL;
	if (disk && strcmp(disk, r->disk) == 0)
		(void)forming_ids(&r->record, r->m->conf.name, &ids);
	peers_ask(urls, &as, PEERS_MS, answers);
	for (size_t i = 0; urls[i]; i++) {
		if (answers[i].came && move != FORM_ENTER) {
			const bool same = ids.cluster != 0 && answers[i].cluster_id == ids.cluster &&
					  peers_find(buf_str(&answers[i].members), own) != PEERS_STARTED;

			move = same ? FORM_START : FORM_ENTER;
		}
		buf_free(&answers[i].members);
	}
	return move;
}

/* ---- The moves of another machine ------------------------------------------------------------------------------ */

static enum form_move weigh(const struct setup_run *r, const struct form_reply *answer, struct buf *why)
{
	struct form_self self cleanup(form_self_free) = { .name = NULL };

	form_self_fill(r->m, &self);
	self.disk = r->disk;
	self.record = r->has_record ? &r->record : NULL;
	return form_other(&self, answer, why);
}

static int agree(struct setup_run *r, struct err *e)
{
	auto_buf struct buf why = { 0 };
	int rc = 0;

	form_reply_free(&r->answer);
	r->form = weigh(r, NULL, &why);
	if (r->form != FORM_WAIT)
		return 0; /* it is bound */
	rc = tell_first(r, &r->answer, e);
	if (rc > 0) {
		r->form = weigh(r, &r->answer, &why);
		/* The first may have lost its disk, and know nothing of a record that others have started. */
		if (r->form == FORM_WAIT && r->has_record && look_at_peers(r) == FORM_START)
			r->form = FORM_START;
	} else {
		r->form = look_at_peers(r);
		if (rc < 0 && r->form == FORM_WAIT && e->class != ERR_FAIL)
			return -1;
		if (rc < 0) /* the connection broke off */
			buf_puts(&why, e->msg);
		err_clear(e);
	}
	if (r->form != FORM_WAIT)
		return 0;
	if (rc == 0)
		buf_printf(&why, "%s (%s), the first of MEMBERS, does not answer on port %u",
			   r->m->conf.members[0].name, r->m->conf.members[0].address,
			   (unsigned int)r->m->conf.enroll_port);
	return form_wait_for_others(r, buf_str(&why), e);
}

/* Takes the record of the answer over in this state. */
static int take_record(struct setup_run *r, enum forming_state state, struct err *e)
{
	forming_free(&r->record);
	r->record = r->answer.record;
	r->answer.record = (struct forming){ .nonce = NULL };
	r->record.state = state;
	r->has_record = true;
	return forming_write(r->m, &r->record, e) < 0 ? -1 : 1;
}

/* The certificates here are of the CA that the record names; those of an earlier try to form are asked for anew. */
static int check_ca(const struct setup_run *r, struct err *e)
{
	auto_free char *ca = NULL;
	int rc = form_ca(r->m, &ca, e);

	if (rc < 0)
		return -1;
	if (ca && strcmp(ca, r->answer.record.ca) == 0)
		return 0;
	if (pki_origin(r->m) != PKI_ENROLLED) {
		(void)err_set(e, ERR_CONFIG, "the CA in %s is not the one that %s, the first of MEMBERS, has",
			      r->m->at.pki, r->m->conf.members[0].name);
		return err_hint(e, "copy the same CA to all of MEMBERS, or move %s away to enrol", r->m->at.pki);
	}
	log_info("the CA of the first of MEMBERS was made anew");
	if (aside_move(r->m, r->m->at.pki, e) < 0)
		return -1;
	return form_wait(r, "this machine enrols again", e);
}

static int accept(struct setup_run *r, struct err *e)
{
	const long long end = clock_ms() + HOLD_MS;

	while (r->form == FORM_ACCEPT || r->form == FORM_STAND) {
		if (check_ca(r, e) < 0 || (r->form == FORM_ACCEPT && take_record(r, FORMING_ACCEPTED, e) < 0) ||
		    agree(r, e) < 0)
			return -1;
		if (r->form == FORM_STAND && clock_ms() >= end)
			return form_wait(r, "this machine has accepted the record, but not all of MEMBERS have", e);
	}
	return 1;
}

/* ---- The steps ------------------------------------------------------------------------------------------------- */

/* 1: this machine has no data and forms its cluster, or did; 0; -1. */
static int applies(const struct setup_run *r, struct err *e)
{
	const struct config *c = &r->m->conf;
	uint64_t cluster, member;
	int rc;

	if ((c->role != ROLE_SINGLE && c->role != ROLE_CLUSTER) || r->runs || file_exists(r->m->at.joining))
		return 0;
	rc = datadir_look(r->m, &cluster, &member, e);
	return rc < 0 ? -1 : rc == 0;
}

/* 1, 0, -1. */
static int is_void(const struct setup_run *r, struct err *e)
{
	struct form_self self cleanup(form_self_free) = { .name = NULL };

	form_self_fill(r->m, &self);
	self.disk = r->disk;
	self.record = &r->record;
	return form_ca(r->m, &self.ca, e) < 0 ? -1 : form_is_void(&self);
}

int form_agree(struct setup_run *r, struct err *e)
{
	const bool alone = is_alone(r->m);
	int rc = applies(r, e), made;

	if (rc <= 0)
		return rc;
	if (r->how->local || r->m->dry_run) {
		r->form = alone || (r->m->dry_run && is_first(r->m)) ? FORM_OFFER : FORM_NOTHING;
		return 0;
	}
	rc = forming_read(r->m, &r->record, e);
	made = rc < 0 ? -1 : disk_ensure(r->m, r->disk, e);
	if (made < 0)
		return -1;
	rc = rc > 0 ? is_void(r, e) : 1;
	if (rc < 0)
		return -1;
	r->has_record = rc == 0;
	rc = alone || is_first(r->m) ? form_first_agree(r, e) : agree(r, e);
	if (r->m->conf.replace && (r->form == FORM_WAIT || r->form == FORM_LOST)) {
		err_clear(e);
		r->form = FORM_ENTER;
		rc = 0;
	}
	if (r->form == FORM_LOST)
		return refuse_lost(r, e);
	return rc < 0 ? -1 : made;
}

bool form_makes_ca(const struct setup_run *r)
{
	return r->form == FORM_OFFER;
}

int form_commit(struct setup_run *r, struct err *e)
{
	if (r->m->dry_run && r->form == FORM_OFFER) {
		log_info("would form the cluster of MEMBERS");
		return 1;
	}
	switch (r->form) {
	case FORM_OFFER:
	case FORM_STAND:
	case FORM_ACCEPT:
	case FORM_COMMIT:
		if (is_first(r->m) ? form_first_commit(r, e) < 0 : accept(r, e) < 0)
			return -1;
		break;
	default:
		break;
	}
	if (r->form != FORM_START || (r->has_record && forming_is_bound(&r->record)))
		return 0;
	if (r->answer.record.nonce)
		return take_record(r, FORMING_COMMITTED, e);
	r->record.state = FORMING_COMMITTED; /* a peer port showed its cluster */
	return forming_write(r->m, &r->record, e) < 0 ? -1 : 1;
}

/* ---- Entering -------------------------------------------------------------------------------------------------- */

static int refuse_rebuilt(const struct machine *m, const struct rpc_members *list, struct err *e)
{
	(void)err_set(e, ERR_CONFIG,
		      "cluster " ID_FMT
		      " has this machine, %s, as a member, but its data is not here: starting empty under its old ID "
		      "can erase acknowledged writes",
		      list->cluster_id, m->conf.name);
	return err_hint(e, "if the data is lost: etcd-cluster replace; else put %s back", m->conf.data_dir);
}

static int refuse_stranger(const struct machine *m, const struct rpc_members *list, struct err *e)
{
	const struct config *c = &m->conf;
	const struct config_member *other = is_first(m) && c->n_members > 1 ? &c->members[1] : c->members;

	(void)err_set(e, ERR_CONFIG, "cluster " ID_FMT " runs already, and this machine, %s, is not one of its members",
		      list->cluster_id, c->name);
	return err_hint(e, "to make it one: etcd-cluster join %s", other ? other->address : "ADDRESS");
}

/* MEMBERS of the first has this machine today and had not when the cluster was formed: it was never removed. */
static bool is_newly_named(const struct setup_run *r)
{
	auto_free char *then = r->answer.record.members ? forming_of(r->answer.record.members, r->m->conf.name) : NULL;

	return r->answer.named && r->answer.record.members && !then;
}

/*
 * Its slot, if a quorum says that nobody ever used it, goes: a member that lost its disk right after its first start
 * may have voted, so the new disk comes in as a learner.
 */
static int clear_slot(const struct setup_run *r, struct err *e)
{
	auto_free char *peer = endpoint_peer(&r->m->conf);
	const struct joining intent = { .step = JOINING_ADDING, .peer_url = peer };
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	const struct rpc_member *slot;

	/* A quorum was seen: the token is not needed any more. */
	if (membership_list(r->m, &list, e) < 0 || token_wipe_file(r->m, e) < 0)
		return -1;
	slot = membership_by_peer(&list, peer);
	if (slot && slot->client_urls) /* it has its name from the start, these only when it has run */
		return refuse_rebuilt(r->m, &list, e);
	if (!slot && !is_newly_named(r))
		return refuse_stranger(r->m, &list, e);
	if (!slot || slot->is_learner || r->m->dry_run)
		return 0;
	log_info("removing member " ID_FMT " of this machine, which has never started", slot->id);
	if (joining_write(r->m, &intent, e) < 0)
		return -1;
	return membership_remove(r->m, slot->id, e) < 0 ? -1 : 0;
}

int form_enter(struct setup_run *r, struct err *e)
{
	if (r->runs || (r->form != FORM_ENTER && !join_wanted(r->m, false)))
		return 0;
	if (r->form == FORM_ENTER && !r->m->conf.replace && clear_slot(r, e) < 0) {
		if (e->class == ERR_HEALTH)
			e->class = ERR_PENDING; /* the cluster cannot be asked now */
		return -1;
	}
	return join_enter(r->m, e);
}

/* ---- Starting -------------------------------------------------------------------------------------------------- */

bool form_is_decided(const struct setup_run *r)
{
	struct err unread = { 0 };
	int rc = r->form == FORM_START ? 0 : applies(r, &unread);

	return rc == 0;
}

int form_start(struct setup_run *r, struct err *e)
{
	struct identity id = { .name = r->m->conf.name };
	struct wal_ids ids;

	if (r->form != FORM_START)
		return 0;
	if (!forming_ids(&r->record, id.name, &ids))
		return refuse_lost(r, e);
	id.cluster_id = ids.cluster;
	id.member_id = ids.member;
	r->record.state = FORMING_STARTING;
	return identity_write(r->m, &id, e) < 0 || forming_write(r->m, &r->record, e) < 0 ? -1 : 0;
}

bool form_is_open(const struct machine *m)
{
	auto_forming struct forming record = { 0 };
	struct err unread = { 0 };

	return forming_read(m, &record, &unread) > 0 && record.state == FORMING_STARTING;
}

int form_started(const struct machine *m, struct err *e)
{
	auto_forming struct forming record = { 0 };
	int rc = file_exists(m->at.joining) ? 0 : forming_read(m, &record, e);

	if (rc <= 0 || record.state == FORMING_STARTED || m->dry_run)
		return rc < 0 ? -1 : 0;
	record.state = FORMING_STARTED;
	return token_wipe_file(m, e) < 0 || forming_write(m, &record, e) < 0 ? -1 : 1;
}

void form_tell(struct setup_run *r)
{
	auto_form_reply struct form_reply ignored = { 0 };
	struct err unheard = { 0 };

	if (r->m->conf.role != ROLE_CLUSTER || is_first(r->m) || file_exists(r->m->at.joining) ||
	    forming_read(r->m, &r->record, &unheard) <= 0 || disk_read(r->m, r->disk, &unheard) <= 0)
		return;
	r->has_record = true;
	if (tell_first(r, &ignored, &unheard) < 0)
		log_debug("%s", unheard.msg);
}

void form_end(struct setup_run *r)
{
	forming_free(&r->record);
	form_reply_free(&r->answer);
}
