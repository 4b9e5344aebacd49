/* SPDX-License-Identifier: Apache-2.0 */
#include "release/mirror.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter/keyfile.h"
#include "base/jail.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/text.h"

#define CA_MAX_BYTES (1024UL * 1024UL)
#define FETCH_MEMORY (512ULL << 20) /* address space: TLS, and the resolver's thread with its stack */
#define FETCH_CPU    300	    /* seconds */

/* The directory that a base of the file: kind names: /path, file:/path or file:///path. */
static const char *base_dir(const char *base)
{
	if (text_starts(base, "file://"))
		return base + strlen("file://");
	return text_starts(base, "file:") ? base + strlen("file:") : base;
}

/* The proxy that apt uses, when apt is there: what reaches the distribution's mirror reaches ours. The caller frees. */
static char *apt_proxy(const struct machine *m)
{
	static const char *const argv[] = { "/usr/bin/apt-config",  "shell", "https", "Acquire::https::Proxy", "http",
					    "Acquire::http::Proxy", NULL };
	auto_buf struct buf out = { 0 }, diag = { 0 };
	auto_keyfile struct keyfile k = { 0 };
	struct err ignored = { 0 };

	if (m->at.root[0] != '\0' || access(argv[0], X_OK) < 0)
		return NULL;
	if (proc_run(&(struct proc_run){ .argv = argv, .timeout = 10, .out = &out, .diag = &diag }, &ignored) != 0 ||
	    keyfile_parse(argv[0], buf_str(&out), out.len, &k, &ignored) < 0)
		return NULL;
	/* It prints what is set in the order of its arguments. */
	for (size_t i = 0; i < k.n; i++)
		if (k.entries[i].value[0] != '\0' && strcmp(k.entries[i].value, "DIRECT") != 0)
			return xstrdup(k.entries[i].value);
	return NULL;
}

int mirror_open(const struct machine *m, struct mirror *x, struct err *e)
{
	auto_free char *path = m->conf.release_ca ? layout_path(&m->at, m->conf.release_ca) : NULL;
	bool network = false;

	*x = (struct mirror){ 0 };
	for (char **base = m->conf.release_urls; base && *base; base++)
		network = network || fetch_is_url(*base);
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

	for (char **base = m->conf.release_urls; base && *base; base++) {
		bool is_url = fetch_is_url(*base);
		auto_free char *start = is_url ? xstrdup(*base) : layout_path(&m->at, base_dir(*base));
		auto_free char *versioned = NULL, *plain = NULL;

		for (size_t n = strlen(start); n > 0 && start[n - 1] == '/'; n--)
			start[n - 1] = '\0';
		versioned = xasprintf("%s/v" VERSION_FMT "/%s", start, VERSION_ARGS(v), file);
		plain = xasprintf("%s/%s", start, file);
		strv_add(&places, versioned);
		if (!is_url)
			strv_add(&places, plain);
	}
	return places;
}

static int fetch_jailed(void *arg, void *result, struct err *e)
{
	(void)e;
	fetch(arg, result);
	return 0;
}

void mirror_fetch(const struct mirror *x, struct fetch f, struct fetch_result *result)
{
	const struct jail jail = {
		.network = true,
		.file_bytes = f.max_bytes,
		.memory_bytes = FETCH_MEMORY,
		.cpu_seconds = FETCH_CPU,
	};
	struct err why = { 0 };

	f.proxy = x->proxy;
	f.ca = &x->ca;
	log_debug("asking %s", f.url);
	if (!fetch_is_url(f.url)) {
		fetch(&f, result);
		return;
	}
	*result = (struct fetch_result){ 0 };
	if (jail_run(&jail, fetch_jailed, &f, result, sizeof(*result), &why) < 0)
		result->why = why;
	jail_distrust(&result->why);
	result->etag[sizeof(result->etag) - 1] = '\0';
	text_printable(result->etag);
}

int mirror_read(const struct mirror *x, const char *place, size_t max, struct buf *out, struct err *e)
{
	auto_close int fd = memfd_create("etcd-cluster", MFD_CLOEXEC);
	struct fetch_result result;

	if (fd < 0)
		return err_sys(e, ERR_FAIL, "cannot make a file in memory");
	mirror_fetch(x, (struct fetch){ .url = place, .fd = fd, .max_bytes = max }, &result);
	if (result.why.class == ERR_PENDING && result.why.sys == ENOENT)
		return 0;
	if (result.why.class != ERR_NONE) {
		*e = result.why;
		return err_wrap(e, "%s", place);
	}
	if (lseek(fd, 0, SEEK_SET) < 0 || file_read_fd(fd, place, max, out, e) < 0)
		return -1;
	return 1;
}
