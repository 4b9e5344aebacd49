/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/peers: a member in the list of etcd's peer port. The lists are those of 3.4 to 3.7.
 */
#include "unit.h"

#include "adapter/peers.h"

#define UP                                                                                                             \
	"{\"id\":10501334649042878790,\"peerURLs\":[\"https://10.0.0.1:2380\"],\"name\":\"n1\","                       \
	"\"clientURLs\":[\"https://10.0.0.1:2379\"]}"
#define FORMING "{\"id\":17,\"peerURLs\":[\"https://10.0.0.2:2380\",\"https://[fd00::2]:2380\"],\"name\":\"n2\"}"
#define LEARNER "{\"id\":18,\"peerURLs\":[\"https://10.0.0.3:2380\"],\"isLearner\":true}"

static void the_list_shows_who_has_started(void **state)
{
	static const struct {
		const char *list, *url;
		enum peers_standing want;
	} cases[] = {
		{ "[" UP "," FORMING "," LEARNER "]\n", "https://10.0.0.1:2380", PEERS_STARTED },
		{ "[" UP "," FORMING "," LEARNER "]\n", "https://10.0.0.2:2380", PEERS_LISTED },
		{ "[" UP "," FORMING "," LEARNER "]\n", "https://[fd00::2]:2380", PEERS_LISTED },
		{ "[" UP "," FORMING "," LEARNER "]\n", "https://10.0.0.3:2380", PEERS_LISTED },
		{ "[" FORMING "," UP "]\n", "https://10.0.0.1:2380", PEERS_STARTED },
		/* not the beginning of an address, not a client URL */
		{ "[" UP "]\n", "https://10.0.0.1:238", PEERS_NOT_LISTED },
		{ "[" UP "]\n", "https://10.0.0.1:2379", PEERS_NOT_LISTED },
		{ "[{\"peerURLs\":[\"https://10.0.0.1:2380\"],\"clientURLs\":[]}]", "https://10.0.0.1:2380",
		  PEERS_LISTED },
		/* invalid answers */
		{ "", "https://10.0.0.1:2380", PEERS_NOT_LISTED },
		{ "null", "https://10.0.0.1:2380", PEERS_NOT_LISTED },
		{ "[{\"peerURLs\":[\"https://10.0.0.1:2380\"", "https://10.0.0.1:2380", PEERS_NOT_LISTED },
		{ "{{{{", "https://10.0.0.1:2380", PEERS_NOT_LISTED },
		{ "[null,7,[],{\"peerURLs\":7},{\"peerURLs\":[null,{}]}]", "https://10.0.0.1:2380", PEERS_NOT_LISTED },
		/* a name with braces, and one that looks like a URL */
		{ "[{\"name\":\"}{\",\"peerURLs\":[\"https://10.0.0.1:2380\"]}]", "https://10.0.0.1:2380",
		  PEERS_LISTED },
		{ "[{\"name\":\"https://10.0.0.1:2380\",\"peerURLs\":[]}]", "https://10.0.0.1:2380", PEERS_NOT_LISTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (peers_find(cases[i].list, cases[i].url) != cases[i].want)
			fail_msg("%s in %s", cases[i].url, cases[i].list);
	}
}

static void a_closed_port_gives_no_answer(void **state)
{
	const struct peers_pair as = { .ca_file = "/dev/null", .cert_file = "/dev/null", .key_file = "/dev/null" };
	struct peers_answer answers[2];
	auto_strv char **urls = NULL;

	(void)state;
	strv_add(&urls, "https://127.0.0.1:1");
	strv_add(&urls, "https://[::1]:1");
	peers_ask(urls, &as, 500, answers);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		assert_false(answers[i].came);
		assert_int_equal(answers[i].cluster_id, 0);
		buf_free(&answers[i].members);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_shows_who_has_started),
		cmocka_unit_test(a_closed_port_gives_no_answer),
	};

	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
