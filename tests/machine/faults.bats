# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Faulty machines: full disks, a read-only /usr, ports in use, data of others.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=faults
	need_root
	boot "$MACHINE" bookworm+installed
}

# Each test starts with an installed machine without setup and without mounts.
setup() {
	m 'for d in /var/lib/etcd-cluster /usr/libexec/etcd-cluster/releases /etc/etcd /usr; do
		! mountpoint -q $d || umount -l $d
	done
	systemctl stop squatter 2>/dev/null || true
	[ -e /usr/sbin/etcd-cluster ] || apt-get install etcd-cluster
	systemctl stop etcd etcd-cluster-setup.timer etcd-cluster-setup.service
	rm -rf /var/lib/etcd-cluster/* /etc/etcd/pki* /etc/etcd/.pki* /etc/etcd/*.env /etc/etcd/member-id /etc/etcd/forming \
		/usr/libexec/etcd-cluster/releases/* /var/cache/etcd-cluster/* /run/etcd-cluster/*' >/dev/null
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
	trust 3.4.23
}

# setup_fails TEXT…: etcd-cluster setup ends with 3 (unsuitable machine) or 1 (failure) and prints each TEXT.
setup_fails() {
	run m 'timeout 300 etcd-cluster setup'
	echo "$output"
	[ "$status" -eq 3 ] || [ "$status" -eq 1 ]
	for text; do
		prints "$text"
	done
	m 'fails pgrep -x etcd'
}

@test "/var/lib on a full disk: refused before etcd starts, and healthy when there is space" {
	m 'mount -t tmpfs -o size=8M,mode=0755 tmpfs /var/lib/etcd-cluster && chown etcd:etcd /var/lib/etcd-cluster'
	setup_fails 'MiB are free for /var/lib/etcd-cluster'
	m 'mount -o remount,size=400M /var/lib/etcd-cluster'
	exits 0 'etcd-cluster setup'
	healthy
}

@test "/usr/libexec/etcd-cluster on a full disk: a clear error, no partial release" {
	m 'mount -t tmpfs -o size=10M,mode=0755 tmpfs /usr/libexec/etcd-cluster/releases'
	setup_fails '/usr/libexec/etcd-cluster/releases has no room for etcd'
	m '[ ! -e /usr/libexec/etcd-cluster/releases/v3.4.23 ]
	[ ! -e /usr/libexec/etcd-cluster/releases/current ]
	mount -o remount,size=200M /usr/libexec/etcd-cluster/releases'
	exits 0 'etcd-cluster setup'
	healthy
}

@test "/etc on a full disk: a clear error, no partial certificates" {
	m 'cp -a /etc/etcd /tmp/etc && mount -t tmpfs -o size=64k,mode=0755 tmpfs /etc/etcd && cp -a /tmp/etc/. /etc/etcd/
	dd if=/dev/zero of=/etc/etcd/fill bs=4k 2>/dev/null || true'
	setup_fails 'the file system of /etc/etcd is full'
	m '[ ! -e /etc/etcd/pki/server.key ]
	rm /etc/etcd/fill
	mount -o remount,size=10M /etc/etcd'
	exits 0 'etcd-cluster setup'
	healthy
}

@test "dpkg on a full /etc fails the configuration, and finishes it when there is space" {
	m 'gone
	mkdir /etc/etcd; mount -t tmpfs -o size=4k,mode=0755 tmpfs /etc/etcd
	dd if=/dev/zero of=/etc/etcd/fill bs=4k count=1'
	run m 'apt-get install etcd-cluster'
	[ "$status" -ne 0 ]
	m 'rm /etc/etcd/fill; mount -o remount,size=10M /etc/etcd'
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
	trust 3.4.23
	m 'dpkg --configure -a
	[ -z "$(dpkg --audit)" ]'
	healthy
}

@test "a read-only /usr: refused with the path, nothing changed" {
	m 'mount --bind /usr /usr && mount -o remount,bind,ro /usr'
	setup_fails /usr/libexec/etcd-cluster 'ead-only'
	m 'umount -l /usr'
	exits 0 'etcd-cluster setup'
	healthy
}

@test "a port in use: reported with the program" {
	m 'systemd-run -q --unit=squatter perl -MSocket -e "socket(S, PF_INET, SOCK_STREAM, 6);
			bind(S,sockaddr_in(2380,INADDR_LOOPBACK)) or die; listen(S,5); sleep 600"'
	wait_for 'ss -Hltn "sport = 2380" | grep -q .'
	setup_fails 2380
	[ "$status" -eq 3 ]
	m 'systemctl stop squatter'
	exits 0 'etcd-cluster setup'
	healthy
}

@test "data of an unused etcd of the distribution is not taken over" {
	# The data after the first start of Debian's etcd-server: an unencrypted member named default.
	m 'etcd-cluster release install 3.4.23 >/dev/null 2>&1 || etcd-cluster setup >/dev/null; systemctl stop etcd; true'
	m 'rm -rf /var/lib/etcd-cluster/* /etc/etcd/member-id /etc/etcd/forming
	cd /tmp
	setpriv --reuid=etcd --regid=etcd --clear-groups /usr/libexec/etcd-cluster/releases/v3.4.23/etcd \
		--data-dir /var/lib/etcd-cluster >/dev/null 2>&1 & pid=$!
	for i in $(seq 300); do
		! curl -s http://127.0.0.1:2379/health | grep -q true || break
		sleep 0.2
	done
	kill $pid
	wait $pid || true
	[ -d /var/lib/etcd-cluster/member/wal ]'
	before=$(m 'cd /var/lib/etcd-cluster && find . -type f -exec sha256sum {} + | sort')
	setup_fails /var/lib/etcd-cluster
	[ "$status" -eq 3 ]
	[ "$before" = "$(m 'cd /var/lib/etcd-cluster && find . -type f -exec sha256sum {} + | sort')" ]
}

@test "a member whose data is lost does not start with its old identity" {
	exits 0 'etcd-cluster setup'
	healthy
	m 'systemctl stop etcd; rm -rf /var/lib/etcd-cluster/member'
	setup_fails member-id
	[ "$status" -eq 3 ]
	m 'fails timeout 60 systemctl start etcd
	[ ! -e /var/lib/etcd-cluster/member ]
	systemctl stop etcd'
}

