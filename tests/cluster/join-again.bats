#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Obstacles for a join: a used name, a dead member, data or certificates of another cluster, another version.

bats_require_minimum_version 1.5.0
load lib
load join

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	end_all
}

@test "the name of a running member is refused" {
	one_member
	joiner n2 NAME=n1
	run -3 helper n2 setup
	[[ "$output" == *"the cluster has a member n1 ("*") at https://127.0.0.1:$(port n1 2) already, and it answers"* ]]
	[[ "$output" == *"choose another NAME"* ]]
	[ "$(members n1 | grep -c .)" -eq 1 ]
	# --replace is refused, too, because the member answers.
	set_conf n2 REPLACE=yes
	run -3 helper n2 setup
	[[ "$output" == *"already, and it answers"* ]]
	[ "$(members n1 | grep -c .)" -eq 1 ]
}

@test "the data of a removed member is moved aside, not deleted" {
	one_member
	joiner n2
	join n2
	etcdctl n1 put here before
	forget_n2
	stop n2
	local etc=$BATS_TEST_TMPDIR/n2/etc/etcd data=$BATS_TEST_TMPDIR/n2/var/lib/etcd-cluster

	# With its member-id setup does not join again: a person removed the member on purpose.
	run helper n2 setup
	[ -d "$data/member" ]
	[ "$(members n1 | grep -c .)" -eq 1 ]
	# After a new installation on the old disk there is no member-id.
	rm "$etc/member-id" "$etc/joining"
	join n2
	[ "$(voters n1)" -eq 2 ]
	ls -d "$data"/member.aside-*/wal
	[ "$(etcdctl n2 get here --print-value-only)" = before ]
}

@test "join after a removal: the old data is moved aside if a person runs join" {
	one_member
	joiner n2
	join n2
	run -2 helper n2 join --exit-code "127.0.0.1:$(port n1 1)"
	[[ "$output" == *"is a member already"* ]]
	forget_n2
	stop n2
	run -6 helper n2 join "127.0.0.1:$(port n1 1)"
	[[ "$output" == *"is no longer in the cluster; this machine is added again"* ]]
	ls "$BATS_TEST_TMPDIR"/n2/etc/etcd/member-id.aside-* "$BATS_TEST_TMPDIR"/n2/etc/etcd/joining.aside-*
	start n2
	wait_healthy n2
	finish n2
	[ "$(voters n1)" -eq 2 ]
	# A member of one cluster does not join another one.
	run -3 helper n1 join "127.0.0.1:$(port n1 8)"
	[[ "$output" == *"this machine is member "*" (n1) of cluster "*"no member of the cluster answers"* ]]
	[[ "$output" == *"etcd-cluster leave"* ]]
	run ! grep ROLE=join "$BATS_TEST_TMPDIR/n1/etc/etcd/cluster.conf"
}

@test "data of another cluster needs a person's decision" {
	one_member
	joiner n2
	helper n2 setup --local || [ $? -eq 6 ]
	# The data of an etcd that a distribution's package has started.
	run helper n2 setup
	"$BATS_TEST_TMPDIR"/n2/usr/libexec/etcd-cluster/releases/current/etcd \
		--data-dir "$BATS_TEST_TMPDIR/n2/var/lib/etcd-cluster" \
		--listen-client-urls "http://127.0.0.1:$(port n2 5)" --advertise-client-urls "http://127.0.0.1:$(port n2 5)" \
		--listen-peer-urls "http://127.0.0.1:$(port n2 6)" >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/n2/etcd.pid"
	eventually curl --silent --fail --output /dev/null "http://127.0.0.1:$(port n2 5)/health"
	stop n2
	rm -f "$BATS_TEST_TMPDIR"/n2/etc/etcd/joining
	run -3 helper n2 setup
	[[ "$output" == *"ran without any configuration"* ]]
	[ -d "$BATS_TEST_TMPDIR/n2/var/lib/etcd-cluster/member" ]
}

@test "a dead member blocks a join, and is named" {
	three_machines
	stop n2 KILL
	wait_healthy n1
	id=$(members n1 | awk '$3 == "n2" { print $1 }')
	joiner n4
	run -6 helper n4 setup
	[[ "$output" == *"member n2 ("*"$id) does not answer, and etcd"* ]]
	[[ "$output" == *") does not answer, and etcd does not change the membership while a member is down"* ]]
	[[ "$output" == *"etcd-cluster remove "*"$id"* ]]
	[ "$(members n1 | grep -c .)" -eq 3 ]
	drop n1 "$id"
	join n4
	[ "$(voters n1)" -eq 3 ]
}

@test "a dead member of the same name is replaced only on request" {
	three_machines
	stop n2 KILL
	wait_healthy n1
	old=$(members n1 | awk '$3 == "n2" { print $1 }')
	rm -rf "${BATS_TEST_TMPDIR:?}/n2"
	joiner n2
	run -3 helper n2 setup
	[[ "$output" == *"the cluster has a member n2 ("*"$old)"*"it does not answer"*"etcd-cluster replace n2"* ]]
	[ "$(members n1 | grep -c "^$old")" -eq 1 ]
	set_conf n2 REPLACE=yes
	join n2
	[ "$(voters n1)" -eq 3 ]
	[ "$(members n1 | grep -c "^$old")" -eq 0 ]
}

@test "two of three dead: no member is removed for a replacement" {
	three_machines
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

@test "certificates of another CA are refused with a clear message" {
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

@test "a dry run adds no member" {
	one_member
	joiner n2
	set_conf n2 ROLE=none
	cp "$BATS_TEST_TMPDIR/n2/etc/etcd/cluster.conf" "$BATS_TEST_TMPDIR/before"
	run -0 helper n2 join "127.0.0.1:$(port n1 1)" --dry-run
	[[ "$output" == *"would write"*"cluster.conf"* ]]
	cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/n2/etc/etcd/cluster.conf"
	set_conf n2 ROLE=join
	helper n2 setup --local || [ $? -eq 6 ]
	run helper n2 setup --dry-run
	[[ "$output" == *"would add this machine to cluster"*"as a learner"* ]]
	[ "$(members n1 | grep -c .)" -eq 1 ]
	[ ! -e "$BATS_TEST_TMPDIR/n2/etc/etcd/joining" ]
}
