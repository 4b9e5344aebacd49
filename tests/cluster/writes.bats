#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The check of acknowledged writes (tests/lib/writes.bash) reports what is lost.

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_release 3.4
	one_member
}

teardown() {
	end_all
}

# loses KEY: none_lost names it.
loses() {
	run none_lost n1 3>/dev/null
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$output" = "$1 of-$1" ]
}

@test "a key that is gone, a key with another value, and their return" {
	writes n1 n1
	run ! loses write/1/1
	etcdctl n1 del write/2/3
	loses write/2/3
	etcdctl n1 put write/2/3 of-write/2/3
	etcdctl n1 put write/1/2 other
	loses write/1/2
	etcdctl n1 put write/1/2 of-write/1/2
	none_lost n1
}

@test "a member that cannot be read, and a run without any write" {
	writes n1
	stop n1
	run ! none_lost n1 3>/dev/null
	start n1
	wait_healthy n1
	none_lost n1
	: >"$(writes_in)/acknowledged.1"
	run ! none_lost n1 3>/dev/null
}

@test "a write during a kill of etcd is either acknowledged and kept, or not acknowledged" {
	writes n1
	for _ in {1..5}; do
		stop n1 KILL
		start n1
		writes_go_on
	done
	none_lost n1
}
