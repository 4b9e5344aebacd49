# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# etcd-cluster-release: a machine without any network becomes a member, and no life of that package takes etcd away. Debian 12.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

# Another release than 3.4.23 that the package does not pin: a double that says it is 3.4.30.
make_bundles() {
	arch=$(dpkg --print-architecture)
	rm -rf "$top/dist/bundles" && mkdir -p "$top/dist/bundles"
	cc -O1 -o "$BATS_FILE_TMPDIR/stub" "$top/tests/lib/etcd-stub.c"
	python3 "$top/tests/lib/archives.py" good "$BATS_FILE_TMPDIR/etcd-v3.4.30-linux-$arch.tar.gz" "$BATS_FILE_TMPDIR/stub" 3.4.30
	(cd "$BATS_FILE_TMPDIR" && sha256sum etcd-v3.4.30-*) >"$BATS_FILE_TMPDIR/sums"
	"$top/bundle/make" "$top/dist/releases/etcd-v3.4.23-linux-$arch.tar.gz" "$top/dist/releases/SHA256SUMS" "$top/dist/bundles"
	"$top/bundle/make" "$BATS_FILE_TMPDIR/etcd-v3.4.30-linux-$arch.tar.gz" "$BATS_FILE_TMPDIR/sums" "$top/dist/bundles"
}

setup_file() {
	export MACHINE=bundle
	need_root
	make_bundles
	boot "$MACHINE" bookworm
	answers RELEASE_URL=none
}

# nothing_moved PID: etcd is the process it was and runs what it ran.
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

@test "upgrading it lays the next release beside; a member is neither switched nor restarted" {
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'apt-get install /srv/dist/bundles/etcd-cluster-release_3.4.30_*.deb
	etcd-cluster release verify v3.4.30
	etcd-cluster release verify v3.4.23'
	nothing_moved "$pid"
	exits 2 'etcd-cluster setup'
}

@test "removing it takes nothing from the running member, nor after a reboot" {
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'apt-get purge etcd-cluster-release
	[ ! -e /usr/libexec/etcd-cluster/bundle ]'
	nothing_moved "$pid"
	"$machine" reboot "$MACHINE"
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]'
}

@test "purging etcd-cluster leaves what belongs to the other package" {
	m 'apt-get install /srv/dist/bundles/etcd-cluster-release_3.4.23_*.deb
	echo etcd-cluster etcd-cluster/purge-data boolean true | debconf-set-selections
	apt-get purge etcd-cluster
	[ -z "$(dpkg --verify etcd-cluster-release)" ]
	[ "$(ls /usr/libexec/etcd-cluster)" = bundle ]'
}

@test "there before etcd-cluster: as good" {
	answers RELEASE_URL=none
	m 'apt-get install etcd-cluster'
	healthy
}

@test "there after it: what was pending is healthy without waiting for the timer" {
	m 'gone
	apt-get purge etcd-cluster-release'
	answers RELEASE_URL=none
	m 'apt-get install etcd-cluster'
	wait_for 'grep -qx STATE=pending /run/etcd-cluster/setup && systemctl is-active etcd-cluster-setup.timer'
	m 'dpkg -i /srv/dist/bundles/etcd-cluster-release_3.4.23_*.deb'
	in_time 15 healthy
}

@test "no room for it: installed all the same, the reason is said, and setup finishes once there is" {
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

@test "both in an image: the release is in it, unpacked, an identity is not; the first boot needs nothing else" {
	"$machine" destroy "$MACHINE"
	"$machine" create "$MACHINE" bookworm
	image=$("$machine" root "$MACHINE")
	mkdir "$image/etc/etcd"
	echo RELEASE_URL=none >"$image/etc/etcd/cluster.conf"
	cp "$top"/dist/repo/apt/pool/etcd-cluster_*.deb "$top"/dist/bundles/etcd-cluster-release_3.4.23_*.deb "$image/root/"
	# /proc as every image builder has it; without it the release would be unpacked at the first boot.
	unshare --mount sh -euc 'mount -t proc proc "$1/proc"
		chroot "$1" sh -c "DEBIAN_FRONTEND=noninteractive dpkg -i /root/etcd-cluster*.deb"' sh "$image"
	[ "$(readlink "$image/usr/libexec/etcd-cluster/releases/current")" = v3.4.23 ]
	[ ! -e "$image/etc/etcd/pki/ca.key" ]
	[ ! -e "$image/etc/etcd/member-id" ]
	"$machine" start "$MACHINE"
	healthy
}
