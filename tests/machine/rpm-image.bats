# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The rpm in a system that an installer fills before its first boot, as with kickstart: it must not get an identity.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=rpm-image
	need_root
	"$machine" destroy "$MACHINE" 2>/dev/null || true
	"$machine" create "$MACHINE" rpm+source 10.77.22.1
	image=$("$machine" root "$MACHINE")
	export image
}

# in_image COMMAND…: runs it in the system that was never booted, with the mounts of an installer.
in_image() {
	mkdir -p "$image/srv/dist"
	unshare --mount --fork sh -euc '
		mount --bind "$2" "$1/srv/dist"
		mount -t proc proc "$1/proc"
		mount --rbind /dev "$1/dev"
		root=$1
		shift 2
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"' \
			sh "$image" "$top/dist" "$@" </dev/null
}

no_identity() {
	[ ! -e "$image/etc/etcd/pki" ]
	[ ! -e "$image/etc/etcd/member-id" ]
	[ ! -e "$image/etc/etcd/etcd.env" ]
	[ -z "$(find "$image/var/lib/etcd-cluster" -mindepth 1)" ]
}

@test "%packages: dnf in a system that was never booted: enabled, owned by etcd, and no identity" {
	run in_image dnf install etcd-cluster
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *'could not'* && $output != *'ailed'* ]]
	no_identity
	[ -L "$image/etc/systemd/system/multi-user.target.wants/etcd-cluster.target" ]
	[ "$(chroot "$image" stat -c %U:%G:%a /var/lib/etcd-cluster)" = etcd:etcd:700 ]
	in_image dnf reinstall etcd-cluster
	no_identity
}

@test "kickstart.cfg's %post, and the first boot makes certificates, data and a healthy member" {
	grep -q 'https://mirror.example.com/etcd' "$top/docs/examples/kickstart.cfg"
	sed -n '/^%post/,/^%end/{/^%/!p;}' "$top/docs/examples/kickstart.cfg" |
		sed 's|https://mirror.example.com/etcd|file:/srv/dist/releases|; s/10\.0\.0\.5/10.77.22.1/; s/3\.6\.14/3.4.23/' \
			>"$image/root/post"
	grep -q . "$image/root/post"
	in_image /bin/sh -e /root/post
	grep -- -v3.4.23- "$top/dist/releases/SHA256SUMS" >"$image/etc/etcd/releases.sha256.d/test.sha256"
	no_identity
	"$machine" start "$MACHINE"
	healthy
	m '[ -e /etc/etcd/member-id ]
	ss -Hltn "sport = :2379" | grep -q 10.77.22.1
	[ "$(systemctl is-system-running)" = running ]
	[ "$(rpm -V etcd-cluster | grep -v " c /etc/etcd/cluster.conf$" | wc -l)" = 0 ]'
}
