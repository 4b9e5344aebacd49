/* SPDX-License-Identifier: Apache-2.0
 *
 * pki/crl, adapter/x509_crl: who has a revocation list, by whom it is signed, what is in it, and that etcd does not
 * start with one that it cannot read. tests/cluster/env.bats tries the lists with real etcd.
 */
#include "certify_fixture.h"

#include "adapter/x509_crl.h"
#include "pki/crl.h"

#define CONF  "NAME=n1\nADDRESS=10.0.0.1\nCLIENT_PORT=1\nPEER_PORT=2\n" /* ports on which nobody listens */
#define NAMED "ETCD_CLIENT_CRL_FILE=/etc/etcd/pki/crl.der\nETCD_PEER_CRL_FILE=/etc/etcd/pki/crl.der\n"

static int setup_ca(void **state)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	int rc = root_setup(state);

	open_machine(m, CONF);
	ensure(m, 1);
	*state = m;
	return rc;
}

#define WITH_CA(f) cmocka_unit_test_setup_teardown(f, setup_ca, machine_teardown)

/* The serials in the list, with blanks between; it must be signed by the CA, or by somebody else. The caller frees. */
static char *listed(const struct machine *m, bool by_ca)
{
	auto_free char *path = machine_pki_path(m, "crl", "der"), *ca_path = machine_pki_path(m, "ca", "crt");
	auto_strv char **serials = NULL;
	auto_buf struct buf der = { 0 };
	struct err why = { 0 };
	auto_cert x509_cert *ca = x509_cert_read(ca_path, &why);

	assert_ok(file_read(path, 1 << 16, &der, e));
	assert_ok(x509_crl_parse(&der, path, &serials, e));
	assert_int_equal(x509_crl_signed_by(&der, ca), by_ca);
	return serials ? strv_join(serials, " ") : xstrdup("");
}

static void assert_listed(const struct machine *m, bool by_ca, const char *want)
{
	auto_free char *is = listed(m, by_ca);

	assert_string_equal(is, want);
}

static void an_empty_list_comes_with_the_ca(void **state)
{
	struct machine *m = *state;

	assert_settled(m);
	assert_listed(m, true, "");
	free(shell("test $(stat -c %a pki/crl.der) = 644 && "
		   "openssl crl -inform DER -in pki/crl.der -CAfile pki/ca.crt -noout 2>&1 | grep -q 'verify OK' && "
		   "openssl crl -inform DER -in pki/crl.der -noout -crlnumber | grep -q crlNumber=0x"));
	/* As in a cluster that was formed by an earlier version. */
	free(shell("rm pki/crl.der"));
	m->dry_run = true;
	ensure(m, 1);
	free(shell("test ! -e pki/crl.der"));
	m->dry_run = false;
	ensure(m, 1);
	assert_settled(m);
	free(shell("test ! -e pki.old && chmod 600 pki/crl.der"));
	ensure(m, 1);
	free(shell("test $(stat -c %a pki/crl.der) = 644"));
}

/* etcd.env names the list: nothing starts before setup has made one again. */
static void a_list_that_etcd_cannot_read_is_replaced(void **state)
{
	static const char *const damages[] = { "rm pki/crl.der", ": >pki/crl.der", "truncate -s -1 pki/crl.der",
					       "echo >>pki/crl.der",
					       "openssl crl -inform DER -in pki/crl.der >crl && "
					       "mv crl pki/crl.der" };
	struct machine *m = *state;

	put_file("/etc/etcd/etcd.env", NAMED);
	assert_ok(pki_crl_check_start(m, e));
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		free(shell(damages[i]));
		assert_err(pki_crl_check_start(m, e), i == 0 ? ERR_CONFIG : ERR_VERIFY,
			   "would refuse every connection");
		assert_err(pki_crl_check_start(m, e), i == 0 ? ERR_CONFIG : ERR_VERIFY, "etcd-cluster setup");
		ensure(m, 1);
		assert_settled(m);
		assert_listed(m, true, "");
	}
	/* The administrator's own, which may be PEM. */
	put_file("/etc/etcd/etcd.env", "ETCD_PEER_CRL_FILE=/etc/etcd/own.crl\n");
	assert_err(pki_crl_check_start(m, e), ERR_CONFIG, "ETCD_ lines");
	free(shell("openssl crl -inform DER -in pki/crl.der >own.crl"));
	assert_ok(pki_crl_check_start(m, e));
}

/* pki_crl_write for the list in use. */
static int write_list(const struct machine *m, char *const *serials, struct err *e)
{
	auto_free char *path = machine_pki_path(m, "crl", "der");
	int rc = pki_crl_write(m, path, serials, e);

	if (rc > 0) /* as a list that was taken */
		free(shell("chmod --reference=pki/ca.crt pki/crl.der; chown --reference=pki/ca.crt pki/crl.der"));
	return rc;
}

static int64_t number(const struct machine *m)
{
	auto_free char *path = machine_pki_path(m, "crl", "der");
	auto_buf struct buf der = { 0 };

	assert_ok(file_read(path, 1 << 16, &der, e));
	return x509_crl_number(&der);
}

static char one[] = "0102030405060708090a0b0c0d0e0f10", two[] = "ff00000000000000000000000000001f";

static void a_new_list_has_what_is_wanted_and_a_higher_number(void **state)
{
	char odd[] = "x1";
	char *const serials[] = { two, one, two, NULL }, *const again[] = { one, two, NULL },
		    *const fewer[] = { two, NULL }, *const bad[] = { odd, NULL };
	struct machine *m = *state;
	struct err why = { 0 };
	cleanup(machine_free) struct machine changed;
	int64_t first = number(m);

	assert_true(first >= m->now && pki_crl_number(m) == 0); /* it is empty */
	assert_int_equal(write_list(m, fewer, &why), 1);
	assert_int_equal(number(m), first + 1);
	assert_int_equal(write_list(m, serials, &why), 1);
	assert_int_equal(number(m), first + 2);
	assert_int_equal(pki_crl_number(m), first + 2);
	assert_listed(m, true, "0102030405060708090a0b0c0d0e0f10 ff00000000000000000000000000001f");
	/* One that is not wanted any more, because it has expired, is no reason for a new list. */
	assert_int_equal(write_list(m, again, &why), 0);
	assert_int_equal(write_list(m, fewer, &why), 0);
	assert_int_equal(write_list(m, NULL, &why), 0);
	assert_settled(m);
	assert_err(write_list(m, bad, e), ERR_FAIL, "revocation list");
	assert_int_equal(write_list(m, again, &why), 0);
	/* The machine that takes over the CA goes on from the list in use; a clock that was put back lowers nothing. */
	m->now -= 1800;
	free(shell("mkdir enroll"));
	{
		auto_free char *path = xasprintf("%s/crl.der", m->at.enroll);

		assert_int_equal(pki_crl_write(m, path, fewer, &why), 1);
		free(shell("mv enroll/crl.der pki/crl.der"));
	}
	assert_int_equal(number(m), first + 3);
	assert_listed(m, true, two);
	m->now += 400LL * DAY;
	assert_int_equal(write_list(m, again, &why), 1);
	assert_int_equal(number(m), m->now);
	m->now -= 400LL * DAY - 1800;
	/* It survives a new generation, and another CA signs it again. */
	open_machine(&changed, CONF "KEY_TYPE=ed25519\n");
	ensure(&changed, 1);
	assert_int_equal(write_list(&changed, again, &why), 0);
	free(shell("cd pki && openssl req -x509 -nodes -subj /CN=x -addext keyUsage=critical,keyCertSign,cRLSign "
		   "-newkey rsa:2048 -days 4000 -keyout ca.key -out ca.crt 2>/dev/null && chmod 600 ca.key"));
	changed.now = time(NULL);
	ensure(&changed, 1);
	assert_listed(&changed, true, "0102030405060708090a0b0c0d0e0f10 ff00000000000000000000000000001f");
}

/* A member takes a list of its CA, and never an older one again. */
static void only_a_newer_list_of_the_ca_is_taken(void **state)
{
	char *const first[] = { one, NULL }, *const second[] = { one, two, NULL };
	struct machine *m = *state;
	auto_free char *path = machine_pki_path(m, "crl", "der");
	auto_buf struct buf older = { 0 }, newer = { 0 }, part = { 0 }, forged = { 0 };
	struct err why = { 0 };

	free(shell("cp pki/crl.der empty"));
	assert_int_equal(write_list(m, first, &why), 1);
	assert_ok(file_read(path, 1 << 16, &older, e));
	assert_int_equal(write_list(m, second, &why), 1);
	assert_ok(file_read(path, 1 << 16, &newer, e));
	/* The list that a member made for itself says nothing about those of the CA, whatever its number is. */
	free(shell("rm pki/crl.der && mv pki/ca.key . && echo DOOR=10.0.0.1:2382 >pki/ca.host"));
	m->now += 100LL * DAY;
	ensure(m, 1);
	assert_listed(m, false, "");
	m->now -= 100LL * DAY;
	assert_int_equal(pki_crl_take(m, &older, &why), 1);
	assert_int_equal(pki_crl_take(m, &older, &why), 0);
	assert_int_equal(pki_crl_take(m, &newer, &why), 1);
	assert_int_equal(pki_crl_take(m, &older, &why), 0);
	assert_listed(m, true, "0102030405060708090a0b0c0d0e0f10 ff00000000000000000000000000001f");
	free(shell("test $(stat -c %a pki/crl.der) = 644"));
	/* Of another signer, or not whole. */
	buf_add(&part, newer.data, newer.len - 1);
	assert_err(pki_crl_take(m, &part, e), ERR_VERIFY, "not a revocation list");
	buf_add(&forged, newer.data, newer.len);
	forged.data[forged.len - 1] ^= 1;
	assert_err(pki_crl_take(m, &forged, e), ERR_VERIFY, "not signed by");
	assert_listed(m, true, "0102030405060708090a0b0c0d0e0f10 ff00000000000000000000000000001f");
}

/* In force is what etcd has been started with. */
static void a_list_is_in_force_after_a_start(void **state)
{
	char *const serials[] = { one, NULL };
	struct machine *m = *state;
	struct err why = { 0 };
	int64_t before;

	assert_int_equal(pki_crl_in_force(m), 0);
	pki_crl_note_start(m);
	assert_int_equal(pki_crl_in_force(m), 0);
	assert_int_equal(write_list(m, serials, &why), 1);
	assert_int_equal(pki_crl_in_force(m), 0);
	pki_crl_note_start(m);
	before = pki_crl_number(m);
	assert_true(before > 0 && pki_crl_in_force(m) == before);
}

/* Without the key of the CA: until the CA host sends a list, an empty one that the machine signs itself. */
static void an_enrolled_machine_has_a_list_of_its_own_until_one_comes(void **state)
{
	struct machine *m = *state;

	free(shell("mv pki/crl.der came && rm pki/ca.key && echo DOOR=10.0.0.1:2382 >pki/ca.host"));
	ensure(m, 1);
	assert_settled(m);
	assert_listed(m, false, "");
	assert_err(write_list(m, NULL, e), ERR_CONFIG, "ca.key is missing");
	free(shell("mv came pki/crl.der"));
	ensure(m, 0);
	assert_listed(m, true, "");
}

static void copied_certificates_get_no_list(void **state)
{
	struct machine *m = *state;

	free(shell("rm pki/crl.der pki/ca.key"));
	ensure(m, 0);
	free(shell("test ! -e pki/crl.der"));
	assert_ok(pki_crl_check_start(m, e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CA(an_empty_list_comes_with_the_ca),
		WITH_CA(a_list_that_etcd_cannot_read_is_replaced),
		WITH_CA(a_new_list_has_what_is_wanted_and_a_higher_number),
		WITH_CA(only_a_newer_list_of_the_ca_is_taken),
		WITH_CA(a_list_is_in_force_after_a_start),
		WITH_CA(an_enrolled_machine_has_a_list_of_its_own_until_one_comes),
		WITH_CA(copied_certificates_get_no_list),
	};

	return cmocka_run_group_tests_name("crl", tests, NULL, NULL);
}
