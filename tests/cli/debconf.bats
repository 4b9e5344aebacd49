#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The package's questions under the real debconf, with a database of its own and in a fake root: what reaches cluster.conf.

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
	for script in config postinst prerm postrm; do
		install -m 0755 "$top/debian/$script" "$dir/etcd-cluster.$script"
	done
	# debconf puts DPKG_ROOT before its configuration and before the files that this names (in a directory that the host
	# has as well, for it looks for that one without). As Debian configures it: passwords in a file of their own.
	printf '%s\n' 'Config: configdb' 'Templates: templates' '' \
		'Name: config' 'Driver: File' 'Mode: 644' 'Reject-Type: password' 'Filename: /etc/config.dat' '' \
		'Name: passwords' 'Driver: File' 'Mode: 600' 'Backup: false' 'Required: false' 'Accept-Type: password' \
		'Filename: /etc/passwords.dat' '' \
		'Name: configdb' 'Driver: Stack' 'Stack: config, passwords' '' \
		'Name: templates' 'Driver: File' 'Filename: /etc/templates.dat' >"$DPKG_ROOT"/etc/debconf.conf
}

# As dpkg calls it; debconf runs the config script first.
installs() {
	/usr/share/debconf/frontend "$dir"/etcd-cluster.postinst configure "$@"
}

# As dpkg-reconfigure does.
reconfigures() {
	debconf --owner=etcd-cluster "$dir"/etcd-cluster.config reconfigure 0.1.0
	DEBCONF_RECONFIGURE=1 debconf --owner=etcd-cluster "$dir"/etcd-cluster.postinst configure 0.1.0
}

preseed() {
	printf 'etcd-cluster etcd-cluster/%s\n' "$@" | debconf-set-selections
}

# What cluster.conf sets, without comments.
says() {
	printf '%s\n' "$@" | diff - <(grep '^[^#]' "$conf")
}

@test "no answers: the sample, untouched" {
	installs
	cmp "$conf" "$top"/conf/cluster.conf
}

@test "preseeded answers, and no others" {
	preseed 'name string n1' 'release-url string https://a.example/e file:/srv' 'cert-days string 90'
	installs
	says NAME=n1 'RELEASE_URL="https://a.example/e file:/srv"' CERT_DAYS=90
}

@test "choices that are none go to the file as they are, for setup to refuse" {
	preseed 'role select banana' 'key-type select dsa'
	DEBIAN_PRIORITY=low installs
	says ROLE=banana KEY_TYPE=dsa
}

@test "a cluster of three: the same answers on each machine" {
	preseed 'role select cluster' 'members string n1=10.0.0.1,n2=10.0.0.2,n3=[fd00::3]' 'enroll-port string 12382' 'replace boolean true'
	installs
	says ROLE=cluster 'MEMBERS=n1=10.0.0.1,n2=10.0.0.2,n3=[fd00::3]' ENROLL_PORT=12382 REPLACE=yes
	cp "$conf" "$BATS_TEST_TMPDIR"/before
	reconfigures
	cmp "$conf" "$BATS_TEST_TMPDIR"/before
	sed -i s/^REPLACE=yes/REPLACE=no/ "$conf"
	cp "$conf" "$BATS_TEST_TMPDIR"/before
	DEBIAN_PRIORITY=low reconfigures
	cmp "$conf" "$BATS_TEST_TMPDIR"/before
}

@test "a machine that joins" {
	preseed 'role select join' 'join string 10.0.0.1,10.0.0.2' 'replace boolean false'
	DEBIAN_PRIORITY=low installs
	says ROLE=join JOIN=10.0.0.1,10.0.0.2
}

token=5f1d3c7b9a2e4f60817263544c5d6e7f

# nowhere_else: the token is in its file, as it was given, and in no other below the root.
nowhere_else() {
	[ "$(stat -c %a "$DPKG_ROOT"/etc/etcd/enroll-token)" = 600 ]
	[ "$(cat "$DPKG_ROOT"/etc/etcd/enroll-token)" = "$token" ]
	[ "$(grep -rlF "$token" "$DPKG_ROOT")" = "$DPKG_ROOT"/etc/etcd/enroll-token ]
}

@test "the enrolment token gets into its file, for root alone, and out of debconf; no program and no message has it" {
	command -v strace >/dev/null || skip 'there is no strace (make deps installs it)'
	preseed 'role select cluster' "enroll-token password $token"
	grep -qF "$token" "$DPKG_ROOT"/etc/passwords.dat
	# Every program that runs, with all its arguments and its whole environment.
	run strace -f -v -s 100000 -e trace=execve -o "$BATS_TEST_TMPDIR"/programs \
		/usr/share/debconf/frontend "$dir"/etcd-cluster.postinst configure
	[ "$status" -eq 0 ]
	[[ "$output" != *$token* ]]
	grep -q 'execve.*libexec/etcd-cluster/hook' "$BATS_TEST_TMPDIR"/programs
	run ! grep -F "$token" "$BATS_TEST_TMPDIR"/programs
	nowhere_else
	says ROLE=cluster
}

@test "a token of the wrong type is wiped, too, but for debconf's copy of what was before" {
	preseed "enroll-token string $token"
	installs
	rm -f "$DPKG_ROOT"/etc/config.dat-old
	nowhere_else
}

@test "a token file that is there before wins, and debconf forgets all the same" {
	echo "$token" >"$DPKG_ROOT"/etc/etcd/enroll-token
	chmod 0600 "$DPKG_ROOT"/etc/etcd/enroll-token
	preseed 'enroll-token password another-that-must-not-stay'
	installs
	nowhere_else
	run ! grep -r another-that "$DPKG_ROOT"
}

@test "dpkg-reconfigure: no answer keeps the token file, an answer replaces it" {
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

@test "an upgrade neither writes nor forgets a token" {
	installs
	preseed "enroll-token password $token"
	installs 0.1.0
	[ ! -e "$DPKG_ROOT"/etc/etcd/enroll-token ]
	grep -qF "$token" "$DPKG_ROOT"/etc/passwords.dat
}

@test "a token that cannot be written fails the installation, leaves nothing half, and is there for the next try" {
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

@test "a file that is there before wins over preseeded answers" {
	echo 'NAME="mine"' >"$conf"
	preseed 'name string n1' 'client-port string 12379'
	installs
	says 'NAME="mine"' CLIENT_PORT=12379
}

@test "an upgrade asks nothing and writes nothing" {
	preseed 'name string n1'
	installs
	echo '# mine now' >"$conf"
	preseed 'name string n2'
	installs 0.1.0
	[ "$(cat "$conf")" = '# mine now' ]
}

@test "dpkg-reconfigure never reverts an edit: changed, added, taken out, or of a question that is not asked" {
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

@test "calls that dpkg may make, and one it may not" {
	installs
	for call in 'abort-upgrade 0.1.0' 'abort-remove' 'abort-deconfigure in-favour x 1' 'triggered x'; do
		# shellcheck disable=SC2086
		debconf --owner=etcd-cluster "$dir"/etcd-cluster.postinst $call
	done
	run debconf --owner=etcd-cluster "$dir"/etcd-cluster.postinst explode
	[ "$status" -eq 1 ]
	for call in 'prerm upgrade 0.2.0' 'prerm remove' 'prerm deconfigure in-favour x 1' 'prerm failed-upgrade 0.1.0' \
		'postrm remove' 'postrm upgrade 0.2.0' 'postrm failed-upgrade 0.1.0' 'postrm abort-install' \
		'postrm abort-upgrade 0.1.0' 'postrm disappear x 1'; do
		# shellcheck disable=SC2086
		"$dir"/etcd-cluster.$call
	done
	run "$dir"/etcd-cluster.prerm explode
	[ "$status" -eq 1 ]
	run "$dir"/etcd-cluster.postrm explode
	[ "$status" -eq 1 ]
}

# member DATA-DIR: what a machine that ran has.
member() {
	mkdir -p "$DPKG_ROOT$1"/member/wal "$DPKG_ROOT$1"/lost+found "$DPKG_ROOT"/etc/etcd/pki "$DPKG_ROOT"/var/backups/etcd-cluster \
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

@test "purge keeps data, certificates and keys, says where, and deletes the rest" {
	installs
	member /srv/etcd
	mkdir -p "$DPKG_ROOT"/etc/systemd/system/etcd.service.d "$DPKG_ROOT"/etc/systemd/system/etcd-cluster-enroll.socket.d
	touch "$DPKG_ROOT"/etc/systemd/system/etcd.service.d/{mine,50-etcd-cluster-paths}.conf \
		"$DPKG_ROOT"/etc/systemd/system/etcd-cluster-enroll.socket.d/50-etcd-cluster-port.conf
	run purges
	[ "$status" -eq 0 ]
	[[ "$output" == *"kept: /srv/etcd (data)"*pki* ]]
	[ -d "$DPKG_ROOT"/srv/etcd/member/wal ]
	[ -e "$DPKG_ROOT"/etc/etcd/pki/ca.key ]
	[ -e "$DPKG_ROOT"/var/backups/etcd-cluster/a.db ]
	[ -e "$DPKG_ROOT"/etc/etcd/cluster.conf.d/site.conf ]
	[ "$(cd "$DPKG_ROOT"/etc/etcd && echo * enroll/*)" = 'cluster.conf.d enroll joining member-id pki enroll/members' ]
	[ ! -e "$DPKG_ROOT"/usr/libexec/etcd-cluster/releases ]
	[ ! -e "$DPKG_ROOT"/var/cache/etcd-cluster ]
	[ "$(cd "$DPKG_ROOT"/etc/systemd/system && echo etcd*/*)" = etcd.service.d/mine.conf ]
	run purges
	[ "$status" -eq 0 ]
}

@test "purge with a yes deletes data and keys, and still nothing that is not etcd's" {
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

@test "purge with a yes keeps data that was never a member of ours" {
	preseed 'purge-data boolean true'
	installs
	member /srv/etcd
	rm "$DPKG_ROOT"/etc/etcd/member-id
	run purges
	[[ "$output" == *"kept: /srv/etcd"* ]]
	[ -d "$DPKG_ROOT"/srv/etcd/member/wal ]
	[ -e "$DPKG_ROOT"/etc/etcd/pki/ca.key ]
}

@test "purge with a yes deletes what was moved aside, too, but not the data of whoever came after" {
	preseed 'purge-data boolean true'
	installs
	member /srv/etcd
	mv "$DPKG_ROOT"/etc/etcd/member-id "$DPKG_ROOT"/etc/etcd/member-id.aside-20261121-101500
	mkdir "$DPKG_ROOT"/srv/etcd/member.aside-20261121-101500
	purges
	[ "$(cd "$DPKG_ROOT"/srv/etcd && echo *)" = 'lost+found member' ]
	[ "$(cd "$DPKG_ROOT"/etc/etcd && echo *)" = cluster.conf.d ]
}

@test "purge after the last member has given its cluster up: kept and said so, or gone with a yes" {
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
