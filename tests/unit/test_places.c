/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/places: which connections are served while an address, a network or many of them hold as many as they get.
 */
#include "unit.h"

#include "cahost/places.h"

/* Connections that are held, from HOLDER or, with a %u in it, from that many addresses; and who comes then. */
struct crowd {
	const char *what, *holder;
	unsigned int tries; /* connections of the holder */
	unsigned int held;  /* that it gets */
	const char *comer;
	bool on_file; /* the comer */
	bool served;
};

static const struct crowd crowds[] = {
	{ "one address", "10.0.0.9", 100, 4, "10.0.0.8", false, true },
	{ "the same address again", "10.0.0.9", 100, 4, "10.0.0.9", false, false },
	{ "the same address, which is on record", "10.0.0.9", 100, 4, "10.0.0.9", true, false },
	{ "one IPv6 address", "fd00::9", 100, 4, "fd00::8", false, true },
	{ "a whole /64, and IPv4", "2001:db8::%u", 1000, 16, "10.0.0.8", false, true },
	{ "a whole /64, and another one", "2001:db8::%u", 1000, 16, "2001:db8:0:1::8", false, true },
	{ "a whole /64, and a stranger in it", "2001:db8::%u", 1000, 16, "2001:db8::ffff", false, false },
	{ "a whole /64, and a machine in it that is on record", "2001:db8::%u", 1000, 16, "2001:db8::ffff", true,
	  true },
	{ "many IPv6 networks, and a stranger", "2001:db8:0:%u::1", 1000, 24, "10.0.0.8", false, false },
	{ "many IPv6 networks, and a machine on record", "2001:db8:0:%u::1", 1000, 24, "10.0.0.8", true, true },
	{ "fifty IPv4 addresses, and a machine on record", "192.0.2.%u", 50, 24, "fd00::2", true, true },
};

static bool take(struct place *places, const char *source, bool on_file)
{
	struct place *p = places_find(places, source, on_file);

	if (!p)
		return false;
	assert_int_equal(p->pid, 0);
	p->pid = 1;
	p->on_file = on_file;
	assert_true(strlen(source) < sizeof(p->source));
	strcpy(p->source, source);
	return true;
}

static void a_crowd_keeps_nobody_out(void **state)
{
	const struct crowd *c = *state;
	struct place places[PLACES] = { 0 };
	unsigned int held = 0;

	for (unsigned int i = 0; i < c->tries; i++) {
		const char *mark = strstr(c->holder, "%u");
		auto_free char *source = mark ? xasprintf("%.*s%u%s", (int)(mark - c->holder), c->holder, i, mark + 2)
					      : xstrdup(c->holder);

		held += take(places, source, false);
	}
	assert_int_equal(held, c->held);
	assert_int_equal(take(places, c->comer, c->on_file), c->served);
}

/* Eight machines on record are served whoever else is there, and a place that became free is used again. */
static void reserved_places_are_for_machines_on_record(void **state)
{
	struct place places[PLACES] = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 3 * PLACES; i++) {
		auto_free char *stranger = xasprintf("192.0.2.%u", i);

		(void)take(places, stranger, false);
	}
	for (unsigned int i = 0; i < 12; i++) {
		auto_free char *machine = xasprintf("2001:db8::%u", i);

		assert_int_equal(take(places, machine, true), i < PLACES_ON_FILE);
	}
	for (struct place *p = places; p < places + PLACES; p++)
		if (strcmp(p->source, "192.0.2.7") == 0)
			p->pid = 0;
	assert_true(take(places, "10.0.0.1", false));
	assert_false(take(places, "10.0.0.1", false));
}

static void a_network_has_a_name(void **state)
{
	static const char *const names[][2] = { { "10.0.0.1", "10.0.0.1" },
						{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
						{ "fe80::1", "fe80::/64" },
						{ "nowhere", "nowhere" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *name = places_network(names[i][0]);

		assert_string_equal(name, names[i][1]);
	}
}

int main(void)
{
	struct CMUnitTest rows[ARRAY_LEN(crowds)];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserved_places_are_for_machines_on_record),
		cmocka_unit_test(a_network_has_a_name),
	};
	int failed;

	unit_rows(rows, crowds, a_crowd_keeps_nobody_out, NULL, NULL);
	failed = cmocka_run_group_tests_name("crowds", rows, NULL, NULL);
	return failed + cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
