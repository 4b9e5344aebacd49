/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/check.h"

#include <string.h>

#include "adapter/handshake.h"
#include "base/log.h"

#define TIMEOUT_MS 3000 /* a local handshake takes milliseconds */

/* The certificate at path, whose serial is `want`, must be served where h looks. */
static int prove_at(const struct machine *m, const struct handshake *h, const char *path, const char *want,
		    struct err *e)
{
	cleanup(handshake_seen_free) struct handshake_seen seen = { 0 };
	int rc = handshake_look(h, &seen, e);

	if (rc < 0 && m->live) {
		e->class = ERR_HEALTH;
		return err_hint(e, "the certificates on disk are fine; see: journalctl -u etcd");
	}
	if (rc < 0) {
		log_debug("this is not the etcd of the root: %s", e->msg);
		err_clear(e);
	}
	if (rc <= 0)
		return 0;
	if (strcmp(seen.leaf.serial, want) == 0) {
		log_debug("%s port %u serves %s", h->address, (unsigned int)h->port, path);
		return 0;
	}
	(void)err_set(e, ERR_HEALTH, "%s has serial %s, but %s port %u still serves %s", path, want, h->address,
		      (unsigned int)h->port, seen.leaf.serial);
	return err_hint(e, "check that etcd uses this file (journalctl -u etcd), then: systemctl restart etcd");
}

/* A port, the certificate that it must serve, and the client pair to show there. */
static int prove_port(const struct machine *m, uint16_t port, enum pki_leaf served, enum pki_leaf shown, struct err *e)
{
	const char *const addresses[] = { "127.0.0.1", "::1", m->conf.address };
	auto_free char *path = machine_pki_path(m, pki_profile(served)->name, "crt");
	auto_free char *ca = machine_pki_path(m, "ca", "crt");
	auto_free char *cert = machine_pki_path(m, pki_profile(shown)->name, "crt");
	auto_free char *key = machine_pki_path(m, pki_profile(shown)->name, "key");
	struct handshake h = { .port = port, .ca = ca, .cert = cert, .key = key, .timeout_ms = TIMEOUT_MS };
	auto_pair struct pki_pair leaf = { 0 };

	if (pki_pair_take(&leaf, x509_cert_read(path, e)) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		h.address = addresses[i];
		if (prove_at(m, &h, path, leaf.info.serial, e) < 0)
			return -1;
	}
	return 0;
}

int pki_prove(const struct machine *m, struct err *e)
{
	if (prove_port(m, m->conf.client_port, PKI_SERVER, PKI_ETCDCTL, e) < 0)
		return -1;
	return prove_port(m, m->conf.peer_port, PKI_PEER, PKI_PEER, e);
}
