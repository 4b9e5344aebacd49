/* SPDX-License-Identifier: Apache-2.0
 *
 * Where certificates come from: on a CA host its enrolment server, tokens and key; elsewhere a token and that server.
 */
#include <string.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "cahost/order.h"
#include "cahost/record.h"
#include "cahost/token_store.h"
#include "config/check.h"
#include "doctor/parts.h"
#include "pki/origin.h"

/* systemd holds the port for the service, which comes and goes. */
static void check_port(const struct machine *m, struct doctor_report *r)
{
	const char *address = config_is_ip(m->conf.address) ? m->conf.address : "0.0.0.0";
	unsigned int port = m->conf.enroll_port;
	struct probe_holder who;
	enum probe_port state = probe_port(address, m->conf.enroll_port, &who);

	if (state == PROBE_PORT_TAKEN &&
	    (who.pid == 0 || strcmp(who.name, "systemd") == 0 || strcmp(who.name, "etcd-cluster") == 0))
		doctor_ok(r, "enrolment_port_open", "the enrolment port %u is open", port);
	else if (state == PROBE_PORT_TAKEN)
		doctor_bad(r, ERR_CONFIG, "enrolment_port_taken",
			   "the enrolment port %u is taken by %s (process %d) -> stop %s, or set ENROLL_PORT in "
			   "cluster.conf, the same on every machine",
			   port, who.name, (int)who.pid, who.name);
	else if (state == PROBE_PORT_FREE && m->live && r->running)
		doctor_warn(r, "enrolment_port_closed",
			    "nobody listens on the enrolment port %u of this CA host, so no machine can get or renew "
			    "certificates -> etcd-cluster setup; systemctl status etcd-cluster-enroll.socket",
			    port);
	else if (state == PROBE_PORT_FREE)
		doctor_ok(r, "enrolment_port_free", "the enrolment port %u is free", port);
	/* Else doctor_ports has reported it. */
}

/* How many more machines can enrol with the tokens. */
static unsigned int tokens_left(const struct machine *m, struct doctor_report *r)
{
	auto_token_list struct token_list list = { 0 };
	unsigned int left = 0;
	struct err e = { 0 };

	if (token_store_list(m, &list, &e) < 0)
		doctor_error(r, "tokens_unreadable", &e);
	for (size_t i = 0; i < list.n; i++)
		left += token_left(&list.entries[i], m->now);
	return left;
}

/* Machines of MEMBERS that have not enrolled yet, against the tokens that they could use. */
static void check_awaited(const struct machine *m, const struct member_survey *s, struct doctor_report *r)
{
	auto_strv char **records = enroll_record_names(m, ENROLL_MACHINE), **awaited = NULL;
	auto_free char *names = NULL;
	unsigned int left = tokens_left(m, r);

	for (size_t i = 0; i < m->conf.n_members; i++) {
		const char *name = m->conf.members[i].name;

		if (strcmp(name, m->conf.name) != 0 && !doctor_listed(s, name) && !strv_has(records, name))
			strv_add(&awaited, name);
	}
	names = strv_join(awaited, ", ");
	if (strv_len(awaited) > left)
		doctor_warn(r, "tokens_missing",
			    "%s of MEMBERS have no certificates yet, and the tokens here are good for %u machines -> "
			    "etcd-cluster token new --uses %zu; or copy certificates there: etcd-cluster bundle",
			    names, left, strv_len(awaited));
	else if (left > 0)
		doctor_ok(r, "tokens_left", "the tokens here are good for %u more machines", left);
}

/* A machine that gets its certificates from a CA host. */
static void check_asking(const struct machine *m, bool none_yet, size_t servers, struct doctor_report *r)
{
	unsigned int port = m->conf.enroll_port;
	auto_token struct token token = { 0 };
	struct err e = { 0 };
	int found = token_read_file(m, &token, &e);

	if (found < 0)
		doctor_error(r, "token_unfit", &e);
	else if (found > 0)
		doctor_ok(r, "token_fit", "the enrolment token (%s) is strong and nobody else can read it", token.id);
	else if (none_yet)
		doctor_warn(r, "token_missing",
			    "this machine has neither certificates nor an enrolment token -> on the CA host: "
			    "etcd-cluster token new; write the token into %s here, mode 0600",
			    m->conf.enroll_token_file);
	if (servers > 0)
		doctor_ok(r, "ca_host_reached", "the enrolment port of a CA host can be reached");
	else
		doctor_warn(r, "ca_host_not_reached",
			    "no CA host can be reached on the enrolment port %u -> on the CA host: etcd-cluster setup; "
			    "and open TCP port %u in the firewalls between",
			    port, port);
}

/* A thief with key and address of a machine is that machine; with its key alone, it comes from elsewhere. */
static void check_sources(const struct machine *m, struct doctor_exam *x)
{
	struct err e = { 0 };

	if (enroll_records_read(m, ENROLL_MACHINE, &x->enrolled, &e) < 0 ||
	    enroll_records_read(m, ENROLL_CLIENT, &x->clients, &e) < 0)
		doctor_error(&x->report, "records_unreadable", &e);
	for (const struct enroll_record *r = x->enrolled.list; r < x->enrolled.list + x->enrolled.n; r++)
		if (visits_moved(&r->visits))
			doctor_warn(
				&x->report, "renewed_from_elsewhere",
				"%s renewed its certificates from %s on %s, and before that from %s -> if the "
				"machine has not moved: etcd-cluster remove %s; if it has, on %s: etcd-cluster cert "
				"renew --force",
				r->name, r->visits.list[0].source, clock_minute(r->visits.list[0].time).text,
				r->visits.list[1].source, r->name, r->name);
}

void doctor_ca_host(const struct machine *m, struct doctor_exam *x)
{
	const struct ca_host *h = &x->active.host;
	const struct member *one;
	auto_free char *who = NULL;
	struct err e = { 0 };

	x->has_ca = pki_origin(m) == PKI_CA;
	if (!x->has_ca)
		return;
	/* A lone member has no other CA host; and without a quorum nobody would say. */
	if (takeover_look(m, x->survey.agreed && x->survey.n > 1, &x->active, &e) < 0)
		doctor_error(&x->report, "ca_host_unknown", &e);
	if (x->active.state != ENROLL_STANDBY)
		check_sources(m, x);
	if (x->active.state != ENROLL_STANDBY || !h->name || !x->survey.agreed)
		return;
	who = ca_host_words(h);
	one = doctor_listed(&x->survey, h->name);
	if (!one || !one->answers)
		doctor_warn(&x->report, "ca_host_lost",
			    "the CA host %s %s: no machine gets or renews a certificate -> if it does not come back, "
			    "on a standby, as this machine is: etcd-cluster ca takeover",
			    who, one ? "does not answer" : "is not a member any more");
}

void doctor_ca(const struct machine *m, struct doctor_exam *x)
{
	enum pki_origin origin = pki_origin(m);
	struct doctor_report *r = &x->report;

	if (origin == PKI_ENROLLED || origin == PKI_TO_ENROLL)
		check_asking(m, origin == PKI_TO_ENROLL, x->servers, r);
	if (origin != PKI_NEW_CA && origin != PKI_CA)
		return;
	if (member_count_votes(&x->survey).all <= 1 && m->conf.n_members <= 1 && tokens_left(m, r) == 0)
		return;
	check_port(m, r);
	if (origin == PKI_CA && m->conf.role == ROLE_CLUSTER)
		check_awaited(m, &x->survey, r);
	/* "ok", because the copy may lie in a safe. */
	if (x->servers == 0)
		doctor_ok(r, "ca_copy",
			  "no other machine is a CA host: if this one is lost, no certificate can be renewed and no "
			  "machine can join -> keep a copy of the CA: etcd-cluster ca export --passphrase-file FILE "
			  "TO; on a second CA host: etcd-cluster ca import");
}
