/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jail.h"

#include <errno.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* The sanitizers' run-times open /proc, map terabytes and start threads: under them only user, no_new_privs and core limits stay. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/*
 * What decompressing from one descriptor to others takes, and no more. An allow-list: a system call of a later kernel is
 * refused too. Refused calls fail with EPERM, so a library that only probes goes on without.
 */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(close),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(sync_file_range),
	SCMP_SYS(fallocate),
	SCMP_SYS(fadvise64),
	SCMP_SYS(restart_syscall),
};

int jail_become(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -1;
	/* Were it possible to come back, the drop would have been for show. */
	if (setuid(0) == 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

int jail_drop_user(void)
{
	return jail_become(PROC_NOBODY, PROC_NOBODY);
}

static int limit(int what, unsigned long long value)
{
	struct rlimit r = { .rlim_cur = value, .rlim_max = value };

	return setrlimit((__rlimit_resource_t)what, &r);
}

/* Bytes of address space in use now; the first number of /proc/self/statm is in pages. */
static unsigned long long mapped_now(void)
{
	auto_fclose FILE *f = fopen("/proc/self/statm", "re");
	char line[128];

	if (!f || !fgets(line, sizeof(line), f))
		return 1ULL << 30; /* without /proc: generous, still a limit */
	return strtoull(line, NULL, 10) * (unsigned long long)sysconf(_SC_PAGESIZE);
}

static int set_limits(const struct proc_jail *jail)
{
	if (limit(RLIMIT_CORE, 0) < 0)
		return -1;
	if (jail->file_bytes > 0 && limit(RLIMIT_FSIZE, jail->file_bytes) < 0)
		return -1;
	if (jail->cpu_seconds > 0 && limit(RLIMIT_CPU, jail->cpu_seconds) < 0)
		return -1;
	if (!SANITIZED && jail->memory_bytes > 0 && limit(RLIMIT_AS, mapped_now() + jail->memory_bytes) < 0)
		return -1;
	return 0;
}

/*
 * A domain that handles every right of Landlock's first version and grants none: no path can be opened, made, removed or run.
 * Kernels before 5.13, or booted without it, answer ENOSYS or EOPNOTSUPP (landlock(7)); a container whose filter does not know
 * the call answers EPERM (systemd-nspawn 252), which the kernel itself never does here. forbid_calls is the second wall.
 */
static int forbid_files(void)
{
	const struct landlock_ruleset_attr none = { .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	auto_close int ruleset = (int)syscall(SYS_landlock_create_ruleset, &none, sizeof(none), 0);

	if (ruleset < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -1;
	return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

static int forbid_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(allowed); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (rc == 0)
		rc = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	errno = -rc;
	return rc < 0 ? -1 : 0;
}

int jail_enter(const struct proc_jail *jail, pid_t parent, struct err *e)
{
	/* Asked for before the parent is looked at, so a parent that died in between is noticed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return err_set(e, ERR_FAIL, "cannot tie a child process to its parent");
	if (jail_drop_user() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) /* changing the user clears it (prctl(2)) */
		return err_sys(e, ERR_FAIL, "cannot drop the privileges of a child process");
	if (set_limits(jail) < 0)
		return err_sys(e, ERR_FAIL, "cannot limit a child process");
	(void)signal(SIGXFSZ, SIG_IGN); /* so that writing past the limit is an error with a name */
	if (!jail->network && !SANITIZED && (forbid_files() < 0 || forbid_calls() < 0))
		return err_sys(e, ERR_FAIL, "cannot shut a child process in");
	return 0;
}

void *jail_share(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void jail_unshare(void *p, size_t len)
{
	(void)munmap(p, len);
}
