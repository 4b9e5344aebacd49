#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# restore FILE on a cluster of three: the first of MEMBERS makes the new cluster, the others give their data up and join
# it by themselves, with the keys that they have; a new machine joins, too.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load own-address
load form
load join

setup() {
	need_release "${SERIES:-3.6}"
	file=$BATS_TEST_TMPDIR/the.db
}

teardown() {
	end_all
}

pki_of() {
	(cd "$(etc "$1")/pki" && sha256sum ./*.key ca.crt)
}

@test "one file, three machines: the first restores it, the others follow by themselves" {
	local n old

	formed
	WRITES_TIMEOUT=30 writes n1 n2
	cp -r "$(writes_in)" "$BATS_TEST_TMPDIR/before"
	helper n2 backup "$file" >/dev/null
	writes_go_on
	writes_end
	etcdctl n1 put later "is lost"
	old=$(cluster_id n1)
	for n in n1 n2 n3; do pki_of $n >"$BATS_TEST_TMPDIR/pki-$n"; done
	for n in n1 n2 n3; do stop $n; done

	# n2 comes first: it waits for n1, and its old data never starts again.
	run -3 helper n2 restore "$file"
	[[ "$output" == *"--others-fenced"* ]]
	run -6 helper n2 restore "$file" --others-fenced
	echo "$output"
	[[ "$output" == *"joins the cluster that n1 restores"* ]]
	ls -d "$BATS_TEST_TMPDIR"/n2/var/lib/etcd-cluster/member.aside-2*
	run -6 helper n2 restore "$file" --others-fenced
	run helper n1 restore "$file" --others-fenced
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"n3 joins by itself when it has no data; if it has: etcd-cluster restore FILE --others-fenced"* ]]
	launch n1
	wait_healthy n1
	helper n1 setup || [ $? -eq 2 ]
	[ "$(cluster_id n1)" != "$old" ]
	join n2 launch
	# n3 with its old data: it neither joins nor disturbs.
	launch n3
	eventually listens "$peer_port" "$net.3"
	sleep 1
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
	stop n3
	run -6 helper n3 restore "$file" --others-fenced
	echo "$output"
	join n3 launch
	[ "$(voters n1)" -eq 3 ]
	one_cluster n1 n2 n3
	for n in n1 n2 n3; do
		pki_of $n | diff "$BATS_TEST_TMPDIR/pki-$n" -
		[ "$(cluster_id $n)" != "$old" ]
		[ "$(etcdctl $n get later --print-value-only)" = "" ]
		helper $n setup || [ $? -eq 2 ]
	done
	WRITES=$BATS_TEST_TMPDIR/before none_lost n3
	run -0 helper n1 status
}

@test "three new machines, and the backup of a cluster of one: the others enrol with the token, and join" {
	local n

	bare n1 "${own_ports[@]}" ROLE=single "ADDRESS=$net.1"
	helper n1 setup
	launch n1
	wait_healthy n1
	etcdctl n1 put kept value
	helper n1 backup "$file" >/dev/null
	stop n1
	rm -rf "${BATS_TEST_TMPDIR:?}/n1"
	prepared
	run -6 helper n1 setup # it waits for the others
	run -3 helper n1 restore "$file"
	[[ "$output" == *"--others-fenced"* ]]
	run helper n1 restore "$file" --others-fenced
	echo "$output"
	[ "$status" -eq 0 ]
	serve
	launch n1
	wait_healthy n1
	helper n1 setup || [ $? -eq 2 ]
	for n in n2 n3; do
		join $n launch
		[ "$(etcdctl $n get kept --print-value-only)" = value ]
	done
	one_cluster n1 n2 n3
	cmp "$(etc n1)/pki/ca.crt" "$(etc n3)/pki/ca.crt"
	for n in n1 n2 n3; do helper $n setup || [ $? -eq 2 ]; done
	run -0 helper n1 status
	[[ "$output" != *"not expected"* ]]
}
