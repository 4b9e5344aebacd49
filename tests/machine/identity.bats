# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Which machine is a member: older data, copies and moved disks are refused, a legitimate move works by itself. n4 is
# the machine to which disks are copied.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	installed 63 bookworm bookworm bookworm bookworm
	MACHINES='n1 n2 n3' form
	keep n4 empty
}

# On n4 only the tests start etcd.
setup() {
	export MACHINES='n1 n2 n3'
}

disk='etc/etcd etc/machine-id var/lib/etcd-cluster var/lib/etcd-cluster.state'

# keep NAME COPY, put_back NAME COPY: the disk of the machine as it is now, and its return.
keep() {
	on "$1" 'systemctl stop etcd-cluster.target etcd etcd-cluster-setup.timer etcd-cluster-setup.service'
	on "$1" "mkdir -p /srv/kept && tar -C / -cf /srv/kept/$2 --ignore-failed-read $disk"
}
put_back() {
	on "$1" "systemctl stop etcd-cluster.target etcd etcd-cluster-setup.timer etcd-cluster-setup.service
	cd / && rm -rf etc/etcd var/lib/etcd-cluster var/lib/etcd-cluster.state && tar -C / -xf /srv/kept/$2"
}
# moved FROM COPY: n4 has that disk of the other machine.
moved() {
	"$machine" exec "$1" cat "/srv/kept/$2" </dev/null | "$machine" exec n4 sh -c "mkdir -p /srv/kept && cat >/srv/kept/$2"
	put_back n4 "$2"
}

# Each member has stored how far it is.
marked() {
	each 'systemctl start etcd-cluster-mark.service && [ -s /var/lib/etcd-cluster.state/mark ]'
}

# writes N: so many acknowledged keys, which remain.
writes() {
	on n1 "for i in \$(seq $1); do etcdctl.sh put count/\$i-\$(date +%s%N) x; done >/dev/null"
}
count() {
	on "$1" 'etcdctl.sh get --prefix count/ --count-only --write-out fields | sed -n "s/\"Count\" : //p"'
}

# refused NAME TEXT…: the preflight and setup refuse, and what they print has each text.
refused() {
	local name=$1
	shift
	on "$name" 'systemctl start etcd-cluster.target; systemctl start --no-block etcd'
	on "$name" exits 3 'etcd-cluster setup 2>&1'
	for text; do prints "$text"; done
	on "$name" exits 3 'etcd-cluster check --start 2>&1'
	prints "$1"
	on "$name" '[ "$(systemctl is-active etcd)" != active ]'
}

# line NAME ADDRESS: cluster.conf of these machines gives n3 that address.
line() {
	on "$1" "sed -i 's#n3=[0-9.]*#n3=$2#' /etc/etcd/cluster.conf"
}

@test "data that was put back to an older state is refused, by the mark beside it; replace brings the member back" {
	keep n3 older
	on n3 'systemctl start etcd-cluster.target' && on n3 healthy
	writes 20
	marked
	on n3 'systemctl stop etcd-cluster.target etcd
	rm -r /var/lib/etcd-cluster && tar -C / -xf /srv/kept/older var/lib/etcd-cluster'
	refused n3 'is an older copy: it ends at entry' 'etcd-cluster replace'
	before=$(count n1)
	on n3 exits 3 'etcd-cluster replace 2>&1'
	prints 'etcd-cluster token new --name n3'
	readmitted n3
	on n3 exits 0 'etcd-cluster replace'
	each healthy
	[ "$(count n3)" = "$before" ]
}

@test "a whole disk that was put back is refused by the marks that the others have" {
	keep n3 whole
	on n3 'systemctl start etcd-cluster.target' && on n3 healthy
	writes 20
	marked
	put_back n3 whole
	refused n3 'is an older copy: it ends at entry' 'etcd-cluster replace'
	readmitted n3
	on n3 exits 0 'etcd-cluster replace'
	each healthy
}

@test "without any mark the leader's panic is recognised" {
	keep n3 silent
	on n3 'systemctl start etcd-cluster.target' && on n3 healthy
	writes 20
	put_back n3 silent
	on n1 'etcdctl.sh del --prefix etcd-cluster/mark/'
	on n3 'rm -r /var/lib/etcd-cluster.state; systemctl start etcd-cluster.target'
	on n3 wait_for 'etcd-cluster setup 2>&1 | grep "its data is an older copy"'
	readmitted n3
	on n3 exits 0 'etcd-cluster replace'
	each healthy
}

@test "a copy of a live member at another address is refused, with another machine-id and with the same" {
	keep n3 live
	on n3 'systemctl start etcd-cluster.target' && on n3 healthy
	marked
	moved n3 live
	line n4 10.77.63.4
	on n4 'cp /etc/machine-id /srv/kept/id; tr 0-8 1-9 </srv/kept/id >/etc/machine-id'
	certificate=$(on n4 'sha256sum /etc/etcd/pki/peer.crt')
	refused n4 'this machine is not the one that its member was set up on' \
		'its address was 10.77.63.3 and is 10.77.63.4' 'setup --adopt-machine' 'switch it off'
	on n4 exits 3 'etcd-cluster cert renew --force peer 2>&1'
	on n4 'cp /srv/kept/id /etc/machine-id'
	refused n4 'runs at https://10.77.63.3:2379: this machine has a copy of it' 'switch this copy off'
	on n4 exits 3 'etcd-cluster setup --adopt-machine 2>&1'
	on n4 'grep -qx ADDRESS=10.77.63.3 /etc/etcd/host'
	[ "$certificate" = "$(on n4 'sha256sum /etc/etcd/pki/peer.crt')" ]
	on n4 exits 5 'etcd-cluster status'
	on n1 'etcdctl.sh member list | grep -q "n3, https://10.77.63.3:2380"'
	each healthy
}

@test "an older copy at another address is refused while the original is off" {
	writes 5
	marked
	"$machine" crash n3
	refused n4 'is an older copy: it ends at entry'
	on n1 'etcdctl.sh member list | grep -q "n3, https://10.77.63.3:2380"'
	"$machine" start n3
	each healthy
}

@test "a disk in another machine at another address waits for a person; then the member moves" {
	keep n3 last
	moved n3 last
	"$machine" crash n3
	for name in n1 n2 n4; do line "$name" 10.77.63.4; done
	on n4 'tr 0-8 1-9 </srv/kept/id >/etc/machine-id'
	refused n4 'this machine is not the one that its member was set up on'
	on n4 exits 0 'etcd-cluster setup --adopt-machine'
	MACHINES='n1 n2 n4' each healthy
	on n1 'etcdctl.sh member list | grep -q "n3, https://10.77.63.4:2380"'
	on n4 exits 2 'etcd-cluster setup --exit-code'
}

@test "the same disk at another address moves by itself" {
	keep n4 again
	on n4 'sed -i "s#^Address=10[.].*#Address=10.77.63.44/24#" /etc/systemd/network/10-host0.network
	ip address flush dev host0 scope global
	ip address add 10.77.63.44/24 dev host0'
	for name in n1 n2 n4; do line "$name" 10.77.63.44; done
	on n4 'systemctl start etcd-cluster.target'
	MACHINES='n1 n2 n4' each healthy
	on n1 'etcdctl.sh member list | grep -q "n3, https://10.77.63.44:2380"'
	on n4 exits 2 'etcd-cluster setup --exit-code'
}

@test "the same machine-id on two machines is only a warning" {
	id=$(on n1 'cat /etc/machine-id')
	on n2 "echo $id >/etc/machine-id"
	MACHINES='n1 n2' marked
	on n2 exits 0 'etcd-cluster check 2>&1'
	prints 'n1 and this machine have the same machine-id'
	on n2 exits 2 'etcd-cluster setup --exit-code'
}

@test "an upgrade of the package starts what it brings, and records the machine" {
	on n1 'systemctl stop etcd-cluster-mark.timer etcd-cluster-mark.service
	rm -r /etc/etcd/host /var/lib/etcd-cluster.state
	/usr/libexec/etcd-cluster/hook configure 0.0.1
	systemctl is-active etcd-cluster-mark.timer
	systemctl start etcd-cluster-mark.service
	grep -qx ADDRESS=10.77.63.1 /etc/etcd/host
	[ -s /var/lib/etcd-cluster.state/mark ]'
	on n1 exits 2 'etcd-cluster setup --exit-code'
}
