#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `leave` among real members: the others agree first, then this one ends; never the last, never one whose vote is needed; killed and run again.

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	stop_all
}

conf() {
	sed -n "s/^$2=//p" "$BATS_TEST_TMPDIR/$1/etc/etcd/cluster.conf"
}

# NAME has left: idle, nothing of its identity, everything still there under another name.
has_left() {
	local root=$BATS_TEST_TMPDIR/$1

	[ "$(conf "$1" ROLE)" = none ]
	[ ! -e "$root/etc/etcd/member-id" ]
	[ ! -e "$root/etc/etcd/etcd.env" ]
	[ ! -e "$root/var/lib/etcd-cluster/member" ]
	[ "$(find "$root/etc/etcd" -maxdepth 1 -name 'member-id.aside-*' | wc -l)" -eq 1 ]
	[ "$(find "$root/etc/etcd" -maxdepth 1 -name 'etcd.env.aside-*' | wc -l)" -eq 1 ]
	[ -s "$(echo "$root"/var/lib/etcd-cluster/member.aside-*/snap/db)" ]
	[ -s "$root/etc/etcd/pki/peer.key" ]
	run -0 helper "$1" status
	[[ "$output" == *"ROLE=none"* ]]
}

@test "three, two, one: each leaves while it still can, and the last one stays" {
	local leader second=n2

	three_machines
	etcdctl n1 put kept value
	# The CA key is on all of them here, as etcdadm's users do it; that is not what this test is about.
	leader=$(helper n1 status | awk '/ leader /{ print $1 }')
	[ "$leader" != n1 ] || leader=n2 # n1 stays to the end

	run -0 helper "$leader" leave --ca-elsewhere --dry-run
	[[ "$output" == *"would remove this machine's member"*"would move "*"/member to"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 3 ]
	[ "$(conf "$leader" ROLE)" != none ]

	run -0 helper "$leader" leave --ca-elsewhere
	[[ "$output" == *"is out of the cluster"*"2 voting members are left, of which 0 may fail"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
	has_left "$leader"
	run -2 helper "$leader" leave
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

@test "the only member gives its cluster up when that is what was typed" {
	local root=$BATS_TEST_TMPDIR/n1

	machine n1
	start n1
	wait_healthy n1
	remember n1
	etcdctl n1 put kept value
	run -3 helper n1 leave
	etcdctl n1 member add n2 --learner --peer-urls="https://127.0.0.1:$(port n2 2)"
	run -3 helper n1 leave --last
	[[ "$output" == *"n1 is not the only member"* ]]
	run -0 helper n1 remove "$(etcdctl n1 member list | awk -F ', ' '$2 == "unstarted" { print $1 }')"

	run -0 helper n1 leave --last --dry-run
	[ -e "$root/etc/etcd/pki/ca.key" ]
	# Below a root etcd is not ours to stop, and it was not removed, so it does not end by itself.
	run -1 helper n1 leave --last
	[[ "$output" == *"still runs on"* ]]
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]
	stop n1
	run -0 helper n1 leave --last
	[[ "$output" == *"is given up"* ]]
	[ "$(conf n1 ROLE)" = none ]
	[ ! -e "$root/etc/etcd/member-id" ]
	[ ! -e "$root/etc/etcd/pki" ]
	[ -s "$(echo "$root"/etc/etcd/pki.aside-*/ca.key)" ]
	[ -s "$(echo "$root"/var/lib/etcd-cluster/member.aside-*/snap/db)" ]
	run -2 helper n1 leave --last
	run -0 helper n1 init
	start n1
	wait_healthy n1
	[ -z "$(etcdctl n1 get kept)" ]
}

@test "the leader hands over before it goes" {
	local leader other

	three_machines
	leader=$(helper n1 status | awk '/ leader /{ print $1 }')
	other=n1
	[ "$leader" != n1 ] || other=n2
	run -0 helper "$leader" leave --ca-elsewhere
	[[ "$output" == *"leads the cluster now"* ]]
	grep -q "leadership transfer" "$BATS_TEST_TMPDIR/$leader/etcd.log" ||
		grep -q "leader transfer\|transferred leadership\|transfer leadership" "$BATS_TEST_TMPDIR/$leader/etcd.log"
	etcdctl $other put after value
}

@test "a vote that the others need stays; nobody leaves without a quorum" {
	three_machines
	stop n3 KILL
	wait_healthy n1
	run -5 helper n2 leave --ca-elsewhere
	[[ "$output" == *"without n2 too few healthy voting members would be left: 2 of 3 are healthy now, and 2 would be needed of the other 2"* ]]
	[ -e "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id" ]
	stop n1 KILL
	run -5 helper n2 leave --ca-elsewhere
	[[ "$output" == *"nobody can agree"* ]]
	[ -e "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id" ]
	[ "$(conf n2 ROLE)" != none ]
}

@test "the only machine with the CA key is warned" {
	three_machines
	for n in n2 n3; do
		rm "$BATS_TEST_TMPDIR/$n/etc/etcd/pki/ca.key"
	done
	run -3 helper n1 leave
	[[ "$output" == *"the CA key is on this machine"*"ca export"*"--ca-elsewhere"* ]]
	[ "$(etcdctl n1 member list | wc -l)" -eq 3 ]
	run -0 helper n2 leave
	has_left n2
	# A door is open at another member: that one has the key.
	printf 'ENROLL_PORT=%s\n' "$(port n3 9)" >>"$BATS_TEST_TMPDIR/n1/etc/etcd/cluster.conf"
	python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)' "$(port n3 9)" 3>&- &
	local door=$!
	sleep 0.5
	wait_healthy n1
	run helper n1 leave
	kill $door
	[ "$status" -eq 0 ]
	has_left n1
}

@test "removed by another already: the rest is done here" {
	three_machines "JOIN=127.0.0.1:$(port n1 1)"
	# For some seconds after they came together etcd calls them unhealthy and changes nothing.
	for _ in {1..30}; do
		! etcdctl n1 member remove "$(id_of n1 n3)" || break
		sleep 0.5
	done
	run -0 helper n3 leave --ca-elsewhere
	[[ "$output" == *"does not list this machine's member"* ]]
	has_left n3
}

@test "a member that is down can leave, through the others" {
	three_machines "JOIN=127.0.0.1:$(port n1 1)"
	stop n3
	wait_healthy n1
	run -0 helper n3 leave --ca-elsewhere
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
	has_left n3
}

@test "a drop-in that says otherwise is told" {
	three_machines
	mkdir -p "$BATS_TEST_TMPDIR/n3/etc/etcd/cluster.conf.d"
	echo ROLE=single >"$BATS_TEST_TMPDIR/n3/etc/etcd/cluster.conf.d/role.conf"
	run -0 helper n3 leave --ca-elsewhere
	[[ "$output" == *"cluster.conf.d says ROLE=single"* ]]
}

# Killed at moments of its first half, which is among the members; then again.
@test "kill -9 while the others are asked, then again: the same end" {
	local i pid

	for i in 20 60 100 200; do
		stop_all
		rm -rf "${BATS_TEST_TMPDIR:?}"/n[123]
		three_machines "JOIN=127.0.0.1:$(port n1 1)"
		"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n3" leave --ca-elsewhere >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
		pid=$!
		sleep "$(awk "BEGIN { print $i / 1000 }")"
		kill -KILL $pid 2>/dev/null || true
		wait $pid || true
		run helper n3 leave --ca-elsewhere
		[ "$status" -eq 0 ] || [ "$status" -eq 2 ] || { echo "killed after $i ms: $output"; return 1; }
		[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
		has_left n3
	done
}

changing='write,pwrite64,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,fsync,fdatasync,ftruncate'

# The names of everything below n3, without dates.
listing() {
	(cd "$BATS_TEST_TMPDIR/n3" && find etc var -printf '%p %y %m\n' | sed 's/aside-[0-9-]*/aside/' | LC_ALL=C sort)
}

# And at each system call that changes something on this machine, when the others have agreed already.
@test "kill -9 while things are moved aside, then again: the same end, nothing lost" {
	local calls n want

	three_machines "JOIN=127.0.0.1:$(port n1 1)"
	stop n3
	wait_healthy n1
	tar -C "$BATS_TEST_TMPDIR/n3" -cf "$BATS_TEST_TMPDIR/n3.tar" etc var
	run -0 strace -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=$changing" \
		"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n3" leave --ca-elsewhere
	has_left n3
	want=$(listing)
	calls=$(wc -l <"$BATS_TEST_TMPDIR/trace")
	for ((n = 1; n <= calls; n += ${CRASH_EVERY:-calls / 20 + 1})); do
		rm -rf "${BATS_TEST_TMPDIR:?}"/n3/{etc,var}
		tar -C "$BATS_TEST_TMPDIR/n3" -xf "$BATS_TEST_TMPDIR/n3.tar"
		strace -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=$changing" -e "inject=$changing:signal=KILL:when=$n" \
			"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n3" leave --ca-elsewhere 2>/dev/null || true
		run helper n3 leave
		[ "$status" -eq 0 ] || [ "$status" -eq 2 ] || { echo "killed at call $n: $output"; return 1; }
		[ "$(listing)" = "$want" ] || { echo "killed at call $n:"; diff <(echo "$want") <(listing); return 1; }
	done
}
