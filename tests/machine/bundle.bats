# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# etcd-cluster-release: a machine without a network becomes a member, and no change of that package removes its etcd.
# Debian 12.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

# A release that the package does not pin: a fake that reports version 3.4.30.
make_bundles() {
	arch=$(dpkg --print-architecture)
	rm -rf "$top/dist/bundles" && mkdir -p "$top/dist/bundles"
	cc -O1 -o "$BATS_FILE_TMPDIR/stub" "$top/tests/lib/etcd-stub.c"
	python3 "$top/tests/lib/archives.py" good "$BATS_FILE_TMPDIR/etcd-v3.4.30-linux-$arch.tar.gz" \
		"$BATS_FILE_TMPDIR/stub" 3.4.30
	(cd "$BATS_FILE_TMPDIR" && sha256sum etcd-v3.4.30-*) >"$BATS_FILE_TMPDIR/sums"
	"$top/bundle/make" "$top/dist/releases/etcd-v3.4.23-linux-$arch.tar.gz" "$top/dist/releases/SHA256SUMS" \
		"$top/dist/bundles"
	"$top/bundle/make" "$BATS_FILE_TMPDIR/etcd-v3.4.30-linux-$arch.tar.gz" "$BATS_FILE_TMPDIR/sums" "$top/dist/bundles"
}

setup_file() {
	export MACHINE=bundle
	need_root
	make_bundles
	boot "$MACHINE" bookworm
	answers RELEASE_URL=none
}

# nothing_moved PID: etcd has the same process and the same program.
nothing_moved() {
	healthy
	[ "$1" = "$(m 'systemctl show -P MainPID etcd')" ]
	m '[ "$(readlink /usr/libexec/etcd-cluster/releases/current)" = v3.4.23 ]'
}

@test "apt-get install of both packages, RELEASE_URL=none and only a loopback device: healthy" {
	in_time 10 m 'apt-get install etcd-cluster /srv/dist/bundles/etcd-cluster-release_3.4.23_*.deb'
	healthy
	m '[ "$(etcdctl.sh put greeting hello)" = OK ]
	[ "$(systemctl is-system-running)" = running ]
	[ -z "$(dpkg --audit)" ]
	cd /usr/libexec/etcd-cluster/releases
	[ "$(readlink current)" = v3.4.23 ]
	grep -qx VERSION=3.4.23 v3.4.23/.release
	[ "$(stat -c %U:%G:%a v3.4.23/etcd v3.4.23/etcdctl | sort -u)" = root:root:755 ]
	grep -qx listen-peer-urls v3.4.23/options
	etcd-cluster release verify v3.4.23
	fails dpkg -S v3.4.23/etcd'
}

@test "an upgrade of the release package unpacks the next release; a member is neither switched nor restarted" {
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'apt-get install /srv/dist/bundles/etcd-cluster-release_3.4.30_*.deb
	etcd-cluster release verify v3.4.30
	etcd-cluster release verify v3.4.23'
	nothing_moved "$pid"
	exits 2 'etcd-cluster setup --exit-code'
}

@test "a removal of the release package takes nothing from the running member, also after a reboot" {
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'apt-get purge etcd-cluster-release
	[ ! -e /usr/libexec/etcd-cluster/bundle ]'
	nothing_moved "$pid"
	"$machine" reboot "$MACHINE"
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]'
}

@test "a purge of etcd-cluster keeps the files of the other package" {
	m 'apt-get install /srv/dist/bundles/etcd-cluster-release_3.4.23_*.deb
	echo etcd-cluster etcd-cluster/purge-data boolean true | debconf-set-selections
	apt-get purge etcd-cluster
	[ -z "$(dpkg --verify etcd-cluster-release)" ]
	[ "$(ls /usr/libexec/etcd-cluster)" = bundle ]'
}

@test "installed before etcd-cluster: the same result" {
	answers RELEASE_URL=none
	m 'apt-get install etcd-cluster'
	healthy
}

@test "installed after it: a pending machine becomes healthy without waiting for the timer" {
	m 'gone
	apt-get purge etcd-cluster-release'
	answers RELEASE_URL=none
	m 'apt-get install etcd-cluster'
	wait_for 'grep -qx STATE=pending /run/etcd-cluster/setup && systemctl is-active etcd-cluster-setup.timer'
	m 'dpkg -i /srv/dist/bundles/etcd-cluster-release_3.4.23_*.deb'
	in_time 15 healthy
}

@test "no space for it: the installation succeeds, the reason is printed, and setup finishes when there is space" {
	m 'gone
	apt-get purge etcd-cluster-release'
	answers RELEASE_URL=none
	m 'mkdir -p /usr/libexec/etcd-cluster/releases
	mount -t tmpfs -o size=20m tmpfs /usr/libexec/etcd-cluster/releases
	apt-get install etcd-cluster /srv/dist/bundles/etcd-cluster-release_3.4.23_*.deb 2>&1 | tee /tmp/out
	grep -q "no room for etcd" /tmp/out
	umount /usr/libexec/etcd-cluster/releases
	etcd-cluster setup'
	healthy
}

@test "both in an image: the release is unpacked, there is no identity, and the first boot needs nothing else" {
	"$machine" destroy "$MACHINE"
	"$machine" create "$MACHINE" bookworm
	image=$("$machine" root "$MACHINE")
	mkdir "$image/etc/etcd"
	echo RELEASE_URL=none >"$image/etc/etcd/cluster.conf"
	cp "$top"/dist/repo/apt/pool/etcd-cluster_*.deb "$top"/dist/bundles/etcd-cluster-release_3.4.23_*.deb "$image/root/"
	# Image builders mount /proc; without it the release is unpacked at the first boot.
	unshare --mount sh -euc 'mount -t proc proc "$1/proc"
		chroot "$1" sh -c "DEBIAN_FRONTEND=noninteractive dpkg -i /root/etcd-cluster*.deb"' sh "$image"
	[ "$(readlink "$image/usr/libexec/etcd-cluster/releases/current")" = v3.4.23 ]
	[ ! -e "$image/etc/etcd/pki/ca.key" ]
	[ ! -e "$image/etc/etcd/member-id" ]
	"$machine" start "$MACHINE"
	healthy
}
