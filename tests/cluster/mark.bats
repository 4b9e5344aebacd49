#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The mark: data that was put back to an older state is refused before etcd starts. With real etcd. Copies on other
# machines and the marks that members have of each other: tests/machine/identity.bats.

bats_require_minimum_version 1.5.0
load lib

teardown() {
	end_all
}

# older VERSION: n1 has the data of a minute ago; newer/ has what it had since.
older() {
	need_release "$1"
	one_member
	remember n1
	data=$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster mark=$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster.state/mark
	helper n1 setup --remember
	stop n1
	cp -a "$data" "$BATS_TEST_TMPDIR/older"
	run -0 helper n1 check --start
	start n1
	eventually etcdctl n1 put a b
	helper n1 setup --remember
	stop n1
	run -0 helper n1 check --start
	mv "$data" "$BATS_TEST_TMPDIR/newer"
	cp -a "$BATS_TEST_TMPDIR/older" "$data"
}

@test "older data is refused, newer data put back starts" {
	older 3.4
	run -3 helper n1 check --start
	[[ "$output" == *"$data/member/wal is an older copy: it ends at entry "*" of term "*"rm $mark"* ]]
	rm -r "$data"
	mv "$BATS_TEST_TMPDIR/newer" "$data"
	run -0 helper n1 check --start
	start n1
	eventually etcdctl n1 endpoint health
	[ "$(etcdctl n1 get --print-value-only a)" = b ]
}

@test "a person can go on with the older data" {
	older 3.5
	run -3 helper n1 check --start
	rm "$mark"
	run -0 helper n1 check --start
	start n1
	eventually etcdctl n1 endpoint health
	helper n1 setup --remember
	[ -s "$mark" ]
}

@test "a mark writes no key into a cluster of one, which stays unused" {
	need_release 3.4
	one_member
	remember n1
	helper n1 setup --remember
	[ -s "$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster.state/mark" ]
	[ "$(etcdctl n1 get none --write-out json | json header.revision)" = 1 ]
}
