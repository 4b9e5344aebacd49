/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of forming: the record X of three machines, and reports.
 */
#pragma once

#include "machine_fixture.h"

#include "enroll/form_rules.h"

#define D1    "00000000000000000000000000000001"
#define D2    "00000000000000000000000000000002"
#define D3    "00000000000000000000000000000003"
#define D9    "00000000000000000000000000000009"
#define X     "0000000000000000000000000000000a"
#define Y     "0000000000000000000000000000000b"
#define THREE "n1=10.0.0.1,n2=10.0.0.2,n3=10.0.0.3"
#define CONF  "NAME=n1\nROLE=cluster\nMEMBERS=" THREE "\n"

/* The record X of three machines. The caller frees. */
static inline struct forming record(enum forming_state state)
{
	return (struct forming){ .state = state,
				 .nonce = xstrdup(X),
				 .members = xstrdup(THREE),
				 .disks = xstrdup("n1=" D1 ",n2=" D2 ",n3=" D3),
				 .ports = xstrdup("2379,2380"),
				 .token = xstrdup("etcd-cluster"),
				 .ca = xstrdup("ca") };
}

static inline struct report report(const char *name, const char *disk, enum report_state state, const char *nonce)
{
	return (struct report){ .name = xstrdup(name),
				.address = xasprintf("10.0.0.%s", name + 1),
				.disk = xstrdup(disk),
				.state = state,
				.nonce = nonce ? xstrdup(nonce) : NULL,
				.members = xstrdup(THREE),
				.ports = xstrdup("2379,2380"),
				.token = xstrdup("etcd-cluster"),
				.package = xstrdup("1"),
				.now = NOW };
}
