#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `replace` killed at any moment, then the verb or setup again: one member in the place of the former, nothing lost.

bats_require_minimum_version 1.5.0
load lib
load join
load crash

# Requests, answers, and what changes this machine.
moments=sendto,recvfrom,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,fsync

setup() {
	need_release "${ETCD_SERIES:-3.4}"
	need_strace
	root=$BATS_TEST_TMPDIR/n2
	one_member
	for n in n3 n2; do
		joiner $n "JOIN=\"127.0.0.1:$(port n1 1) 127.0.0.1:$(port n3 1)\""
		join $n
	done
	etcdctl n1 put here before
}

teardown() {
	end_all
}

# Its etcd was killed, and its data is gone or kept: `replace` has to move it aside.
lost() {
	stop n2 KILL
	[ "$1" = kept ] || rm -rf "${root:?}"/var/lib/etcd-cluster
	rm -rf "$root"/etc/etcd/*.aside-* "$root"/var/lib/etcd-cluster/*.aside-*
	former=$(id_of n1 n2)
}

# Names of all files of n2, without dates and numbers.
listing() {
	(cd "$root" && find etc var run -path var/lib/etcd-cluster/member -prune -o -printf '%p %y %m\n') |
		sed 's/aside-[0-9-]*/aside/' | LC_ALL=C sort
}

# The cluster has n1, n3 and the learner in the journal of n2, and none more.
one_slot() {
	members n1 >"$BATS_TEST_TMPDIR/list"
	[ "$(grep -c . "$BATS_TEST_TMPDIR/list")" -eq 3 ] || { cat "$BATS_TEST_TMPDIR/list"; return 1; }
	grep -qi "^$(sed -n 's/^MEMBER_ID=0*//p' "$root/etc/etcd/joining") .* true$" "$BATS_TEST_TMPDIR/list"
	run ! grep "^${former##0}" "$BATS_TEST_TMPDIR/list"
}

# What a person does who sees the machine after the kill: setup, as its timer; then the command that it names.
again() {
	local rc=0

	if [ $(($1 % 2)) -eq 0 ]; then
		helper n2 setup 2>"$BATS_TEST_TMPDIR/again.log" || rc=$?
		[ $rc -ne 6 ] || return 0
		cat "$BATS_TEST_TMPDIR/again.log"
		[ $rc -eq 3 ] || return 1
		grep -q 'etcd-cluster replace' "$BATS_TEST_TMPDIR/again.log" || return 1
		rc=0
	fi
	helper n2 replace 2>"$BATS_TEST_TMPDIR/again.log" || rc=$?
	[ $rc -eq 6 ] || { echo "replace: exit $rc"; cat "$BATS_TEST_TMPDIR/again.log"; return 1; }
}

# killed_each STATE MOST
# shellcheck disable=SC2154 # calls: of count_calls
killed_each() {
	local k want number=0

	lost "$1"
	count_calls $moments "$ETCD_CLUSTER_PLAIN" --root "$root" replace 2>"$BATS_TEST_TMPDIR/log" || [ $? -eq 6 ]
	one_slot
	want=$(listing)
	start n2
	wait_healthy n2
	finish n2
	for k in $(sample "$2"); do
		number=$((number + 1))
		lost "$1"
		at_call "$k" $moments signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$root" replace 2>"$BATS_TEST_TMPDIR/log" || :
		again $number || { echo "killed at $k of $calls"; cat "$BATS_TEST_TMPDIR/log"; return 1; }
		one_slot || { echo "killed at $k of $calls"; return 1; }
		diff <(echo "$want") <(listing) || { echo "killed at $k of $calls"; return 1; }
		start n2
		wait_healthy n2
		finish n2
		[ "$(voters n1)" -eq 3 ]
	done
	[ "$(etcdctl n2 get here --print-value-only)" = before ]
}

@test "kill -9 at any moment while a machine that lost its data is replaced" {
	killed_each gone 8
}

@test "kill -9 at any moment while a machine with older data is replaced" {
	killed_each kept 6
}
