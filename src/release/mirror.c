/* SPDX-License-Identifier: Apache-2.0 */
#include "release/mirror.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/text.h"

#define CONNECT_SECONDS 10
#define STALL_SECONDS	20
#define TOTAL_SECONDS	(30 * 60) /* what is there then is kept, and the next try goes on from it */
#define CA_MAX_BYTES	(1024UL * 1024UL)
#define FETCH_MEMORY	(512ULL << 20) /* address space: TLS, and the resolver's thread with its stack */
#define FETCH_CPU	300	       /* seconds */

/* A test build waits as long as ETCD_CLUSTER_STALL says, so that slow mirrors can be tried. */
static unsigned int seconds(unsigned int normal)
{
#ifdef TEST_BUILD
	const char *set = getenv("ETCD_CLUSTER_STALL");
	uint64_t value;

	if (set && text_parse_u64(set, 1, 60, &value))
		return (unsigned int)value;
#endif
	return normal;
}

static bool is_url(const char *base)
{
	return text_starts(base, "https://") || text_starts(base, "http://");
}

/* The directory that a base of the file: kind names: /path, file:/path or file:///path. */
static const char *base_dir(const char *base)
{
	if (text_starts(base, "file://"))
		return base + strlen("file://");
	return text_starts(base, "file:") ? base + strlen("file:") : base;
}

static void add_places(const struct machine *m, const char *base, struct version v, const char *file, char ***places)
{
	auto_free char *trimmed = xstrdup(base), *dir = NULL, *versioned = NULL, *plain = NULL;

	for (size_t n = strlen(trimmed); n > 0 && trimmed[n - 1] == '/'; n--)
		trimmed[n - 1] = '\0';
	if (is_url(base)) {
		versioned = xasprintf("%s/v" VERSION_FMT "/%s", trimmed, VERSION_ARGS(v), file);
		strv_add(places, versioned);
		return;
	}
	dir = layout_path(&m->at, base_dir(trimmed));
	versioned = xasprintf("%s/v" VERSION_FMT "/%s", dir, VERSION_ARGS(v), file);
	plain = xasprintf("%s/%s", dir, file);
	strv_add(places, versioned);
	strv_add(places, plain);
}

/*
 * The value of NAME='value' in what `apt-config shell` prints; NULL when it is not there or says DIRECT. The caller
 * frees.
 */
static char *shell_value(const char *text, const char *name)
{
	auto_free char *start = xasprintf("%s='", name);
	const char *value = strstr(text, start);
	size_t n;

	if (!value)
		return NULL;
	value += strlen(start);
	n = strcspn(value, "'\n");
	if (n == 0 || (n == strlen("DIRECT") && strncmp(value, "DIRECT", n) == 0))
		return NULL;
	return xstrndup(value, n);
}

/* The proxy that apt uses, when apt is there: what reaches the distribution's mirror reaches ours. */
static char *apt_proxy(const struct machine *m)
{
	static const char *const argv[] = { "/usr/bin/apt-config",  "shell", "s", "Acquire::https::Proxy", "h",
					    "Acquire::http::Proxy", NULL };
	auto_buf struct buf out = { 0 }, diag = { 0 };
	struct err ignored = { 0 };
	char *proxy;

	if (m->at.root[0] != '\0' || access(argv[0], X_OK) < 0)
		return NULL;
	if (proc_run(&(struct proc_run){ .argv = argv, .timeout = 10, .out = &out, .diag = &diag }, &ignored) != 0)
		return NULL;
	proxy = shell_value(buf_str(&out), "s");
	return proxy ? proxy : shell_value(buf_str(&out), "h");
}

int mirror_open(const struct machine *m, struct mirror *x, struct err *e)
{
	auto_free char *path = m->conf.release_ca ? layout_path(&m->at, m->conf.release_ca) : NULL;
	bool network = false;

	*x = (struct mirror){ 0 };
	for (char **base = m->conf.release_urls; base && *base; base++)
		network = network || is_url(*base);
	if (!network)
		return 0;
	x->proxy = apt_proxy(m);
	if (path && file_read(path, CA_MAX_BYTES, &x->ca, e) < 0) {
		e->class = ERR_CONFIG;
		return err_hint(e, "correct RELEASE_CA_FILE in %s", m->at.conf);
	}
	return 0;
}

void mirror_free(struct mirror *x)
{
	buf_free(&x->ca);
	free(x->proxy);
	*x = (struct mirror){ 0 };
}

char **mirror_places(const struct machine *m, struct version v, const char *file)
{
	char **places = NULL;

	for (char **base = m->conf.release_urls; base && *base; base++)
		add_places(m, *base, v, file, &places);
	return places;
}

/* What comes back from the child: its failure, too, has a result. */
struct answer {
	struct fetch_result result;
	struct err err;
};

static int fetch_jailed(void *arg, void *out, struct err *e)
{
	struct answer *answer = out;

	(void)e;
	fetch(arg, &answer->result, &answer->err);
	log_progress_end();
	return 0;
}

void mirror_fetch(const struct mirror *x, const char *place, const struct mirror_want *want,
		  struct fetch_result *result, struct err *e)
{
	struct fetch f = {
		.url = place,
		.fd = want->fd,
		.etag = want->etag,
		.proxy = x->proxy,
		.ca = x->ca.data,
		.ca_len = x->ca.len,
		.max_bytes = want->max_bytes,
		.connect_seconds = seconds(CONNECT_SECONDS),
		.stall_seconds = seconds(STALL_SECONDS),
		.total_seconds = seconds(TOTAL_SECONDS / 10) * 10,
		.want_gzip = want->tarball,
		.progress = want->tarball ? log_progress : NULL,
	};
	const struct jail jail = {
		.network = true,
		.file_bytes = want->max_bytes,
		.memory_bytes = FETCH_MEMORY,
		.cpu_seconds = FETCH_CPU,
	};
	struct answer answer = { .result = { .outcome = FETCH_LOCAL } };

	log_debug("asking %s", place);
	if (!is_url(place)) {
		fetch_local(&f, result, e);
		log_progress_end();
		return;
	}
	if (jail_run(&jail, fetch_jailed, &f, &answer, sizeof(answer), e) < 0) {
		*result = (struct fetch_result){ .outcome = e->class == ERR_VERIFY ? FETCH_REFUSED : FETCH_LOCAL };
		return;
	}
	*result = answer.result;
	if (result->outcome != FETCH_DONE)
		*e = answer.err;
}

int mirror_read(const struct mirror *x, const char *place, size_t max, struct buf *out, struct err *e)
{
	auto_close int fd = memfd_create("etcd-cluster", MFD_CLOEXEC);
	struct mirror_want want = { .fd = fd, .max_bytes = max };
	struct fetch_result result;
	struct err why = { 0 };

	if (fd < 0)
		return err_sys(e, ERR_FAIL, "cannot make a file in memory");
	mirror_fetch(x, place, &want, &result, &why);
	if (result.outcome == FETCH_MISSING)
		return 0;
	if (result.outcome != FETCH_DONE) {
		*e = why;
		return err_wrap(e, "%s", place);
	}
	if (lseek(fd, 0, SEEK_SET) < 0 || file_read_fd(fd, place, max, out, e) < 0)
		return -1;
	return 1;
}
