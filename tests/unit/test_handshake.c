/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/handshake: the certificate and the clock of a server.
 */
#include "machine_fixture.h"

#include "adapter/handshake.h"

static struct handshake to(const struct fake_etcd *p, char **ca, char **cert, char **key)
{
	*ca = cert_path("ca", "crt");
	*cert = cert_path("client", "crt");
	*key = cert_path("client", "key");
	return (struct handshake){ .address = "127.0.0.1",
				   .port = (uint16_t)p->port,
				   .ca = *ca,
				   .cert = *cert,
				   .key = *key,
				   .timeout_ms = 2000,
				   .clock = true };
}

static void the_certificate_and_the_clock_are_read(void **state)
{
	struct fake_etcd p = fake_start("server", "close");
	auto_free char *ca = NULL, *cert = NULL, *key = NULL, *served = cert_path("server", "crt");
	struct handshake h = to(&p, &ca, &cert, &key);
	auto_cert x509_cert *on_disk = x509_cert_read(served, NULL);
	struct handshake_seen seen;
	struct x509_info want;

	(void)state;
	assert_non_null(on_disk);
	x509_describe(on_disk, &want);
	assert_int_equal(handshake_look(&h, &seen, NULL), 1);
	assert_true(seen.leaf.not_after > time(NULL));
	assert_true(seen.has_clock);
	assert_in_range(seen.ahead_ms, 590000, 602000);
	assert_string_equal(seen.leaf.serial, want.serial);
	x509_info_free(&want);
	handshake_seen_free(&seen);
	h.clock = false;
	assert_int_equal(handshake_look(&h, &seen, NULL), 1);
	assert_false(seen.has_clock);
	handshake_seen_free(&seen);
	fake_stop(&p);
}

static void a_server_that_closes_still_shows_its_certificate(void **state)
{
	struct fake_etcd p = fake_start("server", "close");
	auto_free char *ca = NULL, *cert = NULL, *key = NULL, *other = cert_path("other-ca", "crt");
	struct handshake h = to(&p, &ca, &cert, &key);
	struct handshake_seen seen;

	(void)state;
	/* The server asks for a certificate; without one it ends the connection after the handshake (TLS 1.3). */
	h.cert = h.key = NULL;
	assert_int_equal(handshake_look(&h, &seen, NULL), 1);
	assert_non_null(seen.leaf.serial);
	assert_false(seen.has_clock);
	handshake_seen_free(&seen);
	h.ca = other;
	assert_err(handshake_look(&h, &seen, e), ERR_VERIFY, "is not from");
	handshake_seen_free(&seen);
	fake_stop(&p);
	h.ca = ca;
	assert_int_equal(handshake_look(&h, &seen, NULL), 0);
}

static void an_expired_certificate_is_shown(void **state)
{
	struct fake_etcd p = fake_start("expired", "close");
	auto_free char *ca = NULL, *cert = NULL, *key = NULL;
	struct handshake h = to(&p, &ca, &cert, &key);
	struct handshake_seen seen;

	(void)state;
	assert_int_equal(handshake_look(&h, &seen, NULL), 1);
	assert_true(seen.leaf.not_after < time(NULL));
	assert_true(seen.has_clock);
	handshake_seen_free(&seen);
	fake_stop(&p);
}

static void only_valid_dates_are_read(void **state)
{
	time_t when = 0;

	(void)state;
	assert_true(handshake_date("HTTP/1.1 200 OK\r\nVary: x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", &when));
	assert_int_equal(when, 784111777);
	assert_false(handshake_date("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", &when));
	assert_false(handshake_date("HTTP/1.1 200 OK\r\n\r\n", &when));
	assert_false(handshake_date("HTTP/1.1 200 OK\r\nDate: Sunday, 06-Nov-94 08:49:37 GMT\r\n", &when));
	assert_false(handshake_date("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT+1\r\n", &when));
	assert_false(handshake_date("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 19", &when));
	assert_false(handshake_date("", &when));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_certificate_and_the_clock_are_read),
		cmocka_unit_test(a_server_that_closes_still_shows_its_certificate),
		cmocka_unit_test(an_expired_certificate_is_shown),
		cmocka_unit_test(only_valid_dates_are_read),
	};

	return cmocka_run_group_tests_name("handshake", tests, certs_setup, certs_teardown);
}
