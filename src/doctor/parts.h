/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of an examination (doctor/examine.h). Each adds its findings to the report; what is in order gets an "ok" one.
 */
#pragma once

#include "config/machine.h"
#include "doctor/report.h"
#include "member/health.h"

/* --- Files (files.c). */

/* The release in use: there, whole, not one that loses data. */
void doctor_release(const struct machine *m, struct doctor_report *r);
/* Certificates and data directory, as the preflight wants them. */
void doctor_pki(const struct machine *m, struct doctor_report *r);
void doctor_data(const struct machine *m, struct doctor_report *r);
/* What may wait until somebody asks: cluster.conf's owner, another release wanted, certificates that end soon, drift. */
void doctor_files(const struct machine *m, struct doctor_report *r);

/* --- The machine around it (host.c). */

/* The ports etcd listens on, and whether the addresses are this machine's. own: pid of our etcd, PROBE_PID_UNKNOWN, or 0. */
void doctor_ports(const struct machine *m, pid_t own, struct doctor_report *r);
void doctor_space(const struct machine *m, struct doctor_report *r);
/* Clock, disk, other etcds. */
void doctor_host(const struct machine *m, struct doctor_report *r);

/* --- The other machines (peers.c, ca.c). Without a list of members in the survey, those that cluster.conf names. */

/* Names, routes, and whether their ports can be reached. servers: on how many of them the enrolment port accepts connections. */
void doctor_peers(const struct machine *m, const struct member_survey *s, size_t *servers, struct doctor_report *r);
/* A CA host: its enrolment port, its key, and who did not enrol yet. A machine that needs certificates: its token, and the enrolment server. */
void doctor_ca(const struct machine *m, const struct member_survey *s, size_t servers, struct doctor_report *r);

/* --- The running etcd (running.c, members.c, drift.c). */

/* Process against files: is it the installed release, with the settings and the CA that are there now. */
void doctor_process(const struct machine *m, pid_t pid, struct doctor_report *r);
/* What the survey of the members tells. */
void doctor_members(const struct machine *m, const struct member_survey *s, struct doctor_report *r);

/*
 * This machine's own member against what the machine was and what the others say. True when it is no member (removed, of another
 * cluster, not added yet): that it does not answer is then no news.
 */
bool doctor_own(const struct machine *m, const struct member_survey *s, const struct member *own,
		struct doctor_report *r);
/* MEMBERS against the list that a quorum agrees on: names, peer URLs, missing ones and more. */
void doctor_drift(const struct machine *m, const struct member_survey *s, struct doctor_report *r);
