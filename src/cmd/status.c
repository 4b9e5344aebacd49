/* SPDX-License-Identifier: Apache-2.0
 *
 * status and check: two views of one examination (doctor/examine.h).
 */
#include "cmd/status.h"

#include <stdio.h>
#include <string.h>

#include "adapter/json.h"
#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/page.h"
#include "member/last_good.h"
#include "pki/crl.h"

#define WATCH_MS 2000

const struct status_joining *status_joining(const struct doctor_exam *s)
{
	static const struct status_joining words[] = {
		[JOINING_ADDING] = { "adding", "about to be added to the cluster" },
		[JOINING_ADDED] = { "added", "added as a learner; etcd has not answered here yet" },
		[JOINING_STARTED] = { "started", "started as a learner; it votes once it has all data" },
		[JOINING_MEMBER] = { "member", "" },
	};

	return &words[s->joining];
}

const char *status_setup(const struct doctor_exam *s)
{
	return s->interrupted ? "interrupted" : outcome_name(s->outcome.state);
}

static bool works(const struct doctor_exam *s)
{
	return s->has_outcome && s->outcome.state == OUTCOME_RUNNING && !s->interrupted;
}

long long status_next_try(const struct doctor_exam *s)
{
	return works(s) || !s->retries ? -1 : (s->next_ms + 999) / 1000;
}

bool status_progress(const struct machine *m, const struct doctor_exam *s, struct progress *p)
{
	return works(s) && progress_read(m->at.progress, p);
}

long long status_percent(const struct machine *m, const struct member *one)
{
	return (long long)one->status.db_size * 100 / doctor_quota(m, one);
}

/*
 * The exit code after status_text_report: of a verdict (-1 with e) that was printed among the findings only the class
 * is left. Any other rc is returned as it is.
 */
static int after_report(const struct doctor_report *r, int rc, struct err *e)
{
	for (size_t i = 0; rc < 0 && i < r->n; i++) {
		if (strcmp(r->list[i].what, e->msg) == 0) {
			rc = (int)e->class;
			err_clear(e);
		}
	}
	return rc;
}

static int show(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	struct doctor_exam s = { 0 };
	int rc;

	doctor_examine(m, false, &s);
	rc = doctor_health(m, &s, e);
	(a->json ? status_json : status_text)(m, &s);
	if (rc < 0 && !a->json && e->class == ERR_PENDING) {
		rc = ERR_PENDING; /* why is in the second line */
		err_clear(e);
	}
	if (!a->json)
		rc = after_report(&s.report, rc, e);
	doctor_exam_free(&s);
	return rc;
}

/* One look: cluster.conf may have changed since the last one. */
static int look_again(const struct cmd_args *a, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };

	if (machine_open(&m, &a->machine, e) < 0)
		(void)(last_good_open(&m, e) || machine_open_default(&m, e));
	return show(&m, a, e);
}

/* Until a signal ends it. */
static int watch(const struct cmd_args *a, struct err *e)
{
	if (a->json || !page_is_terminal())
		return err_set(e, ERR_CONFIG, "--watch needs a terminal, and prints no JSON");
	for (;;) {
		struct err now = { 0 };
		time_t when = time(NULL);

		(void)printf("\033[H\033[J%s\n\n", clock_as_text(when, true).text);
		if (look_again(a, &now) < 0)
			(void)printf("\n%s\n", now.msg);
		if (fflush(stdout) != 0)
			return err_sys(e, ERR_FAIL, "cannot write to standard output");
		clock_sleep(WATCH_MS);
	}
}

static int status(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	return a->watch ? watch(a, e) : show(m, a, e);
}

const struct cmd_verb cmd_status = {
	.name = "status",
	.about = "Prints members, health and problems with their fixes. Works on every machine of the cluster, also "
		 "while its own etcd is down.",
	.options = CMD_OPTIONS(CMD_FLAG("watch", watch, "Print it again every two seconds, on a terminal.")),
	.list = status,
	.any_conf = true,
};

const struct cmd_verb cmd_info = {
	.name = "info",
	.about = "The same as status.",
	.list = show,
	.any_conf = true,
};

/* Without cluster.conf, etcd starts with the settings of its last healthy start. */
static void start_last_good(const struct machine *m, struct doctor_report *r)
{
	struct err e = { 0 };
	int rc = last_good_put_back(m, &e);

	if (rc < 0)
		doctor_error(r, "last_good_not_written", &e);
	else
		doctor_warn(r, "last_good_used",
			    "etcd starts with the settings of its last healthy start%s -> correct %s, then: "
			    "etcd-cluster setup",
			    rc > 0 ? ", which are put back into etcd.env" : "", m->at.conf);
}

static int check(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	/* Before a start only what is wrong is worth a line in the journal. */
	const enum doctor_level least = a->start ? DOCTOR_WARN : DOCTOR_OK;
	struct doctor_exam x = { 0 };
	int rc;

	if (a->start && m->no_conf) {
		*e = m->broken;
		return -1;
	}
	if (a->start) {
		doctor_broken(m, DOCTOR_WARN, &x.report);
		doctor_start(m, true, &x.report);
		if (m->broken.class != ERR_NONE && doctor_verdict(&x.report, e) == 0)
			start_last_good(m, &x.report);
		doctor_sort(&x.report);
		err_clear(e);
	} else
		doctor_examine(m, true, &x);
	rc = doctor_verdict(&x.report, e);
	if (a->json) {
		struct json_object *findings = json_new_array();

		status_json_report(&x.report, least, findings);
		json_print(findings);
	} else {
		status_text_report(&x.report, least, "");
		rc = after_report(&x.report, rc, e);
	}
	/* The journal of etcd.service gets an error, not only the lines of the report. */
	if (a->start && rc > 0)
		rc = err_set(e, (enum err_class)rc, "etcd is not started until this is fixed");
	else if (a->start && rc == 0)
		pki_crl_note_start(m);
	doctor_exam_free(&x);
	return rc;
}

const struct cmd_verb cmd_check = {
	.name = "check",
	.about = "Prints every finding with the command that fixes it. Looks at certificates, files, ports, names, "
		 "disk, clocks and members. Changes nothing.",
	.options = CMD_OPTIONS(CMD_FLAG("start", start, "Check only what etcd needs to start; reads only files.")),
	.list = check,
	.any_conf = true,
};
