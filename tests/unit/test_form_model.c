/* SPDX-License-Identifier: Apache-2.0
 *
 * A model of forming: every interleaving of up to four machines, a link that delivers late or never, and machines that
 * lose their data, their /etc, both, are put back to an older state, or are cloned. The decisions are those of
 * enroll/form_rules.c and member/forming.c; the model has only what the machines store and send.
 *
 * In every state that can be reached:
 *   - etcd was started only for a record that the first has committed, on the disk that the record names;
 *   - while a majority of the disks that ran a record live on, no majority runs another one.
 */
#include "unit.h"

#include "base/text.h"
#include "enroll/form_rules.h"

#define NODES  4
#define NONCES 4
#define DISKS  9

/* What a machine can be put back to. */
struct disk {
	uint8_t id;    /* disk-id, 0: none yet */
	uint8_t data;  /* nonce of the cluster whose log is there, 0: none */
	uint8_t state; /* 1 + enum forming_state of the record, 0: none */
	uint8_t nonce; /* of the record */
};

struct node {
	uint8_t name;
	struct disk now, saved;
	uint8_t has_saved, reverted;
	uint8_t report, report_nonce, report_disk; /* 1 + enum report_state: fresh on the first */
	uint8_t answer, answer_nonce;		   /* 1 + enum form_word: under way to it */
};

struct world {
	struct node node[NODES];
	uint8_t n, members, nonces, disks, faults;
	uint8_t disk_of[NONCES][NODES]; /* the records */
	uint8_t committed[NONCES];
	uint8_t ran[NONCES]; /* members that have ever run it, a bit each */
};

/* --- The structures of the real code. */

static const char *const names[] = { "n1", "n2", "n3", "n4" };
static char members_text[NODES + 1][64];

static void hex_of(uint8_t number, char text[DISK_ID_HEX])
{
	(void)snprintf(text, DISK_ID_HEX, "%032x", number);
}

/* Texts that the rules only read; nothing here is freed, which makes the search fast. */
static char ports[] = "1,2", token[] = "t", ca[] = "ca";

struct texts {
	char nonce[DISK_ID_HEX], disk[DISK_ID_HEX], disks[NODES * (DISK_ID_HEX + 4)];
};

static struct forming make_record(const struct world *w, uint8_t state, uint8_t nonce, struct texts *t)
{
	char *at = t->disks;

	hex_of(nonce, t->nonce);
	for (size_t i = 0; i < w->members; i++) {
		char hex[DISK_ID_HEX];

		hex_of(w->disk_of[nonce - 1][i], hex);
		at += sprintf(at, "%s%s=%s", i > 0 ? "," : "", names[i], hex);
	}
	return (struct forming){ .state = (enum forming_state)(state - 1),
				 .nonce = t->nonce,
				 .members = members_text[w->members],
				 .disks = t->disks,
				 .ports = ports,
				 .token = token,
				 .ca = ca };
}

/* What a machine knows of itself; its record is in f. */
static struct form_self make_self(const struct world *w, const struct node *n, struct texts *t, struct forming *f)
{
	hex_of(n->now.id, t->disk);
	if (n->now.state != 0)
		*f = make_record(w, n->now.state, n->now.nonce, t);
	return (struct form_self){ .name = names[n->name],
				   .disk = t->disk,
				   .members = members_text[w->members],
				   .ports = ports,
				   .token = token,
				   .ca = ca,
				   .record = n->now.state != 0 ? f : NULL };
}

static struct report make_report(const struct world *w, const struct node *n, struct texts *t)
{
	hex_of(n->report_disk, t->disk);
	hex_of(n->report_nonce, t->nonce);
	return (struct report){ .name = (char *)(uintptr_t)names[n->name],
				.disk = t->disk,
				.state = (enum report_state)(n->report - 1),
				.nonce = t->nonce,
				.members = members_text[w->members],
				.ports = ports,
				.token = token };
}

/* --- What can happen. Each returns false when it cannot happen now. */

static bool is_waiting(const struct node *n)
{
	return n->now.data == 0;
}

/* A machine without a disk-id makes one before it does anything. */
static bool with_disk(struct world *w, struct node *n)
{
	if (n->now.id != 0)
		return true;
	if (w->disks == DISKS)
		return false;
	n->now.id = ++w->disks;
	return true;
}

static enum form_move ask(const struct world *w, const struct node *n, const struct form_reply *reply)
{
	auto_buf struct buf why = { 0 };
	struct forming f = { 0 };
	struct texts t;
	const struct form_self self = make_self(w, n, &t, &f);

	return form_other(&self, reply, &why);
}

static bool report(struct world *w, struct node *n)
{
	if (n->name == 0 || !is_waiting(n) || !with_disk(w, n) || ask(w, n, NULL) != FORM_WAIT)
		return false;
	n->report = 1 + (n->now.state != 0 ? REPORT_ACCEPTED : REPORT_NEW);
	n->report_nonce = n->now.nonce;
	n->report_disk = n->now.id;
	return true;
}

static bool expire(struct world *w, struct node *n)
{
	(void)w;
	if (n->report == 0)
		return false;
	n->report = n->report_nonce = n->report_disk = 0;
	return true;
}

/* The first answers to what it heard last. */
static bool reply(struct world *w, struct node *n)
{
	const struct node *first = &w->node[0];
	auto_form_reply struct form_reply out = { 0 };
	struct texts mine, theirs;
	struct forming f = { 0 };
	struct report r;

	if (n->report == 0 || first->now.state == 0)
		return false;
	r = make_report(w, n, &theirs);
	f = make_record(w, first->now.state, first->now.nonce, &mine);
	form_answer(&f, &r, "", &out);
	if (out.word == FORM_SAYS_WAIT)
		return false;
	n->answer = 1 + (uint8_t)out.word;
	n->answer_nonce = first->now.nonce;
	return true;
}

static bool arrive(struct world *w, struct node *n)
{
	static char none[] = "";
	struct form_reply got = { .message = none };
	enum form_move move;
	struct texts t;

	if (n->answer == 0 || !is_waiting(n) || n->now.id == 0)
		return false;
	got.word = (enum form_word)(n->answer - 1);
	got.record = make_record(w, 1 + FORMING_OFFERED, n->answer_nonce, &t);
	move = ask(w, n, &got);
	if (move == FORM_ACCEPT)
		n->now.state = 1 + FORMING_ACCEPTED;
	else if (move == FORM_START && n->now.state <= 1 + FORMING_ACCEPTED)
		n->now.state = 1 + FORMING_COMMITTED;
	else
		move = FORM_WAIT;
	if (move != FORM_WAIT)
		n->now.nonce = n->answer_nonce;
	n->answer = n->answer_nonce = 0;
	return true;
}

static enum form_move look_at(const struct world *w, const struct node *n)
{
	struct texts mine, theirs[NODES];
	struct report list[NODES];
	struct report_list heard = { .list = list };
	auto_buf struct buf why = { 0 };
	struct forming f = { 0 };
	struct form_self self = make_self(w, n, &mine, &f);

	for (const struct node *one = w->node; one < w->node + w->n; one++) {
		if (one->report == 0)
			continue;
		list[heard.n] = make_report(w, one, &theirs[heard.n]);
		heard.n++;
	}
	return form_first(&self, &heard, &why);
}

static bool look(struct world *w, struct node *n)
{
	enum form_move move;

	if (n->name != 0 || !is_waiting(n) || !with_disk(w, n))
		return false;
	move = look_at(w, n);
	if (move == FORM_OFFER && w->nonces < NONCES) {
		n->now.nonce = ++w->nonces;
		n->now.state = 1 + FORMING_OFFERED;
		w->disk_of[w->nonces - 1][0] = n->now.id;
		for (struct node *one = w->node; one < w->node + w->n; one++)
			if (one->report != 0)
				w->disk_of[w->nonces - 1][one->name] = one->report_disk;
		return true;
	}
	if (move != FORM_COMMIT)
		return false;
	n->now.state = 1 + FORMING_COMMITTED;
	w->committed[n->now.nonce - 1] = 1;
	return true;
}

/* A peer port shows the cluster of the record that was accepted, and does not list this machine with a name. */
static bool peer(struct world *w, struct node *n)
{
	const uint8_t nonce = n->now.nonce;

	if (!is_waiting(n) || n->now.state != 1 + FORMING_ACCEPTED || w->disk_of[nonce - 1][n->name] != n->now.id ||
	    (w->ran[nonce - 1] & (1U << n->name)))
		return false;
	for (const struct node *one = w->node; one < w->node + w->n; one++) {
		if (one->now.data != nonce || one == n)
			continue;
		n->now.state = 1 + FORMING_COMMITTED;
		return true;
	}
	return false;
}

static bool may_start(const struct world *w, const struct node *n)
{
	char disk[DISK_ID_HEX];
	struct forming f;
	struct texts t;

	if (!is_waiting(n) || n->now.state == 0)
		return false;
	f = make_record(w, n->now.state, n->now.nonce, &t);
	hex_of(n->now.id, disk);
	return forming_may_start(&f, names[n->name], disk);
}

static bool sync_starting(struct world *w, struct node *n)
{
	if (n->now.state != 1 + FORMING_COMMITTED || !may_start(w, n))
		return false;
	n->now.state = 1 + FORMING_STARTING;
	return true;
}

static bool start(struct world *w, struct node *n)
{
	if (n->now.state != 1 + FORMING_STARTING || !may_start(w, n))
		return false;
	n->now.data = n->now.nonce;
	w->ran[n->now.nonce - 1] |= (uint8_t)(1U << n->name);
	return true;
}

/* --- Faults. */

static bool save(struct world *w, struct node *n)
{
	(void)w;
	if (n->has_saved)
		return false;
	n->saved = n->now;
	n->has_saved = 1;
	return true;
}

static bool put_back(struct world *w, struct node *n)
{
	if (!n->has_saved || w->faults == 0 || memcmp(&n->saved, &n->now, sizeof(n->now)) == 0)
		return false;
	w->faults--;
	n->reverted = n->reverted || n->saved.data != n->now.data;
	n->now = n->saved;
	return true;
}

static bool lose(struct world *w, struct node *n, bool data, bool etc)
{
	if (w->faults == 0 || (!data && n->now.state == 0) || (data && n->now.id == 0))
		return false;
	w->faults--;
	if (data)
		n->now.id = n->now.data = 0;
	if (etc)
		n->now.state = n->now.nonce = 0;
	return true;
}

static bool lose_data(struct world *w, struct node *n)
{
	return lose(w, n, true, false);
}

static bool lose_etc(struct world *w, struct node *n)
{
	return lose(w, n, false, true);
}

static bool lose_all(struct world *w, struct node *n)
{
	return lose(w, n, true, true);
}

/* A copy of the machine comes up beside it. */
static bool clone(struct world *w, struct node *n)
{
	if (w->faults == 0 || n->name == 0 || w->n == NODES || w->n > w->members)
		return false;
	w->faults--;
	w->node[w->n] = (struct node){ .name = n->name, .now = n->now };
	w->n++;
	return true;
}

static bool (*const events[])(struct world *w, struct node *n) = {
	report, expire, reply,	  arrive,    look,     peer,	 sync_starting,
	start,	save,	put_back, lose_data, lose_etc, lose_all, clone,
};

/* --- The search. */

static struct {
	struct world *list;
	size_t n, room;
	size_t *table; /* 1 + index in list, by hash */
	size_t slots;
} seen;

static uint64_t hash_of(const struct world *w)
{
	const uint8_t *bytes = (const uint8_t *)w;
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < sizeof(*w); i++)
		h = (h ^ bytes[i]) * UINT64_C(1099511628211);
	return h;
}

static void add(const struct world *w)
{
	size_t at = hash_of(w) & (seen.slots - 1);

	while (seen.table[at] != 0) {
		if (memcmp(&seen.list[seen.table[at] - 1], w, sizeof(*w)) == 0)
			return;
		at = (at + 1) & (seen.slots - 1);
	}
	assert_true(seen.n < seen.slots / 2);
	if (seen.n == seen.room) {
		seen.room = seen.room ? 2 * seen.room : 1024;
		seen.list = xrealloc(seen.list, seen.room, sizeof(*seen.list));
	}
	seen.list[seen.n++] = *w;
	seen.table[at] = seen.n;
}

/* How many members run that record on its own disk, and were not put back. */
static unsigned int live(const struct world *w, uint8_t nonce)
{
	unsigned int mask = 0;

	for (const struct node *n = w->node; n < w->node + w->n; n++)
		if (n->now.data == nonce && !n->reverted)
			mask |= 1U << n->name;
	return (unsigned int)__builtin_popcount(mask);
}

static void check(const struct world *w)
{
	unsigned int running = 0;

	for (const struct node *n = w->node; n < w->node + w->n; n++) {
		if (n->now.data == 0)
			continue;
		if (!w->committed[n->now.data - 1])
			fail_msg("%s runs record %u, which was never committed", names[n->name], n->now.data);
		if (w->disk_of[n->now.data - 1][n->name] != n->now.id)
			fail_msg("%s runs record %u on disk %u", names[n->name], n->now.data, n->now.id);
	}
	for (uint8_t nonce = 1; nonce <= w->nonces; nonce++)
		running += live(w, nonce) > w->members / 2U;
	if (running > 1)
		fail_msg("two majorities run");
}

/* From n new machines; returns how many of the states have all of them running one record. */
static size_t explore(uint8_t n, uint8_t faults, bool clones, bool saves)
{
	struct world begin = { .n = n, .members = n, .faults = faults, .disks = n };
	size_t whole = 0;

	for (uint8_t i = 0; i < n; i++)
		begin.node[i] = (struct node){ .name = i, .now.id = (uint8_t)(i + 1) };
	seen.slots = (size_t)1 << 23;
	seen.table = xcalloc(seen.slots, sizeof(*seen.table));
	add(&begin);
	for (size_t i = 0; i < seen.n; i++) {
		check(&seen.list[i]);
		whole += live(&seen.list[i], seen.list[i].node[0].now.nonce) == n;
		for (size_t k = 0; k < ARRAY_LEN(events); k++) {
			/* What the first heard once it may act on for ever: that covers reports that expire, but for clones. */
			if (((events[k] == clone || events[k] == expire) && !clones) || (events[k] == save && !saves))
				continue;
			for (size_t at = 0; at < seen.list[i].n; at++) {
				struct world next = seen.list[i];

				if (events[k](&next, &next.node[at]))
					add(&next);
			}
		}
	}
	print_message("%u machines, %u faults: %zu states\n", n, faults, seen.n);
	free(seen.list);
	free(seen.table);
	memset(&seen, 0, sizeof(seen));
	return whole;
}

struct search {
	const char *what;
	uint8_t n, faults;
	bool clones, saves;
};

static void explored(void **state)
{
	const struct search *s = *state;

	assert_true(explore(s->n, s->faults, s->clones, s->saves) > 0);
}

int main(void)
{
	static const struct search usual[] = {
		{ "one machine, two faults", 1, 2, false, true },
		{ "two machines, one put back", 2, 1, false, true },
		{ "two machines, a clone", 2, 1, true, false },
		{ "two machines, two faults", 2, 2, false, false },
		{ "three machines, one fault", 3, 1, false, false },
		{ "three machines, a clone", 3, 1, true, false },
		{ "four machines, one fault", 4, 1, false, false },
	};
	/* Minutes with the sanitizers: `make model` runs these without. */
	static const struct search large[] = {
		{ "two machines, two put back", 2, 2, false, true },
		{ "two machines, two clones", 2, 2, true, false },
		{ "two machines, put back or cloned", 2, 1, true, true },
		{ "three machines, one put back", 3, 1, false, true },
		{ "four machines, a clone", 4, 1, true, false },
	};
	struct CMUnitTest usual_tests[ARRAY_LEN(usual)], large_tests[ARRAY_LEN(large)];

	for (size_t n = 1; n <= NODES; n++)
		for (size_t i = 0; i < n; i++)
			(void)snprintf(members_text[n] + strlen(members_text[n]),
				       sizeof(members_text[n]) - strlen(members_text[n]), "%s%s=10.0.0.%zu",
				       i > 0 ? "," : "", names[i], i + 1);
	unit_rows(usual_tests, usual, explored, NULL, NULL);
	unit_rows(large_tests, large, explored, NULL, NULL);
	return getenv("MODEL_LARGE") ? cmocka_run_group_tests_name("form_model", large_tests, NULL, NULL)
				     : cmocka_run_group_tests_name("form_model", usual_tests, NULL, NULL);
}
