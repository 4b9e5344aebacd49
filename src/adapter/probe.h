/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to the kernel: ports, addresses, processes, disk, clock. Nothing is changed. Only names to resolve and
 * empty connections leave the machine. What may not be seen (processes of others, unless we are root) is "unknown".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"

/* --- The network (probe_net.c). */

enum probe_port {
	PROBE_PORT_FREE,
	PROBE_PORT_TAKEN,
	PROBE_PORT_NOT_LOCAL, /* the address is not one of this machine's */
	PROBE_PORT_REFUSED,   /* we may not look, as at a privileged port */
};

struct probe_holder {
	pid_t pid;     /* 0: unknown */
	char name[64]; /* "nginx", or "" */
};

/*
 * Whether a server could listen on this address (IPv4, IPv6 literal) and port; tried by bind(2) with SO_REUSEADDR, as
 * Go does, so that connections in TIME_WAIT do not count. Taken: who has the port.
 */
enum probe_port probe_port(const char *address, uint16_t port, struct probe_holder *who);

/*
 * The addresses of a name (or of a literal: itself), as a strv that the caller frees; NULL with e (ERR_CONFIG) when
 * there are none.
 */
char **probe_resolve(const char *name, struct err *e);

/*
 * From now on a name server that does not answer costs two seconds, not the ten of glibc (resolv.conf(5)). RES_OPTIONS
 * of the environment stays.
 */
void probe_hasten_names(void);

/* The address that packets to this one leave from; NULL when there is no route. The caller frees. */
char *probe_source(const char *address);

/*
 * Where to connect by TCP, and what came of it: 0, or errno; ETIMEDOUT: no answer, ENOENT: the name cannot be
 * resolved.
 */
struct probe_target {
	const char *address; /* a literal or a name, whose addresses are all tried */
	uint16_t port;
	int error;
};

/* Tries all of them at once, and fills error within timeout_ms and what the resolver takes. */
void probe_reach(struct probe_target *list, size_t n, unsigned int timeout_ms);

/*
 * The first found of these addresses (strv) that accepts a TCP connection on the port, tried at once; NULL: none did.
 */
const char *probe_listening(char *const *addresses, uint16_t port, unsigned int timeout_ms);

/*
 * Listens on the port for timeout_ms: the address of the first machine that dials it, or NULL, also when the port is
 * taken. The caller frees.
 */
char *probe_callers(const char *address, uint16_t port, unsigned int timeout_ms);

/* --- Processes (probe_process.c). */

/* A process that runs but that we may not look at. */
#define PROBE_PID_UNKNOWN ((pid_t)-1)

/* The process that has this file open, named as in /proc/PID/fd ("socket:[4711]"). */
void probe_find_open(const char *file, struct probe_holder *who);

/*
 * The etcd that has this data directory open: 0 when none does (or we may not look). others, unless NULL: how many more
 * processes called "etcd" we can see, and the first one's id.
 */
struct probe_others {
	unsigned int n;
	pid_t first;
};
pid_t probe_etcd(const char *data_dir, struct probe_others *others);

/* A process called "etcd" whose arguments or environment name this directory; 0 when none does. */
pid_t probe_etcd_using(const char *dir);

/*
 * Its environment as a strv, its program file, when it started, how many files it may open. NULL, 0 or -1 when
 * unknown.
 */
char **probe_environ(pid_t pid);
char *probe_program(pid_t pid);
time_t probe_started(pid_t pid);
long long probe_open_files(pid_t pid);

/* --- The machine (probe_machine.c). */

struct probe_disk {
	unsigned int writes;
	double median_ms, p99_ms;
};

/*
 * How long a small write takes to reach the disk below dir: up to 64 writes of 2 KiB, each with fdatasync(2) as in
 * etcd's log, into a file without a name; ends after two seconds. -1 when it cannot be measured there.
 */
int probe_disk(const char *dir, struct probe_disk *d, struct err *e) MUST_CHECK;

/* Whether something keeps the kernel's clock in step (adjtimex(2)): 1 yes, 0 no, -1 unknown. */
int probe_clock_synced(void);
