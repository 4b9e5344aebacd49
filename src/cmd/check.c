/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd-cluster check: the preflight before each start of etcd, and the doctor.
 */
#include <stdio.h>

#include "adapter/probe.h"
#include "cmd/cmd.h"
#include "cmd/report.h"

int cmd_check(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	bool start = false, json = false;
	const struct cmd_option options[] = { { "start", &start, NULL },
					      { "json", &json, NULL },
					      { NULL, NULL, NULL } };
	struct check_report report = { 0 };
	struct machine m = { 0 };
	int rc = -1;

	if (cmd_options(argc, argv, options, 0, 0, "check [--start] [--json]", e) < 0)
		return -1;
	probe_hasten_names();
	if (machine_open(&m, o, e) == 0) {
		/* Before a start only what is wrong is worth a line in the journal. */
		const enum check_level least = start ? CHECK_WARN : CHECK_OK;

		(start ? check_start : check_all)(&m, &report);
		if (json) {
			report_json(&report, least);
			(void)putchar('\n');
		} else {
			(void)report_print(&report, least);
		}
		rc = check_verdict(&report, e) < 0 ? -1 : CMD_DONE;
	}
	check_report_free(&report);
	machine_free(&m);
	return rc;
}
