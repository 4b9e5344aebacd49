#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# maintain with real etcd: fragmented databases shrink, one member at a time, the leader last, and never while a member
# is down or behind; the alarm NOSPACE is healed, CORRUPT is not touched.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load crash

setup() {
	need_release "${ETCD_SERIES:-3.6}"
}

teardown() {
	end_all
	umount "$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster" 2>/dev/null || :
}

# value BYTES
value() {
	head -c "$1" /dev/zero | tr '\0' x
}

# member_info NAME MEMBER KEY: what NAME knows of it.
member_info() {
	helper "$1" status --json 2>/dev/null | jq -r --arg n "$2" --arg k "$3" '.members[] | select(.name == $n)[$k]'
}

leader() {
	helper n1 status --json 2>/dev/null | jq -r '.members[] | select(.leader).name'
}

followers() {
	helper n1 status --json 2>/dev/null | jq -r '[.members[] | select(.leader | not)] | sort_by(.id)[].name'
}

# is_compacted PERCENT: so much of the file of each member is free. The others know that only after further writes.
is_compacted() {
	etcdctl n1 put later x >/dev/null
	helper n1 status --json 2>/dev/null | jq -e "all(.members[]; .db_free_percent >= $1)" >/dev/null
}

# fragment [COUNT]: a database with COUNT MB of old values, which are then compacted away.
fragment() {
	local i

	value 1000000 >"$BATS_TEST_TMPDIR/value"
	for ((i = 0; i < ${1:-12}; i++)); do
		etcdctl n1 put big <"$BATS_TEST_TMPDIR/value" >/dev/null
	done
	etcdctl n1 put small s >/dev/null
	etcdctl n1 compact --physical "$(revision n1)" >/dev/null
	eventually is_compacted 60
}

revision() {
	etcdctl "$1" get none -w json | jq .header.revision
}

# hash NAME REVISION: of all that this member has up to it.
hash() {
	etcdctl "$1" endpoint hashkv --rev "$2" -w json | jq '.[0] | (.HashKV // .hashKV) | .hash'
}

sizes() {
	helper n1 status --json 2>/dev/null | jq -r '.members[] | "\(.name) \(.db_size_bytes)"'
}

# fill MEMBER KEY: puts new values until etcd refuses.
fill() {
	local i

	value 1000000 >"$BATS_TEST_TMPDIR/value"
	for ((i = 0; i < 60; i++)); do
		etcdctl "$1" put "$2" <"$BATS_TEST_TMPDIR/value" >"$BATS_TEST_TMPDIR/put" 2>&1 || break
	done
	cat "$BATS_TEST_TMPDIR/put"
	grep -q "database space exceeded" "$BATS_TEST_TMPDIR/put"
}

alarms() {
	etcdctl n1 alarm list
}

# shrinks: fragmented databases of n1 to n3, under writers.
shrinks() {
	local one two three at before

	fragment
	at=$(revision n1)
	before=$(hash n1 "$at")
	three=$(leader)
	{ read -r one; read -r two; } < <(followers)
	echo "$one $two, leader $three"
	writes n1 n2 n3

	# This machine's alone.
	run -0 helper "$two" maintain
	[[ "$output" == *"defragments the database of $two: "*"the database of $two has "*" MiB now"* ]]
	[[ "$output" != *" of $one"* && "$output" != *" of $three"* ]]
	[ "$(member_info n1 "$two" db_size_bytes)" -lt 4000000 ]
	[ "$(member_info n1 "$one" db_size_bytes)" -gt 8000000 ]
	run -2 helper "$two" maintain --exit-code
	# The leader is the last one.
	run -6 helper "$three" maintain
	[[ "$output" == *"member $one is defragmented before the leader"* ]]
	run -0 helper "$two" maintain --all --dry-run
	[ "$(grep -o 'would defragment the database of n[123]' <<<"$output" | cut -d ' ' -f 6 | xargs)" = "$one $three" ]
	run -0 helper "$two" maintain --all
	[ "$(grep -o ' defragments the database of n[123]' <<<"$output" | cut -d ' ' -f 6 | xargs)" = "$one $three" ]
	run -2 helper "$two" maintain --all --exit-code

	writes_go_on
	none_lost n2
	for n in n1 n2 n3; do
		[ "$(member_info n1 $n db_size_bytes)" -lt 4000000 ]
		[ "$(hash $n "$at")" = "$before" ]
	done
}

# heals: the alarm NOSPACE of n1 to n3.
heals() {
	local last other at before

	etcdctl n1 put kept yes
	fill n1 big
	last=$(leader)
	other=$(followers | head -n 1)
	at=$(revision n1)
	run -5 helper n1 status
	[[ "$output" == *"alarm NOSPACE"*"etcd-cluster maintain"* ]]
	run ! etcdctl n1 put refused x

	# Of the machines with the timer, the leader's alone does it, whatever the hour.
	run -0 helper "$other" maintain --scheduled
	[[ "$(alarms)" == *NOSPACE* ]]
	run -0 helper "$last" maintain --scheduled
	echo "$output"
	# compact, defragment, disarm; the leader is the last of the members.
	[ "$(grep -Eo '(compacts|defragments the database of n[123]|disarms)' <<<"$output" | sed 's/.* //' | xargs)" = \
		"compacts $(followers | xargs) $last disarms" ]
	[ -z "$(alarms)" ]
	for n in n1 n2 n3; do
		etcdctl $n put "after-$n" x
		[ "$(member_info n1 $n db_size_bytes)" -lt 12000000 ]
	done
	[ "$(etcdctl n2 get kept --print-value-only)" = yes ]
	[ "$(etcdctl n2 get big --print-value-only | wc -c)" -eq 1000001 ]
	at=$(revision n1)
	[ "$(hash n1 "$at")" = "$(hash n2 "$at")" ]
	[ "$(hash n1 "$at")" = "$(hash n3 "$at")" ]
	run -0 helper n1 status
	run -2 helper n1 maintain --scheduled --exit-code
}

# maintains SERIES
maintains() {
	need_release "$1"
	three_machines ETCD_QUOTA_BACKEND_BYTES=32000000
	shrinks
	heals
}

@test "3.4: fragmented databases shrink, the leader's last; NOSPACE is healed by its machine; nothing is lost" {
	maintains 3.4
}

@test "3.5: fragmented databases shrink, the leader's last; NOSPACE is healed by its machine; nothing is lost" {
	maintains 3.5
}

@test "3.6: fragmented databases shrink, the leader's last; NOSPACE is healed by its machine; nothing is lost" {
	maintains 3.6
}

@test "3.7: fragmented databases shrink, the leader's last; NOSPACE is healed by its machine; nothing is lost" {
	maintains 3.7
}

@test "nothing begins while a member is down, frozen or being added" {
	local before

	three_machines
	fragment
	before=$(sizes)
	stop n3
	run -6 helper n1 maintain
	[[ "$output" == *"member n3 does not answer, so nothing is begun now"*"etcd-cluster status; then again"* ]]
	start n3
	wait_healthy n3
	kill -STOP "$(etcd_pid n3)"
	run -6 helper n1 maintain --all
	kill -CONT "$(etcd_pid n3)"
	wait_healthy n3
	[ "$(sizes)" = "$before" ]
	eventually etcdctl n1 member add n4 --learner --peer-urls "https://127.0.0.1:$(port n4 2)"
	run -6 helper n1 maintain
	[[ "$output" == *"member the new member does not answer"* ]]
	[ "$(sizes | grep -v null)" = "$before" ]
	drop n1 "$(id_of n1 '' | sed 's/^0*//')"
	run -0 helper n1 maintain --all
}

@test "NOSPACE with a member down: the others are healed, and it follows" {
	local down

	three_machines ETCD_QUOTA_BACKEND_BYTES=16000000
	fill n1 big
	down=$(followers | tail -n 1)
	stop "$down"
	eventually etcdctl "$(leader)" get none
	run -0 helper "$(leader)" maintain
	etcdctl "$(leader)" put after x
	start "$down"
	wait_healthy "$down"
	run -0 helper "$down" maintain
	[ "$(member_info n1 "$down" db_size_bytes)" -lt 8000000 ]
	etcdctl "$down" put again x
}

# grow NAME: new keys until nothing helps any more.
grow() {
	local i

	value 500000 >"$BATS_TEST_TMPDIR/value"
	for ((i = 0; i < 80; i++)); do
		etcdctl n1 put "key/$1/$i" <"$BATS_TEST_TMPDIR/value" >/dev/null 2>&1 ||
			"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" maintain 2>/dev/null || break
	done
}

@test "a database that is still full keeps the alarm, until keys are deleted" {
	one_member ETCD_QUOTA_BACKEND_BYTES=16000000
	# At first a defragmentation helps, because the file is larger than what is in it.
	grow 1
	run -5 helper n1 maintain
	[[ "$output" == *"the alarm NOSPACE stays: the database of n1 has 1"*"delete keys with etcdctl.sh del; or"* ]]
	[[ "$(alarms)" == *NOSPACE* ]]
	# By the timer once in the journal, and in status.
	run -5 helper n1 maintain --scheduled
	[[ "$output" != *"NOSPACE stays"* ]]
	run helper n1 status
	[[ "$output" == *"maintain fails since"*"NOSPACE stays"* ]]

	etcdctl n1 del --prefix key/1/1
	run -0 helper n1 maintain --scheduled
	[ -z "$(alarms)" ]
	etcdctl n1 put after x
	run -0 helper n1 status
	[[ "$output" != *"maintain fails"* && "$output" == *"maintenance   defragmented n1 "* ]]

	# Or with a larger quota.
	grow 2
	run -5 helper n1 maintain
	set_conf n1 ETCD_QUOTA_BACKEND_BYTES=32000000
	stop n1
	run helper n1 setup --local
	start n1
	wait_healthy n1 || :
	eventually etcdctl n1 get none
	run -0 helper n1 maintain
	[ -z "$(alarms)" ]
	etcdctl n1 put after x
}

@test "CORRUPT is not touched, also beside NOSPACE" {
	local pki=$BATS_TEST_TMPDIR/n1/etc/etcd/pki id

	three_machines ETCD_QUOTA_BACKEND_BYTES=16000000
	fill n1 big
	id=$(printf %u "0x$(id_of n1 n1)")
	curl -sS --cacert "$pki/ca.crt" --cert "$pki/etcdctl-etcd-client.crt" --key "$pki/etcdctl-etcd-client.key" \
		"https://127.0.0.1:$(port n1 1)/v3/maintenance/alarm" \
		-d "{\"action\":\"ACTIVATE\",\"memberID\":\"$id\",\"alarm\":\"CORRUPT\"}"
	[[ "$(alarms)" == *CORRUPT* ]]
	run -5 helper n1 maintain
	[[ "$output" == *"the alarm CORRUPT is raised, by n1: the data of the members differs, and nothing is changed"* ]]
	[[ "$output" == *"etcd-cluster status names the member and what to do"* ]]
	run -5 helper "$(leader)" maintain --scheduled
	[[ "$(alarms)" == *CORRUPT* && "$(alarms)" == *NOSPACE* ]]
	[ "$(member_info n1 n1 db_size_bytes)" -gt 12000000 ]
	run -5 helper n1 status
	[[ "$output" == *"alarm CORRUPT"*"on that machine: systemctl stop etcd; etcd-cluster replace"* ]]
}

@test "with authentication: as root it works; another user is told what to grant" {
	local pki=$BATS_TEST_TMPDIR/n1/etc/etcd/pki

	three_machines
	fragment
	etcdctl n1 user add root:secret --interactive=false
	etcdctl n1 user grant-role root root
	etcdctl n1 user add ops:secret --interactive=false
	etcdctl n1 role add marks
	etcdctl n1 role grant-permission marks --prefix readwrite etcd-cluster/
	etcdctl n1 user grant-role ops marks
	etcdctl n1 auth enable
	run -0 helper n2 maintain

	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ops -keyout "$pki/etcdctl-etcd-client.key" \
		-out "$BATS_TEST_TMPDIR/ops.csr" 2>/dev/null
	openssl x509 -req -in "$BATS_TEST_TMPDIR/ops.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -set_serial 77 -days 5 \
		-extfile <(echo extendedKeyUsage=clientAuth) -out "$pki/etcdctl-etcd-client.crt" 2>/dev/null
	run helper n1 maintain --all
	echo "$output"
	[ "$status" -eq 3 ]
	[[ "$output" == *"does not permit the user ops"*"permission denied"*"etcdctl user grant-role ops root"* ]]
}

# overlaps: true if two members were defragmented at once, by their logs.
overlaps() {
	cat "$BATS_TEST_TMPDIR"/n?/etcd.log | jq -rR 'fromjson? | select(.msg | test("^(starting|finished) defragment$")) |
		"\(.ts) \(.msg)"' | sort | awk '{ n += $2 == "starting" ? 1 : -1 } n > 1 { bad = 1 } END { exit !bad }'
}

@test "all machines at once: one member after the other" {
	local n

	three_machines
	fragment 40
	for n in n1 n2 n3; do
		behind "maintain-$n" "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/$n" maintain --all
	done
	for n in n1 n2 n3; do
		eventually gone "$(cat "$BATS_TEST_TMPDIR/maintain-$n.pid")"
		rm "$BATS_TEST_TMPDIR/maintain-$n.pid"
	done
	cat "$BATS_TEST_TMPDIR"/maintain-*.log
	[ "$(cat "$BATS_TEST_TMPDIR"/maintain-*.log | grep -c ' defragments the database')" -ge 3 ]
	run ! overlaps
	run -0 helper n1 maintain --all
	for n in n1 n2 n3; do
		[ "$(member_info n1 $n db_size_bytes)" -lt 8000000 ]
	done
}

@test "the timer: own member, in the quiet hour, from 100 MiB on" {
	local night

	three_machines 'MAINTAIN_SCHEDULE="*-*-* 03:30"'
	fragment 12
	night=$(date -d 'tomorrow 03:45' +%s)
	ETCD_CLUSTER_NOW=$night run -2 helper n1 maintain --scheduled --exit-code # too small
	fragment 105
	run -0 helper n1 status
	[[ "$output" == *"of the database file of n1 is free space; it is defragmented at *-*-* 03:30"* ]]
	ETCD_CLUSTER_NOW=$((night - 20 * 60)) run -2 helper n1 maintain --scheduled --exit-code
	ETCD_CLUSTER_NOW=$((night + 50 * 60)) run -2 helper n1 maintain --scheduled --exit-code
	set_conf "$(leader)" MAINTAIN_SCHEDULE=none
	for n in n1 n2 n3; do
		ETCD_CLUSTER_NOW=$night run -0 helper $n maintain --scheduled
	done
	for n in n1 n2 n3; do
		if [ "$(leader)" = $n ]; then
			[ "$(member_info n1 $n db_size_bytes)" -gt 80000000 ]
		else
			[ "$(member_info n1 $n db_size_bytes)" -lt 8000000 ]
		fi
	done
	set_conf "$(leader)" 'MAINTAIN_SCHEDULE="*-*-* 03:30"' MAINTAIN_FRAGMENTATION=95
	ETCD_CLUSTER_NOW=$night run -0 helper "$(leader)" maintain --scheduled
	[ "$(member_info n1 "$(leader)" db_size_bytes)" -lt 8000000 ]
}

@test "no room for the new file: refused before it begins" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: a small file system"
	local data=$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster

	mkdir -p "$data"
	mount -t tmpfs -o size=190M,mode=700 none "$data" || skip "a tmpfs cannot be mounted here"
	one_member
	fragment
	run -1 helper n1 maintain
	[[ "$output" == *"to defragment the database of n1, 1"*" MiB are needed in $data, and "*" MiB are left there"* ]]
	[[ "$output" == *"make room there, then: etcd-cluster maintain"* ]]
	[ "$(member_info n1 n1 db_size_bytes)" -gt 8000000 ]
}

@test "killed at any moment: run again it ends the same; another machine waits for ten minutes" {
	local n points=0 holder at before

	need_strace
	three_machines
	fragment
	at=$(revision n1)
	before=$(hash n1 "$at")
	tracer=(strace -f -qq)
	set=sendto,write,openat,clone3,rename,unlink,fsync
	count_calls $set "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" maintain --all >/dev/null 2>&1
	for n in $(sample 25); do
		fragment 6
		at_call $n $set signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" maintain --all >/dev/null 2>&1 || :
		points=$((points + 1))
		eventually "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" maintain --all 2>/dev/null
		[ "$(sizes | awk '$2 > 5000000' | wc -l)" -eq 0 ]
	done
	echo "# $points points" >&3
	[ "$(hash n1 "$(revision n1)")" = "$(hash n2 "$(revision n1)")" ]
	[ "$(find "$BATS_TEST_TMPDIR"/n?/var/lib -name 'db.tmp*' -o -path '*state*' -name '.*' | wc -l)" -eq 0 ]

	# n1 was killed while it had the turn.
	fragment 6
	holder="$(helper n1 status --json 2>/dev/null | json cluster_id) $(id_of n1 n1) $(printf %032d 7)"
	etcdctl n1 put etcd-cluster/lock "$holder $(date +%s) n1 maintain"
	run -6 helper n2 maintain --all
	[[ "$output" == *"n1 holds the lock of the cluster for maintain since "*", so nothing is begun now"* ]]
	etcdctl n1 put etcd-cluster/lock "$holder $(($(date +%s) - 700)) n1 maintain"
	run -0 helper n2 maintain --all
}
