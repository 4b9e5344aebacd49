/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/upkeep.h"

/* A database that is fuller than this would raise the alarm again with the next writes. */
#define RESUME_PERCENT 90

/* So many entries behind the leader a member is busy with: a second of writes. */
#define LAG_ENTRIES 1000

unsigned int upkeep_free_percent(int64_t size, int64_t in_use)
{
	/* Without the number of bytes in use nothing is known. */
	return size <= 0 || in_use <= 0 || in_use > size ? 0 : (unsigned int)((size - in_use) * 100 / size);
}

static struct upkeep_next next(enum upkeep_step step, const struct upkeep_member *at, const char *why)
{
	return (struct upkeep_next){ step, at, why };
}

static const struct upkeep_member *leader_of(const struct upkeep_facts *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].leader && f->list[i].answers)
			return &f->list[i];
	return NULL;
}

static bool is_fragmented(const struct upkeep_facts *f, const struct upkeep_member *one)
{
	return one->answers && !one->learner && !one->done && one->size >= f->least &&
	       upkeep_free_percent(one->size, one->in_use) >= f->percent;
}

static int64_t resume_size(const struct upkeep_member *one)
{
	return one->quota / 100 * RESUME_PERCENT;
}

static bool is_too_large(const struct upkeep_member *one)
{
	return one->answers && !one->learner && one->size > resume_size(one);
}

/*
 * By what the leader has in use, as all members have the same: another one knows what a compaction has freed only after
 * further writes (3.4 in any case, later ones unless they are asked), and there are none.
 */
static bool can_shrink(const struct upkeep_facts *f, const struct upkeep_member *one)
{
	return is_too_large(one) && !one->done && leader_of(f)->in_use <= resume_size(one);
}

/* The first for whom it holds: followers by their IDs, then the leader. NULL: none. */
static const struct upkeep_member *first(const struct upkeep_facts *f,
					 bool (*holds)(const struct upkeep_facts *f, const struct upkeep_member *one))
{
	const struct upkeep_member *best = NULL;

	for (size_t i = 0; i < f->n; i++) {
		const struct upkeep_member *one = &f->list[i];

		if (holds(f, one) && (!best || (one->leader != best->leader ? best->leader : one->id < best->id)))
			best = one;
	}
	return best;
}

static bool is_large(const struct upkeep_facts *f, const struct upkeep_member *one)
{
	(void)f;
	return is_too_large(one);
}

/* A member that something else must end at first. silent: one that does not answer counts, too. */
static struct upkeep_next busy(const struct upkeep_facts *f, bool silent)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct upkeep_member *one = &f->list[i];

		if (!one->answers && silent)
			return next(UPKEEP_WAIT, one, "does not answer");
		if (one->answers && !one->healthy)
			return next(UPKEEP_WAIT, one, "is not healthy");
		if (one->answers && one->lag > LAG_ENTRIES)
			return next(UPKEEP_WAIT, one, "catches up with the leader");
	}
	if (!f->agreed || !leader_of(f))
		return next(UPKEEP_WAIT, NULL, "the members do not agree on a leader");
	return next(UPKEEP_NOTHING, NULL, NULL);
}

static struct upkeep_next against_nospace(const struct upkeep_facts *f)
{
	const struct upkeep_member *leader = leader_of(f), *large = first(f, is_large), *one;
	struct upkeep_next wait = busy(f, false);

	if (!f->person && (!leader || !leader->here))
		return next(UPKEEP_NOTHING, leader, NULL);
	if (wait.step == UPKEEP_WAIT)
		return wait;
	if (!large)
		return next(UPKEEP_DISARM, NULL, NULL);
	if (!f->compacted)
		return next(UPKEEP_COMPACT, leader, NULL);
	one = first(f, can_shrink);
	return one ? next(UPKEEP_DEFRAGMENT, one, NULL) : next(UPKEEP_FULL, large, NULL);
}

struct upkeep_next upkeep_next(const struct upkeep_facts *f)
{
	const struct upkeep_member *one = first(f, is_fragmented);
	struct upkeep_next wait;

	if (f->corrupt)
		return next(UPKEEP_CORRUPT, NULL, NULL);
	if (f->nospace)
		return against_nospace(f);
	for (size_t i = 0; !f->all && i < f->n; i++)
		if (f->list[i].here && !is_fragmented(f, &f->list[i]))
			one = NULL;
	if (!one || !f->quiet)
		return next(UPKEEP_NOTHING, NULL, NULL);
	wait = busy(f, true);
	if (wait.step == UPKEEP_WAIT)
		return wait;
	for (size_t i = 0; !f->all && i < f->n; i++) {
		const struct upkeep_member *own = &f->list[i];

		if (own->here)
			return own->leader && one != own ? next(UPKEEP_WAIT, one, "is defragmented before the leader")
							 : next(UPKEEP_DEFRAGMENT, own, NULL);
	}
	return f->all ? next(UPKEEP_DEFRAGMENT, one, NULL) : next(UPKEEP_NOTHING, NULL, NULL);
}

struct upkeep_member *upkeep_facts(const struct machine *m, const struct member_survey *s, struct upkeep_facts *f)
{
	struct upkeep_member *list = xcalloc(s->n + 1, sizeof(*list));

	f->list = list;
	f->n = 0;
	f->agreed = s->agreed;
	f->percent = m->conf.maintain_fragmentation;
	f->corrupt = f->nospace = false;
	for (size_t i = 0; i < s->n_alarms; i++) {
		f->nospace = f->nospace || s->alarms[i].kind == RPC_ALARM_NOSPACE;
		f->corrupt = f->corrupt || s->alarms[i].kind == RPC_ALARM_CORRUPT;
	}
	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (!one->listed)
			continue;
		list[f->n++] = (struct upkeep_member){
			.name = one->name[0] ? one->name : "the new member",
			.id = one->id,
			.here = one->here,
			.leader = one->id == s->leader,
			.learner = one->learner,
			.answers = one->answers,
			.healthy = one->healthy,
			.lag = member_lag(s, one),
			.size = one->status.db_size,
			.in_use = one->status.db_size_in_use,
			.quota = member_quota(m, one),
		};
	}
	return list;
}
