# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The package is installed without answers, so every machine is a cluster of one; the answers follow. Unused clusters
# are moved aside; a cluster with keys is not.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	installed 54 bookworm bookworm rpm
}

# alone NAME: installs the package with only the location of the release as answer.
alone() {
	on "$1" answers "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases
	on "$1" trust "$etcd_version"
	package "$1"
}

all_alone() {
	local name pids=()
	for name in $MACHINES; do
		alone "$name" &
		pids+=($!)
	done
	wait_all "${pids[@]}"
	all_healthy
}

@test "three clusters of one become one cluster of three with new answers" {
	all_alone
	line=$(members)
	each prepared_here ROLE=cluster "$line"
	# The hook of the package does not stop it.
	on n2 'rc=0; etcd-cluster setup --local || rc=$?; [ $rc -eq 6 ]; [ "$(systemctl is-active etcd)" = active ]'
	on n2 'etcd-cluster setup --dry-run 2>&1 | grep -q "would give it up"; [ "$(systemctl is-active etcd)" = active ]'
	each 'systemctl start etcd-cluster-setup.service'
	all_healthy
	one_cluster
	# The former clusters are moved aside; the first machine keeps its CA, the others have none.
	each 'ls -d /etc/etcd/member-id.aside-* /var/lib/etcd-cluster/member.aside-*; [ ! -e /etc/etcd/member-id.given-up ]'
	ONLY_ON='n2 n3' each 'ls /etc/etcd/pki.aside-*/ca.key; [ ! -e /etc/etcd/pki/ca.key ]'
	each 'rc=0; etcd-cluster setup --exit-code || rc=$?; [ $rc -eq 2 ]'
}
prepared_here() {
	prepared "$MACHINE" "$@"
}

@test "a cluster of one with keys stays, and prints the next command" {
	each reset
	ONLY_ON='n1 n2' each alone_here
	ONLY_ON='n1 n2' all_healthy
	on n2 'etcdctl.sh put a 1'
	prepared n2 ROLE=join "JOIN=$(v4 n1)"
	id=$(on n2 'cat /etc/etcd/member-id')
	on n2 exits 3 'etcd-cluster setup'
	on n2 'etcd-cluster setup 2>&1 | grep -q "etcd-cluster leave --last"'
	on n2 exits 3 "etcd-cluster join $(v4 n1)"
	[ "$id" = "$(on n2 'cat /etc/etcd/member-id')" ]
	on n2 '[ "$(systemctl is-active etcd)" = active ] && ls /etc/etcd/pki/ca.key'
	# A stopped cluster cannot be queried.
	on n2 'systemctl stop etcd'
	on n2 exits 3 'etcd-cluster setup'
	on n2 'etcd-cluster setup 2>&1 | grep -q "write ROLE=single into"'
	on n2 'sed -i "s/^ROLE=.*/ROLE=single/; /^JOIN/d" /etc/etcd/cluster.conf; etcd-cluster setup'
	[ "$(on n2 'etcdctl.sh get --print-value-only a')" = 1 ]
}
alone_here() {
	alone "$MACHINE"
}

@test "join gives up an unused cluster, also after a kill in between" {
	on n1 "etcd-cluster init --name n1 --address $(v4 n1) && systemctl restart etcd"
	on n1 healthy
	on n1 'rc=0; etcd-cluster setup || rc=$?; [ $rc -eq 0 ] || [ $rc -eq 2 ]'
	alone n3
	on n3 healthy
	token=$(on n1 "etcd-cluster token new --name n3 --address $(v4 n3)")
	on n3 "umask 077; echo $token >/root/token"
	# The state after a kill behind the first move.
	on n3 'echo >/etc/etcd/member-id.given-up; systemctl stop etcd
		mv /var/lib/etcd-cluster/member /var/lib/etcd-cluster/member.aside-1'
	on n3 "etcd-cluster join $(v4 n1) --name n3 --address $(v4 n3) --token-file /root/token"
	on n3 healthy
	[ "$(on n1 'etcdctl.sh member list' | grep -c ', started, .*, false$')" -eq 2 ]
	on n3 '[ ! -e /etc/etcd/member-id.given-up ] && [ ! -e /etc/etcd/pki/ca.key ] && ls /etc/etcd/pki.aside-*/ca.key'
}

@test "answers that come before the end of the first setup: the CA that it made is moved aside" {
	each reset
	# Without a release: certificates exist, etcd was not started.
	on n2 answers "RELEASE=$etcd_version" RELEASE_URL=none
	on n2 trust "$etcd_version"
	package n2
	on n2 wait_for 'ls /etc/etcd/pki/ca.key'
	form
	one_cluster
	on n2 '[ ! -e /etc/etcd/pki/ca.key ] && ls /etc/etcd/pki.aside-*/ca.key'
}
