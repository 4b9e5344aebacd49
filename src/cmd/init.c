/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "flow/setup.h"

static const char usage[] = "init [--name NAME] [--address ADDRESS] [--release VERSION] [--data-dir DIR] [--dry-run]";

int cmd_init(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options where = *o;
	struct setup_options how = { 0 };
	struct config_answer answers[5] = {
		{ "ROLE", "single" }, { "NAME", NULL }, { "ADDRESS", NULL }, { "RELEASE", NULL }, { "DATA_DIR", NULL }
	};
	const struct cmd_option options[] = {
		{ .name = "name", .value = &answers[1].value },	   { .name = "address", .value = &answers[2].value },
		{ .name = "release", .value = &answers[3].value }, { .name = "data-dir", .value = &answers[4].value },
		{ .name = "dry-run", .flag = &where.dry_run },	   { 0 }
	};
	int wrote, rc;

	if (cmd_options(argc, argv, options, 0, 0, usage, e) < 0)
		return -1;
	wrote = cmd_answer(&where, answers, ARRAY_LEN(answers), e);
	if (wrote < 0)
		return -1;
	rc = setup_run(&where, &how, e);
	if (rc == SETUP_NOTHING && wrote > 0)
		return CMD_DONE;
	if (rc == SETUP_NOTHING)
		log_info("nothing to do");
	return rc;
}
