/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/forming: the record of how this machine's cluster was formed. The first of MEMBERS makes it, the others
 * accept it. Members, disks and the nonce in it decide the IDs of cluster and members, so that no two formings from one
 * MEMBERS line share them.
 */
#pragma once

#include "adapter/keyfile.h"
#include "adapter/wal.h"
#include "config/machine.h"
#include "member/disk.h"

enum forming_state {
	FORMING_OFFERED,   /* on the first: the others may accept it; replaced by another offer when a disk changes */
	FORMING_ACCEPTED,  /* on another: it has accepted, and starts nothing until it hears that all have */
	FORMING_COMMITTED, /* all have accepted: this machine accepts no other record from here on */
	FORMING_STARTING,  /* etcd is about to be started, or was, and has made no log yet */
	FORMING_STARTED,   /* etcd was healthy here: without its data this machine is lost */
};

struct forming {
	enum forming_state state;
	char *nonce;   /* 32 hex digits */
	char *members; /* forming_members of the first */
	char *disks;   /* name=disk-id of each, in the same order and form */
	char *ports;   /* forming_ports of the first */
	char *token;   /* CLUSTER_TOKEN */
	char *ca;      /* SHA-256 of the CA's public key, hex */
};

#define auto_forming cleanup(forming_free)
void forming_free(struct forming *f);

/* 1: filled, the caller frees. 0: there is none. -1: it cannot be read or parsed. */
int forming_read(const struct machine *m, struct forming *f, struct err *e) MUST_CHECK;

/* Makes it durable. 1 written (with m->dry_run: would be), 0 it has this content already, -1. */
int forming_write(const struct machine *m, const struct forming *f, struct err *e) MUST_CHECK;

/* The lines of the file, which messages carry as well. get: false when one is missing or wrong; the caller frees. */
int forming_put(struct buf *out, const struct forming *f, struct err *e) MUST_CHECK;
bool forming_get(const struct keyfile *k, struct forming *f);

/* --- What follows from it, and from cluster.conf. The caller frees the texts. */

/* MEMBERS, or NAME=ADDRESS of a lone member, in one spelling and in lower case: "n1=10.0.0.1,n2=fd00::2". */
char *forming_members(const struct config *c);
/* An address in that spelling. */
char *forming_address(const char *address);
/* "CLIENT_PORT,PEER_PORT" */
char *forming_ports(const struct config *c);

/* The value of name in "n1=x,n2=y", which members and disks are; NULL: it is not in it. */
char *forming_of(const char *list, const char *name);

/* For etcd: --initial-cluster, and --initial-cluster-token, which has the nonce. */
char *forming_cluster(const struct forming *f);
char *forming_cluster_token(const struct forming *f);

/* The IDs of the cluster and of the member with this name; false when the record does not have that name. */
bool forming_ids(const struct forming *f, const char *name, struct wal_ids *ids);

/* A promise that only data of this disk keeps: no other record is accepted. */
bool forming_is_bound(const struct forming *f);

/*
 * May the member `name` be started without any data on the disk `disk`? Only on the one that the record names for it,
 * only once all have accepted, and only while no log was ever seen.
 */
bool forming_may_start(const struct forming *f, const char *name, const char *disk);

/*
 * True on the first of several MEMBERS until its cluster has been healthy: it takes reports. A machine with a member-id
 * and without a record belongs to a cluster that was formed before there were records.
 */
bool forming_gathers(const struct machine *m);
