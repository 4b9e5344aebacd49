#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `remove` among real members: a dead one goes, exactly the one that was meant; one that lives, or is needed, stays.

bats_require_minimum_version 1.5.0
load lib
load crash

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	end_all
}

@test "a dead member goes, by name or by ID, from any healthy one" {
	local id

	three_machines
	id=$(id_of n1 n3)
	etcdctl n1 put kept value

	run -3 helper n1 remove n3
	[[ "$output" == *"member n3 ($id) answers"*"etcd-cluster leave"*"remove --force $id"* ]]
	run -3 helper n1 remove n1
	[[ "$output" == *"n1 is this machine"*"etcd-cluster leave"* ]]
	run -3 helper n1 remove n4
	[[ "$output" == *"there is no member n4; there are "*"n3 ($id)"* ]]
	run -3 helper n1 remove
	run -3 helper n1 remove n2 n3

	stop n3 KILL
	wait_healthy n1
	run -0 helper n1 remove --dry-run n3
	[[ "$output" == *"would remove member $id (n3, https://127.0.0.1:$(port n3 2))"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 3 ]
	run -0 helper n2 remove "$id"
	[[ "$output" == *"member $id (n3, "*") was removed"*"2 voting members are left, of which 0 may fail"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
	run -2 helper n1 remove "$id"
	[[ "$output" == *"$id is no member"* ]]
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]
}

@test "what the others need is never removed, not even by force" {
	three_machines
	stop n3 KILL
	wait_healthy n1
	run -5 helper n1 remove --force n2
	[[ "$output" == *"without n2 too few"*"2 of 3 are healthy now"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 3 ]
	stop n2 KILL
	run -5 helper n1 remove n3
	[[ "$output" == *"nobody can agree"*"restore --force-new-cluster"* ]]
}

@test "by force, one that answers goes as well, and ends" {
	three_machines
	run -0 helper n1 remove --force n3
	eventually gone "$(etcd_pid n3)"
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
}

@test "a learner that never started goes by its ID; two of one name are told apart" {
	local id

	one_member
	etcdctl n1 member add n1 --learner --peer-urls="https://127.0.0.1:$(port n2 2)"
	id=$(etcdctl n1 member list | awk -F ', ' '$2 == "unstarted" { print $1 }')
	run -0 helper n1 remove "$id"
	[[ "$output" == *"(not started yet, "* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 1 ]
}

@test "on a CA host its enrolment is forgotten, too" {
	local records=$BATS_TEST_TMPDIR/n1/etc/etcd/enroll/members

	three_machines
	mkdir -p "$records" && chmod 700 "$BATS_TEST_TMPDIR/n1/etc/etcd/enroll" "$records"
	touch "$records/n2" "$records/n3"
	chmod 600 "$records"/*
	stop n3 KILL
	wait_healthy n1
	run -0 helper n1 remove n3
	[ ! -e "$records/n3" ]
	[ -e "$records/n2" ]
}

@test "a member that comes back between two looks stays" {
	local frozen=n3

	need_strace
	three_machines
	# A follower, so that there is no election to wait for.
	! helper n1 status | grep -q '^n3 .* leader ' || frozen=n2
	kill -STOP "$(etcd_pid $frozen)"
	# -D: the process id is that of the helper.
	behind remove strace -D -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=clock_nanosleep \
		"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" remove $frozen
	eventually grep -q clock_nanosleep "$BATS_TEST_TMPDIR/trace"
	kill -CONT "$(etcd_pid $frozen)"
	eventually gone "$(cat "$BATS_TEST_TMPDIR/remove.pid")"
	grep "answers at" "$BATS_TEST_TMPDIR/remove.log"
	[ "$(etcdctl n1 member list | wc -l)" -eq 3 ]
}

# Its requests, their answers and the pauses between two looks.
moments=sendto,recvfrom,clock_nanosleep

# two_of_three: what was kept: n1 and n2 run, n3 is dead.
two_of_three() {
	local n

	bring_back_machines n1 n2
	for n in n1 n2; do
		start $n
	done
	wait_healthy n1
}

@test "kill -9 anywhere, then again: gone, and only that one" {
	local n id

	need_strace
	three_machines
	id=$(id_of n1 n3)
	stop n3 KILL
	wait_healthy n1
	keep_machines n1 n2
	two_of_three
	count_calls $moments "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" remove "$id"
	for n in $(sample 5); do
		two_of_three
		at_call "$n" $moments signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" remove "$id" || :
		run helper n1 remove "$id"
		[ "$status" -eq 0 ] || [ "$status" -eq 2 ] || { echo "killed at call $n: $output"; return 1; }
		[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
		etcdctl n1 member list | grep -q n2
	done
}
