#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# restore --force-new-cluster with real etcd: refused while another member answers; then one machine continues with its
# data, also after a kill at any moment.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load crash

tracer=(strace -qq) # not the etcd that restore starts

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	end_all
}

cluster_id() {
	helper n1 status --json 2>/dev/null | json cluster_id
}

# Lists the data directory of n1 without the member.
copies() {
	find "$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster" -mindepth 1 -maxdepth 1 -name 'member.aside-*' -printf '%f\n'
}

restored() {
	start n1
	wait_healthy n1
	[ "$(etcdctl n1 member list | wc -l)" -eq 1 ]
	run -0 etcdctl n1 get kept --print-value-only
	[ "$output" = "$1" ] || { echo "kept: $output"; return 1; }
	etcdctl n1 put more "after $1"
}

@test "refused while another member answers; then one machine continues with all acknowledged writes" {
	local id

	three_machines
	id=$(cluster_id)
	# etcd stores the commit of an entry with the next entry. If it is killed before, it does not count the last entry
	# as committed (etcd-cluster.8, restore).
	etcdctl n1 put kept value
	etcdctl n1 put last value

	run -3 helper n1 restore --force-new-cluster "$id"
	[[ "$output" == *"the cluster has its quorum (3 of 3"*"etcd-cluster remove"* ]]
	stop n3 KILL
	wait_healthy n1
	run -3 helper n1 restore --force-new-cluster "$id"
	[[ "$output" == *"has its quorum (2 of 3"* ]]

	# No quorum, but another member answers.
	stop n1 KILL
	run -3 helper n1 restore --force-new-cluster "$id"
	[[ "$output" == *"still answers"* ]]
	# Still refused: restarted without a quorum, it answers its peers but no client.
	stop n2 KILL
	start n2
	eventually listens "$(port n2 2)"
	run -3 helper n1 restore --force-new-cluster "$id"
	[[ "$output" == *"https://127.0.0.1:$(port n2 2) still answers"*"stop etcd on the others"* ]]
	stop n2 KILL

	# Only this machine is left; with --root restore does not stop its etcd.
	start n1
	eventually listens "$(port n1 2)"
	run -3 helper n1 restore --force-new-cluster "$id"
	[[ "$output" == *"process $(etcd_pid n1) runs etcd on"* ]]
	stop n1 KILL
	run -3 helper n1 restore --force-new-cluster 12345678
	[[ "$output" == *"belongs to cluster"*"$id"* ]]
	run -3 helper n1 restore --force-new-cluster no-id
	[[ "$output" == *"no-id is not a valid cluster ID"*"CLUSTER_ID in "* ]]
	run -3 helper n1 restore
	[ -z "$(copies)" ]

	run -0 helper n1 restore --dry-run --force-new-cluster "$id"
	[ -z "$(copies)" ]
	run -0 helper n1 restore --force-new-cluster "$id"
	[[ "$output" == *"goes on with the data of this machine alone"* ]]
	[[ "$output" == *"https://127.0.0.1:$(port n2 2) is no longer a member"*"etcd-cluster join"* ]]
	[[ "$output" == *"start "*"/etcd yourself"* ]]
	[[ "$output" == *"is now the only one of cluster"* ]]
	[ "$(copies | wc -l)" -eq 1 ]
	grep -q "^CLUSTER_ID=0*$id\$" "$BATS_TEST_TMPDIR/n1/etc/etcd/member-id"
	restored value

	run -2 helper n1 restore --force-new-cluster "$id"
	[ "$(copies | wc -l)" -eq 1 ]
}

@test "the copy is complete: another etcd starts from it" {
	local id data=$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster

	one_member
	id=$(cluster_id)
	etcdctl n1 put kept value
	run -2 helper n1 restore --force-new-cluster "$id"
	stop n1 KILL
	(cd "$data/member" && find . -type f -exec sha256sum {} + | sort) >"$BATS_TEST_TMPDIR/before"
	run -0 helper n1 restore --force-new-cluster "$id"
	(cd "$data/$(copies)" && find . -type f -exec sha256sum {} + | sort) >"$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	rm -rf "${data:?}/member"
	mv "$data/$(copies)" "$data/member"
	restored value
}

@test "a separate log is copied, too; a full disk is refused before etcd is stopped" {
	local id data=$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster

	one_member WAL_DIR=/var/lib/wal
	id=$(cluster_id)
	etcdctl n1 put kept value
	stop n1 KILL
	# A sparse file needs no space, its copy can.
	truncate -s $(($(stat -f -c '%a * %S' "$data") + (1 << 30))) "$data/member/snap/hole"
	run -3 helper n1 restore --force-new-cluster "$id"
	[[ "$output" == *"nothing was changed"*"make room"* ]]
	[ -z "$(copies)" ]
	rm "$data/member/snap/hole"
	run -0 helper n1 restore --force-new-cluster "$id"
	[ "$(find "$BATS_TEST_TMPDIR/n1/var/lib/wal" -maxdepth 1 -name 'wal.aside-*' | wc -l)" -eq 1 ]
	restored value
}

@test "without data, or with the data of a learner: refused" {
	machine n1
	run -3 helper n1 restore --force-new-cluster 1234
	[[ "$output" == *"there is no data in"* ]]
	start n1
	wait_healthy n1
	machine n2
	etcdctl n1 member add n2 --learner --peer-urls="https://127.0.0.1:$(port n2 2)"
	start n2 ETCD_INITIAL_CLUSTER_STATE=existing \
		ETCD_INITIAL_CLUSTER="n1=https://127.0.0.1:$(port n1 2),n2=https://127.0.0.1:$(port n2 2)"
	wait_healthy n2
	stop n1 KILL
	run helper n2 restore --force-new-cluster \
		"$(sed -n 's/^CLUSTER_ID=//p' "$BATS_TEST_TMPDIR/n2/etc/etcd/member-id" 2>/dev/null ||
		echo 1)"
	[ "$status" -eq 3 ]
}

changing='write,pwrite64,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync'
changing=$changing,clone,clone3,wait4,waitid,kill

# no_etcd: true if no etcd runs on the data of n1.
no_etcd() {
	! pgrep -f "^$BATS_TEST_TMPDIR/n1/.*/etcd\$" >/dev/null
}

# Killed at its system calls, from the first to the last: its etcd ends with it, the next run removes an incomplete copy
# and succeeds.
@test "kill -9 anywhere, then again: the same end state" {
	local id n

	need_strace
	one_member
	id=$(cluster_id)
	etcdctl n1 put kept value
	stop n1
	count_calls "$changing" "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" restore --force-new-cluster "$id"
	[ "$calls" -ge 25 ] || { echo "$calls calls"; cat "$BATS_TEST_TMPDIR/trace"; return 1; }
	for n in $(sample 25); do
		at_call "$n" "$changing" signal=KILL \
			"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" restore --force-new-cluster "$id" >/dev/null 2>&1 3>&- || true
		eventually no_etcd || { echo "killed at call $n, its etcd lives"; return 1; }
	done
	run -0 helper n1 restore --force-new-cluster "$id"
	[ ! -e "$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster/member.aside-partial" ]
	restored value
}

@test "every release can be forced" {
	local series id

	for series in 3.4 3.5 3.6 3.7; do
		have_release $series || continue
		end_all
		rm -rf "${BATS_TEST_TMPDIR:?}"/n[123]
		three_machines
		id=$(cluster_id)
		etcdctl n1 put kept $series
		for n in n2 n3; do
			stop $n KILL
		done
		stop n1
		run -0 helper n1 restore --force-new-cluster "$id"
		restored $series
	done
}
