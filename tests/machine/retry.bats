# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Nothing switches the retry off: each fault is set up, setup fails, the cause goes away, and the machine becomes ready
# without a hand on it. wait_for allows five minutes, and the pauses of setup grow to five minutes only slowly.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=retry
	need_root
	boot "$MACHINE" bookworm+installed 10.77.71.1
}

# Each test starts with an installed machine without setup.
setup() {
	m '! mountpoint -q /var/lib/etcd-cluster || umount -l /var/lib/etcd-cluster
	! mountpoint -q /etc/etcd/releases.sha256.d/test.sha256 || umount /etc/etcd/releases.sha256.d/test.sha256
	systemctl stop etcd-cluster.target holder 2>/dev/null || true
	systemctl stop etcd etcd-cluster-setup.timer etcd-cluster-setup.service
	systemctl reset-failed
	rm -rf /var/lib/etcd-cluster/* /etc/etcd/* /etc/etcd/.pki* /usr/libexec/etcd-cluster/releases/* \
		/var/cache/etcd-cluster/* /run/etcd-cluster/* /etc/systemd/system/etcd.service.d
	systemctl daemon-reload'
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
	trust 3.4.23
}

# fails_first TEXT: the target is started, as an installation does it; setup ends with TEXT, and the timer is on.
fails_first() {
	m 'systemctl start --no-block etcd-cluster.target'
	ends_with "$1"
}

ends_with() {
	wait_for "grep -q '^MESSAGE=.*$1' /run/etcd-cluster/setup && fails grep -qx STATE=running /run/etcd-cluster/setup"
	m 'systemctl is-active etcd-cluster-setup.timer'
	run m 'etcd-cluster status'
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$status" -eq 3 ] || prints 'tries again by itself in' # 3: without cluster.conf, only its error is shown
}

# ends_well: ready, and the timer is off again.
ends_well() {
	healthy
	wait_for 'grep -qx STATE=ready /run/etcd-cluster/setup'
	wait_for 'fails systemctl is-active etcd-cluster-setup.timer'
}

@test "a disk that was full, and later has room" {
	m 'mount -t tmpfs -o size=8M,mode=0755 tmpfs /var/lib/etcd-cluster && chown etcd:etcd /var/lib/etcd-cluster'
	fails_first 'MiB are free for /var/lib/etcd-cluster'
	m 'mount -o remount,size=400M /var/lib/etcd-cluster'
	ends_well
}

# Each read of the memory of a process at address 0 fails so.
@test "a disk with I/O errors, and later without" {
	m 'systemd-run -q --unit=holder -p CapabilityBoundingSet= sleep 600
	mount --bind /proc/$(systemctl show -P MainPID holder)/mem /etc/etcd/releases.sha256.d/test.sha256'
	fails_first 'nput/output error'
	m 'umount /etc/etcd/releases.sha256.d/test.sha256'
	ends_well
}

@test "an address that comes later, while the interface has another one" {
	m 'echo ADDRESS=10.77.71.7 >>/etc/etcd/cluster.conf'
	fails_first '10.77.71.7 is not an address of this machine'
	m 'ip address add 10.77.71.7/24 dev host0'
	ends_well
}

@test "a typo in cluster.conf, and its correction" {
	m 'echo CLIENT_PROT=2379 >>/etc/etcd/cluster.conf'
	fails_first 'cluster.conf:3: .*CLIENT_PROT'
	m 'fails systemctl is-failed etcd-cluster-setup.service
	sed -i s/PROT/PORT/ /etc/etcd/cluster.conf'
	ends_well
}

@test "a lock that is held for longer than setup waits" {
	m 'mkdir -p /run/etcd-cluster
	systemd-run -q --unit=holder flock /run/etcd-cluster/lock sleep 600'
	fails_first 'holds the lock'
	m 'systemctl stop holder'
	ends_well
}

@test "the target is stopped and started while setup is pending" {
	answers RELEASE=3.4.23 RELEASE_URL=none
	fails_first 'RELEASE_URL=none'
	m 'systemctl stop etcd-cluster.target
	fails systemctl is-active etcd-cluster-setup.timer
	systemctl start --no-block etcd-cluster.target'
	wait_for 'systemctl is-active etcd-cluster-setup.timer'
	m 'cp /srv/dist/releases/etcd-v3.4.23-*.tar.gz /var/cache/etcd-cluster/'
	ends_well
}

@test "setup is killed in each of its steps: status shows the step, and the timer continues" {
	for step in certificates release settings start; do
		m "systemctl start --no-block etcd-cluster-setup.service
		for i in \$(seq 3000); do
			! grep -qsx STEP=$step /run/etcd-cluster/setup || break
			[ \"\$(systemctl is-active etcd-cluster-setup.service)\" != inactive ] || break
		done
		systemctl kill -s KILL etcd-cluster-setup.service
		# It may have become ready just before the kill.
		systemctl is-active etcd-cluster-setup.timer || grep -qx STATE=ready /run/etcd-cluster/setup"
	done
	ends_well
	exits 2 'etcd-cluster setup --exit-code'
}

@test "etcd is killed while it waits for a quorum: its identity is known, and it votes later" {
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases ROLE=single ADDRESS=10.77.71.1
	m 'mkdir -p /etc/systemd/system/etcd.service.d
	printf "%s\n" "[Service]" \
		"ExecStartPre=+/bin/sh -c \"[ -e /run/killed ] || { touch /run/killed; kill -KILL \\\$\\\$; }\"" \
		>/etc/systemd/system/etcd.service.d/kill.conf
	systemctl daemon-reload'
	exits 0 'etcd-cluster setup'
	m '[ -e /run/killed ]'
	ends_well
}

@test "an etcd that a person has stopped stays stopped" {
	exits 0 'etcd-cluster setup'
	m 'systemctl stop etcd; echo CLIENT_PROT=2379 >>/etc/etcd/cluster.conf; rc=0
	etcd-cluster setup || rc=$?; [ $rc -eq 3 ]
	sed -i /PROT/d /etc/etcd/cluster.conf'
	ends_with 'etcd.service was stopped, and only a person starts it again'
	m 'fails pgrep -x etcd
	systemctl start etcd'
	ends_well
}

@test "a masked etcd stays stopped, also after a reboot" {
	exits 0 'etcd-cluster setup'
	m 'systemctl mask --now etcd'
	"$machine" reboot "$MACHINE"
	ends_with 'etcd.service was stopped, and only a person starts it again'
	m 'fails pgrep -x etcd
	systemctl unmask etcd'
	ends_well
}

@test "a formed member boots with a broken cluster.conf, and its correction is all that it needs" {
	exits 0 'etcd-cluster setup'
	healthy
	m '[ -e /etc/etcd/last-good/state ]
	etcdctl.sh put greeting hello
	echo CLIENT_PROT=2379 >>/etc/etcd/cluster.conf'
	"$machine" reboot "$MACHINE"
	wait_for '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]'
	exits 5 'etcd-cluster status'
	prints 'cluster.conf:3: unknown key CLIENT_PROT'
	prints 'leader'
	m 'journalctl -b -u etcd -o cat | grep "etcd starts with the settings of its last healthy start"
	sed -i /PROT/d /etc/etcd/cluster.conf'
	ends_well
}

@test "the journal has a line only for what has changed" {
	m 'echo ROLE=banana >>/etc/etcd/cluster.conf'
	fails_first 'cluster.conf:3'
	before=$(m 'journalctl -u etcd-cluster-setup.service -o cat | wc -l')
	wait_for 'grep -qx TRIES=1 /run/etcd-cluster/setup'
	[ "$(m 'journalctl -u etcd-cluster-setup.service -o cat | wc -l')" -eq "$before" ]
}
