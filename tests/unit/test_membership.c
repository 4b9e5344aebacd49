/* SPDX-License-Identifier: Apache-2.0
 *
 * core/membership, core/reach and the calls of adapter/rpc below them: what is concluded from answers, refusals and silence, above all after a
 * change that may have taken effect or not.
 */
#include "fake_machine.h"

#include "base/text.h"
#include "member/membership.h"

/* Answers in protobuf: header { cluster 1, member 2 }. */
#define HEAD "0a0408011002"
#define STATUS                                                                                                         \
	"ok:" HEAD "1206332e362e3134"                                                                                  \
	"2002" /* 3.6.14, leader 2 */
#define LEARNER STATUS "5001"
#define OK	"ok:" HEAD
#define LOST	"error:14:etcdserver%3A%20request%20timed%20out"

#define PEER "https://10.0.0.9:2380"

/* One member as it stands in a list (field 2) or in the answer to MemberAdd (field 3). */
struct listed {
	unsigned int id; /* below 128 */
	const char *name, *peer, *client;
	bool learner;
};

static void field(struct buf *b, char tag, const char *text)
{
	if (!text)
		return;
	buf_add(b, &tag, 1);
	buf_add(b, &(char){ (char)strlen(text) }, 1);
	buf_puts(b, text);
}

static void put_member(struct buf *out, char tag, const struct listed *one)
{
	auto_buf struct buf b = { 0 };

	buf_add(&b, &(char){ 0x08 }, 1);
	buf_add(&b, &(char){ (char)one->id }, 1);
	field(&b, 0x12, one->name);
	field(&b, 0x1a, one->peer);
	field(&b, 0x22, one->client);
	if (one->learner)
		buf_add(&b, "\x28\x01", 2);
	field(out, tag, buf_str(&b)); /* no zero byte is in it: IDs are not 0 */
}

static const struct listed n1 = { 2, "n1", "https://10.0.0.1:2380", "https://127.0.0.1:1", false };
static const struct listed ours = { 9, NULL, PEER, NULL, true };
static const struct listed ours_voting = { 9, "n9", PEER, "https://127.0.0.1:1", false };
static const struct listed other = { 7, NULL, "https://10.0.0.7:2380", NULL, true };

/* Appends " ok:HEX": the list of these members. */
static void say_list(struct buf *script, const struct listed *a, const struct listed *b)
{
	auto_buf struct buf body = { 0 };
	auto_free char *hex = NULL;

	put_member(&body, 0x12, a);
	if (b)
		put_member(&body, 0x12, b);
	hex = xcalloc(body.len * 2 + 1, 1);
	text_hex((const uint8_t *)body.data, body.len, hex);
	buf_printf(script, " " OK "%s", hex);
}

/* What the answer to MemberAdd says: ours, and the members with it. */
static void say_added(struct buf *script)
{
	auto_buf struct buf body = { 0 };
	auto_free char *hex = NULL;

	put_member(&body, 0x12, &ours);
	put_member(&body, 0x1a, &n1);
	put_member(&body, 0x1a, &ours);
	hex = xcalloc(body.len * 2 + 1, 1);
	text_hex((const uint8_t *)body.data, body.len, hex);
	buf_printf(script, " " OK "%s", hex);
}

/* One change against a member that follows the script. */
enum what { ADD, PROMOTE, REMOVE, UPDATE };

static int run(const struct buf *script, enum what what, struct err *e)
{
	struct fake_etcd p = fake_start(pki, "server", buf_str(script));
	struct rpc_members after = { 0 };
	uint64_t id = 0;
	struct machine m;
	int rc = -1;

	open_machine(&m, p.port);
	switch (what) {
	case ADD:
		rc = membership_add_learner(&m, PEER, &id, &after, e);
		if (rc >= 0) {
			assert_int_equal(id, 9);
			assert_int_equal(after.cluster_id, 1);
			assert_int_equal(after.n, 2);
			assert_string_equal(membership_by_id(&after, 9)->peer_urls[0], PEER);
			assert_string_equal(membership_by_name(&after, "n1")->peer_urls[0], n1.peer);
		}
		rpc_members_free(&after);
		break;
	case PROMOTE:
		rc = membership_promote(&m, 9, e);
		break;
	case REMOVE:
		rc = membership_remove(&m, 9, e);
		break;
	case UPDATE:
		rc = membership_update(&m, 9, PEER, e);
		break;
	}
	machine_free(&m);
	fake_stop(&p);
	return rc;
}

static void added_at_once(void **state)
{
	auto_buf struct buf script = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&script, STATUS);
	say_list(&script, &n1, NULL);
	say_added(&script);
	assert_int_equal(run(&script, ADD, &e), 1);
	assert_int_equal(e.class, ERR_NONE);
}

static void added_though_the_answer_was_lost(void **state)
{
	auto_buf struct buf script = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&script, STATUS);
	say_list(&script, &n1, NULL);
	buf_puts(&script, " " LOST);
	say_list(&script, &n1, &ours);
	assert_int_equal(run(&script, ADD, &e), 1);
	assert_int_equal(e.class, ERR_NONE);
}

static void added_by_an_earlier_try(void **state)
{
	auto_buf struct buf script = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&script, STATUS);
	say_list(&script, &n1, &ours);
	assert_int_equal(run(&script, ADD, &e), 0);
}

static void not_added_twice(void **state)
{
	auto_buf struct buf script = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&script, STATUS);
	say_list(&script, &n1, &ours_voting);
	assert_int_equal(run(&script, ADD, &e), -1);
	assert_int_equal(e.class, ERR_CONFIG);
	assert_non_null(strstr(e.msg, "member n9 (0000000000000009) has the address " PEER " already"));
}

static void lost_for_good_is_an_error(void **state)
{
	auto_buf struct buf script = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&script, STATUS);
	say_list(&script, &n1, NULL);
	buf_puts(&script, " " LOST);
	say_list(&script, &n1, NULL);
	assert_int_equal(run(&script, ADD, &e), -1);
	assert_int_equal(e.class, ERR_HEALTH);
}

static void another_one_is_being_added(void **state)
{
	auto_buf struct buf script = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&script, STATUS);
	say_list(&script, &n1, &other);
	buf_puts(&script, " error:9:etcdserver%3A%20too%20many%20learner%20members%20in%20cluster");
	say_list(&script, &n1, &other);
	assert_int_equal(run(&script, ADD, &e), -1);
	assert_int_equal(e.class, ERR_HEALTH);
	assert_non_null(strstr(e.msg, "(0000000000000007) is being added"));
	assert_non_null(strstr(e.hint, "remove 0000000000000007"));
}

static void the_dead_one_is_named(void **state)
{
	auto_buf struct buf script = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&script, STATUS);
	say_list(&script, &n1, NULL);
	buf_puts(&script, " error:14:etcdserver%3A%20unhealthy%20cluster");
	say_list(&script, &n1, NULL);
	assert_int_equal(run(&script, ADD, &e), -1);
	assert_int_equal(e.class, ERR_HEALTH);
	assert_non_null(strstr(e.msg, "member n1 (0000000000000002) does not answer"));
	assert_non_null(strstr(e.hint, "etcd-cluster remove 0000000000000002"));
}

static void learners_decide_nothing(void **state)
{
	auto_buf struct buf script = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&script, LEARNER);
	assert_int_equal(run(&script, REMOVE, &e), -1);
	assert_int_equal(e.class, ERR_HEALTH);
	assert_non_null(strstr(e.msg, "only learners answer"));
}

static void promoted_when_in_step(void **state)
{
	auto_buf struct buf early = { 0 }, now = { 0 }, again = { 0 }, gone = { 0 }, race = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&early, STATUS);
	say_list(&early, &n1, &ours);
	buf_puts(&early,
		 " error:9:etcdserver%3A%20can%20only%20promote%20a%20learner%20member%20which%20is%20in%20sync%20"
		 "with%20leader");
	say_list(&early, &n1, &ours);
	assert_int_equal(run(&early, PROMOTE, &e), -1);
	assert_int_equal(e.class, ERR_HEALTH);
	assert_int_equal(rpc_refusal(&e), RPC_NOT_IN_SYNC);
	err_clear(&e);

	buf_puts(&now, STATUS);
	say_list(&now, &n1, &ours);
	buf_puts(&now, " " OK);
	assert_int_equal(run(&now, PROMOTE, &e), 1);

	buf_puts(&again, STATUS);
	say_list(&again, &n1, &ours_voting);
	assert_int_equal(run(&again, PROMOTE, &e), 0);

	/* Somebody else was faster. */
	buf_puts(&race, STATUS);
	say_list(&race, &n1, &ours);
	buf_puts(&race, " error:9:etcdserver%3A%20can%20only%20promote%20a%20learner%20member");
	say_list(&race, &n1, &ours_voting);
	assert_int_equal(run(&race, PROMOTE, &e), 1);

	buf_puts(&gone, STATUS);
	say_list(&gone, &n1, NULL);
	assert_int_equal(run(&gone, PROMOTE, &e), -1);
	assert_int_equal(e.class, ERR_CONFIG);
}

static void removed_or_not_there(void **state)
{
	auto_buf struct buf now = { 0 }, gone = { 0 }, late = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&now, STATUS);
	say_list(&now, &n1, &ours_voting);
	buf_puts(&now, " " OK);
	assert_int_equal(run(&now, REMOVE, &e), 1);

	buf_puts(&gone, STATUS);
	say_list(&gone, &n1, NULL);
	assert_int_equal(run(&gone, REMOVE, &e), 0);

	buf_puts(&late, STATUS);
	say_list(&late, &n1, &ours_voting);
	buf_puts(&late, " error:5:etcdserver%3A%20member%20not%20found");
	say_list(&late, &n1, NULL);
	assert_int_equal(run(&late, REMOVE, &e), 1);
	assert_int_equal(e.class, ERR_NONE);
}

static void updated_when_it_differs(void **state)
{
	static const struct listed moved = { 9, "n9", "https://10.0.0.8:2380", "https://127.0.0.1:1", false };
	auto_buf struct buf now = { 0 }, same = { 0 }, none = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_puts(&now, STATUS);
	say_list(&now, &n1, &moved);
	buf_puts(&now, " " OK);
	assert_int_equal(run(&now, UPDATE, &e), 1);

	buf_puts(&same, STATUS);
	say_list(&same, &n1, &ours_voting);
	assert_int_equal(run(&same, UPDATE, &e), 0);

	buf_puts(&none, STATUS);
	say_list(&none, &n1, NULL);
	assert_int_equal(run(&none, UPDATE, &e), -1);
	assert_int_equal(e.class, ERR_CONFIG);
}

static void nobody_answers(void **state)
{
	struct fake_etcd p = fake_start(pki, "server", "close"), stranger = fake_start(pki, "stranger", STATUS);
	struct rpc_members list = { 0 };
	struct machine m;

	(void)state;
	fake_stop(&p);
	open_machine(&m, p.port);
	assert_err(membership_list(&m, &list, e), ERR_HEALTH, "no member of the cluster answers: https://127.0.0.1:");
	assert_err(membership_look(&m, 500, &list, e), ERR_HEALTH, "Connection refused");
	machine_free(&m);
	open_machine(&m, stranger.port);
	assert_err(membership_list(&m, &list, e), ERR_VERIFY, "is not from the CA in");
	machine_free(&m);
	fake_stop(&stranger);
}

static void a_look_needs_no_quorum(void **state)
{
	auto_buf struct buf script = { 0 };
	struct rpc_members list = { 0 };
	struct fake_etcd p;
	struct machine m;

	(void)state;
	buf_puts(&script, STATUS);
	say_list(&script, &n1, &ours);
	p = fake_start(pki, "server", buf_str(&script));
	open_machine(&m, p.port);
	assert_ok(membership_look(&m, 2000, &list, e));
	assert_int_equal(list.n, 2);
	assert_true(membership_has_started(&list.list[0]));
	assert_false(membership_has_started(&list.list[1]));
	rpc_members_free(&list);
	machine_free(&m);
	fake_stop(&p);
}

static void refusals_are_told_apart(void **state)
{
	static const struct {
		int code;
		const char *words;
		enum rpc_refusal is;
	} cases[] = {
		{ GRPC_FAILED_PRECONDITION, "etcdserver: Peer URLs already exists", RPC_EXISTS },
		{ GRPC_FAILED_PRECONDITION, "etcdserver: member ID already exist", RPC_EXISTS },
		{ GRPC_NOT_FOUND, "etcdserver: member not found", RPC_NO_SUCH_MEMBER },
		{ GRPC_UNAVAILABLE, "etcdserver: unhealthy cluster", RPC_UNHEALTHY },
		{ GRPC_FAILED_PRECONDITION, "etcdserver: too many learner members in cluster", RPC_TOO_MANY_LEARNERS },
		{ GRPC_FAILED_PRECONDITION,
		  "etcdserver: can only promote a learner member which is in sync with leader", RPC_NOT_IN_SYNC },
		{ GRPC_FAILED_PRECONDITION, "etcdserver: can only promote a learner member", RPC_NOT_LEARNER },
		{ GRPC_UNAVAILABLE, "etcdserver: rpc not supported for learner", RPC_ASKED_LEARNER },
		{ GRPC_FAILED_PRECONDITION, "etcdserver: re-configuration failed due to not enough started members",
		  RPC_TOO_FEW_STARTED },
		{ GRPC_UNAVAILABLE, "etcdserver: request timed out", RPC_UNKNOWN_OUTCOME },
		{ GRPC_DEADLINE_EXCEEDED, "no answer within 10000 ms", RPC_UNKNOWN_OUTCOME },
		{ GRPC_PERMISSION_DENIED, "etcdserver: permission denied", RPC_REFUSED },
		{ GRPC_INVALID_ARGUMENT, "etcdserver: given member URLs are invalid", RPC_REFUSED },
		/* The words count only with a code that etcd sends them with. */
		{ GRPC_PERMISSION_DENIED, "unhealthy cluster", RPC_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { .rpc = cases[i].code };

		(void)snprintf(e.msg, sizeof(e.msg), "MemberAdd: https://[::1]:2379: %s", cases[i].words);
		assert_int_equal(rpc_refusal(&e), cases[i].is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(added_at_once),
		cmocka_unit_test(added_though_the_answer_was_lost),
		cmocka_unit_test(added_by_an_earlier_try),
		cmocka_unit_test(not_added_twice),
		cmocka_unit_test(lost_for_good_is_an_error),
		cmocka_unit_test(another_one_is_being_added),
		cmocka_unit_test(the_dead_one_is_named),
		cmocka_unit_test(learners_decide_nothing),
		cmocka_unit_test(promoted_when_in_step),
		cmocka_unit_test(removed_or_not_there),
		cmocka_unit_test(updated_when_it_differs),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(a_look_needs_no_quorum),
		cmocka_unit_test(refusals_are_told_apart),
	};

	return cmocka_run_group_tests_name("membership", tests, setup, teardown);
}
