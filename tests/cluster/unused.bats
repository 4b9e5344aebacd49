#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A cluster of one whose cluster.conf names another cluster, without systemd: nothing is moved under a running etcd, and
# the message has the reason.

bats_require_minimum_version 1.5.0
load lib
load join

setup() {
	need_release "${SERIES:-3.5}"
}

teardown() {
	end_all
}

@test "an unused cluster that cannot be stopped, one with keys, and one that does not answer are not changed" {
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
	[[ "$output" == *"cannot be asked whether it holds keys"*"write ROLE=single into"* ]]
	[ "$before" = "$(find "$BATS_TEST_TMPDIR/n1/etc/etcd/pki" "$BATS_TEST_TMPDIR/n1/var/lib" -maxdepth 2 \
		-printf '%p %i\n' | sort)" ]
	set_conf n1 ROLE=single
	sed -i '/^JOIN=/d' "$BATS_TEST_TMPDIR/n1/etc/etcd/cluster.conf"
	start n1
	wait_healthy n1
}
