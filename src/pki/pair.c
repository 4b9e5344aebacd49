/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/machine.h"
#include "pki/profile.h"

#define MAX_FILE 262144 /* a trust bundle of a hundred CAs fits */

void pki_pair_free(struct pki_pair *pair)
{
	buf_free(&pair->pem);
	x509_cert_free_ptr(&pair->cert);
	x509_info_free(&pair->info);
	x509_key_free_ptr(&pair->key);
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

int pki_key_guard(const struct machine *m, const char *path, bool for_etcd, struct err *e)
{
	const struct file_mode want = pki_key_mode(m, for_etcd);
	struct stat st = { 0 };
	int rc = guard(path, &st, e);
	mode_t group;

	if (rc <= 0)
		return rc;
	/* Group bits are fine for the group that the key is meant for, and for no other. */
	group = for_etcd && st.st_gid == (want.gid == (gid_t)-1 ? getegid() : want.gid) ? 0 : 0070;
	if (st.st_mode & (0007 | group)) {
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
	if (file_read(path, MAX_FILE, &pair->pem, e) < 0)
		return -1;
	pair->cert = x509_cert_parse(&pair->pem, path, e);
	if (!pair->cert)
		return err_hint(e, "put the right file there, or move this one away and run: etcd-cluster setup");
	x509_describe(pair->cert, &pair->info);
	return 0;
}

static int load_key(const struct machine *m, const char *path, bool for_etcd, struct pki_pair *pair, struct err *e)
{
	int rc = pki_key_guard(m, path, for_etcd, e);

	if (rc <= 0)
		return rc;
	pair->key = x509_key_read(path, e);
	if (!pair->key)
		return err_hint(e, "put the right file there, or move this one away and run: etcd-cluster setup");
	return 0;
}

int pki_pair_load(const struct machine *m, const char *name, bool for_etcd, struct pki_pair *pair, struct err *e)
{
	auto_free char *cert = machine_pki_path(m, name, "crt"), *key = machine_pki_path(m, name, "key");

	*pair = (struct pki_pair){ 0 };
	if (load_cert(cert, pair, e) < 0)
		return -1;
	return load_key(m, key, for_etcd, pair, e);
}
