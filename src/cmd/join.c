/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/join.h"

#include "base/log.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "flow/setup.h"
#include "flow/unused.h"

#define USAGE                                                                                                          \
	"join ADDRESS… [--name NAME] [--address ADDRESS] [--token-file FILE] [--release VERSION] [--data-dir DIR] "  \
	"[--replace] [--dry-run]"

/* No cluster has more members worth naming. */
#define MAX_ADDRESSES 16

static int again(const struct machine *m, const void *arg, struct err *e)
{
	int rc = unused_give_up(m, true, false, e);

	if (rc < 0)
		return -1;
	return rc > 0 ? 0 : join_again(m, *(char *const *const *)arg, e);
}

/* "10.0.0.1,10.0.0.2": as JOIN has it. The caller frees. */
static char *join_line(char *const *addresses)
{
	auto_buf struct buf b = { 0 };

	for (size_t i = 0; addresses[i]; i++)
		buf_printf(&b, "%s%s", i ? "," : "", addresses[i]);
	return xstrdup(buf_str(&b));
}

int cmd_join(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options where = *o;
	struct setup_options how = { 0 };
	auto_free char *line = NULL;
	char *const *addresses;
	struct config_answer answers[] = { { "ROLE", "join" },	{ "JOIN", NULL },    { "NAME", NULL },
					   { "ADDRESS", NULL }, { "RELEASE", NULL }, { "ENROLL_TOKEN_FILE", NULL },
					   { "DATA_DIR", NULL } };
	const struct cmd_option options[] = { { .name = "name", .value = &answers[2].value },
					      { .name = "address", .value = &answers[3].value },
					      { .name = "release", .value = &answers[4].value },
					      { .name = "data-dir", .value = &answers[6].value },
					      { .name = "token-file", .value = &answers[5].value },
					      { .name = "replace", .flag = &how.replace },
					      { .name = "dry-run", .flag = &where.dry_run },
					      { 0 } };
	int at = cmd_options(argc, argv, options, 1, MAX_ADDRESSES, USAGE, e), wrote, rc;

	if (at < 0)
		return -1;
	addresses = argv + at; /* ends with the NULL of argv; getopt has put the options before them */
	rc = cmd_on_machine(&where, !where.dry_run, again, &addresses, e);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		log_info("this machine is a member already");
		return setup_run(&where, &how, e);
	}
	line = join_line(addresses);
	answers[1].value = line;
	wrote = cmd_answer(&where, answers, ARRAY_LEN(answers), e);
	if (wrote < 0)
		return -1;
	if (where.dry_run && wrote > 0) {
		/* The road leads elsewhere from answers that are not written. */
		log_info("would then do what etcd-cluster setup --dry-run tells once this is written");
		return CMD_DONE;
	}
	rc = setup_run(&where, &how, e);
	return rc == SETUP_NOTHING && wrote > 0 ? CMD_DONE : rc;
}
