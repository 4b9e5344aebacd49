#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `ca rotate`, --finish and --abort, killed or failing at each call that changes the disk. After each: every certificate
# has its key, and whoever trusts the former CA accepts it; the same verb completes it; the one after has nothing to do;
# no key of a CA is left where it should not be.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load crash

kinds="mkdir write fsync rename renameat2 link unlink unlinkat"

setup() {
	need_strace
	root="$BATS_TEST_TMPDIR/root"
	etc="$root/etc/etcd"
	pki="$etc/pki"
	mkdir -p "$etc"
	printf '%s\n' NAME=n1 ADDRESS=127.0.0.1 CLIENT_PORT=1 PEER_PORT=2 >"$etc/cluster.conf"
	"${ETCD_CLUSTER_PLAIN%/*}/lib/certify" "$root"
	cp "$pki/ca.crt" "$BATS_TEST_TMPDIR/former.crt"
	cp "$pki/ca.key" "$BATS_TEST_TMPDIR/former.key"
	certify="$BATS_TEST_TMPDIR/verb"
}

teardown() {
	end_all
}

# verb OPTION…: what certify_each runs.
verb() {
	{
		echo '#!/bin/sh'
		echo "exec $ETCD_CLUSTER_PLAIN --root $root ca rotate --exit-code $*"
	} >"$certify"
	chmod +x "$certify"
}

rotate() {
	"$ETCD_CLUSTER_PLAIN" --root "$root" ca rotate "$@"
}

keep() {
	rm -rf "$BATS_TEST_TMPDIR/start"
	cp -a "$root" "$BATS_TEST_TMPDIR/start"
}

bring_back() {
	rm -rf "$root"
	cp -a "$BATS_TEST_TMPDIR/start" "$root"
}

whole() {
	local name

	for name in ca server peer etcdctl-etcd-client; do
		is_pair "$pki/$name.crt"
		[ "$name" = ca ] ||
			openssl verify -partial_chain -CAfile "$BATS_TEST_TMPDIR/former.crt" -untrusted "$pki/$name.crt" \
				"$pki/$name.crt" >/dev/null
	done
}

# The keys of CAs that are on the machine, wherever: $keys.
converges() {
	local rc=0

	"$certify" "$root" || rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 2 ]
	rc=0
	"$certify" "$root" || rc=$?
	[ $rc -eq 2 ]
	[ -z "$(find "$root" -name '.pki.new' -o -name '.new-*')" ]
	[ "$(cd "$root" && find . -name 'ca*.key' | sort | paste -sd ' ')" = "$keys" ]
	[ "$(rotate --status --json | jq -r .stage)" = "$stage" ]
	whole
}

@test "begin, killed at each call" {
	verb
	stage=rotating keys="./etc/etcd/pki/ca-former.key ./etc/etcd/pki/ca.key"
	certify_each signal=KILL 20
}

@test "begin, on a disk that fails at each call" {
	verb
	stage=rotating keys="./etc/etcd/pki/ca-former.key ./etc/etcd/pki/ca.key"
	kinds="write fsync renameat2 link"
	certify_each error=ENOSPC 8
}

@test "abort, killed at each call" {
	rotate
	verb --abort
	stage=aborted keys=./etc/etcd/pki/ca.key
	certify_each signal=KILL 20
	cmp "$pki/ca.key" "$BATS_TEST_TMPDIR/former.key"
}

@test "finish, killed at each call" {
	rotate
	verb --finish
	stage=steady keys=./etc/etcd/pki/ca.key
	certify_each signal=KILL 15
	run ! cmp -s "$pki/ca.key" "$BATS_TEST_TMPDIR/former.key"
}
