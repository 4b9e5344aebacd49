/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/ca_host.h"

#include <string.h>

#include "adapter/rpc.h"
#include "base/text.h"
#include "config/check.h"
#include "config/default.h"
#include "member/endpoint.h"

#define KEY "etcd-cluster/ca-host"

void ca_host_free(struct ca_host *h)
{
	free(h->name);
	free(h->server);
	*h = (struct ca_host){ 0 };
}

/* "<cluster> <member> n1 10.0.0.1:2382" */
static bool parse(const char *text, struct ca_host *h)
{
	auto_strv char **words = text_split(text, BLANKS);
	auto_free char *url = strv_len(words) >= 4 ? xasprintf("https://%s", words[3]) : NULL, *host = NULL;
	uint16_t port;

	if (!url || !text_parse_id(words[0], &h->cluster) || !text_parse_id(words[1], &h->member) ||
	    config_check_name(words[2]) || !endpoint_split(url, &host, &port) || config_check_address(host))
		return false;
	h->name = xstrdup(words[2]);
	h->server = xstrdup(words[3]);
	return true;
}

int ca_host_get(struct grpc *g, bool quorum, struct ca_host *h, int64_t *revision, struct err *e)
{
	auto_free char *text = NULL;
	int rc = rpc_get(g, KEY, quorum, &text, revision, e);

	*h = (struct ca_host){ 0 };
	return rc > 0 ? parse(text, h) : rc;
}

int ca_host_put(struct grpc *g, const struct ca_host *h, int64_t revision, struct err *e)
{
	auto_free char *text = xasprintf(ID_FMT " " ID_FMT " %s %s", h->cluster, h->member, h->name, h->server);

	return rpc_put_if(g, KEY, revision, text, e);
}

int ca_host_same(struct grpc *g, int64_t revision, struct err *e)
{
	return rpc_is_at(g, KEY, revision, e);
}

void ca_host_self(const struct config *conf, uint64_t cluster, uint64_t member, struct ca_host *h)
{
	auto_free char *url = config_url(conf->address, conf->enroll_port);

	*h = (struct ca_host){ .cluster = cluster,
			       .member = member,
			       .name = xstrdup(conf->name),
			       .server = xstrdup(url + strlen("https://")) };
}

bool ca_host_is(const struct ca_host *h, const struct ca_host *self)
{
	return (h->cluster == self->cluster && h->member == self->member) || strcmp(h->name, self->name) == 0;
}

char *ca_host_words(const struct ca_host *h)
{
	if (h->name && h->server)
		return xasprintf("%s (%s)", h->name, h->server);
	return xstrdup(h->server ? h->server : "another machine");
}
