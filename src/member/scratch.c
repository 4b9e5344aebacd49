/* SPDX-License-Identifier: Apache-2.0 */
#include "member/scratch.h"

#include <fcntl.h>

#include "adapter/rpc.h"
#include "base/clock.h"
#include "base/text.h"
#include "member/endpoint.h"

#define ASK_MS	2000
#define LOOK_MS 100

/* etcd.service's own limit (TimeoutStopSec=). */
#define END_SECONDS 90

static char **environment(const struct scratch *s)
{
	static const char *const kept[] = { "ETCD_CERT_FILE",		"ETCD_KEY_FILE",
					    "ETCD_TRUSTED_CA_FILE",	"ETCD_LOGGER",
					    "ETCD_QUOTA_BACKEND_BYTES", "ETCD_V2_DEPRECATION",
					    "ETCD_SNAPSHOT_COUNT" };
	static const char *const own[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
					   "ETCD_LISTEN_CLIENT_URLS=unixs://client:1",
					   "ETCD_ADVERTISE_CLIENT_URLS=unixs://client:1",
					   "ETCD_LISTEN_PEER_URLS=unix://peer:1",
					   "ETCD_INITIAL_ADVERTISE_PEER_URLS=unix://peer:1",
					   "ETCD_CLIENT_CERT_AUTH=true" };
	char **env = NULL;

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		strv_add(&env, own[i]);
	for (const char *const *more = s->settings; *more; more++)
		strv_add(&env, *more);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		const char *value = keyfile_get(s->env, kept[i]);
		auto_free char *line =
			value ? xasprintf("%s=%s%s", kept[i], value[0] == '/' ? s->m->at.root : "", value) : NULL;

		if (line)
			strv_add(&env, line);
	}
	return env;
}

/* etcd has ended: an error with the last line of its log. */
static int died(const struct scratch *s, struct err *e)
{
	auto_buf struct buf text = { 0 };
	auto_strv char **lines = NULL;
	struct err unread = { 0 };

	if (file_read(s->log, 16U << 20, &text, &unread) < 0)
		return err_set(e, ERR_FAIL, "etcd ended at once");
	lines = text_split(buf_str(&text), "\n");
	return err_set(e, ERR_FAIL, "etcd ended at once; the last line of its log: %.400s",
		       lines ? lines[strv_len(lines) - 1] : "");
}

struct grpc *scratch_session(const struct scratch *s, unsigned int call_ms, struct err *e)
{
	/* The path of a socket is at most 107 bytes long. */
	auto_free char *url = endpoint_own(s->m), *socket = xasprintf("/proc/self/fd/%d/client:1", s->dir_fd);
	struct grpc *g = endpoint_open(s->m, url, 0, call_ms, e);

	if (g)
		grpc_use_socket(g, socket);
	return g;
}

static int wait_ready(const struct scratch *s, int64_t *revision, struct err *e)
{
	const long long end = clock_ms() + 1000LL * s->seconds;
	auto_grpc struct grpc *g = scratch_session(s, ASK_MS, e);
	struct rpc_status status;
	struct err last = { 0 };

	if (!g)
		return -1;
	while (clock_ms() < end) {
		err_clear(&last);
		if (rpc_health(g, false, &last) == 0 && rpc_status(g, &status, &last) == 0) {
			*revision = status.revision;
			return 0;
		}
		if (proc_has_ended(s->child.pid))
			return died(s, e);
		clock_sleep(LOOK_MS);
	}
	return err_set(e, ERR_HEALTH, "etcd has not replayed its log after %u s: %s", s->seconds, last.msg);
}

int scratch_start(struct scratch *s, int64_t *revision, struct err *e)
{
	struct file_mode etcd = machine_mode_etcd(s->m, 0700);
	auto_free char *program = xasprintf("%s/etcd", s->m->at.current);
	auto_strv char **env = environment(s);
	const char *const argv[] = { "env", "--chdir", s->dir, program, NULL };

	s->child.pid = 0;
	s->log_fd = -1;
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return err_sys(e, ERR_FAIL, "cannot open %s", s->dir);
	if (file_remove_tree(s->log, e) < 0)
		return -1;
	s->log_fd = file_create(s->log, FILE_MODE(0600), e);
	if (s->log_fd < 0 || proc_start(&(struct proc_run){ .argv = argv,
							    .timeout = s->seconds + END_SECONDS,
							    .tied = true,
							    .env = env,
							    .log = s->log_fd,
							    .uid = etcd.uid == (uid_t)-1 ? 0 : etcd.uid,
							    .gid = etcd.gid == (gid_t)-1 ? 0 : etcd.gid },
					&s->child, e) < 0)
		return -1;
	s->child.run.argv = NULL; /* both end with this function */
	s->child.run.env = NULL;
	return wait_ready(s, revision, e);
}

int scratch_end(struct scratch *s, struct err *e)
{
	static const char *const name[] = { "etcd", NULL };
	int rc = 0;

	s->child.run.argv = name;
	if (s->child.pid > 0)
		rc = proc_end(&s->child, END_SECONDS, e);
	mem_close_fd(&s->dir_fd);
	mem_close_fd(&s->log_fd);
	return rc < 0 ? -1 : 0;
}
