/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll: the enrolment server, on a socket from systemd or one of its own.
 */
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "cahost/server.h"
#include "cmd/cmd.h"
#include "config/key.h"

#define SYSTEMD_FD   3 /* sd_listen_fds(3) */
#define IDLE_SECONDS 60
#define BACKLOG	     128

/* A socket at ADDRESS:PORT, where IPv6 addresses are in brackets. */
static int listen_at(const char *where, struct err *e)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST };
	auto_free char *host = NULL, *service = NULL;
	struct addrinfo *at = NULL;
	auto_close int fd = -1;
	uint16_t port = 0;
	int on = 1;

	if (config_split_join(where, &host, &port))
		service = xasprintf("%u", port);
	if (port == 0 || getaddrinfo(host, service, &want, &at) != 0)
		return err_set(e, ERR_CONFIG, "--listen=%s is not ADDRESS:PORT, with an address of this machine",
			       where);
	fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		(void)err_sys(e, ERR_FAIL, "cannot listen at %s", where);
	freeaddrinfo(at);
	return e->class == ERR_NONE ? steal_fd(&fd) : -1;
}

static int from_systemd(struct err *e)
{
	const char *n = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint64_t count, whose;

	if (n && pid && text_parse_u64(n, 1, 1, &count) && text_parse_u64(pid, 1, INT32_MAX, &whose) &&
	    (pid_t)whose == getpid() && fcntl(SYSTEMD_FD, F_SETFD, FD_CLOEXEC) == 0)
		return SYSTEMD_FD;
	(void)err_set(e, ERR_CONFIG, "systemd passes no socket to etcd-cluster enroll");
	return err_hint(e, "etcd-cluster setup opens the enrolment port; by hand: etcd-cluster enroll --listen "
			   "ADDRESS:PORT");
}

static int run(const struct cmd_args *a, struct err *e)
{
	auto_close int fd = a->listen ? listen_at(a->listen, e) : from_systemd(e);

	if (fd < 0)
		return -1;
	if (a->listen)
		log_info("serving at %s until a signal ends it", a->listen);
	return enroll_listen(&a->machine, fd, a->listen ? 0 : IDLE_SECONDS, e) < 0 ? -1 : CMD_DONE;
}

const struct cmd_verb cmd_enroll = {
	.name = "enroll",
	.about = "Runs the enrolment server of a CA host. Other machines get their certificates from it "
		 "over TLS 1.3. systemd starts it for a connection to ENROLL_PORT; with --listen it runs "
		 "without systemd until a signal ends it.",
	.example = "enroll --listen 10.0.0.1:2382",
	.options = CMD_OPTIONS(
		CMD_VALUE("listen", "ADDRESS:PORT", CMD_TEXT, listen, "Listen here; IPv6 addresses need brackets.")),
	.run = run,
};
