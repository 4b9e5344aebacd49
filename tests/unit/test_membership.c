/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster/membership, cluster/poll and their calls of adapter/rpc: the result after answers, refusals and timeouts, and
 * above all after a change whose effect is unknown.
 */
#include "machine_fixture.h"

#include "base/text.h"
#include "cluster/membership.h"

/* Answers in protobuf: header { cluster 1, member 2 }. */
#define HEAD "0a0408011002"
#define STATUS                                                                                                         \
	"ok:" HEAD "1206332e362e3134"                                                                                  \
	"2002" /* 3.6.14, leader 2 */
#define OK "ok:" HEAD

#define PEER "https://10.0.0.9:2380"

/* One member in a list (field 2) or in the answer to MemberAdd (field 3). */
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
static const struct listed voting = { 9, "n9", PEER, "https://127.0.0.1:1", false };
static const struct listed moved_learner = { 9, "n9", "https://10.0.0.8:2380", "https://127.0.0.1:1", true };
static const struct listed moved = { 9, "n9", "https://10.0.0.8:2380", "https://127.0.0.1:1", false };
static const struct listed other = { 7, NULL, "https://10.0.0.7:2380", NULL, true };

/* The answers of the fake etcd for the words of the tables below. Other words are passed to the fake etcd. */
static const struct answer {
	const char *word;
	const char *script;		 /* for the fake etcd */
	const struct listed *members[2]; /* or a list of these */
	bool added;			 /* or the answer to MemberAdd */
} answers[] = {
	{ "status", .script = STATUS },
	{ "learner-status", .script = STATUS "5001" },
	{ "done", .script = OK },
	{ "lost", .script = "error:14:etcdserver%3A%20request%20timed%20out" },
	{ "n1", .members = { &n1 } },
	{ "n1+ours", .members = { &n1, &ours } },
	{ "n1+voting", .members = { &n1, &voting } },
	{ "n1+moved", .members = { &n1, &moved } },
	{ "n1+moved-learner", .members = { &n1, &moved_learner } },
	{ "n1+other", .members = { &n1, &other } },
	{ "added", .added = true },
};

static void add_answer(struct buf *script, const struct answer *a)
{
	auto_buf struct buf body = { 0 };
	auto_free char *hex = NULL;

	if (a->script) {
		buf_puts(script, a->script);
		return;
	}
	if (a->added) {
		put_member(&body, 0x12, &ours);
		put_member(&body, 0x1a, &n1);
		put_member(&body, 0x1a, &ours);
	}
	for (size_t i = 0; i < ARRAY_LEN(a->members) && a->members[i]; i++)
		put_member(&body, 0x12, a->members[i]);
	hex = xcalloc(body.len * 2 + 1, 1);
	text_hex((const uint8_t *)body.data, body.len, hex);
	buf_printf(script, OK "%s", hex);
}

/* A fake etcd that answers with these words. */
static struct fake_etcd start(const char *words)
{
	auto_strv char **word = text_split(words, BLANKS);
	auto_buf struct buf script = { 0 };

	for (char **w = word; *w; w++) {
		size_t i = 0;

		while (i < ARRAY_LEN(answers) && strcmp(answers[i].word, *w) != 0)
			i++;
		if (i < ARRAY_LEN(answers))
			add_answer(&script, &answers[i]);
		else
			buf_puts(&script, *w);
		buf_puts(&script, " ");
	}
	return fake_start("server", buf_str(&script));
}

static int add(const struct machine *m, struct err *e)
{
	struct rpc_members after = { 0 };
	uint64_t id = 0;
	int rc = membership_add_learner(m, PEER, &id, &after, e);

	if (rc >= 0) {
		assert_int_equal(id, 9);
		assert_int_equal(after.cluster_id, 1);
		assert_int_equal(after.n, 2);
		assert_string_equal(membership_by_id(&after, 9)->peer_urls[0], PEER);
		assert_string_equal(membership_by_name(&after, "n1")->peer_urls[0], n1.peer);
	}
	rpc_members_free(&after);
	return rc;
}

static int promote(const struct machine *m, struct err *e)
{
	return membership_promote(m, 9, e);
}

static int drop(const struct machine *m, struct err *e)
{
	return membership_remove(m, 9, e);
}

static int update(const struct machine *m, struct err *e)
{
	return membership_update(m, 9, PEER, e);
}

/* One change, and the answers of the member. */
static const struct change {
	const char *what;
	int (*make)(const struct machine *m, struct err *e);
	const char *answers;
	int want;
	enum err_class class;
	const char *message, *hint; /* parts of them */
	enum rpc_refusal refusal;
} changes[] = {
	{ "added at once", add, "status n1 added", .want = 1 },
	{ "added, and the answer is lost", add, "status n1 lost n1+ours", .want = 1 },
	{ "added by an earlier try", add, "status n1+ours", .want = 0 },
	{ "a voting member is not added again", add, "status n1+voting", .want = -1, .class = ERR_CONFIG,
	  .message = PEER " is already the address of member n9 (0000000000000009)" },
	{ "not added, and the answer is lost", add, "status n1 lost n1", .want = -1, .class = ERR_HEALTH },
	{ "another member is being added", add,
	  "status n1+other error:9:etcdserver%3A%20too%20many%20learner%20members%20in%20cluster n1+other", .want = -1,
	  .class = ERR_HEALTH, .message = "(0000000000000007) is being added", .hint = "remove 0000000000000007" },
	{ "the member that is down is named", add, "status n1 error:14:etcdserver%3A%20unhealthy%20cluster n1",
	  .want = -1, .class = ERR_HEALTH, .message = "member n1 (0000000000000002) does not answer",
	  .hint = "etcd-cluster remove 0000000000000002" },
	{ "learners decide nothing", drop, "learner-status", .want = -1, .class = ERR_HEALTH,
	  .message = "only learners answer" },
	{ "promoted too early", promote,
	  "status n1+ours error:9:etcdserver%3A%20can%20only%20promote%20a%20learner%20member%20which%20is%20in%20"
	  "sync%20with%20leader n1+ours",
	  .want = -1, .class = ERR_HEALTH, .refusal = RPC_NOT_IN_SYNC },
	{ "promoted at once", promote, "status n1+ours done", .want = 1 },
	{ "promoted before", promote, "status n1+voting", .want = 0 },
	{ "promoted by somebody else meanwhile", promote,
	  "status n1+ours error:9:etcdserver%3A%20can%20only%20promote%20a%20learner%20member n1+voting", .want = 1 },
	{ "a member that is gone is not promoted", promote, "status n1", .want = -1, .class = ERR_CONFIG },
	{ "removed at once", drop, "status n1+voting done", .want = 1 },
	{ "removed before", drop, "status n1", .want = 0 },
	{ "removed by somebody else meanwhile", drop,
	  "status n1+voting error:5:etcdserver%3A%20member%20not%20found n1", .want = 1 },
	{ "an address that differs is updated", update, "status n1+moved done", .want = 1 },
	{ "an address that is right is not updated", update, "status n1+voting", .want = 0 },
	{ "a learner is not updated", update, "status n1+moved-learner", .want = -1, .class = ERR_CONFIG },
	{ "a member that is gone is not updated", update, "status n1", .want = -1, .class = ERR_CONFIG },
};

static void make_change(void **state)
{
	const struct change *c = *state;
	struct fake_etcd p = start(c->answers);
	struct err e = { 0 };
	struct machine m;
	int rc;

	open_machine_of(&m, p.port, "");
	rc = c->make(&m, &e);
	if (rc != c->want || e.class != c->class || (c->message && !strstr(e.msg, c->message)) ||
	    (c->hint && !strstr(e.hint, c->hint)))
		fail_msg("got %d, class %d: %s (%s)", rc, (int)e.class, e.msg, e.hint);
	if (c->refusal)
		assert_int_equal(rpc_refusal(&e), c->refusal);
	machine_free(&m);
	fake_stop(&p);
}

static void no_member_answers(void **state)
{
	struct fake_etcd p = fake_start("server", "close"), stranger = fake_start("stranger", STATUS);
	struct rpc_members list = { 0 };
	struct machine m;

	(void)state;
	fake_stop(&p);
	open_machine_of(&m, p.port, "");
	assert_err(membership_list(&m, &list, e), ERR_HEALTH, "no member of the cluster answers: https://127.0.0.1:");
	assert_err(membership_look(&m, 2000, &list, e), ERR_HEALTH, "Connection refused");
	machine_free(&m);
	open_machine_of(&m, stranger.port, "");
	assert_err(membership_list(&m, &list, e), ERR_VERIFY, "is not from the CA in");
	machine_free(&m);
	fake_stop(&stranger);
}

static void a_look_works_without_a_quorum(void **state)
{
	struct fake_etcd p = start("status n1+ours");
	struct rpc_members list = { 0 };
	struct machine m;

	(void)state;
	open_machine_of(&m, p.port, "");
	assert_ok(membership_look(&m, 2000, &list, e));
	assert_int_equal(list.n, 2);
	assert_true(membership_has_started(&list.list[0]));
	assert_false(membership_has_started(&list.list[1]));
	rpc_members_free(&list);
	machine_free(&m);
	fake_stop(&p);
}

static void refusals_are_distinguished(void **state)
{
	static const struct {
		int code;
		const char *words;
		enum rpc_refusal is;
	} cases[] = {
		{ GRPC_FAILED_PRECONDITION, "etcdserver: Peer URLs already exists", RPC_REFUSED },
		{ GRPC_FAILED_PRECONDITION, "etcdserver: member ID already exist", RPC_REFUSED },
		{ GRPC_NOT_FOUND, "etcdserver: member not found", RPC_REFUSED },
		{ GRPC_UNAVAILABLE, "etcdserver: unhealthy cluster", RPC_UNHEALTHY },
		{ GRPC_FAILED_PRECONDITION, "etcdserver: too many learner members in cluster", RPC_TOO_MANY_LEARNERS },
		{ GRPC_FAILED_PRECONDITION,
		  "etcdserver: can only promote a learner member which is in sync with leader", RPC_NOT_IN_SYNC },
		{ GRPC_FAILED_PRECONDITION, "etcdserver: can only promote a learner member", RPC_REFUSED },
		{ GRPC_UNAVAILABLE, "etcdserver: rpc not supported for learner", RPC_ASKED_LEARNER },
		{ GRPC_FAILED_PRECONDITION, "etcdserver: re-configuration failed due to not enough started members",
		  RPC_REFUSED },
		{ GRPC_UNAVAILABLE, "etcdserver: request timed out", RPC_UNKNOWN_OUTCOME },
		{ GRPC_DEADLINE_EXCEEDED, "no answer within 10000 ms", RPC_UNKNOWN_OUTCOME },
		{ GRPC_PERMISSION_DENIED, "etcdserver: permission denied", RPC_REFUSED },
		{ GRPC_INVALID_ARGUMENT, "etcdserver: given member URLs are invalid", RPC_REFUSED },
		/* The text counts only with the code that etcd uses for it. */
		{ GRPC_PERMISSION_DENIED, "unhealthy cluster", RPC_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { .rpc = cases[i].code };

		(void)snprintf(e.msg, sizeof(e.msg), "MemberAdd: https://[::1]:2379: %s", cases[i].words);
		if (rpc_refusal(&e) != cases[i].is)
			fail_msg("%s: %d, not %d", cases[i].words, (int)rpc_refusal(&e), (int)cases[i].is);
	}
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(changes) + 3] = { WITH_CLIENT(no_member_answers),
							    WITH_CLIENT(a_look_works_without_a_quorum),
							    cmocka_unit_test(refusals_are_distinguished) };

	unit_rows(tests + 3, changes, make_change, client_setup, root_teardown);
	return cmocka_run_group_tests_name("membership", tests, certs_setup, certs_teardown);
}
