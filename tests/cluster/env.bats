#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The generated etcd.env and etcdctl.env with every real etcd: it knows all variables, serves mutual TLS only, and setup
# recognises its data directory afterwards.
# shellcheck disable=SC2154 # a name of lib.bash

bats_require_minimum_version 1.5.0
load lib

setup() {
	root="$BATS_TEST_TMPDIR/n1"
	client=$(port n1 1) peer=$(port n1 2) metrics=$(port n1 3)
	local helper=$ETCD_CLUSTER plain=$ETCD_CLUSTER_PLAIN
	unset "${!ETCDCTL_@}" "${!ETCD_@}"
	ETCD_CLUSTER=$helper ETCD_CLUSTER_PLAIN=$plain
}

teardown() {
	end_all
}

# ready MINOR [LINE…]: a machine after setup, with the newest release of 3.MINOR and these lines in cluster.conf.
ready() {
	need_release "3.$1"
	machine n1 "${@:2}"
	bin="$root/usr/libexec/etcd-cluster/releases/current"
}

# below_root FILE: prints its lines with the paths below our root.
below_root() {
	sed -E "s#=(/(etc|var|srv)/)#=$root\1#" "$1"
}

serves() {
	curl -s "http://127.0.0.1:$metrics/health" | grep -q '"health":"true"'
}

# start: runs etcd with etcd.env as a shell reads it.
start() {
	below_root "$root/etc/etcd/etcd.env" >"$BATS_TEST_TMPDIR/env"
	# shellcheck disable=SC2016 # the shell's own
	behind etcd sh -c 'set -a; . "$1"; exec "$2"' - "$BATS_TEST_TMPDIR/env" "$bin/etcd"
	eventually serves || { tail -n 20 "$BATS_TEST_TMPDIR/etcd.log"; return 1; }
}

# client ARGUMENT…: runs etcdctl with etcdctl.env.
client() {
	below_root "$root/etc/etcd/etcdctl.env" >"$BATS_TEST_TMPDIR/client.env"
	(
		set -a
		# shellcheck source=/dev/null
		. "$BATS_TEST_TMPDIR/client.env"
		exec "$bin/etcdctl" "$@"
	) 2>"$BATS_TEST_TMPDIR/client.err"
}

# HTTP/1.1: the peer port uses no newer version for unauthenticated clients.
fetch() {
	curl --silent --fail --max-time 5 --http1.1 --cacert "$root/etc/etcd/pki/ca.crt" "$@"
}

# fetch_as CERTIFICATE URL
fetch_as() {
	fetch --cert "$root/etc/etcd/pki/$1.crt" --key "$root/etc/etcd/pki/$1.key" "$2"
}

# serial CERTIFICATE: prints its serial number.
serial() {
	openssl x509 -in "$root/etc/etcd/pki/$1.crt" -noout -serial | cut -d = -f 2 | tr A-F a-f
}

# etcd reads the revocation list at every handshake: what is in it is refused at both ports without a restart.
revoke() {
	local certify=$top/${BUILD:-build}-asan/lib/certify list=$root/etc/etcd/pki/crl.der

	[ "$(grep -c "^ETCD_.*CRL_FILE=/etc/etcd/pki/crl.der$" "$root/etc/etcd/etcd.env")" -eq 2 ]
	openssl crl -inform DER -in "$list" -CAfile "$root/etc/etcd/pki/ca.crt" -noout -text >"$BATS_TEST_TMPDIR/list" 2>&1
	grep -q 'verify OK' "$BATS_TEST_TMPDIR/list" && grep -q 'No Revoked Certificates' "$BATS_TEST_TMPDIR/list"
	"$certify" "$root" revoke "$(serial healthcheck-client)" "$(serial peer)"
	run ! fetch_as healthcheck-client "https://127.0.0.1:$client/health"
	run ! fetch_as peer "https://127.0.0.1:$peer/members"
	fetch_as etcdctl-etcd-client "https://127.0.0.1:$client/health"
	# Without the file etcd would refuse everybody: setup makes it again, and the preflight does not start etcd before.
	rm "$list"
	run ! fetch_as healthcheck-client "https://127.0.0.1:$client/health"
	run -3 "$ETCD_CLUSTER" --root "$root" check --start
	[[ $output == *"etcd would refuse every connection"*crl.der* ]]
	"$ETCD_CLUSTER" --root "$root" setup
	fetch_as healthcheck-client "https://127.0.0.1:$client/health"
	fetch_as peer "https://127.0.0.1:$peer/members"
}

# try MINOR [LINE…]: runs all checks.
try() {
	ready "$@"
	start
	# The warning of etcd about an unknown variable (pkg/flags; before 3.5 on a line without JSON).
	run -1 grep -iE 'unrecognized environment|unknown environment|deprecated' "$BATS_TEST_TMPDIR/etcd.log"
	client put key value
	[ "$(client get key --print-value-only)" = value ]
	run -1 grep -i 'environment' "$BATS_TEST_TMPDIR/client.err"
	run ! fetch "http://127.0.0.1:$client/version"
	run ! fetch "https://127.0.0.1:$client/version"
	run ! fetch_as etcdctl-etcd-client "https://127.0.0.1:$peer/version"
	fetch_as peer "https://127.0.0.1:$peer/version"
	revoke
	end etcd
	run -2 helper n1 setup --exit-code # setup accepts the data: its IDs are those of cluster.conf
}

@test "etcd 3.4" {
	try 4
	grep -q '^ETCD_LOGGER=zap$' "$root/etc/etcd/etcd.env"
}

@test "etcd 3.5" {
	try 5 ETCD_SNAPSHOT_COUNT=5000
}

@test "etcd 3.6: the corruption check is a feature gate" {
	try 6
	grep -q '^ETCD_FEATURE_GATES=InitialCorruptCheck=true$' "$root/etc/etcd/etcd.env"
	grep -q '"initial-corrupt-check":true\|InitialCorruptCheck' "$BATS_TEST_TMPDIR/etcd.log"
}

@test "etcd 3.7" {
	try 7
}

@test "the log on its own disk" {
	try 5 WAL_DIR=/srv/wal
	[ -e "$root/srv/wal/wal/0000000000000000-0000000000000000.wal" ]
}

@test "an address in addition to loopback, also IPv6" {
	ready 5 ADDRESS=::1
	start
	fetch_as etcdctl-etcd-client "https://[::1]:$client/version"
	fetch_as etcdctl-etcd-client "https://127.0.0.1:$client/version"
}

@test "an option that this etcd does not have is refused by name and line" {
	ready 5
	echo 'ETCD_SNAPSHOT_COUNTS=5' >>"$root/etc/etcd/cluster.conf"
	before=$(cat "$root/etc/etcd/etcd.env")
	run -3 helper n1 setup
	[[ $output == *"cluster.conf:7: etcd 3.5."*"has no option for ETCD_SNAPSHOT_COUNTS;"* ]]
	[[ $output == *"ETCD_SNAPSHOT_COUNTS; did you mean ETCD_SNAPSHOT_COUNT"* ]]
	[ "$(cat "$root/etc/etcd/etcd.env")" = "$before" ]
}

@test "data of another cluster is refused and kept; CLUSTER_TOKEN of a formed cluster is in its record" {
	local etc="$root/etc/etcd" id

	try 5
	grep -qx "ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster.$(sed -n 's/^NONCE=//p' "$etc/forming")" "$etc/etcd.env"
	before=$(cat "$etc/etcd.env")
	sed -i 's/^NAME=.*/&\nCLUSTER_TOKEN=another/' "$etc/cluster.conf"
	run -2 helper n1 setup --exit-code
	[ "$(cat "$etc/etcd.env")" = "$before" ]
	# The record alone proves it as well as member-id does.
	mv "$etc/member-id" "$BATS_TEST_TMPDIR/"
	run -2 helper n1 setup --exit-code
	# Another forming has other IDs, also with the same CLUSTER_TOKEN.
	id=$(printf '1%.0s' {1..32})
	sed -i "s/^NONCE=.*/NONCE=$id/" "$etc/forming"
	run -3 helper n1 setup
	[[ $output == *"which is not the member that cluster.conf describes"*"mv "* ]]
	mv "$BATS_TEST_TMPDIR/member-id" "$etc/"
	sed -i "s/^CLUSTER_ID=.*/CLUSTER_ID=${id:0:16}/" "$etc/member-id"
	run -3 helper n1 setup
	[[ $output == *"but "*"/member-id names member "*" of cluster ${id:0:16}"* ]]
	# Nor does a record that is gone make the data that of another cluster.
	rm "$etc/member-id" "$etc/forming"
	sed -i 's/^CLUSTER_TOKEN=.*/CLUSTER_TOKEN=etcd-cluster/' "$etc/cluster.conf"
	run -3 helper n1 setup
	[[ $output == *"which is not the member that cluster.conf describes"*"mv "* ]]
	[ -d "$root/var/lib/etcd-cluster/member/wal" ]
}
