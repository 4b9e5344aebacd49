/* SPDX-License-Identifier: Apache-2.0
 *
 * A fake etcd (tests/lib/fake-etcd) and certificates for it, for the tests of the gRPC client.
 */
#ifndef FAKE_H
#define FAKE_H

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/grpc.h"
#include "base/file.h"
#include "base/proc.h"

/* The repository's root: tests are run from there (tests/run). */
#define FAKE_SCRIPT "tests/lib/fake-etcd"

struct fake_etcd {
	pid_t pid;
	int input; /* closing it ends the server */
	int port;
};

/* A directory with certificates (tests/lib/make-pki); the caller removes it with file_remove_tree. */
static inline char *fake_pki(void)
{
	char *dir = unit_dir();
	const char *const argv[] = { "tests/lib/make-pki", dir, NULL };
	struct proc_run run = { .argv = argv, .timeout = 30 };
	struct err e = { 0 };

	if (proc_run(&run, &e) != 0)
		fail_msg("make-pki: %s (see %s/openssl.log)", e.msg, dir);
	return dir;
}

/* Starts it with the certificate `cert` and a space-separated script. */
static inline struct fake_etcd fake_start(const char *pki, const char *cert, const char *script)
{
	struct fake_etcd p = { 0 };
	auto_free char *line = xasprintf("cd %s && exec \"$0\" %s.crt %s.key ca.crt %s", pki, cert, cert, script);
	auto_free char *server = realpath(FAKE_SCRIPT, NULL);
	int in[2], out[2];
	FILE *f;

	assert_non_null(server);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	p.pid = fork();
	if (p.pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)execl("/bin/sh", "sh", "-c", line, server, (char *)NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	p.input = in[1];
	f = fdopen(out[0], "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &p.port), 1);
	(void)fclose(f);
	return p;
}

static inline void fake_stop(struct fake_etcd *p)
{
	(void)close(p->input);
	(void)waitpid(p->pid, NULL, 0);
}

/* A session with it as the certificate `client`, trusting `ca`. */
static inline struct grpc *fake_open(const struct fake_etcd *p, const char *pki, const char *ca, const char *client,
				     unsigned int timeout_ms)
{
	auto_free char *url = xasprintf("https://127.0.0.1:%d", p->port);
	auto_free char *ca_file = xasprintf("%s/%s.crt", pki, ca);
	auto_free char *cert = xasprintf("%s/%s.crt", pki, client);
	auto_free char *key = xasprintf("%s/%s.key", pki, client);
	const struct grpc_endpoint to = {
		.url = url, .ca_file = ca_file, .cert_file = cert, .key_file = key, .timeout_ms = timeout_ms
	};
	struct err e = { 0 };
	struct grpc *g = grpc_open(&to, &e);

	if (!g)
		fail_msg("%s", e.msg);
	return g;
}

/* Setup and teardown of a group whose tests talk to fake servers with certificates of this directory. */
static char *pki;

static inline int fake_setup(void **state)
{
	(void)state;
	pki = fake_pki();
	return 0;
}

static inline int fake_teardown(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (file_remove_tree(pki, &e) < 0)
		return -1;
	free(pki);
	return 0;
}

#endif
