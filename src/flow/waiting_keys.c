/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/waiting_keys.h"

static char *dir_of(const struct machine *m)
{
	return xasprintf("%s.keys", m->at.pki);
}

int waiting_keys_put(struct pki_run *w, struct err *e)
{
	auto_free char *dir = dir_of(w->m);

	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *path = xasprintf("%s/%s.key", dir, pki_profile(i)->name);
		auto_buf struct buf pem = { 0 };
		struct err unread = { 0 };
		x509_key *before = w->fresh[i] && file_exists(path) ? x509_key_read(path, &unread) : NULL;

		if (!w->fresh[i])
			continue;
		if (before && x509_key_is(before, w->m->conf.key_type)) {
			x509_key_free_ptr(&w->fresh[i]);
			w->fresh[i] = before;
			continue;
		}
		x509_key_free_ptr(&before);
		x509_key_pem(w->fresh[i], &pem);
		if (file_mkdirs(dir, FILE_MODE(0700), e) < 0 ||
		    file_replace(path, FILE_MODE(0600), pem.data, pem.len, e) < 0)
			return -1;
	}
	return 0;
}

int waiting_keys_drop(const struct machine *m, struct err *e)
{
	auto_free char *dir = dir_of(m);

	return file_exists(dir) ? file_remove_tree(dir, e) : 0;
}
