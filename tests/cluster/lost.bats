#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# operations.md, "Data directory lost or foreign", on the only member of a cluster.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_release "${SERIES:-3.6}"
}

teardown() {
	end_all
}

# etcd of n1, which has a key, is stopped, and its data is moved to $kept.
lost() {
	one_member
	etcdctl n1 put key value
	helper n1 setup
	stop n1
	root=$BATS_TEST_TMPDIR/n1 data=$BATS_TEST_TMPDIR/n1/var/lib/etcd-cluster kept=$BATS_TEST_TMPDIR/kept
	mv "$data" "$kept"
}

@test "lost: neither check nor setup starts it empty; with the data back it is what it was" {
	lost
	run -3 helper n1 check --start
	[[ "$output" == *"starting empty under its old ID can erase acknowledged writes"* ]]
	run -3 helper n1 setup
	mv "$kept" "$data"
	start n1
	wait_healthy n1
	[ "$(etcdctl n1 get key --print-value-only)" = value ]
}

@test "lost for ever: check prints the command that starts empty, and it does" {
	lost
	command=$(helper n1 check --start | sed -n 's/.*to give it up and start empty: //p')
	[[ "$command" == "mv "*"; mv "* ]]
	eval "$command"
	helper n1 setup || [ $? -eq 6 ]
	start n1
	wait_healthy n1
	helper n1 setup
	[ -z "$(etcdctl n1 get key --print-value-only)" ]
	helper n1 check
}

@test "foreign: the data of another cluster is refused until the right directory is back" {
	lost
	machine n2
	start n2
	wait_healthy n2
	stop n2
	cp -a "$BATS_TEST_TMPDIR/n2/var/lib/etcd-cluster" "$data"
	run -3 helper n1 check --start
	[[ "$output" == *"put the right directory back, or name it with DATA_DIR in cluster.conf"* ]]
	run -3 helper n1 setup
	rm -r "$data"
	mv "$kept" "$data"
	start n1
	wait_healthy n1
	[ "$(etcdctl n1 get key --print-value-only)" = value ]
}
