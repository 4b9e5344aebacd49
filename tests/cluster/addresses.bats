#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# ADDRESSES and EXTRA_SANS with real etcd: clients at each of them, and a token that gives a member further addresses.

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

# of NAME CERTIFICATE ADDRESS: whether it is for that address or name.
of() {
	case $3 in
	*[a-z]*) openssl x509 -noout -checkhost "$3" -in "$(etc "$1")/pki/$2.crt" ;;
	*) openssl x509 -noout -checkip "$3" -in "$(etc "$1")/pki/$2.crt" ;;
	esac | grep -q 'does match'
}

# asks HOST [OPTION…]: a client of n1.
asks() {
	local pki

	pki=$(etc n1)/pki
	curl --silent --show-error --max-time 10 --cacert "$pki/ca.crt" --cert "$pki/apiserver-etcd-client.crt" \
		--key "$pki/apiserver-etcd-client.key" "${@:2}" "https://$1:$client_port/health" | grep -q true
}

@test "clients reach a member at each of its ADDRESSES, in IPv4 and IPv6, and under a shared name" {
	bare n1 "${own_ports[@]}" ROLE=single "ADDRESS=$net.1" "ADDRESSES=\"$net.9 ::1\"" EXTRA_SANS=vip.example.org
	helper n1 setup
	start n1
	wait_healthy n1
	asks "$net.1"
	asks "$net.9"
	asks '[::1]'
	asks vip.example.org --resolve "vip.example.org:$client_port:$net.1"
	of n1 peer "$net.9"
	run ! of n1 peer vip.example.org
	# Members, and clients that follow the list, use ADDRESS.
	etcdctl n1 member list | grep -q "https://$net.1:$client_port, false"
}

@test "a token gives a member further addresses, and it keeps its key" {
	local key

	bare n1 "${own_ports[@]}" ROLE=single "ADDRESS=$net.1"
	helper n1 setup
	launch n1
	wait_healthy n1
	remember n1
	serve
	is_served
	bare n4 "${own_ports[@]}" ROLE=join "JOIN=$net.1" "ADDRESS=$net.4"
	give_token n4 "$(helper n1 token new --name n4 --address "$net.4" 2>/dev/null)"
	join n4 launch
	key=$(sha256sum "$(etc n4)/pki/peer.key")
	set_conf n4 "ADDRESSES=$net.14"
	run -2 helper n4 cert renew --exit-code
	[[ "$output" == *"no token has given n4 the further address $net.14"* ]]
	[[ "$output" == *"token new --name n4 --address $net.4 --addresses $net.14"* ]]
	give_token n4 "$(helper n1 token new --name n4 --address "$net.4" --addresses "$net.14" 2>/dev/null)"
	helper n4 cert renew
	of n4 server "$net.14"
	of n4 peer "$net.14"
	[ "$(sha256sum "$(etc n4)/pki/peer.key")" = "$key" ]
	grep -q "^ADDRESSES=\"\?$net.14" "$(etc n1)/enroll/members/n4"
	# From now on the record gives it, and nobody else gets it.
	helper n4 cert renew --force
	of n4 peer "$net.14"
	bare n5 "${own_ports[@]}" ROLE=join "JOIN=$net.1" "ADDRESS=$net.14"
	give_token n5 "$(helper n1 token new --address "$net.14" 2>/dev/null)"
	run helper n5 setup
	[[ "$output" == *"another machine with certificates of this CA has $net.14"* ]]
	[ ! -e "$(etc n5)/pki/server.crt" ]
}
