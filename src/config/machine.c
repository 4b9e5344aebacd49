/* SPDX-License-Identifier: Apache-2.0 */
#include "config/machine.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

static time_t clock_now(void)
{
#ifdef TEST_BUILD
	const char *set = getenv("ETCD_CLUSTER_NOW");
	uint64_t seconds;

	if (set && text_parse_u64(set, 0, UINT32_MAX, &seconds))
		return (time_t)seconds;
#endif
	return time(NULL);
}

void machine_locate(struct machine *m, const struct machine_options *o)
{
	*m = (struct machine){ .dry_run = o->dry_run, .now = clock_now() };
	layout_init(&m->at, o->root, o->config);
	m->live = m->at.root[0] == '\0' && file_is_dir("/run/systemd/system"); /* sd_booted(3) */
}

int machine_open(struct machine *m, const struct machine_options *o, struct err *e)
{
	machine_locate(m, o);
	if (!o->config && file_exists(m->at.member_id) && file_exists(m->at.last_good) && !config_exists(&m->at)) {
		(void)err_set(e, ERR_CONFIG, "%s is missing, and this machine was set up with one", m->at.conf);
		return err_hint(e, "put it back; the settings of the last healthy start: cp %s/cluster.conf %s",
				m->at.last_good, m->at.conf);
	}
	if (config_load(&m->at, &m->conf, e) < 0)
		return -1;
	if (file_exists(m->at.adopt))
		m->conf.role = ROLE_NONE;
	return 0;
}

bool machine_open_default(struct machine *m, struct err *e)
{
	auto_free char *none = xasprintf("%s/none", m->at.last_good);
	struct layout at cleanup(layout_free) = { 0 };
	struct config conf = { 0 };
	struct err unread = { 0 };

	layout_init(&at, m->at.root, none);
	at.conf_dir = xstrdup(none); /* a file that is missing is no error then */
	if (config_load(&at, &conf, &unread) < 0) {
		config_free(&conf);
		return false;
	}
	config_free(&m->conf);
	m->conf = conf;
	m->broken = *e;
	m->no_conf = true;
	err_clear(e);
	return true;
}

void machine_free(struct machine *m)
{
	config_free(&m->conf);
	layout_free(&m->at);
}

char *machine_pki_path(const struct machine *m, const char *name, const char *ext)
{
	return xasprintf("%s/%s.%s", m->at.pki, name, ext);
}

/* Longer than a step without network; the boot unit and a person can run setup at the same time. */
#define LOCK_SECONDS 60

int machine_lock(const struct machine *m, struct err *e)
{
	auto_free char *path = xasprintf("%s/lock", m->at.run);
	int fd;

	if (m->dry_run) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return fd < 0 ? err_sys(e, ERR_FAIL, "cannot open /dev/null") : fd;
	}
	if (file_mkdirs(m->at.run, FILE_MODE(0755), e) < 0)
		return -1;
	fd = file_lock(path, LOCK_SECONDS, e);
	if (fd >= 0)
		file_sweep(m->at.etc);
	return fd;
}

bool machine_is_locked(const struct machine *m)
{
	auto_free char *path = xasprintf("%s/lock", m->at.run);
	auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno != ENOENT;
	return flock(fd, LOCK_SH | LOCK_NB) < 0;
}

int machine_write(const struct machine *m, const char *path, struct file_mode how, const struct buf *text,
		  struct err *e)
{
	auto_buf struct buf was = { 0 };
	struct err unread = { 0 };

	if (file_read(path, text->len + 1, &was, &unread) == 0 && was.len == text->len &&
	    memcmp(buf_str(&was), buf_str(text), was.len) == 0)
		return 0;
	if (m->dry_run) {
		log_info("would write %s", path);
		return 1;
	}
	return file_replace(path, how, text->data, text->len, e) < 0 ? -1 : 1;
}

/* The etcd user of the machine below --root, which the running one may not have. */
bool machine_etcd_ids(const struct machine *m, uid_t *uid, gid_t *gid)
{
	auto_free char *path = layout_path(&m->at, "/etc/passwd");
	auto_fclose FILE *f = fopen(path, "re");
	const struct passwd *entry;

	while (f && (entry = fgetpwent(f))) {
		if (strcmp(entry->pw_name, "etcd") != 0)
			continue;
		*uid = entry->pw_uid;
		*gid = entry->pw_gid;
		return true;
	}
	return false;
}

struct file_mode machine_mode_group(const struct machine *m, mode_t mode)
{
	struct file_mode how = FILE_MODE(mode);
	uid_t uid;

	if (geteuid() == 0 && machine_etcd_ids(m, &uid, &how.gid))
		how.uid = 0;
	return how;
}

struct file_mode machine_mode_etcd(const struct machine *m, mode_t mode)
{
	struct file_mode how = FILE_MODE(mode);

	if (geteuid() == 0)
		(void)machine_etcd_ids(m, &how.uid, &how.gid);
	return how;
}
