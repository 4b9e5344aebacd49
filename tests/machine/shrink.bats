# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Five machines: members leave, fail, are replaced and join again, while a writer records acknowledged writes.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash

load cluster
export WRITES=$BATS_FILE_TMPDIR/writes # for all tests

setup_file() {
	installed 36 bookworm bookworm rpm bookworm bookworm
}

# The writer is a client in n1, with the endpoints of all members.
start_writer() {
	ENDPOINTS=$(endpoints) writes n1
}

voters() {
	on "$1" 'etcdctl.sh member list' | grep -c ', started, .*, false$'
}

# NAME is idle, and its files are moved aside.
has_left() {
	on "$1" 'grep -qx ROLE=none /etc/etcd/cluster.conf
	test ! -e /etc/etcd/member-id
	test ! -e /etc/etcd/etcd.env
	test ! -e /var/lib/etcd-cluster/member
	ls -d /var/lib/etcd-cluster/member.aside-*
	test -s /etc/etcd/pki/peer.key
	fails systemctl --quiet is-active etcd
	etcd-cluster status | grep -q ROLE=none'
}

# leads NAME: makes it the leader.
leads() {
	on n1 "id=\$(etcdctl.sh member list | sed -n 's/^\\([0-9a-f]*\\), started, $1,.*/\\1/p')
	leader=\$(etcdctl.sh endpoint status --cluster | sed -n 's/^\\([^,]*\\),.*, true, false,.*/\\1/p')
	test \"\$leader\" = https://$(v4 "$1"):2379 || ETCDCTL_ENDPOINTS=\$leader etcdctl.sh move-leader \$id"
}

@test "five machines form" {
	form
	one_cluster 5
	on n1 'etcdctl.sh put kept value'
}

@test "five to three: members leave during writes, the leader among them" {
	start_writer
	exits 3 'etcd-cluster leave'
	prints 'the CA key is on this machine'
	on n5 'etcd-cluster leave'
	has_left n5
	leads n4
	MACHINE=n4 exits 0 'etcd-cluster leave'
	prints 'is the leader of the cluster now'
	prints '3 voting members are left, of which 1 may fail'
	has_left n4
	[ "$(voters n1)" -eq 3 ]
	MACHINE=n4 exits 2 'etcd-cluster leave --exit-code'
	# A boot does not change this.
	"$machine" reboot n4
	on n4 'fails systemctl --quiet is-active etcd
	test ! -e /var/lib/etcd-cluster/member'
}

@test "a needed vote stays while another member is down" {
	on n3 'systemctl stop etcd'
	wait_for 'etcd-cluster status | grep -q "2 of 3 voting members healthy"'
	MACHINE=n2 exits 5 'etcd-cluster leave'
	prints '2 of 3 are healthy now, and 2 would be needed of the other 2'
	exits 5 'etcd-cluster remove --force n2'
	on n2 'systemctl --quiet is-active etcd && test -s /etc/etcd/member-id'
	on n3 'systemctl start etcd'
	ONLY_ON='n3' all_healthy
}

@test "three to five: the same machines join again, and no acknowledged write is lost" {
	readmitted n4
	readmitted n5
	on n4 "etcd-cluster join $(v4 n1)"
	on n5 "etcd-cluster join $(v4 n2)"
	ONLY_ON='n4 n5' all_healthy
	wait_for "test \$(etcdctl.sh member list | grep -c ', started, .*, false\$') -eq 5"
	none_lost n1
	on n4 'ls -d /var/lib/etcd-cluster/member.aside-*
	test "$(etcdctl.sh get kept --print-value-only)" = value'
}

@test "a dead member is removed on another machine, a member that answers is not" {
	"$machine" crash n5
	wait_for 'etcd-cluster status | grep -q "4 of 5 voting members healthy"'
	MACHINE=n2 exits 3 'etcd-cluster remove n4'
	prints 'on that machine: etcd-cluster leave'
	MACHINE=n2 exits 0 'etcd-cluster remove n5'
	prints '4 voting members are left, of which 1 may fail'
	[ "$(voters n1)" -eq 4 ]
}

@test "a rebuilt machine replaces its dead member" {
	local token

	on n4 reset
	token=$(on n1 "etcd-cluster token new --name n4 --address $(v4 n4)")
	on n4 answers "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases ROLE=cluster "$(members)"
	on n4 trust "$etcd_version"
	on n4 "umask 077; echo $token >/etc/etcd/enroll-token"
	package n4
	# Setup does not start a former member by itself.
	MACHINE=n4 wait_for 'etcd-cluster status | grep -q "etcd-cluster replace"'
	MACHINE=n4 exits 3 'etcd-cluster replace n3'
	prints 'this machine is n4, not n3'
	on n4 'etcd-cluster replace n4'
	ONLY_ON=n4 all_healthy
	[ "$(voters n1)" -eq 4 ]
	on n4 'test "$(etcdctl.sh get kept --print-value-only)" = value
	test ! -e /etc/etcd/enroll-token'
	MACHINE=n4 exits 2 'etcd-cluster replace --exit-code'
}

@test "lost data with an existing identity: refused, then replaced" {
	on n3 'systemctl stop etcd
	mv /var/lib/etcd-cluster/member /root/lost'
	MACHINE=n3 exits 3 'etcd-cluster setup'
	prints 'can erase acknowledged writes'
	readmitted n3
	on n3 'etcd-cluster replace'
	ONLY_ON=n3 all_healthy
	[ "$(voters n1)" -eq 4 ]
	on n3 'ls /etc/etcd/member-id.aside-*
	test "$(etcdctl.sh get kept --print-value-only)" = value'
}

@test "the quorum is lost: one machine continues alone, also after a kill in between" {
	local id name

	id=$(on n1 'sed -n s/^CLUSTER_ID=//p /etc/etcd/member-id')
	start_writer
	exits 3 "etcd-cluster restore --force-new-cluster $id"
	prints 'the cluster has its quorum (4 of 4'
	for name in n2 n3; do
		"$machine" crash "$name"
	done
	wait_for 'fails etcd-cluster status'
	writes_end
	# n4 answers, and its data can be newer.
	exits 3 "etcd-cluster restore --force-new-cluster $id"
	prints 'still answers'
	on n4 'systemctl stop etcd-cluster-setup.timer etcd'
	exits 3 'etcd-cluster restore --force-new-cluster 1234'
	prints "belongs to cluster $id"
	for after in 0.2 0.6 1 1.5; do
		m "timeout -s KILL $after etcd-cluster restore --force-new-cluster $id --others-fenced || true"
		# The etcd of restore has ended with it; the timer can have started the unit.
		# shellcheck disable=SC2016 # the machine's own
		m 'sleep 0.1
		for pid in $(pgrep -x etcd); do grep -q etcd.service "/proc/$pid/cgroup"; done'
	done
	run m "etcd-cluster restore --force-new-cluster $id --others-fenced"
	echo "$output"
	[ "$status" -eq 0 ] || [ "$status" -eq 2 ]
	exits 2 "etcd-cluster restore --force-new-cluster $id --others-fenced --exit-code"
	[ "$(voters n1)" -eq 1 ]
	m 'systemctl --quiet is-active etcd
	test "$(etcdctl.sh get kept --print-value-only)" = value
	ls -d /var/lib/etcd-cluster/member.aside-*
	fails test -e /var/lib/etcd-cluster/member.aside-partial'
	none_lost n1
	exits 3 'etcd-cluster leave --ca-elsewhere'
	prints 'n1 is the only voting member'
}

@test "the others join again, with their old data moved aside" {
	local name

	for name in n2 n3; do
		"$machine" start "$name"
	done
	for name in n2 n3 n4; do
		on "$name" "systemctl stop etcd
		etcd-cluster join $(v4 n1) --abandon $(on "$name" 'sed -n s/^CLUSTER_ID=//p /etc/etcd/member-id')"
	done
	ONLY_ON='n1 n2 n3 n4' all_healthy
	[ "$(voters n1)" -eq 4 ]
	for name in n2 n3 n4; do
		on "$name" 'ls -d /var/lib/etcd-cluster/member.aside-*
		test "$(etcdctl.sh get kept --print-value-only)" = value'
	done
}

@test "kill -9 in the middle of a leave, then again" {
	for after in 0.05 0.2 0.5 1; do
		on n4 "timeout -s KILL $after etcd-cluster leave || true"
	done
	run on n4 'etcd-cluster leave'
	echo "$output"
	[ "$status" -eq 0 ] || [ "$status" -eq 2 ]
	has_left n4
	[ "$(voters n1)" -eq 3 ]
}

@test "a removal of the package reports its member" {
	run on n3 'if command -v dnf >/dev/null; then dnf remove etcd-cluster; else apt-get remove etcd-cluster; fi'
	[ "$status" -eq 0 ]
	prints 'etcd-cluster remove n3'
	exits 0 'etcd-cluster remove n3'
	[ "$(voters n1)" -eq 2 ]
}
