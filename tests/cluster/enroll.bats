#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Three real members on three loopback addresses, formed from one token through the real door: no key of the CA is copied, and no certificate.

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_release "${SERIES:-3.5}"
	net=127.$((BATS_TEST_NUMBER + 200)).$((RANDOM % 250 + 1))
	door_port=$(port n0 1)
	client_port=$(port n0 2)
	peer_port=$(port n0 3)
	token=$(openssl rand -hex 20)
}

teardown() {
	stop_all
	close_door
}

# prepare NUMBER [LINE…]: a machine that nothing has been done on. Besides the answers, which are the same everywhere, it has NAME, because every
# loopback address is its own.
prepare() {
	local n=$1 root=$BATS_TEST_TMPDIR/n$1
	shift

	mkdir -p "$root"/etc/etcd/releases.sha256.d "$root"/var/cache/etcd-cluster "$root"/usr/share/etcd-cluster "$root"/run
	: >"$root"/usr/share/etcd-cluster/releases.sha256
	ln "$RELEASE_TARBALL" "$root"/var/cache/etcd-cluster/ 2>/dev/null || cp "$RELEASE_TARBALL" "$root"/var/cache/etcd-cluster/
	(cd "$(dirname "$RELEASE_TARBALL")" && sha256sum "${RELEASE_TARBALL##*/}") >"$root"/etc/etcd/releases.sha256.d/test
	printf '%s\n' "NAME=n$n" "CLIENT_PORT=$client_port" "PEER_PORT=$peer_port" "ENROLL_PORT=$door_port" METRICS_URL=none \
		"RELEASE=$RELEASE_VERSION" RELEASE_URL=none "$@" \
		>"$root"/etc/etcd/cluster.conf
	give_token "$n" "$token"
}

give_token() {
	(umask 077 && echo "$2" >"$BATS_TEST_TMPDIR/n$1/etc/etcd/enroll-token")
}

# The answers of those that form a cluster together.
forming() {
	prepare "$1" ROLE=cluster "MEMBERS=n1=$net.1,n2=$net.2,n3=$net.3"
}

# setup_until NUMBER PATTERN: setup, until it is through or waits with a message that has the pattern; up to 30 s.
setup_until() {
	local rc log=$BATS_TEST_TMPDIR/n$1/setup.log

	for _ in {1..60}; do
		rc=0
		helper "n$1" setup 2>"$log" || rc=$?
		case $rc in
		0 | 2) return 0 ;;
		6) ! grep -q "$2" "$log" || return 0 ;;
		*) break ;;
		esac
		sleep 0.2
	done
	cat "$log"
	return 1
}

# begin NUMBER: etcd. On a machine of its own it listens on 127.0.0.1, too; here that is shared.
begin() {
	start "n$1" "ETCD_LISTEN_CLIENT_URLS=https://$net.$1:$client_port"
}

# ctl NUMBER …: etcdctl at that member.
ctl() {
	local n=$1
	local -a settings
	shift

	mapfile -t settings < <(env_of "n$n" etcdctl.env)
	env -i PATH="$PATH" "${settings[@]}" ETCDCTL_ENDPOINTS="https://$net.$n:$client_port" \
		"$BATS_TEST_TMPDIR/n$n"/usr/libexec/etcd-cluster/releases/current/etcdctl "$@"
}

# remember NUMBER: what setup writes down where systemd has started etcd.
remember() {
	ctl "$1" endpoint status -w json | python3 -c '
import json, sys
h = json.load(sys.stdin)[0]["Status"]["header"]
print("CLUSTER_ID=%016x\nMEMBER_ID=%016x\nNAME=" % (h["cluster_id"], h["member_id"]) + sys.argv[1])' "n$1" >"$(etc "$1")/member-id"
}

# What the socket unit does on a machine with systemd.
open_door() {
	"$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n1" enroll --listen "$net.1:$door_port" 2>"$BATS_TEST_TMPDIR/door.log" 3>&- &
	door=$!
	for _ in {1..100}; do
		grep -q 'serving at' "$BATS_TEST_TMPDIR/door.log" && return
		sleep 0.05
	done
	return 1
}

close_door() {
	[ -z "${door-}" ] || { kill -TERM "$door" && wait "$door"; } || true
	door=
}

etc() {
	echo "$BATS_TEST_TMPDIR/n$1/etc/etcd"
}

# Everything that only the CA host may have is there alone, and no secret is left.
only_one_ca() {
	[ "$(find "$BATS_TEST_TMPDIR"/n*/etc -name ca.key | wc -l)" = 1 ]
	[ -e "$(etc 1)/pki/ca.key" ]
	[ -z "$(find "$BATS_TEST_TMPDIR"/n*/etc -name enroll-token)" ]
	run ! grep -r -l "$token" "$BATS_TEST_TMPDIR"/n*/etc "$BATS_TEST_TMPDIR"/n*/run "$BATS_TEST_TMPDIR"/n*/*.log "$BATS_TEST_TMPDIR/door.log"
}

three_members() {
	local n

	for n in 1 2 3; do wait_healthy n$n; done
	ctl 1 put from one
	[ "$(ctl 3 get --print-value-only from)" = one ]
	[ "$(ctl 2 member list | wc -l)" = 3 ]
	[ "$(ctl 2 member list | grep -c ' started, ')" = 3 ]
}

@test "three machines, one token: each gets certificates for its own keys at the door, and they form one cluster" {
	for n in 1 2 3; do forming $n; done
	# Nobody waits for the others: those that have no certificates yet say what they wait for.
	run -6 helper n2 setup
	[[ $output == *"no CA host answers"* ]]
	[ -z "$(ls "$(etc 2)"/pki/*.crt 2>/dev/null)" ]
	setup_until 1 'start etcd'
	[ ! -e "$(etc 1)/enroll-token" ]
	open_door
	for n in 2 3; do setup_until $n 'start etcd'; done
	only_one_ca
	helper n1 token list --json | jq -e '.[0] | .left == 0 and .members and [.used[].name] == ["n2", "n3"]'
	for n in 1 2 3; do begin $n; done
	three_members
	for n in 1 2 3; do remember $n; done
	[ "$(sed -n 's/^CLUSTER_ID=//p' "$BATS_TEST_TMPDIR"/n*/etc/etcd/member-id | sort -u | wc -l)" = 1 ]
	# And a healthy machine has nothing left to do.
	for n in 1 2 3; do run -2 helper n$n setup; done
}

@test "a rogue with the token, and a member with its certificate, get nobody else's name once the cluster runs" {
	for n in 1 2 3; do forming $n; done
	setup_until 1 'start etcd'
	open_door
	for n in 2 3; do setup_until $n 'start etcd'; begin $n; done
	begin 1
	three_members
	remember 1
	# The forming token, again, and under n3's name: used up. A new one: n3 is alive.
	forming 4
	sed -i 's/^NAME=.*/NAME=n3/' "$(etc 4)/cluster.conf"
	run -4 helper n4 setup
	[[ $output == *"with this token already, and with another key"* ]]
	give_token 4 "$(helper n1 token new)"
	run -4 helper n4 setup
	[[ $output == *"a member of the cluster is called n3 already, and it answers"* ]]
	# With n3 dead it lets the machine that was built anew in its place in; what became of n3's data is then for `replace`.
	stop n3 KILL
	for _ in {1..40}; do
		run helper n4 setup
		[ "$status" -ne 6 ] || [[ $output != *"cannot ask a quorum"* ]] || continue # n3 was the leader
		break
	done
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"etcd-cluster replace"* ]]
	[ -e "$(etc 4)/pki/peer.crt" ]
	[ ! -e "$(etc 4)/enroll-token" ]
	# And what the old n3 has opens the door no more.
	mv "$(etc 3)/pki/server.crt" "$BATS_TEST_TMPDIR/"
	run -4 helper n3 setup
	[[ $output == *"older than the one that n3 got"* ]]
}

@test "a machine that was removed is not renewed; its fellows, and one that may still be added, are" {
	for n in 1 2 3; do forming $n; done
	setup_until 1 'start etcd'
	open_door
	for n in 2 3; do setup_until $n 'start etcd'; begin $n; done
	begin 1
	three_members
	remember 1
	id=$(ctl 1 member list | sed -n 's/, started, n3,.*//p')
	for _ in {1..40}; do # etcd wants all to have been connected for five seconds
		! ctl 1 member remove "$id" 2>/dev/null || break
		sleep 0.5
	done
	stop n3
	# On record since a moment ago, it could be one that is still to be added: it is served. A week later it is not.
	rm "$(etc 3)/pki/server.crt"
	helper n3 setup
	[ -e "$(etc 3)/pki/server.crt" ]
	sed -i "s/^TIME=.*/TIME=$(($(date +%s) - 8 * 86400))/" "$(etc 1)/enroll/members/n3"
	rm "$(etc 3)/pki/server.crt"
	run -4 helper n3 setup
	[[ $output == *"n3 is not a member of the cluster any more"* ]]
	# The others are.
	rm "$(etc 2)/pki/server.crt"
	helper n2 setup
	[ -e "$(etc 2)/pki/server.crt" ]
}

@test "a fourth grows in with a token of its own, and renews through the door while etcd runs" {
	for n in 1 2 3; do forming $n; done
	setup_until 1 'start etcd'
	open_door
	for n in 2 3; do setup_until $n 'start etcd'; begin $n; done
	begin 1
	three_members
	for n in 1 2 3; do remember $n; done
	prepare 4 ROLE=join "JOIN=$net.3" "ADDRESS=$net.4"
	# It cannot know who has the CA's key: it asks all.
	run -6 helper n4 setup
	[[ $output == *"no CA host answers"* ]]
	sed -i "s/^JOIN=.*/JOIN=$net.3,$net.1/" "$(etc 4)/cluster.conf"
	# The token that formed the cluster is for MEMBERS.
	run -4 helper n4 setup
	[[ $output == *"n4 is not"* ]]
	give_token 4 "$(helper n1 token new --name n4 --address "$net.4")"
	setup_until 4 'its etcd was not started yet'
	begin 4
	wait_healthy n4
	setup_until 4 'no such message'
	[ "$(ctl 4 get --print-value-only from)" = one ]
	[ "$(ctl 1 member list | grep -c ', false$')" = 4 ]
	[ ! -e "$(etc 4)/enroll-token" ]
	[ "$(find "$BATS_TEST_TMPDIR"/n*/etc -name ca.key | wc -l)" = 1 ]
	# No token any more: its certificate opens the door.
	serial=$(openssl x509 -in "$(etc 4)/pki/peer.crt" -noout -serial)
	key=$(cat "$(etc 4)/pki/peer.key")
	helper n4 cert renew --force
	[ "$(openssl x509 -in "$(etc 4)/pki/peer.crt" -noout -serial)" != "$serial" ]
	[ "$(cat "$(etc 4)/pki/peer.key")" = "$key" ]
	grep -q 'certificates for n4 .* who showed a certificate' "$BATS_TEST_TMPDIR/door.log"
	wait_healthy n4
}
