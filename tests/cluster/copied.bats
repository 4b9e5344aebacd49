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
load form
load join

setup() {
	need_release "${SERIES:-3.5}"
}

teardown() {
	end_all
}

# Without a token.
forming() {
	bare "$1" "${own_ports[@]}" ROLE=cluster "MEMBERS=$members"
}

joining() {
	bare "$1" "${own_ports[@]}" ROLE=join "JOIN=\"$net.1 $net.2\"" "ADDRESS=$net.${1#n}"
}

# own_ca: a CA that a person made, on the first of MEMBERS.
own_ca() {
	mkdir -m 750 "$(etc n1)/pki"
	openssl req -x509 -newkey ed25519 -nodes -days 3000 -subj "/CN=${1:-own}" -addext keyUsage=critical,keyCertSign \
		-keyout "$(etc n1)/pki/ca.key" -out "$(etc n1)/pki/ca.crt" 2>/dev/null
}

# certified NAME…: no certificate there has a problem.
certified() {
	local n

	for n; do
		helper "$n" cert list --json | jq -e 'all(.problem == null)' >/dev/null
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
	own_ca
	# The first issues its own certificates, and waits for the others: their certificates are here, not their reports.
	run -6 helper n1 setup
	[[ "$output" == *"n2 ($net.2) has not reported; n3 ($net.3) has not reported"* ]]
	[ ! -e "$(etc n1)/forming" ]
	for n in n2 n3; do
		bundle $n
	done
	form n1 n2 n3
	for n in n1 n2 n3; do
		launch $n
	done
	one_cluster n1 n2 n3
	certified n1 n2 n3
	for n in n1 n2 n3; do
		finish $n
	done
	[ "$(cat "$BATS_TEST_TMPDIR"/n?/etc/etcd/pki/ca.key | grep -c BEGIN)" -eq 1 ]
	joining n4
	bundle n4
	join n4 launch
	one_cluster n1 n2 n3 n4
	certified n4
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
	own_ca
	cp "$(etc n1)/pki/ca.crt" "$BATS_TEST_TMPDIR/"
	copy_ca n2 n3
	form n1 n2 n3
	for n in n1 n2 n3; do
		helper $n cert list | grep -qx 'signed by: this machine'
		cmp "$BATS_TEST_TMPDIR/ca.crt" "$(etc $n)/pki/ca.crt"
		launch $n
	done
	one_cluster n1 n2 n3
	certified n1 n2 n3
	for n in n1 n2 n3; do
		finish $n
	done
	joining n4
	copy_ca n4
	join n4 launch
	one_cluster n1 n2 n3 n4
	certified n4
	cmp "$(etc n1)/pki/ca.crt" "$(etc n4)/pki/ca.crt"
}

@test "another CA on one machine: nothing is formed, and both say why" {
	for n in n1 n2 n3; do
		forming $n
	done
	own_ca other
	mv "$(etc n1)/pki" "$(etc n2)/pki"
	own_ca
	copy_ca n3
	serve
	setting_up n1
	setting_up n3
	is_served
	run -4 helper n2 setup
	[[ "$output" == *"n1, the first of MEMBERS"* ]]
	eventually grep -q "n2 ($net.2) has not reported\|a machine at $net.2: " "$BATS_TEST_TMPDIR/setup-n1.log"
	for n in n1 n2 n3; do
		[ ! -e "$(etc $n)/forming" ]
		[ ! -e "$(etc $n)/etcd.env" ]
	done
	rm -r "$(etc n2)/pki"
	copy_ca n2
	setting_up n2
	for n in n1 n2 n3; do
		is_set_up $n
	done
}

@test "certificates of another CA do not start" {
	forming n1
	forming n2
	own_ca
	run -6 helper n1 setup
	bundle n2
	openssl req -x509 -newkey ed25519 -nodes -days 300 -subj /CN=other -addext keyUsage=critical,keyCertSign \
		-keyout /dev/null -out "$(etc n2)/pki/ca.crt" 2>/dev/null
	rm "$(etc n2)/pki/ca.host"
	run -4 helper n2 setup
	[[ "$output" == *"does not verify up to ca.crt"*"etcd-cluster bundle n2=$net.2"* ]]
}
