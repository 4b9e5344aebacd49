#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The certificate steps of setup, killed or failing at each call that changes the disk. After each: every certificate
# has its key, or there are none; the next run repairs it; the one after has nothing to do; no leftovers.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

load lib
load crash

kinds="mkdir write fsync rename renameat2 link unlink unlinkat"

setup() {
	certify="${ETCD_CLUSTER_PLAIN%/*}/lib/certify" # from the same build as the program
	[ -x "$certify" ] || skip "no $certify (make test-programs)"
	need_strace
	root="$BATS_TEST_TMPDIR/root"
	etc="$root/etc/etcd"
	mkdir -p "$etc"
	configure
}

configure() {
	printf '%s\n' NAME=n1 ADDRESS=127.0.0.1 CLIENT_PORT=1 PEER_PORT=2 "$@" >"$etc/cluster.conf"
}

keep() {
	rm -rf "$BATS_TEST_TMPDIR/start"
	cp -a "$root" "$BATS_TEST_TMPDIR/start"
}

bring_back() {
	rm -rf "$root"
	cp -a "$BATS_TEST_TMPDIR/start" "$root"
}

teardown() {
	end_all
}

# Each certificate has its matching key and the other way round. A CA stays.
whole() {
	local crt ca=$BATS_TEST_TMPDIR/start/etc/etcd/pki/ca.key

	for crt in "$etc"/pki/*.crt; do
		[ ! -e "$crt" ] || is_pair "$crt"
	done
	[ ! -e "$ca" ] || cmp "$ca" "$etc/pki/ca.key"
}

converges() {
	local rc=0

	"$certify" "$root" || rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 2 ]
	rc=0
	"$certify" "$root" || rc=$?
	[ $rc -eq 2 ]
	[ -e "$etc/pki/server.crt" ]
	[ -e "$etc/pki/apiserver-etcd-client.key" ]
	[ -z "$(find "$root" -name '.pki.new' -o -name '.new-*')" ]
	whole
}

@test "first issue, killed at each call" {
	certify_each signal=KILL 12
}

@test "first issue with a copied CA, killed at each call" {
	mkdir -m 750 "$etc/pki"
	openssl req -x509 -newkey ed25519 -nodes -days 3000 -subj /CN=copied -addext keyUsage=critical,keyCertSign \
		-keyout "$etc/pki/ca.key" -out "$etc/pki/ca.crt" 2>/dev/null
	certify_each signal=KILL 12
}

@test "rekey, killed at each call" {
	"$certify" "$root"
	configure KEY_TYPE=ed25519
	certify_each signal=KILL 12
	[ "$(find "$etc/pki.old" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ]
	[ -e "$etc/pki.old/1/server.key" ]
}

@test "reissue that keeps the keys, killed at each call" {
	"$certify" "$root"
	configure EXTRA_SANS=lb.example.org
	sed -i s/^NAME=n1/NAME=n2/ "$etc/cluster.conf" # which is in the peer certificate, too
	certify_each signal=KILL 2
	[ ! -e "$etc/pki.old" ]
}

@test "rekey on a full disk" {
	"$certify" "$root"
	configure KEY_TYPE=ed25519
	kinds="write fsync rename renameat2 link mkdir" certify_each error=ENOSPC 9
}

@test "rekey on a disk with errors" {
	"$certify" "$root"
	configure KEY_TYPE=ed25519
	kinds="fsync unlinkat" certify_each error=EIO 2
}
