/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/timex.h>
#include <unistd.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "base/mem.h"

#define DISK_WRITES 64
#define DISK_BLOCK  2048 /* etcd's hardware guide has fio write 2300 bytes (op-guide/hardware.md); whole sectors */
#define DISK_US	    2000000

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int probe_disk(const char *dir, struct probe_disk *d, struct err *e)
{
	/* Without a name: nothing is left behind after a kill. */
	auto_close int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	static const char block[DISK_BLOCK];
	double took[DISK_WRITES];
	long long begin = clock_us();

	*d = (struct probe_disk){ 0 };
	if (fd < 0)
		return err_sys(e, ERR_FAIL, "cannot write a test file in %s", dir);
	while (d->writes < DISK_WRITES && clock_us() - begin < DISK_US) {
		long long start = clock_us();

		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block) || fdatasync(fd) < 0)
			return err_sys(e, ERR_FAIL, "cannot write a test file in %s", dir);
		took[d->writes++] = (double)(clock_us() - start) / 1e3;
	}
	qsort(took, d->writes, sizeof(took[0]), by_size);
	d->median_ms = took[d->writes / 2];
	d->p99_ms = took[d->writes * 99 / 100];
	return 0;
}

int probe_clock_synced(void)
{
	struct timex t = { .modes = 0 };

	if (adjtimex(&t) < 0)
		return -1;
	return !(t.status & STA_UNSYNC);
}
