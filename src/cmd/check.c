/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd-cluster check: the preflight before each start of etcd, and the doctor.
 */
#include <stdio.h>

#include "adapter/probe.h"
#include "cmd/cmd.h"
#include "cmd/report.h"
#include "doctor/examine.h"

int cmd_check(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	bool start = false, json = false;
	const struct cmd_option options[] = { { "start", &start, NULL },
					      { "json", &json, NULL },
					      { NULL, NULL, NULL } };
	struct doctor_exam x = { 0 };
	struct machine m = { 0 };
	int rc = -1;

	if (cmd_options(argc, argv, options, 0, 0, "check [--start] [--json]", e) < 0)
		return -1;
	probe_hasten_names();
	if (machine_open(&m, o, e) == 0) {
		/* Before a start only what is wrong is worth a line in the journal. */
		const enum doctor_level least = start ? DOCTOR_WARN : DOCTOR_OK;

		if (start)
			doctor_start(&m, &x.report);
		else
			doctor_examine(&m, true, &x);
		if (json) {
			report_json(&x.report, least);
			(void)putchar('\n');
		} else {
			(void)report_print(&x.report, least);
		}
		rc = doctor_verdict(&x.report, e) < 0 ? -1 : CMD_DONE;
	}
	doctor_exam_free(&x);
	machine_free(&m);
	return rc;
}
