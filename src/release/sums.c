/* SPDX-License-Identifier: Apache-2.0 */
#include "release/digests.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "release/mirror.h"

#define SIG_MAX_BYTES (64UL * 1024UL)

/* SHA256SUMS and its signature, as they came from one place. */
struct pair {
	struct buf sums, sig;
};

static void pair_free(struct pair *p)
{
	buf_free(&p->sums);
	buf_free(&p->sig);
}

/* The digest out of a pair. As sums_lookup. */
static int from_pair(const struct machine *m, const struct pair *p, const char *where, const char *file,
		     struct digests_entry *d, struct err *e)
{
	auto_free char *key = NULL, *line = NULL;
	int rc;

	if (digests_check_signature(&m->at, &p->sums, &p->sig, &key, e) < 0)
		return err_wrap(e, "%s", where);
	rc = digests_find(&p->sums, where, file, d, e);
	if (rc > 0) {
		line = steal(&d->source);
		d->source = xasprintf("%s, signed by %s", line, key);
	}
	return rc;
}

static int from_cache(const struct machine *m, const char *path, const char *file, struct digests_entry *d,
		      struct err *e)
{
	auto_free char *sig = xasprintf("%s.sig", path);
	cleanup(pair_free) struct pair p = { 0 };

	if (file_read(path, DIGESTS_MAX_BYTES, &p.sums, e) < 0 || file_read(sig, SIG_MAX_BYTES, &p.sig, e) < 0)
		return err_absent(e);
	return from_pair(m, &p, path, file, d, e);
}

static int keep(const struct machine *m, const char *path, const struct pair *p, struct err *e)
{
	auto_free char *sig = xasprintf("%s.sig", path);

	if (m->dry_run)
		return 0;
	if (file_mkdirs(m->at.cache, FILE_MODE(0755), e) < 0 ||
	    file_replace(path, FILE_MODE(0644), buf_str(&p->sums), p->sums.len, e) < 0)
		return -1;
	return file_replace(sig, FILE_MODE(0644), buf_str(&p->sig), p->sig.len, e);
}

static int from_place(const struct machine *m, const struct mirror *x, const char *place, const char *kept,
		      const char *file, struct digests_entry *d, struct err *e)
{
	auto_free char *sig = xasprintf("%s.sig", place);
	cleanup(pair_free) struct pair p = { 0 };
	int rc = mirror_read(x, sig, SIG_MAX_BYTES, &p.sig, e);

	if (rc > 0)
		rc = mirror_read(x, place, DIGESTS_MAX_BYTES, &p.sums, e);
	if (rc > 0)
		rc = from_pair(m, &p, place, file, d, e);
	if (rc > 0 && keep(m, kept, &p, e) < 0)
		return -1;
	return rc;
}

/* Of several failures the one that is reported is a broken connection, since a retry may end it; else the first. */
static int from_places(const struct machine *m, struct version v, const char *kept, const char *file,
		       struct digests_entry *d, struct err *e)
{
	auto_strv char **places = mirror_places(m, v, "SHA256SUMS");
	auto_mirror struct mirror x = { 0 };
	struct err reported = { 0 };

	if (!places)
		return 0;
	if (mirror_open(m, &x, e) < 0)
		return -1;
	for (size_t i = 0; places[i]; i++) {
		struct err why = { 0 };
		int rc = from_place(m, &x, places[i], kept, file, d, &why);

		if (rc > 0)
			return 1;
		if (rc < 0) {
			log_debug("%s", why.msg);
			if (reported.class == ERR_NONE || why.class == ERR_PENDING)
				reported = why;
		}
	}
	if (reported.class == ERR_NONE)
		return 0;
	*e = reported;
	return -1;
}

int sums_lookup(const struct machine *m, struct version v, const char *file, bool network, struct digests_entry *d,
		struct err *e)
{
	auto_free char *own = xasprintf("%s/SHA256SUMS-v" VERSION_FMT, m->at.cache, VERSION_ARGS(v));
	auto_free char *dropped = xasprintf("%s/SHA256SUMS", m->at.cache);
	int rc;

	if (!digests_have_keys(&m->at))
		return 0;
	rc = from_cache(m, own, file, d, e);
	if (rc == 0)
		rc = from_cache(m, dropped, file, d, e);
	if (rc != 0)
		return rc;
	if (network)
		return from_places(m, v, own, file, d, e);
	if (m->conf.release_urls)
		return err_set(e, ERR_PENDING, "a signed SHA256SUMS for %s has to be fetched", file);
	return 0;
}
