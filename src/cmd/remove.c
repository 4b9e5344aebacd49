/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd-cluster remove: another member, which is dead, is to be no member any more.
 */
#include "flow/remove.h"

#include "cmd/cmd.h"

static int take_out(const struct machine *m, const void *arg, struct err *e)
{
	return remove_run(m, arg, e);
}

int cmd_remove(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options where = *o;
	struct remove_options how = { 0 };
	const struct cmd_option options[] = { { .name = "force", .flag = &how.force },
					      { .name = "dry-run", .flag = &where.dry_run },
					      { 0 } };
	int first = cmd_options(argc, argv, options, 1, 1, "remove [--force] [--dry-run] MEMBER", e);

	if (first < 0)
		return -1;
	how.member = argv[first];
	return cmd_changed(cmd_on_machine(&where, true, take_out, &how, e));
}
