#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Enrolment at a real server of a cluster that was formed, killed before each call that changes the disk or the
# connection. After each: every certificate has its key, the next run succeeds with the same single-use token, the one
# after has nothing to do, no leftovers.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load crash

kinds="mkdir write fsync rename renameat2 link unlink unlinkat connect read"

setup() {
	certify="${ETCD_CLUSTER_PLAIN%/*}/lib/certify" # from the same build as the program
	[ -x "$certify" ] || skip "no $certify (make test-programs)"
	need_strace
	port=$(port n1 1)
	host="$BATS_TEST_TMPDIR/n1"
	root="$BATS_TEST_TMPDIR/n2"
	etc="$root/etc/etcd"
	token=5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f
	configure n1
	configure n2
	mkdir -m 750 "$host/etc/etcd/pki"
	openssl req -x509 -newkey ed25519 -nodes -days 3000 -subj /CN=own -addext keyUsage=critical,keyCertSign \
		-keyout "$host/etc/etcd/pki/ca.key" -out "$host/etc/etcd/pki/ca.crt" 2>/dev/null
	(umask 077 && echo $token >"$host/etc/etcd/enroll-token" && echo $token >"$etc/enroll-token")
	"$ETCD_CLUSTER_PLAIN" --root "$host" setup 2>"$BATS_TEST_TMPDIR/n1.setup" || : # without a release
	[ -e "$host/etc/etcd/pki/server.key" ]
	[ -n "$(ls "$host/etc/etcd/enroll/tokens")" ]
	# While a cluster is formed, another key of the same disk is no obstacle.
	printf '%s\n' CLUSTER_ID=00000000000000c1 MEMBER_ID=00000000000000a1 NAME=n1 >"$host/etc/etcd/member-id"
	behind server "$ETCD_CLUSTER_PLAIN" --root "$host" enroll --listen "127.0.0.1:$port"
	eventually grep -q "serving at 127.0.0.1:$port" "$BATS_TEST_TMPDIR/server.log"
}

teardown() {
	end_all
}

# configure NAME [LINE…]
configure() {
	local name=$1
	local -a role=(ROLE=join JOIN=127.0.0.1 ADDRESS=127.0.0.2)
	shift

	[ "$name" = n2 ] || role=(ROLE=cluster "MEMBERS=n1=127.0.0.1,n2=127.0.0.2")
	mkdir -p "$BATS_TEST_TMPDIR/$name/etc/etcd" "$BATS_TEST_TMPDIR/$name/run"
	printf '%s\n' NAME="$name" "${role[@]}" "ENROLL_PORT=$port" \
		"CLIENT_PORT=$(port n1 2)" "PEER_PORT=$(port n1 3)" "$@" >"$BATS_TEST_TMPDIR/$name/etc/etcd/cluster.conf"
}

# Certificates and keys match. A key can exist without its certificate, but no certificate without its key or the CA.
whole() {
	local crt

	for crt in "$etc"/pki/*.crt; do
		case $crt in
		*'*'* | */ca.crt) continue ;;
		esac
		[ -e "$etc/pki/ca.crt" ]
		is_pair "$crt"
	done
}

# The next run completes the work, the one after has nothing to do, no leftovers.
converges() {
	local rc=0

	"$certify" "$root" || rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 2 ]
	rc=0
	"$certify" "$root" || rc=$?
	[ $rc -eq 2 ]
	openssl verify -CAfile "$host/etc/etcd/pki/ca.crt" "$etc"/pki/{server,peer,apiserver-etcd-client}.crt
	grep -q "DOOR=127.0.0.1:$port" "$etc/pki/ca.host"
	[ ! -e "$etc/enroll-token" ]
	[ -z "$(find "$root" -name '.pki.new' -o -name '.new-*' -o -name pki.keys)" ]
}

@test "first enrolment, killed at each call" {
	certify_each signal=KILL 24
}

@test "first enrolment on a full disk" {
	kinds="write fsync rename renameat2 link mkdir" certify_each error=ENOSPC 9
}

@test "reissue that keeps the keys, killed at each call" {
	"$certify" "$root"
	configure n1 EXTRA_SANS=lb.example.org
	configure n2 EXTRA_SANS=lb.example.org
	certify_each signal=KILL 6
	[ ! -e "$etc/pki.old" ]
}

@test "rekey, killed at each call" {
	"$certify" "$root"
	configure n2 KEY_TYPE=ed25519
	sleep 1 # a token of the second in which the present key came is not a later one
	(umask 077 && "$ETCD_CLUSTER_PLAIN" --root "$host" token new --recovery --name n2 --address 127.0.0.2 \
		>"$etc/enroll-token" 2>"$BATS_TEST_TMPDIR/token.log")
	certify_each signal=KILL 18
	[ "$(find "$etc/pki.old" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ]
}
