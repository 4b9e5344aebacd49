# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Clusters of one, five and seven members.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	installed 42 bookworm bookworm bookworm rpm bookworm bookworm rpm
}

@test "a cluster of one that others can join: no enrolment server before the first token" {
	MACHINES=n1 form
	MACHINES=n1 one_cluster
	on n1 'fails systemctl is-active etcd-cluster-enroll.socket
	[ ! -e /etc/etcd/enroll-token ]'
}

@test "five" {
	MACHINES='n2 n3 n4 n5 n6' form
	MACHINES='n2 n3 n4 n5 n6' one_cluster
	on n2 '[ "$(ls /etc/etcd/enroll/members | wc -l)" -eq 4 ]'
}

@test "seven, and it works with three of them down" {
	ONLY_ON='n1 n2 n3 n4 n5 n6' each reset
	form
	one_cluster
	# The layer with the package, which they share, contains no identity.
	[ "$(each 'cat /etc/machine-id' | sort -u | wc -l)" -eq 7 ]
	[ "$(each 'sha256sum </etc/etcd/pki/peer.key' | sort -u | wc -l)" -eq 7 ]
	for name in n1 n2 n7; do
		"$machine" crash "$name" &
	done
	wait
	on n3 wait_for 'etcdctl.sh put still here'
}
