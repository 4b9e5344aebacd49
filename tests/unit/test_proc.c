/* SPDX-License-Identifier: Apache-2.0
 *
 * base/proc and base/jail: the rights and limits of child processes.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/proc.h"

static void output_and_exit_status_are_captured(void **state)
{
	const char *const argv[] = { "sh", "-c", "echo out; echo diag >&2; exit 3", NULL };
	auto_buf struct buf out = { 0 }, diag = { 0 };
	const struct proc_run run = { .argv = argv, .timeout = 10, .out = &out, .diag = &diag };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(proc_run(&run, &e), 3);
	assert_string_equal(buf_str(&out), "out\n");
	assert_string_equal(buf_str(&diag), "diag\n");
}

static void a_signal_is_reported(void **state)
{
	const char *const argv[] = { "sh", "-c", "kill -9 $$", NULL };
	const struct proc_run run = { .argv = argv, .timeout = 10 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(proc_run(&run, &e), 128 + SIGKILL);
}

/* It has ended, but its new parent has not collected it yet. */
static bool is_zombie(pid_t pid)
{
	auto_free char *path = xasprintf("/proc/%d/stat", (int)pid);
	auto_buf struct buf text = { 0 };
	struct err gone = { 0 };

	return file_read(path, 4096, &text, &gone) < 0 || strstr(buf_str(&text), ") Z ") != NULL;
}

/* A server process: its own environment, its output in a file, ended on request. */
static void a_server_runs_until_it_is_ended(void **state)
{
	const char *const argv[] = { "sh", "-c", "trap 'echo bye; exit 7' TERM; env; while :; do sleep 0.05; done",
				     NULL };
	char path_word[] = "PATH=/usr/bin:/bin", colour[] = "COLOUR=red";
	char *const env[] = { path_word, colour, NULL };
	auto_free char *dir = unit_dir(), *path = xasprintf("%s/log", dir);
	auto_buf struct buf output = { 0 };
	struct err failed = { 0 };
	auto_close int log = file_create(path, FILE_MODE(0600), &failed);
	const struct proc_run run = { .argv = argv, .timeout = 30, .env = env, .tied = true, .log = log };
	struct proc_child child;

	(void)state;
	assert_true(log > 0);
	assert_ok(proc_start(&run, &child, e));
	for (int i = 0; i < 500 && !strstr(buf_str(&output), "COLOUR=red"); i++) {
		(void)usleep(10000);
		buf_free(&output);
		assert_ok(file_read(path, 65536, &output, e));
	}
	assert_false(proc_has_ended(child.pid));
	assert_int_equal(proc_end(&child, 10, &failed), 7);
	buf_free(&output);
	assert_ok(file_read(path, 65536, &output, e));
	assert_non_null(strstr(buf_str(&output), "COLOUR=red\n"));
	assert_non_null(strstr(buf_str(&output), "bye\n"));
	assert_null(strstr(buf_str(&output), "LC_ALL"));
	assert_ok(file_remove_tree(dir, e));
}

/* If its parent is killed, it ends as well. */
static void a_tied_child_dies_with_its_parent(void **state)
{
	const char *const argv[] = { "sleep", "60", NULL };
	const struct proc_run run = { .argv = argv, .timeout = 60, .tied = true };
	int ids[2];
	pid_t parent, sleeper = 0;

	(void)state;
	assert_int_equal(pipe(ids), 0);
	parent = fork();
	if (parent == 0) {
		struct proc_child child;
		struct err e = { 0 };

		if (proc_start(&run, &child, &e) == 0 && write(ids[1], &child.pid, sizeof(child.pid)) > 0)
			(void)pause();
		_exit(1);
	}
	assert_int_equal(read(ids[0], &sleeper, sizeof(sleeper)), sizeof(sleeper));
	(void)kill(parent, SIGKILL);
	(void)waitpid(parent, NULL, 0);
	for (int i = 0; i < 500 && kill(sleeper, 0) == 0 && !is_zombie(sleeper); i++)
		(void)usleep(10000);
	assert_true(kill(sleeper, 0) < 0 || is_zombie(sleeper));
	(void)close(ids[0]);
	(void)close(ids[1]);
}

static void a_missing_program_is_reported(void **state)
{
	const char *const argv[] = { "no-such-program-here", NULL };
	const struct proc_run run = { .argv = argv, .timeout = 10 };

	(void)state;
	assert_err(proc_run(&run, e), ERR_FAIL, "no-such-program-here");
}

static void slow_and_noisy_children_are_stopped(void **state)
{
	const char *const slow[] = { "sleep", "60", NULL };
	const char *const noisy[] = { "sh", "-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
				      NULL };
	auto_buf struct buf out = { 0 };
	struct proc_run run = { .argv = slow, .timeout = 1 };

	(void)state;
	assert_err(proc_run(&run, e), ERR_FAIL, "too long");
	run = (struct proc_run){ .argv = noisy, .timeout = 30, .out = &out };
	assert_err(proc_run(&run, e), ERR_FAIL, "1 MiB");
}

/* Tries each forbidden call; the result has a bit for each that succeeded. */
static int try_everything(void *arg, void *result, struct err *e)
{
	unsigned int *done = result;
	const int *fd = arg;

	(void)e;
	*done = 0;
	if (write(*fd, "x", 1) != 1)
		*done |= 1U << 31; /* this one must succeed */
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
		*done |= 1U << 0;
	if (open("/tmp/jail-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0) /* may create: the point of the test */
		*done |= 1U << 1;
	if (socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0)
		*done |= 1U << 2;
	if (mkdir("/tmp/jail-probe.d", 0700) == 0)
		*done |= 1U << 3;
	if (fchmod(*fd, 04755) == 0)
		*done |= 1U << 4;
	if (setuid(0) == 0)
		*done |= 1U << 5;
	if (kill(getppid(), 0) == 0)
		*done |= 1U << 6;
	if (unlink("/tmp/nothing") == 0 || errno == ENOENT)
		*done |= 1U << 7;
#if !defined(__SANITIZE_ADDRESS__)
	(void)execl("/bin/true", "true", NULL); /* if it succeeded, there would be no result */
#endif
	return 0;
}

static void a_jailed_child_gets_nothing_new(void **state)
{
	const struct jail jail = { .file_bytes = 4096, .memory_bytes = 1 << 28, .cpu_seconds = 5 };
	char name[] = "/tmp/etcd-cluster-jail.XXXXXX";
	unsigned int done = 0;
	auto_close int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	(void)unlink(name);
	assert_ok(jail_run(&jail, try_everything, &fd, &done, sizeof(done), e));
	assert_int_equal(done & (1U << 31), 0);
	assert_int_equal(done & (1U << 5), 0);
#if !defined(                                                                                                          \
	__SANITIZE_ADDRESS__) /* they do not work in the filter (jail.c): `make check` also runs this test without them */
	assert_int_equal(done, 0);
#endif
}

/* As try_everything, for a child that may use the network. Bit 30 is for what it must be able to do. */
static int try_as_client(void *arg, void *result, struct err *e)
{
	static const char *const readable[] = { "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl/openssl.cnf" };
	struct addrinfo *found = NULL;
	unsigned int *done = result;
	const int *fd = arg;

	(void)e;
	*done = 0;
	for (size_t i = 0; i < ARRAY_LEN(readable); i++)
		if (open(readable[i], O_RDONLY | O_CLOEXEC) < 0 && errno != ENOENT)
			*done |= 1U << 30;
	if (write(*fd, "x", 1) != 1 || socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ||
	    getaddrinfo("localhost", NULL, NULL, &found) != 0)
		*done |= 1U << 30;
	if (open("/etc/shadow", O_RDONLY | O_CLOEXEC) >= 0)
		*done |= 1U << 0;
	if (open("/dev/null", O_RDWR | O_CLOEXEC) >= 0)
		*done |= 1U << 1;
	if (open("/tmp/jail-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0) /* may create: the point of the test */
		*done |= 1U << 2;
	if (mkdir("/tmp/jail-probe.d", 0700) == 0 || unlink("/tmp/nothing") == 0 || errno == ENOENT)
		*done |= 1U << 3;
	if (fchmod(*fd, 04755) == 0 || setuid(0) == 0)
		*done |= 1U << 4;
	if (kill(getppid(), 0) == 0 || kill(getpid(), 0) == 0)
		*done |= 1U << 5;
	if (socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 || errno != ENOSYS)
		*done |= 1U << 6;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
		*done |= 1U << 7;
	if (fork() >= 0)
		*done |= 1U << 8;
	(void)execl("/bin/true", "true", NULL); /* if it succeeded, there would be no result */
	freeaddrinfo(found);
	return 0;
}

/* The sanitizers do not work in the filter (jail.c). */
static void a_client_reads_and_connects_and_no_more(void **state)
{
#if !defined(__SANITIZE_ADDRESS__)
	const struct jail jail = { .network = true, .file_bytes = 4096, .memory_bytes = 1 << 29, .cpu_seconds = 5 };
	char name[] = "/tmp/etcd-cluster-jail.XXXXXX";
	unsigned int done = 0;
	auto_close int fd = mkstemp(name);

	assert_true(fd >= 0);
	(void)unlink(name);
	assert_ok(jail_run(&jail, try_as_client, &fd, &done, sizeof(done), e));
	assert_int_equal(done, 0);
#else
	(void)try_as_client;
#endif
	(void)state;
}

static int fail_as_asked(void *arg, void *result, struct err *e)
{
	(void)arg;
	(void)result;
	(void)err_set(e, ERR_VERIFY, "as asked");
	return err_hint(e, "type this");
}

/* Like a compromised child: texts without an end and with escape sequences, and a class that is none. */
static int fill_error(void *arg, void *result, struct err *e)
{
	(void)arg;
	(void)result;
	e->class = (enum err_class)77;
	memset(e->msg, 0x1b, sizeof(e->msg));
	memset(e->hint, 0xc3, sizeof(e->hint));
	return -1;
}

/* Another one: it fails, and claims that nothing is wrong. */
static int fail_silently(void *arg, void *result, struct err *e)
{
	(void)arg;
	(void)result;
	(void)e;
	return -1;
}

static int die(void *arg, void *result, struct err *e)
{
	(void)arg;
	(void)result;
	(void)e;
	return raise(SIGKILL);
}

static int grow(void *arg, void *result, struct err *e)
{
	static const char block[4096];
	const int *fd = arg;

	(void)result;
	while (write(*fd, block, sizeof(block)) > 0)
		;
	return err_sys(e, ERR_VERIFY, "grew");
}

/* What a library says about its trouble must not go into a connection. */
static int write_to_stderr(void *arg, void *result, struct err *e)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*(int *)result = fd > STDERR_FILENO && write(STDERR_FILENO, "x", 1) == 1;
	return fd < 0 || fcntl(*(int *)arg, F_GETFD) < 0 ? err_sys(e, ERR_FAIL, "fd %d", fd) : 0;
}

static void a_client_without_our_descriptors_has_no_socket_as_stderr(void **state)
{
	auto_close int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct jail jail = { .network = true, .keep = (const int[]){ kept, -1 } };
	struct err e = { 0 };
	int other = 0;

	(void)state;
	if (jail_run(&jail, write_to_stderr, &kept, &other, sizeof(other), &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(other);
}

static void errors_and_deaths_are_reported(void **state)
{
	const struct jail jail = { .network = true, .file_bytes = 65536 };
	struct err filled = { 0 };
	char name[] = "/tmp/etcd-cluster-jail.XXXXXX";
	auto_close int fd = mkstemp(name);

	(void)state;
	(void)unlink(name);
	assert_err(jail_run(&jail, fail_as_asked, NULL, NULL, 0, e), ERR_VERIFY, "type this");
	assert_int_equal(jail_run(&jail, fill_error, NULL, NULL, 0, &filled), -1);
	assert_int_equal(strspn(filled.msg, "?"), sizeof(filled.msg) - 1);
	assert_int_equal(strspn(filled.hint, "?"), sizeof(filled.hint) - 1);
	assert_int_equal(filled.class, ERR_VERIFY);
	assert_err(jail_run(&jail, fail_silently, NULL, NULL, 0, e), ERR_VERIFY, "without a reason");
	assert_err(jail_run(&jail, die, NULL, NULL, 0, e), ERR_VERIFY, "killed (signal 9)");
	assert_err(jail_run(&jail, grow, &fd, NULL, 0, e), ERR_VERIFY, "File too large");
	assert_int_equal(lseek(fd, 0, SEEK_END), 65536);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_exit_status_are_captured),
		cmocka_unit_test(a_signal_is_reported),
		cmocka_unit_test(a_missing_program_is_reported),
		cmocka_unit_test(a_server_runs_until_it_is_ended),
		cmocka_unit_test(a_tied_child_dies_with_its_parent),
		cmocka_unit_test(slow_and_noisy_children_are_stopped),
		cmocka_unit_test(a_jailed_child_gets_nothing_new),
		cmocka_unit_test(a_client_reads_and_connects_and_no_more),
		cmocka_unit_test(a_client_without_our_descriptors_has_no_socket_as_stderr),
		cmocka_unit_test(errors_and_deaths_are_reported),
	};

	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
