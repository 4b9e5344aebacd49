/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/gather.h"

#include <string.h>

#include "base/clock.h"
#include "enroll/form_rules.h"

/* How often the record is looked at meanwhile. */
#define LOOK_MS 20

/* What this machine waits for, for a machine that waits as well. */
static void explain(const struct machine *m, const struct forming *record, struct buf *why)
{
	struct form_self self cleanup(form_self_free) = { .name = NULL };
	auto_report_list struct report_list heard = { 0 };
	struct err unread = { 0 };

	form_self_fill(m, &self);
	self.disk = ""; /* the server may not look into DATA_DIR */
	self.record = record;
	if (report_read(m, &heard, &unread) == 0)
		(void)form_first(&self, &heard, why);
	if (why->len == 0)
		buf_puts(why, "all of MEMBERS have reported; the first makes the record of the cluster");
}

/* True when MEMBERS of this machine has that name with that address. */
static bool is_named(const struct machine *m, const struct report *r)
{
	auto_free char *members = forming_members(&m->conf), *address = forming_of(members, r->name);

	return address && strcmp(address, r->address) == 0;
}

static int look(const struct machine *m, const struct report *r, struct form_reply *reply, struct err *e)
{
	const bool first = config_makes_ca(&m->conf) && m->conf.role == ROLE_CLUSTER;
	auto_forming struct forming record = { 0 };
	auto_buf struct buf why = { 0 };
	int rc = forming_read(m, &record, e);

	if (rc < 0)
		return -1;
	if (rc > 0 ? forming_is_bound(&record) : file_exists(m->at.member_id) || file_exists(m->at.joining)) {
		form_answer(rc > 0 ? &record : NULL, r, "", reply);
		if (rc == 0)
			reply->word = FORM_SAYS_FORMED;
		reply->named = is_named(m, r);
		return 0;
	}
	if (first)
		explain(m, rc > 0 ? &record : NULL, &why);
	else
		buf_printf(&why, "%s is not the first of MEMBERS by its own cluster.conf", m->conf.name);
	form_answer(first && rc > 0 ? &record : NULL, r, buf_str(&why), reply);
	return 0;
}

/* True for what the machine does not know yet. */
static bool is_news(const struct report *r, const struct form_reply *reply)
{
	if (reply->word == FORM_SAYS_OFFER)
		return r->state != REPORT_ACCEPTED || strcmp(r->nonce, reply->record.nonce) != 0;
	return reply->word != FORM_SAYS_WAIT;
}

int gather_answer(const struct machine *m, const struct report *r, const char *source, struct buf *answer,
		  struct err *e)
{
	const long long end = clock_ms() + GATHER_MS;
	auto_form_reply struct form_reply reply = { 0 };

	if (forming_gathers(m) && report_keep(m, r, source, e) < 0)
		return -1;
	while (look(m, r, &reply, e) == 0) {
		if (!forming_gathers(m) || is_news(r, &reply) || clock_ms() >= end)
			return form_reply_put(&reply, answer, e);
		form_reply_free(&reply);
		clock_sleep(LOOK_MS);
	}
	return -1;
}

bool gather_admits(const struct machine *m, const char *name, const char *source)
{
	auto_forming struct forming record = { 0 };
	auto_report_list struct report_list heard = { 0 };
	struct err unread = { 0 };
	auto_free char *disk = NULL;
	bool found = false;

	if (forming_read(m, &record, &unread) <= 0 || report_read(m, &heard, &unread) < 0)
		return false;
	disk = forming_of(record.disks, name);
	for (const struct report *r = heard.list; disk && r < heard.list + heard.n; r++) {
		if (r->why || strcmp(r->name, name) != 0)
			continue;
		if (strcmp(r->disk, disk) != 0 || strcmp(r->source, source) != 0)
			return false;
		found = true;
	}
	return found;
}
