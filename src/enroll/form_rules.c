/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/form_rules.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "enroll/message.h"

void form_self_fill(const struct machine *m, struct form_self *s)
{
	*s = (struct form_self){ .name = m->conf.name,
				 .members = forming_members(&m->conf),
				 .ports = forming_ports(&m->conf),
				 .token = xstrdup(m->conf.cluster_token),
				 .now = m->now };
}

void form_self_free(struct form_self *s)
{
	free(s->members);
	free(s->ports);
	free(s->token);
	free(s->ca);
	*s = (struct form_self){ 0 };
}

/* The names of MEMBERS in their order. A strv. */
static char **names_of(const struct form_self *s)
{
	char **names = text_split(s->members, ",");

	for (char **name = names; *name; name++)
		(*name)[strcspn(*name, "=")] = '\0';
	return names;
}

/* The one report of that name. NULL: there is none, or two machines claim the name (*two). */
static const struct report *report_of(const struct report_list *heard, const char *name, bool *two)
{
	const struct report *found = NULL;

	*two = false;
	for (const struct report *r = heard->list; r < heard->list + heard->n; r++) {
		if (r->why || strcmp(r->name, name) != 0)
			continue;
		*two = *two || found;
		found = r;
	}
	return *two ? NULL : found;
}

char *form_disks(const struct form_self *s, const struct report_list *heard)
{
	auto_strv char **names = names_of(s);
	auto_buf struct buf disks = { 0 };

	for (char **name = names; *name; name++) {
		const bool own = strcmp(*name, s->name) == 0;
		bool two = false;
		const struct report *r = own ? NULL : report_of(heard, *name, &two);

		if (!own && !r)
			return NULL;
		buf_printf(&disks, "%s%s=%s", disks.len > 0 ? "," : "", *name, own ? s->disk : r->disk);
	}
	return xstrdup(buf_str(&disks));
}

static void differs(struct buf *why, const char *name, const char *key, const char *theirs, const char *ours)
{
	if (strcmp(theirs, ours) != 0)
		buf_printf(why, "%s%s has %s=%s, this machine %s", why->len > 0 ? "; " : "", name, key, theirs, ours);
}

/* Appends what keeps this one from being part of an offer; true when nothing does. */
static bool object(const struct form_self *s, const struct report_list *heard, const char *name, struct buf *why)
{
	const size_t before = why->len;
	bool two;
	const struct report *r = report_of(heard, name, &two);
	auto_free char *address = forming_of(s->members, name);

	if (two)
		buf_printf(why, "%stwo machines report as %s", why->len > 0 ? "; " : "", name);
	else if (!r)
		buf_printf(why, "%s%s (%s) has not reported", why->len > 0 ? "; " : "", name, address);
	if (!r)
		return false;
	if (r->state == REPORT_STARTED)
		buf_printf(why, "%s%s is a member of a cluster that was formed before", why->len > 0 ? "; " : "", name);
	differs(why, name, "MEMBERS", r->members, s->members);
	differs(why, name, "CLIENT_PORT,PEER_PORT", r->ports, s->ports);
	differs(why, name, "CLUSTER_TOKEN", r->token, s->token);
	if (!enroll_clocks_agree(r->now, s->now))
		buf_printf(why,
			   "%sthe clock of %s says %s, this one %s: set the wrong one (timedatectl, chronyc makestep)",
			   why->len > 0 ? "; " : "", name, clock_minute(r->now).text, clock_minute(s->now).text);
	return why->len == before;
}

/* The record that is out names these terms, these disks and the CA that is here. */
static bool stands(const struct form_self *s, const char *disks)
{
	const struct forming *r = s->record;

	return r && s->ca && strcmp(r->ca, s->ca) == 0 && strcmp(r->disks, disks) == 0 &&
	       strcmp(r->members, s->members) == 0 && strcmp(r->ports, s->ports) == 0 &&
	       strcmp(r->token, s->token) == 0;
}

static bool all_accepted(const struct form_self *s, const struct report_list *heard, char *const *names)
{
	for (; *names; names++) {
		bool two;
		const struct report *r = strcmp(*names, s->name) == 0 ? NULL : report_of(heard, *names, &two);

		if (r && (r->state != REPORT_ACCEPTED || strcmp(r->nonce, s->record->nonce) != 0))
			return false;
	}
	return true;
}

bool form_is_void(const struct form_self *s)
{
	const struct forming *r = s->record;
	auto_free char *name = r ? xstrndup(r->members, strcspn(r->members, "=")) : NULL; /* it may have changed, too */

	return r && !strchr(r->members, ',') && forming_may_start(r, name, s->disk) &&
	       (!s->ca || strcmp(r->members, s->members) != 0 || strcmp(r->ports, s->ports) != 0 ||
		strcmp(r->token, s->token) != 0);
}

/* What a machine that is bound by its record does, whatever others say. */
static enum form_move bound(const struct form_self *s)
{
	return forming_may_start(s->record, s->name, s->disk) ? FORM_START : FORM_LOST;
}

enum form_move form_first(const struct form_self *s, const struct report_list *heard, struct buf *why)
{
	auto_strv char **names = names_of(s), **ready = NULL;
	auto_free char *disks = NULL;

	if (s->record && forming_is_bound(s->record))
		return bound(s);
	for (char **name = names; *name; name++)
		if (strcmp(*name, s->name) != 0 && object(s, heard, *name, why))
			strv_add(&ready, *name);
	for (const struct report *r = heard->list; r < heard->list + heard->n; r++)
		if (r->why)
			buf_printf(why, "%sa machine at %s: %s", why->len > 0 ? "; " : "", r->source, r->why);
	for (char **name = ready; why->len > 0 && name && *name; name++)
		buf_printf(why, "; %s has reported", *name);
	disks = form_disks(s, heard);
	if (why->len > 0 || !disks)
		return FORM_WAIT;
	if (!stands(s, disks))
		return FORM_OFFER;
	return all_accepted(s, heard, names) ? FORM_COMMIT : FORM_STAND;
}

/* The record has this machine's name with its disk, and what its cluster.conf says. */
static bool fits(const struct form_self *s, const struct forming *r, struct buf *why)
{
	auto_free char *disk = forming_of(r->disks, s->name);

	differs(why, "the first of MEMBERS", "MEMBERS", r->members, s->members);
	differs(why, "the first of MEMBERS", "CLIENT_PORT,PEER_PORT", r->ports, s->ports);
	differs(why, "the first of MEMBERS", "CLUSTER_TOKEN", r->token, s->token);
	return why->len == 0 && disk && strcmp(disk, s->disk) == 0;
}

enum form_move form_other(const struct form_self *s, const struct form_reply *answer, struct buf *why)
{
	auto_buf struct buf differing = { 0 };

	if (s->record && forming_is_bound(s->record))
		return bound(s);
	if (!answer)
		return FORM_WAIT;
	switch (answer->word) {
	case FORM_SAYS_OFFER:
		if (!fits(s, &answer->record, why))
			return FORM_WAIT;
		return s->record && strcmp(s->record->nonce, answer->record.nonce) == 0 &&
				       strcmp(s->record->disks, answer->record.disks) == 0
			       ? FORM_STAND
			       : FORM_ACCEPT;
	case FORM_SAYS_COMMITTED:
		return fits(s, &answer->record, &differing) ? FORM_START : FORM_ENTER;
	case FORM_SAYS_FORMED:
		return FORM_ENTER;
	case FORM_SAYS_WAIT:
		break;
	}
	buf_puts(why, answer->message);
	return FORM_WAIT;
}

static bool is_in(const struct forming *record, const struct report *r)
{
	auto_free char *disk = forming_of(record->disks, r->name);

	return disk && strcmp(disk, r->disk) == 0 && strcmp(record->members, r->members) == 0;
}

static void copy(const struct forming *from, struct forming *to)
{
	*to = (struct forming){ .state = from->state,
				.nonce = xstrdup(from->nonce),
				.members = xstrdup(from->members),
				.disks = xstrdup(from->disks),
				.ports = xstrdup(from->ports),
				.token = xstrdup(from->token),
				.ca = xstrdup(from->ca) };
}

void form_answer(const struct forming *record, const struct report *r, const char *why, struct form_reply *out)
{
	*out = (struct form_reply){ .word = FORM_SAYS_WAIT, .message = xstrdup(why) };
	if (!record || (!forming_is_bound(record) && !is_in(record, r)))
		return;
	out->word = forming_is_bound(record) ? FORM_SAYS_COMMITTED : FORM_SAYS_OFFER;
	copy(record, &out->record);
}
