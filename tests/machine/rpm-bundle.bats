# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# etcd-cluster-release as an rpm. (rpm-image.bats has the kickstart example.)
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

bundle='/srv/dist/bundles-rpm/etcd-cluster-release-3.4.23-1.*.rpm' # expanded by the shell of the machine

setup_file() {
	export MACHINE=rpm-bundle
	need_root
	"$top/bundle/make" "$top/dist/releases/etcd-v3.4.23-linux-$(dpkg --print-architecture).tar.gz" \
		"$top/dist/releases/SHA256SUMS" "$top/dist/bundles-rpm"
	boot "$MACHINE" rpm
	answers RELEASE_URL=none
}

@test "dnf install of both packages, RELEASE_URL=none and only a loopback device: healthy" {
	in_time 10 m "dnf install etcd-cluster $bundle"
	healthy
	m '[ "$(etcdctl.sh put greeting hello)" = OK ]
	[ "$(systemctl is-system-running)" = running ]
	[ "$(readlink /usr/libexec/etcd-cluster/releases/current)" = v3.4.23 ]
	etcd-cluster release verify v3.4.23
	fails rpm -qf /usr/libexec/etcd-cluster/releases/v3.4.23/etcd'
}

@test "a removal of the release package takes nothing from the running member, also after a reboot" {
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'dnf remove etcd-cluster-release
	[ ! -e /usr/libexec/etcd-cluster/bundle ]'
	healthy
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
	"$machine" reboot "$MACHINE"
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]'
}

@test "installed after etcd-cluster: a pending machine becomes healthy without waiting for the timer" {
	m gone
	answers RELEASE_URL=none
	m 'dnf install etcd-cluster'
	wait_for 'grep -qx STATE=pending /run/etcd-cluster/setup && systemctl is-active etcd-cluster-setup.timer'
	m "dnf install $bundle"
	in_time 15 healthy
}
