#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# How three machines form a cluster: once, with one CA, whatever is killed, wiped or written wrongly meanwhile; and
# never again once a disk may have promised something.

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

# nothing_formed: no machine has a record, settings for etcd, or a CA.
nothing_formed() {
	[ -z "$(find "$BATS_TEST_TMPDIR"/n?/etc -name forming -o -name etcd.env -o -name member-id -o -name 'ca.*')" ]
}

# never_starts NAME: neither setup nor the preflight of its unit starts it without data.
never_starts() {
	run -3 helper "$1" setup
	[[ "$output" == *"can erase acknowledged writes"*"etcd-cluster replace"* ]]
	run -3 helper "$1" check --start
	[[ "$output" == *"starting empty under its old ID"* ||
		"$output" == *"has no data, and no cluster has this machine as a new member"* ]]
}

# replaced NAME: `replace` there, and it is a voter again.
replaced() {
	run -6 helper "$1" replace
	[[ "$output" == *"its etcd has not been started yet"* ]]
	launch "$1"
	wait_healthy "$1"
	finish "$1"
	[ "$(voters n1)" -eq 3 ]
}

@test "three machines at once; another forming from the same lines is another cluster" {
	local first id n

	prepared
	form n1 n2 n3
	one_record
	for n in n1 n2 n3; do launch $n; done
	one_cluster n1 n2 n3
	first=$(cluster_id n1)
	id=$(sort "$BATS_TEST_TMPDIR"/n?/etc/etcd/member-id | grep MEMBER_ID)
	for n in n1 n2 n3; do
		stop $n KILL
		rm -rf "${BATS_TEST_TMPDIR:?}/$n"
	done
	end server
	prepared
	form n1 n2 n3
	one_record
	for n in n1 n2 n3; do launch $n; done
	one_cluster n1 n2 n3
	[ "$(cluster_id n1)" != "$first" ]
	run ! grep -F "$id" <(sort "$BATS_TEST_TMPDIR"/n?/etc/etcd/member-id)
}

@test "a disk that is lost before all have accepted: the record is offered anew, with the same CA" {
	local nonce disk ca

	two_accept
	[ ! -e "$(etc n3)/forming" ]
	[ "$(record n1 STATE)" = offered ]
	end setup-n2 KILL
	nonce=$(record n2 NONCE) disk=$(disk n2) ca=$(cat "$(etc n1)/pki/ca.crt")
	wipe n2
	rm "$(etc n3)/pki"
	setting_up n2
	setting_up n3
	for n in n1 n2 n3; do is_set_up $n; done
	one_record
	[ "$(record n1 NONCE)" != "$nonce" ]
	[ "$(disk n2)" != "$disk" ]
	[ "$(cat "$(etc n1)/pki/ca.crt")" = "$ca" ]
	for n in n1 n2 n3; do launch $n; done
	one_cluster n1 n2 n3
}

@test "a record that only a majority has accepted is not committed" {
	two_accept
	for _ in {1..20}; do
		run helper n3 setup
		[ "$(record n1 STATE)" = offered ]
		[ "$(record n2 STATE)" = accepted ]
	done
	[ ! -e "$(etc n1)/etcd.env" ]
	[ ! -e "$(etc n2)/etcd.env" ]
	rm "$(etc n3)/pki"
	setting_up n3
	for n in n1 n2 n3; do is_set_up $n; done
	one_record
}

@test "reports count for ten seconds: a machine that was switched off is not in the record" {
	local nonce

	prepared
	serve
	run -6 helper n1 setup
	is_served
	run -6 helper n2 setup
	run -6 helper n3 setup
	sleep 11
	run -6 helper n1 setup
	[[ "$output" == *"n2 ($net.2) has not reported; n3 ($net.3) has not reported"* ]]
	nothing_formed
	form n1 n2 n3
	one_record
}

@test "the first machine lost everything: it waits, makes no CA, and replace brings it back" {
	local word=$BATS_TEST_TMPDIR/word id

	formed
	id=$(cluster_id n2)
	(umask 077 && echo 'correct horse battery' >"$word")
	helper n1 ca export --passphrase-file "$word" "$BATS_TEST_TMPDIR/ca.pem"
	end server
	stop n1 KILL
	rm -rf "${BATS_TEST_TMPDIR:?}/n1"
	forming n1
	serve
	wait_healthy n2
	run -6 helper n1 setup
	[[ "$output" == *"n2 ($net.2) has not reported"*" answers on port $peer_port"*"etcd-cluster replace"* ]]
	# Members that run do not report, and those that are down are known by their record.
	for n in n2 n3; do run -2 helper $n setup --exit-code; done
	stop n2
	stop n3
	for n in n2 n3; do run -2 helper $n setup --exit-code; done
	run -6 helper n1 setup
	[[ "$output" == *"n2 ($net.2) has not reported; n3 ($net.3) has not reported"* ]]
	[ ! -e "$(etc n1)/pki" ]
	[ ! -e "$(etc n1)/forming" ]
	[ ! -e "$(etc n1)/etcd.env" ]
	end server
	launch n2
	launch n3
	wait_healthy n2
	# A second CA host.
	helper n2 ca import --passphrase-file "$word" "$BATS_TEST_TMPDIR/ca.pem"
	run helper n2 setup
	helper n2 ca takeover
	behind server "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n2" enroll --listen "$net.2:$enroll_port"
	eventually grep -q 'serving at' "$BATS_TEST_TMPDIR/server.log"
	give_token n1 "$(helper n2 token new --name n1 --address "$net.1")"
	replaced n1
	one_cluster n1 n2 n3
	[ "$(cluster_id n1)" = "$id" ]
	[ ! -e "$(etc n1)/pki/ca.key" ]
}

@test "data lost after the start: never empty again, with or without its records; replace brings it back" {
	formed
	stop n3 KILL
	wipe n3
	wait_healthy n1
	cp -a "$BATS_TEST_TMPDIR/n3" "$BATS_TEST_TMPDIR/lost"
	never_starts n3
	# Only the record of the forming, and only member-id.
	rm "$(etc n3)/member-id"
	never_starts n3
	cp "$BATS_TEST_TMPDIR/lost/etc/etcd/member-id" "$(etc n3)/"
	rm "$(etc n3)/forming"
	never_starts n3
	# Neither: the first knows the record, and a quorum knows the member.
	rm "$(etc n3)/member-id"
	never_starts n3
	# Neither, and the first does not answer: the peer ports of the others are enough.
	end server
	wipe n3
	never_starts n3
	[ "$(find "$BATS_TEST_TMPDIR/n3/var/lib/etcd-cluster/member" -type f)" = \
		"$BATS_TEST_TMPDIR/n3/var/lib/etcd-cluster/member/disk-id" ]
	serve
	is_served
	# Its keys end with the member that it was: without a token nothing is changed.
	cp -a "$(etc n3)/pki" "$BATS_TEST_TMPDIR/old"
	run -3 helper n3 replace
	[[ "$output" == *"this machine needs new keys"*"token new --name n3 --address $net.3"*"etcd-cluster replace"* ]]
	[ "$(etcdctl n1 member list | grep -c ', n3, ')" -eq 1 ]
	diff -r "$BATS_TEST_TMPDIR/old" "$(etc n3)/pki"
	give_token n3 "$(helper n1 token new --name n3 --address "$net.3")"
	replaced n3
	one_cluster n1 n2 n3
	run ! cmp "$BATS_TEST_TMPDIR/old/peer.key" "$(etc n3)/pki/peer.key"
	# Once more, with member-id and record.
	stop n3 KILL
	wipe n3
	wait_healthy n1
	never_starts n3
	run -3 helper n3 replace
	[ -e "$(etc n3)/member-id" ]
	sleep 1 # a token of the second in which the present key came is not a later one
	give_token n3 "$(helper n1 token new --name n3 --address "$net.3")"
	replaced n3
	one_cluster n1 n2 n3
	# The keys of both former members are refused, and their certificates revoked; those of now are good.
	helper n1 setup --remember --unattended
	[ "$(openssl crl -inform DER -in "$(etc n1)/pki/crl.der" -noout -text | grep -c 'Serial Number')" -eq 10 ]
	run curl --silent --cacert "$(etc n1)/pki/ca.crt" --cert "$BATS_TEST_TMPDIR/old/peer.crt" \
		--key "$BATS_TEST_TMPDIR/old/peer.key" "https://$net.1:$peer_port/version"
	[ "$status" -ne 0 ]
	echo "https://$net.1:$client_port" >"$BATS_TEST_TMPDIR/n3/endpoint"
	eventually etcdctl n3 get from-n1
	echo "https://$net.3:$client_port" >"$BATS_TEST_TMPDIR/n3/endpoint"
	helper n3 cert renew --force
}

@test "a disk that was lost before its first start comes in as a learner by itself" {
	local id

	prepared
	form n1 n2 n3
	launch n1
	launch n2
	wait_healthy n1
	wait_healthy n2
	id=$(members n1 | awk '$3 == "n3" { print $1 }') # of a forming: it has its name, and no client URL
	[ -n "$id" ]
	wipe n3
	# It may have been started and have voted: its own record says that all had accepted.
	never_starts n3
	rm "$(etc n3)/member-id"
	never_starts n3 # and on the new disk, which has its own ID now
	[ -n "$(disk n3)" ]
	rm "$(etc n3)/forming"
	enter n3
	[ "$(members n1 | grep -c "^$id ")" -eq 0 ]
	members n1 | grep -q " unstarted .* true$"
	launch n3
	wait_healthy n3
	finish n3
	[ "$(voters n1)" -eq 3 ]
	one_cluster n1 n2 n3
}

# differs MESSAGE: with n3 as it is now nothing is formed, and the first says why.
differs() {
	local n

	for n in n1 n2 n3; do
		setting_up $n
	done
	eventually grep -qF "$1" "$BATS_TEST_TMPDIR/setup-n1.log"
	nothing_formed
	for n in n1 n2 n3; do
		end setup-$n KILL
		rm "$BATS_TEST_TMPDIR/setup-$n.log"
	done
	sleep 0.1
	rm -rf "$BATS_TEST_TMPDIR/n1/run/etcd-cluster/reports"
	nothing_formed
}

@test "lines that differ: nothing is formed, and the first says whose" {
	local other=n1=$net.1,n2=$net.22,n3=$net.3 order=n1=$net.1,n3=$net.3,n2=$net.2

	prepared
	serve
	set_conf n3 "MEMBERS=$other"
	differs "n3 has MEMBERS=$other, this machine $members"
	set_conf n3 "MEMBERS=$order"
	differs "n3 has MEMBERS=$order, this machine $members"
	set_conf n3 "MEMBERS=n3=$net.3,n1=$net.1,n2=$net.2" # it takes itself for the first
	differs "n3 ($net.3) has not reported"
	set_conf n3 "MEMBERS=$members" CLUSTER_TOKEN=other
	differs "n3 has CLUSTER_TOKEN=other, this machine etcd-cluster"
	set_conf n3 CLUSTER_TOKEN=etcd-cluster "PEER_PORT=$((peer_port + 5))"
	differs "n3 has CLIENT_PORT,PEER_PORT=$client_port,$((peer_port + 5)), this machine $client_port,$peer_port"
	set_conf n3 "PEER_PORT=$peer_port"
	give_token n3 "$(openssl rand -hex 20)"
	run -4 helper n3 setup
	[[ "$output" == *"n1, the first of MEMBERS"*"write the same token into that file of every machine"* ]]
	differs "a machine at $net.3: "
	give_token n3 "$token"
	form n1 n2 n3
	one_record
}

@test "addresses that are spelled differently are the same" {
	local n

	prepared
	set_conf n1 "MEMBERS=n1=$net.1,n2=$net.2,n3=[::1]"
	set_conf n2 "MEMBERS=n1=$net.1,n2=$net.2,n3=[0:0:0:0:0:0:0:1]"
	set_conf n3 "MEMBERS=n1=$net.1,n2=$net.2,n3=[0::0001]"
	form n1 n2 n3
	one_record
	[ "$(record n3 MEMBERS)" = "n1=$net.1,n2=$net.2,n3=::1" ]
	for n in n1 n2 n3; do
		[ "$(grep -c "^ETCD_INITIAL_CLUSTER=.*n3=https://\[::1\]:$peer_port" "$(etc $n)/etcd.env")" -eq 1 ]
	done
}

# The state that the version before records left: data and member-id, and CLUSTER_TOKEN itself for etcd.
@test "a cluster that was formed before there were records stays as it is" {
	local n

	prepared
	form n1 n2 n3
	for n in n1 n2 n3; do
		unformed $n
		rm "$(etc $n)/enroll-token"
		launch $n ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster
	done
	for n in n1 n2 n3; do
		wait_healthy $n
		remember $n
		rm "$(etc $n)/etcd.env"
		run -0 helper $n setup
		grep -qx 'ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster' "$(etc $n)/etcd.env"
	done
	find "$BATS_TEST_TMPDIR"/n?/etc ! -name lock -printf '%p %i %T@\n' | sort >"$BATS_TEST_TMPDIR/before"
	for n in n1 n2 n3; do
		run -2 helper $n setup --exit-code
		stop $n
		run -2 helper $n setup --exit-code
		run -0 helper $n check --start
	done
	find "$BATS_TEST_TMPDIR"/n?/etc ! -name lock -printf '%p %i %T@\n' | sort | diff "$BATS_TEST_TMPDIR/before" -
	for n in n1 n2 n3; do launch $n; done
	one_cluster n1 n2 n3
	# A lost disk is noticed by member-id, and without it by what the first says.
	stop n3 KILL
	wipe n3
	wait_healthy n1
	never_starts n3
	rm "$(etc n3)/member-id"
	never_starts n3
	# Nor does the first form again.
	stop n2 KILL
	stop n1 KILL
	wipe n1
	run -3 helper n1 setup
	[[ "$output" == *"can erase acknowledged writes"*"etcd-cluster replace"* ]]
	rm "$(etc n1)/member-id"
	rm -r "$BATS_TEST_TMPDIR/n1/run/etcd-cluster" # it was started anew
	run -6 helper n1 setup
	[[ "$output" == *"n2 ($net.2) has not reported; n3 ($net.3) has not reported"* ]]
	[ ! -e "$(etc n1)/forming" ]
}
