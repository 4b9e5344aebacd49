#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# cert request at a real enrolment server, killed before each call that changes the disk or the connection. After each:
# the certificate, if there is one, has its key; the same command again ends with the certificate of the single-use
# token, and once more has nothing to do; no leftovers, and the token file is gone.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load crash

kinds="mkdir write fsync rename renameat2 link unlink unlinkat connect sendto read"

setup() {
	certify="$BATS_TEST_TMPDIR/request"
	need_strace
	port=$(port n1 1)
	host="$BATS_TEST_TMPDIR/n1"
	root="$BATS_TEST_TMPDIR/program"
	dir="$root/pki"
	mkdir -p "$host/etc/etcd" "$host/run" "$root"
	printf '%s\n' NAME=n1 ROLE=cluster MEMBERS=n1=127.0.0.1,n2=127.0.0.2 "ENROLL_PORT=$port" \
		"CLIENT_PORT=$(port n1 2)" "PEER_PORT=$(port n1 3)" >"$host/etc/etcd/cluster.conf"
	mkdir -m 750 "$host/etc/etcd/pki"
	openssl req -x509 -newkey ed25519 -nodes -days 3000 -subj /CN=own -addext keyUsage=critical,keyCertSign,cRLSign \
		-keyout "$host/etc/etcd/pki/ca.key" -out "$host/etc/etcd/pki/ca.crt" 2>/dev/null
	"${ETCD_CLUSTER_PLAIN%/*}/lib/certify" "$host" 2>/dev/null
	new_token
	cat >"$certify" <<-END
		#!/bin/sh
		exec $ETCD_CLUSTER_PLAIN --root $root cert request --exit-code --from 127.0.0.1:$port \\
			--token-file $root/token --out $dir \${FORCE:+--force} backup
	END
	chmod +x "$certify"
	behind server "$ETCD_CLUSTER_PLAIN" --root "$host" enroll --listen "127.0.0.1:$port"
	eventually grep -q "serving at 127.0.0.1:$port" "$BATS_TEST_TMPDIR/server.log"
}

teardown() {
	end_all
}

new_token() {
	(umask 077 && "$ETCD_CLUSTER_PLAIN" --root "$host" token new --client backup \
		>"$root/token" 2>"$BATS_TEST_TMPDIR/token.log")
}

whole() {
	[ -e "$dir/backup.crt" ] || return 0
	[ -e "$dir/ca.crt" ]
	is_pair "$dir/backup.crt"
}

# Without FORCE, a certificate that is there is not due.
converges() {
	local rc=0

	"$certify" || rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 2 ]
	rc=0
	FORCE='' "$certify" || rc=$?
	[ $rc -eq 2 ]
	openssl verify -CAfile "$host/etc/etcd/pki/ca.crt" -purpose sslclient "$dir/backup.crt"
	(cd "$root" && find .)
	[ "$(cd "$root" && find . | sort | tr '\n' ' ')" = \
		". ./pki ./pki/backup.crt ./pki/backup.key ./pki/ca.crt ${further-}" ]
	[ "$(stat -c %a "$dir/backup.key")" = 600 ]
	# What was made for the key that is in place is on record, for a revocation.
	serial=$(openssl x509 -noout -serial -in "$dir/backup.crt")
	grep -qi "client:${serial#serial=}" "$host/etc/etcd/enroll/clients/backup"
}

@test "the first certificate, killed at each call" {
	certify_each signal=KILL 9
}

@test "the first certificate on a full disk" {
	kinds="write fsync rename renameat2 link mkdir" certify_each error=ENOSPC 4
}

@test "a new key in place of a revoked one, killed at each call" {
	"$certify"
	"$ETCD_CLUSTER_PLAIN" --root "$host" cert revoke backup
	new_token
	echo theirs >"$dir/theirs"
	export FORCE=1 further="./pki/theirs "
	certify_each signal=KILL 12
}
