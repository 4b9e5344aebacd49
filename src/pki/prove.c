/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/check.h"

#include <string.h>

#include "adapter/handshake.h"
#include "base/log.h"

#define TIMEOUT_MS 3000 /* a local handshake takes milliseconds */

/* A port, the certificate that it must serve, and the client pair to show there. */
struct port {
	enum pki_leaf served, shown;
	uint16_t number;
};

/* want: the serial of the certificate on disk. */
static int prove_at(const struct machine *m, const struct port *port, const char *address, const char *want,
		    struct err *e)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt");
	auto_free char *cert = machine_pki_path(m, pki_profile(port->shown)->name, "crt");
	auto_free char *key = machine_pki_path(m, pki_profile(port->shown)->name, "key");
	auto_free char *path = machine_pki_path(m, pki_profile(port->served)->name, "crt");
	const struct handshake h = {
		.address = address, .port = port->number, .ca = ca, .cert = cert, .key = key, .timeout_ms = TIMEOUT_MS
	};
	cleanup(handshake_seen_free) struct handshake_seen seen = { 0 };
	int rc = handshake_look(&h, &seen, e);

	if (rc < 0 && !m->live) {
		log_debug("this is not the etcd of the root: %s", e->msg);
		err_clear(e);
		return 0;
	}
	if (rc < 0) {
		e->class = ERR_HEALTH;
		return err_hint(e, "the certificates on disk are fine; see: journalctl -u etcd");
	}
	if (rc == 0)
		return 0;
	if (strcmp(seen.leaf.serial, want) == 0) {
		log_debug("%s port %u serves %s", address, (unsigned int)port->number, path);
		return 0;
	}
	(void)err_set(e, ERR_HEALTH, "%s has serial %s, but %s port %u still serves %s", path, want, address,
		      (unsigned int)port->number, seen.leaf.serial);
	return err_hint(e, "check that etcd uses this file (journalctl -u etcd), then: systemctl restart etcd");
}

static int prove_port(const struct machine *m, const struct port *port, struct err *e)
{
	const char *const addresses[] = { "127.0.0.1", "::1", m->conf.address };
	auto_free char *path = machine_pki_path(m, pki_profile(port->served)->name, "crt");
	auto_pair struct pki_pair leaf = { 0 };

	if (pki_pair_take(&leaf, x509_cert_read(path, e)) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		if (i == 2 && (strcmp(addresses[i], addresses[0]) == 0 || strcmp(addresses[i], addresses[1]) == 0))
			continue;
		if (prove_at(m, port, addresses[i], leaf.info.serial, e) < 0)
			return -1;
	}
	return 0;
}

int pki_prove(const struct machine *m, struct err *e)
{
	const struct port client = { PKI_SERVER, PKI_ETCDCTL, m->conf.client_port };
	const struct port peer = { PKI_PEER, PKI_PEER, m->conf.peer_port };

	return prove_port(m, &client, e) < 0 ? -1 : prove_port(m, &peer, e);
}
