#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `restart` with real etcd: one member at a time, while every other one is healthy; requests to other members.

bats_require_minimum_version 1.5.0
load lib
load crash
load restart

setup() {
	need_release "${ETCD_SERIES:-3.6}"
}

teardown() {
	supervised_end
}

# key NAME: the text of a key under our prefix.
key() {
	etcdctl "${2-n1}" get "etcd-cluster/$1" --print-value-only
}

# lead NAME: true if it is the leader; otherwise moves the leadership.
lead() {
	local id

	[ "$(leader)" != "$1" ] || return 0
	id=$(sed -n s/MEMBER_ID=//p "$BATS_TEST_TMPDIR/$1/etc/etcd/member-id" | sed 's/^0*//')
	etcdctl "$(leader)" move-leader "$id" >&2 || :
	return 1
}

there() {
	[ -n "$(key "$1")" ]
}

leader() {
	helper n1 status | awk '/ leader /{ print $1 }'
}

# Under three writers with etcd's normal 5 seconds.
@test "each member restarts, the leader hands over first, and no write fails" {
	local n

	supervised
	every_endpoint
	WRITES_TIMEOUT=5 writes n1 n2 n3
	for n in n1 n2 n3; do
		run -0 helper $n restart
		[[ "$output" == *"etcd was restarted, and is healthy and in sync"* ]]
		[ "$(ends $n)" -eq 1 ]
		[ -z "$(key lock)" ]
	done
	writes_go_on
	none_lost n1
	[ "$(failed_writes)" -eq 0 ]
	n=$(leader)
	run -0 helper "$n" restart
	[[ "$output" == *"is the leader of the cluster now"* ]]
}

@test "refused: a member that is down or being added, two voters; a dry run changes nothing" {
	supervised
	run -0 helper n1 restart --dry-run
	[[ "$output" == *"would restart etcd now"* ]]
	eventually etcdctl n1 member add n4 --learner --peer-urls="https://127.0.0.1:$(port n4 2)"
	run -5 helper n1 restart --dry-run
	[[ "$output" == *"is being added"* ]]
	drop n1 "$(etcdctl n1 member list | awk -F ', ' '$2 == "unstarted" { print $1 }')"
	: >"$BATS_TEST_TMPDIR/n3.off"
	stop n3 KILL
	run -5 helper n1 restart --dry-run
	[[ "$output" == *"n3 does not answer"*"only while every other voting member is healthy"* ]]
	# Without that it waits a minute first.
	behind down "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n1" restart
	eventually grep -q 'waiting up to 60 s: n3 does not answer' "$BATS_TEST_TMPDIR/down.log"
	end down
	[ -z "$(key lock)" ]
	[ "$(ends n1)" -eq 0 ]
	run -0 helper n1 remove n3
	run -3 helper n1 restart
	[[ "$output" == *"two voting members"*"--allow-outage"* ]]
	[ "$(ends n1)" -eq 0 ]
	run -0 helper n1 restart --allow-outage
	[ "$(ends n1)" -eq 1 ]
	[ -z "$(key lock)" ]
}

@test "the only voter restarts without a lock" {
	one_member
	remember n1
	stop n1
	behind supervisor-n1 supervise n1
	wait_healthy n1
	etcdctl n1 put kept value
	run -0 helper n1 restart
	[ "$(ends n1)" -eq 1 ]
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]
	[ -z "$(etcdctl n1 get --prefix etcd-cluster/ --keys-only)" ]
}

@test "two at once: one after the other, never two stopped" {
	local i

	supervised
	behind watch watch_members
	for i in $(seq $((${THOROUGH:-0} * 18 + 2))); do
		behind first helper n1 restart
		behind second helper n2 restart
		behind third helper n3 restart
		for n in first second third; do
			eventually grep -q . "$BATS_TEST_TMPDIR/$n.log"
		done
		for n in first second third; do
			eventually gone "$(cat "$BATS_TEST_TMPDIR/$n.pid")"
			grep -q 'healthy and in sync' "$BATS_TEST_TMPDIR/$n.log" || { cat "$BATS_TEST_TMPDIR/$n.log"; return 1; }
		done
	done
	end watch
	[ "$(sort -n "$BATS_TEST_TMPDIR/watch.log" | head -n 1)" -ge 2 ]
	[ "$(ends n1) $(ends n2) $(ends n3)" = "$i $i $i" ]
}

@test "a lock: of another member it is waited for, of a removed one and an old one it is taken over" {
	local cluster id lock

	supervised
	cluster=$(sed -n s/CLUSTER_ID=//p "$BATS_TEST_TMPDIR/n1/etc/etcd/member-id")
	id=$(sed -n s/MEMBER_ID=//p "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id")
	lock="0123456789abcdef0123456789abcdef"
	etcdctl n1 put etcd-cluster/lock "$cluster $id $lock $(date +%s) n2 upgrade"
	behind one helper n1 restart
	eventually grep -q 'waiting: n2 holds the lock of the cluster for upgrade' "$BATS_TEST_TMPDIR/one.log"
	etcdctl n1 put etcd-cluster/lock "$cluster $id $lock $(($(date +%s) - 601)) n2 upgrade"
	eventually grep -q 'is taken over: it has been healthy without it' "$BATS_TEST_TMPDIR/one.log"
	eventually gone "$(cat "$BATS_TEST_TMPDIR/one.pid")"
	[ "$(ends n1)" -eq 1 ]
	etcdctl n1 put etcd-cluster/lock "$cluster 00000000000000aa $lock $(date +%s) n9 restart"
	run -0 helper n1 restart
	[[ "$output" == *"it is not a member any more"* ]]
	# What nobody has written, and what a killed run of this machine has left.
	etcdctl n1 put etcd-cluster/lock garbage
	run -0 helper n1 restart
	etcdctl n1 put etcd-cluster/lock "$cluster $id $lock $(date +%s) n2 restart"
	run -0 helper n2 restart
	[ -z "$(key lock)" ]
}

@test "with RBAC on it works as root, and another user gets the grant" {
	supervised
	etcdctl n1 user add root --no-password || etcdctl n1 user add root:pw
	etcdctl n1 user grant-role root root
	etcdctl n1 auth enable
	run -0 helper n1 restart
	[ "$(ends n1)" -eq 1 ]
	# The certificate of a client, CN=app.
	mkdir "$BATS_TEST_TMPDIR/app"
	helper n2 cert issue --name app --out "$BATS_TEST_TMPDIR/app" client
	for end in crt key; do
		cp "$BATS_TEST_TMPDIR/app/app.$end" \
			"$BATS_TEST_TMPDIR/n2/etc/etcd/pki/etcdctl-etcd-client.$end"
	done
	run helper n2 restart
	echo "$output"
	[ "$status" -eq 3 ]
	[[ "$output" == *"etcdctl user grant-role app root"* ]]
	[ "$(ends n2)" -eq 0 ]
	etcdctl n1 user add app --no-password
	etcdctl n1 user grant-role app root
	run -0 helper n2 restart
}

@test "kill -9 of the holder, then again: the same end, and no lock is left" {
	local k before

	need_strace
	supervised
	count_calls sendto,write "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" restart
	for k in $(sample 4); do
		at_call "$k" sendto,write signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" restart || :
		before=$(ends n1)
		run -0 helper n1 restart
		[ "$(ends n1)" -gt "$before" ] || [ "$(ends n1)" -gt 1 ]
		[ -z "$(key lock)" ] || { echo "killed at call $k: $(key lock)"; return 1; }
		run -0 helper n2 restart
	done
}

@test "the oldest release, or each: the leader restarts, and no write fails" {
	local one n

	for one in $(series 3.4); do
		need_release "$one"
		rm -f "$BATS_TEST_TMPDIR"/n?.off
		supervised
		n=$(leader)
		every_endpoint
		WRITES_TIMEOUT=5 WRITES=$BATS_TEST_TMPDIR/writes-$one writes n1 n2
		run -0 helper "$n" restart
		[[ "$output" == *"is the leader of the cluster now"* ]]
		WRITES=$BATS_TEST_TMPDIR/writes-$one none_lost n1
		[ "$(WRITES=$BATS_TEST_TMPDIR/writes-$one failed_writes)" -eq 0 ]
		[ "$(ends "$n")" -eq 1 ]
		supervised_end
		rm -rf "$BATS_TEST_TMPDIR"/n[123]
	done
}

# serve NAME: what etcd-cluster-request.timer runs.
serve() {
	while [ ! -e "$BATS_TEST_TMPDIR/$1.off" ]; do
		helper "$1" restart --requested || :
		sleep 0.5
	done
}

@test "restart --all: the others by signed requests, the leader last, no write fails" {
	local n last

	supervised
	last=n1
	eventually lead n1
	every_endpoint
	WRITES_TIMEOUT=5 writes n1 n2 n3
	behind serve-n2 serve n2
	behind serve-n3 serve n3
	run -0 helper n1 restart --all
	echo "$output"
	[ "$(ends n1) $(ends n2) $(ends n3)" = "1 1 1" ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/ends" | cut -d ' ' -f 1)" = "$last" ]
	none_lost n1
	[ "$(failed_writes)" -eq 0 ]
	[ -z "$(etcdctl n1 get --prefix etcd-cluster/request/ --keys-only)" ]
}

@test "a forged, an old, a repeated request are refused, once, and reported" {
	local id request

	supervised
	id=$(sed -n s/MEMBER_ID=//p "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id")
	# The leader comes last, so it must not be n2; and n1 restarts before n2 is asked.
	eventually lead n1
	behind all "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n1" restart --all
	eventually there "request/$id"
	request=$(key "request/$id")
	run -0 helper n2 restart --requested
	[ "$(ends n2)" -eq 1 ]
	end all
	# Repeated.
	etcdctl n1 put "etcd-cluster/request/$id" "$request"
	run -0 helper n2 restart --requested
	[[ "$output" == *"a request to this machine is refused: it was carried out before"* ]]
	run -2 helper n2 restart --requested --exit-code
	[[ "$output" != *refused* ]]
	run helper n2 status
	[[ "$output" == *"was refused at"*"it was carried out before"* ]]
	# Another word, with the signature of the first.
	etcdctl n1 put "etcd-cluster/request/$id" "${request/ restart / upgrade }"
	run -0 helper n2 restart --requested
	[[ "$output" == *"its signature is not that of its certificate"* ]]
	# Old: by the clock of n2.
	rm "$BATS_TEST_TMPDIR/n2/var/lib/etcd-cluster.state/requests"
	etcdctl n1 put "etcd-cluster/request/$id" "$request"
	ETCD_CLUSTER_NOW=$(($(date +%s) + 3600)) run -0 helper n2 restart --requested
	[[ "$output" == *"it has expired"* ]]
	etcdctl n1 put "etcd-cluster/request/$id" garbage
	run -0 helper n2 restart --requested
	[[ "$output" == *"is not a request that this version"* ]]
	[ "$(ends n2)" -eq 1 ]
	run -0 helper n2 restart
}
