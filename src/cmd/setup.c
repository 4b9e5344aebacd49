/* SPDX-License-Identifier: Apache-2.0
 *
 * setup, and the two verbs that write answers into cluster.conf and then run it: init and join.
 */
#include "flow/setup.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cluster/mark.h"
#include "cmd/cmd.h"
#include "flow/common.h"
#include "flow/join.h"
#include "flow/unused.h"
#include "member/host.h"
#include "member/identity.h"
#include "member/last_good.h"
#include "pki/crl.h"

/* The machine is recorded here for a member that an older version of this package set up. */
static int remember(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	struct err unasked = { 0 };
	int stored, known;

	/* Not when etcd.service calls this: it would wait for the CA host. */
	if (a->unattended && common_revocations(m, &unasked) < 0)
		log_debug("%s", unasked.msg);
	if (!m->dry_run)
		mark_store_list(m, pki_crl_in_force(m));
	if (last_good_write(m, e) < 0)
		return -1;
	stored = m->dry_run ? 0 : mark_store(m, e);
	if (stored <= 0)
		return stored < 0 ? -1 : CMD_DONE;
	known = host_is_known(m, e);
	err_clear(e);
	return known <= 0 && host_write(m, true, e) < 0 ? -1 : CMD_DONE;
}

static int run_setup(const struct cmd_args *a, struct err *e)
{
	const struct setup_options how = {
		.local = a->local,
		.wait = a->wait,
		.replace = a->replace,
		.adopt = a->adopt_machine,
		.unattended = a->unattended,
	};

	/* Without the lock: setup holds it while it waits for etcd.service, which calls this. */
	return a->remember ? cmd_on_machine(a, false, remember, e) : setup_run(&a->machine, &how, e);
}

/* etcdadm takes the URL of a member: the address and the port in it are what JOIN has. */
static int accept_urls(char **words, struct err *e)
{
	for (char **word = words; *word; word++) {
		if (text_starts(*word, "https://"))
			*word += strlen("https://");
		if (text_starts(*word, "http://")) {
			(void)err_set(e, ERR_CONFIG, "%s: members are reached by https only", *word);
			return err_hint(e, "etcd-cluster join %s", *word + strlen("http://"));
		}
		(*word)[strcspn(*word, "/")] = '\0';
	}
	return 0;
}

/* A member would become another one, or move to another address. */
static int refuse_member(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	cleanup(identity_free) struct identity id = { 0 };
	int rc = identity_read(m, &id, e);

	(void)a;
	if (rc <= 0 || m->conf.role == ROLE_SINGLE)
		return rc;
	(void)err_set(e, ERR_CONFIG, "this machine is already the member " ID_FMT " (%s) of cluster " ID_FMT,
		      id.member_id, id.name, id.cluster_id);
	return err_hint(e, "etcd-cluster status; to give this member up: etcd-cluster leave");
}

/* Under the lock that setup takes, too. cluster.conf need not load before. */
static int write_answers(const struct cmd_args *a, const char *role, struct err *e)
{
	auto_free char *join = a->words[0] ? strv_join(a->words, ",") : NULL;
	const struct config_answer answers[] = {
		{ "ROLE", role },
		{ "JOIN", join },
		{ "NAME", a->name },
		{ "ADDRESS", a->address },
		{ "RELEASE", a->release },
		{ "ENROLL_TOKEN_FILE", a->token_file },
		{ "DATA_DIR", a->data_dir },
	};
	struct machine m cleanup(machine_free) = { .dry_run = a->machine.dry_run };
	auto_close int lock = -1;

	layout_init(&m.at, a->machine.root, a->machine.config);
	lock = machine_lock(&m, e);
	return lock < 0 ? -1 : config_edit(&m.at, answers, ARRAY_LEN(answers), m.dry_run, e);
}

static int answer_and_run(const struct cmd_args *a, const char *role, struct err *e)
{
	int wrote = write_answers(a, role, e), rc;

	if (wrote < 0)
		return -1;
	if (wrote > 0 && a->machine.dry_run) {
		/* A dry run of setup would go by the file as it is. */
		log_info("would then run: etcd-cluster setup");
		return CMD_DONE;
	}
	rc = run_setup(a, e);
	return rc == SETUP_NOTHING && wrote > 0 ? CMD_DONE : rc;
}

static int run_init(const struct cmd_args *a, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };

	/* cluster.conf may be broken: init corrects it. */
	if (machine_open(&m, &a->machine, e) < 0)
		err_clear(e);
	else if (refuse_member(&m, a, e) < 0)
		return -1;
	return answer_and_run(a, "single", e);
}

/* 1 this machine is a member of that cluster already, 0. */
static int prepare_join(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	int rc = unused_give_up(m, true, false, e);

	if (rc < 0)
		return -1;
	return rc > 0 ? 0 : join_again(m, a->words, a->abandon, a->token_file != NULL, e);
}

static int run_join(const struct cmd_args *a, struct err *e)
{
	int rc = accept_urls(a->words, e) < 0 ? -1 : cmd_on_machine(a, true, prepare_join, e);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return answer_and_run(a, "join", e);
	log_info("this machine is a member already");
	return run_setup(a, e);
}

const struct cmd_verb cmd_setup = {
	.name = "setup",
	.about = "Makes this machine match cluster.conf. Makes certificates or enrols for them, installs the etcd "
		 "release, forms or joins the cluster, writes etcd.env and starts etcd. Each step checks first and "
		 "acts only if needed. An interrupted run can be repeated. On a healthy member setup changes nothing.",
	.example = "setup --dry-run",
	.options =
		CMD_OPTIONS(CMD_FLAG("local", local, "Use no network and start nothing."),
			    CMD_FLAG("wait", wait, "Wait up to 20 minutes for other machines, not only 10 seconds."),
			    CMD_FLAG("adopt-machine", adopt_machine,
				     "This machine is the member's now, although its hardware or address has changed; "
				     "the former machine never runs again."),
			    CMD_FLAG("remember", remember,
				     "Only record the settings of a healthy etcd and how far its log is; for units."),
			    CMD_FLAG("unattended", unattended,
				     "Run by a timer: try only when it is due, and undo nothing that a person did.")),
	.dry_run = true,
	.run = run_setup,
};

#define OPTIONS_OF_A_MEMBER                                                                                            \
	CMD_VALUE("name", "NAME", CMD_TEXT, name, "Name of this member."),                                             \
		CMD_VALUE("address", "ADDRESS", CMD_TEXT, address, "Address at which other machines reach it."),       \
		CMD_VALUE("release", "VERSION", CMD_RELEASE, release, "etcd release to run."),                         \
		CMD_VALUE("version", "VERSION", CMD_RELEASE, release, "The same."),                                    \
		CMD_VALUE("data-dir", "DIR", CMD_DIR, data_dir, "Directory for the data of etcd.")

const struct cmd_verb cmd_init = {
	.name = "init",
	.about = "Makes this machine a cluster of one. Writes ROLE=single and the options into cluster.conf, then runs "
		 "setup. An invalid value changes nothing.",
	.example = "init --name n1 --address 10.0.0.1",
	.options = CMD_OPTIONS(OPTIONS_OF_A_MEMBER),
	.dry_run = true,
	.run = run_init,
};

const struct cmd_verb cmd_join = {
	.name = "join",
	.about = "Adds this machine to a running cluster. Writes ROLE=join, the addresses of running members and the "
		 "options into cluster.conf, then runs setup. The machine is added as a learner and becomes a voter "
		 "when it has all data.",
	.example = "join --token-file /root/token 10.0.0.1 10.0.0.2",
	.options = CMD_OPTIONS(OPTIONS_OF_A_MEMBER,
			       CMD_VALUE("token-file", "FILE", CMD_FILE, token_file, "File with the enrolment token."),
			       CMD_VALUE("abandon", "CLUSTER_ID", CMD_TEXT, abandon,
					 "Give up the data of this cluster without quorum; it is moved aside."),
			       CMD_FLAG("replace", replace, "Remove a dead member of the same name or address first.")),
	.args = { "ADDRESS..." },
	.dry_run = true,
	.run = run_join,
};
