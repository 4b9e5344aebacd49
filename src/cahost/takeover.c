/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/takeover.h"

#include "cahost/facts.h"
#include "cahost/server.h"
#include "cahost/token_store.h"
#include "pki/origin.h"

/* What was removed meanwhile is refused from the first request on. */
static int take(const struct machine *m, struct enroll_list *l, bool fenced, struct err *e)
{
	auto_close int lock = m->dry_run ? -1 : token_store_lock(m, e);
	int rc = lock < 0 && !m->dry_run ? -1 : active_take(m, l, fenced, e);

	return rc > 0 && !m->dry_run && enroll_learn(m, l, e) < 0 ? -1 : rc;
}

int takeover_run(const struct machine *m, bool fenced, struct err *e)
{
	cleanup(enroll_list_free) struct enroll_list list = { 0 };
	int taken, opened;

	if (pki_origin(m) != PKI_CA) {
		(void)err_set(e, ERR_CONFIG, "%s/ca.key is missing, so this machine cannot be the CA host", m->at.pki);
		return err_hint(e, "etcd-cluster ca import FILE; the file is one that etcd-cluster ca export made");
	}
	enroll_list_ask(m, &list);
	taken = take(m, &list, fenced, e);
	opened = taken < 0 ? -1 : enroll_open(m, e);
	return opened < 0 ? -1 : taken || opened;
}

int takeover_imported(const struct machine *m, bool new_key, time_t exported, struct err *e)
{
	cleanup(enroll_list_free) struct enroll_list list = { 0 };
	auto_close int lock = -1;

	enroll_list_ask(m, &list);
	lock = token_store_lock(m, e);
	return lock < 0 ? -1 : active_imported(m, &list, new_key, exported, e);
}

int takeover_look(const struct machine *m, bool ask, struct enroll_active *a, struct err *e)
{
	cleanup(enroll_list_free) struct enroll_list list = { 0 };

	if (active_read(m, a, e) < 0)
		return -1;
	if (ask)
		enroll_list_ask(m, &list);
	if (active_claims(a, &list) || !enroll_list_names_other(&list))
		return 0;
	ca_host_free(&a->host);
	a->host = list.host;
	list.host = (struct ca_host){ 0 };
	a->state = ENROLL_STANDBY;
	return 0;
}
