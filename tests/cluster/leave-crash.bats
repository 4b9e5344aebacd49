#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `leave` killed at any moment, then run again: the same end state.

bats_require_minimum_version 1.5.0
load lib
load leave
load crash

changing='write,pwrite64,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,fsync,fdatasync,ftruncate'
moments=sendto,recvfrom

setup() {
	need_release "${ETCD_SERIES:-3.4}"
	need_strace
}

teardown() {
	end_all
}

# Killed in the first half, while it is a member; then run again.
@test "kill -9 during the requests to the others, then again: the same end state" {
	local k n

	three_machines "JOIN=127.0.0.1:$(port n1 1)"
	count_calls $moments "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n2" leave --ca-elsewhere --dry-run
	keep_machines n1 n2 n3
	for k in $(sample 3); do
		bring_back_machines n1 n2 n3
		for n in n1 n2 n3; do
			start $n
		done
		for n in n1 n2 n3; do
			wait_healthy $n
		done
		at_call "$k" $moments signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n3" leave --ca-elsewhere || true
		run helper n3 leave --ca-elsewhere
		[ "$status" -eq 0 ] || [ "$status" -eq 2 ] || { echo "killed at call $k: $output"; return 1; }
		[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
		has_left n3
	done
}

# Prints the names of all files of n3, without dates.
listing() {
	(cd "$BATS_TEST_TMPDIR/n3" && find etc var -printf '%p %y %m\n' | sed 's/aside-[0-9-]*/aside/' | LC_ALL=C sort)
}

# Killed at each system call that changes this machine, after the others have removed the member.
@test "kill -9 while files are moved aside, then again: the same end state, nothing lost" {
	local n want

	three_machines "JOIN=127.0.0.1:$(port n1 1)"
	keep_machines n3
	wait_healthy n1
	bring_back_machines n3
	count_calls "$changing" "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n3" leave --ca-elsewhere
	has_left n3
	want=$(listing)
	for n in $(sample 10); do
		bring_back_machines n3
		at_call "$n" "$changing" signal=KILL \
			"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n3" leave --ca-elsewhere 2>/dev/null || true
		run helper n3 leave
		[ "$status" -eq 0 ] || [ "$status" -eq 2 ] || { echo "killed at call $n: $output"; return 1; }
		[ "$(listing)" = "$want" ] || { echo "killed at call $n:"; diff <(echo "$want") <(listing); return 1; }
	done
}
