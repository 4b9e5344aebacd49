/* SPDX-License-Identifier: Apache-2.0 */
#include "base/filter.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#if defined(__s390__)
#define CLONE_FLAGS 1 /* the argument of clone(2) that has them */
#else
#define CLONE_FLAGS 0
#endif

static const int worker[] = {
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
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
};

/*
 * Measured with strace on Debian 12 (glibc 2.36, libcurl 7.88) for http, https and proxies, and for the NSS modules
 * files, dns, resolve, myhostname, mymachines, mdns and sss; and what other versions use for the same.
 */
static const int client[] = {
	/* sockets; the family is checked below */
	SCMP_SYS(socketpair),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(ioctl),
	/* waiting */
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	/* files that are open, and names */
	SCMP_SYS(writev),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fstatfs),
	SCMP_SYS(statfs),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(statx),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	/* about this process and machine */
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getppid),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(sigaltstack),
	/* threads; clone is checked below */
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	SCMP_SYS(membarrier),
};

int filter_files(bool reads)
{
	const unsigned long long all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* the rights of the first version */
	const struct landlock_ruleset_attr handled = { .handled_access_fs = all };
	struct landlock_path_beneath_attr everywhere = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, .parent_fd = -1
	};
	auto_close int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0), top = -1;

	/* Without Landlock: ENOSYS or EOPNOTSUPP (kernel, landlock(7)), or EPERM (the filter of systemd-nspawn 252). */
	if (ruleset < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -1;
	if (reads) {
		everywhere.parent_fd = top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (top < 0 || syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &everywhere, 0) < 0)
			return -1;
	}
	return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

/* 0 or a negative errno, as libseccomp returns it. */
static int allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

static int finish(scmp_filter_ctx filter, int rc)
{
	if (rc == 0)
		rc = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	errno = -rc;
	return rc < 0 ? -1 : 0;
}

int filter_calls(void)
{
	/* Other calls fail: libraries that only try them go on. */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	return finish(filter, filter ? allow(filter, worker, ARRAY_LEN(worker)) : -ENOMEM);
}

/* Calls of which only some uses are allowed. As allow(). */
static int allow_some(scmp_filter_ctx filter)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	const unsigned int tmp = O_TMPFILE & ~O_DIRECTORY;
	const unsigned int writes = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | tmp; /* may create: not with these */
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(families); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
				      SCMP_A1(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
	/* Threads, no processes. clone3 keeps its flags in memory: it is answered like by an old kernel. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				      SCMP_CMP(CLONE_FLAGS, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	/* Limits are read. Signals go to threads of this process: that is how one is cancelled. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return rc;
}

int filter_calls_client(void)
{
	/* As a kernel without the call: libraries then use an older one. */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = filter ? allow(filter, worker, ARRAY_LEN(worker)) : -ENOMEM;

	if (rc == 0)
		rc = allow(filter, client, ARRAY_LEN(client));
	return finish(filter, rc == 0 ? allow_some(filter) : rc);
}
