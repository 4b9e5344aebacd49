#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A removal is final: the certificates of a removed machine are refused by every member, new connections at once and
# open ones after a restart. With real etcd.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load own-address
load form
load join

teardown() {
	end_all
}

# formed SERIES: three members that enrolled, and a key that n3 reads.
formed() {
	local n

	need_release "$1"
	prepared
	form n1 n2 n3
	for n in n1 n2 n3; do
		run -0 helper $n check --start
		launch $n
	done
	one_cluster n1 n2 n3
	for n in n1 n2 n3; do
		helper $n setup
		minute $n
	done
}

# minute NAME: what etcd-cluster-mark.timer runs.
minute() {
	helper "$1" setup --remember --unattended
}

# restarted NAME: its unit is restarted.
restarted() {
	stop "$1"
	run -0 helper "$1" check --start
	launch "$1"
	wait_healthy "$1"
	minute "$1"
}

# with_pair DIR NAME COMMAND…: etcdctl with the root client certificate in DIR, at that member.
with_pair() {
	local dir=$1 at=https://$net.${2#n}:$client_port
	shift 2

	# shellcheck disable=SC2086 # nothing, or exec: then the process of `behind` is etcdctl itself
	${run_by-} env -i PATH="$PATH" ETCDCTL_API=3 "$BATS_TEST_TMPDIR"/n1/usr/libexec/etcd-cluster/releases/current/etcdctl \
		--endpoints="$at" --cacert="$(etc n1)/pki/ca.crt" --cert="$dir/etcdctl-etcd-client.crt" \
		--key="$dir/etcdctl-etcd-client.key" --command-timeout=5s --dial-timeout=3s "$@"
}

# refused DIR NAME…: these members accept neither the client nor the peer certificate in DIR.
refused() {
	local dir=$1 pair name
	shift

	for name; do
		run ! with_pair "$dir" "$name" get a
		for pair in "$client_port etcdctl-etcd-client" "$peer_port peer"; do
			run curl --silent --cacert "$(etc n1)/pki/ca.crt" --cert "$dir/${pair#* }.crt" --key "$dir/${pair#* }.key" \
				"https://$net.${name#n}:${pair% *}/version"
			echo "$name $pair: $status $output"
			[ "$status" -ne 0 ]
		done
	done
}

accepted() {
	local dir=$1 name
	shift

	for name; do
		with_pair "$dir" "$name" get a
	done
}

# serials NAME: how many its list has.
serials() {
	openssl crl -inform DER -in "$(etc "$1")/pki/crl.der" -CAfile "$(etc n1)/pki/ca.crt" -noout -text 2>&1 |
		grep -c 'Serial Number'
}

# pending_on NAME WANT: what status there says about revocations; WANT may be empty.
pending_on() {
	run helper "$1" status
	echo "$output"
	if [ -z "$2" ]; then
		[[ $output != *"revocation pending"* ]]
	else
		[[ $output == *"revocation pending: revocation list "*" is not in force on $2, where"*"systemctl restart etcd"* ]]
	fi
}

# in_force_everywhere NAME: check there says so.
in_force_everywhere() {
	run helper "$1" check
	[[ $output == *"is in force on every member"* ]]
}

# refused_after_removal SERIES: n3 is removed on the CA host.
refused_after_removal() {
	formed "$1"
	pending_on n1 ''
	cp -a "$(etc n3)/pki" "$BATS_TEST_TMPDIR/old"
	accepted "$BATS_TEST_TMPDIR/old" n1 n2
	run_by="exec" behind watch with_pair "$BATS_TEST_TMPDIR/old" n2 watch b
	stop n3 KILL
	wait_healthy n1
	eventually etcdctl n1 put b 1
	eventually grep -qx 1 "$BATS_TEST_TMPDIR/watch.log"
	run -0 helper n1 remove n3
	[[ $output == *"revocation pending: revocation list "*" is not in force on n1, n2; on each of them"* ]]
	# server, peer, and the three client certificates.
	[ "$(serials n1)" -eq 5 ]
	refused "$BATS_TEST_TMPDIR/old" n1
	accepted "$BATS_TEST_TMPDIR/old" n2
	# The others fetch the list within a minute, and refuse new connections from then on.
	minute n2
	cmp "$(etc n1)/pki/crl.der" "$(etc n2)/pki/crl.der"
	refused "$BATS_TEST_TMPDIR/old" n1 n2
	# A connection that is open stays open until a restart: that is why one is pending.
	etcdctl n1 put b 2
	eventually grep -qx 2 "$BATS_TEST_TMPDIR/watch.log"
	pending_on n1 'n1, n2'
	pending_on n2 'n1, n2'
	restarted n2
	refused "$BATS_TEST_TMPDIR/old" n2
	wait_healthy n1
	eventually etcdctl n1 put b 3
	pending_on n1 n1
	pending_on n2 n1
	restarted n1
	refused "$BATS_TEST_TMPDIR/old" n1 n2
	in_force_everywhere n1
	in_force_everywhere n2
	pending_on n2 ''
	run ! grep -qx 3 "$BATS_TEST_TMPDIR/watch.log"
	# A renewal, and another minute, change nothing.
	cp "$(etc n2)/pki/crl.der" "$BATS_TEST_TMPDIR/before"
	helper n2 cert renew --force
	minute n1
	minute n2
	cmp "$BATS_TEST_TMPDIR/before" "$(etc n2)/pki/crl.der"
	pending_on n2 ''
}

@test "3.4: the certificates of a removed machine are refused, open connections after a restart; status follows" {
	refused_after_removal 3.4
}

@test "3.5: the certificates of a removed machine are refused, open connections after a restart; status follows" {
	refused_after_removal 3.5
}

@test "removed while the CA host is off: it learns of it, and the members get the list; a new member starts with it" {
	formed 3.5
	end server
	cp -a "$(etc n3)/pki" "$BATS_TEST_TMPDIR/old"
	stop n3 KILL
	wait_healthy n2
	run -0 helper n2 remove n3
	[[ $output == *"revocation pending: the certificates of n3 are revoked when the CA host learns of its removal"* ]]
	accepted "$BATS_TEST_TMPDIR/old" n1 n2
	# The timer of the CA host.
	minute n1
	refused "$BATS_TEST_TMPDIR/old" n1
	# No server answers: the present list stays, and nothing fails.
	minute n2
	accepted "$BATS_TEST_TMPDIR/old" n2
	serve
	is_served
	# The daily renewal brings it, too.
	helper n2 cert renew
	refused "$BATS_TEST_TMPDIR/old" n1 n2
	prepare n4 ROLE=join "JOIN=$net.1" "ADDRESS=$net.4"
	give_token n4 "$(helper n1 token new --name n4 --address "$net.4")"
	enter n4
	cmp "$(etc n1)/pki/crl.der" "$(etc n4)/pki/crl.der"
	run -0 helper n4 check --start
	launch n4
	wait_healthy n4
	finish n4
	minute n4
	refused "$BATS_TEST_TMPDIR/old" n1 n2 n4
	pending_on n4 'n1, n2'
	# A list that was put back is not the newest; nor is one of another signer taken.
	openssl req -x509 -newkey ed25519 -nodes -days 9 -subj /CN=x -keyout "$BATS_TEST_TMPDIR/x.key" \
		-out "$BATS_TEST_TMPDIR/x.crt" 2>/dev/null
	cp "$(etc n1)/enroll/crl.der" "$BATS_TEST_TMPDIR/good"
	cp "$BATS_TEST_TMPDIR/old/crl.der" "$(etc n2)/pki/crl.der"
	minute n2
	cmp "$BATS_TEST_TMPDIR/good" "$(etc n2)/pki/crl.der"
}

@test "leave revokes; join needs a token, and then comes with new keys" {
	formed 3.5
	cp -a "$(etc n3)/pki" "$BATS_TEST_TMPDIR/old"
	run -0 helper n3 leave <<<""
	[[ $output == *"revocation pending: etcd-cluster status on another member"* ]]
	stop n3
	[ -e "$(etc n1)/enroll/removed/n3" ]
	minute n1
	minute n2
	refused "$BATS_TEST_TMPDIR/old" n1 n2
	# Without a token nothing is added.
	run helper n3 join --address "$net.3" "$net.1:$client_port"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"this machine needs new keys"*"token new --name n3 --address $net.3"*"etcd-cluster setup"* ]]
	wait_healthy n1
	[ "$(members n1 | wc -l)" -eq 2 ]
	give_token n3 "$(helper n1 token new --name n3 --address "$net.3")"
	join n3 launch
	[ "$(voters n1)" -eq 3 ]
	run ! cmp "$(etc n3)/pki/peer.key" "$BATS_TEST_TMPDIR/old/peer.key"
	accepted "$(etc n3)/pki" n1 n2 n3
	refused "$BATS_TEST_TMPDIR/old" n1 n2
	run -2 helper n3 setup --exit-code
}

# look: a minute later the CA host looks at the list again.
look() {
	sed -i 's/^LISTED="\([0-9]*\) .*/LISTED="\1 1790000000"/' "$(etc n1)/enroll/members/n4"
	minute n1
}

@test "a learner that was removed while the CA host was off gets nothing, and its certificates are revoked" {
	formed 3.5
	prepare n4 ROLE=join "JOIN=$net.1" "ADDRESS=$net.4"
	give_token n4 "$(helper n1 token new --name n4 --address "$net.4")"
	enter n4
	run -0 helper n4 check --start
	launch n4
	is_listed() {
		members n1 | grep -q ' started n4 .* true$'
	}
	eventually is_listed
	minute n1
	grep -q '^LISTED="0 0"$' "$(etc n1)/enroll/members/n4"
	cp -a "$(etc n4)/pki" "$BATS_TEST_TMPDIR/old"
	end server
	stop n1
	wait_healthy n2
	drop n2 "$(members n2 | sed -n 's/ started n4 .*//p')"
	stop n4 KILL
	run -0 helper n1 check --start
	launch n1
	wait_healthy n1
	accepted "$BATS_TEST_TMPDIR/old" n1
	# From the first look on it gets nothing; a quorum has to miss it for fifteen minutes before it counts as removed.
	serve
	is_served
	rm "$(etc n4)/pki/server.crt"
	run -6 helper n4 cert renew --force
	[[ $output == *"n4 is not a member of the cluster yet"* ]]
	for _ in {2..14}; do
		look
	done
	[ -e "$(etc n1)/enroll/members/n4" ]
	# Without a quorum nothing is learned, however long it takes.
	stop n2
	stop n3
	for _ in 1 2; do
		look
	done
	[ -e "$(etc n1)/enroll/members/n4" ]
	launch n2
	launch n3
	wait_healthy n1
	look
	[ ! -e "$(etc n1)/enroll/members/n4" ]
	grep -q '^KEY_1=' "$(etc n1)/enroll/removed/n4"
	refused "$BATS_TEST_TMPDIR/old" n1
	run -4 helper n4 cert renew --force
	[[ $output == *"n4 was removed on "*"the CA host refuses its key for good"* ]]
	[ ! -e "$(etc n4)/pki/server.crt" ]
	# Its place is free again for a token that is made later.
	give_token n4 "$(helper n1 token new --name n4 --address "$net.4")"
	run -0 helper n4 cert renew
	[[ $output == *"asking again with new keys"* ]]
}
