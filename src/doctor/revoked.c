/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "cluster/mark.h"
#include "doctor/examine.h"
#include "doctor/parts.h"
#include "pki/crl.h"

/* The numbers in force, by the order of names and ids; that of this machine it knows itself. */
static int read_numbers(const struct machine *m, const struct member_survey *s, const uint64_t *ids, char *const *names,
			int64_t *numbers, struct err *e)
{
	const size_t n = strv_len(names);
	int rc = n > 1 ? mark_lists(m, ids, names, numbers, e) : 0;

	for (size_t i = 0; i < n; i++)
		if (ids[i] == s->home_member)
			numbers[i] = pki_crl_in_force(m);
	return rc;
}

int doctor_unrevoked(const struct machine *m, const struct member_survey *s, uint64_t gone, char ***lacking,
		     int64_t *newest, struct err *e)
{
	auto_strv char **names = NULL;
	auto_free uint64_t *ids = xcalloc(s->n + 1, sizeof(*ids));
	auto_free int64_t *numbers = xcalloc(s->n + 1, sizeof(*numbers));
	size_t n = 0;

	*lacking = NULL;
	*newest = pki_crl_number(m);
	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (!one->listed || one->id == gone || !one->name[0])
			continue;
		ids[n++] = one->id;
		strv_add(&names, one->name);
	}
	if (n > 0 && read_numbers(m, s, ids, names, numbers, e) < 0)
		return *newest > 0 ? -1 : 0;
	for (size_t i = 0; i < n; i++)
		*newest = numbers[i] > *newest ? numbers[i] : *newest;
	for (size_t i = 0; i < n; i++)
		if (numbers[i] < *newest)
			strv_add(lacking, names[i]);
	strv_sort(*lacking);
	return *newest > 0;
}

void doctor_revocation(const struct machine *m, const struct member_survey *s, struct doctor_report *r)
{
	auto_strv char **lacking = NULL;
	auto_free char *names = NULL;
	struct err unread = { 0 };
	int64_t newest;
	int rc = doctor_unrevoked(m, s, 0, &lacking, &newest, &unread);

	if (rc < 0)
		doctor_warn(r, "revocation_unknown",
			    "revocation pending: which members have revocation list %" PRId64
			    " in force is not known: %s -> etcd-cluster status on a healthy member",
			    newest, unread.msg);
	if (rc <= 0)
		return;
	names = strv_join(lacking, ", ");
	if (!lacking)
		doctor_ok(r, "revocation_in_force", "revocation list %" PRId64 " is in force on every member", newest);
	else
		doctor_warn(r, "revocation_pending",
			    "revocation pending: revocation list %" PRId64
			    " is not in force on %s, where connections of a removed machine may be open -> on each of "
			    "them, one after the other: systemctl restart etcd",
			    newest, names);
}
