/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a file is a program for this machine, by its ELF header.
 */
#ifndef ADAPTER_ELF_H
#define ADAPTER_ELF_H

#include "base/err.h"

/* Refuses (ERR_VERIFY) what is not an ELF program of our own class, byte order and machine. `name` is for messages. */
int elf_check_native(int fd, const char *name, struct err *e) MUST_CHECK;

#endif
