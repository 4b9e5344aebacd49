/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jail.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/filter.h"
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

/* The smallest descriptor that is kept, from `from` on; UINT_MAX: none. */
static unsigned int next_kept(const int *keep, unsigned int from)
{
	unsigned int next = SANITIZED && from <= STDERR_FILENO ? STDERR_FILENO : UINT_MAX; /* for its report */

	for (const int *fd = keep; *fd >= 0; fd++)
		if ((unsigned int)*fd >= from && (unsigned int)*fd < next)
			next = (unsigned int)*fd;
	return next;
}

static int close_others(const int *keep)
{
	unsigned int from = 0, kept;

	do {
		kept = next_kept(keep, from);
		if (kept > from && syscall(SYS_close_range, from, kept == UINT_MAX ? kept : kept - 1, 0U) < 0)
			return -1;
		from = kept + 1;
	} while (kept != UINT_MAX);
	return 0;
}

/* What a library or the log writes to stderr must not go into a socket, which would get that number. */
static int fill_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < STDERR_FILENO);
	return fd;
}

static int forbid(const struct jail *jail)
{
	if (filter_files(jail->network) < 0)
		return -1;
	return jail->network ? filter_calls_client() : filter_calls();
}

static int enter(const struct jail *jail, pid_t parent, struct err *e)
{
	/* Before getppid(), so that a parent that died in between is noticed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return err_set(e, ERR_FAIL, "cannot make a child process end with its parent");
	if (!jail)
		return 0;
	if (proc_become(PROC_NOBODY, PROC_NOBODY) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) /* changing the user clears it (prctl(2)) */
		return err_sys(e, ERR_FAIL, "cannot drop the privileges of a child process");
	if (jail->keep && (close_others(jail->keep) < 0 || (jail->network && fill_standard() < 0)))
		return err_sys(e, ERR_FAIL, "cannot close the descriptors of a child process");
	if (set_limits(jail) < 0)
		return err_sys(e, ERR_FAIL, "cannot limit a child process");
	(void)signal(SIGXFSZ, SIG_IGN); /* so that writing past the limit is an error with a name */
	if (!SANITIZED && forbid(jail) < 0)
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
	*child = (struct jail_child){ .pid = fork(), .verdict = verdict, .result_len = result_len, .trusted = !jail };
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
		(void)err_set(e, child->trusted ? ERR_FAIL : ERR_VERIFY,
			      "the child process that handled it was killed (signal %d)",
			      WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	} else if (rc < 0) {
		*e = verdict->err;
		if (!child->trusted)
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
