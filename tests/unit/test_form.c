/* SPDX-License-Identifier: Apache-2.0
 *
 * member/forming, enroll/form_rules: the record as a file and what follows from it, and the rules as a table.
 */
#include "form_fixture.h"

#include "base/text.h"

/* --- The record. */

static void a_record_is_read_as_written(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_forming struct forming f = record(FORMING_COMMITTED), got = { 0 };
	auto_free char *cluster = NULL, *token = NULL;
	struct wal_ids one, other;
	struct err er = { 0 };

	(void)state;
	open_machine(&m, CONF);
	assert_int_equal(forming_read(&m, &got, &er), 0);
	assert_int_equal(forming_write(&m, &f, &er), 1);
	assert_int_equal(forming_write(&m, &f, &er), 0);
	assert_int_equal(forming_read(&m, &got, &er), 1);
	assert_int_equal(got.state, FORMING_COMMITTED);
	assert_string_equal(got.disks, f.disks);
	cluster = forming_cluster(&got);
	assert_string_equal(cluster, "n1=https://10.0.0.1:2380,n2=https://10.0.0.2:2380,n3=https://10.0.0.3:2380");
	token = forming_cluster_token(&got);
	assert_string_equal(token, "etcd-cluster." X);
	/* Another nonce is another cluster of other members. */
	assert_true(forming_ids(&got, "n2", &one));
	got.nonce[31] = 'b';
	assert_true(forming_ids(&got, "n2", &other));
	assert_int_not_equal(one.cluster, other.cluster);
	assert_int_not_equal(one.member, other.member);
	assert_false(forming_ids(&got, "n4", &one));
}

static void a_damaged_record_is_refused(void **state)
{
	static const char *const damage[] = { "STATE=perhaps\n",
					      "NONCE=1\n",
					      "MEMBERS=n1=10.0.0.1\n",
					      "DISKS=n1=" D1 "\n",
					      "DISKS=n1=" D1 ",n2=" D2 ",n4=" D3 "\n",
					      "DISKS=n1=" D1 ",n2=x,n3=" D3 "\n" };
	cleanup(machine_free) struct machine m;

	(void)state;
	open_machine(&m, CONF);
	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		auto_forming struct forming f = record(FORMING_OFFERED), got = { 0 };
		auto_buf struct buf text = { 0 };
		auto_keyfile struct keyfile k = { 0 };
		const size_t key = strcspn(damage[i], "=") + 1;
		auto_free char *start = xstrndup(damage[i], key);
		auto_strv char **lines = NULL;
		auto_buf struct buf damaged = { 0 };

		assert_ok(forming_put(&text, &f, e));
		lines = text_split(text.data, "\n");
		for (char **line = lines; *line; line++)
			buf_printf(&damaged, "%s%s", text_starts(*line, start) ? damage[i] : *line,
				   text_starts(*line, start) ? "" : "\n");
		put_file("/etc/etcd/forming", damaged.data);
		assert_err(forming_read(&m, &got, e), ERR_CONFIG, "is not as it was written");
	}
}

static void members_are_compared_in_one_spelling(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *text = NULL, *ports = NULL;

	(void)state;
	open_machine(&m, "NAME=n1\nROLE=cluster\nMEMBERS=n1=[FD00:0:0::1],n2=10.0.0.2,n3=Etcd3.Example.ORG\n"
			 "ADDRESS=FD00:0:0::1\n");
	text = forming_members(&m.conf);
	assert_string_equal(text, "n1=fd00::1,n2=10.0.0.2,n3=etcd3.example.org");
	ports = forming_ports(&m.conf);
	assert_string_equal(ports, "2379,2380");
}

/* --- The rules. */

struct row {
	const char *what;
	enum forming_state record; /* FORMING_STARTED + 1: none */
	const char *disk;
	struct {
		const char *name, *disk;
		enum report_state state;
		const char *nonce, *members;
		long ahead;
	} heard[3];
	enum form_move want;
	const char *why;
};
#define NONE ((enum forming_state)(FORMING_STARTED + 1))

static const struct row rows[] = {
	{ "nobody has reported",
	  NONE,
	  D1,
	  { { .name = NULL } },
	  FORM_WAIT,
	  "n2 (10.0.0.2) has not reported; n3 (10.0.0.3)" },
	{ "one is missing", NONE, D1, { { .name = "n2", .disk = D2 } }, FORM_WAIT, "n3 (10.0.0.3) has not reported" },
	{ "all are new", NONE, D1, { { .name = "n2", .disk = D2 }, { .name = "n3", .disk = D3 } }, FORM_OFFER, "" },
	{ "all are new again",
	  FORMING_OFFERED,
	  D1,
	  { { .name = "n2", .disk = D2 }, { .name = "n3", .disk = D3 } },
	  FORM_STAND,
	  "" },
	{ "one has accepted",
	  FORMING_OFFERED,
	  D1,
	  { { .name = "n2", .disk = D2, .state = REPORT_ACCEPTED, .nonce = X }, { .name = "n3", .disk = D3 } },
	  FORM_STAND,
	  "" },
	{ "all have accepted",
	  FORMING_OFFERED,
	  D1,
	  { { .name = "n2", .disk = D2, .state = REPORT_ACCEPTED, .nonce = X },
	    { .name = "n3", .disk = D3, .state = REPORT_ACCEPTED, .nonce = X } },
	  FORM_COMMIT,
	  "" },
	{ "one has accepted another record",
	  FORMING_OFFERED,
	  D1,
	  { { .name = "n2", .disk = D2, .state = REPORT_ACCEPTED, .nonce = X },
	    { .name = "n3", .disk = D3, .state = REPORT_ACCEPTED, .nonce = Y } },
	  FORM_STAND,
	  "" },
	{ "one has accepted and is silent",
	  FORMING_OFFERED,
	  D1,
	  { { .name = "n2", .disk = D2, .state = REPORT_ACCEPTED, .nonce = X } },
	  FORM_WAIT,
	  "n3 (10.0.0.3) has not reported" },
	{ "a disk was replaced after the offer",
	  FORMING_OFFERED,
	  D1,
	  { { .name = "n2", .disk = D9 }, { .name = "n3", .disk = D3, .state = REPORT_ACCEPTED, .nonce = X } },
	  FORM_OFFER,
	  "" },
	{ "the own disk was replaced after the offer",
	  FORMING_OFFERED,
	  D9,
	  { { .name = "n2", .disk = D2, .state = REPORT_ACCEPTED, .nonce = X },
	    { .name = "n3", .disk = D3, .state = REPORT_ACCEPTED, .nonce = X } },
	  FORM_OFFER,
	  "" },
	{ "two machines with one name",
	  NONE,
	  D1,
	  { { .name = "n2", .disk = D2 }, { .name = "n2", .disk = D9 }, { .name = "n3", .disk = D3 } },
	  FORM_WAIT,
	  "two machines report as n2" },
	{ "one has started before",
	  NONE,
	  D1,
	  { { .name = "n2", .disk = D2, .state = REPORT_STARTED, .nonce = X }, { .name = "n3", .disk = D3 } },
	  FORM_WAIT,
	  "n2 is a member of a cluster that was formed before" },
	{ "other MEMBERS",
	  NONE,
	  D1,
	  { { .name = "n2", .disk = D2, .members = "n1=10.0.0.1,n2=10.0.0.2" }, { .name = "n3", .disk = D3 } },
	  FORM_WAIT,
	  "n2 has MEMBERS=n1=10.0.0.1,n2=10.0.0.2, this machine " THREE },
	{ "the same MEMBERS in another order",
	  NONE,
	  D1,
	  { { .name = "n2", .disk = D2 },
	    { .name = "n3", .disk = D3, .members = "n1=10.0.0.1,n3=10.0.0.3,n2=10.0.0.2" } },
	  FORM_WAIT,
	  "n3 has MEMBERS=" },
	{ "another clock",
	  NONE,
	  D1,
	  { { .name = "n2", .disk = D2, .ahead = 7200 }, { .name = "n3", .disk = D3 } },
	  FORM_WAIT,
	  "the clock of n2" },
	{ "committed", FORMING_COMMITTED, D1, { { .name = NULL } }, FORM_START, "" },
	{ "committed, and another says new", FORMING_COMMITTED, D1, { { .name = "n2", .disk = D9 } }, FORM_START, "" },
	{ "committed on a disk that is gone",
	  FORMING_COMMITTED,
	  D9,
	  { { .name = "n2", .disk = D2 }, { .name = "n3", .disk = D3 } },
	  FORM_LOST,
	  "" },
	{ "starting", FORMING_STARTING, D1, { { .name = NULL } }, FORM_START, "" },
	{ "starting on a disk that is gone", FORMING_STARTING, D9, { { .name = NULL } }, FORM_LOST, "" },
	{ "started, and the log is gone", FORMING_STARTED, D1, { { .name = NULL } }, FORM_LOST, "" },
};

static void form_first_row(void **state)
{
	const struct row *row = *state;
	auto_forming struct forming f = record(row->record == NONE ? FORMING_OFFERED : row->record);
	auto_report_list struct report_list heard = { .list = xcalloc(3, sizeof(struct report)) };
	auto_buf struct buf why = { 0 };
	struct form_self self = {
		.name = "n1", .disk = row->disk, .now = NOW, .record = row->record == NONE ? NULL : &f
	};
	enum form_move got;

	self.members = f.members;
	self.ports = f.ports;
	self.token = f.token;
	self.ca = f.ca;
	for (size_t i = 0; i < 3 && row->heard[i].name; i++) {
		struct report *r = &heard.list[heard.n++];

		*r = report(row->heard[i].name, row->heard[i].disk, row->heard[i].state, row->heard[i].nonce);
		r->now += row->heard[i].ahead;
		if (row->heard[i].members) {
			free(r->members);
			r->members = xstrdup(row->heard[i].members);
		}
	}
	got = form_first(&self, &heard, &why);
	if (got != row->want || !strstr(buf_str(&why), row->why) || (!*row->why && why.len > 0))
		fail_msg("%d instead of %d: %s", (int)got, (int)row->want, buf_str(&why));
}

struct other {
	const char *what;
	enum forming_state record;
	const char *disk;
	int word; /* -1: silence */
	const char *members;
	enum form_move want;
};

static const struct other others[] = {
	{ "silence, new", NONE, D2, -1, NULL, FORM_WAIT },
	{ "silence, accepted", FORMING_ACCEPTED, D2, -1, NULL, FORM_WAIT },
	{ "silence, committed", FORMING_COMMITTED, D2, -1, NULL, FORM_START },
	{ "silence, committed, disk gone", FORMING_COMMITTED, D9, -1, NULL, FORM_LOST },
	{ "wait", FORMING_ACCEPTED, D2, FORM_SAYS_WAIT, NULL, FORM_WAIT },
	{ "offer, new", NONE, D2, FORM_SAYS_OFFER, NULL, FORM_ACCEPT },
	{ "offer, accepted", FORMING_ACCEPTED, D2, FORM_SAYS_OFFER, NULL, FORM_STAND },
	{ "offer to a disk that is gone", NONE, D9, FORM_SAYS_OFFER, NULL, FORM_WAIT },
	{ "offer with other MEMBERS", NONE, D2, FORM_SAYS_OFFER, "n1=10.0.0.1,n2=10.0.0.2", FORM_WAIT },
	{ "offer, committed", FORMING_COMMITTED, D2, FORM_SAYS_OFFER, NULL, FORM_START },
	{ "committed, accepted", FORMING_ACCEPTED, D2, FORM_SAYS_COMMITTED, NULL, FORM_START },
	{ "committed, new on the same disk", NONE, D2, FORM_SAYS_COMMITTED, NULL, FORM_START },
	{ "committed, new disk", NONE, D9, FORM_SAYS_COMMITTED, NULL, FORM_ENTER },
	{ "formed before records", NONE, D2, FORM_SAYS_FORMED, NULL, FORM_ENTER },
};

static void form_other_row(void **state)
{
	const struct other *row = *state;
	auto_forming struct forming f = record(row->record == NONE ? FORMING_ACCEPTED : row->record);
	auto_form_reply struct form_reply reply = { .message = xstrdup("n3 has not reported") };
	auto_buf struct buf why = { 0 };
	auto_free char *members = xstrdup(row->members ? row->members : THREE);
	struct form_self self = {
		.name = "n2", .disk = row->disk, .now = NOW, .record = row->record == NONE ? NULL : &f
	};
	enum form_move got;

	self.members = members;
	self.ports = f.ports;
	self.token = f.token;
	reply.word = (enum form_word)row->word;
	reply.record = record(FORMING_OFFERED);
	got = form_other(&self, row->word < 0 ? NULL : &reply, &why);
	if (got != row->want)
		fail_msg("%d instead of %d: %s", (int)got, (int)row->want, buf_str(&why));
	if (row->word == FORM_SAYS_WAIT)
		assert_string_equal(buf_str(&why), "n3 has not reported");
}

/* Installed without answers, and given MEMBERS before its etcd ever ran. */
static void a_record_of_one_that_never_ran_binds_nobody(void **state)
{
	static char alone[] = "n1=127.0.0.1", three[] = THREE, ports[] = "2379,2380", token[] = "etcd-cluster",
		    ca[] = "ca";
	auto_forming struct forming f = record(FORMING_COMMITTED);
	struct form_self self = { .name = "n1", .disk = D1, .now = NOW, .record = &f };

	(void)state;
	self.members = alone;
	self.ports = ports;
	self.token = token;
	self.ca = ca;
	free(f.members);
	free(f.disks);
	f.members = xstrdup(alone);
	f.disks = xstrdup("n1=" D1);
	assert_false(form_is_void(&self));
	self.ca = NULL;
	assert_true(form_is_void(&self));
	f.state = FORMING_STARTED;
	assert_false(form_is_void(&self));
	f.state = FORMING_COMMITTED;
	self.ca = ca;
	self.members = three;
	assert_true(form_is_void(&self));
	self.name = "n9";
	assert_true(form_is_void(&self));
	self.name = "n1";
	self.disk = D9;
	assert_false(form_is_void(&self));
	self.disk = D1;
	f.state = FORMING_STARTED;
	assert_false(form_is_void(&self));
	self.record = NULL;
	assert_false(form_is_void(&self));
}

int main(void)
{
	static struct CMUnitTest table[ARRAY_LEN(rows) + ARRAY_LEN(others)];
	const struct CMUnitTest tests[] = {
		WITH_ROOT(a_record_is_read_as_written),
		WITH_ROOT(a_damaged_record_is_refused),
		WITH_ROOT(members_are_compared_in_one_spelling),
		WITH_ROOT(a_record_of_one_that_never_ran_binds_nobody),
	};
	int failed;

	unit_rows(table, rows, form_first_row, NULL, NULL);
	unit_rows(table + ARRAY_LEN(rows), others, form_other_row, NULL, NULL);
	failed = cmocka_run_group_tests_name("form_rules", table, NULL, NULL);
	return cmocka_run_group_tests_name("form", tests, NULL, NULL) + failed;
}
