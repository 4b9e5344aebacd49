#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The certificate of a client, by token: real etcd accepts it on its client port alone, and refuses it once it is
# revoked, new connections at once and open ones after a restart.

# shellcheck disable=SC2154 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_release 3.5
	enroll_port=$(port n1 4)
	dir=$BATS_TEST_TMPDIR/pki
	token=$BATS_TEST_TMPDIR/token
}

teardown() {
	end_all
}

# as_client COMMAND…: etcdctl with the certificate in $dir.
as_client() {
	# shellcheck disable=SC2086 # nothing, or exec: then the process of `behind` is etcdctl itself
	${run_by-} env -i PATH="$PATH" ETCDCTL_API=3 "$BATS_TEST_TMPDIR"/n1/usr/libexec/etcd-cluster/releases/current/etcdctl \
		--endpoints="https://127.0.0.1:$(port n1 1)" --cacert="$dir/ca.crt" --cert="$dir/${cn:-backup}.crt" \
		--key="$dir/${cn:-backup}.key" --command-timeout=5s --dial-timeout=3s "$@"
}

request() {
	"$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/empty" cert request --from "127.0.0.1:$enroll_port" --out "$dir" \
		--token-file "$token" "$@" backup
}

# watched VALUE: writes it, and is true when the watch has shown it: it may not have begun before.
watched() {
	etcdctl n1 put b "$1" >/dev/null && grep -qx "$1" "$BATS_TEST_TMPDIR/watch.log"
}

@test "etcd accepts the certificate of a client until it is revoked, and never on the peer port" {
	one_member "ENROLL_PORT=$enroll_port"
	remember n1
	helper n1 setup || :
	behind server "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" enroll --listen "127.0.0.1:$enroll_port"
	eventually listens "$enroll_port"
	(umask 077 && helper n1 token new --client backup >"$token")
	request
	as_client put a 1
	run -0 as_client get --print-value-only a
	[ "$output" = 1 ]
	run ! curl --silent --cacert "$dir/ca.crt" --cert "$dir/backup.crt" --key "$dir/backup.key" \
		"https://127.0.0.1:$(port n1 2)/version"
	request --force
	as_client put a 2
	run_by="exec" behind watch as_client watch b
	eventually watched 1
	run -0 helper n1 cert revoke backup
	[[ $output == *"certificates of backup are revoked"*"revocation pending: "*" is not in force on n1"* ]]
	run ! as_client get a
	eventually watched 2
	run helper n1 status
	[[ $output == *"revocation pending"*"is not in force on n1"* ]]
	stop n1
	run -0 helper n1 check --start
	start n1
	wait_healthy n1
	etcdctl n1 put b 3
	run ! as_client get a
	run ! grep -qx 3 "$BATS_TEST_TMPDIR/watch.log"
	run helper n1 status
	[[ $output != *"revocation pending"* ]]
	run -4 request --force
	(umask 077 && helper n1 token new --client backup >"$token")
	request --force
	run -0 as_client get --print-value-only a
	[ "$output" = 2 ]
	# One by hand: its name ends it, too.
	by_hand=$BATS_TEST_TMPDIR/by-hand
	helper n1 cert issue --name byhand --out "$by_hand" client
	cn=byhand dir=$by_hand run -0 as_client get --print-value-only a
	[ "$output" = 2 ]
	run -0 helper n1 cert revoke byhand
	cn=byhand dir=$by_hand run ! as_client get --print-value-only a
	# Nobody can say whether this is the CA host: a key on record is renewed, nobody else gets a certificate.
	stop n1
	request --force
	(umask 077 && helper n1 token new --client other >"$token")
	dir=$BATS_TEST_TMPDIR/other
	run -6 "$ETCD_CLUSTER" cert request --from "127.0.0.1:$enroll_port" --out "$dir" --token-file "$token" other
	[[ $output == *"cannot ask a quorum"* ]]
}
