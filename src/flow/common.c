/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/common.h"

#include "adapter/probe.h"
#include "base/clock.h"
#include "cahost/record.h"
#include "cahost/token_store.h"
#include "member/env.h"
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
	if (lock < 0 || enroll_record_read(m, name, &r, e) < 0)
		return -1;
	/* The machine that takes the place of the removed one may have its certificates already. */
	if (r.not_member == id || (r.member != 0 && r.member != id))
		return 0;
	return enroll_record_bury(m, name, e) < 0 ? -1 : 0;
}
