/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/form_first.h"

#include <string.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "base/log.h"
#include "pki/pair.h"

/* How long one run waits for reports, looking this often; then others get the lock. */
#define HOLD_MS 3000
#define LOOK_MS 20

/* A machine that runs etcd accepts a connection at once. */
#define AROUND_MS 300

/* Other members dial a peer that they miss ten times a second (etcd, rafthttp: a retry after 100 ms). */
#define CALLERS_MS 500

int form_ca(const struct machine *m, char **fingerprint, struct err *e)
{
	auto_pair struct pki_pair ca = { 0 };

	*fingerprint = NULL;
	if (pki_pair_load(m, "ca", false, &ca, e) < 0)
		return -1;
	if (ca.cert)
		*fingerprint = x509_spki_fingerprint(ca.cert);
	return ca.cert != NULL;
}

int form_wait(const struct setup_run *r, const char *why, struct err *e)
{
	(void)err_set(e, ERR_PENDING, "the cluster is not formed yet: %s", why);
	return err_hint(e,
			"all %zu machines of MEMBERS must run setup with the same lines in %s; etcd-cluster status on "
			"each of them shows what it waits for",
			r->m->conf.n_members, r->m->at.conf);
}

int form_wait_for_others(const struct setup_run *r, const char *why, struct err *e)
{
	const struct config *c = &r->m->conf;
	auto_strv char **addresses = NULL;
	const char *found;

	for (size_t i = 0; i < c->n_members; i++)
		if (strcmp(c->members[i].name, c->name) != 0)
			strv_add(&addresses, c->members[i].address);
	found = addresses ? probe_listening(addresses, c->peer_port, AROUND_MS) : NULL;
	if (!found)
		return form_wait(r, why, e);
	(void)err_set(e, ERR_PENDING, "the cluster is not formed yet: %s; but %s answers on port %u", why, found,
		      (unsigned int)c->peer_port);
	return err_hint(e,
			"if a cluster runs there and this machine was rebuilt: etcd-cluster replace; if it was left by "
			"a former cluster: stop the etcd there");
}

/* One look at the reports. */
static enum form_move look(const struct setup_run *r, const char *ca, struct buf *why, char **disks, struct err *e)
{
	struct form_self self cleanup(form_self_free) = { .name = NULL };
	auto_report_list struct report_list heard = { 0 };

	form_self_fill(r->m, &self);
	self.disk = r->disk;
	self.record = r->has_record ? &r->record : NULL;
	self.ca = ca ? xstrdup(ca) : NULL;
	if (report_read(r->m, &heard, e) < 0)
		return FORM_NOTHING;
	if (disks)
		*disks = form_disks(&self, &heard);
	return form_first(&self, &heard, why);
}

static int check_callers(const struct setup_run *r, struct err *e)
{
	const struct config *c = &r->m->conf;
	auto_free char *caller = NULL;

	if (!r->m->live || config_is_loopback(c->address))
		return 0;
	caller = probe_callers(config_is_ip(c->address) ? c->address : "::", c->peer_port, CALLERS_MS);
	if (!caller)
		return 0;
	(void)err_set(e, ERR_PENDING,
		      "%s dials port %u of this machine, so a cluster seems to have it as a member, and it has no data",
		      caller, (unsigned int)c->peer_port);
	return err_hint(e,
			"if it was rebuilt: write ROLE=cluster with all MEMBERS into %s and type: etcd-cluster "
			"replace; else stop the etcd on %s",
			r->m->at.conf, caller);
}

int form_first_agree(struct setup_run *r, struct err *e)
{
	const long long end = clock_ms() + (r->m->conf.n_members > 1 && (r->m->live || r->how->wait) ? HOLD_MS : 0);
	auto_free char *ca = NULL;
	auto_buf struct buf why = { 0 };

	if (form_ca(r->m, &ca, e) < 0)
		return -1;
	if (r->m->conf.n_members < 2 && !r->has_record && check_callers(r, e) < 0)
		return -1;
	while ((r->form = look(r, ca, &why, NULL, e)) == FORM_WAIT && clock_ms() < end) {
		buf_free(&why);
		clock_sleep(LOOK_MS);
	}
	if (r->form == FORM_WAIT)
		return form_wait_for_others(r, buf_str(&why), e);
	return r->form == FORM_NOTHING ? -1 : 0;
}

/* A new record with the disks of now. 0, -1. */
static int offer(struct setup_run *r, const char *ca, const char *disks, struct err *e)
{
	char nonce[DISK_ID_HEX];

	disk_new_id(nonce);
	forming_free(&r->record);
	r->record = (struct forming){ .state = FORMING_OFFERED,
				      .nonce = xstrdup(nonce),
				      .members = forming_members(&r->m->conf),
				      .disks = xstrdup(disks),
				      .ports = forming_ports(&r->m->conf),
				      .token = xstrdup(r->m->conf.cluster_token),
				      .ca = xstrdup(ca) };
	r->has_record = true;
	if (forming_write(r->m, &r->record, e) < 0)
		return -1;
	log_info("the record of the cluster is offered to all of MEMBERS");
	return 0;
}

static int commit(struct setup_run *r, struct err *e)
{
	r->record.state = FORMING_COMMITTED;
	if (forming_write(r->m, &r->record, e) < 0)
		return -1;
	log_info("all of MEMBERS have accepted the record of the cluster");
	r->form = FORM_START;
	return 1;
}

int form_first_commit(struct setup_run *r, struct err *e)
{
	const long long end = clock_ms() + HOLD_MS;
	auto_free char *ca = NULL;
	int rc = form_ca(r->m, &ca, e);

	if (rc <= 0)
		return rc < 0 ? -1 : err_set(e, ERR_FAIL, "%s has no ca.crt", r->m->at.pki);
	for (;;) {
		auto_buf struct buf why = { 0 };
		auto_free char *disks = NULL;

		r->form = look(r, ca, &why, &disks, e);
		if (r->form == FORM_NOTHING)
			return -1;
		if (r->form == FORM_COMMIT)
			return commit(r, e);
		if (r->form == FORM_OFFER && offer(r, ca, disks, e) < 0)
			return -1;
		if (r->form == FORM_OFFER && r->m->conf.n_members < 2)
			continue;
		if (r->form == FORM_WAIT)
			return form_wait(r, buf_str(&why), e);
		if (clock_ms() >= end)
			return form_wait(r, "not all of MEMBERS have accepted the record that is offered", e);
		clock_sleep(LOOK_MS);
	}
}
