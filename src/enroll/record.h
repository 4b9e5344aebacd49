/* SPDX-License-Identifier: Apache-2.0
 *
 * On a CA host: /etc/etcd/enroll/members/NAME, who enrolled, and with which key last.
 */
#pragma once

#include "config/machine.h"

struct enroll_record {
	char *name, *address;
	char *key;     /* SHA-256 of the peer key's SubjectPublicKeyInfo, hex */
	char *former;  /* of the certificate shown when `key` was new: a lost answer locks nobody out; "" for none */
	char *token;   /* id of the token that it came with first; "" when a certificate was enough */
	char *serials; /* of the certificates, "peer:1f… server:2e…" */
	time_t time;   /* when they were made */
};

void enroll_record_free(struct enroll_record *r);

/*
 * 1 read, 0 nobody of that name is on record, -1. name must be a valid one (config_check_name). The caller frees *r in
 * any case.
 */
int enroll_record_read(const struct machine *m, const char *name, struct enroll_record *r, struct err *e) MUST_CHECK;

/* Puts it in place of the one before; NULL counts as "". Needs token_store_lock. */
int enroll_record_write(const struct machine *m, const struct enroll_record *r, struct err *e) MUST_CHECK;

/* Forgets a removed machine: its certificate is refused once etcd does not list it. 1 done, 0 there was none, -1. */
int enroll_record_drop(const struct machine *m, const char *name, struct err *e) MUST_CHECK;

/* The names on record as a strv in byte order, or NULL for none. The caller frees. */
char **enroll_record_names(const struct machine *m);
