#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Clusters of sites that copy files beforehand instead of enrolling, with real etcd on three loopback addresses, no door and no token anywhere:
# etcdadm's way (ca.crt and ca.key on every machine, which signs for itself) and kubeadm's (what bundle makes, no ca.key).

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_release "${SERIES:-3.5}"
	net=127.$((BATS_TEST_NUMBER + 100)).$((RANDOM % 250 + 1))
}

teardown() {
	stop_all
}

etc() {
	echo "$BATS_TEST_TMPDIR/n$1/etc/etcd"
}

# member NUMBER LINE…: the same ports on every machine, as on real ones.
member() {
	local n=$1
	shift
	bare "n$n" "CLIENT_PORT=$(port n0 1)" "PEER_PORT=$(port n0 2)" "ENROLL_PORT=$(port n0 3)" METRICS_URL=none "$@"
}

forming() {
	member "$1" ROLE=cluster "MEMBERS=n1=$net.1,n2=$net.2,n3=$net.3"
}

joining() {
	member "$1" ROLE=join "JOIN=\"$net.1 $net.2\"" "ADDRESS=$net.$1"
}

# begin NUMBER: etcd. On a machine of its own it listens on 127.0.0.1, too; here that is shared.
begin() {
	start "n$1" "ETCD_LISTEN_CLIENT_URLS=https://$net.$1:$(port n0 1)"
}

walk() {
	helper "n$1" setup
}

# walk_until NUMBER PATTERN: setup, until it is through or waits with a message that has the pattern; up to 30 s.
walk_until() {
	local rc

	for _ in {1..60}; do
		rc=0
		walk "$1" 2>"$BATS_TEST_TMPDIR/walk.log" || rc=$?
		case $rc in
		0 | 2) return 0 ;;
		6) ! grep -q "$2" "$BATS_TEST_TMPDIR/walk.log" || return 0 ;;
		*) break ;;
		esac
		sleep 0.2
	done
	cat "$BATS_TEST_TMPDIR/walk.log"
	return 1
}

ctl() {
	local n=$1
	local -a settings
	shift

	mapfile -t settings < <(env_of "n$n" etcdctl.env)
	env -i PATH="$PATH" "${settings[@]}" ETCDCTL_ENDPOINTS="https://$net.$n:$(port n0 1)" \
		"$BATS_TEST_TMPDIR/n$n"/usr/libexec/etcd-cluster/releases/current/etcdctl "$@"
}

# one_cluster NUMBER…: all of them are healthy members of one cluster, and what one writes the others read.
one_cluster() {
	local n
	for n; do
		wait_healthy "n$n"
	done
	[ "$(ctl "$1" member list | grep -c started)" -eq $# ]
	for n; do
		ctl "$n" put "from-$n" yes
	done
	for n; do
		[ "$(ctl "$n" get --prefix from- --print-value-only | grep -c yes)" -eq $# ]
	done
	for n; do
		helper "n$n" cert list --json | json 0.problem | grep -qx null
	done
}

# The certificates and nothing else, beforehand; the lost door is told from no door at all by ca.host.
bundle() {
	local to=$1
	shift
	helper n1 bundle --out "$BATS_TEST_TMPDIR/n$to.tar" "n$to=$net.$to" "$@"
	tar -C "$BATS_TEST_TMPDIR/n$to" -xpf "$BATS_TEST_TMPDIR/n$to.tar"
	[ ! -e "$(etc "$to")/pki/ca.key" ]
}

copy_ca() {
	mkdir -m 750 "$(etc "$1")/pki"
	cp "$(etc 1)"/pki/ca.{crt,key} "$(etc "$1")/pki/"
}

@test "kubeadm's way: three members with what bundle made, and a fourth that joins" {
	local n
	for n in 1 2 3; do
		forming $n
	done
	walk 1
	for n in 2 3; do
		bundle $n
		walk $n
	done
	for n in 1 2 3; do
		begin $n
	done
	one_cluster 1 2 3
	for n in 1 2 3; do
		walk_until $n 'no such message'
	done
	[ "$(cat "$BATS_TEST_TMPDIR"/n?/etc/etcd/pki/ca.key | grep -c BEGIN)" -eq 1 ]
	joining 4
	bundle 4
	walk_until 4 'its etcd was not started yet'
	begin 4
	wait_healthy n4
	walk_until 4 'no such message'
	one_cluster 1 2 3 4
	# What kubeadm is told: all of them.
	run -0 --separate-stderr helper n2 cert export "$BATS_TEST_TMPDIR/k8s"
	for n in 1 2 3 4; do
		grep -qx "      - \"https://$net.$n:$(port n0 1)\"" <<<"$output"
	done
	curl --silent --show-error --http1.1 --cacert "$BATS_TEST_TMPDIR/k8s/ca.crt" \
		--cert "$BATS_TEST_TMPDIR/k8s/apiserver-etcd-client.crt" --key "$BATS_TEST_TMPDIR/k8s/apiserver-etcd-client.key" \
		"https://$net.4:$(port n0 1)/health" | grep -q true
}

@test "etcdadm's way: ca.crt and ca.key on every machine, and a fourth that joins" {
	local n
	for n in 1 2 3; do
		forming $n
	done
	walk 1
	for n in 2 3; do
		copy_ca $n
		walk $n
		helper n$n cert list | grep -qx 'signed by: this machine'
	done
	for n in 1 2 3; do
		begin $n
	done
	one_cluster 1 2 3
	for n in 1 2 3; do
		walk_until $n 'no such message'
	done
	joining 4
	copy_ca 4
	walk_until 4 'its etcd was not started yet'
	begin 4
	wait_healthy n4
	walk_until 4 'no such message'
	one_cluster 1 2 3 4
	cmp "$(etc 1)/pki/ca.crt" "$(etc 4)/pki/ca.crt"
}

@test "leaves of another CA do not start" {
	forming 1
	forming 2
	walk 1
	bundle 2
	mkdir "$BATS_TEST_TMPDIR/other"
	openssl req -x509 -newkey ed25519 -nodes -days 300 -subj /CN=other -addext keyUsage=critical,keyCertSign \
		-keyout /dev/null -out "$(etc 2)/pki/ca.crt" 2>/dev/null
	rm "$(etc 2)/pki/ca.host"
	run -4 walk 2
	[[ "$output" == *"does not verify up to ca.crt"*"etcd-cluster bundle n2=$net.2"* ]]
}
