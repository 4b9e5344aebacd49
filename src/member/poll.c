/* SPDX-License-Identifier: Apache-2.0 */
#include "member/poll.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "member/endpoint.h"

/*
 * A round trip to the other side of the world, a lost packet and a slow processor; a machine that is off takes all of
 * it.
 */
#define CONNECT_MS 2500U

static void *ask(void *arg)
{
	struct poll_answer *one = arg;

	one->answers = rpc_status(one->g, &one->status, &one->why) == 0;
	return NULL;
}

size_t poll_all(const struct machine *m, char **urls, unsigned int call_ms, struct poll *r)
{
	const unsigned int connect_ms = call_ms < CONNECT_MS ? call_ms : CONNECT_MS;
	size_t n = strv_len(urls), answers = 0;
	pthread_t *threads = xcalloc(n + 1, sizeof(*threads));
	bool *started = xcalloc(n + 1, sizeof(*started));

	*r = (struct poll){ .urls = urls, .list = xcalloc(n + 1, sizeof(*r->list)), .n = n };
	for (size_t i = 0; i < n; i++)
		r->list[i].g = endpoint_open(m, urls[i], connect_ms, call_ms, &r->list[i].why);
	for (size_t i = 0; i < n; i++) {
		started[i] = r->list[i].g && pthread_create(&threads[i], NULL, ask, &r->list[i]) == 0;
		if (r->list[i].g && !started[i])
			(void)ask(&r->list[i]); /* no more threads: one after the other, then */
	}
	for (size_t i = 0; i < n; i++) {
		if (started[i])
			(void)pthread_join(threads[i], NULL);
		answers += r->list[i].answers;
	}
	free(threads);
	free(started);
	return answers;
}

void poll_free(struct poll *r)
{
	for (size_t i = 0; i < r->n; i++) {
		grpc_close(r->list[i].g);
		rpc_status_free(&r->list[i].status);
	}
	free(r->list);
	strv_free(r->urls);
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
