#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `remove` with real etcd: it removes exactly the named dead member; one that answers or is needed stays.

bats_require_minimum_version 1.5.0
load lib
load crash

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	end_all
}

@test "a dead member is removed by name or by ID, on any healthy member" {
	local id

	three_machines
	id=$(id_of n1 n3)
	etcdctl n1 put kept value

	run -3 helper n1 remove n3
	[[ "$output" == *"member n3 ($id) answers"*"etcd-cluster leave"*"remove --force $id"* ]]
	run -3 helper n1 remove n1
	[[ "$output" == *"n1 is this machine"*"etcd-cluster leave"* ]]
	run -3 helper n1 remove n4
	[[ "$output" == *"the cluster has no member n4; its members are "*"n3 ($id)"* ]]
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
	run -2 helper n1 remove --exit-code "$id"
	[[ "$output" == *"$id is not a member"* ]]
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]
}

@test "a needed vote is never removed, not even with --force" {
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

@test "with --force a member that answers is removed, and its etcd ends" {
	three_machines
	run -0 helper n1 remove --force n3
	eventually gone "$(etcd_pid n3)"
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
}

@test "a learner that never started is removed by its ID; two members of one name are distinguished" {
	local id

	one_member
	etcdctl n1 member add n1 --learner --peer-urls="https://127.0.0.1:$(port n2 2)"
	id=$(etcdctl n1 member list | awk -F ', ' '$2 == "unstarted" { print $1 }')
	run -0 helper n1 remove "$id"
	[[ "$output" == *"(not started yet, "* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 1 ]
}

@test "on a CA host the enrolment record becomes a tombstone; one of the machine that is to come stays" {
	local records=$BATS_TEST_TMPDIR/n1/etc/etcd/enroll/members n

	three_machines
	mkdir -p "$records" && chmod 700 "$BATS_TEST_TMPDIR/n1/etc/etcd/enroll" "$records"
	for n in n2 n3; do
		printf '%s\n' NAME=$n ADDRESS=127.0.0.1 KEY=key-of-$n "TIME=$(date +%s)" >"$records/$n"
	done
	chmod 600 "$records"/*
	stop n3 KILL
	wait_healthy n1
	echo "NOT_MEMBER=$(printf %016x 0x"$(id_of n1 n3)")" >>"$records/n3"
	run -0 helper n1 remove n3
	[ -e "$records/n3" ]
	[ -e "$records/n2" ]
	stop n2 KILL
	start n3
	run -5 helper n1 remove n2 # refused: nothing is noted
	[ -e "$records/n2" ]
	start n2
	wait_healthy n1
	run -0 helper n1 remove --force n2
	[ ! -e "$records/n2" ]
	grep -qx KEY_1=key-of-n2 "$BATS_TEST_TMPDIR/n1/etc/etcd/enroll/removed/n2"
}

@test "a member that returns between two checks stays" {
	local frozen=n3

	need_strace
	three_machines
	# A follower, so that there is no election.
	! helper n1 status | grep -q '^n3 .* leader ' || frozen=n2
	kill -STOP "$(etcd_pid $frozen)"
	# -D: the process id is that of etcd-cluster, not of strace.
	behind remove strace -D -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=clock_nanosleep \
		"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" remove $frozen
	eventually grep -q clock_nanosleep "$BATS_TEST_TMPDIR/trace"
	kill -CONT "$(etcd_pid $frozen)"
	eventually gone "$(cat "$BATS_TEST_TMPDIR/remove.pid")"
	grep "answers at" "$BATS_TEST_TMPDIR/remove.log"
	[ "$(etcdctl n1 member list | wc -l)" -eq 3 ]
}

# Requests, answers and the pauses between two checks.
moments=sendto,recvfrom,clock_nanosleep

# two_of_three: restores the state with n1 and n2 running and n3 dead.
two_of_three() {
	local n

	bring_back_machines n1 n2
	for n in n1 n2; do
		start $n
	done
	wait_healthy n1
}

@test "kill -9 anywhere, then again: only that member is removed" {
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
