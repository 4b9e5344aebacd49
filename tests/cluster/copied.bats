#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Clusters with copied certificates, without enrolment server and token, with real etcd: as with etcdadm (ca.crt and
# ca.key on every machine) and as with kubeadm (the files of bundle, without ca.key).

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load own-address
load join

setup() {
	need_release "${SERIES:-3.5}"
}

teardown() {
	end_all
}

forming() {
	bare "$1" "${own_ports[@]}" ROLE=cluster "MEMBERS=n1=$net.1,n2=$net.2,n3=$net.3"
}

joining() {
	bare "$1" "${own_ports[@]}" ROLE=join "JOIN=\"$net.1 $net.2\"" "ADDRESS=$net.${1#n}"
}

# one_cluster NAME…: they are healthy members of one cluster, and each reads what another one writes.
one_cluster() {
	local n

	for n; do
		wait_healthy "$n"
	done
	[ "$(etcdctl "$1" member list | grep -c started)" -eq $# ]
	for n; do
		etcdctl "$n" put "from-$n" yes
	done
	for n; do
		[ "$(etcdctl "$n" get --prefix from- --print-value-only | grep -c yes)" -eq $# ]
	done
	for n; do
		helper "$n" cert list --json | json 0.problem | grep -qx null
	done
}

# bundle NAME: installs the certificates. ca.host distinguishes a lost enrolment server from a missing one.
bundle() {
	helper n1 bundle --out "$BATS_TEST_TMPDIR/$1.tar" "$1=$net.${1#n}"
	tar -C "$BATS_TEST_TMPDIR/$1" -xpf "$BATS_TEST_TMPDIR/$1.tar"
	[ ! -e "$(etc "$1")/pki/ca.key" ]
}

@test "as with kubeadm: three members with the files of bundle, and a fourth that joins" {
	local n

	for n in n1 n2 n3; do
		forming $n
	done
	helper n1 setup
	for n in n2 n3; do
		bundle $n
		helper $n setup
	done
	for n in n1 n2 n3; do
		launch $n
	done
	one_cluster n1 n2 n3
	for n in n1 n2 n3; do
		finish $n
	done
	[ "$(cat "$BATS_TEST_TMPDIR"/n?/etc/etcd/pki/ca.key | grep -c BEGIN)" -eq 1 ]
	joining n4
	bundle n4
	join n4 launch
	one_cluster n1 n2 n3 n4
	# kubeadm needs all members.
	run -0 --separate-stderr helper n2 cert export "$BATS_TEST_TMPDIR/k8s"
	for n in 1 2 3 4; do
		grep -qx "      - \"https://$net.$n:$client_port\"" <<<"$output"
	done
	curl --silent --show-error --http1.1 --cacert "$BATS_TEST_TMPDIR/k8s/ca.crt" \
		--cert "$BATS_TEST_TMPDIR/k8s/apiserver-etcd-client.crt" --key "$BATS_TEST_TMPDIR/k8s/apiserver-etcd-client.key" \
		"https://$net.4:$client_port/health" | grep -q true
}

@test "as with etcdadm: ca.crt and ca.key on every machine, and a fourth that joins" {
	local n

	for n in n1 n2 n3; do
		forming $n
	done
	helper n1 setup
	for n in n2 n3; do
		copy_ca $n
		helper $n setup
		helper $n cert list | grep -qx 'signed by: this machine'
	done
	for n in n1 n2 n3; do
		launch $n
	done
	one_cluster n1 n2 n3
	for n in n1 n2 n3; do
		finish $n
	done
	joining n4
	copy_ca n4
	join n4 launch
	one_cluster n1 n2 n3 n4
	cmp "$(etc n1)/pki/ca.crt" "$(etc n4)/pki/ca.crt"
}

@test "certificates of another CA do not start" {
	forming n1
	forming n2
	helper n1 setup
	bundle n2
	openssl req -x509 -newkey ed25519 -nodes -days 300 -subj /CN=other -addext keyUsage=critical,keyCertSign \
		-keyout /dev/null -out "$(etc n2)/pki/ca.crt" 2>/dev/null
	rm "$(etc n2)/pki/ca.host"
	run -4 helper n2 setup
	[[ "$output" == *"does not verify up to ca.crt"*"etcd-cluster bundle n2=$net.2"* ]]
}
