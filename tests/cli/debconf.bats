#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The questions of the package under the real debconf, with its own database and in a fake root.

bats_require_minimum_version 1.5.0

setup() {
	top=$BATS_TEST_DIRNAME/../..
	dir=$BATS_TEST_TMPDIR/info
	export DPKG_ROOT=$BATS_TEST_TMPDIR/root DEBIAN_FRONTEND=noninteractive
	unset DEBCONF_RECONFIGURE DEBIAN_HAS_FRONTEND DEBCONF_REDIR DEBIAN_PRIORITY
	conf=$DPKG_ROOT/etc/etcd/cluster.conf
	mkdir -p "$dir" "$DPKG_ROOT"/etc/etcd
	make -s -C "$top" -o build install BIN=/bin/true DESTDIR="$DPKG_ROOT"
	po2debconf "$top"/debian/templates >"$dir"/etcd-cluster.templates
	for script in config preinst postinst prerm postrm; do
		sed "/^# @foreign@\$/r $top/scripts/foreign" "$top/debian/$script" >"$dir/etcd-cluster.$script"
		chmod 0755 "$dir/etcd-cluster.$script"
	done
	# debconf prefixes its configuration and the files in it with DPKG_ROOT. It checks their directory without the prefix,
	# so the directory must exist on the host. As on Debian, passwords have their own file.
	printf '%s\n' 'Config: configdb' 'Templates: templates' '' \
		'Name: config' 'Driver: File' 'Mode: 644' 'Reject-Type: password' 'Filename: /etc/config.dat' '' \
		'Name: passwords' 'Driver: File' 'Mode: 600' 'Backup: false' 'Required: false' 'Accept-Type: password' \
		'Filename: /etc/passwords.dat' '' \
		'Name: configdb' 'Driver: Stack' 'Stack: config, passwords' '' \
		'Name: templates' 'Driver: File' 'Filename: /etc/templates.dat' >"$DPKG_ROOT"/etc/debconf.conf
}

# Calls the scripts as dpkg does. debconf runs the config script first.
installs() {
	/usr/share/debconf/frontend "$dir"/etcd-cluster.postinst configure "$@"
}

# Calls the scripts as dpkg-reconfigure does.
reconfigures() {
	debconf --owner=etcd-cluster "$dir"/etcd-cluster.config reconfigure 0.1.0
	DEBCONF_RECONFIGURE=1 debconf --owner=etcd-cluster "$dir"/etcd-cluster.postinst configure 0.1.0
}

preseed() {
	printf 'etcd-cluster etcd-cluster/%s\n' "$@" | debconf-set-selections
}

# conf_is LINE…: cluster.conf consists of these lines and comments.
conf_is() {
	printf '%s\n' "$@" | diff - <(grep '^[^#]' "$conf")
}

@test "without answers cluster.conf is the unchanged sample" {
	installs
	cmp "$conf" "$top"/conf/cluster.conf
}

@test "cluster.conf contains the preseeded answers and no others" {
	preseed 'name string n1' 'release-url string https://a.example/e file:/srv' 'cert-days string 90'
	installs
	conf_is NAME=n1 'RELEASE_URL="https://a.example/e file:/srv"' CERT_DAYS=90
}

@test "an invalid choice is written to cluster.conf, so that setup refuses it" {
	preseed 'role select banana' 'key-type select dsa'
	DEBIAN_PRIORITY=low installs
	conf_is ROLE=banana KEY_TYPE=dsa
}

@test "every choice has a default for Enter, also when the key is not in cluster.conf, which stays as it is" {
	installs
	reconfigures
	cmp "$conf" "$top"/conf/cluster.conf
	for question in etcd-cluster/role etcd-cluster/key-type; do
		answer=$(echo "GET $question" | debconf-communicate etcd-cluster)
		choices=$(echo "METAGET $question choices" | debconf-communicate etcd-cluster)
		echo "$question: $answer: $choices"
		[[ "${choices#0 }" == "${answer#0 },"* ]]
	done
	[ "$(grep -c '^Type: select' "$dir"/etcd-cluster.templates)" -eq 2 ]
}

@test "an answer of 200 KB does not fail the installation and is refused by name" {
	printf 'etcd-cluster etcd-cluster/name string %s\n' "$(head -c 200000 /dev/zero | tr '\0' n)" | debconf-set-selections
	preseed 'cert-days string 90'
	run installs
	[ "$status" -eq 0 ]
	[[ "$output" == *"the answer for NAME is longer than 4096 characters"* ]]
	conf_is 'NAME=?' CERT_DAYS=90
}

@test "the answers of a cluster with three members" {
	preseed 'role select cluster' 'members string n1=10.0.0.1,n2=10.0.0.2,n3=[fd00::3]' 'enroll-port string 12382' \
		'replace boolean true'
	installs
	conf_is ROLE=cluster 'MEMBERS=n1=10.0.0.1,n2=10.0.0.2,n3=[fd00::3]' ENROLL_PORT=12382 REPLACE=yes
	cp "$conf" "$BATS_TEST_TMPDIR"/before
	reconfigures
	cmp "$conf" "$BATS_TEST_TMPDIR"/before
	sed -i s/^REPLACE=yes/REPLACE=no/ "$conf"
	cp "$conf" "$BATS_TEST_TMPDIR"/before
	DEBIAN_PRIORITY=low reconfigures
	cmp "$conf" "$BATS_TEST_TMPDIR"/before
}

@test "the answers of a machine that joins" {
	preseed 'role select join' 'join string 10.0.0.1,10.0.0.2' 'replace boolean false'
	DEBIAN_PRIORITY=low installs
	conf_is ROLE=join JOIN=10.0.0.1,10.0.0.2
}

token=5f1d3c7b9a2e4f60817263544c5d6e7f

# The token is in its file and in no other file below the root.
nowhere_else() {
	[ "$(stat -c %a "$DPKG_ROOT"/etc/etcd/enroll-token)" = 600 ]
	[ "$(cat "$DPKG_ROOT"/etc/etcd/enroll-token)" = "$token" ]
	[ "$(grep -rlF "$token" "$DPKG_ROOT")" = "$DPKG_ROOT"/etc/etcd/enroll-token ]
}

@test "the enrolment token moves from debconf to its file and appears in no argument, environment or message" {
	command -v strace >/dev/null || skip 'there is no strace (make deps installs it)'
	preseed 'role select cluster' "enroll-token password $token"
	grep -qF "$token" "$DPKG_ROOT"/etc/passwords.dat
	# Every program with its arguments and its environment.
	run strace -f -v -s 100000 -e trace=execve -o "$BATS_TEST_TMPDIR"/programs \
		/usr/share/debconf/frontend "$dir"/etcd-cluster.postinst configure
	[ "$status" -eq 0 ]
	[[ "$output" != *$token* ]]
	grep -q 'execve.*libexec/etcd-cluster/hook' "$BATS_TEST_TMPDIR"/programs
	run ! grep -F "$token" "$BATS_TEST_TMPDIR"/programs
	nowhere_else
	conf_is ROLE=cluster
}

@test "a token that was preseeded as a string is deleted, except from debconf's backup" {
	preseed "enroll-token string $token"
	installs
	rm -f "$DPKG_ROOT"/etc/config.dat-old
	nowhere_else
}

@test "an existing token file is kept, and the token is deleted from debconf" {
	echo "$token" >"$DPKG_ROOT"/etc/etcd/enroll-token
	chmod 0600 "$DPKG_ROOT"/etc/etcd/enroll-token
	preseed 'enroll-token password another-that-must-not-stay'
	installs
	nowhere_else
	run ! grep -r another-that "$DPKG_ROOT"
}

@test "dpkg-reconfigure keeps the token file without an answer and replaces it with one" {
	installs
	reconfigures
	[ ! -e "$DPKG_ROOT"/etc/etcd/enroll-token ]
	echo older >"$DPKG_ROOT"/etc/etcd/enroll-token
	reconfigures
	[ "$(cat "$DPKG_ROOT"/etc/etcd/enroll-token)" = older ]
	preseed "enroll-token password $token"
	reconfigures
	nowhere_else
}

@test "an upgrade does not write or delete a token" {
	installs
	preseed "enroll-token password $token"
	installs 0.1.0
	[ ! -e "$DPKG_ROOT"/etc/etcd/enroll-token ]
	grep -qF "$token" "$DPKG_ROOT"/etc/passwords.dat
}

# Calls the scripts as dpkg does when the package was removed and not purged: with the former version.
reinstalls() {
	"$dir"/etcd-cluster.postrm remove
	"$dir"/etcd-cluster.preinst install 0.1.0 0.1.0
	installs 0.1.0
}

@test "a token that was preseeded since the removal moves to its file, also over an older one, and only then" {
	preseed 'name string n1'
	installs
	reinstalls
	[ ! -e "$DPKG_ROOT"/etc/etcd/enroll-token ]
	echo older >"$DPKG_ROOT"/etc/etcd/enroll-token
	reinstalls
	[ "$(cat "$DPKG_ROOT"/etc/etcd/enroll-token)" = older ]
	"$dir"/etcd-cluster.postrm remove
	preseed "enroll-token password $token" 'name string n2'
	"$dir"/etcd-cluster.preinst install 0.1.0 0.1.0
	installs 0.1.0
	nowhere_else
	conf_is NAME=n1
	# The next upgrade is an upgrade again.
	rm "$DPKG_ROOT"/etc/etcd/enroll-token
	preseed "enroll-token password $token"
	"$dir"/etcd-cluster.preinst upgrade 0.1.0 0.1.0
	installs 0.1.0
	[ ! -e "$DPKG_ROOT"/etc/etcd/enroll-token ]
}

@test "a failed write of the token fails the installation, leaves no partial file, and a retry succeeds" {
	preseed "enroll-token password $token"
	mkdir "$BATS_TEST_TMPDIR"/bin
	printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR"/bin/sync
	chmod +x "$BATS_TEST_TMPDIR"/bin/sync
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run installs
	[ "$status" -eq 1 ]
	[[ "$output" == *"cannot write"*enroll-token* ]]
	[ ! -e "$DPKG_ROOT"/etc/etcd/enroll-token.new ]
	[ ! -e "$DPKG_ROOT"/etc/etcd/enroll-token ]
	installs
	nowhere_else
}

@test "an existing cluster.conf overrides preseeded answers" {
	echo 'NAME="mine"' >"$conf"
	preseed 'name string n1' 'client-port string 12379'
	installs
	conf_is 'NAME="mine"' CLIENT_PORT=12379
}

@test "an upgrade asks nothing and writes nothing" {
	preseed 'name string n1'
	installs
	echo '# mine now' >"$conf"
	preseed 'name string n2'
	installs 0.1.0
	[ "$(cat "$conf")" = '# mine now' ]
}

@test "dpkg-reconfigure keeps edits: changed, added and removed keys, and keys without a question" {
	preseed 'name string n1' 'address string 10.0.0.1'
	installs
	printf '%s\n' '# mine' NAME=edited MEMBERS=a=10.0.0.1 'DATA_DIR="/srv/a b"' ETCD_SNAPSHOT_COUNT=5 >"$conf"
	cp "$conf" "$BATS_TEST_TMPDIR"/edited
	reconfigures
	cmp "$conf" "$BATS_TEST_TMPDIR"/edited
	echo ROLE=none >>"$conf"
	cp "$conf" "$BATS_TEST_TMPDIR"/edited
	DEBIAN_PRIORITY=low reconfigures
	cmp "$conf" "$BATS_TEST_TMPDIR"/edited
}

@test "the scripts accept every call of dpkg and refuse an unknown one" {
	installs
	for call in 'abort-upgrade 0.1.0' 'abort-remove' 'abort-deconfigure in-favour x 1' 'triggered x'; do
		# shellcheck disable=SC2086
		debconf --owner=etcd-cluster "$dir"/etcd-cluster.postinst $call
	done
	run debconf --owner=etcd-cluster "$dir"/etcd-cluster.postinst explode
	[ "$status" -eq 1 ]
	for call in 'preinst install' 'preinst install 0.1.0' 'preinst upgrade 0.1.0' 'preinst abort-upgrade 0.2.0' \
		'prerm upgrade 0.2.0' 'prerm remove' 'prerm deconfigure in-favour x 1' 'prerm failed-upgrade 0.1.0' \
		'postrm remove' 'postrm upgrade 0.2.0' 'postrm failed-upgrade 0.1.0' 'postrm abort-install' \
		'postrm abort-upgrade 0.1.0' 'postrm disappear x 1'; do
		# shellcheck disable=SC2086
		"$dir"/etcd-cluster.$call
	done
	run "$dir"/etcd-cluster.preinst explode
	[ "$status" -eq 1 ]
	run "$dir"/etcd-cluster.prerm explode
	[ "$status" -eq 1 ]
	run "$dir"/etcd-cluster.postrm explode
	[ "$status" -eq 1 ]
}

# member DATA-DIR: the files of a machine that was a member.
member() {
	mkdir -p "$DPKG_ROOT$1"/member/wal "$DPKG_ROOT$1"/lost+found "$DPKG_ROOT"/etc/etcd/pki \
		"$DPKG_ROOT"/var/backups/etcd-cluster \
		"$DPKG_ROOT"/usr/libexec/etcd-cluster/releases/v3.6.14 "$DPKG_ROOT"/var/cache/etcd-cluster
	mkdir -p "$DPKG_ROOT"/etc/etcd/enroll/{tokens,members}
	touch "$DPKG_ROOT"/var/backups/etcd-cluster/a.db "$DPKG_ROOT"/etc/etcd/{pki/ca.key,etcd.env,etcd.env.new,etcdctl.env} \
		"$DPKG_ROOT"/etc/etcd/{enroll-token,enroll-token.new,joining,enroll/tokens/12ab,enroll/members/n2}
	echo CLUSTER_ID=1 >"$DPKG_ROOT"/etc/etcd/member-id
	echo "DATA_DIR=$1" >"$DPKG_ROOT"/etc/etcd/cluster.conf.d/site.conf
}

purges() {
	debconf --owner=etcd-cluster "$dir"/etcd-cluster.postrm purge 2>&1
}

@test "purge keeps data, certificates and keys, prints their paths, and deletes the rest" {
	installs
	member /srv/etcd
	mkdir -p "$DPKG_ROOT"/etc/systemd/system/etcd.service.d "$DPKG_ROOT"/etc/systemd/system/etcd-cluster-enroll.socket.d
	mkdir -p "$DPKG_ROOT"/etc/systemd/system/etcd-cluster{-backup.timer,-backup.service,.target}.d "$DPKG_ROOT"/srv/backups
	echo BACKUP_DIR=/srv/backups >>"$DPKG_ROOT"/etc/etcd/cluster.conf
	touch "$DPKG_ROOT"/srv/backups/b.db \
		"$DPKG_ROOT"/etc/systemd/system/etcd-cluster{-backup.timer,-backup.service,.target}.d/50-etcd-cluster-backup.conf \
		"$DPKG_ROOT"/etc/systemd/system/etcd.service.d/{mine,50-etcd-cluster-paths}.conf \
		"$DPKG_ROOT"/etc/systemd/system/etcd-cluster-enroll.socket.d/50-etcd-cluster-port.conf
	run purges
	[ "$status" -eq 0 ]
	[[ "$output" == *"kept: /srv/etcd (data)"*pki* ]]
	[ -d "$DPKG_ROOT"/srv/etcd/member/wal ]
	[ -e "$DPKG_ROOT"/etc/etcd/pki/ca.key ]
	[ -e "$DPKG_ROOT"/var/backups/etcd-cluster/a.db ]
	[ -e "$DPKG_ROOT"/srv/backups/b.db ]
	[ -e "$DPKG_ROOT"/etc/etcd/cluster.conf.d/site.conf ]
	[ "$(cd "$DPKG_ROOT"/etc/etcd && echo * enroll/*)" = 'cluster.conf.d enroll joining member-id pki enroll/members' ]
	[ ! -e "$DPKG_ROOT"/usr/libexec/etcd-cluster/releases ]
	[ ! -e "$DPKG_ROOT"/var/cache/etcd-cluster ]
	[ "$(cd "$DPKG_ROOT"/etc/systemd/system && echo etcd*/*)" = etcd.service.d/mine.conf ]
	run purges
	[ "$status" -eq 0 ]
}

@test "purge with purge-data=true deletes data and keys, and no files of others" {
	preseed 'purge-data boolean true'
	installs
	member /srv/etcd
	touch "$DPKG_ROOT"/srv/etcd/notes
	purges
	[ "$(ls -A "$DPKG_ROOT"/srv/etcd)" = "$(printf '%s\n' lost+found notes)" ]
	[ ! -e "$DPKG_ROOT"/etc/etcd/pki ]
	[ "$(cd "$DPKG_ROOT"/etc/etcd && echo *)" = cluster.conf.d ]
	[ -e "$DPKG_ROOT"/var/backups/etcd-cluster/a.db ]
}

@test "purge beside another etcd keeps its settings and certificates" {
	installs
	mkdir -p "$DPKG_ROOT"/etc/etcd/pki
	touch "$DPKG_ROOT"/etc/etcd/{adopt,etcd.env,etcdctl.env,pki/ca.crt}
	run purges
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$(cd "$DPKG_ROOT"/etc/etcd && echo *)" = 'etcd.env etcdctl.env pki' ]
}

@test "purge with purge-data=true keeps data without a member-id" {
	preseed 'purge-data boolean true'
	installs
	member /srv/etcd
	rm "$DPKG_ROOT"/etc/etcd/member-id
	run purges
	[[ "$output" == *"kept: /srv/etcd"* ]]
	[ -d "$DPKG_ROOT"/srv/etcd/member/wal ]
	[ -e "$DPKG_ROOT"/etc/etcd/pki/ca.key ]
}

@test "purge with purge-data=true deletes what was moved aside, and keeps later data of others" {
	preseed 'purge-data boolean true'
	installs
	member /srv/etcd
	mv "$DPKG_ROOT"/etc/etcd/member-id "$DPKG_ROOT"/etc/etcd/member-id.aside-20261121-101500
	mkdir "$DPKG_ROOT"/srv/etcd/member.aside-20261121-101500
	purges
	[ "$(cd "$DPKG_ROOT"/srv/etcd && echo *)" = 'lost+found member' ]
	[ "$(cd "$DPKG_ROOT"/etc/etcd && echo *)" = cluster.conf.d ]
}

@test "purge after leave --last keeps what was moved aside, or deletes it with purge-data=true" {
	installs
	etc=$DPKG_ROOT/etc/etcd
	mkdir -p "$etc"/pki.aside-20261121-101500 "$DPKG_ROOT"/var/lib/etcd-cluster/member.aside-20261121-101500
	echo CLUSTER_ID=1 >"$etc"/member-id.aside-20261121-101500
	run purges
	[[ "$output" == *"moved aside"* ]]
	[ -d "$etc"/pki.aside-20261121-101500 ]
	[ -d "$DPKG_ROOT"/var/lib/etcd-cluster/member.aside-20261121-101500 ]
	preseed 'purge-data boolean true'
	purges
	[ ! -e "$etc" ]
	[ ! -e "$DPKG_ROOT"/var/lib/etcd-cluster ]
}
