#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A join that is killed or disconnected at any moment: the next run ends with one member, never two.

bats_require_minimum_version 1.5.0
load lib
load join
load crash

setup() {
	need_release "${ETCD_SERIES:-3.4}"
	need_strace
}

teardown() {
	end_all
}

# prepared: a cluster of one, and n2 with certificates and release, before its join; `fresh` restores this state.
prepared() {
	one_member
	joiner n2
	run helper n2 setup --local
	keep_machines n2
}

fresh() {
	bring_back_machines n2
}

# Requests, answers and renames (journal, settings, outcome).
moments=sendto,recvfrom,rename,renameat2

# traced SET: runs setup of n2 and sets calls.
traced() {
	count_calls "$1" "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n2" setup 2>"$BATS_TEST_TMPDIR/traced.log" || :
}

# struck N SET WHAT: runs setup of n2 and injects WHAT at its Nth call of the set.
struck() {
	at_call "$@" "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n2" setup 2>"$BATS_TEST_TMPDIR/traced.log" || :
}

# The cluster has n1 and one more member, the one in the journal of n2.
one_learner() {
	members n1 >"$BATS_TEST_TMPDIR/list"
	[ "$(grep -c . "$BATS_TEST_TMPDIR/list")" -eq 2 ] || { cat "$BATS_TEST_TMPDIR/list"; return 1; }
	grep -qi "^$(sed -n 's/^MEMBER_ID=0*//p' "$BATS_TEST_TMPDIR/n2/etc/etcd/joining") .* true$" "$BATS_TEST_TMPDIR/list"
}

@test "killed anywhere before etcd starts, and again: one learner, never two" {
	prepared
	fresh
	traced $moments
	one_learner
	for k in $(sample 6); do
		forget_n2
		fresh
		struck "$k" $moments signal=KILL
		enter n2 || { echo "killed at $k"; return 1; }
		one_learner || { echo "killed at $k"; return 1; }
	done
	start n2
	wait_healthy n2
	finish n2
}

@test "a lost answer: the member list decides; one learner, never two" {
	prepared
	fresh
	traced recvfrom
	for k in $(sample 6); do
		forget_n2
		fresh
		struck "$k" recvfrom error=ECONNRESET
		enter n2 || { echo "cut off at $k"; return 1; }
		one_learner || { echo "cut off at $k"; return 1; }
	done
}

@test "a full disk at any write, and room again: the same learner goes on, and blocks nobody" {
	prepared
	fresh
	traced write,fsync
	for k in $(sample 5); do
		forget_n2
		fresh
		struck "$k" write,fsync error=ENOSPC
		enter n2 || { echo "no room at $k"; return 1; }
		one_learner || { echo "no room at $k"; return 1; }
	done
}

@test "killed anywhere between etcd's start and its vote, and again: one voter" {
	prepared
	fresh
	enter n2
	start n2
	wait_healthy n2
	traced $moments
	grep -qx STEP=member "$BATS_TEST_TMPDIR/n2/etc/etcd/joining"
	for k in $(sample 6); do
		forget_n2
		fresh
		enter n2
		start n2
		wait_healthy n2
		struck "$k" $moments signal=KILL
		finish n2 || { echo "killed at $k"; return 1; }
		[ "$(voters n1)" -eq 2 ]
		run -2 helper n2 setup --exit-code
	done
}
