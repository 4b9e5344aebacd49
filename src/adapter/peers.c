/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/peers.h"

#include <curl/curl.h>
#include <json-c/json.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/text.h"

/* A list of seven members is 2 KiB. */
#define MEMBERS_MAX ((size_t)256 << 10)

#define CLUSTER_HEADER "X-Etcd-Cluster-ID:"

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

/* A question; libcurl copies the strings. */
static CURL *ask(const char *url, const struct peers_pair *as, unsigned int timeout_ms, struct peers_answer *answer)
{
	CURL *c = curl_easy_init();

	must(c);
	(void)curl_easy_setopt(c, CURLOPT_URL, url);
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
	(void)curl_easy_setopt(c, CURLOPT_HEADERDATA, answer);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
	(void)curl_easy_setopt(c, CURLOPT_PRIVATE, answer);
	return c;
}

static void collect(CURLM *all)
{
	const CURLMsg *done;
	int left;

	while ((done = curl_multi_info_read(all, &left))) {
		CURL *c = done->easy_handle;
		CURLcode rc = done->data.result;
		struct peers_answer *a = NULL;
		const char *url = NULL;

		(void)curl_easy_getinfo(c, CURLINFO_PRIVATE, &a);
		(void)curl_easy_getinfo(c, CURLINFO_EFFECTIVE_URL, &url);
		a->came = rc == CURLE_OK && a->cluster_id != 0;
		log_debug("%s: %s", url, curl_easy_strerror(rc));
		(void)curl_multi_remove_handle(all, c);
		curl_easy_cleanup(c);
	}
}

void peers_ask(char *const *urls, const struct peers_pair *as, unsigned int timeout_ms, struct peers_answer *out)
{
	CURLM *all = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
	int running = 0;

	must(all);
	for (size_t i = 0; i < strv_len(urls); i++) {
		auto_free char *url = xasprintf("%s/members", urls[i]);

		out[i] = (struct peers_answer){ 0 };
		(void)curl_multi_add_handle(all, ask(url, as, timeout_ms, &out[i]));
	}
	/* Each transfer has its time limit. */
	while (curl_multi_perform(all, &running) == CURLM_OK && running > 0)
		(void)curl_multi_poll(all, NULL, 0, 100, NULL);
	collect(all);
	(void)curl_multi_cleanup(all);
	curl_global_cleanup();
}

static size_t length(const struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
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

		if (has(json_object_object_get(member, "peerURLs"), peer_url))
			standing =
				length(json_object_object_get(member, "clientURLs")) > 0 ? PEERS_STARTED : PEERS_LISTED;
	}
	(void)json_object_put(list);
	return standing;
}
