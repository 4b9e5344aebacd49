#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `leave` with real etcd: the others remove the member first, then its etcd ends. The last member and a needed vote
# stay.

bats_require_minimum_version 1.5.0
load lib
load leave

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	end_all
}

@test "three, two, one: members leave while possible, and the last one stays" {
	local leader second=n2

	three_machines
	etcdctl n1 put kept value
	# All machines have the CA key, as with etcdadm.
	leader=$(helper n1 status | awk '/ leader /{ print $1 }')
	[ "$leader" != n1 ] || leader=n2 # n1 leaves last

	run -0 helper "$leader" leave --ca-elsewhere --dry-run
	[[ "$output" == *"would remove this machine's member"*"would move "*"/member to"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 3 ]
	[ "$(conf "$leader" ROLE)" != none ]

	run -0 helper "$leader" leave --ca-elsewhere
	[[ "$output" == *"was removed from the cluster"*"2 voting members are left, of which 0 may fail"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
	has_left "$leader"
	run -2 helper "$leader" leave --exit-code
	[[ "$output" == *"not a member of a cluster"* ]]

	[ "$leader" != n2 ] || second=n3
	wait_healthy n1
	run -0 helper $second leave --ca-elsewhere
	[[ "$output" == *"1 voting member is left"* ]]
	has_left $second
	wait_healthy n1
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]

	run -3 helper n1 leave --ca-elsewhere
	[[ "$output" == *"n1 is the only voting member"*"etcd-cluster leave --last"* ]]
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]
}

@test "the only member gives up its cluster with --last" {
	local root=$BATS_TEST_TMPDIR/n1

	one_member
	remember n1
	etcdctl n1 put kept value
	run -3 helper n1 leave
	etcdctl n1 member add n2 --learner --peer-urls="https://127.0.0.1:$(port n2 2)"
	run -3 helper n1 leave --last
	[[ "$output" == *"n1 is not the only member"* ]]
	run -0 helper n1 remove "$(etcdctl n1 member list | awk -F ', ' '$2 == "unstarted" { print $1 }')"

	run -0 helper n1 leave --last --dry-run
	[ -e "$root/etc/etcd/pki/ca.key" ]
	# With --root leave does not stop etcd, and a member that was not removed does not end by itself.
	run -1 helper n1 leave --last
	[[ "$output" == *"runs etcd on"* ]]
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]
	mkdir -p "$root/var/lib/etcd-cluster.state"
	echo mark >"$root/var/lib/etcd-cluster.state/mark"
	stop n1
	run -0 helper n1 leave --last
	[[ "$output" == *"is given up; its data and certificates are moved aside"* ]]
	[ "$(conf n1 ROLE)" = none ]
	[ ! -e "$root/etc/etcd/member-id" ]
	[ ! -e "$root/etc/etcd/pki" ]
	[ ! -e "$root/var/lib/etcd-cluster.state/mark" ]
	[ -s "$(echo "$root"/etc/etcd/pki.aside-*/ca.key)" ]
	[ -s "$(echo "$root"/var/lib/etcd-cluster/member.aside-*/snap/db)" ]
	run -2 helper n1 leave --exit-code --last
	run -0 helper n1 init
	start n1
	wait_healthy n1
	[ -z "$(etcdctl n1 get kept)" ]
}

@test "the leader moves the leadership before it leaves" {
	local leader other

	three_machines
	leader=$(helper n1 status | awk '/ leader /{ print $1 }')
	other=n1
	[ "$leader" != n1 ] || other=n2
	run -0 helper "$leader" leave --ca-elsewhere
	[[ "$output" == *"is the leader of the cluster now"* ]]
	grep -q "leadership transfer" "$BATS_TEST_TMPDIR/$leader/etcd.log" ||
		grep -q "leader transfer\|transferred leadership\|transfer leadership" "$BATS_TEST_TMPDIR/$leader/etcd.log"
	etcdctl $other put after value
}

@test "a vote that the others need stays; no member leaves without a quorum" {
	three_machines
	stop n3 KILL
	wait_healthy n1
	run -5 helper n2 leave --ca-elsewhere
	want='without n2 too few healthy voting members would be left: 2 of 3 are healthy now,'
	[[ "$output" == *"$want and 2 would be needed of the other 2"* ]]
	[ -e "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id" ]
	stop n1 KILL
	run -5 helper n2 leave --ca-elsewhere
	[[ "$output" == *"nobody can agree"* ]]
	[ -e "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id" ]
	[ "$(conf n2 ROLE)" != none ]
}

@test "a machine with the only CA key is refused" {
	three_machines
	for n in n2 n3; do
		rm "$BATS_TEST_TMPDIR/$n/etc/etcd/pki/ca.key"
	done
	run -3 helper n1 leave
	[[ "$output" == *"the CA key is on this machine"*"ca export"*"--ca-elsewhere"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 3 ]
	run -0 helper n2 leave
	has_left n2
	# The open enrolment port of another member means that it has the key.
	set_conf n1 "ENROLL_PORT=$(port n3 9)"
	behind server python3 -c '
import signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.pause()' "$(port n3 9)"
	eventually listens "$(port n3 9)"
	wait_healthy n1
	run -0 helper n1 leave
	has_left n1
}

@test "a member that another machine has already removed completes the rest" {
	three_machines "JOIN=127.0.0.1:$(port n1 1)"
	drop n1 "$(id_of n1 n3 | sed 's/^0*//')"
	run -0 helper n3 leave --ca-elsewhere
	[[ "$output" == *"was removed from the cluster already"* ]]
	has_left n3
}

@test "a member that is down leaves through the others" {
	three_machines "JOIN=127.0.0.1:$(port n1 1)"
	stop n3
	wait_healthy n1
	run -0 helper n3 leave --ca-elsewhere
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
	has_left n3
}

@test "a drop-in that overrides ROLE=none is reported" {
	three_machines
	mkdir -p "$BATS_TEST_TMPDIR/n3/etc/etcd/cluster.conf.d"
	echo ROLE=single >"$BATS_TEST_TMPDIR/n3/etc/etcd/cluster.conf.d/role.conf"
	run -0 helper n3 leave --ca-elsewhere
	[[ "$output" == *"cluster.conf.d sets ROLE=single"* ]]
}
