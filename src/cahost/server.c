/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/dial.h"
#include "base/clock.h"
#include "base/log.h"
#include "cahost/places.h"
#include "cahost/record.h"
#include "cahost/revoke.h"
#include "cahost/serve.h"
#include "cahost/token_store.h"
#include "member/forming.h"
#include "service/service.h"

#define TICK_SECONDS  1
#define LINGER_MS     1000
#define MINUTE_MS     60000
#define ON_FILE_MS    1000 /* how old the list of addresses on record may be: two changes can have one time */
#define SOURCES_NOTED 64

/* What a child reports about a client that got nothing; a pipe takes it as one write (PIPE_BUF). */
struct report {
	char source[INET6_ADDRSTRLEN];
	char why[256];
};

/* A source that was refused lately. */
struct note {
	struct report last;
	long long since;   /* when there was a line about it; 0: this one is free */
	unsigned int more; /* refusals since then */
};

struct server {
	const struct machine_options *o;
	int fd;
	struct parser_tls tls;
	int reports[2];
	sigset_t open; /* the mask outside poll has these signals blocked */
	struct place places[PLACES];
	unsigned int n_children;
	char **on_file;		    /* strv of the addresses on record */
	char *members;		    /* the directory of the records */
	struct timespec on_file_of; /* when they had changed last */
	long long on_file_since;
	struct note notes[SOURCES_NOTED];
	unsigned int unnoted; /* refusals of further sources, since when there was a line about them */
	long long unnoted_since;
	long long last; /* when somebody was here */
};

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	if (sig != SIGCHLD)
		ended = 1;
}

static void catch_signals(struct server *s)
{
	const struct sigaction act = { .sa_handler = on_signal };
	static const int caught[] = { SIGCHLD, SIGTERM, SIGINT };
	sigset_t block;

	(void)sigemptyset(&block);
	for (size_t i = 0; i < ARRAY_LEN(caught); i++) {
		(void)sigaction(caught[i], &act, NULL);
		(void)sigaddset(&block, caught[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &block, &s->open);
}

/* --- The log: a source has one line a minute. */

static struct report report_of(const char *source, const char *why)
{
	struct report r = { 0 };

	(void)snprintf(r.source, sizeof(r.source), "%s", source);
	(void)snprintf(r.why, sizeof(r.why), "%s", why);
	return r;
}

static void refused(struct server *s, const char *source, const char *why)
{
	struct note *n = NULL;

	for (size_t i = 0; i < SOURCES_NOTED; i++) {
		if (strcmp(s->notes[i].last.source, source) == 0) {
			n = &s->notes[i];
			break;
		}
		if (!n && s->notes[i].since == 0)
			n = &s->notes[i];
	}
	if (!n) {
		s->unnoted++;
		return;
	}
	n->last = report_of(source, why);
	if (n->since > 0) {
		n->more++;
		return;
	}
	n->since = clock_ms();
	log_info("refused %s: %s", source, why);
}

static void tick(struct server *s, bool all)
{
	long long now = clock_ms();

	for (struct note *n = s->notes; n < s->notes + SOURCES_NOTED; n++) {
		if (n->since == 0 || (!all && now - n->since < MINUTE_MS))
			continue;
		if (n->more == 0) {
			*n = (struct note){ 0 };
			continue;
		}
		log_info("refused %s %u more times: %s", n->last.source, n->more, n->last.why);
		n->since = now;
		n->more = 0;
	}
	if (s->unnoted > 0 && (all || now - s->unnoted_since >= MINUTE_MS)) {
		log_info("refused %u connections of further addresses", s->unnoted);
		s->unnoted = 0;
		s->unnoted_since = now;
	}
}

static void read_reports(struct server *s)
{
	struct report r;

	while (read(s->reports[0], &r, sizeof(r)) == (ssize_t)sizeof(r))
		refused(s, r.source, r.why);
}

/* --- The clients. */

/* Closing with something unread would cut off the answer (RFC 9112, 9.6): waits for the client to go first. */
static void linger(int fd)
{
	const long long deadline = clock_ms() + LINGER_MS;
	char rest[4096];
	ssize_t n = 1;

	(void)shutdown(fd, SHUT_WR);
	while (n > 0 && dial_ready(fd, POLLIN, deadline))
		n = read(fd, rest, sizeof(rest));
}

/* The child. */
static void serve(const struct server *s, int fd, const char *source)
{
	struct machine m = { 0 };
	struct err e = { 0 };

	(void)close(s->fd); /* else the next server cannot listen while a client of this one waits */
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &s->open, NULL);
	/* Beyond the deadlines of enroll_serve: whatever hangs, ends. */
	(void)alarm(ENROLL_WHOLE_SECONDS + ENROLL_SHAKE_SECONDS);
	if (machine_open(&m, s->o, &e) < 0 || enroll_serve(&m, fd, &s->tls, source, &e) < 0) {
		struct report r = report_of(source, e.msg);

		if (write(s->reports[1], &r, sizeof(r)) < 0)
			log_error(LOG_WARNING, &e);
		linger(fd);
	}
	machine_free(&m);
	_exit(0);
}

/* An ADDRESS that is a name is not among them: nothing here waits for DNS. A client has where it was last. */
static void add_on_file(struct server *s, const struct machine *m, enum enroll_kind kind)
{
	auto_strv char **names = enroll_record_names(m, kind);

	for (char **name = names; name && *name; name++) {
		cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
		struct sockaddr_storage at;
		struct err unread = { 0 };
		const char *address;

		if (enroll_record_read(m, kind, *name, &r, &unread) <= 0)
			continue;
		address = kind == ENROLL_CLIENT && r.visits.n > 0 ? r.visits.list[0].source : r.address;
		if (dial_literal(address, 0, &at) > 0) {
			auto_free char *source = enroll_source(&at);

			strv_add(&s->on_file, source);
		}
	}
}

static void load_on_file(struct server *s)
{
	struct machine m = { 0 };
	struct stat now;

	strv_free(s->on_file);
	s->on_file = NULL;
	s->on_file_since = clock_ms();
	machine_locate(&m, s->o);
	if (!s->members)
		s->members = xasprintf("%s/members", m.at.enroll);
	if (stat(s->members, &now) == 0)
		s->on_file_of = now.st_mtim;
	add_on_file(s, &m, ENROLL_MACHINE);
	add_on_file(s, &m, ENROLL_CLIENT);
	machine_free(&m);
}

/* A record is replaced as a whole, which changes its directory. */
static bool is_on_file(struct server *s, const char *source)
{
	struct stat now;

	if (s->on_file_since == 0 || clock_ms() - s->on_file_since > ON_FILE_MS ||
	    (stat(s->members, &now) == 0 &&
	     (now.st_mtim.tv_sec != s->on_file_of.tv_sec || now.st_mtim.tv_nsec != s->on_file_of.tv_nsec)))
		load_on_file(s);
	return strv_has(s->on_file, source);
}

static void accept_client(struct server *s)
{
	struct sockaddr_storage from = { 0 };
	socklen_t len = sizeof(from);
	auto_close int fd = accept4(s->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	auto_free char *source = NULL;
	struct place *p;
	bool on_file;

	if (fd < 0)
		return; /* gone again, or no descriptors or memory now: the next tick comes */
	s->last = clock_ms();
	source = enroll_source(&from);
	on_file = is_on_file(s, source);
	p = places_find(s->places, source, on_file);
	if (!p) {
		auto_free char *network = on_file ? xstrdup(source) : places_network(source);

		refused(s, network, "it has too many connections, or the server has");
		return;
	}
	p->pid = fork();
	if (p->pid == 0)
		serve(s, fd, source);
	if (p->pid < 0) {
		log_warn("cannot start a process to serve %s: %s", source, strerror(errno));
		p->pid = 0;
		return;
	}
	s->n_children++;
	p->on_file = on_file;
	(void)snprintf(p->source, sizeof(p->source), "%s", source);
}

static void reap(struct server *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (struct place *p = s->places; p < s->places + PLACES; p++) {
			if (p->pid != pid)
				continue;
			if (WIFSIGNALED(status))
				refused(s, p->source, "a signal killed the process that served it");
			p->pid = 0;
			s->n_children--;
			s->last = clock_ms();
		}
	}
}

static int make_tls(struct server *s, struct err *e)
{
	struct machine m = { 0 };
	int rc = machine_open(&m, s->o, e);

	if (rc == 0)
		rc = parser_tls_make(&m, &s->tls, e);
	machine_free(&m);
	return rc;
}

int enroll_listen(const struct machine_options *o, int fd, unsigned int idle_seconds, struct err *e)
{
	struct server s = { .o = o, .fd = fd, .last = clock_ms() };
	const struct timespec wait = { .tv_sec = TICK_SECONDS };

	if (make_tls(&s, e) < 0)
		return -1;
	if (pipe2(s.reports, O_CLOEXEC | O_NONBLOCK) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, ERR_FAIL, "cannot prepare to serve");
	catch_signals(&s);
	while (!ended && !(idle_seconds > 0 && s.n_children == 0 && clock_ms() - s.last > 1000LL * idle_seconds)) {
		struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = s.reports[0], .events = POLLIN } };
		int n = ppoll(p, ARRAY_LEN(p), &wait, &s.open);

		if (n < 0 && errno != EINTR)
			return err_sys(e, ERR_FAIL, "cannot wait for visitors");
		reap(&s);
		read_reports(&s);
		tick(&s, false);
		if (n > 0 && (p[0].revents & POLLNVAL))
			return err_set(e, ERR_FAIL, "the file descriptor to listen on is not a socket");
		if (n > 0 && (p[0].revents & POLLIN))
			accept_client(&s);
	}
	read_reports(&s);
	tick(&s, true);
	strv_free(s.on_file);
	free(s.members);
	parser_tls_free(&s.tls);
	return 0;
}

/* --- Whether it is to run. */

/* Whether anybody may come to this CA host. */
static int expected(const struct machine *m, struct err *e)
{
	auto_strv char **enrolled = enroll_record_names(m, ENROLL_MACHINE),
		       **clients = enroll_record_names(m, ENROLL_CLIENT);
	auto_token_list struct token_list tokens = { 0 };

	/* A second CA host may have served nobody yet. */
	if (m->conf.role == ROLE_JOIN || (m->conf.role == ROLE_CLUSTER && m->conf.n_members > 1))
		return 1;
	return token_store_list(m, &tokens, e) < 0 ? -1 : enrolled || clients || tokens.n > 0;
}

static int sweep(const struct machine *m, struct err *e)
{
	auto_close int lock = -1;

	if (m->dry_run || !file_exists(m->at.enroll))
		return 0;
	lock = token_store_lock(m, e);
	return lock < 0 ? -1 : token_store_sweep(m, e);
}

/* What was removed since. Setup goes on without: before each grant it is learned, too. */
static void learn(const struct machine *m)
{
	struct err e = { 0 };

	if (enroll_revoke(m, &e) < 0)
		log_error(LOG_WARNING, &e);
}

int enroll_open(const struct machine *m, struct err *e)
{
	auto_free char *cert = machine_pki_path(m, "ca", "crt"), *key = machine_pki_path(m, "ca", "key");
	const bool signs = m->conf.role != ROLE_NONE && file_exists(cert) && file_exists(key);
	const bool gathers = forming_gathers(m); /* before there is a CA, and where certificates were copied */
	int formed = 0, open = gathers, changed;

	if (signs || gathers) {
		if (m->conf.role == ROLE_CLUSTER)
			formed = token_store_form(m, gathers, e);
		if (formed < 0 || sweep(m, e) < 0)
			return -1;
	}
	if (signs)
		learn(m);
	if (signs && !open)
		open = expected(m, e);
	/* The unit may write to the directories only if they are there. */
	if (open < 0 ||
	    (open && !m->dry_run &&
	     (file_mkdirs(m->at.enroll, FILE_MODE(0700), e) < 0 || file_mkdirs(m->at.run, FILE_MODE(0755), e) < 0)))
		return -1;
	changed = service_enroll_port(m, open, e);
	return changed < 0 ? -1 : formed || changed;
}
