/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "adapter/probe.h"
#include "base/file.h"
#include "base/text.h"

/* A file of /proc/PID; false when it is gone or not for us. */
static bool read_proc(pid_t pid, const char *name, struct buf *out)
{
	auto_free char *path = xasprintf("/proc/%d/%s", (int)pid, name);
	struct err ignored = { 0 };

	return file_read(path, 1 << 20, out, &ignored) == 0;
}

static void read_name(pid_t pid, struct probe_holder *out)
{
	auto_buf struct buf comm = { 0 };

	*out = (struct probe_holder){ .pid = pid };
	if (read_proc(pid, "comm", &comm))
		(void)snprintf(out->name, sizeof(out->name), "%.*s", (int)strcspn(buf_str(&comm), "\n"),
			       buf_str(&comm));
	text_printable(out->name);
}

/* The next process of an open /proc, or 0. */
static pid_t next_process(DIR *proc)
{
	const struct dirent *entry;
	uint64_t pid;

	while (proc && (entry = readdir(proc)))
		if (text_parse_u64(entry->d_name, 1, INT32_MAX, &pid))
			return (pid_t)pid;
	return 0;
}

/* Whether one of its open files is `what`, or below it: 1 yes, 0 no, -1 when its files are not for us to see. */
static int has_open(pid_t pid, const char *what)
{
	auto_free char *path = xasprintf("/proc/%d/fd", (int)pid);
	auto_closedir DIR *fds = opendir(path);
	size_t len = strlen(what);
	const struct dirent *entry;
	char target[PATH_MAX];
	int found = -1;

	while (fds && (entry = readdir(fds))) {
		ssize_t n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

		if (n < 0)
			continue;
		found = 0;
		target[n] = '\0';
		if (strncmp(target, what, len) == 0 && (target[len] == '/' || target[len] == '\0'))
			return 1;
	}
	return found;
}

void probe_find_open(const char *file, struct probe_holder *who)
{
	auto_closedir DIR *proc = opendir("/proc");
	pid_t pid;

	*who = (struct probe_holder){ 0 };
	while ((pid = next_process(proc)) != 0) {
		if (has_open(pid, file) > 0) {
			read_name(pid, who);
			return;
		}
	}
}

/* etcd has its database open for as long as it runs, from 3.0 to 3.7. */
pid_t probe_etcd(const char *data_dir, struct probe_others *others)
{
	auto_free char *real = realpath(data_dir, NULL);
	auto_closedir DIR *proc = opendir("/proc");
	struct probe_holder one;
	pid_t ours = 0, pid;

	if (others)
		*others = (struct probe_others){ 0 };
	while ((pid = next_process(proc)) != 0) {
		int open;

		read_name(pid, &one);
		if (strcmp(one.name, "etcd") != 0)
			continue;
		/* No link target begins with two slashes: without a data directory no process has it open. */
		open = has_open(pid, real ? real : "//");
		if (open > 0)
			ours = pid;
		else if (open == 0 && others && others->n++ == 0)
			others->first = pid;
	}
	return ours;
}

pid_t probe_etcd_using(const char *dir)
{
	static const char *const files[] = { "cmdline", "environ" };
	auto_closedir DIR *proc = opendir("/proc");
	auto_free char *below = xasprintf("%s/", dir);
	struct probe_holder one;
	pid_t pid;

	while ((pid = next_process(proc)) != 0) {
		read_name(pid, &one);
		for (size_t i = 0; strcmp(one.name, "etcd") == 0 && i < ARRAY_LEN(files); i++) {
			auto_buf struct buf text = { 0 };

			if (read_proc(pid, files[i], &text) && memmem(buf_str(&text), text.len, below, strlen(below)))
				return pid;
		}
	}
	return 0;
}

char **probe_environ(pid_t pid)
{
	auto_buf struct buf text = { 0 };
	char **list = NULL;

	if (!read_proc(pid, "environ", &text))
		return NULL;
	for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
		strv_add(&list, text.data + at);
	return list;
}

char *probe_program(pid_t pid)
{
	auto_free char *path = xasprintf("/proc/%d/exe", (int)pid);
	struct err ignored = { 0 };

	return file_read_link(path, &ignored);
}

/* proc(5): "starttime", the 22nd field of /proc/PID/stat, counts clock ticks from the boot. */
time_t probe_started(pid_t pid)
{
	auto_buf struct buf stat = { 0 };
	struct timespec up;
	const char *at;

	if (!read_proc(pid, "stat", &stat) || clock_gettime(CLOCK_BOOTTIME, &up) < 0)
		return 0;
	/* The second field, the name in parentheses, may hold blanks. */
	at = strrchr(buf_str(&stat), ')');
	for (int field = 3; at && field <= 22; field++)
		at = strchr(at + 1, ' ');
	return at ? time(NULL) - up.tv_sec + (time_t)(strtoull(at, NULL, 10) / (uint64_t)sysconf(_SC_CLK_TCK)) : 0;
}

long long probe_open_files(pid_t pid)
{
	static const char name[] = "Max open files";
	auto_buf struct buf limits = { 0 };
	const char *at = read_proc(pid, "limits", &limits) ? strstr(buf_str(&limits), name) : NULL;
	char soft[21];
	uint64_t n;

	if (!at || sscanf(at + strlen(name), "%20s", soft) != 1 || !text_parse_u64(soft, 0, INT64_MAX, &n))
		return -1;
	return (long long)n;
}
