/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jail.h"

#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/text.h"

/* Sanitizers open /proc, map terabytes and start threads: with them only user, no_new_privs and core limits apply. */
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

/* What decompressing from one descriptor to others needs. Other calls fail with EPERM: probing libraries go on. */
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

static int limit(__rlimit_resource_t what, unsigned long long value)
{
	return setrlimit(what, &(struct rlimit){ .rlim_cur = value, .rlim_max = value });
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

static int set_limits(const struct jail *jail)
{
	if (limit(RLIMIT_CORE, 0) < 0 || (jail->file_bytes > 0 && limit(RLIMIT_FSIZE, jail->file_bytes) < 0) ||
	    (jail->cpu_seconds > 0 && limit(RLIMIT_CPU, jail->cpu_seconds) < 0))
		return -1;
	if (!SANITIZED && jail->memory_bytes > 0)
		return limit(RLIMIT_AS, mapped_now() + jail->memory_bytes);
	return 0;
}

/*
 * A domain that handles every right of Landlock's first version and grants none: no path can be opened, made, removed
 * or run. Without Landlock the call answers ENOSYS or EOPNOTSUPP (kernel, landlock(7)) or EPERM (the filter of
 * systemd-nspawn 252); then forbid_calls protects alone.
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

static int enter(const struct jail *jail, pid_t parent, struct err *e)
{
	/* Before getppid(), so that a parent that died in between is noticed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return err_set(e, ERR_FAIL, "cannot make a child process end with its parent");
	if (proc_become(PROC_NOBODY, PROC_NOBODY) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) /* changing the user clears it (prctl(2)) */
		return err_sys(e, ERR_FAIL, "cannot drop the privileges of a child process");
	if (set_limits(jail) < 0)
		return err_sys(e, ERR_FAIL, "cannot limit a child process");
	(void)signal(SIGXFSZ, SIG_IGN); /* so that writing past the limit is an error with a name */
	if (!jail->network && !SANITIZED && (forbid_files() < 0 || forbid_calls() < 0))
		return err_sys(e, ERR_FAIL, "cannot confine a child process");
	return 0;
}

/* What the child answers, in memory that both share. */
struct jail_verdict {
	bool done; /* set last: work() returned */
	int rc;
	struct err err;
	_Alignas(max_align_t) char result[]; /* a struct of the caller's */
};

int jail_start(const struct jail *jail, jail_work *work, void *arg, size_t result_len, struct jail_child *child,
	       struct err *e)
{
	size_t len = sizeof(struct jail_verdict) + result_len;
	struct jail_verdict *verdict = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid();

	if (verdict == MAP_FAILED) {
		(void)err_sys(e, ERR_FAIL, "cannot make shared memory");
		return -1; /* clang's analyzer does not know that err_sys returns -1 */
	}
	*child = (struct jail_child){ .pid = fork(), .verdict = verdict, .result_len = result_len };
	if (child->pid == 0) {
		if (enter(jail, parent, &verdict->err) < 0)
			verdict->rc = -1;
		else
			verdict->rc = work(arg, verdict->result, &verdict->err);
		verdict->done = true;
		_exit(0);
	}
	if (child->pid > 0)
		return 0;
	(void)err_sys(e, ERR_FAIL, "cannot start a child process");
	(void)munmap(verdict, len);
	return -1;
}

void jail_distrust(struct err *e)
{
	e->msg[sizeof(e->msg) - 1] = '\0';
	e->hint[sizeof(e->hint) - 1] = '\0';
	text_printable(e->msg);
	text_printable(e->hint);
	switch (e->class) {
	case ERR_NONE:
	case ERR_FAIL:
	case ERR_CONFIG:
	case ERR_VERIFY:
	case ERR_HEALTH:
	case ERR_PENDING:
		return;
	}
	e->class = ERR_VERIFY;
}

int jail_finish(struct jail_child *child, void *result, struct err *e)
{
	struct jail_verdict *verdict = child->verdict;
	int status = 0, rc;

	(void)TEMP_FAILURE_RETRY(waitpid(child->pid, &status, 0));
	rc = verdict->done ? verdict->rc : -1;
	if (!verdict->done) {
		(void)err_set(e, ERR_VERIFY, "the child process that handled it was killed (signal %d)",
			      WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	} else if (rc < 0) {
		*e = verdict->err;
		jail_distrust(e);
		if (e->class == ERR_NONE)
			(void)err_set(e, ERR_VERIFY, "the child process that handled it failed without a reason");
	} else if (child->result_len > 0) {
		memcpy(result, verdict->result, child->result_len);
	}
	(void)munmap(verdict, sizeof(*verdict) + child->result_len);
	return rc;
}

int jail_run(const struct jail *jail, jail_work *work, void *arg, void *result, size_t result_len, struct err *e)
{
	struct jail_child child = { 0 };

	if (jail_start(jail, work, arg, result_len, &child, e) < 0)
		return -1;
	return jail_finish(&child, result, e);
}
