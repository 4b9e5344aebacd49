/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts that check.c is put together from. Each adds its findings to the report; what is in order gets an "ok" one.
 */
#ifndef DOCTOR_PARTS_H
#define DOCTOR_PARTS_H

#include "doctor/check.h"
#include "member/health.h"
#include "release/release.h"

/* --- Writing findings (check.c). */

/* A finding; its fix is "" until check_fix says it. The pointer is good until the next one is added. */
struct check_finding *check_add(struct check_report *r, enum check_level level, enum err_class class, const char *fmt,
				...) ERR_PRINTF(4, 5);
void check_fix(struct check_finding *f, const char *fmt, ...) ERR_PRINTF(2, 3);
#define check_ok(r, ...)	 ((void)check_add(r, CHECK_OK, ERR_NONE, __VA_ARGS__))
#define check_warn(r, ...)	 check_add(r, CHECK_WARN, ERR_NONE, __VA_ARGS__)
#define check_bad(r, class, ...) check_add(r, CHECK_BAD, class, __VA_ARGS__)

/* An error as a bad finding. */
void check_error(struct check_report *r, const struct err *e);

/* --- Files (check_files.c). */

/* The release in use: there, whole, not one that loses data. */
void check_release(const struct machine *m, struct check_report *r);
/* Certificates and data directory, as the preflight wants them. */
void check_pki(const struct machine *m, struct check_report *r);
void check_data(const struct machine *m, struct check_report *r);
/* What may wait until somebody asks: cluster.conf's owner, another release wanted, certificates that end soon, drift. */
void check_files(const struct machine *m, struct check_report *r);

/* --- The machine around it (check_host.c). */

/* The ports etcd listens on, and whether the addresses are this machine's. own: pid of our etcd, PROBE_PID_UNKNOWN, or 0. */
void check_ports(const struct machine *m, pid_t own, struct check_report *r);
void check_space(const struct machine *m, struct check_report *r);
/* Clock, disk, other etcds. */
void check_host(const struct machine *m, struct check_report *r);

/* --- The other machines (check_peers.c, check_ca.c). Without a list of members in the survey, those that cluster.conf names. */

/* Names, routes, and whether their ports can be reached. doors: on how many of them the enrolment port accepts connections. */
void check_peers(const struct machine *m, const struct member_survey *s, size_t *doors, struct check_report *r);
/* The enrolment port and the CA key of a CA host, and who is to come yet; the token and the door of a machine that needs certificates. */
void check_ca(const struct machine *m, const struct member_survey *s, size_t doors, struct check_report *r);

/* --- The running etcd (check_running.c). */

/* Process against files: is it the installed release, with the settings and the CA that are there now. */
void check_process(const struct machine *m, pid_t pid, struct check_report *r);
/* What the survey of the members tells. */
void check_members(const struct machine *m, const struct member_survey *s, struct check_report *r);

/*
 * This machine's own member (check_drift.c) against what the machine was and what the others say. True when it is no member (removed, of another
 * cluster, not added yet): that it does not answer is then no news.
 */
bool check_own(const struct machine *m, const struct member_survey *s, const struct member *own,
	       struct check_report *r);
/* MEMBERS against the list that a quorum agrees on: names, peer URLs, missing ones and more. */
void check_drift(const struct machine *m, const struct member_survey *s, struct check_report *r);

/* The size in bytes at which this member refuses writes. */
long long check_quota(const struct machine *m, const struct member *member);

#endif
