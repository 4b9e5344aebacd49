/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/poll.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "member/endpoint.h"

/*
 * A round trip to the other side of the world, a lost packet and a slow processor; a machine that is off takes all of
 * it.
 */
#define CONNECT_MS 2500U

static void *ask_thread(void *arg)
{
	struct poll_answer *one = arg;
	struct poll *r = one->poll;

	r->ask(one);
	(void)pthread_mutex_lock(&r->lock);
	one->done = true;
	(void)pthread_cond_signal(&r->changed);
	(void)pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void start(struct poll_answer *one)
{
	const struct poll *r = one->poll;

	one->g = endpoint_open(r->m, one->url, r->connect_ms, r->call_ms, &one->why);
	one->done = !one->g;
	one->threaded = one->g && pthread_create(&one->thread, NULL, ask_thread, one) == 0;
	if (one->g && !one->threaded)
		(void)ask_thread(one); /* the system has no more threads: one after the other */
}

static bool all_done(const struct poll *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (!r->list[i].done)
			return false;
	return true;
}

void poll_init(struct poll *r, const struct machine *m, unsigned int connect_ms, unsigned int call_ms)
{
	*r = (struct poll){ .m = m,
			    .connect_ms = connect_ms,
			    .call_ms = call_ms,
			    /* Threads hold pointers into it, so it never moves. */
			    .list = xcalloc(POLL_MAX, sizeof(*r->list)),
			    .begin_ms = clock_ms() };
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_cond_init(&r->changed, NULL);
}

struct poll_answer *poll_at(const struct poll *r, const char *url)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->list[i].url, url) == 0)
			return &r->list[i];
	return NULL;
}

bool poll_add(struct poll *r, const char *url)
{
	if (r->n == POLL_MAX || poll_at(r, url))
		return false;
	r->list[r->n++] = (struct poll_answer){ .poll = r, .url = xstrdup(url) };
	return true;
}

void poll_run(struct poll *r)
{
	size_t started = 0;

	/* One thread opens and closes all sessions (adapter/grpc.h). */
	do {
		for (; started < r->n; started++)
			start(&r->list[started]);
		(void)pthread_mutex_lock(&r->lock);
		while (!(r->add_more && r->add_more(r)) && !all_done(r))
			(void)pthread_cond_wait(&r->changed, &r->lock);
		(void)pthread_mutex_unlock(&r->lock);
	} while (started < r->n);
	for (size_t i = 0; i < r->n; i++)
		if (r->list[i].threaded)
			(void)pthread_join(r->list[i].thread, NULL);
}

static void ask_status(struct poll_answer *one)
{
	one->answers = rpc_status(one->g, &one->status, &one->why) == 0;
}

size_t poll_all(const struct machine *m, char **urls, unsigned int call_ms, struct poll *r)
{
	size_t answers = 0;

	poll_init(r, m, call_ms < CONNECT_MS ? call_ms : CONNECT_MS, call_ms);
	r->ask = ask_status;
	for (size_t i = 0; urls && urls[i]; i++)
		(void)poll_add(r, urls[i]);
	strv_free(urls);
	poll_run(r);
	for (size_t i = 0; i < r->n; i++)
		answers += r->list[i].answers;
	return answers;
}

void poll_free(struct poll *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct poll_answer *one = &r->list[i];

		grpc_close(&one->g);
		rpc_members_free(&one->list);
		free(one->url);
	}
	free(r->list);
	*r = (struct poll){ 0 };
}

int poll_fail(const struct poll *r, struct err *e)
{
	const size_t prefix = strlen("Status: ");
	auto_buf struct buf why = { 0 };
	enum err_class class = ERR_HEALTH;
	int code = GRPC_UNAVAILABLE;

	for (size_t i = 0; i < r->n; i++) {
		const struct err *one = &r->list[i].why;

		if (!r->list[i].g) { /* this machine has no certificates, which is the same for all of them */
			*e = *one;
			return -1;
		}
		if (one->rpc == GRPC_UNAUTHENTICATED) {
			class = ERR_VERIFY;
			code = one->rpc;
		}
		buf_printf(&why, "%s%s", i ? "; " : "", one->msg + (text_starts(one->msg, "Status: ") ? prefix : 0));
	}
	(void)err_set(e, class, "no member of the cluster answers: %s", buf_str(&why));
	e->rpc = code;
	return class == ERR_VERIFY ? err_hint(e, "etcd-cluster cert list shows the certificates of this machine") : -1;
}

struct grpc *poll_voter(const struct poll *r, size_t k)
{
	for (int leader = 1; leader >= 0; leader--)
		for (size_t i = 0; i < r->n; i++)
			if (r->list[i].answers && !r->list[i].status.is_learner &&
			    (r->list[i].status.leader != 0) == leader && k-- == 0)
				return r->list[i].g;
	return NULL;
}
