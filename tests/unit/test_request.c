/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests between members: what is signed, what is refused, and the journal.
 */
#include "cluster/request.h"

#include <string.h>

#include "adapter/x509_csr.h"
#include "adapter/x509_key.h"
#include "base/text.h"
#include "certify_fixture.h"
#include "pki/pair.h"

#define CLUSTER 0xc1
#define ID	"0123456789abcdef0123456789abcdef"
#define OTHER	"00000000000000000000000000000001"

struct scene {
	struct machine m;
	struct buf ca;
	char *url_1[2], *url_2[2], *revoked[2], *known[2];
	struct rpc_member members[2];
	struct rpc_members list;
	struct request asked;
	struct request_facts f;
	char *text; /* as it arrives */
};

static char name_1[] = "n1", name_2[] = "n2", url_1[] = "https://10.0.0.1:2380", url_2[] = "https://10.0.0.2:2380";
static char what[] = "restart", other_id[] = OTHER, own_id[] = ID;

static void scene(struct scene *c)
{
	auto_free char *ca = NULL;

	*c = (struct scene){ .url_1 = { url_1 },
			     .url_2 = { url_2 },
			     .known = { other_id },
			     .asked = { .cluster = CLUSTER,
					.from = 1,
					.to = 2,
					.id = ID,
					.expires = NOW + 600,
					.name = name_1,
					.what = what } };
	open_machine(&c->m, "NAME=n1\nADDRESS=10.0.0.1\n");
	if (!file_exists(c->m.at.pki))
		ensure(&c->m, 1);
	ca = machine_pki_path(&c->m, "ca", "crt");
	assert_ok(file_read(ca, PKI_FILE_MAX, &c->ca, e));
	c->members[0] = (struct rpc_member){ .id = 1, .name = name_1, .peer_urls = c->url_1 };
	c->members[1] = (struct rpc_member){ .id = 2, .name = name_2, .peer_urls = c->url_2 };
	c->list = (struct rpc_members){ CLUSTER, c->members, 2 };
	c->f = (struct request_facts){
		.ca = &c->ca, .peer_cn = "etcd-peer", .list = &c->list, .own = 2, .known = c->known, .now = NOW
	};
}

static void scene_free(struct scene *c)
{
	free(c->text);
	buf_free(&c->ca);
	machine_free(&c->m);
}

static void sign(struct scene *c)
{
	struct err e = { 0 };

	free(c->text);
	c->text = request_sign(&c->m, &c->asked, &e);
	if (!c->text)
		fail_msg("%s", e.msg);
}

/* The line with another certificate of this machine, signed by its key. */
static void sign_as(struct scene *c, const char *pair_name)
{
	auto_pair struct pki_pair pair = { 0 };
	auto_strv char **words = text_split(c->text, " ");
	auto_buf struct buf line = { 0 };

	assert_ok(pki_pair_load(&c->m, pair_name, true, &pair, e));
	for (size_t i = 0; i < 10; i++)
		buf_printf(&line, "%s ", words[i]);
	x509_cert_put(pair.cert, &line);
	buf_puts(&line, " ");
	assert_ok(x509_key_sign(pair.key, line.data, line.len, &line, e));
	free(c->text);
	c->text = xstrdup(buf_str(&line));
}

static void nothing(struct scene *c)
{
	(void)c;
}

static void swap(struct scene *c, const char *from, const char *to)
{
	char *at = strstr(c->text, from);

	assert_non_null(at);
	memcpy(at, to, strlen(to));
}

static void other_word(struct scene *c)
{
	swap(c, " restart ", " upgrade ");
}

static void other_time(struct scene *c)
{
	swap(c, " 1800000600 ", " 1800000601 ");
}

static void cut(struct scene *c)
{
	c->text[strlen(c->text) - 1] = '\0';
}

static void more(struct scene *c)
{
	char *longer = xasprintf("%s more", c->text);

	free(c->text);
	c->text = longer;
}

static void garbage(struct scene *c)
{
	free(c->text);
	c->text = xstrdup("garbage");
}

static void of_server(struct scene *c)
{
	sign_as(c, "server");
}

static void of_client(struct scene *c)
{
	sign_as(c, "etcdctl-etcd-client");
}

static void other_ca(struct scene *c)
{
	remove_path("/etc/etcd/pki");
	ensure(&c->m, 1);
	sign(c);
}

static void other_cluster(struct scene *c)
{
	c->asked.cluster = 7;
	sign(c);
}

static void other_machine(struct scene *c)
{
	c->asked.to = 3;
	sign(c);
}

static void removed(struct scene *c)
{
	c->asked.from = 9;
	sign(c);
}

static void learner(struct scene *c)
{
	c->members[0].is_learner = true;
}

static void renamed(struct scene *c)
{
	c->members[0].name = name_2;
}

static void elsewhere(struct scene *c)
{
	c->url_1[0] = url_2;
}

static void of_other_member(struct scene *c)
{
	c->asked.from = 2;
	c->asked.name = name_2;
	sign(c);
}

static void expired(struct scene *c)
{
	c->asked.expires = NOW;
	sign(c);
}

static void too_long(struct scene *c)
{
	c->asked.expires = NOW + REQUEST_SECONDS + 1;
	sign(c);
}

static void just(struct scene *c)
{
	c->asked.expires = NOW + 1;
	sign(c);
}

static void again(struct scene *c)
{
	c->known[0] = own_id;
}

static void out_of_date(struct scene *c)
{
	c->f.now = NOW + 20 * 365 * (time_t)DAY;
}

static void is_revoked(struct scene *c)
{
	auto_pair struct pki_pair pair = { 0 };

	assert_ok(pki_pair_load(&c->m, "peer", true, &pair, e));
	c->revoked[0] = xstrdup(pair.info.serial);
	c->f.revoked = c->revoked;
}

static void test_check(void **state)
{
	static const struct {
		void (*change)(struct scene *c);
		const char *words; /* NULL: it is an order */
	} table[] = {
		{ nothing, NULL },
		{ just, NULL },
		{ garbage, "not a request that this version" },
		{ more, "not a request that this version" },
		{ other_word, "its signature is not that of its certificate" },
		{ other_time, "its signature is not that of its certificate" },
		{ cut, "its signature is not that of its certificate" },
		{ of_server, "is not one of a peer" },
		{ of_client, "its certificate cannot be used: unsuitable certificate purpose" },
		{ other_ca, "not one of the CA that is known here" },
		{ is_revoked, "its certificate is revoked" },
		{ out_of_date, "expired" },
		{ other_cluster, "it is for the cluster 0000000000000007" },
		{ other_machine, "it is for the member 0000000000000003" },
		{ removed, "0000000000000009 that asks is not in the cluster" },
		{ learner, "is not a voting member n1" },
		{ renamed, "is not a voting member n1" },
		{ elsewhere, "not for the address of n1" },
		{ of_other_member, "not for the address of n2" },
		{ expired, "it has expired" },
		{ too_long, "longer than an hour" },
		{ again, "carried out before" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		auto_request struct request r = { 0 };
		struct err e = { 0 };
		struct scene c;
		int rc;

		scene(&c);
		sign(&c);
		table[i].change(&c);
		rc = request_check(c.text, &c.f, &r, &e);
		if (rc != (table[i].words ? -1 : 0) ||
		    (table[i].words && (e.class != ERR_VERIFY || !strstr(e.msg, table[i].words))))
			fail_msg("row %zu: %d, class %d: %s", i, rc, (int)e.class, e.msg);
		if (rc == 0) {
			assert_string_equal(r.what, "restart");
			assert_string_equal(r.name, "n1");
			assert_null(r.argument);
			assert_false(r.allow_outage);
		}
		free(c.revoked[0]);
		scene_free(&c);
	}
}

/* Each byte of the text counts: no change of one is an order. */
static void test_every_byte(void **state)
{
	struct scene c;
	size_t len;

	(void)state;
	scene(&c);
	sign(&c);
	len = strlen(c.text);
	for (size_t i = 0; i < len; i += i < 200 ? 1 : 7) {
		auto_request struct request r = { 0 };
		const char was = c.text[i];
		struct err e = { 0 };

		c.text[i] = was == '0' ? '1' : '0';
		if (request_check(c.text, &c.f, &r, &e) == 0)
			fail_msg("byte %zu: %s", i, c.text);
		c.text[i] = was;
	}
	scene_free(&c);
}

static void test_journal(void **state)
{
	struct machine *m = *state;
	struct request_journal j cleanup(request_journal_free) = { 0 };
	struct request_journal back cleanup(request_journal_free) = { 0 };
	char words[] = "etcd does not come back";
	struct request_entry one = { .id = ID, .state = REQUEST_BEGUN, .revision = 7, .when = NOW };
	struct request_entry two = { .id = OTHER, .state = REQUEST_DONE, .revision = 9, .when = NOW };

	assert_ok(request_journal_read(m, &j, e));
	assert_int_equal(j.n, 0);
	assert_ok(request_journal_put(m, &j, &one, e));
	assert_ok(request_journal_put(m, &j, &two, e));
	one.state = REQUEST_FAILED;
	one.words = words;
	assert_ok(request_journal_put(m, &j, &one, e));
	assert_ok(request_journal_read(m, &back, e));
	assert_int_equal(back.n, 2);
	assert_string_equal(back.list[0].id, OTHER);
	assert_int_equal(back.list[1].state, REQUEST_FAILED);
	assert_int_equal(back.list[1].revision, 7);
	assert_string_equal(back.list[1].words, words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(test_check),
		WITH_ROOT(test_every_byte),
		WITH_MACHINE(test_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
