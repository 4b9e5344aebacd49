/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/revoke.h"

#include <string.h>

#include "base/text.h"
#include "cahost/active.h"
#include "cahost/facts.h"
#include "cahost/token_store.h"
#include "pki/crl.h"
#include "pki/pair.h"

static char *list_path(const struct machine *m)
{
	return xasprintf("%s/crl.der", m->at.enroll);
}

/* "peer:1f… server:2e…" */
static void add_serials(const struct enroll_grant *g, char ***serials)
{
	auto_strv char **words = text_split(g->serials, BLANKS);

	for (char **word = words; word && *word; word++) {
		const char *colon = strchr(*word, ':');

		if (colon)
			strv_add_once(serials, colon + 1);
	}
}

static int add_kind(const struct machine *m, enum enroll_kind kind, char ***serials, struct err *e)
{
	cleanup(enroll_tombstones_free) struct enroll_tombstones gone = { 0 };

	if (enroll_tombstones_read(m, kind, &gone, e) < 0)
		return -1;
	for (const struct enroll_tombstone *t = gone.list; t < gone.list + gone.n; t++)
		for (size_t i = 0; i < t->grants.n; i++)
			if (t->grants.list[i].end >= m->now)
				add_serials(&t->grants.list[i], serials);
	return 0;
}

int enroll_list_update(const struct machine *m, struct err *e)
{
	auto_active struct enroll_active who = { 0 };
	auto_free char *path = list_path(m);
	auto_strv char **serials = NULL;

	if (active_read(m, &who, e) < 0)
		return -1;
	if (who.state == ENROLL_STANDBY) /* only one makes lists: two would have the same numbers */
		return 0;
	for (enum enroll_kind kind = ENROLL_MACHINE; kind <= ENROLL_CLIENT; kind++)
		if (add_kind(m, kind, &serials, e) < 0)
			return -1;
	return serials ? pki_crl_write(m, path, serials, e) : 0;
}

int enroll_list_read(const struct machine *m, struct buf *der, struct err *e)
{
	auto_free char *path = list_path(m);

	return file_read(path, PKI_FILE_MAX, der, e) < 0 ? err_absent(e) : 0;
}

int enroll_revoke(const struct machine *m, struct err *e)
{
	auto_buf struct buf der = { 0 };

	if (!file_exists(m->at.enroll) || m->dry_run)
		return 0;
	if (enroll_learn_now(m, e) < 0)
		return -1;
	{
		auto_close int lock = token_store_lock(m, e);

		if (lock < 0 || enroll_list_update(m, e) < 0)
			return -1;
	}
	if (enroll_list_read(m, &der, e) < 0)
		return -1;
	return der.len > 0 ? pki_crl_take(m, &der, e) : 0;
}
