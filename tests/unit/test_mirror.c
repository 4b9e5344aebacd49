/* SPDX-License-Identifier: Apache-2.0
 *
 * release/mirror, release/download: what a download child in a stranger's hand can do. The test is that child: it has
 * its own fetch() in place of that of adapter/fetch.
 */
#include "machine_fixture.h"

#include <signal.h>
#include <sys/stat.h>

#include "base/text.h"
#include "release/mirror.h"
#include "release/tarball.h"

#define URL   "http://127.0.0.1:9"
#define RIGHT "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c" /* of "foo\n" */

/* What the child does with its input. */
static void (*hostile)(const struct fetch *f, struct fetch_result *r);

bool fetch_is_url(const char *text)
{
	return text_starts(text, "http://");
}

void fetch(const struct fetch *f, struct fetch_result *result)
{
	hostile(f, result);
}

static void assert_text(const char *text, size_t room)
{
	const char *end = memchr(text, '\0', room);

	assert_non_null(end);
	for (; text < end; text++)
		assert_in_range(*text, 0x20, 0x7e);
}

static struct fetch_result fetch_by(void (*child)(const struct fetch *, struct fetch_result *), int fd)
{
	const struct mirror x = { .proxy = NULL };
	struct fetch_result r;

	hostile = child;
	mirror_fetch(&x, (struct fetch){ .url = URL, .fd = fd, .max_bytes = 4096 }, &r);
	return r;
}

/* --- What comes back. */

static void fill_all(const struct fetch *f, struct fetch_result *r)
{
	(void)f;
	memset(r, 0x1b, sizeof(*r));
}

static void its_texts_end_and_are_printable(void **state)
{
	const struct fetch_result r = fetch_by(fill_all, -1);

	(void)state;
	assert_text(r.why.msg, sizeof(r.why.msg));
	assert_text(r.why.hint, sizeof(r.why.hint));
	assert_text(r.etag, sizeof(r.etag));
	assert_int_equal(r.why.class, ERR_VERIFY);
}

/* A transfer that can be resumed, with what would be written into a file and printed. */
static void fill_texts(const struct fetch *f, struct fetch_result *r)
{
	if (write(f->fd, "half", 4) != 4)
		return;
	memset(r->why.msg, 0xc3, sizeof(r->why.msg));
	memset(r->etag, '\n', sizeof(r->etag));
	r->why.class = ERR_PENDING;
	r->bytes = UINT64_MAX;
}

static void die(const struct fetch *f, struct fetch_result *r)
{
	(void)f;
	(void)r;
	(void)raise(SIGKILL);
}

/* --- What becomes of a file. */

static int get(const struct machine *m, void (*child)(const struct fetch *, struct fetch_result *), struct err *e)
{
	auto_tarball struct tarball t = { .fd = -1 };
	const struct version v = { 3, 6, 14 };

	hostile = child;
	return tarball_get(m, v, TARBALL_AGAIN, &t, e);
}

static void open_with_mirror(struct machine *m)
{
	auto_free char *file = version_tarball((struct version){ 3, 6, 14 }), *line = xasprintf(RIGHT "  %s\n", file);

	machine_free(m);
	open_machine(m, "NAME=n1\nRELEASE=3.6.14\nRELEASE_URL=" URL "\n");
	put_file("/etc/etcd/releases.sha256.d/own", line);
}

static void what_it_says_is_neither_written_nor_printed_as_it_is(void **state)
{
	auto_free char *file = version_tarball((struct version){ 3, 6, 14 }), *path = NULL;
	struct machine *m = *state;
	auto_buf struct buf tag = { 0 };
	struct err er = { 0 };

	open_with_mirror(m);
	assert_int_equal(get(m, fill_texts, &er), -1);
	assert_int_equal(er.class, ERR_PENDING);
	assert_text(er.msg, sizeof(er.msg));
	path = xasprintf("%s/%s.etag", m->at.cache, file);
	assert_ok(file_read(path, 4096, &tag, e));
	assert_text(buf_str(&tag), tag.len + 1);
	assert_err(get(m, die, e), ERR_VERIFY, "killed (signal 9)");
}

/* Wrong bytes, and the right digest of other ones. */
static void lie(const struct fetch *f, struct fetch_result *r)
{
	static const char right[] = RIGHT;

	if (write(f->fd, "bar\n", 4) != 4)
		return;
	for (size_t i = 0; i < DIGEST_LEN; i++) {
		const char byte[] = { right[2 * i], right[2 * i + 1], '\0' };

		r->digest[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	r->bytes = 4;
}

static void be_honest(const struct fetch *f, struct fetch_result *r)
{
	lie(f, r);
	if (pwrite(f->fd, "foo\n", 4, 0) != 4)
		r->why.class = ERR_FAIL;
}

static void a_digest_that_it_claims_proves_nothing(void **state)
{
	struct machine *m = *state;

	open_with_mirror(m);
	assert_err(get(m, lie, e), ERR_VERIFY, "has the wrong SHA-256");
	/* What it left does not stand in the way of an honest one. */
	assert_ok(get(m, be_honest, e));
}

static void write_more(const struct fetch *f, struct fetch_result *r)
{
	static const char block[1024];

	for (int i = 0; i < 64; i++)
		r->bytes += write(f->fd, block, sizeof(block)) > 0 ? sizeof(block) : 0;
}

static void its_file_does_not_grow_beyond_the_limit(void **state)
{
	auto_free char *path = root_path("/file");
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const struct fetch_result r = fetch_by(write_more, fd);

	(void)state;
	assert_int_equal(r.bytes, 4096);
	assert_int_equal(lseek(fd, 0, SEEK_END), 4096);
}

/* --- What it can do meanwhile. The sanitizers do not work in the filter (jail.c): this file is built without, too. */

#if !defined(__SANITIZE_ADDRESS__)
static char *victim; /* a file that belongs to the user of this test */

/* A letter for each call that succeeded. */
static void try_all(const struct fetch *f, struct fetch_result *r)
{
	char *done = r->etag;

	(void)f;
	*done = '\0';
	if (open(victim, O_WRONLY | O_CLOEXEC) >= 0 || open(victim, O_RDONLY | O_TRUNC | O_CLOEXEC) >= 0)
		(void)strcat(done, "w");
	if (truncate(victim, 0) == 0 || chmod(victim, 0777) == 0 || chown(victim, 1, 1) == 0)
		(void)strcat(done, "c");
	if (unlink(victim) == 0 || rename(victim, "/tmp/etcd-cluster-moved") == 0 ||
	    link(victim, "/tmp/etcd-cluster-link") == 0 || symlink(victim, "/tmp/etcd-cluster-link") == 0)
		(void)strcat(done, "n");
	if (kill(getppid(), 0) == 0)
		(void)strcat(done, "k");
	if (fork() >= 0)
		(void)strcat(done, "f");
	if (setuid(0) == 0)
		(void)strcat(done, "u");
	if (socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0)
		(void)strcat(done, "s");
	/* If it succeeded, the child would say nothing. */
	(void)execl("/bin/true", "true", NULL);
	r->bytes = 1;
}

static void it_changes_no_file_and_starts_no_program(void **state)
{
	struct fetch_result r;

	(void)state;
	put_file("/victim", "text");
	victim = root_path("/victim");
	r = fetch_by(try_all, -1);
	assert_string_equal(r.etag, "");
	assert_int_equal(r.bytes, 1);
	assert_file("/victim", "text");
	free(victim);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_texts_end_and_are_printable),
		WITH_MACHINE(what_it_says_is_neither_written_nor_printed_as_it_is),
		WITH_MACHINE(a_digest_that_it_claims_proves_nothing),
		WITH_ROOT(its_file_does_not_grow_beyond_the_limit),
#if !defined(__SANITIZE_ADDRESS__)
		WITH_ROOT(it_changes_no_file_and_starts_no_program),
#endif
	};

	return cmocka_run_group_tests_name("mirror", tests, NULL, NULL);
}
