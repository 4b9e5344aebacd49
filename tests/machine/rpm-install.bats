# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Installation, upgrade and removal of the rpm on one machine with dnf from a signed repository, first with an existing
# cluster.conf, then without.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=rpm
	need_root
	"$top/tests/lib/make-flavour" "$(ours)" "$top/dist/next.rpm" --next
	"$top/tests/lib/make-flavour" "$(ours)" "$top/dist/pinned.rpm" --pin "$top/dist/releases"
	boot "$MACHINE" rpm 10.77.20.1
	local_answers
}

# The rpm in our repository.
ours() {
	echo "$top"/dist/repo/dnf/etcd-cluster-[0-9]*.rpm
}

# Writes the answers like kickstart's %post or cloud-init's write_files.
local_answers() {
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases NAME=n1
	trust 3.4.23
}

main_pid() {
	m 'systemctl show -P MainPID etcd; systemctl show -P NRestarts etcd'
}

# Lists our files. rpm sets the dates of directories at each installation, so they are left out.
files() {
	fingerprint | sed '/^run\//d; / d [0-7]* /s/ [0-9.]* *$//'
}

# stays SCRIPT: the script changes none of our files and does not restart etcd.
stays() {
	local before pid
	healthy
	before=$(files)
	pid=$(main_pid)
	m "$1"
	healthy
	[ "$pid" = "$(main_pid)" ]
	diff <(echo "$before") <(files)
}

@test "dnf install with existing answers ends in seconds, and etcd is healthy soon after" {
	in_time 8 run m 'dnf install etcd-cluster 2>&1'
	echo "$output"
	[ "$status" -eq 0 ]
	healthy
	m '[ "$(systemctl is-system-running)" = running ]
	grep -qx NAME=n1 /etc/etcd/cluster.conf'
}

@test "paths, modes and owners are those of Debian; put and get work; plaintext is refused" {
	m 'pid=$(systemctl show -P MainPID etcd.service)
	[ "$(ps -o user= -p "$pid")" = etcd ]
	[ "$(readlink -f "/proc/$pid/exe")" = /usr/libexec/etcd-cluster/releases/v3.4.23/etcd ]
	[ "$(stat -c %U:%G:%a /usr/libexec/etcd-cluster/releases/v3.4.23/etcd)" = root:root:755 ]
	[ "$(stat -c %U:%G:%a /var/lib/etcd-cluster)" = etcd:etcd:700 ]
	[ "$(stat -c %U:%G:%a /var/backups/etcd-cluster)" = root:root:700 ]
	[ "$(stat -c %U:%G:%a /etc/etcd/pki)" = root:etcd:750 ]
	[ "$(stat -c %U:%G:%a /etc/etcd/pki/ca.key)" = root:root:600 ]
	[ -z "$(find /etc/etcd/pki -name "*.key" -perm /o=rwx)" ]
	[ "$(etcdctl.sh put greeting hello)" = OK ]
	[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]
	fails curl -sS -m 5 http://127.0.0.1:2379/health'
}

@test "rpm -V reports no missing or changed files except the answers" {
	run m 'rpm -V etcd-cluster | grep -v " c /etc/etcd/cluster.conf$"'
	echo "$output"
	[ "$status" -eq 1 ]
	m 'for f in etcd.env etcdctl.env member-id cluster.conf; do
		[ "$(rpm -qf --qf "%{NAME}" /etc/etcd/$f)" = etcd-cluster ]
	done'
}

@test "only the target is enabled" {
	m 'systemctl list-unit-files --no-legend "etcd*" | grep -v static >/tmp/enabled
	cat /tmp/enabled
	[ "$(awk "\$2 == \"enabled\" { print \$1 }" /tmp/enabled)" = etcd-cluster.target ]'
}

@test "dnf reinstall, twice, changes nothing and restarts nothing" {
	stays 'dnf reinstall etcd-cluster && dnf reinstall etcd-cluster'
}

@test "dnf upgrade and a downgrade of our package do not restart etcd" {
	stays 'dnf upgrade /srv/dist/next.rpm
	rpm -q etcd-cluster | grep -q next1'
	stays 'dnf downgrade etcd-cluster
	[ "$(rpm -q etcd-cluster | grep -c -v next1)" = 1 ]'
}

@test "an upgrade does not start a stopped etcd" {
	m 'systemctl stop etcd
	dnf upgrade /srv/dist/next.rpm
	sleep 2
	[ "$(systemctl is-active etcd)" = inactive ]
	dnf downgrade etcd-cluster
	systemctl start etcd'
	healthy
}

@test "each scriptlet, run again, exits with 0 and changes nothing" {
	m 'for s in PREIN POSTIN PREUN POSTUN; do
		rpm -q --qf "%{$s}" etcd-cluster >/tmp/$s
	done'
	# With the arguments of a first installation and of an upgrade. A later test has the removal.
	stays 'for run in "PREIN 1" "POSTIN 1" "POSTIN 1" "PREIN 2" "POSTIN 2" "POSTIN 2" \
		"PREUN 1" "PREUN 1" "POSTUN 1" "POSTUN 1"; do
		sh /tmp/${run% *} ${run#* }
	done'
}

@test "after a reboot it runs with its data" {
	"$machine" reboot "$MACHINE"
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]
	[ "$(systemctl is-system-running)" = running ]'
}

@test "dnf remove stops etcd, keeps data, keys and answers, and prints their paths" {
	before=$(m 'cd /etc/etcd/pki && sha256sum *; cat /etc/etcd/cluster.conf /etc/etcd/member-id')
	run m 'dnf remove etcd-cluster 2>&1'
	echo "$output"
	[ "$status" -eq 0 ]
	prints /var/lib/etcd-cluster
	prints /etc/etcd
	m 'fails pgrep -x etcd
	[ -d /var/lib/etcd-cluster/member ]
	[ "$(stat -c %U:%G:%a /var/lib/etcd-cluster)" = etcd:etcd:700 ]
	[ -z "$(ls /etc/etcd/*.rpmsave 2>/dev/null)" ]
	[ -z "$(systemctl list-units --failed --plain --no-legend)" ]
	[ -z "$(find /etc/systemd -name "*etcd*")" ]'
	[ "$before" = "$(m 'cd /etc/etcd/pki && sha256sum *; cat /etc/etcd/cluster.conf /etc/etcd/member-id')" ]
}

@test "installed again, it continues with its data" {
	m 'dnf install etcd-cluster'
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]
	[ "$(etcdctl.sh member list | grep -c n1)" = 1 ]'
}

@test "without answers, with the release in the cache: a healthy TLS member" {
	grep -q -- -v3.6.14- "$top/dist/releases/SHA256SUMS" ||
		skip 'no etcd 3.6.14 in dist/releases, see the output of tests/lib/make-releases'
	m 'gone
	mkdir -p /var/cache/etcd-cluster; cp /srv/dist/releases/etcd-v3.6.14-* /var/cache/etcd-cluster/
	dnf install /srv/dist/pinned.rpm'
	healthy
	m 'etcdctl.sh version | grep -qx "etcdctl version: 3.6.14"
	cmp /etc/etcd/cluster.conf /usr/share/etcd-cluster/cluster.conf
	[ "$(systemctl is-system-running)" = running ]'
}

@test "without answers, on a network that drops everything: exit 0 in seconds, pending, and finished by the timer" {
	m gone
	"$machine" net "$MACHINE" nft 'table inet silence {
		chain arriving { type filter hook input priority 0; policy drop; }
		chain passing { type filter hook forward priority 0; policy drop; }
	}'
	# The timer waits between 60 and 80 s.
	m 'mkdir -p /etc/systemd/system/etcd-cluster-setup.timer.d
	printf "%s\n" "[Timer]" OnActiveSec= OnUnitInactiveSec= OnActiveSec=2s OnUnitInactiveSec=2s RandomizedDelaySec=0 \
		>/etc/systemd/system/etcd-cluster-setup.timer.d/test.conf
	echo nameserver 10.77.20.254 >/etc/resolv.conf'
	in_time 8 m 'dnf install etcd-cluster'
	wait_for 'grep -qx STATE=pending /run/etcd-cluster/setup'
	exits 6 'etcd-cluster status'
	prints pending
	m '[ -e /etc/etcd/pki/server.crt ]
	systemctl is-active etcd-cluster-setup.timer'
	# The answers are written later, and only the timer runs setup.
	local_answers
	healthy
	m 'fails systemctl is-active etcd-cluster-setup.timer
	rm -r /etc/systemd/system/etcd-cluster-setup.timer.d /etc/resolv.conf'
	"$machine" net "$MACHINE" nft delete table inet silence
}

@test "invalid answers: exit 0, idle, reported with file and line; after the correction setup continues" {
	for answer in ROLE=banana CLIENT_PORT=0; do
		m gone
		answers "$answer"
		m 'dnf install etcd-cluster
		rpm -q etcd-cluster'
		wait_for 'grep -qx STATE=failed /run/etcd-cluster/setup'
		exits 3 'etcd-cluster setup'
		prints cluster.conf:1
		m 'fails pgrep -x etcd
		[ ! -e /var/lib/etcd-cluster/member ]'
	done
	local_answers
	exits 0 'etcd-cluster setup'
	healthy
}

@test "a corrupt archive is refused, and etcd continues to run" {
	answers RELEASE=3.5.16 RELEASE_URL=none
	pid=$(main_pid)
	m 'cp /srv/dist/releases/etcd-v3.5.16-*.tar.gz /var/cache/etcd-cluster/
	printf x | dd of="$(ls /var/cache/etcd-cluster/etcd-v3.5.16-*)" bs=1 seek=5000 conv=notrunc 2>/dev/null'
	exits 4 'etcd-cluster setup'
	m '[ ! -e /usr/libexec/etcd-cluster/releases/v3.5.16 ]'
	[ "$pid" = "$(main_pid)" ]
}

@test "full disk in %post: the transaction ends, the reason is printed, and setup finishes when there is space" {
	# During the certificates, and before them.
	for full in nr_inodes=14 size=48k; do
		m "gone
		mkdir /etc/etcd
		mount -t tmpfs -o $full,mode=0755 tmpfs /etc/etcd"
		local_answers
		run m 'dnf install etcd-cluster 2>&1'
		echo "$output"
		[ "$status" -eq 0 ]
		[[ $output == *'No space left on device'* || $output == *'is full'* ]]
		m '[ "$(rpm -qa etcd-cluster | wc -l)" = 1 ]
		fails pgrep -x etcd
		[ ! -e /etc/etcd/pki/server.key ]
		mount -o remount,size=10M,nr_inodes=1000 /etc/etcd'
		command=$(sed -n 's/^correct the error above, then: //p' <<<"$output")
		[ -n "$command" ]
		# If the setup of the target was first, there is nothing to do (2).
		run m "$command"
		[ "$status" -eq 0 ] || [ "$status" -eq 2 ]
		healthy
		m '[ "$(systemctl is-enabled etcd-cluster.target)" = enabled ]
		dnf remove etcd-cluster
		umount /etc/etcd'
	done
}
