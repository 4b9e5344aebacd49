/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine of a unit test: a temporary root, cluster.conf from lines, a fixed clock; on request certificates
 * (tests/lib/make-pki) and a fake etcd (tests/lib/fake-etcd).
 */
#pragma once

#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/grpc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "config/machine.h"

#define NOW 1800000000 /* 2027-01-15 08:00:00 UTC, the clock of every machine */

/* --- The root and its files. Paths begin with a slash and are relative to the root. */

static char *root;

/* The caller frees. */
static inline char *root_path(const char *path)
{
	return xasprintf("%s%s", root, path);
}

/* Writes a file, readable by its owner only, and the directories above it. */
static inline void put_bytes(const char *path, const void *data, size_t len)
{
	auto_free char *full = root_path(path);
	auto_free char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));

	assert_ok(file_mkdirs(dir, FILE_MODE(0755), e));
	assert_ok(file_replace(full, FILE_MODE(0600), data, len, e));
}

static inline void put_file(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static inline void assert_file(const char *path, const char *want)
{
	auto_free char *full = root_path(path);
	auto_buf struct buf got = { 0 };

	assert_ok(file_read(full, 1 << 20, &got, e));
	assert_string_equal(buf_str(&got), want);
}

static inline void remove_path(const char *path)
{
	auto_free char *full = root_path(path);

	assert_ok(file_remove_tree(full, e));
}

/* Does not change *state, which is the row for a test that is made from a table. */
static inline int root_setup(void **state)
{
	auto_free char *etc = NULL;

	(void)state;
	root = unit_dir();
	etc = root_path("/etc/etcd");
	assert_ok(file_mkdirs(etc, FILE_MODE(0755), e));
	return 0;
}

static inline int root_teardown(void **state)
{
	struct err e = { 0 };
	int rc = file_remove_tree(root, &e);

	(void)state;
	free(root);
	root = NULL;
	return rc;
}

#define WITH_ROOT(f) cmocka_unit_test_setup_teardown(f, root_setup, root_teardown)

/* --- The machine. */

/* Opens the machine below `top` with these lines as its cluster.conf. The caller frees it with machine_free. */
static inline void open_machine_at(struct machine *m, const char *top, const char *conf)
{
	auto_free char *etc = xasprintf("%s/etc/etcd", top), *path = xasprintf("%s/cluster.conf", etc);
	const struct machine_options o = { .root = top };

	assert_ok(file_mkdirs(etc, FILE_MODE(0755), e));
	assert_ok(file_replace(path, FILE_MODE(0644), conf, strlen(conf), e));
	assert_ok(machine_open(m, &o, e));
	m->now = NOW;
}

static inline void open_machine(struct machine *m, const char *conf)
{
	open_machine_at(m, root, conf);
}

/* *state is a machine with the name n1 and a cluster of one. */
static inline int machine_setup(void **state)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	int rc = root_setup(state);

	open_machine(m, "NAME=n1\n");
	*state = m;
	return rc;
}

static inline int machine_teardown(void **state)
{
	machine_free(*state);
	free(*state);
	return root_teardown(state);
}

#define WITH_MACHINE(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)

/* A listener on 127.0.0.`host` with its own port: 1 is this machine, others are other machines. */
static inline int listener(uint32_t host, uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 + host) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* --- Certificates, made once for all tests of a program: NAME.crt and NAME.key of ca, server, client… */

static char *certs;

static inline int certs_setup(void **state)
{
	const char *argv[] = { "tests/lib/make-pki", NULL, NULL };
	struct proc_run run = { .argv = argv, .timeout = 30 };
	struct err e = { 0 };

	(void)state;
	argv[1] = certs = unit_dir();
	if (proc_run(&run, &e) != 0)
		fail_msg("make-pki: %s (see %s/openssl.log)", e.msg, certs);
	return 0;
}

static inline int certs_teardown(void **state)
{
	struct err e = { 0 };
	int rc = file_remove_tree(certs, &e);

	(void)state;
	free(certs);
	return rc;
}

/* The caller frees. */
static inline char *cert_path(const char *name, const char *ext)
{
	return xasprintf("%s/%s.%s", certs, name, ext);
}

/* Copies one of them to the path of this machine's own. */
static inline void copy_cert(const char *from, const char *to, const char *ext)
{
	auto_free char *source = cert_path(from, ext), *target = xasprintf("/etc/etcd/pki/%s.%s", to, ext);
	auto_buf struct buf text = { 0 };

	assert_ok(file_read(source, 1 << 16, &text, e));
	put_file(target, buf_str(&text));
}

/* A root whose machine can connect to the fake etcd. */
static inline int client_setup(void **state)
{
	int rc = root_setup(state);

	copy_cert("ca", "ca", "crt");
	copy_cert("client", "etcdctl-etcd-client", "crt");
	copy_cert("client", "etcdctl-etcd-client", "key");
	return rc;
}

#define WITH_CLIENT(f) cmocka_unit_test_setup_teardown(f, client_setup, root_teardown)

/* --- The fake etcd. */

struct fake_etcd {
	pid_t pid;
	int input; /* closing it ends the server */
	int port;
};

/* Starts the server with the certificate `cert` and a space-separated script. */
static inline struct fake_etcd fake_start(const char *cert, const char *script)
{
	struct fake_etcd p = { 0 };
	auto_free char *line = xasprintf("cd %s && exec \"$0\" %s.crt %s.key ca.crt %s", certs, cert, cert, script);
	auto_free char *server = realpath("tests/lib/fake-etcd", NULL); /* tests run from the top of the repository */
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

/* A session with the server that uses the certificate `client` and trusts `ca`. */
static inline struct grpc *fake_open(const struct fake_etcd *p, const char *ca, const char *client,
				     unsigned int timeout_ms)
{
	auto_free char *url = xasprintf("https://127.0.0.1:%d", p->port);
	auto_free char *ca_file = cert_path(ca, "crt");
	auto_free char *cert = cert_path(client, "crt"), *key = cert_path(client, "key");
	const struct grpc_endpoint to = {
		.url = url, .ca_file = ca_file, .cert_file = cert, .key_file = key, .timeout_ms = timeout_ms
	};
	struct err e = { 0 };
	struct grpc *g = grpc_open(&to, &e);

	if (!g)
		fail_msg("%s", e.msg);
	return g;
}

/* The machine whose etcd has this port, with further lines of cluster.conf. Its clock is right. */
static inline void open_machine_of(struct machine *m, int port, const char *more)
{
	auto_free char *conf = xasprintf("NAME=n1\nCLIENT_PORT=%d\n%s", port, more);

	open_machine(m, conf);
	m->now = time(NULL);
}
