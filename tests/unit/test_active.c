/* SPDX-License-Identifier: Apache-2.0
 *
 * cahost/active: what a quorum's word makes of the file of a CA host, and of a signature.
 */
#include "machine_fixture.h"

#include "cahost/active.h"

static const char claimed[] = "STATE=claimed\nNAME=n1\nSERVER=10.0.0.1:2382\nCOPY=5\n";

/* What a quorum says: the CA host is `name`. This machine is n3. */
static struct enroll_list list_of(const char *name, const char *server)
{
	return (struct enroll_list){
		.agreed = true,
		.self = { .cluster = 0xc1, .member = 0xa3, .name = xstrdup("n3"), .server = xstrdup("10.0.0.3:2382") },
		.host = { .cluster = 0xc1, .member = 0xa7, .name = xstrdup(name), .server = xstrdup(server) },
	};
}

static void free_list(struct enroll_list *l)
{
	ca_host_free(&l->self);
	ca_host_free(&l->host);
}

static void a_claim_gives_way_to_another_takeover(void **state)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct enroll_list l = list_of("n2", "10.0.0.2:2382");
	auto_active struct enroll_active a = { 0 };
	struct err e = { 0 };

	(void)state;
	open_machine(&m, "ROLE=cluster\nNAME=n3\nMEMBERS=n1=10.0.0.1,n2=10.0.0.2,n3=10.0.0.3\n");
	put_file("/etc/etcd/enroll/ca-host", claimed);
	assert_int_equal(active_read(&m, &a, &e), 1);
	assert_false(active_claims(&a, &l));
	active_free(&a);
	if (active_learn(&m, &l, &e) != 1)
		fail_msg("%s", e.msg);
	assert_int_equal(active_read(&m, &a, &e), 1);
	assert_int_equal(a.state, ENROLL_STANDBY);
	assert_string_equal(a.host.name, "n2");
	assert_string_equal(a.host.server, "10.0.0.2:2382");
	assert_int_equal(a.copy, 5);
	assert_int_equal(active_learn(&m, &l, &e), 0);
	free_list(&l);
}

/* By its name or by its address, etcd has the one that was fenced. */
static void a_claim_stands_against_the_fenced_one(void **state)
{
	static const char *const fenced[][2] = { { "n1", "10.0.0.9:2382" }, { "n9", "10.0.0.1:2382" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fenced); i++) {
		struct machine m cleanup(machine_free) = { 0 };
		struct enroll_list l = list_of(fenced[i][0], fenced[i][1]);
		auto_active struct enroll_active a = { 0 };
		struct err e = { 0 };

		open_machine(&m, "ROLE=cluster\nNAME=n3\nMEMBERS=n1=10.0.0.1,n2=10.0.0.2,n3=10.0.0.3\n");
		put_file("/etc/etcd/enroll/ca-host", claimed);
		/* It would be recorded, if this etcd answered. */
		assert_int_equal(active_learn(&m, &l, &e), -1);
		assert_int_equal(active_read(&m, &a, &e), 1);
		assert_int_equal(a.state, ENROLL_CLAIMED);
		assert_true(active_claims(&a, &l));
		free_list(&l);
	}
}

/* succeeded; not; and a lone member that is recorded nowhere asks nobody. */
static void a_signature_needs_that_nobody_else_was_recorded(void **state)
{
	struct fake_etcd p = fake_start("server", "ok:1001 ok: ok:1001 ok: error:14:gone");
	struct machine m cleanup(machine_free) = { 0 };
	struct enroll_list l = { .agreed = true, .members = { .n = 2 }, .host_revision = 7 };
	struct err e = { 0 };

	(void)state;
	open_machine_of(&m, p.port, "ADDRESS=127.0.0.1\n");
	ca_host_self(&m.conf, 1, 2, &l.self);
	ca_host_self(&m.conf, 1, 2, &l.host);
	if (active_confirm(&m, &l, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(active_confirm(&m, &l, &e), -1);
	assert_int_equal(e.class, ERR_PENDING);
	assert_non_null(strstr(e.msg, "another CA host has just been recorded"));
	/* The first signature: it is recorded, unless somebody else was. */
	ca_host_free(&l.host);
	err_clear(&e);
	if (active_confirm(&m, &l, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(active_confirm(&m, &l, &e), -1);
	assert_int_equal(e.class, ERR_PENDING);
	err_clear(&e);
	assert_int_equal(active_confirm(&m, &l, &e), -1);
	assert_int_equal(e.rpc, GRPC_UNAVAILABLE);
	l.members.n = 1;
	assert_int_equal(active_confirm(&m, &l, &e), 0);
	free_list(&l);
	fake_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_claim_gives_way_to_another_takeover, root_setup, root_teardown),
		cmocka_unit_test_setup_teardown(a_claim_stands_against_the_fenced_one, root_setup, root_teardown),
		cmocka_unit_test_setup_teardown(a_signature_needs_that_nobody_else_was_recorded, client_setup,
						root_teardown),
	};

	return cmocka_run_group_tests_name("active", tests, certs_setup, certs_teardown);
}
