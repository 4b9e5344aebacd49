/* SPDX-License-Identifier: Apache-2.0
 *
 * Where certificates come from: on a CA host the enrolment server, its tokens and the one key; elsewhere a token and the way to that server.
 */
#include <string.h>
#include <sys/stat.h>

#include "adapter/probe.h"
#include "base/mem.h"
#include "config/check.h"
#include "doctor/parts.h"
#include "enroll/record.h"
#include "enroll/token_store.h"
#include "pki/origin.h"

static bool has_others(const struct machine *m, const struct member_survey *s)
{
	return member_count_votes(s).all > 1 || m->conf.n_members > 1;
}

/* systemd holds the port for the service, which comes and goes. */
static void check_port(const struct machine *m, struct doctor_report *r)
{
	const char *address = config_is_ip(m->conf.address) ? m->conf.address : "0.0.0.0";
	unsigned int port = m->conf.enroll_port;
	struct probe_holder who;

	switch (probe_port(address, m->conf.enroll_port, &who)) {
	case PROBE_PORT_TAKEN:
		if (who.pid == 0 || strcmp(who.name, "systemd") == 0 || strcmp(who.name, "etcd-cluster") == 0)
			doctor_ok(r, "the enrolment port %u is open", port);
		else
			doctor_fix(doctor_bad(r, ERR_CONFIG, "the enrolment port %u is taken by %s (process %d)", port,
					      who.name, (int)who.pid),
				   "stop %s, or set ENROLL_PORT in cluster.conf, the same on every machine", who.name);
		return;
	case PROBE_PORT_FREE:
		if (m->live && r->running)
			doctor_fix(
				doctor_warn(r,
					    "nobody listens on the enrolment port %u of this CA host: no machine can "
					    "get or renew certificates",
					    port),
				"etcd-cluster setup; systemctl status etcd-cluster-enroll.socket");
		else
			doctor_ok(r, "the enrolment port %u is free", port);
		return;
	case PROBE_PORT_NOT_LOCAL:
	case PROBE_PORT_REFUSED:
		return; /* doctor_ports has reported it */
	}
}

/* For how many machines the tokens will still do. */
static unsigned int tokens_left(const struct machine *m, struct doctor_report *r)
{
	struct token_entry *list = NULL;
	unsigned int left = 0;
	struct err e = { 0 };
	size_t n = 0;

	if (token_store_list(m, &list, &n, &e) < 0)
		doctor_error(r, &e);
	for (size_t i = 0; i < n; i++)
		left += token_left(&list[i], m->now);
	token_list_free(list, n);
	return left;
}

static bool is_listed(const struct member_survey *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].listed && strcmp(s->list[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Machines of MEMBERS that still have to ask, and nothing that they could show. */
static void check_awaited(const struct machine *m, const struct member_survey *s, struct doctor_report *r)
{
	auto_strv char **records = enroll_record_names(m);
	auto_buf struct buf awaited = { 0 };
	unsigned int n = 0, left;

	for (size_t i = 0; i < m->conf.n_members; i++) {
		const char *name = m->conf.members[i].name;
		bool known = strcmp(name, m->conf.name) == 0 || is_listed(s, name);

		for (size_t k = 0; records && records[k] && !known; k++)
			known = strcmp(records[k], name) == 0;
		if (!known)
			buf_printf(&awaited, "%s%s", n++ ? ", " : "", name);
	}
	left = tokens_left(m, r);
	if (n > left)
		doctor_fix(doctor_warn(r,
				       "%s of MEMBERS got no certificates yet, and the tokens here do for %u machines",
				       buf_str(&awaited), left),
			   "etcd-cluster token new --uses %u; or copy certificates there: etcd-cluster bundle", n);
	else if (left > 0)
		doctor_ok(r, "the tokens here do for %u more machines", left);
}

/* What a lost machine would take with it. Advice, no fault: the copy may lie in a safe. */
static void advise_copy(size_t servers, struct doctor_report *r)
{
	if (servers > 0)
		return;
	doctor_fix(doctor_add(r, DOCTOR_OK, ERR_NONE,
			      "no other machine is a CA host: should this one be lost, nobody can renew or join"),
		   "keep a copy of the CA: etcd-cluster ca export --passphrase-file FILE TO; on a second CA host: "
		   "etcd-cluster ca import");
}

/* A machine that asks for its certificates, or renews them there. */
static void check_asking(const struct machine *m, bool none_yet, size_t servers, struct doctor_report *r)
{
	struct token token cleanup(token_forget) = { 0 };
	struct err e = { 0 };
	int found = token_read_file(m, &token, &e);

	if (found < 0)
		doctor_error(r, &e);
	else if (found > 0)
		doctor_ok(r, "the enrolment token (%s) is strong and nobody else can read it", token.id);
	else if (none_yet)
		doctor_fix(doctor_warn(r, "this machine has neither certificates nor an enrolment token"),
			   "on the CA host: etcd-cluster token new; write what it prints into %s here, mode 0600",
			   m->conf.enroll_token_file);
	if (servers > 0)
		doctor_ok(r, "the enrolment port of a CA host can be reached");
	else
		doctor_fix(doctor_warn(r, "no CA host can be reached on the enrolment port %u",
				       (unsigned int)m->conf.enroll_port),
			   "on the CA host: etcd-cluster setup, and open TCP port %u on the way there",
			   (unsigned int)m->conf.enroll_port);
}

void doctor_ca(const struct machine *m, const struct member_survey *s, size_t servers, struct doctor_report *r)
{
	enum pki_origin origin = pki_origin(m);

	switch (origin) {
	case PKI_NEW_CA:
	case PKI_CA:
		if (!has_others(m, s) && tokens_left(m, r) == 0)
			return;
		check_port(m, r);
		if (origin == PKI_CA && m->conf.role == ROLE_CLUSTER)
			check_awaited(m, s, r);
		advise_copy(servers, r);
		return;
	case PKI_ENROLLED:
	case PKI_TO_ENROLL:
		check_asking(m, origin == PKI_TO_ENROLL, servers, r);
		return;
	case PKI_COPIED:
		return;
	}
}
