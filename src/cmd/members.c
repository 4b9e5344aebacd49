/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs that take members out of a cluster or repair it.
 */
#include "change/members.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "flow/recover.h"
#include "flow/restore.h"

static int leave(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	int rc = leave_run(m, a->last, a->ca_elsewhere, e);

	if (rc == 0)
		log_info("nothing to do: this machine is not a member of a cluster");
	return rc;
}

const struct cmd_verb cmd_leave = {
	.name = "leave",
	.about = "Takes this machine out of its cluster. Removes its member, stops etcd, writes ROLE=none "
		 "and moves the data aside. Refused if the other members would have no quorum. Nothing is "
		 "deleted; join adds the machine again.",
	.example = "leave --dry-run",
	.options = CMD_OPTIONS(
		CMD_FLAG("last", last, "Give up the cluster of which this is the only member."),
		CMD_FLAG("ca-elsewhere", ca_elsewhere, "Leave although ca.key is here: it is kept elsewhere, too.")),
	.change = leave,
};

/* A person confirms it on a terminal, a script by --yes. */
static int confirm(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	char answer[8] = "";

	if (a->yes || m->dry_run)
		return 0;
	if (isatty(STDIN_FILENO)) {
		(void)fputs("This machine leaves its cluster; data and certificates are moved aside. Type yes: ",
			    stderr);
		if (fgets(answer, sizeof(answer), stdin) && strcmp(answer, "yes\n") == 0)
			return 0;
	}
	(void)err_set(e, ERR_CONFIG, "reset takes this machine out of its cluster, which was not confirmed");
	return err_hint(e, "etcd-cluster reset --yes");
}

static int reset(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	return confirm(m, a, e) < 0 ? -1 : reset_run(m, a->ca_elsewhere, e);
}

const struct cmd_verb cmd_reset = {
	.name = "reset",
	.about = "Makes this machine as it was after the installation. Takes it out of its cluster as leave does, "
		 "and moves its certificates aside, too. Nothing is deleted.",
	.example = "reset --yes",
	.options = CMD_OPTIONS(
		CMD_FLAG("yes", yes, "Do not ask; needed without a terminal."),
		CMD_FLAG("ca-elsewhere", ca_elsewhere, "Leave although ca.key is here: it is kept elsewhere, too.")),
	.change = reset,
};

static int run_remove(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	return remove_run(m, a->words[0], a->force, e);
}

const struct cmd_verb cmd_remove = {
	.name = "remove",
	.about = "Removes a dead member from the cluster, by name or ID. Refused if it answers, or if the "
		 "other members would have no quorum. On the CA host its enrolment record is removed, too.",
	.example = "remove n3",
	.options = CMD_OPTIONS(CMD_FLAG("force", force, "Remove a member that answers.")),
	.args = { "MEMBER", CMD_MEMBER },
	.change = run_remove,
};

static int replace(const struct cmd_args *a, struct err *e)
{
	return replace_run(&a->machine, a->words[0], e);
}

const struct cmd_verb cmd_replace = {
	.name = "replace",
	.about = "Takes the place of the dead member that this machine was. For a machine that was rebuilt or has lost "
		 "its data: removes the dead member with the name of this machine, then joins with the same name. "
		 "Former data is moved aside once the other members have agreed.",
	.args = { "[MEMBER]", CMD_MEMBER },
	.dry_run = true,
	.run = replace,
};

/* An ID that a person typed; NULL leaves *id 0. */
static int read_id(const struct cmd_args *a, const char *text, uint64_t *id, struct err *e)
{
	struct machine where cleanup(machine_free) = { 0 };

	if (!text || text_parse_hex(text, id))
		return 0;
	machine_locate(&where, &a->machine);
	(void)err_set(e, ERR_CONFIG, "%s is not a valid cluster ID (up to 16 hex digits)", text);
	return err_hint(e, "CLUSTER_ID in %s is that of this machine", where.at.member_id);
}

static int recover(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	uint64_t cluster_id = 0;

	if (read_id(a, a->force_new_cluster, &cluster_id, e) < 0)
		return -1;
	return recover_run(m, cluster_id, a->others_fenced, e);
}

static int restore(const struct cmd_args *a, struct err *e)
{
	struct restore_order order = { .file = a->words[0], .fenced = a->others_fenced };
	int rc;

	if (a->force_new_cluster && (order.file || a->force_serving || a->other_cluster))
		return err_set(e, ERR_CONFIG, "--force-new-cluster takes the data of this machine, and no FILE");
	if (a->force_new_cluster) {
		rc = cmd_on_machine(a, true, recover, e);
		return rc == 0 ? CMD_NOTHING : rc < 0 ? -1 : CMD_DONE;
	}
	if (!order.file) {
		(void)err_set(e, ERR_CONFIG, "restore needs a FILE, or --force-new-cluster");
		return err_hint(e, "etcd-cluster restore --help");
	}
	if (read_id(a, a->force_serving, &order.serving, e) < 0 ||
	    read_id(a, a->other_cluster, &order.other_cluster, e) < 0)
		return -1;
	return restore_run(&a->machine, &order, e);
}

const struct cmd_verb cmd_restore = {
	.name = "restore",
	.about = "Makes a new cluster from a backup. The only machine, or the first of MEMBERS, becomes a new cluster "
		 "of one with the data of FILE; the others of MEMBERS, on which the same command is run, join it. "
		 "Refused while a member of the former cluster answers. Or, with --force-new-cluster, from the data "
		 "of this machine when the quorum is lost for ever: run it with --dry-run on each survivor first; the "
		 "one whose log ends last must go on. The old data is moved aside.",
	.example = "restore /var/backups/etcd-cluster/today.db --others-fenced",
	.options = CMD_OPTIONS(CMD_FLAG("others-fenced", others_fenced,
					"Confirm that all other members are off, or cut off from every client."),
			       CMD_VALUE("force-serving", "CLUSTER_ID", CMD_TEXT, force_serving,
					 "Members of this cluster may still serve."),
			       CMD_VALUE("other-cluster", "CLUSTER_ID", CMD_TEXT, other_cluster,
					 "The backup is of this other cluster."),
			       CMD_VALUE("force-new-cluster", "CLUSTER_ID", CMD_TEXT, force_new_cluster,
					 "Go on with this machine's data; the ID that status shows.")),
	.args = { "[FILE]", CMD_FILE },
	.dry_run = true,
	.run = restore,
};
