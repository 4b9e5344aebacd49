/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/mark.h"
#include "doctor/examine.h"
#include "doctor/parts.h"
#include "member/datadir.h"
#include "member/env.h"
#include "member/host.h"
#include "pki/check.h"
#include "pki/crl.h"
#include "pki/external.h"
#include "pki/pair.h"
#include "release/digests.h"

void doctor_release(const struct machine *m, struct doctor_report *r)
{
	cleanup(release_free) struct release now = { 0 };
	struct err e = { 0 };
	int found = release_current(m, &now, &e);
	auto_free char *etcd = xasprintf("%s/etcd", found > 0 ? now.dir : m->at.current);
	const char *bad = version_known_bad(now.version);

	if (found < 0)
		doctor_error(r, "release_unreadable", &e);
	else if (found == 0)
		doctor_bad(r, ERR_CONFIG, "release_missing", "no etcd release is installed -> etcd-cluster setup");
	else if (access(etcd, X_OK) < 0)
		doctor_bad(r, ERR_CONFIG, "release_damaged", "%s cannot be run -> etcd-cluster setup", etcd);
	else if (bad)
		doctor_bad(r, ERR_VERIFY, "release_known_bad",
			   "etcd " VERSION_FMT " must not be run: %s -> etcd-cluster release install VERSION, then "
			   "etcd-cluster release use VERSION",
			   VERSION_ARGS(now.version), bad);
	else
		doctor_ok(r, "release_installed", "etcd " VERSION_FMT " is installed (%s)", VERSION_ARGS(now.version),
			  now.name);
}

void doctor_pki(const struct machine *m, struct doctor_report *r)
{
	struct err e = { 0 };

	if (pki_check_start(m, &e) < 0 || pki_crl_check_start(m, &e) < 0) {
		doctor_supersede(r, e.msg); /* the same about one certificate, with another command */
		doctor_error(r, "certificates_unfit", &e);
	} else {
		doctor_ok(r, "certificates_fit", "the certificates in %s fit this machine", m->at.pki);
	}
}

void doctor_machine(const struct machine *m, struct doctor_report *r)
{
	struct err e = { 0 };

	doctor_release(m, r);
	if (host_check(m, &e) < 0)
		doctor_error(r, "machine_changed", &e);
}

void doctor_start(const struct machine *m, bool ask, struct doctor_report *r)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	struct err e = { 0 };

	doctor_pki(m, r);
	if (datadir_may_start(m, &e) < 0)
		doctor_error(r, "data_unfit", &e);
	else
		doctor_ok(r, "data_fit", "the data directory %s belongs to this member", data);
	doctor_machine(m, r);
	err_clear(&e);
	if (!r->running && mark_check(m, ask && m->at.root[0] == '\0', &e) < 0)
		doctor_error(r, "data_older", &e);
}

/* etcd itself only warns about it (measured, 3.4 and 3.5). */
static void check_mode(const struct machine *m, struct doctor_report *r)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	struct stat st;

	if (stat(data, &st) == 0 && (st.st_mode & 077) != 0)
		doctor_warn(r, "data_readable", "%s can be read by others (mode %04o) -> chmod 0700 %s", data,
			    st.st_mode & 07777, data);
}

/* cluster.conf decides what runs as root here; config_load refuses it outright when we are root. */
static void check_conf(const struct machine *m, struct doctor_report *r)
{
	struct stat st;

	if (m->broken.class != ERR_NONE)
		return; /* doctor_broken has reported it */
	if (stat(m->at.conf, &st) < 0)
		doctor_ok(r, "conf_missing", "there is no %s: every setting has its default", m->at.conf);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		doctor_bad(r, ERR_VERIFY, "conf_writable",
			   "%s can be written by others than its owner -> chmod go-w %s", m->at.conf, m->at.conf);
	else
		doctor_ok(r, "conf_fit", "%s is well-formed and only its owner can write it", m->at.conf);
}

/* A release without a known digest cannot be fetched again when it is damaged. */
static void check_digest(const struct machine *m, struct doctor_report *r)
{
	cleanup(digests_entry_free) struct digests_entry known = { 0 };
	auto_free char *file = NULL;
	struct version v;
	struct err e = { 0 };
	int found;

	/* "system" is verified by the distribution's package manager. */
	if (!m->conf.release || !version_parse(m->conf.release, &v))
		return;
	file = tarball_name(v, &e);
	found = file ? digests_lookup(&m->at, file, &known, &e) : -1;
	if (found < 0)
		doctor_error(r, "digest_unreadable", &e);
	else if (found > 0)
		doctor_ok(r, "digest_known", "the digest of etcd %s is known (%s)", m->conf.release, known.source);
	else if (!digests_have_keys(&m->at))
		doctor_warn(
			r, "digest_unknown",
			"no table has the digest of %s, so it cannot be verified -> if you trust it, put its line of "
			"sha256sum into %s/site.sha256",
			file, m->at.admin_digests);
}

static void check_wanted(const struct machine *m, const struct release *now, struct doctor_report *r)
{
	struct version want;

	if (!m->conf.release_given || !m->conf.release)
		return;
	if (version_parse(m->conf.release, &want) ? version_cmp(want, now->version) == 0
						  : strcmp(m->conf.release, now->name) == 0)
		return;
	doctor_warn(r, "release_not_wanted",
		    "cluster.conf has RELEASE=%s, but %s is in use -> etcd-cluster release use %s && systemctl restart "
		    "etcd",
		    m->conf.release, now->name, m->conf.release);
}

static void check_env(const struct machine *m, const struct release *now, struct doctor_report *r)
{
	struct err e = { 0 };
	const char *env = m->at.etcd_env;
	auto_free char *peer_cn = pki_peer_cn(m, &e);
	auto_strv char **options = NULL;
	enum env_state state = ENV_CURRENT;

	if (!peer_cn)
		return; /* doctor_pki has reported it */
	if (release_options(now, &options, &e) < 0 ||
	    env_drift(m, &(struct env_input){ .version = now->version, .options = options, .peer_cn = peer_cn }, &state,
		      &e) < 0)
		doctor_error(r, "settings_unreadable", &e);
	else if (state == ENV_ABSENT)
		doctor_bad(r, ERR_CONFIG, "settings_missing", "%s is missing -> etcd-cluster setup", env);
	else if (state == ENV_STALE)
		doctor_warn(r, "settings_stale",
			    "cluster.conf or the release has changed since %s was made -> etcd-cluster setup && "
			    "systemctl restart etcd",
			    env);
	else if (state == ENV_EDITED)
		doctor_warn(r, "settings_edited",
			    "%s was edited by hand, so setup leaves it alone -> write the change as an ETCD_* line in "
			    "%s, then rm %s && etcd-cluster setup",
			    env, m->at.conf, env);
	else
		doctor_ok(r, "settings_fit", "%s matches cluster.conf", env);
}

static void check_external(const struct machine *m, struct doctor_report *r)
{
	struct err e = { 0 };

	if (!m->conf.ca_external)
		return;
	if (pki_external_check(m, &e) < 0)
		doctor_warn(r, "external_unfit", "%s; they are not used -> %s", e.msg, e.hint);
	else
		doctor_ok(r, "external_fit", "the certificates in %s are fit", m->at.external);
}

void doctor_files(const struct machine *m, struct doctor_exam *x)
{
	struct doctor_report *r = &x->report;

	check_conf(m, r);
	check_mode(m, r);
	check_digest(m, r);
	if (x->has_release) {
		check_wanted(m, &x->release, r);
		check_env(m, &x->release, r);
	}
	for (const struct pki_entry *one = x->certs; one && one < x->certs + PKI_ENTRIES; one++) {
		if (one->problem && geteuid() != 0 && strstr(one->problem, strerror(EACCES)))
			doctor_warn(r, DOCTOR_NOT_ROOT,
				    "certificate %s: %s; only root sees it -> sudo etcd-cluster check", one->name,
				    one->problem);
		else if (one->problem)
			doctor_warn(r, "certificate_due", "certificate %s: %s -> %s", one->name, one->problem,
				    one->fix ? one->fix : "");
		else if (one->present)
			doctor_ok(r, "certificate_good", "certificate %s is good for %lld more days", one->name,
				  pki_days_left(m, one->info.not_after));
	}
	check_external(m, r);
}
