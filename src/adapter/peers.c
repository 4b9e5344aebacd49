/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/peers.h"

#include <curl/curl.h>
#include <json-c/json.h>
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

/* "cdf818194e3a8c32": hex, without leading zeros (etcd, types.ID). */
static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct peers_answer *a = arg;
	const size_t name = strlen(CLUSTER_HEADER), len = size * n;
	auto_free char *value = NULL;
	auto_strv char **words = NULL;

	if (len <= name || strncasecmp(data, CLUSTER_HEADER, name) != 0)
		return len;
	value = xstrndup(data + name, len - name);
	words = text_split(value, BLANKS "\r\n");
	if (!words || words[1] || !text_parse_hex(words[0], &a->cluster_id))
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
	/* Each transfer has its time limit. */
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

static size_t length(const struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static struct json_object *field(const struct json_object *member, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(member, key, &value);
	return value;
}

static bool has(const struct json_object *urls, const char *url)
{
	for (size_t i = 0; i < length(urls); i++) {
		const char *one = json_object_get_string(json_object_array_get_idx(urls, i)); /* NULL: null */

		if (one && strcmp(one, url) == 0)
			return true;
	}
	return false;
}

/* [{"id":1,"peerURLs":["https://…"],"name":"n1","clientURLs":["https://…"]},…] */
enum peers_standing peers_find(const char *members, const char *peer_url)
{
	struct json_object *list = json_tokener_parse(members);
	enum peers_standing standing = PEERS_NOT_LISTED;

	for (size_t i = 0; i < length(list) && standing == PEERS_NOT_LISTED; i++) {
		const struct json_object *member = json_object_array_get_idx(list, i);

		if (has(field(member, "peerURLs"), peer_url))
			standing = length(field(member, "clientURLs")) > 0 ? PEERS_STARTED : PEERS_LISTED;
	}
	(void)json_object_put(list);
	return standing;
}
