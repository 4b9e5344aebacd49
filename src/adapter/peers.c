/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/peers.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* A list of seven members is 2 KiB. */
#define MEMBERS_MAX ((size_t)256 << 10)

#define CLUSTER_HEADER "X-Etcd-Cluster-ID:"

struct question {
	CURL *curl;
	char *url;
	struct peers_answer *answer;
};

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct peers_answer *a = arg;
	size_t len = size * n, begin = strlen(CLUSTER_HEADER), end = len;
	auto_free char *id = NULL;

	if (len <= begin || strncasecmp(data, CLUSTER_HEADER, begin) != 0)
		return len;
	while (begin < end && data[begin] == ' ')
		begin++;
	while (end > begin && (data[end - 1] == '\r' || data[end - 1] == '\n' || data[end - 1] == ' '))
		end--;
	/* "cdf818194e3a8c32": hex, without leading zeros (etcd, types.ID). */
	id = xstrndup(data + begin, end - begin);
	if (!text_parse_hex(id, &a->cluster_id))
		a->cluster_id = 0;
	return len;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct peers_answer *a = arg;

	if (a->members.len + size * n > MEMBERS_MAX)
		return 0; /* ends the transfer */
	buf_add(&a->members, data, size * n);
	return size * n;
}

static void prepare(struct question *q, const struct peers_pair *as, unsigned int timeout_ms)
{
	CURL *c = q->curl;

	(void)curl_easy_setopt(c, CURLOPT_URL, q->url);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(c, CURLOPT_CAINFO, as->ca_file);
	(void)curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(c, CURLOPT_SSLCERT, as->cert_file);
	(void)curl_easy_setopt(c, CURLOPT_SSLKEY, as->key_file);
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "etcd-cluster/" VERSION);
	(void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(c, CURLOPT_HEADERDATA, q->answer);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, q->answer);
}

static void collect(CURLM *all, struct question *questions, size_t n)
{
	const CURLMsg *done;
	int left;

	while ((done = curl_multi_info_read(all, &left))) {
		for (size_t i = 0; i < n; i++) {
			if (questions[i].curl != done->easy_handle)
				continue;
			questions[i].answer->came =
				done->data.result == CURLE_OK && questions[i].answer->cluster_id != 0;
			log_debug("%s: %s", questions[i].url, curl_easy_strerror(done->data.result));
		}
	}
}

void peers_ask(char *const *urls, const struct peers_pair *as, unsigned int timeout_ms, struct peers_answer *out)
{
	size_t n = strv_len(urls);
	struct question *questions = xcalloc(n + 1, sizeof(*questions));
	CURLM *all = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
	int running = 0;

	for (size_t i = 0; i < n; i++) {
		out[i] = (struct peers_answer){ 0 };
		questions[i] = (struct question){ .curl = curl_easy_init(),
						  .url = xasprintf("%s/members", urls[i]),
						  .answer = &out[i] };
		if (!all || !questions[i].curl)
			abort(); /* out of memory */
		prepare(&questions[i], as, timeout_ms);
		(void)curl_multi_add_handle(all, questions[i].curl);
	}
	/* Each transfer has its own end, so this has one, too. */
	while (curl_multi_perform(all, &running) == CURLM_OK && running > 0)
		(void)curl_multi_poll(all, NULL, 0, 100, NULL);
	collect(all, questions, n);
	for (size_t i = 0; i < n; i++) {
		(void)curl_multi_remove_handle(all, questions[i].curl);
		curl_easy_cleanup(questions[i].curl);
		free(questions[i].url);
	}
	(void)curl_multi_cleanup(all);
	curl_global_cleanup();
	free(questions);
}

/*
 * [{"id":1,"peerURLs":["https://…"],"name":"n1","clientURLs":["https://…"]},…]. Nothing in a member's object has braces, and a URL
 * that config.c has checked has nothing that JSON escapes; so no parser is needed to find the object and to look into it.
 */
enum peers_standing peers_find(const char *members, const char *peer_url)
{
	auto_free char *quoted = xasprintf("\"%s\"", peer_url);
	for (const char *at = strchr(members, '{'); at; at = strchr(at + 1, '{')) {
		auto_free char *object = xstrndup(at, strcspn(at, "}"));
		const char *peers = strstr(object, "\"peerURLs\":[");
		const char *own = peers ? strstr(peers, quoted) : NULL, *end = peers ? strchr(peers, ']') : NULL;

		if (own && end && own < end)
			return strstr(object, "\"clientURLs\":[\"") ? PEERS_STARTED : PEERS_LISTED;
	}
	return PEERS_NOT_LISTED;
}
