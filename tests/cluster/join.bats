#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Machines added to a cluster that runs, with real etcd: no write is lost for it, whoever is killed or cut off meanwhile, and what
# would harm is refused.

bats_require_minimum_version 1.5.0
load lib
load join

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	[ -z "${writer-}" ] || kill "$writer" 2>/dev/null || :
	stop_all
}

one_member() {
	machine n1
	start n1
	wait_healthy n1
}

# A writer that never stops for long: every put that fails is counted.
write_on() {
	(
		i=0
		while :; do
			i=$((i + 1))
			etcdctl n1 --command-timeout=3s put "key$i" "$i" >/dev/null 2>&1 3>&- && echo "$i" >>"$BATS_TEST_TMPDIR/acked" ||
				echo "$i" >>"$BATS_TEST_TMPDIR/failed"
		done
	) &
	writer=$!
}

# Every acknowledged write is there, as the member NAME has it, and none has failed.
all_written() {
	kill "$writer"
	wait "$writer" 2>/dev/null || :
	writer=
	[ ! -e "$BATS_TEST_TMPDIR/failed" ] || { echo "failed: $(wc -l <"$BATS_TEST_TMPDIR/failed")"; return 1; }
	etcdctl "$1" get key --prefix --keys-only | sed -n 's/^key//p' | sort >"$BATS_TEST_TMPDIR/found"
	sort "$BATS_TEST_TMPDIR/acked" | comm -23 - "$BATS_TEST_TMPDIR/found" >"$BATS_TEST_TMPDIR/lost"
	echo "acknowledged $(wc -l <"$BATS_TEST_TMPDIR/acked"), lost $(wc -l <"$BATS_TEST_TMPDIR/lost")"
	[ ! -s "$BATS_TEST_TMPDIR/lost" ]
}

# grows: 1 -> 2 -> 3 members under a writer.
grows() {
	one_member
	write_on
	joiner n2
	enter n2
	# The moment that stops a cluster of one when the new member has a vote: it is listed, and does not run.
	members n1 | grep -q " unstarted .* true$"
	sleep 1
	start n2
	wait_healthy n2
	finish n2
	joiner n3 "JOIN=127.0.0.1:$(port n1 1),127.0.0.1:$(port n2 1)"
	join n3
	all_written n3
	[ "$(members n1 | grep -c ' started .* false$')" -eq 3 ]
	for n in n2 n3; do
		grep -qx STEP=member "$BATS_TEST_TMPDIR/$n/etc/etcd/joining"
		grep -q "^MEMBER_ID=0*$(members n1 | awk -v n=$n '$3 == n { print $1 }')$" "$BATS_TEST_TMPDIR/$n/etc/etcd/member-id"
		run -2 helper $n setup
		helper $n check --start
	done
	run -0 helper n3 status
	[[ "$output" == *"3 of 3 voting members healthy"* ]]
}

@test "one member becomes two, then three, and every write is served" {
	grows
}

@test "the same with etcd 3.5" {
	need_release 3.5
	grows
}

@test "the same with etcd 3.6" {
	need_release 3.6
	grows
}

@test "the same with etcd 3.7" {
	need_release 3.7
	grows
}

# A joiner n2 with certificates and release, which can be had again by `fresh`.
prepared() {
	one_member
	joiner n2
	run helper n2 setup --local
	mv "$BATS_TEST_TMPDIR/n2" "$BATS_TEST_TMPDIR/prepared"
}

fresh() {
	stop n2 KILL
	rm -rf "${BATS_TEST_TMPDIR:?}/n2"
	cp -a "$BATS_TEST_TMPDIR/prepared" "$BATS_TEST_TMPDIR/n2"
}

# traced N INJECTION: setup of n2, with that done to its Nth call of the kind. tried: how many it made.
traced() {
	local calls=$1 inject=$2

	strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=$calls" ${inject:+-e "inject=$calls:$inject"} \
		"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n2" setup 2>"$BATS_TEST_TMPDIR/traced.log" || :
	tried=$(grep -c '(' "$BATS_TEST_TMPDIR/trace")
}

# One member besides n1, which is the one that the journal of n2 has.
one_learner() {
	members n1 >"$BATS_TEST_TMPDIR/list"
	[ "$(grep -c . "$BATS_TEST_TMPDIR/list")" -eq 2 ] || { cat "$BATS_TEST_TMPDIR/list"; return 1; }
	grep -qi "^$(sed -n 's/^MEMBER_ID=0*//p' "$BATS_TEST_TMPDIR/n2/etc/etcd/joining") .* true$" "$BATS_TEST_TMPDIR/list"
}

# Takes n2 out of the cluster, as `etcdctl member remove` does it; for some seconds after a member has joined that says "unhealthy".
forget_n2() {
	local id

	for _ in {1..100}; do
		id=$(members n1 | awk -v peer="$(port n2 2)" '$0 ~ peer { print $1 }')
		[ -n "$id" ] || return 0
		etcdctl n1 member remove "$id" >/dev/null 2>&1 || sleep 0.2
	done
	return 1
}

# Requests and answers, and every rename: journal, settings, outcome.
moments=sendto,recvfrom,rename,renameat2

@test "killed anywhere before etcd starts, and again: one learner, never two" {
	prepared
	fresh
	traced $moments ''
	one_learner
	calls=$tried every=$((tried / 12 + 1))
	echo "$calls moments, every ${every}th"
	for ((k = 1; k <= calls; k += ${CRASH_EVERY:-every})); do
		forget_n2
		fresh
		traced $moments "signal=KILL:when=$k"
		enter n2 || { echo "killed at $k"; return 1; }
		one_learner || { echo "killed at $k"; return 1; }
	done
	start n2
	wait_healthy n2
	finish n2
}

@test "an answer that never came: the list decides, one learner, never two" {
	prepared
	fresh
	traced recvfrom ''
	calls=$tried every=$((tried / 12 + 1))
	for ((k = 1; k <= calls; k += ${CRASH_EVERY:-every})); do
		forget_n2
		fresh
		traced recvfrom "error=ECONNRESET:when=$k"
		enter n2 || { echo "cut off at $k"; return 1; }
		one_learner || { echo "cut off at $k"; return 1; }
	done
}

@test "killed anywhere between etcd's start and its vote, and again: one voter" {
	prepared
	fresh
	enter n2
	start n2
	wait_healthy n2
	traced $moments ''
	grep -qx STEP=member "$BATS_TEST_TMPDIR/n2/etc/etcd/joining"
	calls=$tried every=$((tried / 6 + 1))
	for ((k = 1; k <= calls; k += ${CRASH_EVERY:-every})); do
		forget_n2
		fresh
		enter n2
		start n2
		wait_healthy n2
		traced $moments "signal=KILL:when=$k"
		finish n2 || { echo "killed at $k"; return 1; }
		[ "$(members n1 | grep -c ' started .* false$')" -eq 2 ]
		run -2 helper n2 setup
	done
}

@test "etcd killed and its data lost before it votes: taken back and added anew" {
	one_member
	joiner n2
	enter n2
	start n2
	wait_healthy n2
	first=$(sed -n 's/^MEMBER_ID=//p' "$BATS_TEST_TMPDIR/n2/etc/etcd/joining")
	stop n2 KILL
	rm -rf "${BATS_TEST_TMPDIR:?}"/n2/var/lib/etcd-cluster/member
	join n2
	[ "$(members n1 | grep -c .)" -eq 2 ]
	[ "$(sed -n 's/^MEMBER_ID=//p' "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id")" != "$first" ]
}

@test "an etcd that answers before its data can be seen is this machine's own" {
	one_member
	joiner n2
	enter n2
	start n2
	wait_healthy n2
	# As on a busy machine: setup has looked for the data before etcd made it.
	mv "$BATS_TEST_TMPDIR"/n2/var/lib/etcd-cluster/member "$BATS_TEST_TMPDIR"/n2/member
	run helper n2 setup
	[[ "$status" -eq 0 || "$status" -eq 6 ]]
	mv "$BATS_TEST_TMPDIR"/n2/member "$BATS_TEST_TMPDIR"/n2/var/lib/etcd-cluster/member
	finish n2
	[ "$(members n1 | grep -c ' started .* false$')" -eq 2 ]
}

@test "a changed address before etcd starts leaves no learner behind" {
	one_member
	joiner n2
	enter n2
	answer n2 "PEER_PORT=$(port n2 4)"
	join n2
	[ "$(members n1 | grep -c .)" -eq 2 ]
	members n1 | grep -q " started n2 .*:$(port n2 4) .* false$"
}

@test "two at once take turns" {
	one_member
	joiner n2
	joiner n3
	enter n2
	run -6 helper n3 setup
	[[ "$output" == *"member the new member ("*") is being added; one at a time"* ]]
	[[ "$output" == *"etcd-cluster remove"* ]]
	start n2
	wait_healthy n2
	finish n2
	join n3
	[ "$(members n1 | grep -c ' started .* false$')" -eq 3 ]
}

@test "some of JOIN are dead" {
	one_member
	joiner n2 "JOIN=127.0.0.1:$(port n2 8),192.0.2.1,127.0.0.1:$(port n1 1)"
	join n2
	[ "$(members n1 | grep -c ' started .* false$')" -eq 2 ]
}

@test "nobody answers: pending, and every address says why" {
	one_member
	stop n1
	joiner n2 "JOIN=127.0.0.1:$(port n1 1),127.0.0.1:$(port n1 8)"
	run -6 helper n2 setup
	[[ "$output" == *"no member of the cluster answers"*":$(port n1 1): "*refused*":$(port n1 8): "*refused* ]]
	[ ! -e "$BATS_TEST_TMPDIR/n2/etc/etcd/joining" ]
}

@test "a frozen member is pending, and joined when it thaws" {
	one_member
	joiner n2
	kill -STOP "$(cat "$BATS_TEST_TMPDIR/n1/etcd.pid")"
	run -6 helper n2 setup
	[[ "$output" == *"no connection within 2500 ms"* ]]
	kill -CONT "$(cat "$BATS_TEST_TMPDIR/n1/etcd.pid")"
	join n2
	[ "$(members n1 | grep -c .)" -eq 2 ]
}

@test "the name of a member that runs is refused" {
	one_member
	joiner n2 NAME=n1
	run -3 helper n2 setup
	[[ "$output" == *"the cluster has a member n1 ("*") at https://127.0.0.1:$(port n1 2) already, and it answers"* ]]
	[[ "$output" == *"choose another NAME"* ]]
	[ "$(members n1 | grep -c .)" -eq 1 ]
	# Not even by replacing: it is alive.
	answer n2 REPLACE=yes
	run -3 helper n2 setup
	[[ "$output" == *"already, and it answers"* ]]
	[ "$(members n1 | grep -c .)" -eq 1 ]
}

@test "the data of a member that was removed is moved aside, not deleted" {
	one_member
	joiner n2
	join n2
	etcdctl n1 put here before
	forget_n2
	stop n2
	local etc=$BATS_TEST_TMPDIR/n2/etc/etcd data=$BATS_TEST_TMPDIR/n2/var/lib/etcd-cluster

	# With its member-id setup does nothing of the kind: who removes a member means it.
	run helper n2 setup
	[ -d "$data/member" ]
	[ "$(members n1 | grep -c .)" -eq 1 ]
	# Installed anew on the old disk, there is none.
	rm "$etc/member-id" "$etc/joining"
	join n2
	[ "$(members n1 | grep -c ' started .* false$')" -eq 2 ]
	ls -d "$data"/member.aside-*/wal
	[ "$(etcdctl n2 get here --print-value-only)" = before ]
}

@test "join again after a removal: cleared by the word of a person" {
	one_member
	joiner n2
	join n2
	run -2 helper n2 join "127.0.0.1:$(port n1 1)"
	[[ "$output" == *"is a member already"* ]]
	forget_n2
	stop n2
	run -6 helper n2 join "127.0.0.1:$(port n1 1)"
	[[ "$output" == *"the cluster does not have member"*"any more"* ]]
	ls "$BATS_TEST_TMPDIR"/n2/etc/etcd/member-id.aside-* "$BATS_TEST_TMPDIR"/n2/etc/etcd/joining.aside-*
	start n2
	wait_healthy n2
	finish n2
	[ "$(members n1 | grep -c ' started .* false$')" -eq 2 ]
	# A member of one cluster does not slip into another.
	run -3 helper n1 join "127.0.0.1:$(port n1 8)"
	[[ "$output" == *"this machine is member "*" (n1) of cluster "*"no member of the cluster answers"* ]]
	[[ "$output" == *"etcd-cluster leave"* ]]
	run ! grep ROLE=join "$BATS_TEST_TMPDIR/n1/etc/etcd/cluster.conf"
}

@test "data of another cluster is for a person to look at" {
	one_member
	joiner n2
	helper n2 setup --local || [ $? -eq 6 ]
	start n1 2>/dev/null
	# What a distribution's package starts by itself.
	run helper n2 setup
	"$BATS_TEST_TMPDIR"/n2/usr/libexec/etcd-cluster/releases/current/etcd --data-dir "$BATS_TEST_TMPDIR/n2/var/lib/etcd-cluster" \
		--listen-client-urls "http://127.0.0.1:$(port n2 5)" --advertise-client-urls "http://127.0.0.1:$(port n2 5)" \
		--listen-peer-urls "http://127.0.0.1:$(port n2 6)" >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/n2/etcd.pid"
	for _ in {1..50}; do
		[ ! -e "$BATS_TEST_TMPDIR"/n2/var/lib/etcd-cluster/member/snap/db ] || break
		sleep 0.1
	done
	sleep 0.5
	stop n2
	rm -f "$BATS_TEST_TMPDIR"/n2/etc/etcd/joining
	run -3 helper n2 setup
	[[ "$output" == *"ran without any configuration"* ]]
	[ -d "$BATS_TEST_TMPDIR/n2/var/lib/etcd-cluster/member" ]
}

@test "a dead member keeps the cluster from growing, and is named" {
	one_member
	joiner n2
	join n2
	joiner n3
	join n3
	stop n2 KILL
	wait_healthy n1
	id=$(members n1 | awk '$3 == "n2" { print $1 }')
	joiner n4
	run -6 helper n4 setup
	[[ "$output" == *"member n2 ("*"$id) does not answer, and etcd changes no membership while one is down"* ]]
	[[ "$output" == *"etcd-cluster remove "*"$id"* ]]
	[ "$(members n1 | grep -c .)" -eq 3 ]
	etcdctl n1 member remove "$id"
	join n4
	[ "$(members n1 | grep -c ' started .* false$')" -eq 3 ]
}

@test "the place of a dead member of the same name is taken only when that is asked for" {
	one_member
	joiner n2
	join n2
	joiner n3
	join n3
	stop n2 KILL
	wait_healthy n1
	old=$(members n1 | awk '$3 == "n2" { print $1 }')
	rm -rf "${BATS_TEST_TMPDIR:?}/n2"
	joiner n2
	run -3 helper n2 setup
	[[ "$output" == *"the cluster has a member n2 ("*"$old)"*"it does not answer"*"etcd-cluster replace n2"* ]]
	[ "$(members n1 | grep -c "^$old")" -eq 1 ]
	answer n2 REPLACE=yes
	join n2
	[ "$(members n1 | grep -c ' started .* false$')" -eq 3 ]
	[ "$(members n1 | grep -c "^$old")" -eq 0 ]
}

@test "two of three dead: nobody is removed for the sake of a replacement" {
	one_member
	joiner n2
	join n2
	joiner n3
	join n3
	stop n2 KILL
	stop n3 KILL
	rm -rf "${BATS_TEST_TMPDIR:?}/n2"
	joiner n2 REPLACE=yes
	run -6 helper n2 setup
	start n3
	wait_healthy n1
	[ "$(members n1 | grep -c .)" -eq 3 ]
}

@test "an etcd that is too old or too new for the cluster is not added" {
	need_release 3.5
	one_member
	for series in 3.4 3.7; do
		have_release $series || continue
		rm -rf "${BATS_TEST_TMPDIR:?}/n2"
		joiner n2
		run -3 helper n2 setup
		[[ "$output" == *"this machine has etcd $RELEASE_VERSION, the cluster runs 3.5."* ]]
		[[ "$output" == *"RELEASE=3.5."* ]]
	done
	[ "$(members n1 | grep -c .)" -eq 1 ]
	have_release 3.6 || return 0
	rm -rf "${BATS_TEST_TMPDIR:?}/n2"
	joiner n2
	join n2
}

@test "certificates of another CA lead nowhere, and say so" {
	one_member
	joiner n2
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5 -subj /CN=other \
		-addext keyUsage=critical,keyCertSign,cRLSign -keyout "$BATS_TEST_TMPDIR/n2/etc/etcd/pki/ca.key" \
		-out "$BATS_TEST_TMPDIR/n2/etc/etcd/pki/ca.crt" 2>/dev/null
	run -4 helper n2 setup
	[[ "$output" == *"its certificate is not from the CA in "* ]]
	[ ! -e "$BATS_TEST_TMPDIR/n2/etc/etcd/joining" ]
	[ "$(members n1 | grep -c .)" -eq 1 ]
}

@test "a dry run adds nobody" {
	one_member
	joiner n2
	answer n2 ROLE=none
	cp "$BATS_TEST_TMPDIR/n2/etc/etcd/cluster.conf" "$BATS_TEST_TMPDIR/before"
	run -0 helper n2 join "127.0.0.1:$(port n1 1)" --dry-run
	[[ "$output" == *"would write"*"cluster.conf"* ]]
	cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/n2/etc/etcd/cluster.conf"
	answer n2 ROLE=join
	helper n2 setup --local || [ $? -eq 6 ]
	run helper n2 setup --dry-run
	[[ "$output" == *"would add this machine to cluster"*"as a learner"* ]]
	[ "$(members n1 | grep -c .)" -eq 1 ]
	[ ! -e "$BATS_TEST_TMPDIR/n2/etc/etcd/joining" ]
}
