/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/server.h"

#include "enroll/record.h"
#include "enroll/token_store.h"
#include "member/forming.h"
#include "service/service.h"

/* Whether anybody may come to this CA host. */
static int expected(const struct machine *m, struct err *e)
{
	auto_strv char **enrolled = enroll_record_names(m);
	auto_token_list struct token_list tokens = { 0 };

	/* A second CA host may have served nobody yet. */
	if (m->conf.role == ROLE_JOIN || (m->conf.role == ROLE_CLUSTER && m->conf.n_members > 1))
		return 1;
	return token_store_list(m, &tokens, e) < 0 ? -1 : enrolled || tokens.n > 0;
}

static int sweep(const struct machine *m, struct err *e)
{
	auto_close int lock = -1;

	if (m->dry_run || !file_exists(m->at.enroll))
		return 0;
	lock = token_store_lock(m, e);
	return lock < 0 ? -1 : token_store_sweep(m, e);
}

int enroll_open(const struct machine *m, struct err *e)
{
	auto_free char *cert = machine_pki_path(m, "ca", "crt"), *key = machine_pki_path(m, "ca", "key");
	const bool signs = m->conf.role != ROLE_NONE && file_exists(cert) && file_exists(key);
	const bool gathers = forming_gathers(m); /* before there is a CA, and where certificates were copied */
	int formed = 0, open = gathers, changed;

	if (signs || gathers) {
		if (m->conf.role == ROLE_CLUSTER)
			formed = token_store_form(m, gathers, e);
		if (formed < 0 || sweep(m, e) < 0)
			return -1;
	}
	if (signs && !open)
		open = expected(m, e);
	/* The unit may write to the directories only if they are there. */
	if (open < 0 ||
	    (open && !m->dry_run &&
	     (file_mkdirs(m->at.enroll, FILE_MODE(0700), e) < 0 || file_mkdirs(m->at.run, FILE_MODE(0755), e) < 0)))
		return -1;
	changed = service_enroll_port(m, open, e);
	return changed < 0 ? -1 : formed || changed;
}
