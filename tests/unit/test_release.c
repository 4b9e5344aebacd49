/* SPDX-License-Identifier: Apache-2.0
 *
 * release/release, release/switch: the present and the wanted release, without downloads and without etcd.
 */
#include "machine_fixture.h"

#include "release/release.h"

/* The wanted release, and whether cluster.conf sets it. */
static struct machine *want_release(void **state, const char *release, bool from_conf)
{
	struct machine *m = *state;

	m->conf.release = xstrdup(release);
	m->conf.release_given = from_conf;
	return m;
}

/* An installed release with programs of one byte. */
static void put_release(const struct machine *m, const char *name)
{
	auto_free char *dir = release_dir(m, name);
	struct release_record r = { .sha256 = "00", .source = "here", .trust = "me" };

	assert_true(version_parse(name, &r.version));
	assert_ok(file_mkdirs(dir, FILE_MODE(0755), e));
	for (int i = 0; i < RELEASE_BINARIES; i++) {
		auto_free char *path = xasprintf("%s/%s", dir, release_binary_names[i]);

		assert_ok(file_replace(path, FILE_MODE(0755), "x", 1, e));
	}
	release_look(dir, r.binaries);
	for (int i = 0; i < RELEASE_BINARIES; i++)
		memset(r.binaries[i].sha256, 'a', DIGEST_HEX - 1);
	assert_ok(release_record_write(dir, &r, "name\ndata-dir\n", e));
}

static void assert_current(const struct machine *m, const char *name)
{
	struct release r;
	struct err none = { 0 };

	assert_int_equal(release_current(m, &r, &none), 1);
	assert_string_equal(r.name, name);
	release_free(&r);
}

static void a_release_is_found_with_its_options(void **state)
{
	struct machine *m = want_release(state, "3.6.14", true);
	auto_strv char **options = NULL;
	struct err none = { 0 };
	struct release r;

	assert_int_equal(release_current(m, &r, &none), 0);
	put_release(m, "v3.6.14");
	assert_int_equal(release_ensure(m, TARBALL_CACHE, false, &none), 1);
	assert_int_equal(release_ensure(m, TARBALL_CACHE, false, &none), 0);
	assert_int_equal(release_current(m, &r, &none), 1);
	assert_int_equal(r.version.patch, 14);
	assert_ok(release_options(&r, &options, e));
	assert_int_equal(strv_len(options), 2);
	assert_string_equal(options[1], "data-dir");
	release_free(&r);
}

static void a_release_to_fetch_is_pending(void **state)
{
	struct machine *m = want_release(state, "3.6.14", true);
	auto_free char *line = NULL, *path = xasprintf("%s/x", m->at.admin_digests), *file = NULL;
	struct err none = { 0 };

	assert_err(release_ensure(m, TARBALL_CACHE, false, e), ERR_VERIFY, "no trusted digest");
	file = tarball_name((struct version){ 3, 6, 14 }, &none);
	line = xasprintf("%064d  %s\n", 0, file);
	assert_ok(file_mkdirs(m->at.admin_digests, FILE_MODE(0755), e));
	assert_ok(file_replace(path, FILE_MODE(0644), line, strlen(line), e));
	assert_err(release_ensure(m, TARBALL_CACHE, false, e), ERR_PENDING, "has to be fetched");
	strv_free(m->conf.release_urls);
	m->conf.release_urls = NULL;
	assert_err(release_ensure(m, TARBALL_ANY, false, e), ERR_PENDING, "forbids fetching");
	assert_false(file_exists(m->at.releases));
}

static void the_current_release_stays_unless_cluster_conf_names_another(void **state)
{
	struct machine *m = want_release(state, "3.6.14", false);
	struct err none = { 0 };

	put_release(m, "v3.6.13");
	put_release(m, "v3.6.14");
	assert_int_equal(release_use(m, "v3.6.13", &none), 1);
	assert_int_equal(release_ensure(m, TARBALL_CACHE, false, &none), 0); /* a newer default changes nothing */
	assert_current(m, "v3.6.13");
	m->conf.release_given = true;
	assert_int_equal(release_ensure(m, TARBALL_CACHE, true, &none),
			 0); /* a member gets a warning and is not switched */
	assert_current(m, "v3.6.13");
	assert_int_equal(release_ensure(m, TARBALL_CACHE, false, &none), 1);
	assert_current(m, "v3.6.14");
	assert_int_equal(release_rollback(m, &none), 1);
	assert_current(m, "v3.6.13");
}

static void no_release_is_guessed_for_a_member(void **state)
{
	struct machine *m = want_release(state, "3.6.14", false);
	struct err none = { 0 };

	put_release(m, "v3.6.14");
	assert_err(release_ensure(m, TARBALL_CACHE, true, e), ERR_CONFIG, "is missing");
	m->conf.release_given = true;
	assert_int_equal(release_ensure(m, TARBALL_CACHE, true, &none), 1);
}

/* An archive from a package, without a digest: it counts as a local release, and is refused when it is needed. */
static void put_archive(const struct machine *m, struct version v)
{
	struct err none = { 0 };
	auto_free char *file = tarball_name(v, &none), *path = xasprintf("%s/%s", m->at.bundle, file);

	assert_ok(file_mkdirs(m->at.bundle, FILE_MODE(0755), e));
	assert_ok(file_replace(path, FILE_MODE(0644), "x", 1, e));
}

static void the_only_local_release_wins_over_the_default(void **state)
{
	struct machine *m = want_release(state, "3.6.14", false);
	struct err none = { 0 };

	put_archive(m, (struct version){ 3, 5, 33 });
	assert_err(release_ensure(m, TARBALL_CACHE, false, e), ERR_VERIFY, "etcd-v3.5.33-");
	put_release(m, "v3.5.33"); /* the same, unpacked */
	assert_int_equal(release_ensure(m, TARBALL_CACHE, false, &none), 1);
	assert_current(m, "v3.5.33");
	put_archive(m, (struct version){ 3, 6, 13 }); /* the current release stays */
	assert_int_equal(release_ensure(m, TARBALL_CACHE, false, &none), 0);
}

static void of_several_local_releases_none_is_guessed(void **state)
{
	struct machine *m = want_release(state, "3.6.14", false);
	struct err none = { 0 };

	put_release(m, "v3.5.33");
	m->conf.release_given = true;
	assert_err(release_ensure(m, TARBALL_CACHE, false, e), ERR_VERIFY, "etcd-v3.6.14-");
	m->conf.release_given = false;
	put_archive(m, (struct version){ 3, 5, 34 });
	assert_err(release_ensure(m, TARBALL_CACHE, false, e), ERR_VERIFY, "etcd-v3.6.14-");
	put_release(m, "v3.6.14"); /* the default is among them */
	assert_int_equal(release_ensure(m, TARBALL_CACHE, false, &none), 1);
	assert_current(m, "v3.6.14");
}

static void damage_to_a_release_is_noticed(void **state)
{
	struct machine *m = want_release(state, "3.6.14", true);
	auto_free char *etcdctl = NULL, *record = NULL;
	struct err none = { 0 };
	struct release r;

	put_release(m, "v3.6.14");
	assert_int_equal(release_use(m, "v3.6.14", &none), 1);
	etcdctl = xasprintf("%s/v3.6.14/etcdctl", m->at.releases);
	record = xasprintf("%s/v3.6.14/.release", m->at.releases);
	assert_ok(file_replace(etcdctl, FILE_MODE(0755), "xx", 2, e));
	assert_err(release_current(m, &r, e), ERR_FAIL, "is damaged");
	assert_ok(file_replace(etcdctl, FILE_MODE(0755), "x", 1, e));
	assert_current(m, "v3.6.14");
	assert_ok(file_replace(record, FILE_MODE(0644), "VERSION=3.6.14\nETCD_SIZE=none\n", 30, e));
	assert_err(release_current(m, &r, e), ERR_FAIL, "is damaged");
	assert_ok(file_replace_link(m->at.current, "../../etc", e));
	assert_err(release_current(m, &r, e), ERR_FAIL, "not a link to a release");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(a_release_is_found_with_its_options),
		WITH_MACHINE(a_release_to_fetch_is_pending),
		WITH_MACHINE(the_current_release_stays_unless_cluster_conf_names_another),
		WITH_MACHINE(no_release_is_guessed_for_a_member),
		WITH_MACHINE(the_only_local_release_wins_over_the_default),
		WITH_MACHINE(of_several_local_releases_none_is_guessed),
		WITH_MACHINE(damage_to_a_release_is_noticed),
	};

	return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
