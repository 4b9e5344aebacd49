#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# backup and backup verify with real etcd: what was acknowledged before is in the restored copy; what is damaged is
# refused; a full disk and a missing share leave nothing; the timer's choice of the machine.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load crash

setup() {
	need_release "${ETCD_SERIES:-3.6}"
	root=$BATS_TEST_TMPDIR/n1
	backups=$root/var/backups/etcd-cluster
}

teardown() {
	end_all
	umount "$BATS_TEST_TMPDIR/small" "$root/mnt/nas" 2>/dev/null || :
	[ -z "${far-}" ] || rm -rf "$far"
}

# newest: the newest backup of n1.
newest() {
	ls "$backups"/*.db | tail -n 1
}

# left: what is in the directory of backups beside backups and their metadata, and of rehearsals.
left() {
	find "$backups" -name '*.part' 2>/dev/null
	find "$root/var/lib/etcd-cluster.state" -mindepth 1 -name 'rehearsal*' 2>/dev/null
}

# is_tidy: every backup has its metadata, every metadata its backup, and nothing else is there.
is_tidy() {
	local file

	[ -z "$(left)" ] || { left; return 1; }
	for file in "$backups"/*.db; do [ -e "$file.json" ] || return 1; done
	for file in "$backups"/*.json; do [ -e "${file%.json}" ] || return 1; done
}

# resign FILE: a snapshot with the SHA-256 of its present bytes.
resign() {
	head -c -32 "$1" >"$1.new"
	openssl dgst -sha256 -binary "$1.new" >"$1.hash"
	cat "$1.new" "$1.hash" >"$1"
}

# backs_up SERIES: under writers, the backup has every write that was acknowledged before.
backs_up() {
	need_release "$1"
	local file want revision

	one_member
	writes n1 n1
	cat "$(writes_in)"/acknowledged.* | wc -l >"$BATS_TEST_TMPDIR/before"
	helper n1 backup >"$BATS_TEST_TMPDIR/out" && output=$(cat "$BATS_TEST_TMPDIR/out")
	file=$output
	[ "$(stat -c %a "$file")" = 600 ]
	[ "$(stat -c %a "$file.json")" = 600 ]
	[ "$file" = "$(newest)" ]
	writes_end
	revision=$(json revision <"$file.json")
	[[ "$file" == */etcd-"$(json cluster_id <"$file.json")-$revision-"2*Z.db ]]
	[ "$(sha256sum "$file" | cut -d ' ' -f 1)" = "$(json sha256 <"$file.json")" ]
	[ "$(stat -c %s "$file")" = "$(json size_bytes <"$file.json")" ]
	want=$(cat "$BATS_TEST_TMPDIR/before")
	[ "$(json keys <"$file.json")" -ge "$want" ]
	run -0 helper n1 backup verify "$file"
	run -0 --separate-stderr helper n1 backup verify --rehearse --json "$file"
	echo "$output"
	[ "$(json rehearsed_revision <<<"$output")" = "$revision" ]
	[ "$(json rehearsed_keys <<<"$output")" -ge "$want" ]
	[ "$(json rehearsed_hash <<<"$output")" = true ]
	[ -z "$(left)" ]
}

@test "3.4: a backup under writers has every acknowledged write, and can be restored" {
	backs_up 3.4
}

@test "3.5: a backup under writers has every acknowledged write, and can be restored" {
	backs_up 3.5
}

@test "3.6: a backup under writers has every acknowledged write, and can be restored" {
	backs_up 3.6
}

@test "3.7: a backup under writers has every acknowledged write, and can be restored" {
	backs_up 3.7
}

@test "what is damaged, forged or of another cluster is refused or named" {
	local file bad

	one_member
	etcdctl n1 put a 1
	file=$(helper n1 backup 2>/dev/null)
	bad=$BATS_TEST_TMPDIR/bad.db

	# Without metadata: cut short, a flipped bit, and no snapshot at all.
	head -c 20001 "$file" >"$bad"
	run -4 helper n1 backup verify "$bad"
	[[ "$output" == *"cut short"* ]]
	cp "$file" "$bad"
	printf '\xff' | dd of="$bad" bs=1 seek=9000 conv=notrunc status=none
	run -4 helper n1 backup verify "$bad"
	[[ "$output" == *"damaged"* ]]
	# A page is destroyed and the hash fits again: only a rehearsal, or the metadata, notices.
	head -c 8192 /dev/urandom | dd of="$bad" bs=1 seek=8192 conv=notrunc status=none
	resign "$bad"
	run -0 helper n1 backup verify "$bad"
	run -4 helper n1 backup verify --rehearse "$bad"
	cp "$file.json" "$bad.json"
	run -4 helper n1 backup verify "$bad"
	[[ "$output" == *"was changed: its SHA-256"* ]]
	rm "$bad.json"
	[ -z "$(left)" ]

	# status shows a rehearsal that failed, until one succeeds.
	run helper n1 status
	[[ "$output" == *"rehearsal of $bad failed"* ]]
	run -0 helper n1 backup verify --rehearse "$file"
	run helper n1 status
	[[ "$output" != *"rehearsal of"* && "$output" == *"backup "*" ago by n1: ${file##*/}; not scheduled"* ]]

	# Metadata of another backup, and one of etcdctl.
	etcdctl n1 put a 2
	cp "$(helper n1 backup 2>/dev/null)" "$bad"
	cp "$file.json" "$bad.json"
	run -4 helper n1 backup verify "$bad"
	rm "$bad.json"
	etcdctl n1 snapshot save "$BATS_TEST_TMPDIR/plain.db" >/dev/null
	run -0 helper n1 backup verify --rehearse "$BATS_TEST_TMPDIR/plain.db"
	[[ "$output" == *"without its metadata"*"restored for trial: revision "* ]]
}

@test "compressed, kept, and handed over" {
	local i file

	[ "$(id -u)" -eq 0 ] || skip "needs root: BACKUP_USER"
	far=$(mktemp -d) # user nobody cannot reach the directory of the test
	chmod 755 "$far"
	one_member BACKUP_COMPRESS=zstd BACKUP_KEEP=2 BACKUP_USER=nobody \
		"BACKUP_COMMAND=\"/bin/sh $far/take {name}\""
	install -d -m 777 "$far/out"
	echo "id -un >$far/out/who; cat >$far/out/\$1" >"$far/take"
	chmod 644 "$far/take"
	# As installed: the tools run as user etcd, who cannot enter BACKUP_DIR.
	echo etcd:x:65533:65533::/:/bin/false >"$root/etc/passwd"
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$BATS_TEST_TMPDIR"
	find "$root/etc/etcd/pki" -exec chmod a+rX {} +
	for i in 1 2 3; do
		ETCD_CLUSTER_NOW=$(($(date +%s) + i)) helper n1 backup >/dev/null
	done
	[ "$(ls "$backups" | wc -l)" -eq 4 ]
	file=$(ls "$backups"/*.db.zst | tail -n 1)
	run -0 helper n1 backup verify --rehearse "$file"
	[[ "$output" == *"with the hash of the backup"* ]]
	[ "$(cat "$far/out/who")" = nobody ]
	cmp "$file" "$far/out/${file##*/}"
	[ "$(ls "$far"/out/*.zst | wc -l)" -eq 3 ]
	! command -v zstd >/dev/null || zstd -t "$file"

	# A command that fails is shown, and the file is handed over later.
	echo 'echo no route >&2; exit 7' >"$far/take"
	export ETCD_CLUSTER_NOW=$(($(date +%s) + 60)) # after those of before
	run -1 helper n1 backup
	[[ "$output" == *"exit code 7: no route"* ]]
	run helper n1 status
	[[ "$output" == *"exit code 7: no route"* ]]
	echo "cat >$far/out/\$1" >"$far/take"
	run -0 helper n1 backup --scheduled
	[ "$(ls "$far"/out/*.zst | wc -l)" -eq 4 ]
	run helper n1 status
	[[ "$output" != *"no route"* ]]
	run -2 helper n1 backup --scheduled --exit-code
}

@test "a full disk in each phase leaves nothing" {
	local at n file

	need_strace
	one_member
	head -c 700000 /dev/urandom | base64 -w 0 >"$BATS_TEST_TMPDIR/value"
	etcdctl n1 put big <"$BATS_TEST_TMPDIR/value" >/dev/null
	helper n1 backup >/dev/null
	for at in write:5 write:30 fsync:1 fsync:3 fsync:5 rename:1 rename:2; do
		n=0
		at_call ${at#*:} ${at%:*} error=ENOSPC "$ETCD_CLUSTER_PLAIN" --root "$root" backup \
			>"$BATS_TEST_TMPDIR/log" 2>&1 || n=$?
		echo "$at: $n"
		cat "$BATS_TEST_TMPDIR/log"
		grep -q INJECTED "$BATS_TEST_TMPDIR/trace"
		is_tidy
	done
	# A file that cannot be written to at all.
	run -1 helper n1 backup /dev/full/x.db
	# Room is checked first.
	mkdir "$BATS_TEST_TMPDIR/small"
	mount -t tmpfs -o size=1M none "$BATS_TEST_TMPDIR/small" || skip "a tmpfs cannot be mounted here"
	run -1 helper n1 backup "$BATS_TEST_TMPDIR/small/x.db"
	[[ "$output" == *"has 1 MiB left"* || "$output" == *"has 0 MiB left"* ]]
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/small")" ]
	umount "$BATS_TEST_TMPDIR/small"
}

@test "killed at any moment: the next run ends with whole files and no others" {
	local n points=0

	need_strace
	one_member
	etcdctl n1 put a 1
	set=openat,write,fsync,rename,unlink,unlinkat,mkdir,fchmod,fchown,execve,sendto,recvfrom
	tracer=(strace -qq) # not the tools that it starts
	count_calls $set "$ETCD_CLUSTER_PLAIN" --root "$root" backup >/dev/null 2>&1
	for n in $(sample 25); do
		at_call $n $set signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$root" backup >/dev/null 2>&1 || :
		points=$((points + 1))
		# What has its name is whole, at any moment.
		for file in "$backups"/*.db; do
			[ ! -e "$file" ] || [ -e "$file.json" ]
		done
	done
	"$ETCD_CLUSTER_PLAIN" --root "$root" backup >/dev/null
	is_tidy
	for file in "$backups"/*.db; do
		"$ETCD_CLUSTER_PLAIN" --root "$root" backup verify "$file" >/dev/null
	done
	# And a rehearsal: the next backup removes what it has left.
	count_calls $set "$ETCD_CLUSTER_PLAIN" --root "$root" backup verify --rehearse "$(newest)" >/dev/null 2>&1
	for n in $(sample 12); do
		at_call $n $set signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$root" backup verify --rehearse "$(newest)" \
			>/dev/null 2>&1 || :
		points=$((points + 1))
	done
	"$ETCD_CLUSTER_PLAIN" --root "$root" backup >/dev/null
	is_tidy
	echo "# $points points" >&3
}

@test "one machine takes the scheduled backup; another one does if that fails; all see it" {
	local n first second file midnight

	three_machines BACKUP_SCHEDULE=daily
	# The order: healthy followers by their IDs, then the leader.
	helper n1 status --json 2>/dev/null | jq -r '.leader as $leader | .members
		| sort_by(.id == $leader, .id)[] | .name' >"$BATS_TEST_TMPDIR/order"
	first=$(sed -n 1p "$BATS_TEST_TMPDIR/order")
	second=$(sed -n 2p "$BATS_TEST_TMPDIR/order")
	# Without systemd each day has one at midnight. The first of the day: ten minutes after it.
	midnight=$(($(date +%s) / 86400 * 86400 + 86400))
	export ETCD_CLUSTER_NOW=$((midnight + 600))
	run -6 helper "$second" backup --scheduled
	[[ "$output" == *"$first takes the backup of "*"this machine takes it if there is none at "*"00:30 UTC"* ]]
	run -0 helper "$first" backup --scheduled --exit-code
	for n in n1 n2 n3; do
		run -2 helper $n backup --scheduled --exit-code
		[ "$(helper $n status --json 2>/dev/null | json backup.member)" = "$first" ]
	done

	# The next day the disk of the first one is full: the second one is not stopped by it.
	ETCD_CLUSTER_NOW=$((midnight + 86400 + 600))
	rm -rf "$BATS_TEST_TMPDIR/$first/var/backups/etcd-cluster"
	: >"$BATS_TEST_TMPDIR/$first/var/backups/etcd-cluster"
	run -1 helper "$first" backup --scheduled
	run helper "$first" status
	[[ "$output" == *"backups fail since"* ]]
	run -6 helper "$second" backup --scheduled
	ETCD_CLUSTER_NOW=$((midnight + 86400 + 1900))
	run -0 helper "$second" backup --scheduled --exit-code
	# And there is one: the first does not try any more.
	run -2 helper "$first" backup --scheduled --exit-code
	run helper "$first" status
	[[ "$output" == *"by $second:"* && "$output" != *"backups fail since"* ]]

	# Two days without any: each machine warns.
	ETCD_CLUSTER_NOW=$((midnight + 3 * 86400 + 7200))
	run helper n3 status
	[[ "$output" == *"the newest backup is of "*"although BACKUP_SCHEDULE=daily"* ]]
	# Without a quorum nobody decides.
	stop "$first" KILL
	stop "$second" KILL
	n=$(sed -n 3p "$BATS_TEST_TMPDIR/order")
	run -5 helper "$n" backup --scheduled
}

@test "a share that is not mounted is refused; a mounted one is used" {
	one_member BACKUP_DIR=/mnt/nas/etcd BACKUP_MOUNT=/mnt/nas
	mkdir -p "$root/mnt/nas"
	run -3 helper n1 backup
	[[ "$output" == *"/mnt/nas (BACKUP_MOUNT) is not mounted"* ]]
	[ -z "$(ls -A "$root/mnt/nas")" ]
	mount -t tmpfs -o size=300M none "$root/mnt/nas" || skip "a tmpfs cannot be mounted here"
	run -0 helper n1 backup
	[ -e "$(ls "$root"/mnt/nas/etcd/*.db)" ]
	umount "$root/mnt/nas"
	run -3 helper n1 backup
}
