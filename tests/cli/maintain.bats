#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# maintain without an etcd: what is refused, what the timer does, and MAINTAIN_SCHEDULE.

bats_require_minimum_version 1.5.0

setup() {
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/etc/etcd"
	echo NAME=n1 >"$root/etc/etcd/cluster.conf"
}

cluster() {
	"$ETCD_CLUSTER" --root "$root" "$@"
}

@test "options that do not go together, and arguments, are refused" {
	run -3 cluster maintain --scheduled --all
	[[ "$output" == *"--scheduled and --all do not go together"* ]]
	run -3 cluster maintain n1
	run -0 cluster maintain --help
	[[ "$output" == *--all*--scheduled* ]]
}

@test "without certificates a person is told so, and the timer has nothing to do" {
	run -3 cluster maintain
	[[ "$output" == *"etcd-cluster setup issues it"* ]]
	run -0 cluster maintain --scheduled
	run -2 cluster maintain --scheduled --exit-code
	# Nothing is recorded for status but the failure of the person's.
	[ "$(ls "$root/var/lib/etcd-cluster.state")" = maintain ]
}

@test "a schedule that systemd does not know is refused by setup" {
	systemd-analyze calendar daily >/dev/null || skip "no systemd-analyze"
	echo MAINTAIN_SCHEDULE=nightly >>"$root/etc/etcd/cluster.conf"
	run -3 cluster setup --local
	[[ "$output" == *"MAINTAIN_SCHEDULE=nightly is not a calendar event"*"systemd-analyze calendar 'nightly'"* ]]
	sed -i '/^MAINTAIN/d' "$root/etc/etcd/cluster.conf"
	run cluster setup --local
	[[ "$output" != *MAINTAIN_SCHEDULE* ]]
}
