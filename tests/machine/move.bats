# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A member gets another address: setup changes its certificates, the member list and etcd.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	installed 41 bookworm bookworm rpm
	form
}

# moves NAME ADDRESS: replaces the IPv4 address of the machine.
moves() {
	on "$1" "sed -i 's#^Address=10[.].*#Address=$2/24#' /etc/systemd/network/10-host0.network
	ip address flush dev host0 scope global
	ip address add $2/24 dev host0
	ip address add $(v6 "$1")/64 dev host0 nodad
	ip route add default via 10.77.41.254"
}

line_says() {
	m "sed -i 's#n3=[0-9.]*#n3=$1#' /etc/etcd/cluster.conf"
}

@test "an etcd that serves on the old address is not moved under its clients" {
	on n3 'ip address add 10.77.41.33/24 dev host0'
	each line_says 10.77.41.33
	on n3 exits 3 'etcd-cluster setup'
	[[ "$(on n3 'etcd-cluster setup 2>&1 || true')" == *"systemctl stop etcd; etcd-cluster setup"* ]]
	on n3 'etcdctl.sh endpoint health && ! grep -q 10.77.41.33 /etc/etcd/etcd.env'
	each line_says 10.77.41.3
	on n3 'rc=0; etcd-cluster setup --exit-code || rc=$?; [ $rc -eq 2 ]'
}

@test "a member of several does not move to loopback; with the former ADDRESS nothing moves" {
	on n3 'cp /etc/etcd/cluster.conf /root/former
	sed -i "/^MEMBERS=/d; s/^ROLE=.*/ROLE=single/" /etc/etcd/cluster.conf
	printf "%s\n" NAME=n3 ADDRESS=127.0.0.1 >>/etc/etcd/cluster.conf'
	on n3 exits 3 'etcd-cluster setup'
	output=$(on n3 'etcd-cluster setup 2>&1 || true')
	[[ "$output" == *"cannot move from https://10.77.41.3:2380 to the loopback address 127.0.0.1"* ]]
	[[ "$output" == *"set ADDRESS=10.77.41.3 in /etc/etcd/cluster.conf, then: etcd-cluster setup"* ]]
	on n3 'etcdctl.sh endpoint health'
	on n3 'sed -i s/^ADDRESS=.*/ADDRESS=10.77.41.3/ /etc/etcd/cluster.conf'
	on n3 exits 0 'etcd-cluster setup'
	on n3 'cp /root/former /etc/etcd/cluster.conf'
	on n3 exits 0 'etcd-cluster setup'
	one_cluster
}

@test "the address has changed here and in cluster.conf: setup moves the member" {
	on n1 'etcdctl.sh put before 1'
	id=$(on n3 'sed -n s/^MEMBER_ID=//p /etc/etcd/member-id')
	moves n3 10.77.41.33
	each line_says 10.77.41.33
	on n3 exits 0 'etcd-cluster setup'
	on n3 healthy
	one_cluster
	# etcd 3.4 lists what this member has applied: it lags while the member that was cut off ends an election.
	on n1 wait_for "etcdctl.sh member list |
		grep -q '$id, started, n3, https://10.77.41.33:2380, https://10.77.41.33:2379, false'"
	[ "$(on n3 'etcdctl.sh get --print-value-only before')" = 1 ]
	on n3 'openssl x509 -in /etc/etcd/pki/peer.crt -noout -ext subjectAltName | grep -q 10.77.41.33'
	on n3 'rc=0; etcd-cluster setup --exit-code || rc=$?; [ $rc -eq 2 ]'
}

@test "the others reach it at the new address, also after their restart" {
	on n1 'systemctl restart etcd'
	on n1 healthy
	on n2 'systemctl restart etcd'
	all_healthy
	on n2 'systemctl stop etcd'
	on n1 'etcdctl.sh put with-n3 1'
	on n2 'systemctl start etcd'
	all_healthy
}

@test "a single member moves from loopback: after its restart its peer URL is the new address" {
	"$machine" crash n2
	"$machine" crash n3
	on n1 reset
	on n1 answers "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases
	on n1 trust "$etcd_version"
	package n1
	on n1 healthy
	on n1 "echo ADDRESS=10.77.41.1 >>/etc/etcd/cluster.conf
	etcd-cluster setup
	systemctl restart etcd"
	on n1 wait_for 'curl -s http://127.0.0.1:2381/health | grep -q true'
	on n1 exits 0 'etcd-cluster setup'
	on n1 'etcdctl.sh member list | grep -q https://10.77.41.1:2380
	etcdctl.sh member list | grep -vq 127.0.0.1'
	# Its settings name loopback for ever; who answers there is no copy.
	on n1 exits 0 'etcd-cluster check --start 2>&1'
	on n1 'rc=0; etcd-cluster setup --exit-code || rc=$?; [ $rc -eq 2 ]'
}
