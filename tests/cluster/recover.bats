#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# restore --force-new-cluster with real etcd: refused while another member answers; then one machine continues with its
# data as a new cluster, also after a kill at any moment; the former members keep their own.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load crash
load join

tracer=(strace -qq) # not the etcd that restore starts

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	end_all
}

cluster_id() {
	helper "$1" status --json 2>/dev/null | json cluster_id
}

# restore NAME CLUSTER_ID [OPTION…]
restore() {
	local name=$1 id=$2
	shift 2

	helper "$name" restore --exit-code --force-new-cluster "$id" --others-fenced "$@"
}

# Lists what is beside the member in the data directory of n1.
copies() {
	find "$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster" -mindepth 1 -maxdepth 1 -name 'member.aside-*' -printf '%f\n'
}

# restored VALUE OLD_ID: n1 runs alone, in a new cluster, with that value and a higher revision if etcdutl exists.
restored() {
	local root=$BATS_TEST_TMPDIR/n1 revision

	start n1
	wait_healthy n1
	[ "$(members n1 | wc -l)" -eq 1 ]
	[ "$(cluster_id n1)" != "$2" ]
	grep -qx "CLUSTER_ID=0*$(cluster_id n1)" "$root/etc/etcd/member-id"
	run -0 etcdctl n1 get kept --print-value-only
	[ "$output" = "$1" ] || { echo "kept: $output"; return 1; }
	revision=$(etcdctl n1 get kept -w json | json header.revision)
	[ ! -e "$root/usr/libexec/etcd-cluster/releases/current/etcdutl" ] || [ "$revision" -ge 1000000000 ]
	etcdctl n1 put more "after $1"
}

@test "refused while another member answers; then one machine continues with all acknowledged writes" {
	local id i leader

	three_machines
	id=$(cluster_id n1)
	etcdctl n1 put kept value

	run -3 restore n1 "$id"
	[[ "$output" == *"the cluster has its quorum (3 of 3"*"etcd-cluster remove"* ]]
	stop n3 KILL
	wait_healthy n1
	run -3 restore n1 "$id"
	[[ "$output" == *"has its quorum (2 of 3"* ]]

	for i in $(seq 20); do
		etcdctl n1 put "last$i" "$i"
	done
	# And one that n1 alone has.
	for leader in n1 n2; do
		! etcdctl $leader move-leader "$(etcdctl n1 member list | sed -n 's/, started, n1,.*//p')" || break
	done
	kill -STOP "$(etcd_pid n2)"
	run ! etcdctl n1 put alone in-the-log --command-timeout=1s
	# No quorum, but another member answers.
	stop n1 KILL
	kill -CONT "$(etcd_pid n2)"
	run -3 restore n1 "$id"
	[[ "$output" == *"still answers"* ]]
	# Still refused: restarted without a quorum, it answers its peers but no client.
	stop n2 KILL
	start n2
	eventually listens "$(port n2 2)"
	run -3 restore n1 "$id"
	[[ "$output" == *"https://127.0.0.1:$(port n2 2) still answers"*"stop etcd on the others"* ]]
	[[ "$output" == *"log of this machine ends at term "* ]]
	stop n2 KILL

	# Only this machine is left; with --root restore does not stop its etcd.
	start n1
	eventually listens "$(port n1 2)"
	run -3 restore n1 "$id"
	[[ "$output" == *"process $(etcd_pid n1) runs etcd on"* ]]
	stop n1 KILL
	run -3 restore n1 12345678
	[[ "$output" == *"belongs to cluster"*"$id"* ]]
	run -3 restore n1 no-id
	[[ "$output" == *"no-id is not a valid cluster ID"*"CLUSTER_ID in "* ]]
	run -3 helper n1 restore
	run -3 helper n1 restore --force-new-cluster "$id"
	[[ "$output" == *"log of this machine ends at term "*"the other members ("*"may run"*"--others-fenced"* ]]
	[ -z "$(copies)" ]

	run -0 helper n1 restore --dry-run --force-new-cluster "$id"
	[[ "$output" == *"log of this machine ends at term "*"would make the data of a new cluster"* ]]
	[ -z "$(copies)" ]
	run -0 restore n1 "$id"
	[[ "$output" == *"https://127.0.0.1:$(port n2 2) is no longer a member"*"etcd-cluster join"*"--abandon "*"$id"* ]]
	[[ "$output" == *"start "*"/etcd yourself"* ]]
	[ "$(copies | wc -l)" -eq 1 ]
	restored value "$id"
	for i in $(seq 20); do
		[ "$(etcdctl n1 get "last$i" --print-value-only)" = "$i" ]
	done
	[ "$(etcdctl n1 get alone --print-value-only)" = in-the-log ]

	run -2 restore n1 "$id"
	[ "$(copies | wc -l)" -eq 1 ]
}

@test "the old data is kept as it was: another etcd starts from it" {
	local id root=$BATS_TEST_TMPDIR/n1 data=$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster token

	one_member
	remember n1
	id=$(cluster_id n1)
	etcdctl n1 put kept value
	run -2 restore n1 "$id"
	stop n1 KILL
	cp "$root/etc/etcd/member-id" "$root/member-id"
	(cd "$data/member" && find . -type f -exec sha256sum {} + | sort) >"$BATS_TEST_TMPDIR/before"
	run -0 restore n1 "$id"
	(cd "$data/$(copies)" && find . -type f -exec sha256sum {} + | sort) >"$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	token=$(sed -n 's/^TOKEN=//p' "$root/etc/etcd/recovered")
	[[ "$token" == etcd-cluster.* ]]
	grep -qx "ETCD_INITIAL_CLUSTER_TOKEN=$token" "$root/etc/etcd/etcd.env"
	helper n1 setup || [ $? -eq 2 ]
	grep -qx "ETCD_INITIAL_CLUSTER_TOKEN=$token" "$root/etc/etcd/etcd.env"
	rm -rf "${data:?}/member" "$root/etc/etcd/recovered"
	mv "$data/$(copies)" "$data/member"
	mv "$root/member-id" "$root/etc/etcd/member-id"
	start n1
	wait_healthy n1
	[ "$(cluster_id n1)" = "$id" ]
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]
}

@test "a separate log moves, too; a full disk is refused before etcd is stopped" {
	local id data=$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster wal=$BATS_TEST_TMPDIR/n1/var/lib/wal

	one_member WAL_DIR=/var/lib/wal
	id=$(cluster_id n1)
	etcdctl n1 put kept value
	stop n1 KILL
	# A sparse file needs no space, its copy can.
	truncate -s $(($(stat -f -c '%a * %S' "$data") + (1 << 30))) "$data/member/snap/hole"
	run -3 restore n1 "$id"
	[[ "$output" == *"nothing was changed"*"make room"* ]]
	[ -z "$(copies)" ]
	rm "$data/member/snap/hole"
	run -0 restore n1 "$id"
	[ "$(find "$wal" -maxdepth 1 -name 'wal.aside-*' | wc -l)" -eq 1 ]
	[ ! -e "$data/member/wal" ]
	restored value "$id"
	# Once more: the record of the first recovery does not count for the second.
	id=$(cluster_id n1)
	stop n1 KILL
	run -0 restore n1 "$id"
	[ "$(find "$wal" -maxdepth 1 -name 'wal.aside-*' | wc -l)" -eq 2 ]
	restored value "$id"
}

@test "without data, or with the data of a learner: refused" {
	machine n1
	run -3 restore n1 1234
	[[ "$output" == *"there is no data in"* ]]
	start n1
	wait_healthy n1
	machine n2
	unformed n2
	etcdctl n1 member add n2 --learner --peer-urls="https://127.0.0.1:$(port n2 2)"
	start n2 ETCD_INITIAL_CLUSTER_STATE=existing \
		ETCD_INITIAL_CLUSTER="n1=https://127.0.0.1:$(port n1 2),n2=https://127.0.0.1:$(port n2 2)"
	wait_healthy n2
	stop n1 KILL
	run restore n2 "$(sed -n 's/^CLUSTER_ID=//p' "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id" 2>/dev/null ||
		echo 1)"
	[ "$status" -eq 3 ]
}

changing='write,pwrite64,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync'
changing=$changing,clone,clone3,wait4,waitid,kill

# no_etcd: true if no etcd runs on the data of n1.
no_etcd() {
	! pgrep -f "^$BATS_TEST_TMPDIR/n1/.*/etcd\$" >/dev/null
}

# newest_data: prints the old or the new data of n1, wherever a kill has left it: there is always one with a log.
newest_data() {
	local one data=$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster

	for one in "$data"/member "$data"/member.aside-2*; do
		[ ! -e "$one/wal" ] || echo "$one"
	done
}

# Killed at its system calls, from the first to the last: its etcd ends with it, the next run removes an incomplete copy
# and succeeds.
@test "kill -9 anywhere, then again: the same end state" {
	local id n

	need_strace
	one_member
	remember n1
	id=$(cluster_id n1)
	etcdctl n1 put kept value
	stop n1
	keep_machines n1
	bring_back_machines n1
	count_calls "$changing" "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" \
		restore --others-fenced --force-new-cluster "$id"
	[ "$calls" -ge 25 ] || { echo "$calls calls"; cat "$BATS_TEST_TMPDIR/trace"; return 1; }
	for n in $(sample 12); do
		bring_back_machines n1
		at_call "$n" "$changing" signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" \
			restore --others-fenced --force-new-cluster "$id" >/dev/null 2>&1 3>&- || true
		eventually no_etcd || { echo "killed at call $n, its etcd lives"; return 1; }
		[ -n "$(newest_data)" ] || { echo "killed at call $n, the data is gone"; return 1; }
		# Setup finishes what was begun, and leaves the rest.
		if [ $((n % 2)) -eq 0 ]; then
			helper n1 setup >"$BATS_TEST_TMPDIR/log" 2>&1 || [ $? -eq 2 ] ||
				{ echo "killed at call $n"; cat "$BATS_TEST_TMPDIR/log"; return 1; }
		fi
		restore n1 "$id" >"$BATS_TEST_TMPDIR/log" 2>&1 || [ $? -eq 2 ] ||
			{ echo "killed at call $n"; cat "$BATS_TEST_TMPDIR/log"; return 1; }
		[ "$(copies | wc -l)" -eq 1 ] || { echo "killed at call $n"; copies; return 1; }
		run -2 restore n1 "$id"
	done
	restored value "$id"
}

# rejoin NAME TO CLUSTER_ID [OPTION…]: gives up its data of that cluster and joins the cluster of TO.
rejoin() {
	local name=$1 to=$2 id=$3 etc=$BATS_TEST_TMPDIR/$1/etc/etcd
	shift 3

	set_conf "$name" ADDRESS=127.0.0.1
	run helper "$name" join "127.0.0.1:$(port "$to" 1)" --abandon "$id" "$@"
	echo "$output"
	[ "$status" -eq 6 ]
	[ ! -e "$etc/etcd.env.new" ] || mv "$etc/etcd.env.new" "$etc/etcd.env" # three_machines had edited it
	join "$name"
}

# Without a quorum the former majority would end itself, if the new cluster had its ID ("permanently removed").
@test "every release: the majority that comes back keeps serving, and each side can give way" {
	local series id new

	for series in 3.4 3.5 3.6 3.7; do
		have_release $series || continue
		end_all
		rm -rf "${BATS_TEST_TMPDIR:?}"/n[123]
		three_machines
		id=$(cluster_id n1)
		etcdctl n1 put kept $series
		for n in n1 n2 n3; do
			stop $n KILL # the network of n1 is cut
		done
		run -0 restore n1 "$id"
		restored $series "$id"
		run -0 helper n1 status
		new=$(cluster_id n1)
		for n in n2 n3; do
			start $n
		done
		for n in n2 n3; do
			wait_healthy $n
		done
		etcdctl n2 put theirs "$series"
		[ "$(etcdctl n3 get more --print-value-only)" = "" ]
		[ "$(etcdctl n1 get theirs --print-value-only)" = "" ]
		run -5 helper n1 status
		[[ "$output" == *"https://127.0.0.1:$(port n2 2) still runs in the cluster"*"--abandon "*"$id"* ]]
		[[ "$output" == *"--replace --abandon "*"$new"* ]]
		run -5 helper n2 status
		[[ "$output" == *"2 of 3 voting members are healthy"* ]]
		[[ "$output" == *"$new answers at "*"etcd-cluster remove n1"*"--abandon "*"$id"* ]]

		if [ $series = 3.4 ] || [ $series = 3.6 ]; then # the new cluster stays
			run -3 helper n2 join "127.0.0.1:$(port n1 1)" --abandon "$id"
			[[ "$output" == *"has a quorum"* ]]
			stop n3
			stop n2
			run -3 helper n2 join "127.0.0.1:$(port n1 1)"
			[[ "$output" == *"--abandon "*"$id"* ]]
			rejoin n2 n1 "$id"
			[ "$(etcdctl n2 get more --print-value-only)" = "after $series" ]
			[ "$(voters n1)" -eq 2 ]
			run -0 helper n1 status
		else # the former one stays
			stop n1
			rejoin n1 n2 "$new" --replace
			[ "$(etcdctl n1 get theirs --print-value-only)" = "$series" ]
			[ "$(voters n2)" -eq 3 ]
			run -0 helper n1 status
		fi
	done
}
