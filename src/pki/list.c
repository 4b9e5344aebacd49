/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/list.h"

#include <stdlib.h>

#include "base/clock.h"
#include "pki/check.h"
#include "pki/origin.h"

#define SETUP "etcd-cluster setup"

static void problem(struct pki_entry *entry, char *text, const char *fix)
{
	entry->problem = text;
	entry->fix = fix && *fix ? xstrdup(fix) : NULL;
}

static void problem_of(struct pki_entry *entry, const struct err *e)
{
	problem(entry, xstrdup(e->msg), e->hint);
}

static void begin(struct pki_entry *entry, const struct machine *m, const char *name)
{
	entry->name = name;
	entry->path = machine_pki_path(m, name, "crt");
}

/* Takes over what is known about the certificate. */
static void end(struct pki_entry *entry, struct pki_pair *pair)
{
	entry->present = pair->cert != NULL;
	entry->info = pair->info;
	pair->info = (struct x509_info){ 0 };
}

/* Who signs the certificates of this machine. */
static char *source(const struct machine *m)
{
	struct err unreadable = { 0 };
	char *server = NULL;

	switch (pki_origin(m)) {
	case PKI_NEW_CA:
	case PKI_CA:
		return xstrdup("this machine");
	case PKI_ENROLLED:
		return pki_host_read(m, &server, &unreadable) > 0 ? server : xstrdup("the CA host");
	case PKI_TO_ENROLL:
		return xstrdup("the CA host");
	default:
		return xstrdup("copied");
	}
}

/* True when leaves can be compared with this CA. */
static bool check_ca(const struct machine *m, struct pki_pair *ca, struct pki_entry *entry)
{
	struct err e = { 0 };
	int rc = pki_pair_load(m, "ca", false, ca, &e);

	entry->source = source(m);
	if (rc == 0 && !ca->cert) {
		const char *from =
			pki_origin(m) == PKI_TO_ENROLL ? ": it comes with the certificates, from the CA host" : "";

		problem(entry, xasprintf("%s is missing%s", entry->path, from), SETUP);
		return false;
	}
	if (rc < 0 || pki_check_ca(m, ca, &e) < 0) {
		problem_of(entry, &e);
		return false;
	}
	if (pki_leaf_end(m, ca) == ca->info.not_after)
		problem(entry,
			xasprintf("%s ends on %s, and no certificate outlives its CA", entry->path,
				  clock_day(ca->info.not_after).text),
			NULL);
	return true;
}

/* A leaf that loads, under a CA that is fine. */
static void check_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
		       const struct pki_pair *leaf, struct pki_entry *entry)
{
	auto_free char *bundle =
		xasprintf("on the machine with ca.key: etcd-cluster bundle %s=%s", m->conf.name, m->conf.address);
	auto_free char *why = NULL;
	struct err e = { 0 };
	enum pki_todo todo;

	if (ca->key || pki_origin(m) == PKI_ENROLLED) {
		todo = pki_check_leaf(m, ca, profile, leaf, &why);
		if (todo != PKI_FINE)
			problem(entry, xasprintf("%s %s", entry->path, why),
				todo == PKI_RENEW ? "etcd-cluster cert renew" : SETUP);
		return;
	}
	if (!leaf->cert && !leaf->key && !profile->needed)
		return;
	if (pki_check_use(m, ca, profile, leaf, &e) < 0)
		problem_of(entry, &e);
	else if (pki_near_end(m, &leaf->info))
		problem(entry,
			xasprintf("%s expires on %s and cannot be renewed here, without ca.key", entry->path,
				  clock_day(leaf->info.not_after).text),
			bundle);
}

void pki_list(const struct machine *m, struct pki_entry **list, size_t *n)
{
	struct pki_entry *all = xcalloc(PKI_LEAVES + 1, sizeof(*all));
	auto_pair struct pki_pair ca = { 0 };
	bool usable;

	begin(&all[0], m, "ca");
	usable = check_ca(m, &ca, &all[0]);
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile(i);
		auto_pair struct pki_pair leaf = { 0 };
		struct pki_entry *entry = &all[i + 1];
		struct err why = { 0 };

		begin(entry, m, p->name);
		if (pki_pair_load(m, p->name, p->for_etcd, &leaf, &why) < 0)
			problem_of(entry, &why);
		else if (usable)
			check_leaf(m, &ca, p, &leaf, entry);
		else if (!leaf.cert)
			problem(entry, xasprintf("%s is missing", entry->path), SETUP);
		end(entry, &leaf);
	}
	end(&all[0], &ca);
	*list = all;
	*n = PKI_LEAVES + 1;
}

void pki_list_free(struct pki_entry *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].path);
		x509_info_free(&list[i].info);
		free(list[i].source);
		free(list[i].problem);
		free(list[i].fix);
	}
	free(list);
}
