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
load form
load join

setup() {
	need_release "${SERIES:-3.5}"
}

teardown() {
	end_all
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

# formed: three members, enrolled at the running server of n1, each of which has seen that etcd is healthy.
formed() {
	local n

	for n in n1 n2 n3; do
		forming $n
	done
	form n1 n2 n3
	for n in n1 n2 n3; do
		launch $n
	done
	three_members
	for n in n1 n2 n3; do
		run -0 helper $n setup
		[ ! -e "$(etc $n)/enroll-token" ]
	done
}

@test "three machines, one token: each gets certificates for its own keys, and they form one cluster" {
	for n in n1 n2 n3; do forming $n; done
	# Setup does not block: machines without certificates report what they wait for.
	run -6 helper n2 setup
	[[ $output == *"n1 ($net.1), the first of MEMBERS, does not answer on port $enroll_port"* ]]
	[ -z "$(ls "$(etc n2)"/pki/*.crt 2>/dev/null)" ]
	# Not even the first has a CA yet.
	run -6 helper n1 setup
	[[ $output == *"n2 ($net.2) has not reported; n3 ($net.3) has not reported"* ]]
	[ ! -e "$(etc n1)/pki" ]
	[ ! -e "$(etc n1)/forming" ]
	form n1 n2 n3
	[ "$(find "$BATS_TEST_TMPDIR"/n*/etc -name ca.key)" = "$(etc n1)/pki/ca.key" ]
	for n in n1 n2 n3; do
		[ "$(record $n STATE)" = starting ]
		[ -e "$(etc $n)/enroll-token" ] # until a quorum was seen
	done
	helper n1 token list --json |
		jq -e '.[0] | .left == 0 and .members and ([.used[].name] | sort) == ["n2", "n3"]'
	for n in n1 n2 n3; do launch $n; done
	three_members
	[ "$(sed -n 's/^CLUSTER_ID=//p' "$BATS_TEST_TMPDIR"/n*/etc/etcd/member-id | sort -u | wc -l)" = 1 ]
	for n in n1 n2 n3; do
		cp "$(etc $n)/member-id" "$BATS_TEST_TMPDIR/written"
		remember $n
		diff <(grep '=' "$BATS_TEST_TMPDIR/written" | grep -v '^#') "$(etc $n)/member-id"
	done
	for n in n1 n2 n3; do
		run -0 helper $n setup
		[ "$(record $n STATE)" = started ]
	done
	only_one_ca
	# A healthy machine has nothing to do.
	for n in n1 n2 n3; do run -2 helper $n setup --exit-code; done
}

@test "in a running cluster neither the token nor a member's certificate gives the name of another machine" {
	formed
	# The forming token is used up, also with n3's name. A token for anybody gives no new key to a known name, and one for
	# n3 is refused because n3 answers.
	forming n4
	set_conf n4 NAME=n3
	run -4 helper n4 setup
	[[ $output == *"with this token already, and with another key"* ]]
	give_token n4 "$(helper n1 token new)"
	run -4 helper n4 setup
	[[ $output == *"this token does not name it"*"token new --name n3 --address $net.3"* ]]
	give_token n4 "$(helper n1 token new --name n3)"
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
	[[ $output == *"a newer key has replaced that of this machine's certificate"* ]]
}

# n3_is_refused: it asks for a certificate, and gets none for good.
n3_is_refused() {
	rm -f "$(etc n3)/pki/server.crt"
	run -4 helper n3 setup
	[[ $output == *"n3 was removed on "*"the CA host refuses its key for good"* ]]
	[ ! -e "$(etc n3)/pki/server.crt" ]
}

# S2: a removed machine was served for seven days after its last certificates, and so for ever.
@test "a removed member is refused for good, also when the CA host was off and when it puts itself into the list" {
	formed
	end server
	drop n1 "$(etcdctl n1 member list | sed -n "s/, started, n3,.*//p")"
	stop n3
	wait_healthy n1 # n3 was possibly the leader, and without a quorum nobody knows of the removal
	serve
	is_served
	n3_is_refused
	grep -q '^KEY_1=' "$(etc n1)/enroll/removed/n3"
	[ ! -e "$(etc n1)/enroll/members/n3" ]
	# Without a record of the removal in the list: its own certificate lets it in again.
	echo "https://$net.1:$client_port" >"$BATS_TEST_TMPDIR/n3/endpoint"
	eventually etcdctl n3 member add n3 --peer-urls="https://$net.3:$peer_port"
	n3_is_refused
	drop n1 "$(etcdctl n1 member list | sed -n "s/, unstarted.*//p")"
	n3_is_refused
	# The others are served.
	rm "$(etc n2)/pki/server.crt"
	helper n2 setup
	[ -e "$(etc n2)/pki/server.crt" ]
	# A token that was made after the removal, and new keys, which setup makes by itself.
	old=$(sha256sum <"$(etc n3)/pki/peer.key")
	give_token n3 "$(helper n1 token new --name n3 --address "$net.3")"
	run helper n3 cert renew
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"asking again with new keys"* ]]
	[ "$(sha256sum <"$(etc n3)/pki/peer.key")" != "$old" ]
	[ -e "$(etc n1)/enroll/members/n3" ]
}

@test "remove on the CA host refuses the keys at once" {
	formed
	stop n3 KILL
	wait_healthy n1
	run -0 helper n1 remove n3
	grep -q '^KEY_1=' "$(etc n1)/enroll/removed/n3"
	stop n2 # no quorum any more, and yet
	n3_is_refused
}

@test "a fourth machine joins with its own token, and renews at the enrolment server while etcd runs" {
	formed
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
	# `member update` with its own certificate gives it no other address: its etcd answers where it was.
	etcdctl n4 member update "$(etcdctl n4 member list | sed -n 's/, started, n4,.*//p')" \
		--peer-urls="https://$net.77:$peer_port"
	set_conf n4 "ADDRESS=$net.77"
	run -6 helper n4 cert renew --force
	[[ $output == *"n4 cannot move from $net.4 to $net.77 yet: something answers at the former address"* ]]
	[ "$(openssl x509 -in "$(etc n4)/pki/peer.crt" -noout -serial)" != "$serial" ]
	run ! openssl verify -CAfile "$(etc n4)/pki/ca.crt" -verify_ip "$net.77" "$(etc n4)/pki/peer.crt"
}
