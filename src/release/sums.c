/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "release/digests.h"
#include "release/mirror.h"

#define SIG_MAX_BYTES (64UL * 1024UL)

/* Whose digest is searched, and where it goes. */
struct search {
	const struct machine *m;
	const char *file;
	const char *kept; /* the path of good SHA256SUMS in the cache */
	struct digests_entry *d;
};

static int keep(const struct search *s, const struct buf *sums, const struct buf *sig, struct err *e)
{
	auto_free char *sig_path = xasprintf("%s.sig", s->kept);

	if (file_mkdirs(s->m->at.cache, FILE_MODE(0755), e) < 0 ||
	    file_replace(s->kept, FILE_MODE(0644), buf_str(sums), sums->len, e) < 0)
		return -1;
	return file_replace(sig_path, FILE_MODE(0644), buf_str(sig), sig->len, e);
}

/* From a mirror (x), or from the path of a file in the cache (x is NULL). As sums_lookup. */
static int from_place(const struct search *s, const struct mirror *x, const char *place, struct err *e)
{
	static const struct mirror local = { 0 };
	auto_free char *sig_place = xasprintf("%s.sig", place), *key = NULL, *line = NULL;
	auto_buf struct buf sums = { 0 }, sig = { 0 };
	int rc = mirror_read(x ? x : &local, sig_place, SIG_MAX_BYTES, &sig, e);

	if (rc > 0)
		rc = mirror_read(x ? x : &local, place, DIGESTS_MAX_BYTES, &sums, e);
	if (rc <= 0)
		return rc;
	if (digests_check_signature(&s->m->at, &sums, &sig, &key, e) < 0)
		return err_wrap(e, "%s", place);
	rc = digests_find(&sums, place, s->file, s->d, e);
	if (rc <= 0)
		return rc;
	line = steal(&s->d->source);
	s->d->source = xasprintf("%s, signed by %s", line, key);
	return x && keep(s, &sums, &sig, e) < 0 ? -1 : 1;
}

/* Of several failures the one that is reported is a broken connection, since a retry may end it; else the first. */
static int from_mirrors(const struct search *s, struct version v, struct err *e)
{
	auto_strv char **places = mirror_places(s->m, v, "SHA256SUMS");
	auto_mirror struct mirror x = { 0 };

	if (mirror_open(s->m, &x, e) < 0)
		return -1;
	for (size_t i = 0; places && places[i]; i++) {
		struct err why = { 0 };
		int rc = from_place(s, &x, places[i], &why);

		if (rc > 0) {
			err_clear(e);
			return 1;
		}
		if (rc < 0) {
			log_debug("%s", why.msg);
			if (e->class == ERR_NONE || why.class == ERR_PENDING)
				*e = why;
		}
	}
	return e->class == ERR_NONE ? 0 : -1;
}

int sums_lookup(const struct machine *m, struct version v, const char *file, bool network, struct digests_entry *d,
		struct err *e)
{
	auto_free char *kept = xasprintf("%s/SHA256SUMS-v" VERSION_FMT, m->at.cache, VERSION_ARGS(v));
	auto_free char *copied = xasprintf("%s/SHA256SUMS", m->at.cache);
	const struct search s = { .m = m, .file = file, .kept = kept, .d = d };
	int rc;

	if (!digests_have_keys(&m->at))
		return 0;
	rc = from_place(&s, NULL, kept, e);
	if (rc == 0)
		rc = from_place(&s, NULL, copied, e);
	if (rc != 0)
		return rc;
	if (network)
		return from_mirrors(&s, v, e);
	if (m->conf.release_urls)
		return err_set(e, ERR_PENDING, "a signed SHA256SUMS for %s has to be fetched", file);
	return 0;
}
