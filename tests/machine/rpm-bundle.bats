# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# etcd-cluster-release as an rpm, and the kickstart example in its own world.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

bundle='/srv/dist/bundles-rpm/etcd-cluster-release-3.4.23-1.*.rpm' # the machine's shell expands it

setup_file() {
	export MACHINE=rpm-bundle
	need_root
	"$top/bundle/make" "$top/dist/releases/etcd-v3.4.23-linux-$(dpkg --print-architecture).tar.gz" \
		"$top/dist/releases/SHA256SUMS" "$top/dist/bundles-rpm"
	boot "$MACHINE" rpm
	answers RELEASE_URL=none
}

@test "dnf install of both packages, RELEASE_URL=none and only a loopback device: healthy" {
	start=$(date +%s)
	m "dnf install etcd-cluster $bundle"
	[ $(($(date +%s) - start)) -le 10 ]
	healthy
	m '[ "$(etcdctl.sh put greeting hello)" = OK ]
	[ "$(systemctl is-system-running)" = running ]
	[ "$(readlink /usr/libexec/etcd-cluster/releases/current)" = v3.4.23 ]
	etcd-cluster release verify v3.4.23
	fails rpm -qf /usr/libexec/etcd-cluster/releases/v3.4.23/etcd'
}

@test "removing it takes nothing from the running member, nor after a reboot" {
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'dnf remove etcd-cluster-release
	[ ! -e /usr/libexec/etcd-cluster/bundle ]'
	healthy
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
	"$machine" reboot "$MACHINE"
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]'
}

@test "there after etcd-cluster: what was pending is healthy without waiting for the timer" {
	m gone
	answers RELEASE_URL=none
	m 'dnf install etcd-cluster'
	wait_for 20 'grep -qx STATE=pending /run/etcd-cluster/setup && systemctl is-active etcd-cluster-setup.timer'
	m "dnf install $bundle"
	healthy 15
}

# What anaconda does: the package into a system that does not run, %post in it, then its first boot.
@test "kickstart.cfg: %post in the installed system, then the first boot" {
	"$machine" destroy "$MACHINE"
	"$machine" create "$MACHINE" rpm 10.77.22.1
	image=$("$machine" root "$MACHINE")
	cp "$top"/dist/repo/dnf/etcd-cluster-[0-9]*.rpm "$image/root/e.rpm"
	chroot "$image" rpm -i --nosignature /root/e.rpm
	grep -- -v3.4.23- "$top/dist/releases/SHA256SUMS" >"$image/etc/etcd/releases.sha256.d/test.sha256"
	sed 's|https://mirror.example.com/etcd|file:/srv/dist/releases|; s/10\.0\.0\.5/10.77.22.1/; s/3\.6\.14/3.4.23/' \
		"$top/docs/examples/kickstart.cfg" | sed -n '/^%post/,/^%end/{/^%/!p;}' >"$image/root/post"
	chroot "$image" /bin/sh -e /root/post
	[ ! -e "$image/etc/etcd/pki/ca.key" ]
	"$machine" start "$MACHINE"
	healthy 30
	m 'ss -Hltn "sport = :2379" | grep -q 10.77.22.1
	[ "$(systemctl is-system-running)" = running ]'
}
