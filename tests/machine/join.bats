# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Machines join a running cluster with their own token: several at the same time, killed at each step of the journal,
# and with an etcd that does not start.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	installed 44 bookworm bookworm rpm
}

# invited NAME…: gives them answers and a token of n1.
invited() {
	local name token
	token=$(on n1 "etcd-cluster token new --uses $# 2>/dev/null")
	for name; do
		prepared "$name" ROLE=join "JOIN=$(v4 n1)"
		on "$name" "umask 077; echo $token >/etc/etcd/enroll-token"
	done
}

# voters N: the cluster has N members, all started and voting.
voters() {
	on n1 'etcdctl.sh member list'
	on n1 "[ \$(etcdctl.sh member list | wc -l) -eq $1 ]
	[ \$(etcdctl.sh member list | grep -c ', started, .*, false\$') -eq $1 ]"
}

@test "one machine becomes three: two joins at the same time wait for each other" {
	prepared n1 ROLE=single "ADDRESS=$(v4 n1)"
	on n1 'rm /etc/etcd/enroll-token'
	package n1
	on n1 healthy
	on n1 'etcdctl.sh put before 1'
	invited n2 n3
	packages n2 n3
	all_healthy
	one_cluster
	each '[ "$(etcdctl.sh get --print-value-only before)" = 1 ]'
	ONLY_ON='n2 n3' each '[ ! -e /etc/etcd/enroll-token ]
	[ ! -e /etc/etcd/pki/ca.key ]
	grep -qx STEP=member /etc/etcd/joining
	rc=0; etcd-cluster setup --exit-code || rc=$?; [ $rc -eq 2 ]'
}

@test "the first of them, with its whole disk put back, is refused by the marks of those that joined; replace works" {
	state='var/lib/etcd-cluster var/lib/etcd-cluster.state'
	on n1 "systemctl start etcd-cluster-mark.service
	grep -qx https://$(v4 n2):2379 /var/lib/etcd-cluster.state/mark
	systemctl stop etcd-cluster.target etcd
	tar -C / -cf /srv/older.tar $state
	systemctl start etcd-cluster.target"
	on n1 healthy
	on n1 "etcdctl.sh put after 1
	systemctl start etcd-cluster-mark.service
	systemctl stop etcd-cluster.target etcd
	cd / && rm -r $state && tar -xf /srv/older.tar"
	on n1 exits 3 'etcd-cluster check --start 2>&1'
	prints 'is an older copy: it ends at entry'
	prints 'etcd-cluster replace'
	on n1 exits 3 'etcd-cluster replace 2>&1'
	prints 'write ROLE=join and JOIN='
	on n1 "sed -i 's#^ROLE=.*#ROLE=join#' /etc/etcd/cluster.conf
	echo JOIN=$(v4 n2) >>/etc/etcd/cluster.conf"
	on n1 exits 0 'etcd-cluster replace'
	all_healthy
	each '[ "$(etcdctl.sh get --print-value-only after)" = 1 ]'
}

@test "kill -9 at each step of the journal, then the unit again: the same member, no other" {
	for step in adding added started member; do
		on n3 'etcd-cluster leave'
		voters 2
		readmitted n3
		on n3 "etcd-cluster join $(v4 n1) >/dev/null 2>&1 & pid=\$!
		for i in \$(seq 20000); do
			! grep -qsx STEP=$step /etc/etcd/joining || break
			kill -0 \$pid || break
		done
		kill -9 \$pid || true
		cat /etc/etcd/joining
		[ \"\$(sed -n s/^STEP=//p /etc/etcd/joining)\" ]
		systemctl start etcd-cluster-setup.service"
		on n3 healthy
		on n3 'grep -qx STEP=member /etc/etcd/joining'
		voters 3
	done
}

@test "if etcd does not start, the learner is removed and its data moved aside; the machine joins after the fix" {
	on n3 'etcd-cluster leave'
	readmitted n3
	on n3 'printf "%s\n" ETCD_HEARTBEAT_INTERVAL=5000 ETCD_ELECTION_TIMEOUT=1000 >>/etc/etcd/cluster.conf'
	run on n3 "etcd-cluster join $(v4 n1)"
	echo "$output"
	[ "$status" -eq 5 ]
	[[ "$output" == *"etcd.service ended with result"*"was removed from the cluster again"* ]]
	voters 2
	on n3 '[ ! -e /etc/etcd/joining ]
	[ ! -e /var/lib/etcd-cluster/member ]
	fails pgrep -x etcd
	sed -i /^ETCD_/d /etc/etcd/cluster.conf
	systemctl start etcd-cluster-setup.service'
	on n3 healthy
	voters 3
}

@test "a machine that loses power during its join becomes a member, too" {
	on n3 'etcd-cluster leave'
	readmitted n3
	on n3 "etcd-cluster join $(v4 n1) --dry-run 2>&1 | grep 'would'"
	on n3 "systemd-run -q etcd-cluster join $(v4 n1)"
	on n3 wait_for '[ -e /etc/etcd/joining ]'
	"$machine" crash n3
	"$machine" start n3
	on n3 healthy
	voters 3
	one_cluster
}

@test "a removed machine stays outside until a person runs join" {
	on n3 'systemctl stop etcd'
	id=$(on n1 "etcdctl.sh member list | sed -n 's/, started, n3,.*//p'")
	on n1 'etcd-cluster remove n3'
	voters 2
	"$machine" reboot n3
	on n3 wait_for 'grep -qx STATE=failed /run/etcd-cluster/setup'
	on n3 exits 3 'etcd-cluster setup'
	prints 'was removed from its cluster'
	prints 'etcd-cluster join 10.77.44.'
	voters 2
	on n3 exits 3 "etcd-cluster join $(v4 n1) 2>&1"
	prints 'etcd-cluster token new --name n3'
	voters 2
	readmitted n3
	on n3 "etcd-cluster join $(v4 n1)"
	on n3 healthy
	voters 3
	one_cluster
	[ "$(on n1 "etcdctl.sh member list | sed -n 's/, started, n3,.*//p'")" != "$id" ]
	on n3 'ls -d /var/lib/etcd-cluster/member.aside-* /etc/etcd/member-id.aside-*'
}
