/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate steps of `setup`, for tests and benchmarks:
 *   certify ROOT                        runs the steps on that machine, as if all of MEMBERS had reported; exit codes
 *                                       are those of the verbs
 *   certify ROOT ADDRESS PORT PROFILE   makes handshakes with that port and the certificate of that profile until
 *                                       SIGTERM; prints "handshakes N failed N serials N"
 *   certify ROOT revoke [SERIAL…]       makes the revocation list of that CA host have these serials
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapter/handshake.h"
#include "base/log.h"
#include "base/text.h"
#include "flow/certify.h"
#include "pki/crl.h"

static int ensure(const struct machine *m, struct err *e)
{
	auto_close int lock = machine_lock(m, e);
	int rc = lock < 0 ? -1 : certify(m, false, !m->conf.replace, e);

	return rc == 0 ? 2 : rc < 0 ? -1 : 0;
}

static void count(const struct handshake *h)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 }, now = { 0 };
	sigset_t end;
	unsigned long tries = 0, failed = 0, serials = 0;
	auto_free char *last = NULL;

	(void)sigemptyset(&end);
	(void)sigaddset(&end, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &end, NULL);
	while (sigtimedwait(&end, NULL, &now) < 0) {
		struct err e = { 0 };
		cleanup(handshake_seen_free) struct handshake_seen seen = { 0 };

		tries++;
		if (handshake_look(h, &seen, &e) != 1) {
			if (failed++ == 0)
				log_warn("%s", e.msg[0] ? e.msg : "nobody listens");
			(void)nanosleep(&pause, NULL);
			continue;
		}
		serials += !last || strcmp(last, seen.leaf.serial) != 0;
		free(last);
		last = steal(&seen.leaf.serial);
	}
	(void)printf("handshakes %lu failed %lu serials %lu\n", tries, failed, serials);
}

static int shake(const struct machine *m, char **argv, struct err *e)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt"), *cert = machine_pki_path(m, argv[4], "crt"),
		       *key = machine_pki_path(m, argv[4], "key");
	struct handshake h = { .address = argv[2], .ca = ca, .cert = cert, .key = key, .timeout_ms = 30000 };
	uint64_t port;

	if (!text_parse_u64(argv[3], 1, UINT16_MAX, &port))
		return err_set(e, ERR_CONFIG, "PORT is not a number");
	h.port = (uint16_t)port;
	count(&h);
	return 0;
}

/* What was asked for. */
static int run(const struct machine *m, int argc, char **argv, struct err *e)
{
	auto_free char *used = machine_pki_path(m, "crl", "der");

	if (argc == 2)
		return ensure(m, e);
	if (strcmp(argv[2], "revoke") == 0)
		return pki_crl_write(m, used, argv + 3, e) < 0 ? -1 : 0;
	return argc == 5 ? shake(m, argv, e) : err_set(e, ERR_CONFIG, "the first lines of this file have its usage");
}

int main(int argc, char **argv)
{
	const struct machine_options o = { .root = argv[1] };
	struct err e = { 0 };
	struct machine m;
	int rc = -1;

	log_open(false);
	if (argc < 2)
		return ERR_CONFIG;
	if (machine_open(&m, &o, &e) == 0)
		rc = run(&m, argc, argv, &e);
	machine_free(&m);
	if (rc < 0)
		log_error(LOG_ERR, &e);
	return rc < 0 ? (int)e.class : rc;
}
