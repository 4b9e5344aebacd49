/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates' part of `setup` alone, for tests and benchmarks that must not wait for the rest:
 *   certify ROOT                                certify on that machine; exit codes are those of the verbs
 *   certify ROOT ADDRESS PORT PROFILE SECONDS   handshakes until then with that port, showing that profile's pair; prints
 *                                                "handshakes N failed N serials N"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapter/handshake.h"
#include "base/log.h"
#include "base/text.h"
#include "flow/certify.h"

static int ensure(const struct machine *m, struct err *e)
{
	auto_close int lock = machine_lock(m, e);
	int rc = lock < 0 ? -1 : certify(m, false, e);

	return rc == 0 ? 2 : rc < 0 ? -1 : 0;
}

static void count(const struct handshake *h, time_t until)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	unsigned long tries = 0, failed = 0, serials = 0;
	auto_free char *last = NULL;

	while (time(NULL) < until) {
		struct err e = { 0 };
		char *serial = NULL;

		tries++;
		if (handshake_serial(h, &serial, &e) != 1) {
			if (failed++ == 0)
				log_warn("%s", e.msg[0] ? e.msg : "nobody listens");
			(void)nanosleep(&pause, NULL);
			continue;
		}
		serials += !last || strcmp(last, serial) != 0;
		free(last);
		last = serial;
	}
	(void)printf("handshakes %lu failed %lu serials %lu\n", tries, failed, serials);
}

static int shake(const struct machine *m, char **argv, struct err *e)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt"), *cert = machine_pki_path(m, argv[4], "crt"),
		       *key = machine_pki_path(m, argv[4], "key");
	struct handshake h = { .address = argv[2], .ca = ca, .cert = cert, .key = key, .timeout_ms = 5000 };
	uint64_t port, seconds;

	if (!text_parse_u64(argv[3], 1, UINT16_MAX, &port) || !text_parse_u64(argv[5], 1, 3600, &seconds))
		return err_set(e, ERR_CONFIG, "PORT or SECONDS is no number");
	h.port = (uint16_t)port;
	count(&h, time(NULL) + (time_t)seconds);
	return 0;
}

int main(int argc, char **argv)
{
	const struct machine_options o = { .root = argv[1] };
	struct err e = { 0 };
	struct machine m;
	int rc = -1;

	log_open(false);
	if (argc != 2 && argc != 6)
		return ERR_CONFIG;
	if (machine_open(&m, &o, &e) == 0)
		rc = argc == 2 ? ensure(&m, &e) : shake(&m, argv, &e);
	machine_free(&m);
	if (rc < 0)
		log_error(LOG_LEVEL_ERR, &e);
	return rc < 0 ? (int)e.class : rc;
}
