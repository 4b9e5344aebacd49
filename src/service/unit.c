/* SPDX-License-Identifier: Apache-2.0 */
#include "service/unit.h"

#include <string.h>

#include "base/log.h"
#include "base/proc.h"

/* etcd.service has TimeoutStopSec=90s: a leader that cannot reach its peers stops slowly. */
#define STOP_SECONDS 100

int unit_systemctl(const char *const *argv, struct buf *out, struct err *e)
{
	const struct proc_run run = {
		.argv = argv,
		.timeout = strcmp(argv[1], "stop") == 0 || strcmp(argv[1], "start") == 0 ? STOP_SECONDS
											 : SYSTEMCTL_SECONDS,
		.out = out,
	};
	int rc = proc_run(&run, e);

	if (rc > 0)
		return err_set(e, ERR_FAIL, "systemctl %s %s failed (exit %d)", argv[1], argv[2] ? argv[2] : "", rc);
	return rc;
}

int unit_change(const struct machine *m, const char *const *argv, struct err *e)
{
	if (!m->live)
		return 0;
	if (m->dry_run) {
		log_info("would %s %s", argv[1], argv[2] ? argv[2] : "");
		return 0;
	}
	log_debug("systemctl %s %s", argv[1], argv[2] ? argv[2] : "");
	return unit_systemctl(argv, NULL, e) < 0 ? err_hint(e, "systemctl status %s", argv[2] ? argv[2] : "") : 0;
}

char *unit_property(const char *unit, const char *name, struct err *e)
{
	auto_buf struct buf out = { 0 };

	if (unit_systemctl(SYSTEMCTL("show", unit, "--value", "--property", name), &out, e) < 0)
		return NULL;
	return xstrndup(buf_str(&out), strcspn(buf_str(&out), "\n"));
}

char *unit_drop_in(const struct machine *m, const char *unit, const char *name)
{
	auto_free char *etc = layout_path(&m->at, "/etc/systemd/system");

	return xasprintf("%s/%s.d/50-etcd-cluster-%s.conf", etc, unit, name);
}

int unit_drop_in_differs(const char *path, const struct buf *want, struct err *e)
{
	auto_buf struct buf have = { 0 };

	if (file_read(path, 65536, &have, e) < 0 && err_absent(e) < 0)
		return -1;
	return strcmp(buf_str(want), buf_str(&have)) != 0;
}

int unit_drop_in_write(const struct machine *m, const char *path, const struct buf *want, struct err *e)
{
	auto_free char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	if (m->dry_run) {
		log_info("would write %s", path);
		return 1;
	}
	file_sweep(dir);
	if (want->len == 0 ? file_remove_tree(path, e) < 0
			   : file_mkdirs(dir, FILE_MODE(0755), e) < 0 ||
				     file_replace(path, FILE_MODE(0644), want->data, want->len, e) < 0)
		return -1;
	return m->live && unit_systemctl(SYSTEMCTL("daemon-reload"), NULL, e) < 0 ? -1 : 1;
}
