# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Preseeded answers, and an address that others connect to. Debian 13.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=preseed
	need_root
	boot "$MACHINE" trixie 10.77.2.1
	trust 3.4.23
}

@test "debconf-set-selections, then apt-get install: a member on its address" {
	m 'debconf-set-selections <<-END
	etcd-cluster etcd-cluster/role select single
	etcd-cluster etcd-cluster/name string pre1
	etcd-cluster etcd-cluster/address string 10.77.2.1
	etcd-cluster etcd-cluster/release string 3.4.23
	etcd-cluster etcd-cluster/release-url string file:/srv/dist/releases
	END
	apt-get install etcd-cluster'
	healthy
	m 'grep -qx NAME=pre1 /etc/etcd/cluster.conf
	grep -qx ADDRESS=10.77.2.1 /etc/etcd/cluster.conf
	ss -Hltn "sport = :2379" | grep -q 10.77.2.1
	[ "$(etcdctl.sh put a b)" = OK ]
	openssl x509 -in /etc/etcd/pki/server.crt -noout -ext subjectAltName | grep -q "IP Address:10.77.2.1"'
}

@test "other hosts are refused without a certificate" {
	run ! "$machine" net "$MACHINE" curl -sS -m 5 http://10.77.2.1:2379/health
	run ! "$machine" net "$MACHINE" curl -ksS -m 5 https://10.77.2.1:2379/health
	run ! "$machine" net "$MACHINE" curl -sS -m 5 http://10.77.2.1:2381/health
	# The server answers with its certificate. (curl's message depends on the order of alert and reset.)
	run "$machine" net "$MACHINE" timeout 5 openssl s_client -connect 10.77.2.1:2379 </dev/null
	[[ "$output" == *"BEGIN CERTIFICATE"* ]]
}

@test "exposure of etcd.service is at most 1.5" {
	m 'systemd-analyze security --threshold=15 --no-pager etcd.service >/dev/null'
}

@test "every unit passes systemd-analyze verify" {
	run m 'systemd-analyze verify --man=no /usr/lib/systemd/system/etcd*.service /usr/lib/systemd/system/etcd*.timer \
		/usr/lib/systemd/system/etcd*.target 2>&1 | grep -i etcd'
	[ -z "$output" ] || { echo "$output"; false; }
}

@test "after a reboot it runs with its data" {
	"$machine" reboot "$MACHINE"
	healthy
	m '[ "$(etcdctl.sh get --print-value-only a)" = b ]
	[ "$(systemctl is-system-running)" = running ]'
}

@test "dpkg-reconfigure keeps an edit and reads it into debconf" {
	m 'sed -i s/^NAME=.*/NAME=edited/ /etc/etcd/cluster.conf
	dpkg-reconfigure -f noninteractive etcd-cluster
	grep -qx NAME=edited /etc/etcd/cluster.conf
	debconf-show etcd-cluster | grep -q "name: edited"'
}

@test "status --json prints JSON" {
	m 'etcd-cluster status --json' | python3 -m json.tool
}
