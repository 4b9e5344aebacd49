# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# An image that is built once and booted often must not contain an identity.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=image
	need_root
	"$machine" destroy "$MACHINE" 2>/dev/null || true
	"$machine" create "$MACHINE" trixie
	image=$("$machine" root "$MACHINE")
	export image
	mkdir -p "$image/etc/etcd/releases.sha256.d" "$image/var/cache/etcd-cluster"
	printf '%s\n' RELEASE=3.4.23 RELEASE_URL=none >"$image/etc/etcd/cluster.conf"
	grep -- -v3.4.23- "$top/dist/releases/SHA256SUMS" >"$image/etc/etcd/releases.sha256.d/test.sha256"
	cp "$top"/dist/releases/etcd-v3.4.23-*.tar.gz "$image/var/cache/etcd-cluster/"
	cp "$top"/dist/repo/apt/pool/etcd-cluster_*.deb "$image/root/e.deb"
}

@test "dpkg in a chroot, with and without policy-rc.d: configured, and no identity" {
	for policy in 101 none; do
		rm -f "$image/usr/sbin/policy-rc.d"
		[ $policy = none ] || printf '#!/bin/sh\nexit 101\n' >"$image/usr/sbin/policy-rc.d"
		chmod +x "$image"/usr/sbin/policy-rc.d 2>/dev/null || true
		chroot "$image" env DEBIAN_FRONTEND=noninteractive dpkg -i /root/e.deb
		[ -z "$(chroot "$image" dpkg --audit)" ]
		[ ! -e "$image/etc/etcd/pki/ca.key" ]
		[ ! -e "$image/etc/etcd/pki/server.key" ]
		[ -z "$(find "$image/var/lib/etcd-cluster" -mindepth 1 2>/dev/null)" ]
		[ ! -e "$image/etc/etcd/member-id" ]
		[ -L "$image/etc/systemd/system/multi-user.target.wants/etcd-cluster.target" ]
	done
	rm -f "$image/usr/sbin/policy-rc.d"
}

@test "DPKG_ROOT: configured from outside, and no identity" {
	chroot "$image" env DEBIAN_FRONTEND=noninteractive dpkg --purge etcd-cluster
	printf '%s\n' RELEASE=3.4.23 RELEASE_URL=none >"$image/etc/etcd/cluster.conf"
	mkdir -p "$image/etc/etcd/releases.sha256.d" "$image/var/cache/etcd-cluster"
	grep -- -v3.4.23- "$top/dist/releases/SHA256SUMS" >"$image/etc/etcd/releases.sha256.d/test.sha256"
	cp "$top"/dist/releases/etcd-v3.4.23-*.tar.gz "$image/var/cache/etcd-cluster/"
	before=$(ls -A /etc/etcd /var/lib/etcd-cluster /run/etcd-cluster 2>&1 || true)
	DEBIAN_FRONTEND=noninteractive dpkg --root="$image" --force-script-chrootless -i "$image/root/e.deb"
	[ "$before" = "$(ls -A /etc/etcd /var/lib/etcd-cluster /run/etcd-cluster 2>&1 || true)" ]
	[ ! -e "$image/etc/etcd/pki/ca.key" ]
	[ ! -e "$image/etc/etcd/member-id" ]
	grep -q '^etcd:' "$image/etc/passwd"
	[ -L "$image/etc/systemd/system/multi-user.target.wants/etcd-cluster.target" ]
}

@test "the first boot makes certificates and data" {
	"$machine" start "$MACHINE"
	healthy
	m '[ -e /etc/etcd/pki/ca.key ]
	[ -e /etc/etcd/member-id ]
	[ -d /var/lib/etcd-cluster/member ]
	[ "$(systemctl is-system-running)" = running ]'
}
