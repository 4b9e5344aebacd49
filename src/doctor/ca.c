/* SPDX-License-Identifier: Apache-2.0
 *
 * Where certificates come from: on a CA host the door, its tokens and the one key; on another machine its own token and the way to the door.
 */
#include <string.h>
#include <sys/stat.h>

#include "adapter/probe.h"
#include "base/mem.h"
#include "doctor/parts.h"
#include "enroll/record.h"
#include "enroll/token_store.h"
#include "pki/origin.h"

static bool has_others(const struct machine *m, const struct member_survey *s)
{
	return member_count_votes(s).all > 1 || m->conf.n_members > 1;
}

/* The port of the door; systemd holds it for the service, which comes and goes. */
static void check_door(const struct machine *m, struct check_report *r)
{
	const char *address = config_is_ip(m->conf.address) ? m->conf.address : "0.0.0.0";
	unsigned int port = m->conf.enroll_port;
	struct probe_holder who;

	switch (probe_port(address, m->conf.enroll_port, &who)) {
	case PROBE_PORT_TAKEN:
		if (who.pid == 0 || strcmp(who.name, "systemd") == 0 || strcmp(who.name, "etcd-cluster") == 0)
			check_ok(r, "the enrolment port %u is open", port);
		else
			check_fix(check_bad(r, ERR_CONFIG, "the enrolment port %u is taken by %s (process %d)", port,
					    who.name, (int)who.pid),
				  "stop %s, or set ENROLL_PORT in cluster.conf, the same on every machine", who.name);
		return;
	case PROBE_PORT_FREE:
		if (m->live && r->running)
			check_fix(check_warn(r,
					     "nobody listens on the enrolment port %u of this CA host: no machine can "
					     "get or renew certificates",
					     port),
				  "etcd-cluster setup; systemctl status etcd-cluster-enroll.socket");
		else
			check_ok(r, "the enrolment port %u is free", port);
		return;
	case PROBE_PORT_NOT_LOCAL:
	case PROBE_PORT_REFUSED:
		return; /* check_ports has told it */
	}
}

/* For how many machines the tokens will still do. */
static unsigned int tokens_left(const struct machine *m, struct check_report *r)
{
	struct token_entry *list = NULL;
	unsigned int left = 0;
	struct err e = { 0 };
	size_t n = 0;

	if (token_store_list(m, &list, &n, &e) < 0)
		check_error(r, &e);
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
static void check_awaited(const struct machine *m, const struct member_survey *s, struct check_report *r)
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
		check_fix(check_warn(r, "%s of MEMBERS got no certificates yet, and the tokens here do for %u machines",
				     buf_str(&awaited), left),
			  "etcd-cluster token new --uses %u; or copy certificates there: etcd-cluster bundle", n);
	else if (left > 0)
		check_ok(r, "the tokens here do for %u more machines", left);
}

/* What a lost machine would take with it. Advice, no fault: the copy may lie in a safe. */
static void advise_copy(size_t doors, struct check_report *r)
{
	if (doors > 0)
		return;
	check_fix(check_add(r, CHECK_OK, ERR_NONE,
			    "no other machine is a CA host: should this one be lost, nobody can renew or join"),
		  "keep a copy of the CA: etcd-cluster ca export --passphrase-file FILE TO; on a second CA host: "
		  "etcd-cluster ca import");
}

/* A machine that asks for its certificates, or renews them there. */
static void check_asking(const struct machine *m, bool none_yet, size_t doors, struct check_report *r)
{
	struct token token cleanup(token_forget) = { 0 };
	struct err e = { 0 };
	int found = token_read_file(m, &token, &e);

	if (found < 0)
		check_error(r, &e);
	else if (found > 0)
		check_ok(r, "the enrolment token (%s) is strong and nobody else can read it", token.id);
	else if (none_yet)
		check_fix(check_warn(r, "this machine has neither certificates nor an enrolment token"),
			  "on the CA host: etcd-cluster token new; write what it prints into %s here, mode 0600",
			  m->conf.enroll_token_file);
	if (doors > 0)
		check_ok(r, "the enrolment port of a CA host can be reached");
	else
		check_fix(check_warn(r, "no CA host can be reached on the enrolment port %u",
				     (unsigned int)m->conf.enroll_port),
			  "on the CA host: etcd-cluster setup, and open TCP port %u on the way there",
			  (unsigned int)m->conf.enroll_port);
}

void check_ca(const struct machine *m, const struct member_survey *s, size_t doors, struct check_report *r)
{
	enum pki_origin origin = pki_origin(m);

	switch (origin) {
	case PKI_NEW_CA:
	case PKI_CA:
		if (!has_others(m, s) && tokens_left(m, r) == 0)
			return;
		check_door(m, r);
		if (origin == PKI_CA && m->conf.role == ROLE_CLUSTER)
			check_awaited(m, s, r);
		advise_copy(doors, r);
		return;
	case PKI_ENROLLED:
	case PKI_TO_ENROLL:
		check_asking(m, origin == PKI_TO_ENROLL, doors, r);
		return;
	case PKI_COPIED:
		return;
	}
}
