#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Faults while three machines form a cluster: kills, I/O errors, and the loss of the first machine, which has the CA and
# the record. One cluster and one CA come of it, or a machine waits and says how it gets in.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load own-address
load form
load crash

setup() {
	need_release 3.5
}

teardown() {
	end_all
}

# struck NAME HOW CALLS N: HOW (signal=KILL, error=EIO) is injected at the Nth of these calls of setup there, which runs
# again until it is done.
struck() {
	local rc=0

	"${tracer[@]}" -o "$BATS_TEST_TMPDIR/trace.$1" -e "trace=$3" -e "inject=$3:$2:when=$4" \
		"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/$1" setup --wait || rc=$?
	[ $rc -eq 0 ] || echo "$1 $4 $rc" >>"$BATS_TEST_TMPDIR/struck"
	"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/$1" setup --wait || [ $? -eq 2 ]
}

# form_struck ROUNDS HOW CALLS MOST: forms so often, each time struck on each machine at a random one of the first MOST
# calls.
form_struck() {
	local n round at

	need_strace
	prepared
	keep_machines n1 n2 n3
	for ((round = 0; round < $1; round++)); do
		end server
		bring_back_machines n1 n2 n3
		serve
		at=
		for n in n1 n2 n3; do
			at="$at $n:$((RANDOM % $4 + 1))"
			behind setup-$n struck $n "$2" "$3" "${at##*:}"
		done
		for n in n1 n2 n3; do
			is_set_up $n || { echo "$2 at$at"; return 1; }
		done
		one_record || { echo "$2 at$at"; return 1; }
		run find "$BATS_TEST_TMPDIR"/n?/{etc,usr,var} -name '.pki.new' -o -name '.new-*'
		[ -z "$output" ] || { echo "$2 at$at: $output"; return 1; }
	done
	for n in n1 n2 n3; do launch $n; done
	one_cluster n1 n2 n3
	cat "$BATS_TEST_TMPDIR/struck"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/struck")" -ge "$1" ]
}

@test "setup killed on each machine at any moment: one cluster, one CA" {
	form_struck 10 signal=KILL rename,renameat2,mkdir,unlink,connect,sendto 24
}

@test "an I/O error on each machine at any moment: the same" {
	form_struck 6 error=EIO openat,read,fsync,rename,mkdir 200
}

# lost_first: the first machine has a new disk with the same preseed.
lost_first() {
	end server
	end setup-n1 KILL
	rm -rf "${BATS_TEST_TMPDIR:?}/n1"
	forming n1
}

# unheard NAME: it has accepted the record, and not heard that all have.
unheard() {
	rm "$(etc "$1")/member-id" "$(etc "$1")/etcd.env"
	sed -i s/^STATE=.*/STATE=accepted/ "$(etc "$1")/forming"
}

@test "the first is wiped when one has accepted its record: another record, another CA" {
	local nonce

	two_accept
	nonce=$(record n2 NONCE)
	lost_first
	rm "$(etc n3)/pki"
	serve
	setting_up n1
	setting_up n3
	for n in n1 n2 n3; do is_set_up $n; done
	one_record
	[ "$(record n1 NONCE)" != "$nonce" ]
	for n in n1 n2 n3; do launch $n; done
	one_cluster n1 n2 n3
}

@test "the first is wiped when it has committed and nobody has heard of it: the same" {
	local nonce

	prepared
	form n1 n2 n3
	nonce=$(record n2 NONCE)
	unheard n2
	unheard n3
	lost_first
	form n1 n2 n3
	one_record
	[ "$(record n1 NONCE)" != "$nonce" ]
	for n in n1 n2 n3; do launch $n; done
	one_cluster n1 n2 n3
}

@test "the first is wiped when one has started: the others are a quorum, and the first waits and says how it gets in" {
	prepared
	form n1 n2 n3
	unheard n3
	launch n2
	lost_first
	serve
	setting_up n1
	is_served
	setting_up n3
	is_set_up n3
	launch n3
	wait_healthy n2
	wait_healthy n3
	end setup-n1 KILL
	run -6 helper n1 setup
	[[ "$output" == *"n2 ($net.2) has not reported;"*" answers on port $peer_port"* ]]
	[[ "$output" == *"this machine was rebuilt: etcd-cluster replace"* ]]
	[ ! -e "$(etc n1)/forming" ]
	[ ! -e "$(etc n1)/pki/ca.crt" ]
}
