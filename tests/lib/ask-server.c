/* SPDX-License-Identifier: Apache-2.0
 *
 * Enrolment without the rest of `setup`, for tests:
 *   ask-server ROOT        requests server, peer and etcdctl-etcd-client; writes them, their keys and ca.crt into the
 *                          pki directory of ROOT and prints the server. Existing keys stay.
 *   ask-server ROOT open   stores the token, as setup does it on a CA host
 *   ask-server ROOT send SERVER FROM [pair]   sends stdin as a request from the address FROM, proved by the token (or
 *                          the pair of peer.crt), and prints the answer
 * Exit codes are those of the verbs.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adapter/channel.h"
#include "adapter/x509_key.h"
#include "base/log.h"
#include "cahost/server.h"
#include "config/machine.h"
#include "enroll/client.h"
#include "enroll/exchange.h"

static const enum pki_leaf wanted[] = { PKI_SERVER, PKI_PEER, PKI_ETCDCTL };

static int put(const struct machine *m, const char *name, const char *ext, const struct buf *text, struct err *e)
{
	auto_free char *path = machine_pki_path(m, name, ext);

	return file_replace(path, FILE_MODE(0600), text->data, text->len, e);
}

/* The existing key, or a new one, which is written. */
static x509_key *key_of(const struct machine *m, const char *name, struct err *e)
{
	auto_free char *path = machine_pki_path(m, name, "key");
	auto_buf struct buf pem = { 0 };
	x509_key *key;

	if (file_exists(path))
		return x509_key_read(path, e);
	key = x509_key_new(m->conf.key_type, e);
	if (!key)
		return NULL;
	x509_key_pem(key, &pem);
	if (put(m, name, "key", &pem, e) < 0)
		x509_key_free_ptr(&key);
	return key;
}

static int ask(const struct machine *m, x509_key *keys[PKI_LEAVES], struct err *e)
{
	cleanup(pki_made_free) struct pki_made answer = { 0 };

	if (file_mkdirs(m->at.pki, FILE_MODE(0700), e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		keys[wanted[i]] = key_of(m, pki_profile(wanted[i])->name, e);
		if (!keys[wanted[i]])
			return -1;
	}
	if (enroll_request(m, keys, &answer, e) < 0 || put(m, "ca", "crt", &answer.ca_pem, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (put(m, pki_profile(wanted[i])->name, "crt", &answer.cert[wanted[i]], e) < 0)
			return -1;
	(void)puts(answer.server);
	return 0;
}

static int send_text(struct machine *m, char **args, bool pair, struct err *e)
{
	auto_buf struct buf question = { 0 }, answer = { 0 };
	auto_proof struct proof p = { .ca = NULL };
	int rc;

	free(m->conf.address);
	m->conf.address = xstrdup(args[1]);
	if (file_read_fd(STDIN_FILENO, "stdin", CHANNEL_MESSAGE_MAX, &question, e) < 0 || proof_load(m, &p, e) < 0)
		return -1;
	rc = exchange(m, &p, pair ? PROOF_PAIR : PROOF_TOKEN, args[0], &question, 0, &answer, e);
	(void)fputs(buf_str(&answer), stdout);
	return rc == 0 ? err_set(e, ERR_FAIL, "nobody there") : rc;
}

int main(int argc, char **argv)
{
	const struct machine_options o = { .root = argv[1] };
	x509_key *keys[PKI_LEAVES] = { NULL };
	struct machine m = { 0 };
	struct err e = { 0 };
	int rc = -1;

	log_open(true);
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || argc == 4 || argc > 6)
		return ERR_CONFIG;
	if (machine_open(&m, &o, &e) == 0)
		rc = argc > 3	 ? send_text(&m, argv + 3, argc == 6, &e)
		     : argc == 3 ? enroll_open(&m, &e)
				 : ask(&m, keys, &e);
	for (int i = 0; i < PKI_LEAVES; i++)
		x509_key_free_ptr(&keys[i]);
	machine_free(&m);
	if (rc < 0)
		log_error(LOG_ERR, &e);
	return rc < 0 ? (int)e.class : 0;
}
