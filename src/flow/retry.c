/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/retry.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "service/service.h"

/* A cluster.conf younger than this may still be written. */
#define CONF_SECONDS 10

/* The next try is never further away; else the record is of another boot. */
#define NEXT_MOST_MS (5 * 60 * 1000LL)

/* When cluster.conf or its drop-ins were last changed. */
static time_t conf_changed(const struct machine *m)
{
	const char *const paths[] = { m->at.conf, m->at.conf_dir };
	time_t last = 0;
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (paths[i] && stat(paths[i], &st) == 0 && st.st_mtime > last)
			last = st.st_mtime;
	return last;
}

/* A file from the future, after the clock was set back, counts as old. */
static bool is_young(time_t changed, time_t now)
{
	return now >= changed && now - changed < CONF_SECONDS;
}

void attempt_begin(struct attempt *a, const struct machine *m, const struct setup_options *how)
{
	struct err unread = { 0 };
	struct stat st;

	*a = (struct attempt){ .how = how, .conf = conf_changed(m) };
	a->has_before = outcome_read(m, &a->before, &unread) > 0;
	a->idle = !how->unattended && !how->wait && a->has_before && outcome_is_settled(&a->before) &&
		  stat(m->at.outcome, &st) == 0 && st.st_mtime > a->conf;
}

void attempt_free(struct attempt *a)
{
	outcome_free(&a->before);
}

bool attempt_is_due(const struct attempt *a, const struct machine *m)
{
	const long long left = a->before.next_ms - clock_ms();
	struct stat st;

	/* The timer is off after one that ended well. */
	if (!a->how->unattended || !a->has_before || outcome_is_settled(&a->before))
		return true;
	if (is_young(a->conf, m->now))
		return false;
	if (a->before.state == OUTCOME_RUNNING)
		return !machine_is_locked(m);
	return left <= 0 || left > NEXT_MOST_MS || stat(m->at.outcome, &st) < 0 || st.st_mtime < a->conf;
}

void attempt_wait_conf(const struct attempt *a, const struct machine *m)
{
	time_t changed;

	while (a->how->unattended && (changed = conf_changed(m)) != a->conf && is_young(changed, time(NULL)))
		clock_sleep(500);
}

static bool is_recorded(const struct attempt *a, const struct machine *m)
{
	return !m->dry_run && !a->how->local;
}

void attempt_step(struct attempt *a, const struct setup_run *r, size_t which, const char *name)
{
	const bool is_new = !a->again || (which > a->reached && r->others.class == ERR_NONE);
	struct err lost = { 0 };

	if (a->idle && r->changed) {
		a->idle = false;
		attempt_timer(a, r->m, true);
	}
	if (!is_new || !is_recorded(a, r->m) || a->idle)
		return;
	if (r->others.class == ERR_NONE)
		a->reached = which;
	if (outcome_write_step(r->m, name, a->has_before ? &a->before : NULL, &lost) < 0)
		log_error(LOG_WARNING, &lost);
}

/* A setup works, as far as its record knows. */
static bool is_running(const struct machine *m)
{
	struct outcome now = { 0 };
	struct err unread = { 0 };
	bool running = outcome_read(m, &now, &unread) > 0 && now.state == OUTCOME_RUNNING;

	outcome_free(&now);
	return running;
}

void attempt_end(struct attempt *a, const struct machine *m, bool has_lock, int rc, const struct err *why)
{
	enum outcome_state state = m->conf.role == ROLE_NONE ? OUTCOME_IDLE : OUTCOME_READY;
	unsigned int tries = 0;
	struct err lost = { 0 };

	a->is_settled = rc >= 0;
	if (!is_recorded(a, m) || (!has_lock && is_running(m)))
		return;
	if (rc < 0) {
		state = why->class == ERR_PENDING ? OUTCOME_PENDING : OUTCOME_FAILED;
		tries = a->has_before && outcome_is_same(&a->before, why) ? a->before.tries + 1 : 0;
	}
	if (outcome_write(m, state, rc < 0 ? why : NULL, tries, &lost) < 0)
		log_error(LOG_WARNING, &lost);
}

void attempt_timer(const struct attempt *a, const struct machine *m, bool on)
{
	struct outcome now = { 0 };
	struct err e = { 0 };
	int rc;

	/* systemctl would ask another user for a password. */
	if (!is_recorded(a, m) || !m->live || geteuid() != 0)
		return;
	rc = service_retry(m, on, &e);
	/* A setup that did not get the lock may have recorded another end meanwhile. */
	if (rc == 0 && !on && outcome_read(m, &now, &e) > 0 && !outcome_is_settled(&now))
		rc = service_retry(m, true, &e);
	outcome_free(&now);
	if (rc < 0)
		log_error(LOG_WARNING, &e);
}

/* --- Waiting within one setup. */

/* A pause is this part of the time that has passed, within these limits; while a cluster is formed, BRIEF_MS. */
#define PART	 40
#define LEAST_MS 250
#define MOST_MS	 3000
#define BRIEF_MS 100

void retry_begin(struct retry *p, unsigned int seconds)
{
	*p = (struct retry){ .began = clock_ms() };
	p->end = p->began + 1000LL * seconds;
}

/* A quarter more or less of ms: machines that were switched on together do not ask together for long. */
static long long spread(long long ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return ms - ms / 4 + t.tv_nsec / 1000 % (ms / 2);
}

bool retry_pause(struct retry *p, const struct err *why)
{
	long long now = clock_ms(), pause = (now - p->began) / PART;

	if (now >= p->end)
		return false;
	if (strncmp(p->logged, why->msg, sizeof(p->logged) - 1) != 0) {
		(void)snprintf(p->logged, sizeof(p->logged), "%.*s", (int)sizeof(p->logged) - 1, why->msg);
		log_info("waiting: %s", why->msg);
	}
	if (pause < LEAST_MS)
		pause = LEAST_MS;
	if (pause > MOST_MS)
		pause = MOST_MS;
	pause = spread(p->brief ? BRIEF_MS : pause);
	clock_sleep(pause < p->end - now ? pause : p->end - now);
	return true;
}
