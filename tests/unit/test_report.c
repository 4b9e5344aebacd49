/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/report, enroll/gather: reports and their answers as messages and files, and what the enrolment server answers.
 */
#include "form_fixture.h"

#include "base/text.h"
#include "enroll/gather.h"
#include "enroll/message.h"

/* --- Reports. */

static void a_report_is_read_as_sent(void **state)
{
	static const char *const broken[] = { "NAME=../n2\n", "DISK=x\n",	   "REPORT=maybe\n", "NONCE=1\n",
					      "TIME=soon\n",  "ADDRESS=0.0.0.0\n", "VERSION=2\n" };
	auto_report struct report r = report("n2", D2, REPORT_ACCEPTED, X), got = { 0 };
	auto_buf struct buf text = { 0 }, other = { 0 };

	(void)state;
	assert_ok(report_put(&r, &text, e));
	assert_true(report_is(&text));
	buf_puts(&other, "NAME=n2\nKIND=report\n");
	assert_false(report_is(&other));
	assert_ok(report_get(&text, &got, e));
	assert_string_equal(got.nonce, X);
	assert_int_equal(got.now, NOW);
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		auto_report struct report none = { 0 };
		auto_free char *key = xstrndup(broken[i], strcspn(broken[i], "=") + 1);
		auto_strv char **lines = text_split(text.data, "\n");
		auto_buf struct buf bad = { 0 };

		for (char **line = lines; *line; line++)
			buf_printf(&bad, "%s%s", text_starts(*line, key) ? broken[i] : *line,
				   text_starts(*line, key) ? "" : "\n");
		assert_err(report_get(&bad, &none, e), ERR_VERIFY, "");
	}
}

static void reports_count_for_ten_seconds(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_report struct report r = report("n2", D2, REPORT_NEW, NULL), again = report("n2", D2, REPORT_ACCEPTED, X);
	auto_report_list struct report_list list = { 0 };
	auto_strv char **names = NULL;
	auto_free char *dir = NULL;

	(void)state;
	open_machine(&m, CONF);
	dir = xasprintf("%s/reports", m.at.run);
	assert_ok(report_read(&m, &list, e));
	assert_int_equal(list.n, 0);
	report_list_free(&list);
	assert_ok(report_keep(&m, &r, "10.0.0.2", e));
	assert_ok(report_keep(&m, &again, "10.0.0.2", e)); /* in its place */
	report_refuse(&m, "10.0.0.7", "it does not know the \"token\"");
	assert_ok(report_read(&m, &list, e));
	assert_int_equal(list.n, 2);
	assert_int_equal(list.list[0].state, REPORT_ACCEPTED);
	assert_string_equal(list.list[0].source, "10.0.0.2");
	assert_string_equal(list.list[1].why, "it does not know the 'token'");
	report_list_free(&list);
	/* Both are eleven seconds old. */
	assert_ok(file_list(dir, NULL, &names, e));
	for (char **name = names; *name; name++) {
		auto_free char *path = xasprintf("%s/%s", dir, *name);
		auto_buf struct buf text = { 0 };
		struct timespec now;
		char *heard;

		assert_ok(file_read(path, 1 << 16, &text, e));
		heard = strstr(text.data, "HEARD=");
		*heard = '\0';
		assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
		text.len = strlen(text.data);
		buf_printf(&text, "HEARD=%lld\n", now.tv_sec * 1000LL - 1000LL * (REPORT_SECONDS + 1));
		assert_ok(file_replace(path, FILE_MODE(0600), text.data, text.len, e));
	}
	assert_ok(report_read(&m, &list, e));
	assert_int_equal(list.n, 0);
	/* The next one sweeps them. */
	strv_free(steal(&names));
	assert_ok(report_keep(&m, &r, "10.0.0.2", e));
	assert_ok(file_list(dir, NULL, &names, e));
	assert_int_equal(strv_len(names), 1);
}

static void strangers_do_not_crowd_out_reports(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_report_list struct report_list list = { 0 };
	auto_report struct report r = report("n2", D2, REPORT_NEW, NULL);

	(void)state;
	open_machine(&m, CONF);
	for (int i = 0; i < 40; i++) {
		auto_free char *source = xasprintf("10.0.1.%d", i);

		report_refuse(&m, source, "why");
	}
	assert_ok(report_keep(&m, &r, "10.0.0.2", e));
	assert_ok(report_read(&m, &list, e));
	assert_int_equal(list.n, 17);
}

/* --- The answers. */

static void an_answer_is_read_as_sent(void **state)
{
	auto_form_reply struct form_reply r = { .word = FORM_SAYS_OFFER, .message = xstrdup("a \"b\""), .named = true };
	auto_form_reply struct form_reply got = { 0 }, old = { 0 }, none = { 0 };
	auto_buf struct buf text = { 0 }, refused = { 0 }, busy = { 0 }, damaged = { 0 };
	const struct enroll_reply no = { .status = ENROLL_REFUSED };
	const struct enroll_reply later = { .status = ENROLL_BUSY };

	(void)state;
	r.record = record(FORMING_OFFERED);
	assert_ok(form_reply_put(&r, &text, e));
	assert_ok(form_reply_get(&text, &got, e));
	assert_int_equal(got.word, FORM_SAYS_OFFER);
	assert_true(got.named);
	assert_string_equal(got.message, "a 'b'");
	assert_string_equal(got.record.disks, r.record.disks);
	/* A server of a version without reports, and one that refuses this one. */
	buf_puts(&damaged, "VERSION=1\nSTATUS=refused\nMESSAGE=\"the request asks for no certificate\"\nHINT=\"\"\n");
	assert_ok(form_reply_get(&damaged, &old, e));
	assert_int_equal(old.word, FORM_SAYS_FORMED);
	assert_ok(enroll_reply_put(&no, &refused, e));
	assert_err(form_reply_get(&refused, &none, e), ERR_VERIFY, "");
	form_reply_free(&none);
	assert_ok(enroll_reply_put(&later, &busy, e));
	assert_err(form_reply_get(&busy, &none, e), ERR_PENDING, "");
	form_reply_free(&none);
	buf_free(&damaged);
	buf_puts(&damaged, "VERSION=1\nSTATUS=ok\nFORM=offer\nMESSAGE=\"\"\n");
	assert_err(form_reply_get(&damaged, &none, e), ERR_VERIFY, "not whole");
}

/* The answer of the server on n1 to this report. */
static void assert_answer(const struct machine *m, const struct report *r, enum form_word want, const char *message)
{
	auto_form_reply struct form_reply got = { 0 };
	auto_buf struct buf text = { 0 };
	auto_free char *source = xasprintf("10.0.0.%s", r->name + 1);

	assert_ok(gather_answer(m, r, source, &text, e));
	assert_ok(form_reply_get(&text, &got, e));
	assert_int_equal(got.word, want);
	if (!strstr(got.message, message))
		fail_msg("%s", got.message);
}

static void the_first_answers_with_its_record(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_report struct report r = report("n2", D2, REPORT_NEW, NULL), other = report("n3", D9, REPORT_NEW, NULL);
	auto_report struct report accepted = report("n2", D2, REPORT_ACCEPTED, X);
	auto_forming struct forming f = record(FORMING_OFFERED);

	(void)state;
	open_machine(&m, CONF);
	assert_answer(&m, &r, FORM_SAYS_WAIT, "n3 (10.0.0.3) has not reported");
	assert_ok(forming_write(&m, &f, e));
	assert_answer(&m, &r, FORM_SAYS_OFFER, "");
	assert_true(gather_admits(&m, "n2", "10.0.0.2"));
	assert_false(gather_admits(&m, "n2", "10.0.0.9"));
	assert_answer(&m, &other, FORM_SAYS_WAIT, "");
	assert_false(gather_admits(&m, "n3", "10.0.0.3")); /* the record has another disk */
	assert_answer(&m, &accepted, FORM_SAYS_OFFER, ""); /* after two seconds without news */
	f.state = FORMING_COMMITTED;
	assert_ok(forming_write(&m, &f, e));
	assert_answer(&m, &accepted, FORM_SAYS_COMMITTED, "");
	f.state = FORMING_STARTED;
	assert_ok(forming_write(&m, &f, e));
	assert_answer(&m, &other, FORM_SAYS_COMMITTED, "");
	assert_false(forming_gathers(&m));
	/* Formed before there were records. */
	remove_path("/etc/etcd/forming");
	put_file("/etc/etcd/member-id", "x");
	assert_answer(&m, &other, FORM_SAYS_FORMED, "");
}

static void another_than_the_first_lets_wait(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_report struct report r = report("n2", D2, REPORT_NEW, NULL);

	(void)state;
	open_machine(&m, "NAME=n3\nROLE=cluster\nMEMBERS=" THREE "\n");
	assert_answer(&m, &r, FORM_SAYS_WAIT, "n3 is not the first of MEMBERS by its own cluster.conf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(a_report_is_read_as_sent),	       WITH_ROOT(reports_count_for_ten_seconds),
		WITH_ROOT(strangers_do_not_crowd_out_reports), WITH_ROOT(an_answer_is_read_as_sent),
		WITH_ROOT(the_first_answers_with_its_record),  WITH_ROOT(another_than_the_first_lets_wait),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
