#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# scripts/etcdctl.sh, with a fake etcdctl that prints its arguments and variables.

bats_require_minimum_version 1.5.0

setup() {
	export ETCD_CLUSTER_ROOT="$BATS_TEST_TMPDIR/root"
	etc="$ETCD_CLUSTER_ROOT/etc/etcd"
	current="$ETCD_CLUSTER_ROOT/usr/libexec/etcd-cluster/releases/current"
	script="$BATS_TEST_DIRNAME/../../scripts/etcdctl.sh"
	mkdir -p "$etc/pki" "$current"
	cat >"$etc/etcdctl.env" <<-'END'
		# Made by etcd-cluster
		ETCDCTL_ENDPOINTS=https://127.0.0.1:2379
		ETCDCTL_CACERT="/etc/etcd/pki/ca.crt"
		ETCDCTL_KEY=/etc/etcd/pki/etcdctl-etcd-client.key
		ETCDCTL_DIAL_TIMEOUT=3s
		PATH=/nowhere
		ETCDCTL_X;touch=evil
	END
	echo key >"$etc/pki/etcdctl-etcd-client.key"
	cat >"$current/etcdctl" <<-'END'
		#!/bin/sh
		env | grep '^ETCDCTL_' | sort
		echo "args:$*"
	END
	chmod +x "$current/etcdctl"
	unset "${!ETCDCTL_@}"
}

@test "sets the variables of etcdctl.env and no others" {
	run -0 "$script" get 'a key'
	[ "${#lines[@]}" -eq 5 ]
	[ "${lines[0]}" = ETCDCTL_CACERT=/etc/etcd/pki/ca.crt ]
	[ "${lines[2]}" = ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 ]
	[ "${lines[4]}" = "args:get a key" ]
}

@test "variables of the caller have precedence, also empty ones" {
	ETCDCTL_ENDPOINTS=https://elsewhere:2379 ETCDCTL_CACERT='' run -0 "$script" get x
	[[ $output == *ETCDCTL_ENDPOINTS=https://elsewhere:2379* ]]
	[[ $output == *"ETCDCTL_CACERT="$'\n'* ]]
}

@test "the variable of an option on the command line is not set, because etcdctl would refuse" {
	run -0 "$script" --endpoints=https://other:2379 --dial-timeout 1s get x
	[[ $output != *ETCDCTL_ENDPOINTS* ]]
	[[ $output != *ETCDCTL_DIAL_TIMEOUT* ]]
	[[ $output == *ETCDCTL_CACERT* ]]
	run -0 "$script" put x -- --endpoints
	[[ $output == *ETCDCTL_ENDPOINTS* ]]
}

@test "the exit status is that of etcdctl" {
	printf '#!/bin/sh\nexit 7\n' >"$current/etcdctl"
	run -7 "$script" get x
}

@test "a machine that is not set up: the message contains the next command" {
	rm "$etc/etcdctl.env"
	run -1 "$script" get x
	[[ $output == *"not set up"*"etcd-cluster setup"* ]]
}

@test "without a release the message contains the next command" {
	rm "$current/etcdctl"
	run -1 "$script" get x
	[[ $output == *"no etcd release is installed"* ]]
}

@test "a key that cannot be read is named; version needs no key" {
	rm "$etc/pki/etcdctl-etcd-client.key"
	run -1 "$script" get x
	[[ $output == *"etcdctl-etcd-client.key cannot be read"*"root"* ]]
	run -0 "$script" version
}
