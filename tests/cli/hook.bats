#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The maintainer hook in a fake root, with fakes of the programs that it calls; its answers are in answers.bats.
# shellcheck disable=SC2154 # names of hook.bash

load hook

@test "the first installation runs setup --local and starts the target without waiting" {
	boot
	configure ''
	[ "$(cat "$CALLS")" = "$(printf '%s\n' 'systemctl daemon-reload' "$asks" 'etcd-cluster setup --local' \
		'systemctl --quiet is-enabled etcd-cluster.target' 'systemctl --no-block start etcd-cluster.target')" ]
}

@test "dpkg scripts start units with deb-systemd-invoke, which asks policy-rc.d" {
	boot
	DPKG_MAINTSCRIPT_NAME=postinst configure ''
	called 'deb-systemd-invoke start etcd-cluster.target'
	not_called 'systemctl.* start'
}

@test "a disabled target is not started" {
	boot
	# shellcheck disable=SC2016
	fake systemctl '[ "$2" != is-enabled ]'
	configure ''
	not_called ' start '
}

@test "dpkg-reconfigure runs setup and starts the target like a first installation" {
	boot
	outcome ready
	DEBCONF_RECONFIGURE=1 configure 0.1.0 NAME=n2
	called 'etcd-cluster setup --local'
	called 'systemctl --no-block start etcd-cluster.target'
}

@test "dpkg-reconfigure does not wait for a setup that waits for others: it begins again with the new answers" {
	boot
	fake etcd-cluster 'sleep 60'
	for state in pending running; do
		: >"$CALLS"
		outcome "$state"
		start=$(date +%s%N)
		DEBCONF_RECONFIGURE=1 configure 0.1.0 NAME=n2
		[ $((($(date +%s%N) - start) / 1000000)) -lt 3000 ]
		called 'systemctl --no-block restart etcd-cluster-setup.service'
		not_called 'etcd-cluster setup'
	done
}

@test "an upgrade of a machine that is set up starts the timers that it brings and renews the enrolment server" {
	boot
	for state in ready idle; do
		outcome "$state"
		configure 0.1.0
	done
	diff - <(sort -u "$CALLS") <<-'X'
		systemctl --no-block start etcd-cluster-renew.timer etcd-cluster-mark.timer
		systemctl --no-block try-restart etcd-cluster-enroll.service
		systemctl --quiet is-active etcd-cluster.target
		systemctl daemon-reload
	X
}

@test "an upgrade of a machine that is not set up starts the target only" {
	boot
	for state in pending failed; do
		: >"$CALLS"
		outcome "$state"
		configure 0.1.0
		called 'systemctl --no-block start etcd-cluster.target'
		not_called 'etcd-cluster setup'
	done
}

@test "an image build is not set up: no systemd, a chroot, DPKG_ROOT, policy-rc.d" {
	configure ''
	mkdir -p "$ETCD_CLUSTER_ROOT"/run/systemd/system "$ETCD_CLUSTER_ROOT"/proc/1 "$BATS_TEST_TMPDIR"/host
	configure ''
	ln -s "$BATS_TEST_TMPDIR"/host "$ETCD_CLUSTER_ROOT"/proc/1/root
	configure ''
	rm "$ETCD_CLUSTER_ROOT"/proc/1/root
	boot
	DPKG_ROOT=$ETCD_CLUSTER_ROOT configure ''
	[ ! -s "$CALLS" ]
	mkdir -p "$ETCD_CLUSTER_ROOT"/usr/sbin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nexit 101\n' >"$ETCD_CLUSTER_ROOT"/usr/sbin/policy-rc.d
	chmod +x "$ETCD_CLUSTER_ROOT"/usr/sbin/policy-rc.d
	configure ''
	[ "$(cat "$CALLS")" = "$(printf '%s\n' 'systemctl daemon-reload' "$asks")" ]
}

@test "the installation continues after every exit code of setup and after a crash, and prints two lines" {
	boot
	for rc in 1 3 4 5 6 139; do
		: >"$CALLS"
		fake etcd-cluster "printf 'etcd-cluster: %s\\n' 'making a CA' 'warning: why it is $rc' '  a hint' >&2; exit $rc"
		run configure ''
		[ "$status" -eq 0 ]
		[[ "$output" == *"why it is $rc"* ]]
		[[ "$output" == *"etcd-cluster status"* ]]
		[[ "$output" != *warning* ]]
		[ "$(wc -l <<<"$output")" -eq 2 ]
		[[ "$(tail -n 1 <<<"$output")" == *etcd-cluster* ]]
		called 'systemctl --no-block start etcd-cluster.target'
	done
}

@test "the hook fails if setup cannot write" {
	boot
	fake etcd-cluster "echo '/etc/etcd/pki: cannot write: No space left on device' >&2; exit 1"
	run configure ''
	[ "$status" -eq 1 ]
	[[ "$output" == *"a file cannot be written"* ]]
	not_called ' start '
	# Setup refuses (exit 3) if it sees the full disk beforehand.
	fake etcd-cluster "echo 'the file system of /etc/etcd is full: the certificates need 1024 KiB' >&2; exit 3"
	run configure ''
	[ "$status" -eq 1 ]
}

@test "the hook ends in under five seconds if setup hangs" {
	boot
	fake etcd-cluster 'trap "" TERM; while :; do sleep 1; done'
	start=$(date +%s%N)
	run configure ''
	[ "$status" -eq 0 ]
	[ $((($(date +%s%N) - start) / 1000000)) -lt 5000 ]
	called 'systemctl --no-block start etcd-cluster.target'
}

@test "the end of an etcd.service that ran before the installation is noted, in an upgrade it is not" {
	boot
	former_end=$ETCD_CLUSTER_ROOT/run/etcd-cluster/former-end
	# shellcheck disable=SC2016
	fake systemctl '[ "$1" != show ] || echo 4711'
	configure '' NAME=n1
	[ "$(cat "$former_end")" = 4711 ]
	outcome ready
	rm "$former_end"
	configure 0.1
	[ ! -e "$former_end" ]
	# dpkg gives the former version also after a removal. 0: it never ran.
	"$hook" remove
	# shellcheck disable=SC2016
	fake systemctl '[ "$1" != show ] || echo 0'
	configure 0.1
	[ ! -e "$former_end" ]
	# shellcheck disable=SC2016
	fake systemctl '[ "$1" != show ] || echo 815'
	configure 0.1
	[ "$(cat "$former_end")" = 815 ]
}

@test "remove stops the retry timer before etcd, deletes the outcome, and keeps everything else" {
	boot
	configure '' NAME=n1
	outcome ready
	"$hook" remove
	[[ "$(grep 'systemctl stop' "$CALLS")" == *etcd-cluster-setup.timer*" etcd.service" ]]
	[ ! -e "$ETCD_CLUSTER_ROOT"/run/etcd-cluster ]
	has_line NAME=n1
}

@test "remove reports a machine that is still a member and the command to remove it, except for a single member" {
	etc=$ETCD_CLUSTER_ROOT/etc/etcd
	mkdir -p "$etc"
	printf 'CLUSTER_ID=1\nMEMBER_ID=2\nNAME=n2\n' >"$etc"/member-id
	echo ETCD_INITIAL_CLUSTER=n2=https://10.0.0.2:2380 >"$etc"/etcd.env
	run "$hook" remove
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	# Formed with others, joined to others, others joined to it.
	echo ETCD_INITIAL_CLUSTER=n1=https://10.0.0.1:2380,n2=https://10.0.0.2:2380 >"$etc"/etcd.env
	run "$hook" remove
	[ "$status" -eq 0 ]
	[[ "$output" == *"still a member"*"etcd-cluster remove n2"* ]]
	: >"$etc"/etcd.env
	touch "$etc"/joining
	run "$hook" remove
	[[ "$output" == *"etcd-cluster remove n2"* ]]
	rm "$etc"/joining
	mkdir -p "$etc"/enroll/members
	run "$hook" remove
	[ -z "$output" ]
	touch "$etc"/enroll/members/n3
	run "$hook" remove
	[[ "$output" == *"etcd-cluster remove n2"* ]]
	# After leave the machine has no member-id.
	mv "$etc"/member-id "$etc"/member-id.aside-20261121-101500
	run "$hook" remove
	[ -z "$output" ]
}

@test "beside another etcd nothing is set up, started or stopped, and the target is not enabled" {
	boot
	mkdir -p "${conf%/*}"
	touch "${conf%/*}"/adopt
	for old in '' 0.1.0; do
		run configure "$old" NAME=n1
		[ "$status" -eq 0 ]
		[[ "$output" == *"etcd-cluster is idle"* ]]
	done
	has_line NAME=n1
	called "systemctl --root=$ETCD_CLUSTER_ROOT --quiet disable etcd-cluster.target"
	not_called ' start '
	not_called etcd-cluster.setup
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	not_called release
	mkdir -p "${conf%/*}"/pki
	run "$hook" kept
	[ -z "$output" ]
	run "$hook" remove
	[ "$status" -eq 0 ]
	grep -q '^systemctl stop etcd-cluster.target ' "$CALLS"
	not_called etcd.service
}

@test "an unknown call fails" {
	run "$hook" explode
	[ "$status" -eq 1 ]
	run "$hook"
	[ "$status" -eq 1 ]
}

@test "bring unpacks the release and starts a pending setup" {
	boot
	outcome pending
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	called 'etcd-cluster release install 3.6.14'
	called 'systemctl --no-block start etcd-cluster.target'
}

@test "bring does not start a machine that is set up, an image, or a disabled target" {
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	boot
	outcome ready
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	outcome pending
	fake systemctl 'case $* in *is-enabled*) exit 1 ;; esac'
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	not_called ' start '
	[ "$(grep -c 'release install' "$CALLS")" -eq 3 ]
}

@test "bring fails on a full disk and not on a refused release" {
	fake etcd-cluster 'echo refused; exit 4'
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	[[ $output == *'etcd 3.6.14 is not unpacked'* ]]
	fake etcd-cluster 'echo "cannot write: No space left on device"; exit 1'
	run "$hook" bring 3.6.14
	[ "$status" -eq 1 ]
}

@test "kept prints the paths of the data, or nothing if there is none" {
	configure '' NAME=n1
	run "$hook" kept
	[ "$status" -eq 0 ]
	[ -z "$output" ]

	mkdir -p "$ETCD_CLUSTER_ROOT"/etc/etcd/pki.aside-20261121-101500
	run "$hook" kept
	[[ "$output" == *"kept: "*"/etc/etcd "* ]]
	rmdir "$ETCD_CLUSTER_ROOT"/etc/etcd/pki.aside-20261121-101500

	mkdir -p "$ETCD_CLUSTER_ROOT"/var/lib/etcd-cluster/member
	run "$hook" kept
	[[ "$output" == *"kept: /var/lib/etcd-cluster (data), /etc/etcd "* ]]

	mkdir -p "$ETCD_CLUSTER_ROOT"/srv/etcd/member "$conf".d
	echo 'WAL_DIR=/fast/etcd' >>"$conf"
	echo 'DATA_DIR = "/srv/etcd"' >"$conf".d/site.conf
	run "$hook" kept
	[ "$status" -eq 0 ]
	[[ "$output" == *"kept: /srv/etcd, /fast/etcd (data)"* ]]
}
