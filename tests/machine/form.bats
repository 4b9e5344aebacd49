# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Machines with the same answers become one cluster, however they come: together, one after the other, interrupted.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	machines 40 bookworm bookworm rpm
}

@test "etcdadm's way: ca.crt and ca.key copied beforehand, the same answers, installed at once" {
	given_ca n1 n2 n3
	form
	one_cluster
	each 'rc=0; etcd-cluster setup || rc=$?; [ $rc -eq 2 ]'
}
