/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/ask.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter/dial.h"
#include "base/log.h"
#include "base/text.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "pki/pair.h"

#define TOLD_MAX    (64UL << 10)
#define ENTRIES_MAX 128		 /* of a kind; a cluster has few members */
#define MEMORY	    (2ULL << 30) /* each thread that asks a member reserves address space */
#define CPU_SECONDS 10

/* What the child tells: lines of a letter and a value. */
enum word {
	AGREED = 'A', /* cluster ID */
	HOST = 'H',   /* member ID of the CA host that etcd names; the next four are about it */
	HOST_CLUSTER = 'C',
	HOST_NAME = 'N',
	HOST_SERVER = 'S',
	REVISION = 'R', /* of that entry, which may be absent */
	LOOKED = 'L',	/* member ID */
	ANSWERS = 'a',
	VACANT = 'v',
	MEMBER = 'm', /* member ID; the next four are about it */
	NAME = 'n',
	LEARNER = 'l',
	PEER = 'p',
	CLIENT = 'c',
	LOOKUP = 'd', /* name; the next is what it stands for */
	IP = 'i',
};

static void put(struct buf *out, enum word word, const char *value)
{
	auto_free char *line = xstrdup(value);

	text_printable(line);
	buf_printf(out, "%c%s\n", (int)word, line);
}

static void put_id(struct buf *out, enum word word, uint64_t id)
{
	auto_free char *hex = xasprintf(ID_FMT, id);

	put(out, word, hex);
}

static void put_all(struct buf *out, enum word word, char *const *values)
{
	for (size_t i = 0; values && values[i]; i++)
		put(out, word, values[i]);
}

void enroll_told_put(const struct enroll_known *k, struct buf *out)
{
	const struct rpc_members *members = &k->list.members;

	if (k->list.agreed)
		put_id(out, AGREED, members->cluster_id);
	if (k->list.host.name || k->list.host.server) {
		put_id(out, HOST, k->list.host.member);
		put_id(out, HOST_CLUSTER, k->list.host.cluster);
		if (k->list.host.name)
			put(out, HOST_NAME, k->list.host.name);
		if (k->list.host.server)
			put(out, HOST_SERVER, k->list.host.server);
	}
	put_id(out, REVISION, (uint64_t)k->list.host_revision);
	put_id(out, LOOKED, k->looked_at);
	if (k->answers)
		put(out, ANSWERS, "");
	if (k->vacant)
		put(out, VACANT, "");
	for (size_t i = 0; i < members->n; i++) {
		const struct rpc_member *one = &members->list[i];

		put_id(out, MEMBER, one->id);
		put(out, NAME, one->name);
		if (one->is_learner)
			put(out, LEARNER, "");
		put_all(out, PEER, one->peer_urls);
		put_all(out, CLIENT, one->client_urls);
	}
	for (size_t i = 0; i < k->lookups.n; i++) {
		put(out, LOOKUP, k->lookups.list[i].name);
		put_all(out, IP, k->lookups.list[i].ips);
	}
}

static bool add_member(struct rpc_members *l, uint64_t id)
{
	if (l->n == ENTRIES_MAX)
		return false;
	l->list = xrealloc(l->list, l->n + 1, sizeof(*l->list));
	l->list[l->n++] = (struct rpc_member){ .id = id, .name = xstrdup("") };
	return true;
}

static bool add_lookup(struct enroll_lookups *l, const char *name)
{
	if (l->n == ENTRIES_MAX)
		return false;
	l->list = xrealloc(l->list, l->n + 1, sizeof(*l->list));
	l->list[l->n++] = (struct enroll_lookup){ xstrdup(name), NULL };
	return true;
}

static bool set(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
	return true;
}

static bool add_ip(struct enroll_lookup *one, const char *ip)
{
	if (!config_is_ip(ip))
		return false;
	strv_add(&one->ips, ip);
	return true;
}

static bool get(struct enroll_known *k, char word, const char *value)
{
	struct rpc_members *l = &k->list.members;
	struct rpc_member *one = l->n > 0 ? &l->list[l->n - 1] : NULL;
	struct enroll_lookup *name = k->lookups.n > 0 ? &k->lookups.list[k->lookups.n - 1] : NULL;
	uint64_t id = 0;
	const bool has_id = strcmp(value, "0000000000000000") == 0 || text_parse_id(value, &id);

	switch ((enum word)word) {
	case AGREED:
		k->list.agreed = has_id;
		l->cluster_id = id;
		return has_id;
	case HOST:
		k->list.host.member = id;
		return has_id;
	case HOST_CLUSTER:
		k->list.host.cluster = id;
		return has_id;
	case HOST_NAME:
		return set(&k->list.host.name, value);
	case HOST_SERVER:
		return set(&k->list.host.server, value);
	case REVISION:
		k->list.host_revision = (int64_t)id;
		return has_id && k->list.host_revision >= 0;
	case LOOKED:
		k->looked_at = id;
		return has_id;
	case ANSWERS:
		return k->answers = true;
	case VACANT:
		return k->vacant = true;
	case MEMBER:
		return has_id && add_member(l, id);
	case NAME:
		return one && set(&one->name, value);
	case LEARNER:
		return one && (one->is_learner = true);
	case PEER:
	case CLIENT:
		if (one)
			strv_add(word == PEER ? &one->peer_urls : &one->client_urls, value);
		return one;
	case LOOKUP:
		return add_lookup(&k->lookups, value);
	case IP:
		return name && add_ip(name, value);
	}
	return false;
}

static void forget(struct enroll_known *k)
{
	enroll_list_free(&k->list);
	enroll_lookups_free(&k->lookups);
	k->looked_at = 0;
	k->answers = k->vacant = false;
}

bool enroll_told_get(const char *text, size_t len, struct enroll_known *k)
{
	const char *end = text + len;

	forget(k);
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		auto_free char *value = stop && stop > text ? xstrndup(text + 1, (size_t)(stop - text - 1)) : NULL;

		if (value)
			text_printable(value);
		if (!value || !get(k, *text, value)) {
			forget(k);
			return false;
		}
		text = stop + 1;
	}
	return true;
}

/* --- The child. */

struct told {
	size_t len;
	char text[TOLD_MAX];
};

struct asking {
	struct machine m;
	const struct enroll_question *q;
	struct enroll_known *k;
	struct enroll_facts *f;
	struct token *secret;
};

static int ask(void *arg, void *result, struct err *e)
{
	struct asking *a = arg;
	struct told *told = result;
	auto_buf struct buf text = { 0 };

	token_forget(a->secret);
	enroll_facts_ask(&a->m, a->q, a->k, a->f);
	enroll_told_put(a->k, &text);
	if (text.len > sizeof(told->text))
		return err_set(e, ERR_FAIL, "etcd and DNS say too much");
	memcpy(told->text, buf_str(&text), text.len);
	told->len = text.len;
	return 0;
}

/* --- What a child gets of this machine: copies in memory, which nobody may read, too. */

enum { CARRIED_CA, CARRIED_CERT, CARRIED_KEY, CARRIED_ENV, CARRIED_ID, CARRIED };

struct carried {
	int fds[CARRIED], keep[CARRIED + 2];
	char *paths[CARRIED];
};

static void carried_free(struct carried *c)
{
	for (int i = 0; i < CARRIED; i++) {
		mem_close_fd(&c->fds[i]);
		free(c->paths[i]);
	}
}

/* A path that leads the child to a copy of the file; to nothing when it cannot be read. *fd is to be closed. */
static char *carry(const char *path, int *fd)
{
	auto_buf struct buf text = { 0 };
	struct err unread = { 0 };

	*fd = file_read(path, PKI_FILE_MAX, &text, &unread) < 0 ? -1 : memfd_create("carried", MFD_CLOEXEC);
	if (*fd < 0 || file_write_all(*fd, buf_str(&text), text.len) < 0)
		return xstrdup("");
	return xasprintf("/proc/self/fd/%d", *fd);
}

/* further: a descriptor that the child keeps, too, or -1. copy borrows of m and c. */
static void carry_all(const struct machine *m, int further, struct carried *c, struct machine *copy)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt"), *cert = machine_pki_path(m, ENDPOINT_PAIR, "crt"),
		       *key = machine_pki_path(m, ENDPOINT_PAIR, "key");
	const char *const paths[CARRIED] = { ca, cert, key, m->at.etcd_env, m->at.member_id };
	int n = 0;

	for (int i = 0; i < CARRIED; i++) {
		c->paths[i] = carry(paths[i], &c->fds[i]);
		if (c->fds[i] >= 0)
			c->keep[n++] = c->fds[i];
	}
	if (further >= 0)
		c->keep[n++] = further;
	c->keep[n] = -1;
	*copy = *m;
	copy->client_files = c->paths;
	copy->at.etcd_env = c->paths[CARRIED_ENV];
	copy->at.member_id = c->paths[CARRIED_ID];
}

void enroll_ask(const struct machine *m, const struct enroll_question *q, struct enroll_known *k,
		struct enroll_facts *f, struct token *secret)
{
	cleanup(carried_free) struct carried carried;
	const struct jail jail = {
		.keep = carried.keep, .network = true, .memory_bytes = MEMORY, .cpu_seconds = CPU_SECONDS
	};
	auto_free struct told *told = xcalloc(1, sizeof(*told));
	struct asking a = { .q = q, .k = k, .f = f, .secret = secret };
	cleanup(identity_free) struct identity id = { 0 };
	struct err why = { 0 };

	carry_all(m, -1, &carried, &a.m);
	if (jail_run(&jail, ask, &a, told, sizeof(*told), &why) < 0)
		log_debug("%s", why.msg);
	else if (told->len > sizeof(told->text) || !enroll_told_get(told->text, told->len, k))
		log_debug("the process that asks etcd and DNS told nonsense");
	if (k->list.agreed && identity_read(m, &id, &why) > 0)
		ca_host_self(&m->conf, k->list.members.cluster_id, id.member_id, &k->list.self);
	else
		enroll_list_free(&k->list);
	f->asked = true;
}

/* --- The confirmation. */

struct confirming {
	struct machine m;
	const struct enroll_list *l;
	struct token *secret;
	int wait;
};

static int confirm(void *arg, void *result, struct err *e)
{
	struct confirming *a = arg;
	char go;

	(void)result;
	token_forget(a->secret);
	if (read(a->wait, &go, 1) != 1)
		return err_set(e, ERR_PENDING, "nothing was to be confirmed");
	return active_confirm(&a->m, a->l, e);
}

/* It begins when a byte comes out of `wait`. */
static int start_confirm(const struct machine *m, struct confirming *a, struct jail_child *child, struct err *e)
{
	cleanup(carried_free) struct carried carried;
	const struct jail jail = {
		.keep = carried.keep, .network = true, .memory_bytes = MEMORY, .cpu_seconds = CPU_SECONDS
	};

	carry_all(m, a->wait, &carried, &a->m);
	return jail_start(&jail, confirm, a, 0, child, e);
}

int enroll_confirm_start(const struct machine *m, const struct enroll_list *l, struct token *secret,
			 struct enroll_confirm *c, struct err *e)
{
	struct confirming a = { .l = l, .secret = secret };
	auto_close int go = -1;
	int ends[2], rc;

	if (!l->agreed)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, ERR_FAIL, "cannot make a pipe");
	a.wait = ends[0];
	go = ends[1];
	rc = start_confirm(m, &a, &c->child, e);
	(void)close(a.wait);
	if (rc == 0)
		c->go = steal_fd(&go);
	return rc;
}

int enroll_confirm_finish(struct enroll_confirm *c, struct err *e)
{
	struct err why = { 0 };
	const int go = c->go;
	int rc;

	if (go == 0)
		return 0;
	c->go = 0;
	/* A child that has ended has said why. */
	if (write(go, "", 1) < 0)
		log_debug("the process that confirms has ended");
	(void)close(go);
	rc = jail_finish(&c->child, NULL, &why);
	if (rc >= 0)
		return 0;
	log_debug("%s", why.msg);
	(void)err_set(e, ERR_PENDING, "etcd does not confirm that this machine still is the CA host");
	return err_hint(e, "etcd-cluster status, on the CA hosts, shows which machine is");
}

void enroll_confirm_free(struct enroll_confirm *c)
{
	struct err unasked = { 0 };

	if (c->go == 0)
		return;
	(void)close(c->go);
	c->go = 0;
	if (jail_finish(&c->child, NULL, &unasked) < 0)
		log_debug("%s", unasked.msg);
}
