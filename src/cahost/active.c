/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/active.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "cahost/token_store.h"
#include "member/endpoint.h"
#include "pki/origin.h"

#define WRITE_MS 5000

bool enroll_list_names_other(const struct enroll_list *l)
{
	return l->host.name && !ca_host_is(&l->host, &l->self);
}

void active_free(struct enroll_active *a)
{
	ca_host_free(&a->host);
	*a = (struct enroll_active){ 0 };
}

/* --- The file: STATE=standby or claimed. Without it this machine may sign, unless etcd names another one. */

static char *path_of(const struct machine *m)
{
	return xasprintf("%s/ca-host", m->at.enroll);
}

bool active_is_noted(const struct machine *m)
{
	auto_free char *path = path_of(m);

	return file_exists(path);
}

int active_read(const struct machine *m, struct enroll_active *a, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	auto_free char *path = path_of(m);
	const char *state;

	*a = (struct enroll_active){ 0 };
	if (keyfile_read(path, &k, e) < 0)
		return err_absent(e);
	state = keyfile_get(&k, "STATE");
	/* What cannot be understood must not sign. */
	a->state = state && strcmp(state, "claimed") == 0 ? ENROLL_CLAIMED : ENROLL_STANDBY;
	a->host.name = keyfile_copy(&k, "NAME");
	a->host.server = keyfile_copy(&k, "SERVER");
	if (!keyfile_time(&k, "COPY", &a->copy))
		a->copy = 0;
	return 1;
}

int active_check(const struct ca_host *standby, const char *name, struct err *e)
{
	auto_free char *who = standby ? ca_host_words(standby) : NULL;

	if (!who)
		return 0;
	(void)err_set(e, ERR_PENDING, "%s is a standby, and %s is the CA host", name, who);
	return err_hint(e, "ask the CA host; if it is lost, on %s: etcd-cluster ca takeover", name);
}

static int put(const struct machine *m, const struct enroll_active *a, struct err *e)
{
	auto_free char *path = path_of(m);
	auto_buf struct buf text = { 0 };

	buf_printf(&text, "# Which machine signs for the others; etcd-cluster ca takeover changes it.\nSTATE=%s\n",
		   a->state == ENROLL_CLAIMED ? "claimed" : "standby");
	if (keyfile_put(&text, "NAME", a->host.name, e) < 0 || keyfile_put(&text, "SERVER", a->host.server, e) < 0)
		return -1;
	if (a->copy != 0)
		buf_printf(&text, "COPY=%lld\n", (long long)a->copy);
	return machine_write(m, path, FILE_MODE(0600), &text, e);
}

static int drop(const struct machine *m, struct err *e)
{
	auto_free char *path = path_of(m);

	return file_wipe(path, e);
}

static void copy_host(const struct ca_host *from, struct ca_host *to)
{
	ca_host_free(to);
	*to = (struct ca_host){ .name = xstrdup(from->name), .server = xstrdup(from->server) };
}

int active_imported(const struct machine *m, const struct enroll_list *l, bool new_key, time_t exported, struct err *e)
{
	auto_active struct enroll_active a = { 0 };
	auto_free char *who = NULL;
	struct err unread = { 0 };

	if (active_read(m, &a, e) < 0)
		return -1;
	if (a.state == ENROLL_OPEN && (!new_key || config_makes_ca(&m->conf)))
		return 0;
	if (a.state == ENROLL_OPEN) {
		if (enroll_list_names_other(l))
			copy_host(&l->host, &a.host);
		else if (pki_host_read(m, &a.host.server, &unread) < 0)
			log_debug("%s", unread.msg);
		who = ca_host_words(&a.host);
		log_info("%s is the CA host: this machine is a standby, and signs for no other one before "
			 "etcd-cluster ca takeover",
			 who);
		a.state = ENROLL_STANDBY;
	}
	a.copy = exported ? exported : m->now;
	return put(m, &a, e) < 0 ? -1 : 1;
}

/* --- etcd. */

/* Records this machine, or asks whether it still is recorded. ERR_PENDING: somebody has changed that since. */
static int settle(const struct machine *m, const struct enroll_list *l, bool record, struct err *e)
{
	auto_free char *url = endpoint_own(m);
	auto_grpc struct grpc *g = endpoint_open(m, url, 0, WRITE_MS, e);
	int rc = -1;

	if (g)
		rc = record ? ca_host_put(g, &l->self, l->host_revision, e) : ca_host_same(g, l->host_revision, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	(void)err_set(e, ERR_PENDING, "another CA host has just been recorded in etcd");
	return err_hint(e, "etcd-cluster status, on the CA hosts, shows which");
}

static int record_self(const struct machine *m, struct enroll_list *l, struct err *e)
{
	if (settle(m, l, true, e) < 0)
		return -1;
	ca_host_free(&l->host);
	ca_host_self(&m->conf, l->self.cluster, l->self.member, &l->host);
	l->host_revision = -1;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool active_claims(const struct enroll_active *a, const struct enroll_list *l)
{
	if (a->state != ENROLL_CLAIMED)
		return false;
	return !enroll_list_names_other(l) || (!a->host.name && !a->host.server) ||
	       same_text(a->host.name, l->host.name) || same_text(a->host.server, l->host.server);
}

int active_learn(const struct machine *m, struct enroll_list *l, struct err *e)
{
	auto_active struct enroll_active a = { 0 };

	if (!l->agreed || m->dry_run)
		return 0;
	if (active_read(m, &a, e) < 0)
		return -1;
	if (active_claims(&a, l))
		return record_self(m, l, e) < 0 || drop(m, e) < 0 ? -1 : 1;
	if (!enroll_list_names_other(l) || (a.state == ENROLL_STANDBY && same_text(a.host.name, l->host.name) &&
					    same_text(a.host.server, l->host.server)))
		return 0;
	if (a.state != ENROLL_STANDBY) {
		auto_free char *who = ca_host_words(&l->host);

		log_warn("%s is the CA host now: this machine is a standby, and signs for no other machine", who);
	}
	a.state = ENROLL_STANDBY;
	copy_host(&l->host, &a.host);
	return put(m, &a, e) < 0 ? -1 : 1;
}

int active_confirm(const struct machine *m, const struct enroll_list *l, struct err *e)
{
	const bool recorded =
		l->host.name && strcmp(l->host.server, l->self.server) == 0 && l->host.member == l->self.member;

	/* A lone member has no other CA host, and unused.h recognises an unused cluster by its revision. */
	if (!l->agreed || l->host_revision < 0 || (l->members.n < 2 && !recorded))
		return 0;
	return settle(m, l, !recorded, e);
}

/* --- The takeover. */

static int no_quorum(const struct enroll_active *a, struct err *e)
{
	auto_free char *who = ca_host_words(&a->host);

	(void)err_set(e, ERR_HEALTH, "no quorum can record that this machine is the CA host in place of %s", who);
	return err_hint(e, "start etcd on the machines that are down; if the former CA host is off or cut off from all "
			   "others, and stays so: etcd-cluster ca takeover --ca-host-fenced");
}

/* The records of a copy end with the day on which it was made. */
static void warn_of_copy(const struct enroll_active *a)
{
	if (a->copy == 0)
		return;
	log_warn("the records here are of an export of %s: a machine that got its key later, and is not in MEMBERS, "
		 "needs a token to renew; if the former CA host still runs: etcd-cluster ca export there, and ca "
		 "import here",
		 clock_minute(a->copy).text);
}

int active_take(const struct machine *m, struct enroll_list *l, bool fenced, struct err *e)
{
	auto_active struct enroll_active a = { 0 };

	if (active_read(m, &a, e) < 0)
		return -1;
	if (l->agreed ? a.state == ENROLL_OPEN && l->host.name && !enroll_list_names_other(l)
		      : a.state == ENROLL_CLAIMED)
		return 0;
	if (!l->agreed && !fenced)
		return no_quorum(&a, e);
	if (m->dry_run) {
		log_info("would make this machine the CA host");
		return 1;
	}
	if (l->agreed) {
		if (record_self(m, l, e) < 0 || drop(m, e) < 0)
			return -1;
	} else {
		a.state = ENROLL_CLAIMED;
		if (put(m, &a, e) < 0)
			return -1;
	}
	log_info("this machine is the CA host now%s", l->agreed ? "" : "; etcd learns it when there is a quorum");
	warn_of_copy(&a);
	return 1;
}
