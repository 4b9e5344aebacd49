/* SPDX-License-Identifier: Apache-2.0
 *
 * A fake of enroll/client: a function that returns right and wrong answers of an enrolment server.
 */
#pragma once

#include "certify_fixture.h"

#include "adapter/x509_key.h"
#include "base/clock.h"
#include "enroll/client.h"
#include "pki/sign.h"

enum behaviour { ISSUES, BUSY, REFUSES, WRONG_NAME, WRONG_KEY, OTHER_CA, NO_CA, OLD, GARBAGE, LACKS_ONE };

/* Its behaviour and what it received. */
static struct {
	enum behaviour does;
	const struct machine *ca; /* the CA host */
	const char *name;	  /* host and port */
	int calls;
	size_t n;
	struct buf keys; /* the keys of the requests, as PEM */
} server;

/* One certificate. */
static int sign(const struct machine *m, const struct pki_pair *ca, int leaf, x509_key *key, struct buf *out,
		struct err *e)
{
	auto_key x509_key *another = x509_key_new(X509_ECDSA_P256, e);
	struct machine signer = *server.ca;
	const char *address = server.does == WRONG_NAME ? "10.0.0.9" : m->conf.address;
	auto_want struct pki_want want =
		pki_want(m->conf.name, address, m->conf.addresses, m->conf.extra_sans, pki_profile(leaf));

	signer.now = server.does == OLD ? m->now - 700LL * DAY : m->now;
	return pki_sign_leaf(&signer, ca, &want, server.does == WRONG_KEY ? another : key, out, e);
}

int enroll_request(const struct machine *m, x509_key *const keys[PKI_LEAVES], struct pki_made *a, struct err *e)
{
	auto_free char *token = layout_path(&m->at, m->conf.enroll_token_file);
	auto_pair struct pki_pair ca = { 0 }, other = { 0 };
	int last = 0;

	server.calls++;
	server.n = 0;
	buf_free(&server.keys);
	for (int i = 0; i < PKI_LEAVES; i++) {
		if (!keys[i])
			continue;
		x509_key_pem(keys[i], &server.keys);
		server.n++;
		last = i;
	}
	if (!file_exists(m->at.pki) && !file_exists(token))
		return err_set(e, ERR_CONFIG, "no token");
	if (server.does == BUSY)
		return err_set(e, ERR_PENDING, "nobody answers");
	if (server.does == REFUSES)
		return err_set(e, ERR_VERIFY, "10.0.0.1:2382 refuses: n2 is not a member any more");
	if (pki_pair_load(server.ca, "ca", false, &ca, e) < 0 || pki_sign_ca(server.ca, &other, e) < 0)
		return -1;
	a->server = xstrdup(server.name);
	for (int i = 0; i < PKI_LEAVES; i++)
		if (keys[i] && (i != last || server.does != LACKS_ONE) &&
		    sign(m, server.does == OTHER_CA ? &other : &ca, i, keys[i], &a->cert[i], e) < 0)
			return -1;
	if (server.does == GARBAGE)
		buf_puts(&a->ca_pem, "not a certificate");
	else if (server.does == NO_CA)
		buf_add(&a->ca_pem, a->cert[PKI_SERVER].data, a->cert[PKI_SERVER].len);
	else if (server.does == OTHER_CA)
		buf_add(&a->ca_pem, other.pem.data, other.pem.len);
	else
		buf_add(&a->ca_pem, ca.pem.data, ca.pem.len);
	return 0;
}

enum enroll_key enroll_ask_list(const struct machine *m, struct buf *list, struct err *e)
{
	(void)m;
	(void)list;
	(void)e;
	return ENROLL_KEY_FREE;
}

static char *ca_root;
static struct machine ca_host;

static inline int ca_host_setup(void **state)
{
	int rc = root_setup(state);

	ca_root = unit_dir();
	open_machine_at(&ca_host, ca_root, "NAME=n1\nADDRESS=10.0.0.1\n");
	ca_host.now = NOW - 800LL * DAY;
	assert_ok(certify(&ca_host, false, true, e));
	memset(&server, 0, sizeof(server));
	server.ca = &ca_host;
	server.name = "10.0.0.1:2382";
	return rc;
}

static inline int ca_host_teardown(void **state)
{
	machine_free(&ca_host);
	buf_free(&server.keys);
	assert_ok(file_remove_tree(ca_root, e));
	free(ca_root);
	return root_teardown(state);
}

#define WITH_CA_HOST(f) cmocka_unit_test_setup_teardown(f, ca_host_setup, ca_host_teardown)
