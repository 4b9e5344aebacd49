/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "core/config_edit.h"
#include "flow/setup.h"

static const char usage[] = "init [--name NAME] [--address ADDRESS] [--release VERSION] [--data-dir DIR] [--dry-run]";

/* Writes the answers under the lock that setup takes, so the two never meet half-way. */
static int answer(const struct machine_options *where, const struct config_answer *answers, size_t n, struct err *e)
{
	struct machine m cleanup(machine_free) = { .dry_run = where->dry_run };
	auto_close int lock = -1;

	layout_init(&m.at, where->root, where->config);
	lock = machine_lock(&m, e);
	if (lock < 0)
		return -1;
	return config_edit(&m.at, answers, n, where->dry_run, e);
}

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
	size_t n = 0;
	int wrote, rc;

	if (cmd_options(argc, argv, options, 0, 0, usage, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (answers[i].value)
			answers[n++] = answers[i];
	wrote = answer(&where, answers, n, e);
	if (wrote < 0)
		return -1;
	rc = setup_run(&where, &how, e);
	if (rc == SETUP_NOTHING && wrote > 0)
		return CMD_DONE;
	if (rc == SETUP_NOTHING)
		log_info("nothing to do");
	return rc;
}
