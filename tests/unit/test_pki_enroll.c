/* SPDX-License-Identifier: Apache-2.0
 *
 * core/pki on a machine whose certificates come through the door of a CA host: when it asks, with which keys, what it accepts, and what it does when
 * the door gives nothing. The door here is a function of this file, which can lie.
 */
#include "unit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/x509_key.h"
#include "base/file.h"
#include "base/proc.h"
#include "enroll/client.h"
#include "flow/certify.h"
#include "pki/check.h"
#include "pki/list.h"
#include "pki/origin.h"
#include "pki/preflight.h"
#include "pki/sign.h"

#define NOW   1800000000 /* 2027-01-15 */
#define TOKEN "5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f"
#define JOIN  "NAME=n2\nADDRESS=10.0.0.2\nROLE=join\nJOIN=10.0.0.1\n"

static char *root;

/* What the door does, and what it saw. */
static struct {
	enum { GIVES, BUSY, REFUSES, WRONG_NAME, WRONG_KEY, OTHER_CA, NO_CA, OLD, GARBAGE, LACKS_ONE } does;
	const struct machine *ca; /* the CA host */
	const char *name;	  /* that it answers by */
	int calls, done;
	size_t n;
	enum pki_leaf asked[PKI_LEAVES];
	struct buf keys; /* the asked keys, as PEM */
} door;

int enroll_done(const struct machine *m, struct err *e)
{
	(void)m;
	(void)e;
	door.done++;
	return 0;
}

/* For one leaf, as the door sees fit. */
static int sign(const struct machine *m, const struct pki_pair *ca, const struct enroll_leaf *leaf, struct buf *out,
		struct err *e)
{
	auto_key x509_key *another = x509_key_new(X509_ECDSA_P256, e);
	struct machine signer = *door.ca;
	auto_strv char **sans = NULL;
	struct pki_want want;
	int rc;

	signer.now = door.does == OLD ? m->now - 700LL * PKI_DAY : m->now;
	strv_add(&sans, door.does == WRONG_NAME ? "10.0.0.9" : m->conf.address);
	for (char **san = m->conf.extra_sans; san && *san; san++)
		strv_add(&sans, *san);
	pki_want_for(m->conf.name, sans, pki_profile(leaf->profile), &want);
	rc = pki_sign_leaf(&signer, ca, &want, door.does == WRONG_KEY ? another : leaf->key, out, e);
	pki_want_free(&want);
	return rc;
}

int enroll_request(const struct machine *m, const struct enroll_leaf *leaves, size_t n, struct pki_made *a,
		   struct err *e)
{
	auto_free char *token = layout_path(&m->at, m->conf.enroll_token_file);
	auto_pair struct pki_pair ca = { 0 }, other = { 0 };

	door.calls++;
	door.n = n;
	buf_free(&door.keys);
	for (size_t i = 0; i < n; i++) {
		door.asked[i] = leaves[i].profile;
		x509_key_pem(leaves[i].key, &door.keys);
	}
	if (!file_exists(m->at.pki) && !file_exists(token))
		return err_set(e, ERR_CONFIG, "no token");
	if (door.does == BUSY)
		return err_set(e, ERR_PENDING, "nobody answers");
	if (door.does == REFUSES)
		return err_set(e, ERR_VERIFY, "10.0.0.1:2382 refuses: n2 is not a member any more");
	if (pki_pair_load(door.ca, "ca", false, &ca, e) < 0 || pki_sign_ca(door.ca, &other, e) < 0)
		return -1;
	a->server = xstrdup(door.name);
	for (size_t i = 0; i < n; i++)
		if ((i < n - 1 || door.does != LACKS_ONE) &&
		    sign(m, door.does == OTHER_CA ? &other : &ca, &leaves[i], &a->cert[leaves[i].profile], e) < 0)
			return -1;
	if (door.does == GARBAGE)
		buf_puts(&a->ca_pem, "not a certificate");
	else if (door.does == NO_CA)
		buf_add(&a->ca_pem, a->cert[PKI_SERVER].data, a->cert[PKI_SERVER].len);
	else if (door.does == OTHER_CA)
		buf_add(&a->ca_pem, other.pem.data, other.pem.len);
	else
		buf_add(&a->ca_pem, ca.pem.data, ca.pem.len);
	return 0;
}

static void open_at(struct machine *m, const char *where, const char *text)
{
	auto_free char *top = xasprintf("%s/%s", root, where);
	auto_free char *etc = xasprintf("%s/etc/etcd", top);
	auto_free char *conf = xasprintf("%s/cluster.conf", etc), *token = xasprintf("%s/enroll-token", etc);
	const struct machine_options o = { .root = top };

	assert_ok(file_mkdirs(etc, FILE_MODE(0755), e));
	assert_ok(file_replace(conf, FILE_MODE(0644), text, strlen(text), e));
	assert_ok(file_replace(token, FILE_MODE(0600), TOKEN, strlen(TOKEN), e));
	assert_ok(machine_open(m, &o, e));
	m->now = NOW;
}

static struct machine ca_host;

static int setup(void **state)
{
	(void)state;
	root = unit_dir();
	open_at(&ca_host, "n1", "NAME=n1\nADDRESS=10.0.0.1\n");
	ca_host.now = NOW - 800LL * PKI_DAY;
	assert_ok(certify(&ca_host, false, e));
	memset(&door, 0, sizeof(door));
	door.ca = &ca_host;
	door.name = "10.0.0.1:2382";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(&ca_host);
	buf_free(&door.keys);
	assert_ok(file_remove_tree(root, e));
	free(root);
	return 0;
}

/* Output of a shell command run in the joiner's /etc/etcd; the caller frees. */
static char *shell(const char *script)
{
	auto_free char *line = xasprintf("cd '%s/n2/etc/etcd' && %s", root, script);
	const char *const argv[] = { "sh", "-ec", line, NULL };
	struct buf out = { 0 };
	struct proc_run run = { .argv = argv, .timeout = 30, .out = &out };
	struct err why = { 0 };

	if (proc_run(&run, &why) != 0)
		fail_msg("%s: %s", script, why.msg);
	return out.data ? out.data : xstrdup("");
}

static char *tree(void)
{
	return shell("find . -not -name cluster.conf -printf '%P %m %s %i %T@ %l\\n' | sort");
}

static void ensure(const struct machine *m, int want)
{
	struct err why = { 0 };
	int rc = certify(m, false, &why);

	if (rc != want)
		fail_msg("certify: %d instead of %d: %s", rc, want, why.msg);
}

/* What every good end looks like: fit to start, shown without a problem, nobody asked again. */
static void assert_settled(const struct machine *m)
{
	auto_free char *before = tree(), *after = NULL;
	struct pki_entry *list;
	int calls = door.calls;
	size_t n;

	assert_ok(pki_check_start(m, e));
	ensure(m, 0);
	assert_int_equal(door.calls, calls);
	after = tree();
	assert_string_equal(before, after);
	assert_null(strstr(after, ".new"));
	assert_null(strstr(after, "pki.old"));
	assert_ok(pki_list(m, &list, &n, e));
	for (size_t i = 0; i < n; i++)
		if (list[i].problem || !list[i].present)
			fail_msg("%s: %s", list[i].name, list[i].problem);
	assert_string_equal(list[0].source, door.name);
	pki_list_free(list, n);
}

/* A joiner that has been through the door. */
static void enrolled(struct machine *m)
{
	open_at(m, "n2", JOIN);
	ensure(m, 1);
	assert_settled(m);
}

static void nothing_is_made_before_there_is_a_token(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_at(&m, "n2", JOIN);
	free(shell("rm enroll-token"));
	assert_err(certify(&m, false, e), ERR_CONFIG, "no token");
	assert_false(file_exists(m.at.pki));
	door.calls = 0;
	assert_err(certify(&m, true, e), ERR_PENDING, "has to be asked");
	m.dry_run = true;
	ensure(&m, 1);
	assert_int_equal(door.calls, 0);
	assert_false(file_exists(m.at.pki));
	assert_int_equal(pki_origin(&m), PKI_TO_ENROLL);
}

static void the_same_keys_are_asked_for_again(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *files = NULL, *first = NULL, *before = NULL, *after = NULL;

	(void)state;
	open_at(&m, "n2", JOIN);
	door.does = BUSY;
	assert_err(certify(&m, false, e), ERR_PENDING, "nobody answers");
	assert_int_equal(door.n, PKI_LEAVES);
	first = xstrdup(buf_str(&door.keys));
	files = shell("cd pki && echo *");
	assert_string_equal(files,
			    "apiserver-etcd-client.key etcdctl-etcd-client.key generation healthcheck-client.key "
			    "peer.key server.key\n");
	before = tree();
	assert_err(certify(&m, false, e), ERR_PENDING, "nobody answers");
	after = tree();
	assert_string_equal(before, after);
	assert_string_equal(first, buf_str(&door.keys));
	assert_int_equal(door.done, 0); /* the token is needed still */
	door.does = GIVES;
	ensure(&m, 1);
	assert_string_equal(first, buf_str(&door.keys));
	assert_int_equal(door.done, 1);
	assert_settled(&m);
	free(shell("grep -qx 'DOOR=10.0.0.1:2382' pki/ca.host && test ! -e pki/ca.key && test $(stat -c %a "
		   "pki/peer.key) = 640"));
}

static void what_a_lying_door_gives_is_thrown_away(void **state)
{
	static const struct {
		int does;
		const char *says;
	} lies[] = { { WRONG_NAME, "10.0.0.9" },
		     { WRONG_KEY, "does not match its key" },
		     { NO_CA, "not the certificate of a CA" },
		     { OLD, "has expired" },
		     { GARBAGE, "no certificate" },
		     { LACKS_ONE, "no certificate" } };
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL;

	(void)state;
	open_at(&m, "n2", JOIN);
	door.does = BUSY;
	assert_err(certify(&m, false, e), ERR_PENDING, "");
	before = tree();
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		auto_free char *after = NULL;

		door.does = lies[i].does;
		assert_err(certify(&m, false, e), ERR_VERIFY, lies[i].says);
		assert_err(certify(&m, false, e), ERR_VERIFY, "10.0.0.1:2382 was thrown away");
		after = tree();
		assert_string_equal(before, after);
	}
	assert_int_equal(door.done, 0);
}

/* A door that has another CA than ours: a member that took its certificates could not speak to the others. */
static void a_new_ca_does_not_slip_in(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL, *after = NULL;

	(void)state;
	enrolled(&m);
	before = tree();
	door.does = OTHER_CA;
	assert_err(certify_renew(&m, NULL, true, e), ERR_VERIFY, "was not issued by this ca.crt");
	assert_err(certify_renew(&m, NULL, true, e), ERR_VERIFY, "enrol again with a new token");
	m.now += 300LL * PKI_DAY; /* due, and the present ones will do: only a warning */
	ensure(&m, 0);
	after = tree();
	assert_string_equal(before, after);
}

static void what_is_due_comes_for_the_same_keys(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *keys = NULL, *crt = NULL, *now = NULL;
	struct err why = { 0 };

	(void)state;
	enrolled(&m);
	keys = shell("cat pki/*.key");
	crt = shell("cat pki/peer.crt");
	m.now += 300LL * PKI_DAY;
	door.name = "[fd00::1]:2382"; /* another CA host by now */
	assert_int_equal(certify_renew(&m, NULL, false, &why), 1);
	assert_int_equal(door.n, PKI_LEAVES);
	now = shell("cat pki/*.key");
	assert_string_equal(keys, now);
	free(now);
	now = shell("cat pki/peer.crt");
	assert_string_not_equal(crt, now);
	free(shell("grep -qx 'DOOR=\\[fd00::1\\]:2382' pki/ca.host"));
	assert_settled(&m);
}

static void a_door_that_gives_nothing_is_a_warning_until_it_matters(void **state)
{
	static const int ways[] = { BUSY, REFUSES };
	cleanup(machine_free) struct machine m;
	struct err why = { 0 };

	(void)state;
	enrolled(&m);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		const enum err_class class = ways[i] == BUSY ? ERR_PENDING : ERR_VERIFY;
		auto_free char *before = tree(), *after = NULL;

		door.does = ways[i];
		m.now = NOW + 300LL * PKI_DAY;
		ensure(&m, 0);
		assert_int_equal(certify_renew(&m, NULL, false, &why), 0);
		assert_err(certify_renew(&m, NULL, true, e), class, ""); /* somebody wanted it now */
		assert_int_equal(certify(&m, true, &why), 0);
		m.now = NOW + 400LL * PKI_DAY; /* expired */
		assert_err(certify(&m, false, e), class, "");
		assert_err(certify(&m, true, e), ERR_PENDING, "");
		after = tree();
		assert_string_equal(before, after);
	}
	door.does = GIVES; /* a machine that was off for a year */
	ensure(&m, 1);
	assert_settled(&m);
}

static void drift_is_mended_through_the_door(void **state)
{
	cleanup(machine_free) struct machine m;
	cleanup(machine_free) struct machine named;
	cleanup(machine_free) struct machine moved;
	cleanup(machine_free) struct machine rekeyed;
	auto_free char *keys = NULL, *now = NULL;

	(void)state;
	enrolled(&m);
	keys = shell("cat pki/*.key");
	open_at(&named, "n2", JOIN "EXTRA_SANS=lb.example.org\n");
	door.does = BUSY;
	ensure(&named, 0); /* usable as they are */
	door.does = GIVES;
	ensure(&named, 1);
	assert_int_equal(door.n, 2);
	assert_settled(&named);
	open_at(&moved, "n2", "NAME=n2\nADDRESS=10.0.0.22\nROLE=join\nJOIN=10.0.0.1\n");
	door.does = BUSY;
	assert_err(certify(&moved, false, e), ERR_PENDING, ""); /* nobody could dial this machine */
	door.does = GIVES;
	ensure(&moved, 1);
	assert_settled(&moved);
	now = shell("cat pki/*.key");
	assert_string_equal(keys, now);
	open_at(&rekeyed, "n2", "NAME=n2\nADDRESS=10.0.0.22\nROLE=join\nJOIN=10.0.0.1\nKEY_TYPE=ed25519\n");
	door.does = BUSY;
	ensure(&rekeyed, 0);
	free(now);
	now = shell("cat pki/*.key");
	assert_string_equal(keys, now);
	door.does = GIVES;
	ensure(&rekeyed, 1);
	free(shell("test -e pki.old/2/peer.key && rm -r pki.old"));
	assert_settled(&rekeyed);
}

static void a_lost_pair_comes_back(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	enrolled(&m);
	free(shell("rm pki/server.crt pki/server.key pki/healthcheck-client.*"));
	ensure(&m, 1);
	assert_int_equal(door.n, 2);
	assert_settled(&m);
}

/* A second CA host: ca.key came by `ca import`, or etcdadm's way while the machine was waiting. */
static void with_the_key_of_the_ca_nobody_is_asked(void **state)
{
	cleanup(machine_free) struct machine m, waiting;
	struct err why = { 0 };
	struct pki_entry *list;
	size_t n;

	(void)state;
	enrolled(&m);
	door.calls = 0;
	door.does = REFUSES;
	free(shell("cp -p ../../../n1/etc/etcd/pki/ca.key pki/"));
	assert_int_equal(pki_origin(&m), PKI_CA);
	assert_int_equal(certify_renew(&m, NULL, true, &why), 1);
	assert_ok(pki_list(&m, &list, &n, e));
	assert_string_equal(list[0].source, "this machine");
	pki_list_free(list, n);

	free(shell("rm -r pki"));
	door.does = BUSY;
	open_at(&waiting, "n2", JOIN);
	assert_err(certify(&waiting, false, e), ERR_PENDING, "");
	assert_int_equal(door.calls, 1);
	free(shell("cp -p ../../../n1/etc/etcd/pki/ca.* pki/"));
	ensure(&waiting, 1);
	assert_ok(pki_check_start(&waiting, e));
	assert_int_equal(door.calls, 1);
}

static void what_does_not_belong_together_is_refused(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL, *after = NULL;

	(void)state;
	enrolled(&m);
	free(shell("mv pki/ca.crt x.crt"));
	before = tree();
	assert_err(certify(&m, false, e), ERR_CONFIG, "no ca.crt");
	after = tree();
	assert_string_equal(before, after);
	free(shell("mv x.crt pki/ca.crt && echo >pki/ca.host"));
	ensure(&m, 0); /* nothing to ask for: who is asked does not matter */
}

/* Somebody who listens at 127.0.0.9 on a port of its own. */
static int listen_somewhere(unsigned int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000009) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void the_first_of_members_makes_one_ca_only(void **state)
{
	cleanup(machine_free) struct machine m, rebuilt;
	unsigned int port = 0;
	auto_close int fd = listen_somewhere(&port);
	auto_free char *conf =
		xasprintf("NAME=n2\nROLE=cluster\nMEMBERS=n2=127.0.0.8,n3=127.0.0.9\nPEER_PORT=%u\n", port);
	auto_free char *replace = xasprintf("%sREPLACE=yes\n", conf);

	(void)state;
	open_at(&m, "n2", conf);
	assert_err(certify(&m, true, e), ERR_PENDING, "other MEMBERS");
	assert_err(certify(&m, false, e), ERR_CONFIG, "127.0.0.9 answers");
	assert_false(file_exists(m.at.pki));
	assert_int_equal(door.calls, 0);
	/* It was rebuilt: it takes certificates from another CA host, as any other machine. */
	open_at(&rebuilt, "n2", replace);
	door.does = BUSY;
	assert_err(certify(&rebuilt, false, e), ERR_PENDING, "nobody answers");
	door.does = GIVES;
	ensure(&rebuilt, 1);
	assert_settled(&rebuilt);
	/* A member that lost its certificates, while the others are off. */
	free(shell("rm -r pki && echo >member-id"));
	(void)close(steal_fd(&fd));
	assert_err(certify(&m, false, e), ERR_CONFIG, "is a member already");
	/* When the cluster is formed nobody listens yet. */
	free(shell("rm member-id"));
	ensure(&m, 1);
	assert_int_equal(pki_origin(&m), PKI_CA);
}

static void only_the_first_of_members_makes_one(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_at(&m, "n2", "NAME=n2\nROLE=cluster\nMEMBERS=n1=127.0.0.8,n2=127.0.0.9\n");
	door.does = BUSY;
	assert_err(certify(&m, false, e), ERR_PENDING, "nobody answers");
	free(shell("test ! -e pki/ca.key"));
	door.does = GIVES;
	ensure(&m, 1);
	assert_settled(&m);
}

#define ROOM(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM(nothing_is_made_before_there_is_a_token),
		ROOM(the_same_keys_are_asked_for_again),
		ROOM(what_a_lying_door_gives_is_thrown_away),
		ROOM(a_new_ca_does_not_slip_in),
		ROOM(what_is_due_comes_for_the_same_keys),
		ROOM(a_door_that_gives_nothing_is_a_warning_until_it_matters),
		ROOM(drift_is_mended_through_the_door),
		ROOM(a_lost_pair_comes_back),
		ROOM(with_the_key_of_the_ca_nobody_is_asked),
		ROOM(what_does_not_belong_together_is_refused),
		ROOM(the_first_of_members_makes_one_ca_only),
		ROOM(only_the_first_of_members_makes_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
