/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/common.h"

#include <inttypes.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "base/log.h"
#include "cahost/active.h"
#include "cahost/record.h"
#include "cahost/revoke.h"
#include "cahost/token_store.h"
#include "doctor/examine.h"
#include "enroll/client.h"
#include "enroll/token.h"
#include "flow/certify.h"
#include "member/env.h"
#include "pki/crl.h"
#include "pki/origin.h"
#include "pki/pair.h"
#include "release/release.h"
#include "service/service.h"

#define ASK_MS	3000
#define LOOK_MS 100

int common_survey(const struct machine *m, struct member_survey *s, struct err *e)
{
	if (member_survey(m, ASK_MS, s, e) < 0)
		return -1;
	if (s->agreed)
		return 0;
	(void)err_set(
		e, ERR_HEALTH,
		"no voting member that answers has a quorum, so nobody can agree to a removal; nothing was removed or "
		"moved");
	return err_hint(
		e, "start etcd on the machines that are down (etcd-cluster status shows them); if they are lost "
		   "for ever: etcd-cluster restore --force-new-cluster CLUSTER_ID, on a machine that has its data");
}

int common_write_env(const struct machine *m, struct err *e)
{
	struct release release cleanup(release_free) = { 0 };
	auto_strv char **options = NULL;
	auto_free char *peer_cn = NULL;
	int rc = release_current(m, &release, e);

	if (rc <= 0)
		return rc; /* none yet: a dry run, or the release is pending */
	peer_cn = pki_peer_cn(m, e);
	if (!peer_cn)
		return m->dry_run ? 0 : -1; /* a dry run issued none */
	if (release_options(&release, &options, e) < 0)
		return -1;
	return env_ensure(m, &(struct env_input){ .version = release.version, .options = options, .peer_cn = peer_cn },
			  e);
}

int common_stop(const struct machine *m, unsigned int seconds, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	const long long end = clock_ms() + 1000LL * seconds;
	pid_t pid;

	if (service_stop(m, e) < 0)
		return -1;
	while (!m->dry_run && (pid = probe_etcd(data, NULL)) != 0) {
		if (clock_ms() >= end) {
			(void)err_set(e, seconds > 0 ? ERR_FAIL : ERR_CONFIG, "process %d runs etcd on %s", (int)pid,
				      data);
			return err_hint(e, "end it with SIGTERM, which lets it write all that it knows to disk; then "
					   "run this again");
		}
		clock_sleep(LOOK_MS);
	}
	return 0;
}

int common_forget(const struct machine *m, const char *name, uint64_t id, struct err *e)
{
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	auto_close int lock = -1;

	if (!file_exists(m->at.enroll) || !*name)
		return 0;
	lock = token_store_lock(m, e);
	if (lock < 0 || enroll_record_read(m, ENROLL_MACHINE, name, &r, e) < 0)
		return -1;
	/* The machine that takes the place of the removed one may have its certificates already. */
	if (r.not_member == id || (r.member != 0 && r.member != id))
		return 0;
	return enroll_machine_bury(m, name, e) < 0 || enroll_list_update(m, e) < 0 ? -1 : 0;
}

/* The list, if one came, takes the place of that of this machine. What is wrong with it is no matter of the asker. */
static int take(const struct machine *m, const struct buf *list)
{
	struct err unfit = { 0 };
	int rc = list->len > 0 ? pki_crl_take(m, list, &unfit) : 0;

	if (rc < 0)
		log_error(LOG_WARNING, &unfit);
	return rc > 0;
}

int common_revocations(const struct machine *m, struct err *e)
{
	auto_active struct enroll_active who = { 0 };
	auto_buf struct buf list = { 0 };
	const enum pki_origin origin = pki_origin(m);

	if (m->dry_run)
		return 0;
	if (origin == PKI_CA) {
		int rc = enroll_revoke(m, e);

		if (rc < 0 || active_read(m, &who, e) < 0)
			return -1;
		if (who.state != ENROLL_STANDBY)
			return rc;
	} else if (origin != PKI_ENROLLED)
		return 0;
	if (enroll_ask_list(m, &list, e) == ENROLL_KEY_UNKNOWN && e->class != ERR_NONE && list.len == 0)
		return -1;
	err_clear(e);
	return take(m, &list);
}

void common_revoke(const struct machine *m, const struct member_survey *s, const struct member *gone)
{
	const enum pki_origin origin = pki_origin(m);
	auto_strv char **lacking = NULL;
	auto_free char *names = NULL;
	struct err e = { 0 };
	int64_t newest;

	if (origin != PKI_CA && origin != PKI_ENROLLED)
		return;
	if (common_revocations(m, &e) < 0) {
		log_warn("revocation pending: the certificates of %s are revoked when the CA host learns of its "
			 "removal, "
			 "within a minute of its start: %s",
			 gone->name, e.msg);
		return;
	}
	/* Its own etcd ends now: the members that stay know. */
	if (gone->here) {
		log_info("revocation pending: etcd-cluster status on another member shows those that are to restart "
			 "etcd "
			 "until the certificates of this machine are refused everywhere");
		return;
	}
	if (doctor_unrevoked(m, s, gone->id, &lacking, &newest, &e) <= 0 || !lacking)
		return;
	names = strv_join(lacking, ", ");
	log_warn("revocation pending: revocation list %" PRId64
		 " is not in force on %s; on each of them, one after the other: systemctl restart etcd",
		 newest, names);
}

int common_need_token(const struct machine *m, const char *why, const char *again, struct err *e)
{
	const struct config *c = &m->conf;
	auto_token struct token token = { 0 };

	if (token_read_file(m, &token, e) < 0)
		return -1;
	if (token.id[0] != '\0')
		return 0;
	(void)err_set(e, ERR_CONFIG, "this machine needs new keys: %s", why);
	e->hint[0] = '\0';
	return err_hint(
		e,
		"on the CA host: etcd-cluster token new --name %s --address %s; put the token into %s (mode 0600) "
		"here, then: %s",
		c->name, c->address, c->enroll_token_file, again);
}

int common_fresh_keys(const struct machine *m, bool must_know, const char *again, struct err *e)
{
	auto_buf struct buf list = { 0 };
	auto_free char *why = NULL;

	if (pki_origin(m) != PKI_ENROLLED)
		return 0;
	switch (enroll_ask_list(m, &list, e)) {
	case ENROLL_KEY_FREE:
		(void)take(m, &list);
		return 0;
	case ENROLL_KEY_UNKNOWN:
		if (e->class == ERR_NONE && !must_know)
			return 0;
		if (e->class != ERR_NONE) {
			e->class = ERR_PENDING;
			return err_wrap(e, "no CA host says whether the keys of this machine may become a member's");
		}
		break;
	case ENROLL_KEY_USED:
	case ENROLL_KEY_REFUSED:
		break;
	}
	why = xstrdup(e->class != ERR_NONE ? e->msg : "those that it has end with the member that it was");
	err_clear(e);
	if (common_need_token(m, why, again, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would enrol with new keys and the token of %s", m->conf.enroll_token_file);
		return 1;
	}
	return certify_anew(m, e) < 0 ? -1 : 1;
}
