/* SPDX-License-Identifier: Apache-2.0
 *
 * pki/rotate, and which CAs and certificates of a CA host are taken (pki/made). tests/cluster/rotate.bats has it with
 * real etcd.
 */
#include "certify_fixture.h"

#include "adapter/x509_key.h"
#include "adapter/x509_pool.h"
#include "base/clock.h"
#include "pki/ca.h"
#include "pki/crl.h"
#include "pki/made.h"
#include "pki/rotate.h"
#include "pki/sign.h"

#define CONF "NAME=n1\nADDRESS=10.0.0.1\nCLIENT_PORT=1\nPEER_PORT=2\n" /* ports on which nobody listens */

static int setup_ca(void **state)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	int rc = root_setup(state);

	open_machine(m, CONF);
	ensure(m, 1);
	free(shell("cp -r pki before"));
	*state = m;
	return rc;
}

/* A call that must end with this result; prints its error. */
#define assert_rc(call, want)                                                                                          \
	do {                                                                                                           \
		struct err e_ = { 0 };                                                                                 \
		struct err *e = &e_;                                                                                   \
		int rc_ = (call);                                                                                      \
		if (rc_ != (want))                                                                                     \
			fail_msg("%s: %d instead of %d: %s (%s)", #call, rc_, want, e_.msg, e_.hint);                  \
	} while (0)

#define WITH_CA(f) cmocka_unit_test_setup_teardown(f, setup_ca, machine_teardown)

/* Every certificate verifies, with what is sent behind it, for whoever trusts this file alone. */
static void assert_accepted_by(const char *pool)
{
	auto_free char *script =
		xasprintf("for c in server peer etcdctl-etcd-client healthcheck-client apiserver-etcd-client; do "
			  "openssl verify -attime 1800200000 -partial_chain -CAfile '%s' -untrusted pki/$c.crt "
			  "pki/$c.crt >&2; done",
			  pool);

	free(shell(script));
}

static void assert_stage(const struct machine *m, enum pki_stage stage)
{
	auto_rotation struct pki_rotation r = { 0 };

	assert_ok(pki_rotation_load(m, &r, e));
	assert_int_equal(r.stage, stage);
	assert_int_equal(r.other != NULL, stage != PKI_STEADY);
	assert_true(x509_key_matches(r.ca.key, r.ca.cert));
}

static void from_begin_to_finish(void **state)
{
	struct machine *m = *state;

	assert_stage(m, PKI_STEADY);
	m->now += DAY;
	assert_rc(pki_rotate_begin(m, e), 1);
	assert_stage(m, PKI_ROTATING);
	/* The new one is first, the former one second, and its key is kept. The keys of the leaves stay. */
	free(shell("test $(grep -c BEGIN pki/ca.crt) = 2 && test $(grep -c BEGIN pki/server.crt) = 2 && "
		   "cmp pki/ca-former.key before/ca.key && test $(stat -c %a pki/ca-former.key) = 600 && "
		   "tail -c $(stat -c %s before/ca.crt) pki/ca.crt | cmp - before/ca.crt && "
		   "for k in server peer etcdctl-etcd-client; do cmp pki/$k.key before/$k.key; done && "
		   "! cmp -s pki/ca.key before/ca.key && "
		   "openssl x509 -in pki/ca.crt > new.crt"));
	assert_accepted_by("before/ca.crt");
	assert_accepted_by("new.crt");
	assert_settled(m);
	assert_rc(pki_rotate_begin(m, e), 0);
	/* A leaf that is made meanwhile carries the cross-certificate, too. */
	free(shell("rm pki/server.crt"));
	ensure(m, 1);
	assert_accepted_by("before/ca.crt");
	assert_rc(pki_rotate_finish(m, e), 1);
	assert_stage(m, PKI_STEADY);
	free(shell("cmp pki/ca.crt new.crt && test ! -e pki/ca-former.key && "
		   "! find . -path ./before -prune -o -name 'ca*.key' -print | grep -v '^./pki/ca.key$'"));
	assert_rc(pki_rotate_finish(m, e), 0);
	assert_settled(m);
	/* An etcd that still has the former pool goes on to accept what is issued. */
	free(shell("rm pki/peer.crt"));
	ensure(m, 1);
	assert_accepted_by("before/ca.crt");
	assert_accepted_by("new.crt");
	/* Another rotation begins from there. */
	assert_rc(pki_rotate_begin(m, e), 1);
	assert_stage(m, PKI_ROTATING);
	assert_accepted_by("new.crt");
}

static void an_abort(void **state)
{
	struct machine *m = *state;

	assert_err(pki_rotate_abort(m, e), ERR_CONFIG, "no rotation is under way");
	assert_rc(pki_rotate_begin(m, e), 1);
	free(shell("openssl x509 -in pki/ca.crt > new.crt"));
	assert_rc(pki_rotate_abort(m, e), 1);
	assert_stage(m, PKI_ABORTED);
	free(shell("cmp pki/ca.key before/ca.key && test ! -e pki/ca-former.key && "
		   "test $(grep -c BEGIN pki/ca.crt) = 2 && test $(grep -c BEGIN pki/server.crt) = 1"));
	assert_accepted_by("before/ca.crt");
	assert_settled(m);
	assert_rc(pki_rotate_abort(m, e), 0);
	assert_err(pki_rotate_begin(m, e), ERR_CONFIG, "ca rotate --finish");
	assert_rc(pki_rotate_finish(m, e), 1);
	assert_stage(m, PKI_STEADY);
	free(shell("cmp pki/ca.crt before/ca.crt"));
	assert_settled(m);
	assert_rc(pki_rotate_begin(m, e), 1);
	assert_stage(m, PKI_ROTATING);
	/* Without the former key there is no way back. */
	free(shell("rm pki/ca-former.key"));
	assert_err(pki_rotate_abort(m, e), ERR_CONFIG, "is not on this machine");
}

static void refusals(void **state)
{
	struct machine *m = *state;

	m->dry_run = true;
	assert_rc(pki_rotate_begin(m, e), 1);
	assert_stage(m, PKI_STEADY);
	m->dry_run = false;
	free(shell("mv pki/ca.key kept"));
	assert_err(pki_rotate_begin(m, e), ERR_CONFIG, "ca.key is missing");
	free(shell("mv kept pki/ca.key"));
	/* As openssl makes it: without a limit. */
	free(shell(
		"rm -rf pki pki.old; mkdir pki; openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=own -days 3000 "
		"-addext keyUsage=critical,keyCertSign -keyout pki/ca.key -out pki/ca.crt && chmod 600 pki/ca.key && "
		"cp -r pki own"));
	ensure(m, 1);
	assert_rc(pki_rotate_begin(m, e), 1);
	assert_accepted_by("own/ca.crt");
	assert_settled(m);
}

/* A CA that may not sign another one: trust, issue, drop. */
static void in_three_stages(void **state)
{
	struct machine *m = *state;

	free(shell("rm -rf pki pki.old; mkdir pki; openssl req -x509 -newkey ed25519 -nodes -subj /CN=old -days 3000 "
		   "-addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign "
		   "-keyout pki/ca.key -out pki/ca.crt && chmod 600 pki/ca.key"));
	ensure(m, 1);
	free(shell("rm -r before; cp -r pki before"));
	assert_rc(pki_rotate_begin(m, e), 1);
	assert_stage(m, PKI_TRUSTING);
	free(shell("for f in ca.key server.crt peer.key; do cmp pki/$f before/$f; done && test -e pki/ca-next.key && "
		   "test $(grep -c BEGIN pki/ca.crt) = 2 && cp pki/ca.crt both.crt"));
	assert_settled(m);
	assert_err(pki_rotate_finish(m, e), ERR_CONFIG, "does not issue yet");
	assert_rc(pki_rotate_begin(m, e), 1);
	assert_stage(m, PKI_ROTATING);
	free(shell("test ! -e pki/ca-next.key && cmp pki/ca-former.key before/ca.key && openssl x509 -in pki/ca.crt > "
		   "new.crt"));
	assert_accepted_by("both.crt");
	assert_accepted_by("new.crt");
	assert_settled(m);
	assert_rc(pki_rotate_abort(m, e), 1);
	assert_accepted_by("before/ca.crt");
	assert_rc(pki_rotate_finish(m, e), 1);
	free(shell("cmp pki/ca.crt before/ca.crt"));
	assert_rc(pki_rotate_begin(m, e), 1);
	assert_rc(pki_rotate_abort(m, e), 1);
	assert_stage(m, PKI_ABORTED);
	free(shell("test ! -e pki/ca-next.key && cmp pki/ca.key before/ca.key"));
	assert_rc(pki_rotate_finish(m, e), 1);
	assert_settled(m);
}

static void the_list_keeps_its_number(void **state)
{
	auto_free char *file = xasprintf("%s/list", root);
	auto_buf struct buf der = { 0 };
	struct machine *m = *state;
	char *serials[] = { (char[]){ "0badcafe" }, NULL };
	int64_t number;

	assert_rc(pki_crl_write(m, file, serials, e), 1);
	assert_ok(file_read(file, 1 << 16, &der, e));
	assert_rc(pki_crl_take(m, &der, e), 1);
	number = pki_crl_number(m);
	assert_true(number > 0);
	m->now += DAY;
	assert_rc(pki_rotate_begin(m, e), 1);
	assert_int_equal(pki_crl_number(m), number);
	free(shell("openssl x509 -in pki/ca.crt > new.crt && "
		   "openssl crl -inform DER -in pki/crl.der -CAfile new.crt -noout 2>&1 | grep 'verify OK'"));
	/* That of the enrolment server follows, with the same number, and is no news. */
	assert_rc(pki_crl_write(m, file, serials, e), 1);
	assert_rc(pki_crl_write(m, file, serials, e), 0);
	buf_free(&der);
	assert_ok(file_read(file, 1 << 16, &der, e));
	assert_rc(pki_crl_take(m, &der, e), 0);
	assert_rc(pki_rotate_finish(m, e), 1);
	assert_int_equal(pki_crl_number(m), number);
}

/* --- Which CAs are taken. */

/* A: the CA in use. B: the new one, X its cross-certificate. C: that of a stranger. E: one that somebody added. */
static struct pool {
	struct pki_pair a, b, c, e;
	struct buf forged, other_key, leaf, late;
} p;

static void cross(const struct pki_pair *signer, const char *cn, x509_key *key, bool ca, time_t end, struct buf *out)
{
	const struct x509_request r = {
		.cn = cn, .ca = ca, .below = ca, .client = true, .not_before = signer->info.not_before, .not_after = end
	};
	struct err why = { 0 };
	auto_cert x509_cert *cert = x509_issue(&r, key, signer->cert, signer->key, &why);

	assert_non_null(cert);
	x509_cert_pem(cert, out);
}

static int setup_pool(void **state)
{
	struct machine *m;
	int rc = setup_ca(state);

	m = *state;
	memset(&p, 0, sizeof(p));
	assert_ok(pki_pair_load(m, "ca", false, &p.a, e));
	assert_ok(pki_sign_ca(m, &p.b, e));
	assert_ok(pki_sign_ca(m, &p.c, e));
	assert_ok(pki_sign_ca(m, &p.e, e));
	assert_ok(pki_sign_cross(&p.a, &p.b, e));
	cross(&p.c, p.b.info.cn, p.b.key, true, m->now + DAY, &p.forged);
	cross(&p.a, p.b.info.cn, p.c.key, true, m->now + DAY, &p.other_key);
	cross(&p.a, p.b.info.cn, p.b.key, false, m->now + DAY, &p.leaf);
	cross(&p.a, p.b.info.cn, p.b.key, true, m->now - 60, &p.late);
	return rc;
}

static int teardown_pool(void **state)
{
	pki_pair_free(&p.a);
	pki_pair_free(&p.b);
	pki_pair_free(&p.c);
	pki_pair_free(&p.e);
	buf_free(&p.forged);
	buf_free(&p.other_key);
	buf_free(&p.leaf);
	buf_free(&p.late);
	return machine_teardown(state);
}

static const struct buf *text_of(char letter)
{
	switch (letter) {
	case 'A':
		return &p.a.pem;
	case 'B':
		return &p.b.pem;
	case 'C':
		return &p.c.pem;
	case 'E':
		return &p.e.pem;
	case 'X':
		return &p.b.cross;
	case 'F':
		return &p.forged;
	case 'K':
		return &p.other_key;
	case 'L':
		return &p.leaf;
	default:
		return &p.late;
	}
}

static void put(const char *letters, struct buf *out)
{
	for (; *letters; letters++)
		buf_add(out, text_of(*letters)->data, text_of(*letters)->len);
}

/* next: NULL, it is refused. */
static const struct {
	const char *present, *host, *cross, *next;
} pools[] = {
	{ "A", "A", "", "A" },	    { "A", "BA", "X", "BA" },  { "BA", "BA", "X", "BA" }, { "BA", "B", "X", "B" },
	{ "B", "B", "X", "B" },	    { "BA", "AB", "X", "AB" }, { "AB", "A", "X", "A" },	  { "A", "AB", "X", "AB" },
	{ "AE", "BA", "X", "BAE" }, { "BAE", "B", "X", "BE" }, { "AE", "A", "", "AE" },	  { "A", "BAC", "X", "BA" },
	{ "B", "BA", "X", "B" },    { "BA", "B", "", "BA" },   { "BA", "B", "F", "BA" },  { "BA", "A", "", "AB" },
	{ "A", "BA", "", NULL },    { "A", "BA", "F", NULL },  { "A", "BA", "K", NULL },  { "A", "BA", "L", NULL },
	{ "A", "CA", "X", NULL },   { "A", "C", "", NULL },    { "A", "", "X", NULL },	  { "A", "X", "X", NULL },
	{ "A", "BA", "A", NULL },   { "B", "A", "X", NULL },
};

static void which_cas_are_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
		auto_buf struct buf present = { 0 }, host = { 0 }, x = { 0 }, want = { 0 }, next = { 0 };
		struct err why = { 0 };
		int rc;

		put(pools[i].present, &present);
		put(pools[i].host, &host);
		put(pools[i].cross, &x);
		put(pools[i].next ? pools[i].next : "", &want);
		rc = pki_pool_next(&present, &host, &x, &next, &why);
		if (!pools[i].next && rc < 0 && why.class == ERR_VERIFY)
			continue;
		if (!pools[i].next || rc != (strcmp(pools[i].next, pools[i].present) != 0) ||
		    strcmp(buf_str(&next), buf_str(&want)) != 0)
			fail_msg("%s + %s (%s): %d %s", pools[i].present, pools[i].host, pools[i].cross, rc, why.msg);
	}
}

/* What a CA host sends: a peer certificate by this CA, for this key, with this behind it. text: NULL, it is taken. */
static const struct {
	char by;
	bool own_key;
	const char *present, *host, *cross, *behind, *pool, *text;
} answers[] = {
	{ 'B', true, "A", "BA", "X", "X", "BA", NULL },
	{ 'B', true, "BA", "BA", "X", "X", "", NULL },
	{ 'A', true, "A", "A", "", "", "", NULL },
	{ 'A', true, "BA", "AB", "X", "", "AB", NULL },
	{ 'B', true, "BA", "B", "X", "X", "B", NULL },
	{ 'B', true, "A", "BA", "X", "", NULL, "does not verify" },
	{ 'B', true, "A", "BA", "D", "D", NULL, "expired" },
	{ 'B', true, "A", "BA", "F", "F", NULL, "no CA that is trusted here" },
	{ 'B', false, "A", "BA", "X", "X", NULL, "does not match its key" },
	{ 'A', true, "A", "BA", "X", "", NULL, "was not issued by this ca.crt" },
	{ 'C', true, "A", "BA", "X", "X", NULL, "was not issued by this ca.crt" },
	{ 'C', true, "A", "CA", "X", "X", NULL, "no CA that is trusted here" },
};

static void which_certificates_are_taken(void **state)
{
	const struct machine *m = *state;
	struct err why = { 0 };
	auto_key x509_key *key = x509_key_new(m->conf.key_type, &why), *other = x509_key_new(m->conf.key_type, &why);
	auto_want struct pki_want want = pki_want(m->conf.name, m->conf.address, NULL, NULL, pki_profile(PKI_PEER));
	x509_key *keys[PKI_LEAVES] = { [PKI_PEER] = key };

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct pki_pair *by = answers[i].by == 'A' ? &p.a : answers[i].by == 'B' ? &p.b : &p.c, ca, now;
		auto_buf struct buf present = { 0 }, pool = { 0 };
		auto_made struct pki_made made = { 0 };

		put(answers[i].present, &present);
		put(answers[i].host, &made.ca_pem);
		put(answers[i].cross, &made.cross);
		ca = *by;
		ca.cross = (struct buf){ 0 };
		assert_ok(pki_sign_leaf(m, &ca, &want, answers[i].own_key ? key : other, &made.cert[PKI_PEER], e));
		put(answers[i].behind, &made.cert[PKI_PEER]);
		now = answers[i].present[0] == 'A' ? p.a : p.b;
		now.pem = present;
		if (answers[i].text) {
			assert_err(pki_made_verify(m, &now, keys, &made, e), ERR_VERIFY, answers[i].text);
			assert_int_equal(made.pool.len, 0);
			continue;
		}
		assert_ok(pki_made_verify(m, &now, keys, &made, e));
		put(answers[i].pool, &pool);
		assert_string_equal(buf_str(&made.pool), buf_str(&pool));
	}
}

/* --- An exported CA, in each stage. */

static void exported(const struct machine *from, const struct machine *to, int want)
{
	auto_free char *file = xasprintf("%s/ca.pem", root), *word = xasprintf("%s/word", root);
	auto_buf struct buf more = { 0 }, none = { 0 };
	struct err why = { 0 };
	int rc;

	(void)unlink(file);
	assert_ok(file_replace(word, FILE_MODE(0600), "correct horse battery\n", 22, e));
	assert_rc(pki_ca_export(from, file, word, &none, e), 1);
	rc = pki_ca_import(to, file, word, &more, &why);
	if (rc != want)
		fail_msg("%d instead of %d: %s", rc, want, why.msg);
}

static void a_standby_follows(void **state)
{
	struct machine standby cleanup(machine_free) = { 0 };
	auto_free char *dir = xasprintf("%s/standby", root);
	struct machine *m = *state;

	assert_ok(file_mkdirs(dir, FILE_MODE(0755), e));
	open_machine_at(&standby, dir, "NAME=n2\nADDRESS=10.0.0.2\nCLIENT_PORT=1\nPEER_PORT=2\n");
	exported(m, &standby, 1);
	exported(m, &standby, 0);
	assert_rc(certify(&standby, false, false, e), 1);
	assert_rc(pki_rotate_begin(m, e), 1);
	exported(m, &standby, 1);
	assert_stage(&standby, PKI_ROTATING);
	free(shell("cmp pki/ca.crt ../../standby/etc/etcd/pki/ca.crt; cmp pki/ca-former.key "
		   "../../standby/etc/etcd/pki/ca-former.key; cmp pki/ca.key ../../standby/etc/etcd/pki/ca.key"));
	exported(m, &standby, 0);
	assert_rc(certify(&standby, false, false, e), 1);
	assert_rc(pki_rotate_finish(m, e), 1);
	exported(m, &standby, 1);
	assert_stage(&standby, PKI_STEADY);
	free(shell("cmp pki/ca.crt ../../standby/etc/etcd/pki/ca.crt; test ! -e "
		   "../../standby/etc/etcd/pki/ca-former.key"));
	assert_rc(certify(&standby, false, false, e), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_CA(from_begin_to_finish),
		WITH_CA(an_abort),
		WITH_CA(refusals),
		WITH_CA(in_three_stages),
		WITH_CA(the_list_keeps_its_number),
		cmocka_unit_test_setup_teardown(which_cas_are_taken, setup_pool, teardown_pool),
		cmocka_unit_test_setup_teardown(which_certificates_are_taken, setup_pool, teardown_pool),
		WITH_CA(a_standby_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
