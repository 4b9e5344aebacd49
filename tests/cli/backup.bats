#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# backup without an etcd: what is refused, files that are checked, and the units that follow BACKUP_SCHEDULE.

bats_require_minimum_version 1.5.0

setup() {
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/etc/etcd"
	echo NAME=n1 >"$root/etc/etcd/cluster.conf"
	file=$BATS_TEST_TMPDIR/s.db
	head -c 1024 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/pages"
	openssl dgst -sha256 -binary <"$BATS_TEST_TMPDIR/pages" >"$BATS_TEST_TMPDIR/hash"
	cat "$BATS_TEST_TMPDIR"/{pages,hash} >"$file"
}

cluster() {
	"$ETCD_CLUSTER" --root "$root" "$@"
}

@test "a snapshot is whole, compressed or not; a damaged one is exit 4; a missing one is exit 1" {
	run -0 cluster backup verify "$file"
	[[ "$output" == *"whole, 1056 bytes"*"without its metadata"* ]]
	run -0 --separate-stderr cluster backup verify --json "$file"
	[ "$(jq -c '[.size_bytes, .metadata, .rehearsed]' <<<"$output")" = '[1056,false,false]' ]
	# What zstd(1) has made; what we make, tests/unit/test_backup.c reads.
	if command -v zstd >/dev/null; then
		zstd -q "$file" -o "$file.zst"
		run -0 cluster backup verify "$file.zst"
		[[ "$output" == *"whole, 1056 bytes"* ]]
	fi
	cp "$BATS_TEST_TMPDIR/pages" "$file"
	run -4 cluster backup verify "$file"
	[[ "$output" == *"a copy of a database file and not a snapshot"* ]]
	cp "$BATS_TEST_TMPDIR/pages" "$file.zst"
	run -4 cluster backup verify "$file.zst"
	[[ "$output" == *"not a zstd file"* ]]
	run -1 cluster backup verify "$BATS_TEST_TMPDIR/none.db"
	echo '{}' >"$file.json"
	run -4 cluster backup verify "$file"
	[[ "$output" == *"does not describe a backup"* ]]
}

@test "without certificates, with a wrong option: refused, and nothing is left" {
	run -3 cluster backup
	run -3 cluster backup --scheduled "$file"
	[[ "$output" == *"--scheduled takes no FILE"* ]]
	run -3 cluster backup verify
	[ ! -e "$root/var/backups/etcd-cluster" ] || [ -z "$(ls -A "$root/var/backups/etcd-cluster")" ]
}

@test "setup writes the drop-ins of BACKUP_SCHEDULE, and removes them" {
	units=$root/etc/systemd/system
	systemd-analyze calendar daily >/dev/null || skip "no systemd-analyze"
	printf '%s\n' 'BACKUP_SCHEDULE="Mon..Fri 03:00"' BACKUP_DIR=/srv/backups >>"$root/etc/etcd/cluster.conf"
	run cluster setup --local
	grep -qx 'OnCalendar=Mon..Fri 03:00' "$units/etcd-cluster-backup.timer.d/50-etcd-cluster-backup.conf"
	grep -qx 'ReadWritePaths=-/srv/backups' "$units/etcd-cluster-backup.service.d/50-etcd-cluster-backup.conf"
	grep -qx 'Wants=etcd-cluster-backup.timer' "$units/etcd-cluster.target.d/50-etcd-cluster-backup.conf"
	sed -i 's/^BACKUP_SCHEDULE=.*/BACKUP_SCHEDULE=often/' "$root/etc/etcd/cluster.conf"
	run -3 cluster setup --local
	[[ "$output" == *"BACKUP_SCHEDULE=often is not a calendar event"*"systemd-analyze calendar 'often'"* ]]
	sed -i '/^BACKUP_/d' "$root/etc/etcd/cluster.conf"
	run cluster setup --local
	[ -z "$(find "$units" -name '50-etcd-cluster-backup.conf')" ]
}
