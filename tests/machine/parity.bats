# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The same cluster.conf on a deb and on an rpm machine gives the same tree: names, owners, modes and content. The
# permitted differences are below, each with its reason. Any other difference fails, and so does an entry without a
# difference.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

# SIDE GLOB REASON: the paths that only the deb or the rpm machine has, or that differ (both) in mode, owner or content.
differences() {
	cat <<-'X'
		deb  /usr/share/doc/etcd-cluster*         changelog, copyright, README.Debian; compressed documents
		rpm  /usr/share/doc/etcd-cluster*         the same documents from %doc
		rpm  /usr/share/licenses*                 %license; Debian has doc/etcd-cluster/copyright
		deb  /usr/share/lintian/*                 overrides for lintian
		deb  /usr/share/bug/etcd-cluster*         for reportbug
		rpm  /usr/lib/systemd/system-preset/*     enables the target on rpm; Debian uses deb-systemd-helper
		deb  /var/lib/systemd/deb-systemd-helper* its record of enabled units
		rpm  /etc/etcd/cluster.conf.rpmnew        rpm's sample beside existing answers
		both /usr/sbin/etcd-cluster               the same program, linked with other flags
	X
}

# The same after the removal of the package.
differences_removed() {
	cat <<-'X'
		deb  /etc/systemd/system/multi-user.target.wants/etcd-cluster.target  Debian disables at purge, rpm at removal
		deb  /var/lib/etcd-cluster                empty, because of DATA_DIR: rpm removes it at removal, Debian at purge
		deb  /var/backups/etcd-cluster            empty, too
		rpm  /etc/etcd/cluster.conf.rpmnew        as above
	X
}

on() {
	local MACHINE=parity-$1
	"${@:2}"
}

setup_file() {
	export MACHINE=parity-deb HOSTNAME_INSIDE=parity
	need_root
	boot parity-deb bookworm 10.77.21.1
	boot parity-rpm rpm 10.77.21.1
	for kind in deb rpm; do
		on $kind m "$snapshot_script
			snapshot >/tmp/before"
		on $kind answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases NAME=n1 ADDRESS=10.77.21.1 CLUSTER_TOKEN=parity \
			CLIENT_PORT=12379 PEER_PORT=12380 DATA_DIR=/data/etcd WAL_DIR=/data/wal EXTRA_SANS=etcd.example.org,10.9.9.9 \
			KEY_TYPE=ecdsa-p384 CERT_DAYS=200 ETCD_AUTO_COMPACTION_RETENTION=1 ETCD_HEARTBEAT_INTERVAL=150
		on $kind trust 3.4.23
	done
	on deb m 'apt-get install etcd-cluster'
	on rpm m 'dnf install etcd-cluster'
}

teardown_file() {
	[ -n "${KEEP-}" ] && [ -e "$BATS_FILE_TMPDIR/failed" ] && return 0
	for kind in deb rpm; do
		[ ! -d "$set_dir/parity-$kind" ] || "$machine" destroy "parity-$kind"
	done
}

# snapshot: prints "PATH TYPE MODE OWNER LINK" of the whole tree, with the time of the last change except for
# directories. Left out: databases and logs of the package managers, files that systemd and etcd write at run time, and
# the user lists, whose numbers depend on other users (another test checks them).
snapshot_script='
snapshot() {
	find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache/apt -o -path /var/cache/debconf \
		-o -path /var/lib/rpm -o -path /var/lib/dnf -o -path /var/cache/dnf -o -path /var/log \
		-o -path /var/lib/systemd/timers -o -path /tmp -o -path /var/tmp -o -path /root \
		-o -path "/data/*/*" -o -path "/etc/passwd*" -o -path "/etc/group*" -o -path "/etc/shadow*" -o -path "/etc/gshadow*" \
		-o -path "/var/cache/ldconfig" -o -path /etc/.pwd.lock \) -prune -o \
		\( -type d -printf "%p %y %m %u:%g -\n" -o -printf "%p %y %m %u:%g %l- %C@\n" \)
}
'

# Prints the new lines of a snapshot, with the digest of a file instead of its time; keys have no digest, and the random
# parts of names of clusters and members are left out of it.
ours() {
	m "$snapshot_script"'
	snapshot | sort >/tmp/after
	sort /tmp/before | comm -13 - /tmp/after | while read -r path type mode owner link time; do
		case $type:$path in
		f:/etc/etcd/pki/*) digest=key-material ;;
		f:/etc/etcd/etcd.env | f:/etc/etcd/forming | f:/etc/etcd/host | f:/etc/etcd/member-id | f:/etc/etcd/last-good/* | \
			f:/var/lib/etcd-cluster.state/mark)
			digest=$(sed -E "s/[0-9a-f]{16,}/(random)/g" "$path" | sha256sum) ;;
		f:*/.release) digest=$(sed "/_CHANGED=/d" "$path" | sha256sum) ;; # without the time of the unpacking
		f:*) digest=$(sha256sum <"$path") ;;
		*) digest=- ;;
		esac
		printf "%s %s %s %s %s %s\n" "$path" "$type" "$mode" "$owner" "$link" "${digest%% *}"
	done'
}

# only_listed TABLE: the paths that differ between $BATS_TEST_TMPDIR/deb and rpm are exactly those of TABLE.
only_listed() {
	local side path of glob reason listed fails=
	"$1" >"$BATS_TEST_TMPDIR/listed"
	: >"$BATS_TEST_TMPDIR/used"
	while read -r side path; do
		listed=
		while read -r of glob _; do
			# shellcheck disable=SC2053 # a glob
			if [ "$side" = "$of" ] && [[ $path == $glob ]]; then
				listed=1
				echo "$of $glob" >>"$BATS_TEST_TMPDIR/used"
			fi
		done <"$BATS_TEST_TMPDIR/listed"
		if [ -z "$listed" ]; then
			fails=1
			echo "not listed: $side $path"
			grep -hF "$path " "$BATS_TEST_TMPDIR/deb" "$BATS_TEST_TMPDIR/rpm" || true
		fi
	done < <(awk 'NR == FNR { deb[$1] = $0; next }
		!($1 in deb) { print "rpm", $1; next }
		deb[$1] != $0 { print "both", $1 }
		{ delete deb[$1] }
		END { for (path in deb) print "deb", path }' "$BATS_TEST_TMPDIR/deb" "$BATS_TEST_TMPDIR/rpm")
	while read -r side glob reason; do
		if [ -z "$reason" ] || ! grep -qxF "$side $glob" "$BATS_TEST_TMPDIR/used"; then
			fails=1
			echo "listed, but no difference, or without a reason: $side $glob"
		fi
	done <"$BATS_TEST_TMPDIR/listed"
	[ -z "$fails" ]
}

@test "both are healthy members" {
	on deb healthy
	on rpm healthy
}

@test "etcd.env, etcdctl.env and cluster.conf are the same, byte for byte" {
	for file in etcd.env etcdctl.env cluster.conf; do
		# Left out: the random part of the cluster token, and the digest in the first line, which covers it.
		on deb m "sed -E 's/[0-9a-f]{32,}/(random)/' /etc/etcd/$file" >"$BATS_TEST_TMPDIR/deb"
		on rpm m "sed -E 's/[0-9a-f]{32,}/(random)/' /etc/etcd/$file" >"$BATS_TEST_TMPDIR/rpm"
		[ -s "$BATS_TEST_TMPDIR/deb" ]
		diff "$BATS_TEST_TMPDIR/deb" "$BATS_TEST_TMPDIR/rpm"
	done
}

@test "the tree is the same, except for the listed differences" {
	on deb ours >"$BATS_TEST_TMPDIR/deb"
	on rpm ours >"$BATS_TEST_TMPDIR/rpm"
	# The snapshots contain the important files.
	grep -q '^/etc/etcd/pki/server.key f 640 root:etcd' "$BATS_TEST_TMPDIR/deb"
	grep -q '^/usr/lib/systemd/system/etcd.service f 644' "$BATS_TEST_TMPDIR/rpm"
	only_listed differences
}

@test "users, units and certificates are the same" {
	# Left out: values that must differ (uid, gid, serial, dates, keys, the random parts of the CA's name and the token).
	for kind in deb rpm; do
		on $kind m 'getent passwd etcd | cut -d: -f 1,2,5-
		getent group etcd | cut -d: -f 1,4
		systemctl list-unit-files --no-legend --no-pager "etcd*" | awk "{ print \$1, \$2 }"
		systemctl list-units --all --plain --no-legend --no-pager "etcd*" | awk "{ print \$1, \$2, \$3, \$4 }"
		ps -o user=,args= -C etcd
		tr "\0" "\n" <"/proc/$(systemctl show -P MainPID etcd)/environ" | grep ^ETCD_ |
			sed -E "/_TOKEN=/s/[0-9a-f]{32}$/(random)/" | sort
		for c in /etc/etcd/pki/*.crt; do
			openssl x509 -in "$c" -noout -subject -issuer -ext subjectAltName,keyUsage,extendedKeyUsage,basicConstraints |
				sed "s/ CA [0-9a-f]\{8\}$/ CA (random)/"
			openssl x509 -in "$c" -noout -text | grep -E "Public-Key|NIST CURVE|Signature Algorithm" | sort -u
		done
		stat -c "%n %A %U:%G" /run/etcd-cluster /run/etcd-cluster/* /data/etcd /data/wal /data/etcd/* /data/wal/* |
			sort' >"$BATS_TEST_TMPDIR/$kind"
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/deb")" -gt 40 ]
	diff "$BATS_TEST_TMPDIR/deb" "$BATS_TEST_TMPDIR/rpm"
}

@test "a removal keeps the same files" {
	on deb m 'apt-get remove etcd-cluster'
	on rpm m 'dnf remove etcd-cluster'
	for kind in deb rpm; do
		on $kind m 'fails pgrep -x etcd
		find /etc/etcd /data /var/lib/etcd-cluster /var/cache/etcd-cluster /var/backups/etcd-cluster \
			/usr/libexec/etcd-cluster \
			/usr/share/etcd-cluster /run/etcd-cluster /etc/systemd/system ! -name "*.wal" ! -name "*.tmp" \
			-printf "%p %y %m %u:%g %l\n" 2>/dev/null | sort' >"$BATS_TEST_TMPDIR/$kind"
	done
	grep -q '^/etc/etcd/pki/ca.key f 600 root:root' "$BATS_TEST_TMPDIR/rpm"
	only_listed differences_removed
}
