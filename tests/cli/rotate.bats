#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `ca rotate` on a machine whose etcd does not run, with a real enrolment server on loopback: stages, refusals, a client
# that follows, and tokens of each stage. Members are in tests/cluster/rotate.bats.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	certify="$PWD/${BUILD:-build}/lib/certify"
	port=$((20000 + RANDOM % 10000))
	host="$BATS_TEST_TMPDIR/n1"
	pki="$host/etc/etcd/pki"
	dir="$BATS_TEST_TMPDIR/pki"
	token="$BATS_TEST_TMPDIR/token"
	mkdir -p "$host/etc/etcd" "$host/run"
	printf '%s\n' NAME=n1 ADDRESS=127.0.0.1 ENROLL_PORT=$port CLIENT_PORT=1 PEER_PORT=2 >"$host/etc/etcd/cluster.conf"
	"$certify" "$host" 2>/dev/null
	server=
}

teardown() {
	stop_server
}

ca() {
	"$ETCD_CLUSTER" --root "$host" "$@"
}

serve() {
	"$ETCD_CLUSTER" --root "$host" enroll --listen "127.0.0.1:$port" 2>>"$BATS_TEST_TMPDIR/server.log" 3>&- &
	server=$!
	for _ in {1..1200}; do
		(: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
		sleep 0.05
	done
	cat "$BATS_TEST_TMPDIR/server.log"
	return 1
}

stop_server() {
	[ -z "$server" ] || kill "$server"
	[ -z "$server" ] || wait "$server" || :
	server=
}

# new_token CN: into the file.
new_token() {
	(umask 077 && ca token new --client "$1" >"$token")
}

request() {
	"$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/empty" cert request --from "127.0.0.1:$port" --out "$dir" \
		--token-file "$token" "$@"
}

# accepts POOL CRT: whoever trusts only that accepts the certificate, with what is sent behind it.
accepts() {
	openssl verify -partial_chain -CAfile "$1" -untrusted "$2" "$2"
}

subject() {
	openssl x509 -noout -subject -nameopt RFC2253 -in "$1" | sed 's/^subject=//'
}

@test "a rotation of a machine alone: begin, status, finish, and what is said when there is nothing to do" {
	cp "$pki/ca.crt" "$BATS_TEST_TMPDIR/former.crt"
	run -0 ca ca rotate --status
	[[ $output == *"stage        steady"* ]]
	run -0 ca ca rotate --dry-run
	[[ $output == *"would make a new CA"* ]]
	cmp "$pki/ca.crt" "$BATS_TEST_TMPDIR/former.crt"
	run -0 ca ca rotate
	[[ $output == *"the new CA issues from now on"* ]]
	accepts "$BATS_TEST_TMPDIR/former.crt" "$pki/server.crt"
	ca ca rotate --status --json >"$BATS_TEST_TMPDIR/status"
	jq -e --arg new "$(subject "$pki/ca.crt")" --arg old "$(subject "$BATS_TEST_TMPDIR/former.crt")" \
		'.stage == "rotating" and .issuing_ca == $new and .other_ca == $old and .ready and .parties == []' \
		"$BATS_TEST_TMPDIR/status"
	ca status | grep -A 1 'is trusted until the rotation ends' | grep 'ca rotate --status' ||
		ca check | grep -A 1 'is trusted until the rotation ends'
	run -0 ca ca rotate
	[[ $output == *"under way already"* ]]
	run -0 ca ca rotate --finish
	[[ $output == *"no longer trusted here"* ]]
	[ ! -e "$pki/ca-former.key" ]
	[ "$(grep -c BEGIN "$pki/ca.crt")" = 1 ]
	accepts "$BATS_TEST_TMPDIR/former.crt" "$pki/server.crt"
	run -0 ca ca rotate --finish
	[[ $output == *"no rotation is under way"* ]]
	run -0 ca ca rotate
	run -0 ca ca rotate --abort
	[[ $output == *"the former CA issues again"* ]]
	run -3 ca ca rotate
	run -0 ca ca rotate --finish
}

@test "refusals: options, a machine without the key, an external CA" {
	run -3 ca ca rotate --status --finish
	run -3 ca ca rotate --json
	run -3 ca ca rotate --abort
	[[ $output == *"no rotation is under way"* ]]
	mv "$pki/ca.key" "$BATS_TEST_TMPDIR/ca.key"
	run -3 ca ca rotate
	[[ $output == *"run this on the CA host"* ]]
	mv "$BATS_TEST_TMPDIR/ca.key" "$pki/ca.key"
	echo CA=external >>"$host/etc/etcd/cluster.conf"
	run -3 ca ca rotate
	[[ $output == *"CA=external"* ]]
}

@test "a client follows in each stage, is named while it lags, and tokens from before are good" {
	serve
	new_token backup
	request backup
	new_token early # pins the former CA
	cp "$token" "$BATS_TEST_TMPDIR/early"
	cp "$pki/ca.crt" "$BATS_TEST_TMPDIR/former.crt"
	run -0 request backup
	[ "$(grep -c BEGIN "$dir/backup.crt")" = 1 ]
	ca ca rotate
	run -5 ca ca rotate --finish
	[[ $output == *"backup: it has not got a certificate since the CA was changed"*"cert revoke backup"* ]]
	key=$(cat "$dir/backup.key")
	run -0 request backup
	[ "$(cat "$dir/backup.key")" = "$key" ]
	[ "$(head -n 99 "$dir/ca.crt" | openssl x509 -noout -subject)" = "$(openssl x509 -noout -subject -in "$pki/ca.crt")" ]
	[ "$(grep -c BEGIN "$dir/ca.crt")" = 2 ]
	accepts "$BATS_TEST_TMPDIR/former.crt" "$dir/backup.crt"
	# Nothing more to do, and the server was asked.
	sum=$(sha256sum "$dir"/*)
	run -0 request backup
	[ "$(sha256sum "$dir"/*)" = "$sum" ]
	# A token of before the rotation.
	cp -p "$BATS_TEST_TMPDIR/early" "$token"
	dir="$BATS_TEST_TMPDIR/other" request early
	[ "$(grep -c BEGIN "$BATS_TEST_TMPDIR/other/ca.crt")" = 2 ]
	ca ca rotate --status | grep '^client *backup *issuing'
	run -0 ca ca rotate --finish
	run -0 request backup
	[ "$(grep -c BEGIN "$dir/ca.crt")" = 1 ]
	cmp "$dir/ca.crt" "$pki/ca.crt"
	accepts "$dir/ca.crt" "$dir/backup.crt"
	run -0 request --force backup
	accepts "$BATS_TEST_TMPDIR/former.crt" "$dir/backup.crt"
}

@test "an abort: a client goes back to the former CA" {
	serve
	new_token backup
	request backup
	ca ca rotate
	request backup
	[ "$(grep -c BEGIN "$dir/backup.crt")" = 2 ]
	ca ca rotate --abort
	run -5 ca ca rotate --finish
	request backup
	[ "$(grep -c BEGIN "$dir/backup.crt")" = 1 ]
	run -0 ca ca rotate --finish
	request backup
	cmp "$dir/ca.crt" "$pki/ca.crt"
	accepts "$dir/ca.crt" "$dir/backup.crt"
}

@test "a client that was revoked does not hold up the end" {
	serve
	new_token gone
	request gone
	ca ca rotate
	run -5 ca ca rotate --finish
	run -0 ca cert revoke gone
	run -0 ca ca rotate --finish
}
