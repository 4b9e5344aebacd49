# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Machines that are not as they should be: full disks, a read-only /usr, ports taken, somebody else's data.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=faults
	need_root
	boot "$MACHINE" bookworm
	answers ROLE=none
	trust 3.4.23
	m 'apt-get install etcd-cluster'
}

setup() {
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
}

# Back to an installed machine on which nothing was set up.
forget() {
	m 'systemctl stop etcd etcd-cluster-setup.timer etcd-cluster-setup.service
	rm -rf /var/lib/etcd-cluster/* /etc/etcd/pki* /etc/etcd/.pki* /etc/etcd/*.env /etc/etcd/member-id \
		/usr/libexec/etcd-cluster/releases/* /var/cache/etcd-cluster/* /run/etcd-cluster/*'
}

@test "/var/lib on a full disk: refused before etcd starts, and healthy once there is room" {
	m 'mount -t tmpfs -o size=8M,mode=0755 tmpfs /var/lib/etcd-cluster && chown etcd:etcd /var/lib/etcd-cluster'
	run m 'timeout 60 etcd-cluster setup'
	echo "$output"
	[ "$status" -eq 3 ] || [ "$status" -eq 1 ]
	says space
	m 'fails pgrep -x etcd
	mount -o remount,size=400M /var/lib/etcd-cluster'
	exits 0 'etcd-cluster setup'
	healthy
	forget
	m 'umount /var/lib/etcd-cluster'
}

@test "/usr/libexec/etcd-cluster on a full disk: an error that says so, no half release" {
	m 'mount -t tmpfs -o size=10M,mode=0755 tmpfs /usr/libexec/etcd-cluster/releases'
	run m 'etcd-cluster setup'
	echo "$output"
	[ "$status" -eq 3 ] || [ "$status" -eq 1 ]
	says space
	m '[ ! -e /usr/libexec/etcd-cluster/releases/v3.4.23 ]
	[ ! -e /usr/libexec/etcd-cluster/releases/current ]
	mount -o remount,size=200M /usr/libexec/etcd-cluster/releases'
	exits 0 'etcd-cluster setup'
	healthy
	forget
	m 'umount /usr/libexec/etcd-cluster/releases'
}

@test "/etc on a full disk: an error that says so, and no half certificates" {
	m 'cp -a /etc/etcd /tmp/etc && mount -t tmpfs -o size=64k,mode=0755 tmpfs /etc/etcd && cp -a /tmp/etc/. /etc/etcd/
	dd if=/dev/zero of=/etc/etcd/fill bs=4k 2>/dev/null || true'
	run m 'etcd-cluster setup'
	echo "$output"
	[ "$status" -eq 3 ] || [ "$status" -eq 1 ]
	says space
	m '[ ! -e /etc/etcd/pki/server.key ]
	rm /etc/etcd/fill
	mount -o remount,size=10M /etc/etcd'
	exits 0 'etcd-cluster setup'
	healthy
	forget
	m 'umount /etc/etcd'
}

@test "dpkg on a full /etc fails the configuration, and finishes it once there is room" {
	m 'gone
	mkdir /etc/etcd; mount -t tmpfs -o size=16k,mode=0755 tmpfs /etc/etcd'
	run m 'apt-get install etcd-cluster'
	[ "$status" -ne 0 ]
	m 'mount -o remount,size=10M /etc/etcd'
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
	trust 3.4.23
	m 'dpkg --configure -a || true; apt-get -f install; apt-get install etcd-cluster; [ -z "$(dpkg --audit)" ]'
	healthy 30
	forget
	m 'cp -a /etc/etcd /tmp/etc2; umount /etc/etcd; cp -a /tmp/etc2/. /etc/etcd/'
}

@test "a read-only /usr: refused with the path, nothing changed" {
	m 'mount --bind /usr /usr && mount -o remount,bind,ro /usr'
	run m 'etcd-cluster setup'
	m 'umount /usr'
	echo "$output"
	[ "$status" -eq 3 ] || [ "$status" -eq 1 ]
	says /usr/libexec/etcd-cluster
	says read-only || says Read-only
	exits 0 'etcd-cluster setup'
	healthy
	forget
}

@test "a port that is taken: named, with who has it" {
	m 'systemd-run -q --unit=squatter socat TCP-LISTEN:2380,fork,reuseaddr /dev/null 2>/dev/null ||
		systemd-run -q --unit=squatter perl -MSocket -e "socket(S,PF_INET,SOCK_STREAM,6);
			bind(S,sockaddr_in(2380,INADDR_LOOPBACK)) or die; listen(S,5); sleep 600"
	sleep 0.5'
	run m 'timeout 60 etcd-cluster setup'
	echo "$output"
	[ "$status" -eq 3 ]
	says 2380
	m 'systemctl stop squatter
	fails pgrep -x etcd'
	run m 'etcd-cluster setup'
	[ "$status" -eq 0 ]
	healthy
	forget
}

@test "data of an untouched distribution etcd is not taken over" {
	# What Debian's etcd-server leaves after its first start: an unencrypted member named default.
	m 'etcd-cluster release install 3.4.23 >/dev/null 2>&1 || etcd-cluster setup >/dev/null; systemctl stop etcd; true'
	m 'rm -rf /var/lib/etcd-cluster/* /etc/etcd/member-id
	cd /tmp && (setpriv --reuid=etcd --regid=etcd --clear-groups timeout 3 /usr/libexec/etcd-cluster/releases/v3.4.23/etcd \
		--data-dir /var/lib/etcd-cluster >/dev/null 2>&1 || true)
	[ -d /var/lib/etcd-cluster/member ]'
	before=$(m 'cd /var/lib/etcd-cluster && find . -type f -exec sha256sum {} + | sort')
	run m 'timeout 60 etcd-cluster setup'
	echo "$output"
	[ "$status" -eq 3 ]
	says /var/lib/etcd-cluster
	[ "$before" = "$(m 'cd /var/lib/etcd-cluster && find . -type f -exec sha256sum {} + | sort')" ]
	forget
}

@test "a member whose data is gone does not start under its old identity" {
	exits 0 'etcd-cluster setup'
	healthy
	m 'systemctl stop etcd; rm -rf /var/lib/etcd-cluster/member'
	run m 'timeout 60 etcd-cluster setup'
	echo "$output"
	[ "$status" -eq 3 ]
	says member-id
	m 'fails timeout 10 systemctl start etcd
	[ ! -e /var/lib/etcd-cluster/member ]
	systemctl stop etcd'
	forget
}

