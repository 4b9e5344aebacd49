/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/load.h"
#include "doctor/parts.h"
#include "member/datadir.h"
#include "member/env.h"
#include "pki/check.h"
#include "pki/list.h"
#include "pki/pair.h"
#include "release/digests.h"
#include "release/release.h"

void doctor_release(const struct machine *m, struct doctor_report *r)
{
	struct release now = { 0 };
	struct err e = { 0 };
	int found = release_current(m, &now, &e);
	const char *bad = found > 0 ? version_known_bad(now.version) : NULL;
	auto_free char *etcd = found > 0 ? xasprintf("%s/etcd", now.dir) : NULL;

	if (found < 0) {
		doctor_error(r, &e);
	} else if (found == 0) {
		doctor_fix(doctor_bad(r, ERR_CONFIG, "no etcd release is installed"), "etcd-cluster setup");
	} else if (access(etcd, X_OK) < 0) {
		doctor_fix(doctor_bad(r, ERR_CONFIG, "%s cannot be run", etcd), "etcd-cluster setup");
	} else if (bad) {
		doctor_fix(doctor_bad(r, ERR_VERIFY, "etcd " VERSION_FMT " must not be run: %s",
				      VERSION_ARGS(now.version), bad),
			   "etcd-cluster release install VERSION, then etcd-cluster release use VERSION");
	} else {
		doctor_ok(r, "etcd " VERSION_FMT " is installed (%s)", VERSION_ARGS(now.version), now.name);
	}
	release_free(&now);
}

void doctor_pki(const struct machine *m, struct doctor_report *r)
{
	struct err e = { 0 };

	if (pki_check_start(m, &e) < 0)
		doctor_error(r, &e);
	else
		doctor_ok(r, "the certificates in %s fit this machine", m->at.pki);
}

void doctor_data(const struct machine *m, struct doctor_report *r)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	struct err e = { 0 };

	if (datadir_check(m, &e) < 0)
		doctor_error(r, &e);
	else
		doctor_ok(r, "the data directory %s is this member's", data);
}

/* etcd itself only warns about it (measured, 3.4 and 3.5). */
static void check_mode(const struct machine *m, struct doctor_report *r)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	struct stat st;

	if (stat(data, &st) == 0 && (st.st_mode & 077) != 0)
		doctor_fix(doctor_warn(r, "%s can be read by others (mode %04o)", data, st.st_mode & 07777),
			   "chmod 0700 %s", data);
}

/* cluster.conf decides what runs as root here; config_load refuses it outright when we are root. */
static void check_conf(const struct machine *m, struct doctor_report *r)
{
	struct stat st;

	if (stat(m->at.conf, &st) < 0)
		doctor_ok(r, "there is no %s: every setting has its default", m->at.conf);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		doctor_fix(doctor_bad(r, ERR_VERIFY, "%s can be written by others than its owner", m->at.conf),
			   "chmod go-w %s", m->at.conf);
	else
		doctor_ok(r, "%s is well-formed and only its owner can write it", m->at.conf);
}

/* A release that nobody vouches for could not be fetched, or mended, when it has to be. */
static void check_digest(const struct machine *m, const char *version, struct doctor_report *r)
{
	cleanup(digests_entry_free) struct digests_entry known = { 0 };
	auto_free char *file = NULL;
	struct version v;
	struct err e = { 0 };
	int found;

	if (!version_parse(version, &v)) /* "system": the distribution's package manager vouches for it */
		return;
	file = tarball_name(v, &e);
	found = file ? digests_lookup(&m->at, file, &known, &e) : -1;
	if (found < 0)
		doctor_error(r, &e);
	else if (found > 0)
		doctor_ok(r, "the digest of etcd %s is known (%s)", version, known.source);
	else if (!digests_have_keys(&m->at))
		doctor_fix(doctor_warn(r, "nobody vouches for %s: its digest is in no table", file),
			   "if you trust it, put its line of sha256sum into %s/site.sha256", m->at.admin_digests);
}

static void check_wanted(const struct machine *m, const struct release *now, struct doctor_report *r)
{
	struct version want;

	if (!m->conf.release_given || !m->conf.release)
		return;
	if (version_parse(m->conf.release, &want) ? version_cmp(want, now->version) == 0
						  : strcmp(m->conf.release, now->name) == 0)
		return;
	doctor_fix(doctor_warn(r, "cluster.conf has RELEASE=%s, but %s is in use", m->conf.release, now->name),
		   "etcd-cluster release use %s && systemctl restart etcd", m->conf.release);
}

static void check_env(const struct machine *m, const struct release *now, struct doctor_report *r)
{
	struct env_input in = { .version = now->version };
	auto_strv char **options = NULL;
	auto_free char *peer_cn = NULL;
	enum env_state state = ENV_CURRENT;
	struct err e = { 0 };

	peer_cn = pki_peer_cn(m, &e);
	if (!peer_cn)
		return; /* doctor_pki has reported it */
	in.peer_cn = peer_cn;
	if (release_options(now, &options, &e) < 0) {
		doctor_error(r, &e);
		return;
	}
	in.options = options;
	if (env_drift(m, &in, &state, &e) < 0) {
		doctor_error(r, &e);
		return;
	}
	switch (state) {
	case ENV_CURRENT:
		doctor_ok(r, "%s is what cluster.conf says", m->at.etcd_env);
		break;
	case ENV_ABSENT:
		doctor_fix(doctor_bad(r, ERR_CONFIG, "%s is missing", m->at.etcd_env), "etcd-cluster setup");
		break;
	case ENV_STALE:
		doctor_fix(doctor_warn(r, "cluster.conf or the release has changed since %s was made", m->at.etcd_env),
			   "etcd-cluster setup && systemctl restart etcd");
		break;
	case ENV_EDITED:
		doctor_fix(doctor_warn(r, "%s was edited by hand, so setup leaves it alone", m->at.etcd_env),
			   "write the change as an ETCD_* line in %s, then rm %s && etcd-cluster setup", m->at.conf,
			   m->at.etcd_env);
		break;
	}
}

static void check_certificates(const struct machine *m, struct doctor_report *r)
{
	struct pki_entry *list = NULL;
	size_t n = 0;

	pki_list(m, &list, &n);
	for (size_t i = 0; i < n; i++) {
		const struct pki_entry *one = &list[i];
		long long days = pki_days_left(m, one->info.not_after);

		if (one->problem)
			doctor_fix(doctor_warn(r, "certificate %s: %s", one->name, one->problem), "%s",
				   one->fix ? one->fix : "");
		else if (one->present)
			doctor_ok(r, "certificate %s is good for %lld more days", one->name, days);
	}
	pki_list_free(list, n);
}

void doctor_files(const struct machine *m, struct doctor_report *r)
{
	struct release now = { 0 };
	struct err e = { 0 };

	check_conf(m, r);
	check_mode(m, r);
	if (m->conf.release)
		check_digest(m, m->conf.release, r);
	if (release_current(m, &now, &e) > 0) {
		check_wanted(m, &now, r);
		check_env(m, &now, r);
	}
	release_free(&now);
	check_certificates(m, r);
}
