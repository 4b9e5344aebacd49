/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/examine.h"

#include "adapter/json.h"
#include "cmd/cmd.h"
#include "cmd/report.h"

static int work(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	/* Before a start only what is wrong is worth a line in the journal. */
	const enum doctor_level least = a->start ? DOCTOR_WARN : DOCTOR_OK;
	struct doctor_exam x = { 0 };
	int rc;

	if (a->start)
		doctor_start(m, &x.report);
	else
		doctor_examine(m, true, &x);
	rc = doctor_verdict(&x.report, e);
	if (a->json) {
		struct json_object *findings = json_new_array();

		report_json(&x.report, least, findings);
		json_print(findings);
	} else {
		report_print(&x.report, least, "");
		rc = report_verdict(&x.report, rc, e);
	}
	/* The journal of etcd.service gets an error, not only the lines of the report. */
	if (a->start && rc > 0)
		rc = err_set(e, (enum err_class)rc, "etcd is not started until this is fixed");
	doctor_exam_free(&x);
	return rc;
}

static const struct cmd_option options[] = {
	CMD_FLAG("start", start, "Check only what etcd needs to start; reads only files."),
	CMD_END,
};

const struct cmd_verb cmd_check = {
	.name = "check",
	.about = "Prints every finding with the command that fixes it. Looks at certificates, files, ports, names, "
		 "disk, clocks and members. Changes nothing.",
	.options = options,
	.list = work,
};
