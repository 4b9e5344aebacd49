#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `remove` among real members: a dead one goes, exactly the one that was meant; one that lives, or is needed, stays.

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	stop_all
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
	for _ in {1..50}; do
		kill -0 "$(cat "$BATS_TEST_TMPDIR/n3/etcd.pid")" 2>/dev/null || break
		sleep 0.1
	done
	run kill -0 "$(cat "$BATS_TEST_TMPDIR/n3/etcd.pid")"
	[ "$status" -ne 0 ]
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
}

@test "a learner that never started goes by its ID; two of one name are told apart" {
	local id

	machine n1
	start n1
	wait_healthy n1
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

	three_machines
	# A follower, so that there is no election to wait for.
	! helper n1 status | grep -q '^n3 .* leader ' || frozen=n2
	kill -STOP "$(cat "$BATS_TEST_TMPDIR/$frozen/etcd.pid")"
	(sleep 4; kill -CONT "$(cat "$BATS_TEST_TMPDIR/$frozen/etcd.pid")") 3>&- &
	run -3 helper n1 remove $frozen
	[[ "$output" == *"answers at"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 3 ]
}

@test "kill -9 anywhere, then again: gone, and only that one" {
	local id i pid

	for i in 10 1000 2000 2100 2200; do
		stop_all
		rm -rf "${BATS_TEST_TMPDIR:?}"/n[123]
		three_machines
		id=$(id_of n1 n3)
		stop n3 KILL
		wait_healthy n1
		"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" remove "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
		pid=$!
		sleep "$(awk "BEGIN { print $i / 1000 }")"
		kill -KILL $pid 2>/dev/null || true
		wait $pid || true
		run helper n1 remove "$id"
		[ "$status" -eq 0 ] || [ "$status" -eq 2 ] || { echo "$output"; return 1; }
		[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
		etcdctl n1 member list | grep -q n2
	done
}
