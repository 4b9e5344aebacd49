/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/preflight.h"

#include <sys/stat.h>

#include "base/log.h"
#include "pki/check.h"

char *pki_peer_cn(const struct machine *m, struct err *e)
{
	auto_free char *path = machine_pki_path(m, pki_profile(PKI_PEER)->name, "crt");
	auto_cert x509_cert *cert = x509_cert_read(path, e);
	struct x509_info info;
	char *cn;

	if (!cert)
		return NULL;
	x509_describe(cert, &info);
	cn = steal(&info.cn);
	x509_info_free(&info);
	return cn;
}

/* etcd opens the file as user etcd. That nobody else can, pki_pair_load has checked. */
static int check_readable(const struct machine *m, const char *name, const char *ext, struct err *e)
{
	const struct file_mode want = pki_key_mode(m, true);
	auto_free char *path = machine_pki_path(m, name, ext);
	struct stat st;

	if (want.gid == (gid_t)-1 || stat(path, &st) < 0 || (st.st_mode & 0004) ||
	    (st.st_gid == want.gid && (st.st_mode & 0040)))
		return 0;
	(void)err_set(e, ERR_CONFIG, "the user etcd cannot read %s", path);
	return err_hint(e, "etcd-cluster setup");
}

/* One pair, as etcd or the administrator's programs would use it now. */
static int check_pair(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *p, struct err *e)
{
	auto_pair struct pki_pair leaf = { 0 };

	if (pki_pair_load(m, p->name, p->for_etcd, &leaf, e) < 0)
		return -1;
	if ((p->needed || leaf.cert || leaf.key) && pki_check_use(m, ca, p, &leaf, e) < 0)
		return -1;
	if (!p->for_etcd)
		return 0;
	return check_readable(m, p->name, "key", e) < 0 ? -1 : check_readable(m, p->name, "crt", e);
}

int pki_check_start(const struct machine *m, struct err *e)
{
	auto_pair struct pki_pair ca = { 0 };

	if (pki_check_clock(m, e) < 0 || pki_pair_load(m, "ca", false, &ca, e) < 0)
		return -1;
	if (!ca.cert) {
		(void)err_set(e, ERR_CONFIG, "%s has no certificates", m->at.pki);
		return err_hint(e, "etcd-cluster setup");
	}
	if (pki_check_ca(m, &ca, e) < 0 || check_readable(m, "ca", "crt", e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile((enum pki_leaf)i);
		struct err why = { 0 };

		if (check_pair(m, &ca, p, &why) == 0)
			continue;
		if (p->for_etcd) {
			*e = why;
			return -1;
		}
		log_error(LOG_LEVEL_WARN, &why); /* a client's pair does not keep etcd from starting */
	}
	return 0;
}
