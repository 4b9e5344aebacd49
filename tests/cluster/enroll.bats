#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Three members with their own addresses, formed with one token and the enrolment server. Neither the CA key nor a
# certificate is copied.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load own-address
load join

setup() {
	need_release "${SERIES:-3.5}"
	token=$(openssl rand -hex 20)
}

teardown() {
	end_all
}

# prepare NAME [LINE…]: a machine with the token, before its first setup.
prepare() {
	bare "$1" "${own_ports[@]}" "${@:2}"
	give_token "$1" "$token"
}

give_token() {
	(umask 077 && echo "$2" >"$(etc "$1")/enroll-token")
}

# The machines that form the cluster.
forming() {
	prepare "$1" ROLE=cluster "MEMBERS=n1=$net.1,n2=$net.2,n3=$net.3"
}

# Does the work of the socket unit.
serve() {
	behind server "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n1" enroll --listen "$net.1:$enroll_port"
	eventually grep -q 'serving at' "$BATS_TEST_TMPDIR/server.log"
}

# Only the CA host has the files of a CA host, and no secret is left.
only_one_ca() {
	[ "$(find "$BATS_TEST_TMPDIR"/n*/etc -name ca.key | wc -l)" = 1 ]
	[ -e "$(etc n1)/pki/ca.key" ]
	[ -z "$(find "$BATS_TEST_TMPDIR"/n*/etc -name enroll-token)" ]
	run ! grep -r -l "$token" "$BATS_TEST_TMPDIR"/n*/etc "$BATS_TEST_TMPDIR"/n*/run "$BATS_TEST_TMPDIR"/n*/*.log \
		"$BATS_TEST_TMPDIR/server.log"
}

three_members() {
	local n

	for n in n1 n2 n3; do
		wait_healthy $n
	done
	etcdctl n1 put from one
	[ "$(etcdctl n3 get --print-value-only from)" = one ]
	[ "$(etcdctl n2 member list | wc -l)" = 3 ]
	[ "$(etcdctl n2 member list | grep -c ' started, ')" = 3 ]
}

# formed: three members, enrolled at the running server of n1.
formed() {
	local n

	for n in n1 n2 n3; do
		forming $n
	done
	setup_until n1 'start etcd'
	serve
	for n in n2 n3; do
		setup_until $n 'start etcd'
		launch $n
	done
	launch n1
	three_members
}

@test "three machines, one token: each gets certificates for its own keys, and they form one cluster" {
	for n in n1 n2 n3; do forming $n; done
	# Setup does not block: machines without certificates report what they wait for.
	run -6 helper n2 setup
	[[ $output == *"no CA host answers"* ]]
	[ -z "$(ls "$(etc n2)"/pki/*.crt 2>/dev/null)" ]
	setup_until n1 'start etcd'
	[ ! -e "$(etc n1)/enroll-token" ]
	serve
	for n in n2 n3; do setup_until $n 'start etcd'; done
	only_one_ca
	helper n1 token list --json | jq -e '.[0] | .left == 0 and .members and [.used[].name] == ["n2", "n3"]'
	for n in n1 n2 n3; do launch $n; done
	three_members
	for n in n1 n2 n3; do remember $n; done
	[ "$(sed -n 's/^CLUSTER_ID=//p' "$BATS_TEST_TMPDIR"/n*/etc/etcd/member-id | sort -u | wc -l)" = 1 ]
	# A healthy machine has nothing to do.
	for n in n1 n2 n3; do run -2 helper $n setup; done
}

@test "in a running cluster neither the token nor a member's certificate gives the name of another machine" {
	formed
	remember n1
	# The forming token is used up, also with n3's name. A new token is refused because n3 answers.
	forming n4
	set_conf n4 NAME=n3
	run -4 helper n4 setup
	[[ $output == *"with this token already, and with another key"* ]]
	give_token n4 "$(helper n1 token new)"
	run -4 helper n4 setup
	[[ $output == *"a member of the cluster is called n3 already, and it answers"* ]]
	# With n3 dead, its rebuilt machine gets certificates; `replace` handles the data of n3.
	stop n3 KILL
	quorum_answers() { # n3 was possibly the leader
		run helper n4 setup
		[ "$status" -ne 6 ] || [[ $output != *"cannot ask a quorum"* ]]
	}
	eventually quorum_answers
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"etcd-cluster replace"* ]]
	[ -e "$(etc n4)/pki/peer.crt" ]
	[ ! -e "$(etc n4)/enroll-token" ]
	# The certificate of the old n3 is refused.
	mv "$(etc n3)/pki/server.crt" "$BATS_TEST_TMPDIR/"
	run -4 helper n3 setup
	[[ $output == *"older than the one that n3 got"* ]]
}

@test "a removed member is not renewed; the others, and a machine that may still join, are" {
	formed
	remember n1
	drop n1 "$(etcdctl n1 member list | sed -n 's/, started, n3,.*//p')"
	stop n3
	# A new record can belong to a machine that will join: it is served. A week later it is refused.
	rm "$(etc n3)/pki/server.crt"
	helper n3 setup
	[ -e "$(etc n3)/pki/server.crt" ]
	sed -i "s/^TIME=.*/TIME=$(($(date +%s) - 8 * 86400))/" "$(etc n1)/enroll/members/n3"
	rm "$(etc n3)/pki/server.crt"
	run -4 helper n3 setup
	[[ $output == *"n3 is not a member of the cluster any more"* ]]
	# The others are served.
	rm "$(etc n2)/pki/server.crt"
	helper n2 setup
	[ -e "$(etc n2)/pki/server.crt" ]
}

@test "a fourth machine joins with its own token, and renews at the enrolment server while etcd runs" {
	formed
	for n in n1 n2 n3; do remember $n; done
	prepare n4 ROLE=join "JOIN=$net.3" "ADDRESS=$net.4"
	# It does not know which machine has the CA key, so it asks all.
	run -6 helper n4 setup
	[[ $output == *"no CA host answers"* ]]
	set_conf n4 "JOIN=$net.3,$net.1"
	# The forming token is limited to MEMBERS.
	run -4 helper n4 setup
	[[ $output == *"n4 is not"* ]]
	give_token n4 "$(helper n1 token new --name n4 --address "$net.4")"
	join n4 launch
	[ "$(etcdctl n4 get --print-value-only from)" = one ]
	[ "$(voters n1)" = 4 ]
	[ ! -e "$(etc n4)/enroll-token" ]
	[ "$(find "$BATS_TEST_TMPDIR"/n*/etc -name ca.key | wc -l)" = 1 ]
	# No token is left; the certificate is enough.
	serial=$(openssl x509 -in "$(etc n4)/pki/peer.crt" -noout -serial)
	key=$(cat "$(etc n4)/pki/peer.key")
	helper n4 cert renew --force
	[ "$(openssl x509 -in "$(etc n4)/pki/peer.crt" -noout -serial)" != "$serial" ]
	[ "$(cat "$(etc n4)/pki/peer.key")" = "$key" ]
	grep -q 'certificates for n4 .* who showed a certificate' "$BATS_TEST_TMPDIR/server.log"
	wait_healthy n4
}
