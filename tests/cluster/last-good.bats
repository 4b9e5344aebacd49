#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A formed member with a broken or missing cluster.conf: the preflight starts etcd as it was healthy last, and status
# shows the members and the error. With real etcd.

bats_require_minimum_version 1.5.0
load lib

# n1 is a healthy member, and its settings are recorded.
setup() {
	need_release 3.4
	one_member ETCD_CIPHER_SUITES=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	remember n1
	root=$BATS_TEST_TMPDIR/n1 etc=$BATS_TEST_TMPDIR/n1/etc/etcd
	helper n1 setup # it notes that etcd was healthy
	helper n1 setup --remember
	[ -e "$etc/last-good/state" ]
}

teardown() {
	end_all
}

damage() {
	sed -i 's/^ETCD_CIPHER_SUITES=.*/ETCD_CIPHER_SUITES=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384/' "$etc/cluster.conf"
	echo CLIENT_PROT=1 >>"$etc/cluster.conf"
	line=$(wc -l <"$etc/cluster.conf")
}

@test "status shows the members and, first, the error; exit 5; --json, too" {
	damage
	run -5 helper n1 status
	[[ "$output" == *"n1 "*"healthy"*"leader"* ]]
	[ "$(grep -m 1 '^bad' <<<"$output")" = \
		"bad   $etc/cluster.conf:$line: unknown key CLIENT_PROT; did you mean CLIENT_PORT" ]
	[[ "$output" == *"security settings of $etc/cluster.conf do not apply until it is corrected: ETCD_CIPHER_SUITES"* ]]
	run -5 --separate-stderr helper n1 status --json
	[ "$(json members.0.healthy <<<"$output")" = true ]
	[[ "$(json findings.0.what <<<"$output")" == *"cluster.conf:$line: unknown key CLIENT_PROT"* ]]
	run -5 helper n1 check
	[[ "$output" == "bad   "*"CLIENT_PROT"* ]]
	# Everything that changes something still refuses.
	run -3 helper n1 setup
	run -3 helper n1 cert renew
}

@test "the preflight starts etcd with its last settings, and warns" {
	stop n1
	damage
	run -0 helper n1 check --start
	[[ "$output" == "warn  "*"cluster.conf:$line: unknown key CLIENT_PROT"* ]]
	[[ "$output" == *"do not apply until it is corrected: ETCD_CIPHER_SUITES"* ]]
	[[ "$output" == *"etcd starts with the settings of its last healthy start"* ]]
	start n1
	eventually etcdctl n1 endpoint health
}

@test "an etcd.env that was never healthy is replaced by the last good one" {
	stop n1
	cp "$etc/etcd.env" "$BATS_TEST_TMPDIR/good"
	sed -i 's/^ETCD_QUOTA_BACKEND_BYTES=.*/ETCD_QUOTA_BACKEND_BYTES=1/' "$etc/etcd.env"
	damage
	run -0 helper n1 check --start
	[[ "$output" == *"put back into etcd.env"* ]]
	cmp "$BATS_TEST_TMPDIR/good" "$etc/etcd.env"
}

@test "a missing cluster.conf is an error on a member, and not a new configuration" {
	mv "$etc/cluster.conf" "$BATS_TEST_TMPDIR/away"
	run -3 helper n1 setup
	[[ "$output" == *"cluster.conf is missing"* ]]
	[[ "$output" == *"cp $etc/last-good/cluster.conf $etc/cluster.conf"* ]]
	run -5 helper n1 status
	[[ "$output" == *"healthy"*"leader"* ]]
	stop n1
	run -0 helper n1 check --start
	# The command of the hint.
	cp "$etc/last-good/cluster.conf" "$etc/cluster.conf"
	start n1
	wait_healthy n1
	run -2 helper n1 setup --exit-code
}

@test "what would damage data or cannot work is refused all the same" {
	stop n1
	damage
	cp -a "$root/var/lib/etcd-cluster" "$BATS_TEST_TMPDIR/data"
	cp -a "$etc" "$BATS_TEST_TMPDIR/etc"

	# Missing data of a known member.
	rm -r "$root/var/lib/etcd-cluster/member"
	run -3 helper n1 check --start
	[[ "$output" == *"is empty, but this machine is member"* ]]
	cp -a "$BATS_TEST_TMPDIR/data/." "$root/var/lib/etcd-cluster/"

	# Data of another member.
	sed -i 's/^MEMBER_ID=.*/MEMBER_ID=00000000000000ff/' "$etc/member-id" "$etc/last-good/state"
	run -3 helper n1 check --start
	[[ "$output" == *"contains the data of member"* ]]
	cp -a "$BATS_TEST_TMPDIR/etc/." "$etc/"

	# Settings of another member, or changed ones, are not the last good ones.
	sed -i 's/^MEMBER_ID=.*/MEMBER_ID=00000000000000ff/' "$etc/last-good/state"
	run -3 helper n1 check --start
	[[ "$output" != *"last healthy start"* ]]
	cp -a "$BATS_TEST_TMPDIR/etc/." "$etc/"
	echo ETCD_LOG_LEVEL=debug >>"$etc/last-good/cluster.conf"
	run -3 helper n1 check --start
	[[ "$output" != *"last healthy start"* ]]
	cp -a "$BATS_TEST_TMPDIR/etc/." "$etc/"

	# Keys and certificates that do not belong together.
	cp "$etc/pki/peer.key" "$etc/pki/server.key"
	run -4 helper n1 check --start
	[[ "$output" == *"server.crt and "*"do not belong together"* ]]
	cp -a "$BATS_TEST_TMPDIR/etc/." "$etc/"

	# An expired certificate.
	ETCD_CLUSTER_NOW=$(($(date +%s) + 400 * 86400)) run -4 helper n1 check --start
	[[ "$output" == *"expired on"* ]]
}
