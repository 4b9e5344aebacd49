/* SPDX-License-Identifier: Apache-2.0 */
#include "member/health.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "member/endpoint.h"

int member_probe(const struct machine *m, unsigned int timeout_ms, struct member_health *h, struct err *e)
{
	auto_free char *url = endpoint_own(m);
	auto_grpc struct grpc *g = endpoint_open(m, url, 0, timeout_ms, e);
	struct rpc_status status;
	struct err unhealthy = { 0 };

	*h = (struct member_health){ 0 };
	if (!g || rpc_status(g, &status, e) < 0)
		return -1;
	h->cluster_id = status.cluster_id;
	h->member_id = status.member_id;
	h->healthy = rpc_health(g, status.is_learner, &unhealthy) == 0;
	if (!h->healthy)
		log_debug("not healthy yet: %s", unhealthy.msg);
	rpc_status_free(&status);
	return 0;
}

void member_survey_free(struct member_survey *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].name);
		free(s->list[i].url);
		strv_free(s->list[i].peer_urls);
		rpc_status_free(&s->list[i].status);
	}
	free(s->list);
	free(s->alarms);
	*s = (struct member_survey){ 0 };
}

struct member_votes member_count_votes(const struct member_survey *s)
{
	struct member_votes v = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		if (!s->list[i].listed || s->list[i].learner)
			continue;
		v.all++;
		v.healthy += s->list[i].healthy;
	}
	v.quorum = v.all / 2 + 1;
	return v;
}
