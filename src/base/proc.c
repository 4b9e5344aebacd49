/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define OUTPUT_MAX   (1024 * 1024)
#define CHILD_FAILED 127 /* exit status of a shell that could not start the program */

static bool redirect(const struct proc_run *run, int out, int diag)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(run->input ? run->input : null, STDIN_FILENO) < 0)
		return false;
	if (run->log != 0)
		return dup2(run->log, STDOUT_FILENO) >= 0 && dup2(run->log, STDERR_FILENO) >= 0;
	return dup2(run->out ? out : null, STDOUT_FILENO) >= 0 && (!run->diag || dup2(diag, STDERR_FILENO) >= 0);
}

int proc_become(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -1;
	/* The drop must be final. */
	if (setuid(0) == 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static bool change_user(const struct proc_run *run, pid_t parent)
{
	if (run->uid != 0 && proc_become(run->uid, run->gid) < 0)
		return false;
	/* The change of the user clears it (prctl(2)); getppid() notices a parent that died in between. */
	return !run->tied || (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent);
}

/* Everything between fork and exec; only async-signal-safe calls. Never returns. */
static void become(const struct proc_run *run, int out, int diag, pid_t parent)
{
	char *const *argv, *const *env = run->env ? run->env : environ;

	memcpy(&argv, &run->argv, sizeof(argv)); /* execvpe(3) wants char *const[] and changes nothing */
	if (!redirect(run, out, diag) || !change_user(run, parent))
		_exit(CHILD_FAILED);
	if (run->program != 0)
		(void)execveat(run->program, "", argv, env, AT_EMPTY_PATH);
	else
		(void)execvpe(argv[0], argv, env);
	_exit(CHILD_FAILED);
}

/* Reads what is there; closes the stream at its end. False when that is more than OUTPUT_MAX. */
static bool drain(int *fd, struct buf *to)
{
	char chunk[4096];
	ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n > 0)
		buf_add(to, chunk, (size_t)n);
	else if (n == 0 || errno != EINTR)
		(void)close(steal_fd(fd));
	return to->len <= OUTPUT_MAX;
}

/* Collects both streams until they end. NULL, or why it gave up. */
static const char *collect(struct proc_child *child)
{
	struct pollfd *fds = child->streams;
	struct buf *const to[] = { child->run.out, child->run.diag };

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		long long left = child->deadline - clock_ms();
		int ready = left > 0 ? poll(fds, 2, (int)left) : 0;

		if (ready < 0 && errno != EINTR)
			return "poll failed";
		if (left <= 0)
			return "it took too long";
		for (int i = 0; i < 2; i++)
			if (ready > 0 && fds[i].revents != 0 && !drain(&fds[i].fd, to[i]))
				return "it printed more than 1 MiB";
	}
	return NULL;
}

/* Waits for pid until the deadline, then kills it. NULL, or why it gave up. */
static const char *reap(pid_t pid, long long deadline, int *status)
{
	for (int pause = 1;; pause = pause < 8 ? 2 * pause : pause) {
		pid_t done = waitpid(pid, status, WNOHANG);

		if (done == pid)
			return NULL;
		if (done < 0 && errno != EINTR)
			return "it could not be waited for";
		if (clock_ms() >= deadline)
			return "it took too long";
		clock_sleep(pause);
	}
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int proc_start(const struct proc_run *run, struct proc_child *child, struct err *e)
{
	pid_t parent = getpid();
	int out[2] = { -1, -1 }, diag[2] = { -1, -1 };

	*child = (struct proc_child){ .run = *run, .deadline = clock_ms() + 1000LL * run->timeout, .pid = -1 };
	(void)setenv("LC_ALL", "C", 1); /* outputs are read by us; it changes nothing in this program */
	if ((!run->out || pipe2(out, O_CLOEXEC) == 0) && (!run->diag || pipe2(diag, O_CLOEXEC) == 0))
		child->pid = fork();
	if (child->pid == 0)
		become(run, out[1], diag[1], parent);
	mem_close_fd(&out[1]);
	mem_close_fd(&diag[1]);
	child->streams[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	child->streams[1] = (struct pollfd){ .fd = diag[0], .events = POLLIN };
	if (child->pid > 0)
		return 0;
	mem_close_fd(&out[0]);
	mem_close_fd(&diag[0]);
	return err_sys(e, ERR_FAIL, "cannot run %s", run->argv[0]);
}

int proc_finish(struct proc_child *child, struct err *e)
{
	const char *name = child->run.argv[0], *why = collect(child);
	int status = 0;

	mem_close_fd(&child->streams[0].fd);
	mem_close_fd(&child->streams[1].fd);
	if (!why)
		why = reap(child->pid, child->deadline, &status);
	if (why) {
		(void)kill(child->pid, SIGKILL);
		(void)waitpid(child->pid, &status, 0);
		return err_set(e, ERR_FAIL, "%s was stopped: %s", name, why);
	}
	if (exit_status(status) == CHILD_FAILED) {
		(void)err_set(e, ERR_FAIL, "cannot run %s: not found, or not allowed", name);
		e->sys = ENOEXEC;
		return -1;
	}
	return exit_status(status);
}

bool proc_has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

int proc_end(struct proc_child *child, unsigned int seconds, struct err *e)
{
	(void)kill(child->pid, SIGTERM);
	child->deadline = clock_ms() + 1000LL * seconds;
	return proc_finish(child, e);
}

int proc_run(const struct proc_run *run, struct err *e)
{
	struct proc_child child;

	return proc_start(run, &child, e) < 0 ? -1 : proc_finish(&child, e);
}
