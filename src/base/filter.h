/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel lets this process still do. It cannot be taken back.
 */
#pragma once

#include <stdbool.h>

/*
 * Landlock: no path can be opened for writing, made, removed or run; unless `reads`, none can be opened at all. 0, also
 * where the kernel has no Landlock: then filter_calls protects alone. -1 with errno. Needs no_new_privs.
 */
int filter_files(bool reads);

/* seccomp: only what reading from open descriptors and writing to others needs. -1 with errno. Needs no_new_privs. */
int filter_calls(void);

/*
 * seccomp for a client on the network: the same, sockets, threads, and opening files to read them, for the resolver
 * with whatever modules the machine has (nsswitch.conf(5)). No program, no signal to another process, no file to write.
 */
int filter_calls_client(void);
