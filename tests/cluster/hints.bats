#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Rows of cli/hints.bats that need a running etcd: situation, hint, result.

bats_require_minimum_version 1.5.0
load ../cli/hints
load lib

setup() {
	need_release "${ETCD_SERIES:-3.5}"
}

setup_file() { # not that of hints.bash
	:
}

teardown() {
	end_all
}

@test "too few open files; a certificate that was not renewed" {
	one_member
	prlimit --pid "$(etcd_pid n1)" --nofile=1024:1024
	says 'systemctl edit etcd: [Service] LimitNOFILE=65536' n1 check
	stop n1
	start n1 # with the limit of this shell
	wait_healthy n1
	run ! says 'systemctl edit etcd: [Service] LimitNOFILE=65536' n1 check

	ETCD_CLUSTER_NOW=$(($(date +%s) + 345 * 86400))
	export ETCD_CLUSTER_NOW
	says '%s: etcd-cluster cert renew; journalctl -u etcd-cluster-renew shows why it was not' n1 check
	helper n1 cert renew
	run ! says '%s: etcd-cluster cert renew; journalctl -u etcd-cluster-renew shows why it was not' n1 check
	unset ETCD_CLUSTER_NOW
}

@test "two members of one name are removed by ID" {
	local id

	three_machines
	id=$(sed -n 's/^MEMBER_ID=//p' "$BATS_TEST_TMPDIR/n3/etc/etcd/member-id")
	stop n3
	start n3 ETCD_NAME=n2
	eventually listed_twice
	says 'name the one by its ID' n1 remove n2
	stop n3
	helper n1 remove "$id"
	[ "$(etcdctl n1 member list | wc -l)" -eq 2 ]
	etcdctl n1 member list | grep -q ", n2, "
}

listed_twice() {
	[ "$(etcdctl n1 member list | grep -c ', n2, ')" -eq 2 ]
}
