#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `status` and `check` of one machine with real etcd: healthy, as a learner, and with every kind of drift.

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	end_all
}

@test "one member: healthy, with all values" {
	machine n1
	run -5 helper n1 status
	[[ "$output" == *"down"* ]]
	start n1
	wait_healthy n1
	run -0 helper n1 status
	[[ "$output" == *"$RELEASE_VERSION running, v$RELEASE_VERSION installed"* ]]
	[[ "$output" == *"1 of 1 voting members healthy"* ]]
	[[ "$output" == *healthy*leader*"$RELEASE_VERSION"* ]]
	[[ "$output" == *"server 36"[45]" days"* ]]
	[[ "$output" != *bad* ]]
	[[ "$output" != *warn* ]]

	helper n1 status --json >"$BATS_TEST_TMPDIR/json"
	[ "$(json members.0.healthy <"$BATS_TEST_TMPDIR/json")" = true ]
	[ "$(json members.0.role <"$BATS_TEST_TMPDIR/json")" = leader ]
	[ "$(json release.running <"$BATS_TEST_TMPDIR/json")" = "$RELEASE_VERSION" ]
	[ "$(json findings <"$BATS_TEST_TMPDIR/json")" = "[]" ]
	# etcdctl prints the same IDs without leading zeros.
	etcdctl n1 member list | grep -q "^$(json members.0.id <"$BATS_TEST_TMPDIR/json" | sed 's/^0*//'),"
}

@test "check finds no problem on a healthy member, and its ports are its own" {
	machine n1
	run -0 helper n1 check --start
	[ -z "$output" ]
	start n1
	wait_healthy n1
	run -0 helper n1 check
	[[ "$output" == *"etcd listens on https://127.0.0.1:$(port n1 1)"* ]]
	[[ "$output" == *"is the installed one"* ]]
	[[ "$output" == *"etcd runs with the settings of"* ]]
	[[ "$output" != *bad* ]]
}

# took VERB…: prints the milliseconds of processor time that it needs.
took() {
	local TIMEFORMAT='%3U %3S'

	{ time "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" "$@" >/dev/null; } 2>&1 |
		awk '{ print int(($1 + $2) * 1000) }'
}

@test "a healthy answer needs less than twice the processor time of a verb that only reads certificates" {
	local status=10000 files=10000 ms

	one_member
	# In turns: what else runs here slows down both alike.
	for _ in {1..30}; do
		ms=$(took status)
		[ "$ms" -ge $status ] || status=$ms
		ms=$(took cert list)
		[ "$ms" -ge $files ] || files=$ms
	done
	echo "at best: status $status ms, cert list $files ms"
	[ "$status" -lt $((2 * files)) ]
}

@test "every release gives the same answers" {
	local series

	for series in 3.4 3.5 3.6 3.7; do
		have_release $series || continue
		rm -rf "${BATS_TEST_TMPDIR:?}/n1"
		machine n1
		start n1
		wait_healthy n1
		helper n1 status --json >"$BATS_TEST_TMPDIR/json"
		[ "$(json members.0.version <"$BATS_TEST_TMPDIR/json")" = "$RELEASE_VERSION" ]
		[ "$(json members.0.db_quota_bytes <"$BATS_TEST_TMPDIR/json")" = 2147483648 ]
		[ "$(json findings <"$BATS_TEST_TMPDIR/json")" = "[]" ]
		helper n1 check --start
		stop n1
	done
}

@test "etcd runs with other settings than the files: a restart is needed" {
	machine n1
	start n1 ETCD_HEARTBEAT_INTERVAL=99 ETCD_SNAPSHOT_COUNT=5000
	wait_healthy n1
	local pki=$BATS_TEST_TMPDIR/n1/etc/etcd/pki

	sed -i 's/^ETCD_LOGGER=.*//; s/^ETCD_NAME=.*/&\nETCD_MAX_TXN_OPS=64/' "$BATS_TEST_TMPDIR/n1/etc/etcd/etcd.env"
	touch -d '+1 hour' "$pki/ca.crt"
	cp "$BATS_TEST_TMPDIR"/n1/usr/libexec/etcd-cluster/releases/current/etcd "$BATS_TEST_TMPDIR/etcd"
	mv "$BATS_TEST_TMPDIR/etcd" "$(realpath "$BATS_TEST_TMPDIR"/n1/usr/libexec/etcd-cluster/releases/current)/etcd"
	run helper n1 check
	[[ "$output" == *"etcd runs with another ETCD_MAX_TXN_OPS"* ]]
	[[ "$output" == *"etcd.env was edited by hand"* ]]
	[[ "$output" == *"ca.crt has changed since etcd started"* ]]
	[[ "$output" == *"a restart is pending"* ]]
	[[ "$output" == *"-> systemctl restart etcd"* ]]
}

@test "a learner shows itself and is shown as a learner" {
	one_member
	machine n2
	unformed n2
	local peer

	peer=https://127.0.0.1:$(port n2 2)
	etcdctl n1 member add n2 --learner --peer-urls="$peer"
	start n2 ETCD_INITIAL_CLUSTER_STATE=existing \
		ETCD_INITIAL_CLUSTER="n1=https://127.0.0.1:$(port n1 2),n2=$peer"
	wait_healthy n2
	run -0 helper n1 status
	[[ "$output" == *n2*healthy*learner* ]]
	[[ "$output" == *"1 of 1 voting members healthy"* ]]
	[[ "$output" == *"n2 is a learner"*"on that machine: etcd-cluster setup"* ]]
	run -0 helper n2 status
	[[ "$output" == *n2*healthy*learner* ]]
}

@test "with authentication enabled the certificate of root still sees everything" {
	one_member
	etcdctl n1 user add root:secret --interactive=false
	etcdctl n1 user grant-role root root
	etcdctl n1 auth enable
	run -0 helper n1 status
	[[ "$output" == *"1 of 1 voting members healthy"* ]]
	[[ "$output" == *leader* ]]
}

@test "the alarm NOSPACE is an error, and reported" {
	machine n1 ETCD_QUOTA_BACKEND_BYTES=65536
	start n1
	wait_healthy n1
	head -c 40000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/value"
	for i in 1 2 3 4 5; do
		etcdctl n1 put "key$i" <"$BATS_TEST_TMPDIR/value" || break
	done
	run -5 helper n1 status
	[[ "$output" == *"alarm NOSPACE"* ]]
	[[ "$output" == *"alarm disarm"* ]]
}

@test "each kind of wrong certificate has its own message" {
	one_member
	local pki=$BATS_TEST_TMPDIR/n1/etc/etcd/pki

	# Another CA than that of etcd's certificate.
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5 -subj /CN=other \
		-keyout "$BATS_TEST_TMPDIR/other.key" -out "$BATS_TEST_TMPDIR/other.crt" 2>/dev/null
	cp "$pki/ca.crt" "$BATS_TEST_TMPDIR/ca.crt"
	cp "$BATS_TEST_TMPDIR/other.crt" "$pki/ca.crt"
	run -5 helper n1 status
	[[ "$output" == *"its certificate is not from the CA in $pki/ca.crt"* ]]
	cp "$BATS_TEST_TMPDIR/ca.crt" "$pki/ca.crt"

	# A client certificate that etcd does not know.
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5 -subj /CN=root \
		-keyout "$pki/etcdctl-etcd-client.key" -out "$pki/etcdctl-etcd-client.crt" 2>/dev/null
	run -5 helper n1 status
	[[ "$output" == *"it refuses our certificate $pki/etcdctl-etcd-client.crt"* ||
		"$output" == *"it does not accept $pki/etcdctl-etcd-client.crt"* ]]

	# The metrics port uses plain HTTP; a TLS request there has its own message.
	sed -i "s/^CLIENT_PORT=.*/CLIENT_PORT=$(port n1 3)/; s/^METRICS_URL=.*/METRICS_URL=\"\"/" \
		"$BATS_TEST_TMPDIR/n1/etc/etcd/cluster.conf"
	sed -i '/^ETCD_ADVERTISE_CLIENT_URLS/d' "$BATS_TEST_TMPDIR/n1/etc/etcd/etcd.env"
	run -5 helper n1 status
	[[ "$output" == *"it does not speak TLS"* ]]
}
