/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/choose.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "member/endpoint.h"

#define KEY    "etcd-cluster/backup"
#define ASK_MS 2000
#define PUT_MS 10000

/* How far the clocks of two machines may differ. */
#define SLACK 300

/* How long the machine before in line has: for 8 GB over a slow network. */
#define TURN (30 * 60)

static bool before(const struct choose_voter *a, const struct choose_voter *b)
{
	return a->leader != b->leader ? b->leader : a->id < b->id;
}

int choose_rank(const struct choose_voter *list, size_t n)
{
	const struct choose_voter *own = NULL;
	int rank = 0;

	for (size_t i = 0; i < n; i++)
		if (list[i].here && list[i].healthy)
			own = &list[i];
	for (size_t i = 0; own && i < n; i++)
		if (list[i].healthy && before(&list[i], own))
			rank++;
	return own ? rank : -1;
}

void choose_last_free(struct choose_last *last)
{
	free(last->member);
	free(last->file);
	*last = (struct choose_last){ 0 };
}

bool choose_last_parse(const char *text, struct choose_last *last)
{
	auto_strv char **words = text_split(text, " ");
	uint64_t revision;

	*last = (struct choose_last){ 0 };
	if (strv_len(words) != 4 || !clock_parse_rfc3339(words[0], &last->time) ||
	    !text_parse_u64(words[1], 1, INT64_MAX, &revision))
		return false;
	last->revision = (int64_t)revision;
	last->member = xstrdup(words[2]);
	last->file = xstrdup(words[3]);
	return true;
}

static struct grpc *open_own(const struct machine *m, unsigned int ms, struct err *e)
{
	auto_free char *own = endpoint_own(m);

	return endpoint_open(m, own, 0, ms, e);
}

int choose_last_read(const struct machine *m, bool quorum, struct choose_last *last, struct err *e)
{
	auto_grpc struct grpc *g = open_own(m, ASK_MS, e);
	auto_free char *text = NULL;
	int64_t changed;
	int rc = g ? rpc_get(g, KEY, quorum, &text, &changed, e) : -1;

	*last = (struct choose_last){ 0 };
	if (rc <= 0)
		return rc;
	if (choose_last_parse(text, last))
		return 1;
	choose_last_free(last);
	return 0;
}

int choose_last_write(const struct machine *m, const struct choose_last *last, struct err *e)
{
	auto_free char *text = xasprintf("%s %" PRId64 " %s %s", clock_rfc3339(last->time).text, last->revision,
					 last->member, last->file);
	auto_grpc struct grpc *g = open_own(m, PUT_MS, e);

	return g ? rpc_put(g, KEY, text, e) : -1;
}

/* The voters of the survey. The caller frees. *first: the one that comes first. */
static struct choose_voter *voters(const struct member_survey *s, size_t *n, const char **first)
{
	struct choose_voter *list = xcalloc(s->n + 1, sizeof(*list)), *best = NULL;

	*n = 0;
	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		struct choose_voter *v = &list[*n];

		if (!one->listed || one->learner)
			continue;
		*v = (struct choose_voter){
			.id = one->id, .healthy = one->healthy, .leader = one->id == s->leader, .here = one->here
		};
		(*n)++;
		if (v->healthy && (!best || before(v, best))) {
			best = v;
			*first = one->name;
		}
	}
	return list;
}

/* The key, or of a lone member nothing. A time to come is not believed: it would stop all backups. */
static int has_backup(const struct machine *m, size_t voters_n, time_t occasion, struct err *e)
{
	cleanup(choose_last_free) struct choose_last last = { 0 };
	int rc = voters_n > 1 ? choose_last_read(m, true, &last, e) : 0;

	if (rc <= 0)
		return rc;
	return last.time >= occasion - SLACK && last.time <= m->now + SLACK;
}

int choose_turn(const struct machine *m, const struct member_survey *s, time_t occasion, struct err *e)
{
	const char *first = "";
	size_t n = 0;
	auto_free struct choose_voter *list = voters(s, &n, &first);
	const int rank = choose_rank(list, n);
	int rc;

	if (!s->agreed)
		return err_set(e, ERR_HEALTH, "there is no quorum, which decides who takes the backup");
	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->here && one->learner)
			return 0;
	rc = has_backup(m, n, occasion, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (rank < 0)
		return err_set(e, ERR_HEALTH, "etcd is not healthy on this machine");
	if (rank == 0 || m->now >= occasion + (time_t)rank * TURN)
		return 1;
	(void)err_set(e, ERR_PENDING, "%s takes the backup of %s; this machine takes it if there is none at %s", first,
		      clock_minute(occasion).text, clock_minute(occasion + (time_t)rank * TURN).text);
	return -1;
}
