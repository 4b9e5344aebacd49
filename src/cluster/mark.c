/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/mark.h"

#include <inttypes.h>
#include <string.h>

#include "adapter/wal.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/membership.h"
#include "cluster/poll.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/forming.h"
#include "member/host.h"

#define PREFIX "etcd-cluster/mark/"
#define LISTS  "etcd-cluster/crl/"

/* One look at this machine's etcd; and at the others, whom a starting member does not wait for. */
#define ASK_MS	  2000
#define OTHERS_MS 1000

#define MARK_MAX (64U << 10)

struct mark {
	uint64_t cluster, member, term, index, machine;
};

/* Whether an entry of that term and index comes after the mark. */
static bool is_after(uint64_t term, uint64_t index, const struct mark *k)
{
	return term > k->term || (term == k->term && index > k->index);
}

static bool mark_parse(const char *text, struct mark *k, char **name)
{
	auto_strv char **words = text_split(text, " \n");
	const size_t n = strv_len(words);

	if (n != 6 || !text_parse_id(words[0], &k->cluster) || !text_parse_id(words[1], &k->member) ||
	    !text_parse_id(words[2], &k->term) || !text_parse_id(words[3], &k->index) ||
	    !text_parse_id(words[4], &k->machine))
		return false;
	*name = xstrdup(words[5]);
	return true;
}

/* The newest of these marks (strv) of this member. */
static void newest(char *const *texts, const struct identity *id, struct mark *best)
{
	for (; texts && *texts; texts++) {
		auto_free char *name = NULL;
		struct mark k;

		if (!mark_parse(*texts, &k, &name) || k.cluster != id->cluster_id || k.member != id->member_id)
			continue;
		if (is_after(k.term, k.index, best))
			*best = k;
	}
}

/* Where the others serve, for the time when this member does not run: cluster.conf need not name those that joined. */
static void put_others(const struct rpc_members *list, uint64_t own, struct buf *text)
{
	for (size_t i = 0; i < list->n; i++)
		for (char **url = list->list[i].client_urls; url && *url && list->list[i].id != own; url++)
			if (text_starts(*url, "https://") && !strpbrk(*url, BLANKS "\n"))
				buf_printf(text, "%s\n", *url);
}

int mark_store(const struct machine *m, struct err *e)
{
	auto_free char *own = endpoint_own(m), *key = NULL, *line = NULL;
	auto_free char *dir = xstrndup(m->at.mark, (size_t)(strrchr(m->at.mark, '/') - m->at.mark));
	cleanup(identity_free) struct identity id = { 0 };
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	auto_grpc struct grpc *g = NULL;
	struct rpc_status now;
	auto_buf struct buf text = { 0 };
	struct err unasked = { 0 };

	if (identity_read(m, &id, &unasked) <= 0)
		return 0;
	g = endpoint_open(m, own, 0, ASK_MS, &unasked);
	if (!g || rpc_status(g, &now, &unasked) < 0 || now.cluster_id != id.cluster_id ||
	    now.member_id != id.member_id || now.is_learner || rpc_member_list(g, false, &list, &unasked) < 0)
		return 0;
	key = xasprintf(PREFIX "%s", id.name);
	line = xasprintf(ID_FMT " " ID_FMT " " ID_FMT " " ID_FMT " " ID_FMT " %s", id.cluster_id, id.member_id,
			 now.raft_term, now.raft_applied_index, host_machine_id(m), id.name);
	/* Of a lone member nobody else has it, and unused.h recognises an unused cluster by its revision. */
	if (list.n > 1 && rpc_put(g, key, line, &unasked) < 0) {
		log_debug("the mark of this member is not stored: %s", unasked.msg);
		return 0;
	}
	buf_printf(&text, "%s\n", line);
	put_others(&list, id.member_id, &text);
	if (file_mkdirs(dir, FILE_MODE(0755), e) < 0)
		return -1;
	return machine_write(m, m->at.mark, FILE_MODE(0644), &text, e) < 0 ? -1 : 1;
}

/* Runs in a thread for each member: which one it is, and in the place of its log's end the mark of this machine. */
static void ask_mark(struct poll_answer *one)
{
	cleanup(identity_free) struct identity id = { 0 };
	auto_free char *key = NULL;
	auto_strv char **texts = NULL;
	struct mark best = { 0 };
	struct err unread = { 0 };

	if (identity_read(one->poll->m, &id, &unread) <= 0 || rpc_status(one->g, &one->status, &one->why) < 0)
		return;
	one->answers = true;
	/* Only its own key: what clients put beside it may be more than an answer can have. */
	key = xasprintf(PREFIX "%s", id.name);
	if (rpc_values(one->g, key, &texts, &one->why) < 0)
		log_debug("%s", one->why.msg);
	newest(texts, &id, &best);
	one->status.raft_term = best.term;
	one->status.raft_index = best.index;
}

/* more: URLs that the file of the mark has, or NULL. */
static int ask_others(const struct machine *m, const struct identity *id, char *const *more, struct mark *best,
		      struct err *e)
{
	auto_free char *former = endpoint_advertised(m);
	auto_strv char **urls = endpoint_all(m);
	cleanup(poll_free) struct poll r = { 0 };

	poll_init(&r, m, 0, OTHERS_MS);
	r.ask = ask_mark;
	for (size_t i = 1; urls[i]; i++) /* the first is this machine's, which does not run */
		(void)poll_add(&r, urls[i]);
	for (; more && *more; more++)
		if (text_starts(*more, "https://"))
			(void)poll_add(&r, *more);
	if (m->at.root[0] == '\0' && former && !endpoint_is_here(former))
		(void)poll_add(&r, former);
	poll_run(&r);
	for (size_t i = 0; i < r.n; i++) {
		const struct rpc_status *s = &r.list[i].status;

		/* Not the etcd of this machine: one that began on loopback, or one too slow for setup, has such a URL. */
		if (s->member_id == id->member_id && s->cluster_id == id->cluster_id &&
		    !endpoint_is_here(r.list[i].url)) {
			(void)err_set(e, ERR_CONFIG, "member " ID_FMT " (%s) runs at %s: this machine has a copy of it",
				      id->member_id, id->name, r.list[i].url);
			return err_hint(e, "switch this copy off, or stop etcd on the other machine");
		}
		if (is_after(s->raft_term, s->raft_index, best)) {
			best->term = s->raft_term;
			best->index = s->raft_index;
		}
	}
	return 0;
}

static int fail(const struct machine *m, bool alone, const char *wal, const struct wal_end *end, const struct mark *k,
		struct err *e)
{
	(void)err_set(e, ERR_CONFIG,
		      "%s is an older copy: it ends at entry %" PRIu64 " of term %" PRIu64
		      ", and this member had entry %" PRIu64 " of term %" PRIu64,
		      wal, end->index, end->term, k->index, k->term);
	if (alone)
		return err_hint(e, "put the newer data back; to go on with the older data: rm %s", m->at.mark);
	return err_hint(
		e,
		"put the newer data back; if that is lost: etcd-cluster replace; if no quorum of the other members "
		"is left either: etcd-cluster restore --force-new-cluster " ID_FMT,
		k->cluster);
}

/* The lines of the file: the mark, which is *best when it is of this member, and the URLs of the others. Or NULL. */
static char **read_file(const struct machine *m, const struct identity *id, struct mark *best)
{
	auto_buf struct buf text = { 0 };
	struct err unread = { 0 };
	char **lines = NULL;

	if (file_read(m->at.mark, MARK_MAX, &text, &unread) == 0)
		lines = text_split(buf_str(&text), "\n");
	newest(lines, id, best);
	return lines;
}

bool mark_names_others(const struct machine *m, const struct identity *id)
{
	struct mark own = { 0 };
	auto_strv char **lines = read_file(m, id, &own);

	return own.index > 0 && strv_len(lines) > 1;
}

/*
 * A member of a cluster that starts for the first time: nobody can have a mark of it, and the others do not answer
 * before they have a leader, for which they may need this one.
 */
static bool never_ran(const struct machine *m)
{
	auto_forming struct forming record = { 0 };
	uint64_t cluster, member;
	struct err unread = { 0 };

	return forming_read(m, &record, &unread) > 0 && record.state == FORMING_STARTING &&
	       datadir_look(m, &cluster, &member, &unread) == 0;
}

int mark_check(const struct machine *m, bool ask, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir), *own = config_wal_dir(&m->conf);
	auto_free char *wal = own ? layout_path(&m->at, own) : xasprintf("%s/member/wal", data);
	cleanup(identity_free) struct identity id = { 0 };
	auto_strv char **lines = NULL;
	bool alone;
	struct mark best = { 0 };
	struct wal_end end;
	struct err unread = { 0 };
	int known = identity_read(m, &id, e);

	if (known <= 0)
		return known;
	best.cluster = id.cluster_id;
	lines = read_file(m, &id, &best);
	alone = m->conf.role == ROLE_SINGLE && strv_len(lines) <= 1;
	if (ask && !never_ran(m) && ask_others(m, &id, lines ? lines + 1 : NULL, &best, e) < 0)
		return -1;
	if (best.index == 0)
		return 0;
	/* etcd itself refuses a damaged log; a fault of ours must not stop a member. */
	if (wal_read_tail(wal, &end, &unread) < 0) {
		log_warn("the log of etcd cannot be compared with the mark of this member: %s", unread.msg);
		return 0;
	}
	/* What a quorum has is never taken back, so the log of a later term reaches as far, too. */
	return end.term < best.term || end.index < best.index ? fail(m, alone, wal, &end, &best, e) : 0;
}

char *mark_twins(const struct machine *m)
{
	auto_free char *own = endpoint_own(m);
	auto_grpc struct grpc *g = NULL;
	cleanup(identity_free) struct identity id = { 0 };
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	auto_strv char **texts = NULL;
	auto_buf struct buf names = { 0 };
	const uint64_t machine = host_machine_id(m);
	struct err unasked = { 0 };

	if (machine == 0 || identity_read(m, &id, &unasked) <= 0)
		return NULL;
	g = endpoint_open(m, own, 0, ASK_MS, &unasked);
	if (!g || rpc_values(g, PREFIX, &texts, &unasked) < 0 || rpc_member_list(g, false, &list, &unasked) < 0)
		return NULL;
	/* The mark of a former member stays; it may be one that this machine was. */
	for (char **text = texts; text && *text; text++) {
		auto_free char *name = NULL;
		struct mark k;

		if (mark_parse(*text, &k, &name) && k.cluster == id.cluster_id && k.machine == machine &&
		    k.member != id.member_id && membership_by_id(&list, k.member))
			buf_printf(&names, "%s%s", names.len ? " and " : "", name);
	}
	return names.len ? xstrdup(buf_str(&names)) : NULL;
}

/* --- Revocation lists. */

/* The text for a member, or that of another. */
static bool list_parse(const char *text, uint64_t id, const char *name, int64_t *number)
{
	auto_strv char **words = text_split(text, " \n");
	uint64_t member, n;

	if (strv_len(words) != 3 || !text_parse_id(words[0], &member) || member != id ||
	    !text_parse_u64(words[1], 0, INT64_MAX, &n) || strcmp(words[2], name) != 0)
		return false;
	*number = (int64_t)n;
	return true;
}

static int list_read(struct grpc *g, uint64_t id, const char *name, int64_t *number, struct err *e)
{
	auto_free char *key = xasprintf(LISTS "%s", name);
	auto_strv char **texts = NULL;

	*number = 0;
	if (rpc_values(g, key, &texts, e) < 0)
		return -1;
	for (char **text = texts; text && *text; text++)
		if (list_parse(*text, id, name, number))
			break;
	return 0;
}

void mark_store_list(const struct machine *m, int64_t number)
{
	auto_free char *own = endpoint_own(m), *key = NULL, *line = NULL;
	cleanup(identity_free) struct identity id = { 0 };
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	auto_grpc struct grpc *g = NULL;
	struct err unasked = { 0 };
	int64_t stored;

	if (identity_read(m, &id, &unasked) <= 0)
		return;
	g = endpoint_open(m, own, 0, ASK_MS, &unasked);
	if (!g || rpc_member_list(g, false, &list, &unasked) < 0 || list.n < 2 ||
	    !membership_by_id(&list, id.member_id) || list_read(g, id.member_id, id.name, &stored, &unasked) < 0 ||
	    stored == number)
		return;
	key = xasprintf(LISTS "%s", id.name);
	line = xasprintf(ID_FMT " %" PRId64 " %s", id.member_id, number, id.name);
	if (rpc_put(g, key, line, &unasked) < 0)
		log_debug("the number of the revocation list is not stored: %s", unasked.msg);
}

int mark_lists(const struct machine *m, const uint64_t *ids, char *const *names, int64_t *numbers, struct err *e)
{
	auto_free char *own = endpoint_own(m);
	auto_grpc struct grpc *g = endpoint_open(m, own, 0, ASK_MS, e);

	for (size_t i = 0; g && names && names[i]; i++)
		if (list_read(g, ids[i], names[i], &numbers[i], e) < 0)
			return -1;
	return g ? 0 : -1;
}
