#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The enrolment port under abuse, in a network of its own.

bats_require_minimum_version 1.5.0

setup() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	lib="$PWD/${BUILD:-build}-asan/lib"
	top="$BATS_TEST_TMPDIR"
	port=2382
	unshare -n sleep 300 3>&- &
	holder=$!
	for _ in $(seq 100); do
		[ "$(readlink /proc/$holder/ns/net)" != "$(readlink /proc/$$/ns/net)" ] && break
		sleep 0.05
	done
	inside ip link set lo up
	# Every address of the network can be bound.
	inside ip -6 route add local 2001:db8:1::/64 dev lo
	inside sh -c "echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind"
	token=$(openssl rand -hex 20)
	for n in 1 2; do
		mkdir -p "$top/n$n/etc/etcd"
		printf '%s\n' ROLE=cluster "NAME=n$n" MEMBERS=n1=127.3.0.1,n2=127.3.0.2 CLIENT_PORT=1 PEER_PORT=2 \
			>"$top/n$n/etc/etcd/cluster.conf"
		(umask 077 && echo "$token" >"$top/n$n/etc/etcd/enroll-token")
	done
}

teardown() {
	for pid in ${network-} ${addresses-} ${server-} ${holder-}; do
		kill "$pid" 2>/dev/null || true
	done
}

# inside COMMAND…: in that network.
inside() {
	nsenter -t "$holder" -n "$@"
}

# held FILE: waits until knock.py has all its connections.
held() {
	for _ in $(seq 300); do
		grep -q held "$1" && return
		sleep 0.1
	done
	return 1
}

memory() {
	awk '/^VmRSS/ { print $2 }' "/proc/$server/status"
}

@test "10,000 connections from one /64 and 50 addresses: a machine on record is served, memory is flat, few lines" {
	"$lib/certify" "$top/n1"
	printf '%s\n' CLUSTER_ID=00000000000000c1 MEMBER_ID=00000000000000a1 NAME=n1 >"$top/n1/etc/etcd/member-id"
	"$lib/ask-server" "$top/n1" open
	nsenter -t "$holder" -n "$ETCD_CLUSTER_PLAIN" --root "$top/n1" enroll --listen "[::]:$port" 2>"$top/server.log" 3>&- &
	server=$!
	for _ in $(seq 100); do
		grep -q "serving at" "$top/server.log" && break
		sleep 0.05
	done
	inside "$lib/ask-server" "$top/n2"
	# What the heap needs once is there after some of them.
	inside python3 tests/lib/knock.py connect ::1 "$port" 500 2001:db8:1:: >/dev/null
	before=$(memory)
	mkfifo "$top/stop"
	exec 9<>"$top/stop"
	inside python3 tests/lib/knock.py occupy ::1 "$port" 64 2001:db8:1:: <&9 >"$top/network" 3>&- &
	network=$!
	inside python3 tests/lib/knock.py occupy 127.0.0.1 "$port" 100 127.9.0. <&9 >"$top/addresses" 3>&- &
	addresses=$!
	held "$top/network"
	held "$top/addresses"
	inside python3 tests/lib/knock.py connect ::1 "$port" 5000 2001:db8:1:: >"$top/first" 3>&- &
	first=$!
	inside python3 tests/lib/knock.py connect 127.0.0.1 "$port" 5000 127.9.0. >"$top/second" 3>&- &
	second=$!
	# At the same time; a connection that comes when four of its own are there is tried again, as setup does it.
	served=0
	for _ in 1 2 3 4 5; do
		rm -f "$top"/n2/etc/etcd/pki/*.crt
		inside "$lib/ask-server" "$top/n2" && served=$((served + 1))
	done
	echo "# served $served of 5" >&3
	[ "$served" -eq 5 ]
	wait "$first" "$second"
	[ "$(pgrep -P "$server" | wc -l)" -le 32 ]
	after=$(memory)
	echo "# resident memory before and after: $before and $after KiB" >&3
	[ $((after - before)) -le 128 ]
	kill "$network" "$addresses"
	kill "$server"
	wait "$server" || true
	# At once the first refusal of a source, then how many more there were.
	[ "$(cat "$top/first" "$top/second")" = "5000
5000" ]
	[ -z "$(sed -n 's/^etcd-cluster: refused \([^ ]*\): .*/\1/p' "$top/server.log" | sort | uniq -d)" ]
	[ "$(wc -l <"$top/server.log")" -le 150 ]
}
