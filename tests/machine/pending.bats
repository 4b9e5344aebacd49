# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Missing requirements do not break an installation: no network, no release, invalid answers.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=pending
	need_root
	boot "$MACHINE" bookworm 10.77.3.1
	# The slowest network: names and addresses do not answer, instead of immediate errors.
	"$machine" net "$MACHINE" nft 'table inet silence {
		chain arriving { type filter hook input priority 0; policy drop; }
		chain passing { type filter hook forward priority 0; policy drop; }
	}'
	m 'echo nameserver 10.77.3.254 >/etc/resolv.conf'
}

@test "without answers, on a network that drops everything: installed in under 8 s, exit 0, pending" {
	in_time 8 m 'apt-get install etcd-cluster'
	m '[ -z "$(dpkg --audit)" ]'
	wait_for '[ "$(systemctl is-active etcd-cluster-setup.service)" = inactive ] &&
		grep -qx STATE=pending /run/etcd-cluster/setup'
	m '[ "$(systemctl is-system-running)" = running ]'
	exits 6 'etcd-cluster status'
	prints pending
	m 'systemctl is-active etcd-cluster-setup.timer'
}

@test "the steps without network are done: certificates, for this machine and not for an image" {
	m '[ -e /etc/etcd/pki/server.crt ]
	[ ! -e /usr/libexec/etcd-cluster/releases/current ]'
}

@test "the archive is copied into the cache, and the timer finishes setup" {
	answers RELEASE=3.4.23
	trust 3.4.23
	m 'cp /srv/dist/releases/etcd-v3.4.23-*.tar.gz /var/cache/etcd-cluster/'
	healthy
	m 'fails systemctl is-active etcd-cluster-setup.timer'
}

@test "a corrupt archive in the cache is refused, and etcd continues to run" {
	answers RELEASE=3.5.16 RELEASE_URL=none
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'cp /srv/dist/releases/etcd-v3.5.16-*.tar.gz /var/cache/etcd-cluster/
	printf x | dd of="$(ls /var/cache/etcd-cluster/etcd-v3.5.16-*)" bs=1 seek=5000 conv=notrunc 2>/dev/null
	rc=0; etcd-cluster setup >/tmp/out 2>&1 || rc=$?; cat /tmp/out; [ $rc -eq 4 ]
	[ ! -e /usr/libexec/etcd-cluster/releases/v3.5.16 ]'
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
	answers RELEASE=3.4.23
	healthy
}

@test "invalid answers: exit 0, idle, reported with file and line" {
	m gone
	for answer in ROLE=banana ADDRESS=300.1.2.3 NAME=-x- CLIENT_PORT=0; do
		answers "$answer"
		m 'apt-get install etcd-cluster'
		wait_for 'grep -qx STATE=failed /run/etcd-cluster/setup'
		exits 3 'etcd-cluster setup'
		prints cluster.conf:1
		m 'fails pgrep -x etcd
		[ ! -e /var/lib/etcd-cluster/member ]
		[ -z "$(dpkg --audit)" ]
		fails etcd-cluster status
		gone'
	done
}

@test "after the correction of the answer setup continues" {
	answers ROLE=banana
	m 'apt-get install etcd-cluster'
	wait_for 'grep -qx STATE=failed /run/etcd-cluster/setup'
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
	trust 3.4.23
	exits 0 'etcd-cluster setup'
	healthy
}

@test "ROLE=none installs and stays idle" {
	m gone
	answers ROLE=none
	m 'apt-get install etcd-cluster
	sleep 1
	fails pgrep -x etcd
	[ "$(systemctl is-system-running)" = running ]'
	exits 0 'etcd-cluster status'
}
