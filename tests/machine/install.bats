# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Installation, upgrade, removal and purge on one machine, with an existing cluster.conf. Debian 12.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=install
	need_root
	boot "$MACHINE" bookworm 10.77.1.1
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases NAME=n1
	trust 3.4.23
}

@test "apt-get install ends in seconds and etcd is healthy soon after" {
	in_time 8 m 'apt-get install etcd-cluster >/var/tmp/out 2>&1 || { cat /var/tmp/out; exit 1; }'
	healthy
	# It prints no empty line.
	m 'cat /var/tmp/out
	fails grep -n "^[[:space:]]*$" /var/tmp/out'
}

@test "etcd runs as user etcd under systemd, from the verified release" {
	m 'pid=$(systemctl show -P MainPID etcd.service)
	[ "$(ps -o user= -p "$pid")" = etcd ]
	[ "$(readlink -f "/proc/$pid/exe")" = /usr/libexec/etcd-cluster/releases/v3.4.23/etcd ]
	[ "$(stat -c %U:%G:%a /usr/libexec/etcd-cluster/releases/v3.4.23/etcd)" = root:root:755 ]
	[ "$(stat -c %U:%G:%a /var/lib/etcd-cluster)" = etcd:etcd:700 ]
	[ "$(systemctl is-system-running)" = running ]
	[ -z "$(dpkg --audit)" ]'
}

@test "put and get work for root without exports, and for nobody else" {
	m '[ "$(etcdctl.sh put greeting hello)" = OK ]
	[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]
	fails setpriv --reuid=nobody --clear-groups etcdctl.sh get greeting'
}

@test "plaintext clients and clients without a certificate are refused" {
	m 'fails curl -sS -m 5 http://127.0.0.1:2379/health
	fails curl -sS -m 5 --cacert /etc/etcd/pki/ca.crt https://127.0.0.1:2379/health
	curl -sS -m 5 --cacert /etc/etcd/pki/ca.crt --cert /etc/etcd/pki/etcdctl-etcd-client.crt \
		--key /etc/etcd/pki/etcdctl-etcd-client.key https://127.0.0.1:2379/health | grep -q true'
}

@test "a client certificate is accepted at the client port and refused at the peer port" {
	m 'cd /etc/etcd/pki
	try() { curl --http1.1 -sS -m 5 -o /dev/null -w "%{http_code}" --cacert ca.crt --cert "$1.crt" \
		--key "$1.key" https://127.0.0.1:2380/version; }
	[ "$(try peer)" = 200 ]
	for c in etcdctl-etcd-client healthcheck-client apiserver-etcd-client server; do
		fails try $c
	done'
}

@test "no key is readable by others" {
	m '[ -z "$(find /etc/etcd/pki -name "*.key" -perm /o=rwx)" ]
	[ "$(stat -c %U:%a /etc/etcd/pki/ca.key)" = root:600 ]
	[ "$(stat -c %U:%G:%a /etc/etcd/pki)" = root:etcd:750 ]'
}

@test "the report of a bug has versions, settings and state, and no secret" {
	token=5f1d3c7b9a2e4f60817263544c5d6e7f
	m "umask 077; echo $token >/etc/etcd/enroll-token
	echo RELEASE_URL=https://somebody:$token@127.0.0.1/?key=$token >/etc/etcd/cluster.conf.d/secret.conf
	echo PASSWORD=hunter2-hunter2 >>/etc/etcd/cluster.conf.d/secret.conf"
	mkdir "$BATS_TEST_TMPDIR/report"
	m '/usr/share/bug/etcd-cluster/script 3>&1 >/dev/null 2>&1' >"$BATS_TEST_TMPDIR/report/reportbug"
	m '/usr/libexec/etcd-cluster/bug-report' >"$BATS_TEST_TMPDIR/report/by-hand"
	m 'setpriv --reuid=nobody --clear-groups /usr/libexec/etcd-cluster/bug-report >/dev/null
	rm /etc/etcd/enroll-token /etc/etcd/cluster.conf.d/secret.conf'
	for text in 'etcd-cluster 0' 'NAME=n1' 'RELEASE_URL=https://\*\*\*@127.0.0.1' 'PASSWORD=(not shown)' v3.4.23 \
		'etcd.service .*running' '/etc/etcd/pki/ca.key' '^etcd-cluster:\|healthy'; do
		grep -q -- "$text" "$BATS_TEST_TMPDIR/report/reportbug"
		grep -q -- "$text" "$BATS_TEST_TMPDIR/report/by-hand"
	done
	run grep -rl hunter2 "$BATS_TEST_TMPDIR/report"
	[ -z "$output" ]
	pki=$("$machine" root "$MACHINE")/etc/etcd/pki
	run "$top/tests/lib/secrets.py" "$BATS_TEST_TMPDIR/report" token $token key "$pki/ca.key" key "$pki/server.key"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "a second setup changes nothing, exits with 2 and reads little" {
	before=$(fingerprint)
	pid=$(m 'systemctl show -P MainPID etcd')
	exits 2 'etcd-cluster setup --exit-code'
	# The programs of a release are tens of MiB. /proc counts what an ended child has read, too.
	m 'etcd-cluster setup || true
	read -r _ bytes </proc/self/io
	[ "$bytes" -lt 1048576 ]'
	diff <(echo "$before") <(fingerprint)
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
}

@test "after a reboot it runs with its data" {
	"$machine" reboot "$MACHINE"
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]'
}

@test "after a power cut it runs with its data" {
	m 'etcdctl.sh put cut power'
	"$machine" crash "$MACHINE"
	"$machine" start "$MACHINE"
	healthy
	m '[ "$(etcdctl.sh get --print-value-only cut)" = power ]'
}

@test "exposure of etcd.service is at most 1.5" {
	m 'systemd-analyze security --threshold=15 --no-pager etcd.service | tail -n 1'
}

@test "BACKUP_SCHEDULE starts the timer; its unit takes a backup, which can be restored" {
	m 'printf "%s\n" BACKUP_SCHEDULE=daily BACKUP_DIR=/srv/backups BACKUP_USER=nobody \
		"BACKUP_COMMAND=\"/bin/dd of=/dev/null status=none\"" >/etc/etcd/cluster.conf.d/backup.conf
	install -d -m 700 /srv/backups
	etcd-cluster setup
	[ "$(systemctl is-active etcd-cluster-backup.timer)" = active ]
	systemctl show -p TimersCalendar etcd-cluster-backup.timer | grep -qF "OnCalendar=*-*-* 00:00:00"
	systemctl cat etcd-cluster.target | grep -qx Wants=etcd-cluster-backup.timer
	systemctl start etcd-cluster-backup.service
	file=$(ls /srv/backups/*.db)
	[ "$(stat -c %U:%G:%a "$file" "$file.json" | sort -u)" = root:root:600 ]
	grep -qF "\"command_pending\":false" "$file.json"
	etcd-cluster backup verify --rehearse "$file"
	[ -z "$(ls /var/lib/etcd-cluster.state | grep rehearsal)" ]
	etcd-cluster status | grep -F "${file##*/}; scheduled daily"
	rm /etc/etcd/cluster.conf.d/backup.conf
	etcd-cluster setup
	[ "$(systemctl is-active etcd-cluster-backup.timer)" = inactive ]
	[ -z "$(find /etc/systemd/system -name "50-etcd-cluster-backup.conf")" ]'
	healthy
}

@test "no timer undoes systemctl stop etcd" {
	m 'systemctl stop etcd
	systemctl start etcd-cluster-renew.service
	sleep 2
	[ "$(systemctl is-active etcd)" = inactive ]
	fails systemctl is-active etcd-cluster-setup.timer
	fails etcd-cluster status
	systemctl start etcd'
	healthy
}

@test "dpkg-reconfigure keeps edits" {
	m 'printf "%s\n" "# mine" "CERT_DAYS=200" >>/etc/etcd/cluster.conf'
	before=$(m 'sha256sum /etc/etcd/cluster.conf')
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'dpkg-reconfigure -f noninteractive etcd-cluster'
	[ "$before" = "$(m 'sha256sum /etc/etcd/cluster.conf')" ]
	healthy
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
}

@test "installing the same package again, twice, changes nothing and restarts nothing" {
	healthy
	before=$(fingerprint)
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'apt-get install --reinstall etcd-cluster &&
		dpkg -i /srv/dist/repo/apt/pool/etcd-cluster_*.deb && dpkg -i /srv/dist/repo/apt/pool/etcd-cluster_*.deb'
	healthy
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
	diff <(echo "$before" | grep -v '^run/') <(fingerprint | grep -v '^run/')
}

@test "an upgrade of the package does not restart etcd" {
	"$top/tests/lib/make-flavour" "$top"/dist/repo/apt/pool/etcd-cluster_*.deb "$top/dist/next.deb" --next
	pid=$(m 'systemctl show -P MainPID etcd')
	restarts=$(m 'systemctl show -P NRestarts etcd')
	m 'apt-get install /srv/dist/next.deb'
	m 'dpkg-query -W -f "\${Version}" etcd-cluster | grep next1'
	healthy
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
	[ "$restarts" = "$(m 'systemctl show -P NRestarts etcd')" ]
}

@test "needrestart does not restart etcd" {
	m 'perl -e '\''our %nrconf; do "/etc/needrestart/conf.d/etcd-cluster.conf"; die $@ if $@;
		my ($rule) = grep { "etcd.service" =~ $_ } keys %{$nrconf{override_rc}};
		exit !(defined $rule && $nrconf{override_rc}{$rule} == 0)'\'
}

@test "remove stops etcd and keeps data, keys and answers" {
	m 'apt-get remove etcd-cluster
	fails pgrep -x etcd
	[ -d /var/lib/etcd-cluster/member ]
	[ -e /etc/etcd/pki/ca.key ]
	[ -e /etc/etcd/cluster.conf ]
	[ -z "$(systemctl list-units --failed --plain --no-legend)" ]'
}

@test "installed again, it continues with its data" {
	m 'apt-get install etcd-cluster'
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]'
}

@test "purge keeps data and keys by default, and prints their paths" {
	run m 'apt-get purge etcd-cluster 2>&1'
	[ "$status" -eq 0 ]
	prints /var/lib/etcd-cluster
	prints /etc/etcd/pki
	m '[ -d /var/lib/etcd-cluster/member ]
	[ -e /etc/etcd/pki/ca.key ]
	fails getent passwd etcd
	[ -z "$(find /var /etc -xdev \( -nouser -o -nogroup \))" ]
	[ -z "$(debconf-show etcd-cluster)" ]
	left=$(ls -d /usr/libexec/etcd-cluster /usr/share/etcd-cluster /run/etcd-cluster /var/cache/etcd-cluster \
		2>/dev/null || :)
	[ -z "$left" ]
	[ -z "$(find /etc/systemd /var/lib/systemd -name "*etcd*")" ]'
}

@test "purge deletes data and keys if the answer is yes" {
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases NAME=n1
	trust 3.4.23
	m 'apt-get install etcd-cluster'
	healthy
	m 'echo etcd-cluster etcd-cluster/purge-data boolean true | debconf-set-selections
	apt-get purge etcd-cluster
	[ ! -e /var/lib/etcd-cluster ]
	[ ! -e /etc/etcd/pki ]
	[ ! -e /etc/etcd/member-id ]
	fails getent passwd etcd
	[ "$(systemctl is-system-running)" = running ]'
}
