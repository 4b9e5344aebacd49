#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A cluster of one that is told to belong to another, where systemd does not run: nothing is moved under a running etcd,
# and the reason is said.

bats_require_minimum_version 1.5.0
load lib
load join

setup() {
	need_release "${SERIES:-3.5}"
}

teardown() {
	end_all
}

@test "an empty one that cannot be stopped, one that holds something, and one that does not answer are left as they are" {
	one_member
	before=$(find "$BATS_TEST_TMPDIR/n1/etc/etcd/pki" "$BATS_TEST_TMPDIR/n1/var/lib" -maxdepth 2 -printf '%p %i\n' | sort)
	set_conf n1 ROLE=join JOIN=127.0.0.9 ADDRESS=127.0.0.1
	run -3 helper n1 setup
	[[ "$output" == *"holds nothing, and systemd does not run here"*"leave --last"* ]]
	run -3 helper n1 join 127.0.0.9
	etcdctl n1 put a 1
	run -3 helper n1 setup
	[[ "$output" == *"into which keys were written"*"leave --last"* ]]
	stop n1
	run -3 helper n1 setup
	[[ "$output" == *"cannot be seen"*"write ROLE=single into"* ]]
	[ "$before" = "$(find "$BATS_TEST_TMPDIR/n1/etc/etcd/pki" "$BATS_TEST_TMPDIR/n1/var/lib" -maxdepth 2 -printf '%p %i\n' | sort)" ]
	set_conf n1 ROLE=single
	sed -i '/^JOIN=/d' "$BATS_TEST_TMPDIR/n1/etc/etcd/cluster.conf"
	start n1
	wait_healthy n1
}
