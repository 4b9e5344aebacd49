# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Machines with the same answers become one cluster: installed together, one after the other, interrupted.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	machines 40 bookworm bookworm rpm
}

# start_over KEY=VALUE…: wipes all machines and gives them these answers, the token and a release.
start_over() {
	each gone
	each prepared_here ROLE=cluster "$@"
}
prepared_here() {
	prepared "$MACHINE" "$@"
}

# waits NAME TEXT: setup there is pending with this message.
waits() {
	on "$1" wait_for "grep -qx STATE=pending /run/etcd-cluster/setup && grep -q '$2' /run/etcd-cluster/setup"
	on "$1" '[ "$(systemctl is-active etcd-cluster-setup.service)" = active ]'
	on "$1" exits 6 'etcd-cluster status'
}

# No machine has the token, and only the first of MEMBERS has the CA key.
nothing_secret_is_left() {
	each "[ ! -e /etc/etcd/enroll-token ]
	fails grep -rlqs $secret /etc /run /var/lib /var/log/journal /var/cache"
	ONLY_ON='n2 n3' each '[ ! -e /etc/etcd/pki/ca.key ] && [ -e /etc/etcd/pki/ca.crt ]'
	on n1 '[ "$(stat -c "%U %a" /etc/etcd/pki/ca.key)" = "root 600" ]'
}

@test "deb, deb and rpm with the same answers, installed at the same time" {
	form
	one_cluster
	each 'rc=0; etcd-cluster setup --exit-code || rc=$?; [ $rc -eq 2 ]'
	nothing_secret_is_left
	on n1 '[ "$(etcd-cluster token list | grep -c " 0 .* MEMBERS ")" -eq 1 ]'
	on n1 'journalctl -q -o cat -u etcd-cluster-enroll.service | grep -c "certificates for n[23] .*given to" | grep -qx 2'
}

@test "the others read what one member writes, and each member survives a reboot of all" {
	on n1 'etcdctl.sh put a 1'
	[ "$(on n3 'etcdctl.sh get --print-value-only a')" = 1 ]
	for name in n1 n2 n3; do
		"$machine" reboot "$name" &
	done
	wait
	all_healthy
	one_cluster
	[ "$(on n2 'etcdctl.sh get --print-value-only a')" = 1 ]
}

@test "the CA host comes last: the others wait and report it, and their hooks return in seconds" {
	start_over "$(members)"
	for name in n3 n2; do
		in_time 8 package "$name"
	done
	waits n2 'n1 (10.77.40.1), the first of MEMBERS, does not answer on port 2382'
	waits n3 'n1 (10.77.40.1), the first of MEMBERS, does not answer on port 2382'
	ONLY_ON='n2 n3' each 'fails pgrep -x etcd
	[ ! -e /etc/etcd/pki ]
	[ "$(systemctl is-system-running)" = running ]
	[ "$(journalctl -q -o cat "_SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID etcd-cluster-setup)" |
		grep -c "waiting: the cluster is not formed yet")" -eq 1 ]'
	package n1
	in_time 20 all_healthy
	one_cluster
	nothing_secret_is_left
}

@test "one after the other: etcd starts nowhere before all have accepted the record" {
	start_over "$(members)"
	package n1
	waits n1 'n2 (10.77.40.2) has not reported; n3 (10.77.40.3) has not reported'
	sleep 5
	package n3
	waits n1 'n2 (10.77.40.2) has not reported; n3 has reported'
	waits n3 'n2 (10.77.40.2) has not reported; n3 has reported'
	sleep 5
	ONLY_ON='n1 n3' each 'fails pgrep -x etcd
	[ ! -e /etc/etcd/forming ] && [ ! -e /etc/etcd/pki/ca.crt ]'
	package n2
	in_time 20 all_healthy
	one_cluster
	each 'grep -qx STATE=started /etc/etcd/forming'
}

@test "a minute apart: waiting machines are ready seconds after the CA host; and the other orders" {
	start_over "$(members)"
	package n2
	sleep 60
	package n1
	waits n2 'n3 (10.77.40.3) has not reported'
	package n3
	in_time 20 all_healthy
	one_cluster
	for order in 'n1 n2 n3' 'n3 n1 n2'; do
		start_over "$(members)"
		for name in $order; do
			package "$name"
		done
		in_time 20 all_healthy
		one_cluster
	done
}

@test "waiting machines that reboot or lose power become members, too" {
	start_over "$(members)"
	package n2
	package n3
	waits n2 'n1 (10.77.40.1), the first of MEMBERS, does not answer'
	"$machine" reboot n2
	"$machine" crash n3
	"$machine" start n3
	waits n3 'n1 (10.77.40.1), the first of MEMBERS, does not answer'
	package n1
	sleep 0.7
	"$machine" crash n1
	"$machine" start n1
	all_healthy
	one_cluster
	nothing_secret_is_left
}

@test "members with IPv6 addresses" {
	start_over "$(members v6)"
	packages n1 n2 n3
	all_healthy
	one_cluster
	on n2 'etcdctl.sh member list | grep -q "https://\[fd00:77:40::3\]:2380"'
}

@test "members with DNS names find themselves when the names resolve" {
	start_over MEMBERS=a=n1.example.test,b=n2.example.test,c=n3.example.test
	package n3
	on n3 wait_for 'grep -q "cannot be resolved yet" /run/etcd-cluster/setup'
	dns_names
	package n1
	package n2
	all_healthy
	one_cluster
	[ "$(on n3 'sed -n s/^NAME=//p /etc/etcd/member-id')" = c ]
	on n1 'etcdctl.sh member list | grep -q ", c, https://n3.example.test:2380"'
}

# The machine keeps its certificates and loses its data and identity.
rebuilt() {
	m 'systemctl stop etcd-cluster.target etcd-cluster-setup.service etcd.service
	rm -rf /var/lib/etcd-cluster/member /etc/etcd/member-id /etc/etcd/etcd.env'
}

# Its etcd does not run, and made no data.
never_started() {
	m 'fails pgrep -x etcd
	[ ! -e /var/lib/etcd-cluster/member/wal ]'
}

@test "a rebuilt member does not start again with its old ID" {
	on n3 rebuilt
	on n3 exits 3 'etcd-cluster setup'
	on n3 exits 3 'etcd-cluster setup'
	[[ "$(on n3 'etcd-cluster setup 2>&1 || true')" == *"the disk that was one is gone"*"etcd-cluster replace"* ]]
	on n3 never_started
	on n3 'rm /etc/etcd/forming'
	[[ "$(on n3 'etcd-cluster setup 2>&1 || true')" == *"has this machine, c, as a member"*"etcd-cluster replace"* ]]
	on n3 never_started
	on n3 'systemctl start etcd-cluster.target'
	on n3 wait_for 'grep -qx STATE=failed /run/etcd-cluster/setup'
	on n3 never_started
}

@test "a machine in MEMBERS but not in the cluster does not form another one" {
	on n1 'etcdctl.sh member remove $(etcdctl.sh member list | sed -n "s/, started, c,.*//p")'
	[[ "$(on n3 'etcd-cluster setup 2>&1 || true')" == *"is not one of its members"*"etcd-cluster join n1.example.test"* ]]
	on n3 never_started
	MACHINES=' n1 n2' one_cluster 2
}
