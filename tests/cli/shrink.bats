#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# leave, remove, replace and restore without a cluster: nothing to do, or a refusal; nothing is changed.

bats_require_minimum_version 1.5.0

setup() {
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/etc/etcd"
}

helper() {
	"$ETCD_CLUSTER" --root "$root" "$@"
}

answers() {
	printf '%s\n' NAME=n1 "$@" >"$root/etc/etcd/cluster.conf"
}

@test "a machine outside a cluster has nothing to leave" {
	answers ROLE=single
	run -2 helper leave --exit-code
	[[ "$output" == *"not a member of a cluster"* ]]
	run -2 helper leave --exit-code --last
	[ "$(cat "$root/etc/etcd/cluster.conf")" = "$(printf 'NAME=n1\nROLE=single')" ]
}

@test "no member answers: the refusal names what is missing" {
	answers ROLE=single
	printf 'CLUSTER_ID=0000000000000001\nMEMBER_ID=0000000000000002\nNAME=n1\n' >"$root/etc/etcd/member-id"
	chmod 644 "$root/etc/etcd/member-id"
	run -3 helper leave
	[[ "$output" == *"cannot read $root/etc/etcd/pki/ca.crt"*"etcd-cluster setup"* ]]
	run -3 helper remove n2
	[[ "$output" == *"cannot read $root/etc/etcd/pki/ca.crt"*"etcd-cluster setup"* ]]
	[ -e "$root/etc/etcd/member-id" ]
	grep -qx ROLE=single "$root/etc/etcd/cluster.conf"
}

@test "replace accepts only this machine's name, and needs a cluster" {
	answers ROLE=single
	run -3 helper replace
	[[ "$output" == *"no cluster to return to"*"join"*"--replace"* ]]
	answers ROLE=join JOIN=10.0.0.1 ADDRESS=10.0.0.9
	run -3 helper replace n2
	[[ "$output" == *"this machine is n1, not n2"*"etcd-cluster remove n2"* ]]
	run -3 helper replace n1 n2
}

@test "restore needs a cluster ID and data" {
	answers ROLE=single
	run -3 helper restore
	[[ "$output" == *"--force-new-cluster"* ]]
	for id in '' g 12345678901234567 0x12 -1; do
		run -3 helper restore --force-new-cluster "$id"
		[[ "$output" == *"is not a valid cluster ID"* ]]
	done
	run -3 helper restore --force-new-cluster 1234
	[[ "$output" == *"there is no data in $root/var/lib/etcd-cluster"* ]]
	[ ! -e "$root/var/lib" ]
}
