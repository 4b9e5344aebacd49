/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of an examination (doctor/examine.h). Each adds its findings to the report; what is in order gets an "ok"
 * one.
 */
#pragma once

#include "doctor/exam.h"

/* --- Files (files.c). */

/* The release in use: there, whole, not one that loses data. */
void doctor_release(const struct machine *m, struct doctor_report *r);
/* The release, and whether this is the machine of the member (member/host.h). */
void doctor_machine(const struct machine *m, struct doctor_report *r);
/* Certificates, as the preflight wants them. */
void doctor_pki(const struct machine *m, struct doctor_report *r);
/* What is not urgent: who can write cluster.conf, another release wanted, certificates that end soon, drift. */
void doctor_files(const struct machine *m, struct doctor_exam *x);

/* --- Backups (backup.c). */

/* Fills backups; whether the newest backup is younger than two periods, and what failed. */
void doctor_backup(const struct machine *m, struct doctor_exam *x);

/* --- The machine around it (host.c). */

/* The ports of etcd, and whether the addresses are this machine's. own: pid of our etcd, PROBE_PID_UNKNOWN, or 0. */
void doctor_ports(const struct machine *m, pid_t own, struct doctor_report *r);
void doctor_space(const struct machine *m, struct doctor_report *r);
/* Clock, disk, other etcds. */
void doctor_host(const struct machine *m, struct doctor_report *r);

/* --- The other machines (peers.c, ca.c). Without a list of members in the survey, those of cluster.conf. */

/* Names, routes, and ports. Fills servers. */
void doctor_peers(const struct machine *m, struct doctor_exam *x);
/* With ca.key: who signs for others, who got certificates from where. Fills has_ca, active, enrolled and clients. */
void doctor_ca_host(const struct machine *m, struct doctor_exam *x);
/* A CA host: its enrolment port, its key, tokens for the others. Else: the token, and the enrolment server. */
void doctor_ca(const struct machine *m, struct doctor_exam *x);

/* --- The running etcd (running.c, members.c, drift.c, revoked.c). */

/* Whether the process has the installed release, and the settings and the CA of now. */
void doctor_process(const struct machine *m, pid_t pid, struct doctor_report *r);
/* What the survey of the members means. */
void doctor_members(const struct machine *m, const struct member_survey *s, struct doctor_report *r);

/*
 * This machine's own member against the files of the machine and the list of the others. True when it is not a member
 * (removed, of another cluster, not added yet): then its silence is not another finding.
 */
bool doctor_own(const struct machine *m, const struct member_survey *s, const struct member *own,
		struct doctor_report *r);
/* MEMBERS against the list that a quorum agrees on: names, peer URLs, missing ones and more. */
void doctor_drift(const struct machine *m, const struct member_survey *s, struct doctor_report *r);
/* Whether a removed machine is refused everywhere (revoked.c). */
void doctor_revocation(const struct machine *m, const struct member_survey *s, struct doctor_report *r);
/* The listed member of this name, or NULL. */
const struct member *doctor_listed(const struct member_survey *s, const char *name);
