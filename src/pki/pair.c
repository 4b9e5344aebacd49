/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/pair.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pki/profile.h"

#define REPLACE_HINT "put the right file there, or move this one away and run: etcd-cluster setup"

void pki_pair_free(struct pki_pair *pair)
{
	buf_free(&pair->pem);
	x509_cert_free_ptr(&pair->cert);
	x509_info_free(&pair->info);
	x509_key_free_ptr(&pair->key);
}

int pki_pair_take(struct pki_pair *pair, x509_cert *cert)
{
	if (!cert)
		return -1;
	pair->cert = cert;
	x509_describe(cert, &pair->info);
	if (pair->pem.len == 0)
		x509_cert_pem(cert, &pair->pem);
	return 0;
}

/* 1 there and nobody else can change it, 0 not there, -1. */
static int guard(const char *path, struct stat *st, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, st) < 0)
		return err_sys(e, ERR_FAIL, "cannot open %s", path);
	if (file_check_trusted(fd, path, e) < 0)
		return err_hint(e, "put the right file there");
	return 1;
}

/* A key for the group etcd of another time: the user etcd was deleted, or came back under other numbers. */
static int other_etcd(const struct machine *m, const char *path, const struct stat *st, struct err *e)
{
	uid_t uid;
	gid_t gid;

	if (!machine_etcd_ids(m, &uid, &gid)) {
		(void)err_set(e, ERR_CONFIG, "there is no user etcd, for whose group (%u) the key %s is",
			      (unsigned int)st->st_gid, path);
		return err_hint(e, "systemd-sysusers etcd-cluster.conf, then: etcd-cluster setup");
	}
	(void)err_set(e, ERR_CONFIG, "the group of the user etcd is %u now, and the key %s is for group %u",
		      (unsigned int)gid, path, (unsigned int)st->st_gid);
	return err_hint(e, "chgrp etcd %s/*.key && chown -R etcd:etcd %s", m->at.pki, m->conf.data_dir);
}

int pki_key_guard(const struct machine *m, const char *path, bool for_etcd, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	struct stat st = { 0 }, owned;
	int rc = guard(path, &st, e);
	gid_t gid = getegid();
	uid_t uid;

	if (rc <= 0)
		return rc;
	/* Only the group that the key is meant for may have rights. */
	if (for_etcd && (!machine_etcd_ids(m, &uid, &gid) || geteuid() != 0) && st.st_gid == getegid())
		gid = st.st_gid;
	if (for_etcd && (st.st_mode & 07777) == 0640 && st.st_gid != gid && stat(data, &owned) == 0 &&
	    owned.st_gid == st.st_gid)
		return other_etcd(m, path, &st, e);
	if (st.st_mode & (0007 | (for_etcd && st.st_gid == gid ? 0 : 0070))) {
		(void)err_set(e, ERR_VERIFY, "the private key %s can be read by others (mode %04o, group %u)", path,
			      (unsigned int)st.st_mode & 07777, (unsigned int)st.st_gid);
		return err_hint(e, "if nobody can have read it: chmod 600 %s; else replace key and certificate", path);
	}
	return 1;
}

static int load_cert(const char *path, struct pki_pair *pair, struct err *e)
{
	struct stat st;
	int rc = guard(path, &st, e);

	if (rc <= 0)
		return rc;
	if (file_read(path, PKI_FILE_MAX, &pair->pem, e) < 0)
		return -1;
	return pki_pair_take(pair, x509_cert_parse(&pair->pem, path, e)) < 0 ? err_hint(e, REPLACE_HINT) : 0;
}

static int load_key(const struct machine *m, const char *path, bool for_etcd, struct pki_pair *pair, struct err *e)
{
	int rc = pki_key_guard(m, path, for_etcd, e);

	if (rc <= 0)
		return rc;
	pair->key = x509_key_read(path, e);
	return pair->key ? 0 : err_hint(e, REPLACE_HINT);
}

int pki_pair_load(const struct machine *m, const char *name, bool for_etcd, struct pki_pair *pair, struct err *e)
{
	auto_free char *cert = machine_pki_path(m, name, "crt"), *key = machine_pki_path(m, name, "key");

	*pair = (struct pki_pair){ 0 };
	return load_cert(cert, pair, e) < 0 ? -1 : load_key(m, key, for_etcd, pair, e);
}

char *pki_peer_cn(const struct machine *m, struct err *e)
{
	auto_free char *path = machine_pki_path(m, pki_profile(PKI_PEER)->name, "crt");
	auto_pair struct pki_pair peer = { 0 };

	return pki_pair_take(&peer, x509_cert_read(path, e)) < 0 ? NULL : steal(&peer.info.cn);
}
