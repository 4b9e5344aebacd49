/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/rotate.h"

#include <string.h>

#include "adapter/handshake.h"
#include "adapter/x509_pool.h"
#include "base/log.h"
#include "cahost/order.h"
#include "cahost/record.h"
#include "cluster/health.h"
#include "member/endpoint.h"
#include "pki/check.h"
#include "pki/origin.h"
#include "pki/sign.h"

#define ASK_MS	     3000
#define HANDSHAKE_MS 3000

void rotate_status_free(struct rotate_status *s)
{
	pki_rotation_free(&s->files);
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].name);
		strv_free(s->list[i].trusts);
		free(s->list[i].problem);
	}
	free(s->list);
	*s = (struct rotate_status){ 0 };
}

static struct rotate_party *add(struct rotate_status *s, enum rotate_kind kind, const char *name)
{
	s->list = xrealloc(s->list, s->n + 1, sizeof(*s->list));
	s->list[s->n] = (struct rotate_party){ .kind = kind, .name = xstrdup(name) };
	return &s->list[s->n++];
}

/* The first problem of a party counts; it is taken over. Behind fix comes the name. */
static void lag(struct rotate_party *p, char *problem, const char *fix)
{
	if (p->problem) {
		free(problem);
		return;
	}
	p->problem = problem;
	(void)snprintf(p->fix, sizeof(p->fix), "%s%s", fix, p->name);
}

/* --- Members, by handshakes. */

/* 1 it has answered, and is in *seen; else the party has a problem. */
static int look_at(const struct machine *m, const char *url, enum pki_leaf shown, struct rotate_party *p,
		   struct handshake_seen *seen)
{
	const char *name = pki_profile(shown)->name;
	auto_free char *ca = machine_pki_path(m, "ca", "crt"), *cert = machine_pki_path(m, name, "crt");
	auto_free char *key = machine_pki_path(m, name, "key"), *host = NULL;
	struct handshake h = { .ca = ca, .cert = cert, .key = key, .timeout_ms = HANDSHAKE_MS };
	struct err why = { 0 };
	int rc;

	*seen = (struct handshake_seen){ 0 };
	if (!url || !endpoint_split(url, &host, &h.port)) {
		lag(p, xstrdup("it has no address: its etcd has not been started yet"), "start etcd on ");
		return 0;
	}
	h.address = host;
	rc = handshake_look(&h, seen, &why);
	if (rc == 0)
		lag(p, xasprintf("it does not answer at %s", url), "start etcd on ");
	else if (rc < 0)
		lag(p, xstrdup(why.msg), "etcd-cluster check, on ");
	return rc > 0;
}

static enum rotate_ca ca_of(const struct rotate_status *s, const struct x509_info *leaf)
{
	if (strcmp(leaf->issuer, s->files.ca.info.subject) == 0)
		return ROTATE_ISSUING;
	return s->files.other_name && strcmp(leaf->issuer, s->files.other_name) == 0 ? ROTATE_OTHER : ROTATE_UNKNOWN;
}

/* Both of its ports. What the older one of the two sets of CAs is does not matter: one process has read both. */
static void look_at_member(const struct machine *m, const struct member *one, struct rotate_status *s)
{
	struct rotate_party *p = add(s, ROTATE_MEMBER, one->name[0] ? one->name : "a member that has not started");
	const char *const urls[] = { one->url[0] ? one->url : NULL, one->peer_urls ? one->peer_urls[0] : NULL };
	const enum pki_leaf shown[] = { PKI_ETCDCTL, PKI_PEER };

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		cleanup(handshake_seen_free) struct handshake_seen seen = { 0 };
		enum rotate_ca ca;

		if (look_at(m, urls[i], shown[i], p, &seen) == 0) {
			p->presents = ROTATE_UNKNOWN;
			return;
		}
		ca = ca_of(s, &seen.leaf);
		p->presents = i == 0 || p->presents == ca ? ca : ROTATE_UNKNOWN;
		if (s->files.stage == PKI_TRUSTING && !strv_has(seen.cas, s->files.other_name))
			lag(p, xasprintf("its etcd does not trust %s yet", s->files.other_name),
			    "etcd-cluster cert renew, then etcd-cluster restart, on ");
		if (ca != ROTATE_ISSUING)
			lag(p, xasprintf("%s serves a certificate by %s", urls[i], seen.leaf.issuer),
			    "etcd-cluster cert renew (a standby: ca import of a new ca export), on ");
		if (i == 0)
			strv_add_all(&p->trusts, seen.cas);
	}
}

static int look_at_members(const struct machine *m, struct member_survey *survey, struct rotate_status *s,
			   struct err *e)
{
	/* A machine that never was a member has no others. */
	s->agreed = !file_exists(m->at.member_id);
	if (s->agreed)
		return 0;
	if (member_survey(m, ASK_MS, survey, e) < 0)
		return -1;
	s->agreed = survey->agreed;
	for (const struct member *one = survey->list; one < survey->list + survey->n; one++)
		if (one->listed || one->here)
			look_at_member(m, one, s);
	return 0;
}

/* --- Machines and clients, by their records. */

static bool is_listed(const struct member_survey *survey, const struct enroll_record *r)
{
	for (const struct member *one = survey->list; one < survey->list + survey->n; one++)
		if (one->listed && (strcmp(one->name, r->name) == 0 || (r->member && one->id == r->member)))
			return true;
	return false;
}

/* Whether its last certificates came with the CA that is to be trusted. */
static bool is_told(const struct rotate_status *s, const struct enroll_record *r)
{
	cleanup(x509_info_free) struct x509_info info = { 0 };

	x509_describe(s->files.other, &info);
	return (r->visits.n > 0 ? r->visits.list[0].time : r->time) >= info.not_before + PKI_BACKDATE;
}

static int look_at_records(const struct machine *m, enum enroll_kind kind, const struct member_survey *survey,
			   struct rotate_status *s, struct err *e)
{
	cleanup(enroll_records_free) struct enroll_records all = { 0 };
	auto_free char *issuing = x509_spki_fingerprint(s->files.ca.cert);
	auto_free char *other = s->files.other ? x509_spki_fingerprint(s->files.other) : NULL;

	if (enroll_records_read(m, kind, &all, e) < 0)
		return -1;
	for (const struct enroll_record *r = all.list; r < all.list + all.n; r++) {
		struct rotate_party *p;

		if (enroll_record_end(r) < m->now || (kind == ENROLL_MACHINE && is_listed(survey, r)))
			continue;
		p = add(s, kind == ENROLL_MACHINE ? ROTATE_MACHINE : ROTATE_CLIENT, r->name);
		if (r->ca && strcmp(r->ca, issuing) == 0)
			p->presents = ROTATE_ISSUING;
		else if (r->ca && other && strcmp(r->ca, other) == 0)
			p->presents = ROTATE_OTHER;
		if (p->presents == ROTATE_ISSUING && (s->files.stage != PKI_TRUSTING || is_told(s, r)))
			continue;
		if (kind == ENROLL_CLIENT)
			lag(p, xstrdup("it has not got a certificate since the CA was changed"),
			    "etcd-cluster cert request, where it is; or, if it is gone: etcd-cluster cert revoke ");
		else if (kind == ENROLL_ISSUED)
			lag(p, xstrdup("its certificate of cert issue is older than the CA that issues now"),
			    "etcd-cluster cert issue, and bring it there; or, if it is gone: etcd-cluster cert "
			    "revoke ");
		else
			lag(p, xstrdup("it is no member yet, and has not got certificates since the CA was changed"),
			    "etcd-cluster cert renew, there; or, if it is gone: etcd-cluster remove ");
	}
	return 0;
}

int rotate_look(const struct machine *m, struct rotate_status *s, struct err *e)
{
	cleanup(member_survey_free) struct member_survey survey = { 0 };

	*s = (struct rotate_status){ 0 };
	if (pki_rotation_load(m, &s->files, e) < 0 || look_at_members(m, &survey, s, e) < 0)
		return -1;
	for (enum enroll_kind kind = ENROLL_MACHINE; kind <= ENROLL_ISSUED; kind++)
		if (look_at_records(m, kind, &survey, s, e) < 0)
			return -1;
	return 0;
}

/* --- The steps. */

/* ERR_CONFIG unless this machine is the CA host. */
static int check_ca_host(const struct machine *m, struct err *e)
{
	auto_active struct enroll_active who = { 0 };
	auto_free char *words = NULL;

	if (pki_origin(m) == PKI_EXTERNAL) {
		(void)err_set(e, ERR_CONFIG, "CA=external: somebody else's CA signs, so it is not rotated here");
		return err_hint(e,
				"put ca.crt with both CAs into %s and restart etcd, on each machine; then new "
				"certificates; then ca.crt with the new CA alone, and restart again",
				m->at.external);
	}
	if (pki_origin(m) != PKI_CA) {
		(void)err_set(e, ERR_CONFIG, "%s/ca.key is not on this machine", m->at.pki);
		return err_hint(e, "run this on the CA host: etcd-cluster status shows which machine is");
	}
	if (takeover_look(m, file_exists(m->at.member_id), &who, e) < 0)
		return -1;
	if (who.state != ENROLL_STANDBY)
		return 0;
	words = ca_host_words(&who.host);
	(void)err_set(e, ERR_CONFIG, "this machine is a standby: the CA host is %s", words);
	return err_hint(e, "run this there; or make this machine the CA host: etcd-cluster ca takeover");
}

static int check_quorum(const struct rotate_status *s, struct err *e)
{
	if (s->agreed)
		return 0;
	(void)err_set(e, ERR_HEALTH, "no quorum answers, so it is not known who the members are");
	return err_hint(e, "etcd-cluster status shows which members are down");
}

/*
 * Leaves of the next CA come with a cross-certificate of this one, which an etcd that was started before this one was
 * trusted would refuse. One that is down reads what is on its disk when it starts.
 */
static int check_trusted(const struct rotate_status *s, struct err *e)
{
	for (const struct rotate_party *p = s->list; p < s->list + s->n; p++) {
		if (!p->trusts || strv_has(p->trusts, s->files.ca.info.subject))
			continue;
		(void)err_set(e, ERR_CONFIG, "etcd on %s was started before the last rotation, and does not trust %s",
			      p->name, s->files.ca.info.subject);
		return err_hint(e, "etcd-cluster restart, on %s", p->name);
	}
	return 0;
}

/* Each one that is not ready, in one error. */
static int check_ready(const struct rotate_status *s, struct err *e)
{
	auto_buf struct buf names = { 0 };
	const struct rotate_party *first = NULL;

	for (const struct rotate_party *p = s->list; p < s->list + s->n; p++) {
		if (!p->problem)
			continue;
		buf_printf(&names, "%s%s: %s", first ? "; " : "", p->name, p->problem);
		first = first ? first : p;
	}
	if (!first)
		return 0;
	(void)err_set(e, ERR_HEALTH, "not all are ready: %s", names.data);
	return err_hint(e, "%s; all of them: etcd-cluster ca rotate --status", first->fix);
}

/* After a change here: etcd serves the new certificates. */
static int prove(const struct machine *m, int rc, struct err *e)
{
	return rc > 0 && !m->dry_run && pki_prove(m, e) < 0 ? -1 : rc;
}

int rotate_begin(const struct machine *m, struct err *e)
{
	auto_rotate_status struct rotate_status s = { 0 };
	int rc;

	if (check_ca_host(m, e) < 0 || rotate_look(m, &s, e) < 0)
		return -1;
	if (s.files.stage == PKI_STEADY && (check_quorum(&s, e) < 0 || check_trusted(&s, e) < 0))
		return -1;
	if (s.files.stage == PKI_TRUSTING && (check_quorum(&s, e) < 0 || check_ready(&s, e) < 0))
		return -1;
	rc = prove(m, pki_rotate_begin(m, e), e);
	if (rc > 0 && !m->dry_run && s.files.stage == PKI_STEADY && x509_path_length(s.files.ca.cert) == 0)
		log_info("%s may not sign another CA (pathlen:0), so the new one must be trusted by all before it "
			 "issues: "
			 "members have it within two minutes; then: etcd-cluster restart --all; when all are ready "
			 "(etcd-cluster ca rotate --status), again: etcd-cluster ca rotate",
			 s.files.ca.info.subject);
	else if (rc > 0 && !m->dry_run)
		log_info("the new CA issues from now on; members and clients follow when they ask the next time, "
			 "members within two minutes: etcd-cluster ca rotate --status");
	else if (rc == 0 && s.files.stage == PKI_ROTATING)
		log_info("a rotation is under way already: etcd-cluster ca rotate --status");
	return rc;
}

int rotate_abort(const struct machine *m, struct err *e)
{
	int rc;

	if (check_ca_host(m, e) < 0)
		return -1;
	rc = prove(m, pki_rotate_abort(m, e), e);
	if (rc > 0 && !m->dry_run)
		log_info("the former CA issues again; when all have certificates by it (etcd-cluster ca rotate "
			 "--status): etcd-cluster ca rotate --finish");
	return rc;
}

int rotate_finish(const struct machine *m, struct err *e)
{
	auto_rotate_status struct rotate_status s = { 0 };
	int rc;

	if (check_ca_host(m, e) < 0 || rotate_look(m, &s, e) < 0)
		return -1;
	if ((s.files.stage == PKI_ROTATING || s.files.stage == PKI_ABORTED) &&
	    (check_quorum(&s, e) < 0 || check_ready(&s, e) < 0))
		return -1;
	rc = prove(m, pki_rotate_finish(m, e), e);
	if (rc > 0 && !m->dry_run)
		log_info("%s is no longer trusted here; members follow within two minutes; an etcd drops it when it is "
			 "restarted: etcd-cluster restart --all",
			 s.files.other_name);
	else if (rc == 0 && s.files.stage == PKI_STEADY)
		log_info("no rotation is under way");
	return rc;
}
