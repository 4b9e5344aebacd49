#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Machines join a running cluster of real etcd. No write is lost, even if a member is killed, frozen or unreachable.

bats_require_minimum_version 1.5.0
load lib
load join

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	end_all
}

# all_written NAME: it serves every acknowledged write, and no put has failed.
all_written() {
	none_lost "$1"
	[ "$(failed_writes)" -eq 0 ]
}

# grows: 1 -> 2 -> 3 members under a writer.
grows() {
	one_member
	WRITES_TIMEOUT=20 writes n1
	joiner n2
	enter n2
	# The new member is listed and does not run: if it had a vote, a cluster of one would stop.
	members n1 | grep -q " unstarted .* true$"
	writes_go_on
	start n2
	wait_healthy n2
	finish n2
	joiner n3 "JOIN=127.0.0.1:$(port n1 1),127.0.0.1:$(port n2 1)"
	join n3
	writes_go_on
	all_written n3
	[ "$(voters n1)" -eq 3 ]
	for n in n2 n3; do
		grep -qx STEP=member "$BATS_TEST_TMPDIR/$n/etc/etcd/joining"
		grep -q "^MEMBER_ID=0*$(members n1 | awk -v n=$n '$3 == n { print $1 }')$" "$BATS_TEST_TMPDIR/$n/etc/etcd/member-id"
		run -2 helper $n setup --exit-code
		helper $n check --start
	done
	run -0 helper n3 status
	[[ "$output" == *"3 of 3 voting members healthy"* ]]
}

@test "one member becomes two, then three, and every write is served" {
	grows
}

@test "the same with etcd 3.5" {
	need_release 3.5
	grows
}

@test "the same with etcd 3.6" {
	need_release 3.6
	grows
}

@test "the same with etcd 3.7" {
	need_release 3.7
	grows
}

@test "etcd killed and its data lost before it votes: removed and added again" {
	one_member
	joiner n2
	enter n2
	start n2
	wait_healthy n2
	first=$(sed -n 's/^MEMBER_ID=//p' "$BATS_TEST_TMPDIR/n2/etc/etcd/joining")
	stop n2 KILL
	rm -rf "${BATS_TEST_TMPDIR:?}"/n2/var/lib/etcd-cluster/member
	join n2
	[ "$(members n1 | grep -c .)" -eq 2 ]
	[ "$(sed -n 's/^MEMBER_ID=//p' "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id")" != "$first" ]
}

@test "an etcd that answers before its data directory exists is this machine's own" {
	one_member
	joiner n2
	enter n2
	start n2
	wait_healthy n2
	# As on a busy machine: setup looks for the data before etcd makes it.
	mv "$BATS_TEST_TMPDIR"/n2/var/lib/etcd-cluster/member "$BATS_TEST_TMPDIR"/n2/member
	run helper n2 setup
	[[ "$status" -eq 0 || "$status" -eq 6 ]]
	mv "$BATS_TEST_TMPDIR"/n2/member "$BATS_TEST_TMPDIR"/n2/var/lib/etcd-cluster/member
	finish n2
	[ "$(voters n1)" -eq 2 ]
}

@test "a changed address before etcd starts leaves no learner" {
	one_member
	joiner n2
	enter n2
	set_conf n2 "PEER_PORT=$(port n2 4)"
	join n2
	[ "$(members n1 | grep -c .)" -eq 2 ]
	members n1 | grep -q " started n2 .*:$(port n2 4) .* false$"
}

@test "two joins at the same time wait for each other" {
	one_member
	joiner n2
	joiner n3
	enter n2
	run -6 helper n3 setup
	[[ "$output" == *"member the new member ("*") is being added; members are added one at a time"* ]]
	[[ "$output" == *"etcd-cluster remove"* ]]
	start n2
	wait_healthy n2
	finish n2
	join n3
	[ "$(voters n1)" -eq 3 ]
}

@test "some addresses of JOIN are dead" {
	one_member
	joiner n2 "JOIN=127.0.0.1:$(port n2 8),192.0.2.1,127.0.0.1:$(port n1 1)"
	join n2
	[ "$(voters n1)" -eq 2 ]
}

@test "no address answers: pending, with the reason for each" {
	one_member
	stop n1
	joiner n2 "JOIN=127.0.0.1:$(port n1 1),127.0.0.1:$(port n1 8)"
	run -6 helper n2 setup
	[[ "$output" == *"no member of the cluster answers"*":$(port n1 1): "*refused*":$(port n1 8): "*refused* ]]
	[ ! -e "$BATS_TEST_TMPDIR/n2/etc/etcd/joining" ]
}

@test "a frozen member: pending, and joined when it continues" {
	one_member
	joiner n2
	kill -STOP "$(cat "$BATS_TEST_TMPDIR/n1/etcd.pid")"
	run -6 helper n2 setup
	[[ "$output" == *"no connection within 2500 ms"* ]]
	kill -CONT "$(cat "$BATS_TEST_TMPDIR/n1/etcd.pid")"
	join n2
	[ "$(members n1 | grep -c .)" -eq 2 ]
}
