/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/list.h"

#include "base/clock.h"
#include "pki/check.h"
#include "pki/origin.h"

#define SETUP "etcd-cluster setup"

/* Takes over what is known about the certificate. */
static void end(struct pki_entry *entry, struct pki_pair *pair, const struct err *why)
{
	entry->present = pair->cert != NULL;
	entry->info = pair->info;
	pair->info = (struct x509_info){ 0 };
	entry->problem = why->class != ERR_NONE ? xstrdup(why->msg) : NULL;
	entry->fix = why->hint[0] ? xstrdup(why->hint) : NULL;
}

/* Who signs the certificates of this machine. */
static char *source(const struct machine *m)
{
	const enum pki_origin origin = pki_origin(m);
	struct err unreadable = { 0 };
	char *server = NULL;

	if (origin == PKI_NEW_CA || origin == PKI_CA)
		return xstrdup("this machine");
	if (origin == PKI_COPIED || origin == PKI_EXTERNAL)
		return xstrdup(origin == PKI_COPIED ? "copied" : "external");
	return origin == PKI_ENROLLED && pki_host_read(m, &server, &unreadable) > 0 ? server : xstrdup("the CA host");
}

/* 0 when leaves can be compared with this CA; e may name a problem even then. */
static int check_ca(const struct machine *m, const char *path, struct pki_pair *ca, struct err *e)
{
	if (pki_pair_load(m, "ca", false, ca, e) < 0)
		return -1;
	if (!ca->cert) {
		(void)err_set(e, ERR_CONFIG, "%s is missing%s", path,
			      pki_origin(m) == PKI_TO_ENROLL ? ": it comes with the certificates, from the CA host"
							     : "");
		return err_hint(e, SETUP);
	}
	if (pki_check_ca(m, ca, e) < 0)
		return -1;
	if (pki_leaf_end(m, ca) == ca->info.not_after)
		(void)err_set(e, ERR_CONFIG, "%s ends on %s, and no certificate outlives its CA", path,
			      clock_day(ca->info.not_after).text);
	return 0;
}

/* ca: NULL when leaves cannot be compared with it. */
static int check_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
		      struct pki_pair *leaf, const char *path, struct err *e)
{
	auto_free char *why = NULL;
	enum pki_todo todo;

	if (pki_pair_load(m, profile->name, profile->server, leaf, e) < 0)
		return -1;
	if (!ca && !leaf->cert) {
		(void)err_set(e, ERR_CONFIG, "%s is missing", path);
		return err_hint(e, SETUP);
	}
	if (!ca)
		return 0;
	if (ca->key || pki_origin(m) == PKI_ENROLLED) {
		todo = pki_check_leaf(m, ca, profile, leaf, &why);
		if (todo == PKI_FINE)
			return 0;
		(void)err_set(e, ERR_CONFIG, "%s %s", path, why);
		return err_hint(e, todo == PKI_RENEW ? "etcd-cluster cert renew" : SETUP);
	}
	if (!leaf->cert && !leaf->key && !profile->needed)
		return 0;
	if (pki_check_use(m, ca, profile, leaf, e) < 0)
		return -1;
	return pki_check_end(m, profile, leaf, e);
}

struct pki_entry *pki_list(const struct machine *m)
{
	struct pki_entry *all = xcalloc(PKI_ENTRIES, sizeof(*all));
	auto_pair struct pki_pair ca = { 0 };
	struct err ca_why = { 0 };
	bool usable;

	all[0] = (struct pki_entry){ .name = "ca", .path = machine_pki_path(m, "ca", "crt"), .source = source(m) };
	usable = check_ca(m, all[0].path, &ca, &ca_why) == 0;
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile(i);
		auto_pair struct pki_pair leaf = { 0 };
		struct pki_entry *entry = &all[i + 1];
		struct err why = { 0 };

		*entry = (struct pki_entry){ .name = p->name, .path = machine_pki_path(m, p->name, "crt") };
		(void)check_leaf(m, usable ? &ca : NULL, p, &leaf, entry->path, &why);
		end(entry, &leaf, &why);
	}
	end(&all[0], &ca, &ca_why);
	return all;
}

void pki_list_free(struct pki_entry *list)
{
	for (size_t i = 0; list && i < PKI_ENTRIES; i++) {
		free(list[i].path);
		x509_info_free(&list[i].info);
		free(list[i].source);
		free(list[i].problem);
		free(list[i].fix);
	}
	free(list);
}
