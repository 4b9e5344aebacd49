/* SPDX-License-Identifier: Apache-2.0
 *
 * What "native" means is read from our own program, so there is no table of machines to keep.
 */
#include "adapter/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* The part of the header that has the same layout for both classes. */
struct header {
	unsigned char ident[EI_NIDENT];
	Elf64_Half type;
	Elf64_Half machine;
};

static int read_header(int fd, const char *name, struct header *h, struct err *e)
{
	if (fd < 0)
		return err_sys(e, ERR_FAIL, "cannot open %s", name);
	if (pread(fd, h, sizeof(*h), 0) != (ssize_t)sizeof(*h) || memcmp(h->ident, ELFMAG, SELFMAG) != 0)
		return err_set(e, ERR_VERIFY, "%s is not a program", name);
	return 0;
}

int elf_check_native(int fd, const char *name, struct err *e)
{
	auto_close int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct header own = { 0 }, h = { 0 };

	if (read_header(self, "/proc/self/exe", &own, e) < 0 || read_header(fd, name, &h, e) < 0)
		return -1;
	if (h.ident[EI_CLASS] != own.ident[EI_CLASS] || h.ident[EI_DATA] != own.ident[EI_DATA] ||
	    h.machine != own.machine)
		return err_set(e, ERR_VERIFY, "%s is a program for another kind of machine", name);
	if (h.type != ET_EXEC && h.type != ET_DYN)
		return err_set(e, ERR_VERIFY, "%s is not a program", name);
	return 0;
}
