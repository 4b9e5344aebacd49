#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The package's questions under the real debconf, with a database of its own and in a fake root: what reaches cluster.conf.

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
	# has as well, for it looks for that one without).
	printf '%s\n' 'Config: config' 'Templates: templates' '' \
		'Name: config' 'Driver: File' 'Filename: /etc/config.dat' '' \
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
	touch "$DPKG_ROOT"/var/backups/etcd-cluster/a.db "$DPKG_ROOT"/etc/etcd/{pki/ca.key,etcd.env,etcd.env.new,etcdctl.env}
	echo CLUSTER_ID=1 >"$DPKG_ROOT"/etc/etcd/member-id
	echo "DATA_DIR=$1" >"$DPKG_ROOT"/etc/etcd/cluster.conf.d/site.conf
}

purges() {
	debconf --owner=etcd-cluster "$dir"/etcd-cluster.postrm purge 2>&1
}

@test "purge keeps data, certificates and keys, says where, and deletes the rest" {
	installs
	member /srv/etcd
	run purges
	[ "$status" -eq 0 ]
	[[ "$output" == *"kept: /srv/etcd (data)"*pki* ]]
	[ -d "$DPKG_ROOT"/srv/etcd/member/wal ]
	[ -e "$DPKG_ROOT"/etc/etcd/pki/ca.key ]
	[ -e "$DPKG_ROOT"/var/backups/etcd-cluster/a.db ]
	[ -e "$DPKG_ROOT"/etc/etcd/cluster.conf.d/site.conf ]
	[ "$(cd "$DPKG_ROOT"/etc/etcd && echo *)" = 'cluster.conf.d member-id pki' ]
	[ ! -e "$DPKG_ROOT"/usr/libexec/etcd-cluster/releases ]
	[ ! -e "$DPKG_ROOT"/var/cache/etcd-cluster ]
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
	[ ! -e "$DPKG_ROOT"/etc/etcd/member-id ]
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
