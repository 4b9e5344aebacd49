#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A rotation of the CA under real etcd: three members with their own addresses and the enrolment server of n1, and
# writers. No member is restarted until the new CA is in use everywhere. Members that are off, that join, and that were
# never restarted, in each stage.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load own-address
load form
load join

teardown() {
	end_all
}

# formed SERIES: three members that have enrolled.
formed() {
	local n

	need_release "$1"
	for n in n1 n2 n3; do forming $n; done
	form n1 n2 n3
	for n in n1 n2 n3; do launch $n; done
	for n in n1 n2 n3; do
		wait_healthy $n
		run -0 helper $n setup
	done
	cp "$(etc n1)/pki/ca.crt" "$BATS_TEST_TMPDIR/former.crt"
}

# follows NAME: what the timer runs every minute.
follows() {
	helper "$1" setup --remember --unattended
}

# pool NAME: the CAs that it trusts on its disk, by their common names without what they have in common.
pool() {
	awk '/BEGIN/ { n++ } { print > dir "/ca." n }' dir="$BATS_TEST_TMPDIR/split" \
		<(rm -rf "$BATS_TEST_TMPDIR/split"; mkdir "$BATS_TEST_TMPDIR/split"; grep -v '^#' "$(etc "$1")/pki/ca.crt")
	for file in "$BATS_TEST_TMPDIR"/split/ca.*; do
		openssl x509 -noout -subject -nameopt RFC2253 -in "$file"
	done | sed 's/.* //' | paste -sd ' '
}

# restarted NAME: its etcd, which then is healthy.
restarted() {
	stop "$1"
	launch "$1"
	wait_healthy "$1"
}

status_of() {
	helper n1 ca rotate --status --json 2>/dev/null | jq -rc --arg name "$1" '.parties[] | select(.name == $name) | '"$2"
}

is_steady() {
	helper n1 ca rotate --status --json 2>/dev/null | jq -e '.stage == "steady" and .ready' >/dev/null
}

rotation() {
	formed "$1"
	old=$(pool n1)
	writes n1 n2 n3
	helper n1 ca rotate
	new=$(pool n1) new=${new% *}
	[ "$(pool n1)" = "$new $old" ]
	[ "$(pool n2)" = "$old" ]
	[ "$(status_of n1 .presents)" = issuing ]
	[ "$(status_of n2 .presents)" = other ]
	[ "$(status_of n2 '.trusts | length')" = 1 ]
	run -5 helper n1 ca rotate --finish
	[[ $output == *"n2: https://$net.2:$client_port serves a certificate by"*"n3: "* ]]
	key=$(cat "$(etc n2)/pki/peer.key")
	follows n2
	[ "$(pool n2)" = "$new $old" ]
	[ "$(cat "$(etc n2)/pki/peer.key")" = "$key" ]
	[ "$(status_of n2 .presents)" = issuing ]
	run -5 helper n1 ca rotate --finish
	[[ $output != *"n2: "* && $output == *"n3: "* ]]
	follows n3
	writes_go_on
	# No etcd was restarted, and nobody noticed.
	[ "$(failed_writes)" = 0 ]
	[ "$(status_of n3 '.trusts | length')" = 1 ]
	# One member is restarted before the end, the others trust only the former CA.
	restarted n2
	[ "$(status_of n2 '.trusts | length')" = 2 ]
	writes_go_on
	helper n1 ca rotate --finish
	[ "$(find "$BATS_TEST_TMPDIR"/n1/etc -name 'ca-former.key' | wc -l)" = 0 ]
	[ "$(pool n1)" = "$new" ]
	for n in n2 n3; do
		follows $n
		[ "$(pool $n)" = "$new" ]
	done
	for n in n3 n1 n2; do
		restarted $n
		writes_go_on
		[ "$(status_of $n '.trusts | length')" = 1 ]
	done
	for n in n1 n2 n3; do
		helper $n check --start
		run -2 helper $n cert renew --exit-code
	done
	is_steady
	none_lost n3
}

@test "etcd 3.4: a rotation under writes, without a restart until its end" { rotation 3.4; }
@test "etcd 3.5: a rotation under writes, without a restart until its end" { rotation 3.5; }
@test "etcd 3.6: a rotation under writes, without a restart until its end" { rotation 3.6; }
@test "etcd 3.7: a rotation under writes, without a restart until its end" { rotation 3.7; }

@test "a member that was off in a stage comes back, and silence does not end a rotation" {
	formed 3.5
	stop n3
	helper n1 ca rotate
	follows n2
	run -5 helper n1 ca rotate --finish
	[[ $output == *"n3: it does not answer"* ]]
	[ "$(status_of n3 .presents)" = unknown ]
	# It knows only the former CA, and has only its certificates; n2 is started with both.
	restarted n2
	launch n3
	wait_healthy n3
	etcdctl n3 put a 1
	follows n3
	stop n3
	run -5 helper n1 ca rotate --finish
	launch n3
	wait_healthy n3
	helper n1 ca rotate --finish
	# It is off again, with both CAs, while the others drop one.
	stop n3
	follows n2
	wait_healthy n1
	restarted n2
	stop n1
	launch n1
	wait_healthy n1
	launch n3
	wait_healthy n3
	etcdctl n3 put a 2
	follows n3
	[ "$(pool n3)" = "$(pool n1)" ]
	restarted n3
}

@test "a machine joins in each stage, with a token of the former CA" {
	formed 3.6
	give() { give_token "$1" "$(cat "$BATS_TEST_TMPDIR/token.$1")"; }
	for n in n4 n5; do
		helper n1 token new --name $n --address "$net.${n#n}" >"$BATS_TEST_TMPDIR/token.$n"
		prepare $n ROLE=join "JOIN=$net.1" "ADDRESS=$net.${n#n}"
		give $n
	done
	helper n1 ca rotate
	join n4 launch
	[ "$(pool n4)" = "$(pool n1)" ]
	[ "$(voters n1)" = 4 ]
	follows n2
	follows n3
	helper n1 ca rotate --finish
	# The token names a CA that nobody vouches for any more.
	run -4 helper n5 setup
	[[ $output == *"not the one for which the token was made"* ]]
	give_token n5 "$(helper n1 token new --name n5 --address "$net.5")"
	# The others have not dropped the former CA yet, and their etcd trusts it alone.
	join n5 launch
	[ "$(voters n1)" = 5 ]
	for n in n2 n3 n4; do
		follows $n
		restarted $n
	done
	etcdctl n5 put a 1
	is_steady
}

@test "an abort under writes: the former CA issues again, and the new one is dropped" {
	formed 3.5
	old=$(pool n1)
	writes n1 n3
	helper n1 ca rotate
	new=$(pool n1) new=${new% *}
	follows n2
	[ "$(failed_writes)" = 0 ]
	restarted n2
	before=$(failed_writes)
	helper n1 ca rotate --abort
	[ "$(pool n1)" = "$old $new" ]
	run -5 helper n1 ca rotate --finish
	[[ $output == *"n2: "* && $output != *"n3: "* ]]
	follows n2
	follows n3
	[ "$(pool n2)" = "$old $new" ]
	[ "$(pool n3)" = "$old $new" ]
	[ "$(failed_writes)" = "$before" ]
	helper n1 ca rotate --finish
	for n in n1 n2 n3; do
		follows $n
		[ "$(pool $n)" = "$old" ]
		restarted $n
	done
	none_lost n2
	# The next one has another name.
	helper n1 ca rotate
	[ "$(pool n1)" != "$new $old" ]
}

@test "a standby: it lags until the CA is imported again, and takes over with the new one" {
	formed 3.7
	word=$BATS_TEST_TMPDIR/word
	(umask 077 && echo 'correct horse battery' >"$word")
	carry() {
		rm -f "$BATS_TEST_TMPDIR/ca.pem"
		helper n1 ca export --passphrase-file "$word" "$BATS_TEST_TMPDIR/ca.pem"
		helper n2 ca import --passphrase-file "$word" "$BATS_TEST_TMPDIR/ca.pem"
		run helper n2 setup
		[ "$status" -eq 0 ]
	}
	carry
	helper n1 ca rotate
	run -3 helper n2 ca rotate
	[[ $output == *"this machine is a standby: the CA host is "* ]]
	follows n3
	follows n2
	run -5 helper n1 ca rotate --finish
	[[ $output == *"n2: "*"serves a certificate by"* ]]
	carry
	[ "$(status_of n2 .presents)" = issuing ]
	run -0 helper n2 ca takeover
	end server
	behind server "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n2" enroll --listen "$net.2:$enroll_port"
	is_served
	# It has all that ends the rotation, or takes it back.
	cmp "$(etc n2)/pki/ca-former.key" "$(etc n1)/pki/ca-former.key"
	helper n2 ca rotate --finish
	follows n3
	[ "$(pool n3)" = "$(pool n2)" ]
	for n in n2 n3; do restarted $n; done
	etcdctl n3 put a 1
}

@test "a CA that may not sign another one: trusted after a restart of each, then it issues, then the former one goes" {
	need_release 3.5
	mkdir -p "$BATS_TEST_TMPDIR/n1/etc/etcd"
	mkdir -m 750 "$(etc n1)/pki"
	openssl req -x509 -newkey ed25519 -nodes -days 3000 -subj '/CN=a b' -addext keyUsage=critical,keyCertSign,cRLSign \
		-addext basicConstraints=critical,CA:TRUE,pathlen:0 -keyout "$(etc n1)/pki/ca.key" \
		-out "$(etc n1)/pki/ca.crt" 2>/dev/null
	formed 3.5
	old=$(pool n1)
	[ "$old" = b ]
	writes n1 n2 n3
	run -0 helper n1 ca rotate
	[[ $output == *"pathlen:0"* ]]
	new=$(pool n1) new=${new#* }
	follows n2
	follows n3
	[ "$(pool n2)" = "$old $new" ]
	run -5 helper n1 ca rotate
	[[ $output == *"n1: its etcd does not trust"*"n3: its etcd does not trust"* ]]
	run -3 helper n1 ca rotate --finish
	[[ $output == *"etcd-cluster ca rotate --status; when all trust it: etcd-cluster ca rotate"* ]]
	for n in n1 n2 n3; do
		restarted $n
		writes_go_on
	done
	helper n1 ca rotate --status --json | jq -e '.stage == "trusting" and .ready'
	before=$(failed_writes)
	helper n1 ca rotate
	follows n2
	run -5 helper n1 ca rotate --finish
	[[ $output != *"n2: "* && $output == *"n3: "* ]]
	writes_go_on
	follows n3
	[ "$(pool n3)" = "$new $old" ]
	helper n1 ca rotate --finish
	[ "$(failed_writes)" = "$before" ]
	for n in n1 n2 n3; do
		follows $n
		restarted $n
		writes_go_on
	done
	is_steady
	none_lost n2
}
