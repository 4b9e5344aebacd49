#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# restore FILE with real etcd: a backup, or a snapshot of plain etcdctl, becomes a new cluster with every key, lease and
# user that was acknowledged before; what is damaged, newer or of another cluster is refused, and so is a restore beside
# members that serve; a kill at any moment leaves the old data or the new.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load crash

tracer=(strace -qq) # not the tools and the etcd that restore starts

setup() {
	need_release "${ETCD_SERIES:-3.6}"
	root=$BATS_TEST_TMPDIR/n1
	data=$root/var/lib/etcd-cluster
	file=$BATS_TEST_TMPDIR/the.db
}

teardown() {
	end_all
	umount "$BATS_TEST_TMPDIR/small" 2>/dev/null || :
}

# cluster_id NAME: prints the ID in its member-id.
cluster_id() {
	sed -n 's/^CLUSTER_ID=//p' "$BATS_TEST_TMPDIR/$1/etc/etcd/member-id"
}

# backed_up: takes the backup $file of n1.
backed_up() {
	helper n1 backup "$file" >/dev/null
}

# keys NAME [REVISION]: prints a hash of all keys and what belongs to each.
keys() {
	etcdctl "$1" get "" --from-key -w json ${2:+--rev="$2"} |
		jq -c '.kvs[] | [.key, .value, .create_revision, .mod_revision, .version, .lease]' | sha256sum
}

# bumps: whether this release can raise the revision of what it restores (3.4.27, 3.5.10, 3.6).
bumps() {
	local tool=$root/usr/libexec/etcd-cluster/releases/current/etcdutl

	[ -e "$tool" ] || tool=${tool%utl}ctl
	"$tool" snapshot restore --help | grep -q -e --bump-revision
}

# answers: hashes of what a restore does not touch.
answers() {
	(cd "$root/etc/etcd" && find cluster.conf pki -type f -exec sha256sum {} + | sort)
}

# left: the names in the data directory beside the data and what was moved aside.
left() {
	find "$data" -mindepth 1 -maxdepth 1 ! -name member ! -name 'member.aside-2*'
}

# asides: how many sets of former data there are.
asides() {
	find "$data" -mindepth 1 -maxdepth 1 -name 'member.aside-2*' | wc -l
}

# up NAME: its etcd runs and setup has seen it.
up() {
	start "$1"
	wait_healthy "$1"
	helper "$1" setup 2>"$BATS_TEST_TMPDIR/log" || [ $? -eq 2 ] || { cat "$BATS_TEST_TMPDIR/log"; return 1; }
	grep -qx STATE=started "$BATS_TEST_TMPDIR/$1/etc/etcd/forming"
}

# brings_back SERIES: under writers, with users and a lease.
brings_back() {
	need_release "$1"
	rm -rf "${BATS_TEST_TMPDIR:?}"/*
	local lease before revision want old now

	one_member
	lease=$(etcdctl n1 lease grant 3600 | cut -d ' ' -f 2)
	etcdctl n1 put leased value --lease="$lease"
	etcdctl n1 role add reader
	etcdctl n1 user add alice:secret
	etcdctl n1 user grant-role alice reader
	etcdctl n1 user add root --no-password
	etcdctl n1 user grant-role root root
	etcdctl n1 auth enable
	WRITES_TIMEOUT=30 writes n1 n1
	cat "$(writes_in)"/acknowledged.* >"$BATS_TEST_TMPDIR/before"
	backed_up
	revision=$(json revision <"$file.json")
	writes_go_on
	writes_end
	etcdctl n1 put later "is lost"
	want=$(keys n1 "$revision")
	old=$(cluster_id n1)
	answers >"$BATS_TEST_TMPDIR/answers"

	run -3 helper n1 restore "$file"
	[[ "$output" == *"etcd on this machine still serves cluster $old"*"systemctl stop etcd"*"--force-serving $old"* ]]
	stop n1
	run -0 helper n1 restore "$file"
	echo "$output"
	[[ "$output" == *"only one of the new cluster"*"start "*"/etcd yourself"* ]]
	[ -z "$(left)" ]
	[ "$(asides)" -eq 1 ]
	answers | diff "$BATS_TEST_TMPDIR/answers" -
	[ "$(cluster_id n1)" != "$old" ]
	up n1
	[ "$(keys n1)" = "$want" ]
	[ "$(etcdctl n1 get later --print-value-only)" = "" ]
	while read -r _ before; do
		[ "$(etcdctl n1 get "$before" --print-value-only)" = "$(value_of "$before")" ]
	done <"$BATS_TEST_TMPDIR/before"
	[ "$(etcdctl n1 member list | wc -l)" -eq 1 ]
	etcdctl n1 lease timetolive "$lease" --keys | grep leased
	etcdctl n1 user get alice | grep reader
	now=$(etcdctl n1 get leased -w json | json header.revision)
	if bumps; then
		# A client that watches from where it was learns that it has missed something.
		[ "$now" -ge $((revision + 1000000000)) ]
		behind watch etcdctl n1 watch leased --rev=$((revision + 1))
		eventually grep -q 'required revision has been compacted' "$BATS_TEST_TMPDIR/watch.log"
	else
		[[ "$now" -ge "$revision" ]]
	fi
	etcdctl n1 put again works
	# And what was moved aside is the old data.
	ls "$data"/member.aside-2*/wal/*.wal
	run -5 helper n1 status || [ "$status" -eq 0 ]
	end_all
}

@test "a backup brings back keys, leases and users as a new cluster" {
	local one

	for one in $(series 3.4 3.6); do # without and with a raised revision
		echo "etcd $one"
		brings_back "$one"
	done
}

# state: what a refused restore leaves as it was.
state() {
	find "$root/etc" -printf '%p %i %T@\n' | sort
	find "$data" -maxdepth 1 -printf '%p %i\n' | sort
}

# is_refused STATUS PATTERN OPTION…: so is restore, and nothing has changed.
is_refused() {
	local want=$1 text=$2
	shift 2

	state >"$BATS_TEST_TMPDIR/was"
	run helper n1 restore "$@"
	echo "$output"
	[ "$status" -eq "$want" ]
	[[ "$output" == *$text* ]]
	state | diff "$BATS_TEST_TMPDIR/was" -
	[ -z "$(left)" ] || { left; return 1; }
	[ "$(asides)" -eq 0 ]
}

# resign FILE: a snapshot with the SHA-256 of its present bytes.
resign() {
	head -c -32 "$1" >"$1.new"
	openssl dgst -sha256 -binary "$1.new" >"$1.hash"
	cat "$1.new" "$1.hash" >"$1"
}

@test "what is damaged, forged, newer or of another cluster is refused before anything is changed" {
	local bad=$BATS_TEST_TMPDIR/bad.db old

	one_member
	etcdctl n1 put a 1
	backed_up
	old=$(cluster_id n1)
	stop n1
	is_refused 3 "cannot read /nowhere/x.db" /nowhere/x.db # an unmounted share
	is_refused 3 "restore needs a FILE"
	is_refused 3 "takes the data of this machine, and no FILE" "$file" --force-new-cluster "$old"
	is_refused 3 "no-id is not a valid cluster ID" "$file" --other-cluster no-id
	head -c 20001 "$file" >"$bad"
	is_refused 4 "cut short" "$bad"
	cp "$file" "$bad"
	printf '\xff' | dd of="$bad" bs=1 seek=9000 conv=notrunc status=none
	is_refused 4 "damaged" "$bad"
	head -c $(($(stat -c %s "$bad") - 8192)) /dev/urandom |
		dd of="$bad" bs=8192 seek=1 conv=notrunc iflag=fullblock status=none
	resign "$bad"
	is_refused 4 "cannot check the database" "$bad"
	cp "$file.json" "$bad.json"
	is_refused 4 "was changed: its SHA-256" "$bad"
	# A copy of the database of a member.
	cp "$data/member/snap/db" "$BATS_TEST_TMPDIR/raw.db"
	is_refused 4 "a copy of a database file and not a snapshot" "$BATS_TEST_TMPDIR/raw.db"
	# Of another cluster, and of a newer etcd.
	cp "$file" "$bad"
	jq '.cluster_id = "1234567890abcdef"' "$file.json" >"$bad.json"
	is_refused 3 "is a backup of cluster 1234567890abcdef"*"--other-cluster 1234567890abcdef" "$bad"
	jq '.version = "3.99.1"' "$file.json" >"$bad.json"
	is_refused 3 "the backup is of etcd 3.99.1"*"RELEASE=3.99.1"*"release use 3.99.1" "$bad"
	# ROLE=join follows another machine.
	set_conf n1 ROLE=join JOIN=127.0.0.9 ADDRESS=127.0.0.1
	is_refused 3 "ROLE=join"*"etcd-cluster join ADDRESS --abandon" "$file"
	sed -i '/^ROLE=/d; /^JOIN=/d; /^ADDRESS=/d' "$root/etc/etcd/cluster.conf"
	# With the name of that cluster it is restored.
	jq '.cluster_id = "1234567890abcdef"' "$file.json" >"$bad.json"
	run -0 helper n1 restore "$bad" --other-cluster 1234567890abcdef
	up n1
	[ "$(etcdctl n1 get a --print-value-only)" = 1 ]
}

@test "refused while a member serves, unless that cluster is named; the silent others must be fenced" {
	local old new n value

	three_machines
	etcdctl n1 put kept value
	backed_up
	etcdctl n1 put later value
	old=$(cluster_id n1)
	is_refused 3 "still serves cluster $old"*"--force-serving $old" "$file" --others-fenced
	stop n1
	is_refused 3 "still serves cluster $old" "$file" --others-fenced
	is_refused 3 "still serves cluster $old" "$file" --others-fenced --force-serving 1234
	# One that was started without a quorum answers its peers only.
	stop n3
	stop n2
	start n2
	eventually listens "$(port n2 2)"
	is_refused 3 "https://127.0.0.1:$(port n2 2) still" "$file" --others-fenced
	stop n2 KILL
	is_refused 3 "may run, even with a quorum, where this machine does not reach them"*"--others-fenced" "$file"
	run -0 helper n1 restore --dry-run "$file"
	[[ "$output" == *"would restore $file"* ]]
	[ "$(asides)" -eq 0 ]
	# As if they were behind a broken cable: they come back with their quorum, and are another cluster.
	run -0 helper n1 restore "$file" --others-fenced
	echo "$output"
	up n1
	new=$(cluster_id n1)
	[ "$new" != "$old" ]
	start n2
	start n3
	wait_healthy n2
	wait_healthy n3
	etcdctl n2 put theirs value
	[ "$(etcdctl n1 get theirs --print-value-only)" = "" ]
	[ "$(etcdctl n3 get later --print-value-only)" = value ]
	[ "$(etcdctl n1 get later --print-value-only)" = "" ]
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]
	run -5 helper n1 status
	[[ "$output" == *"https://127.0.0.1:$(port n2 2) still runs in the cluster $old"* ]]
	[ "$(etcdctl n2 member list | grep -c started)" -eq 3 ]
	# While they serve, only by name.
	stop n1
	etcdctl n2 put theirs again
	is_refused_again "$old"
	run -0 helper n1 restore "$file" --others-fenced --force-serving "$old"
	[ "$(asides)" -eq 2 ]
}

# is_refused_again CLUSTER_ID: a second restore beside the others is, too.
is_refused_again() {
	run -3 helper n1 restore "$file" --others-fenced
	[[ "$output" == *"still serves cluster $1"* ]]
}

@test "a snapshot of plain etcdctl, compressed or not, on a new machine; a log of its own" {
	local want old=$BATS_TEST_TMPDIR/old

	one_member
	etcdctl n1 put a 1
	etcdctl n1 put b 2
	want=$(keys n1)
	etcdctl n1 snapshot save "$file"
	[ ! -e "$file.json" ]
	stop n1
	mv "$root" "$old"
	# Nothing was ever set up here: certificates and release are made on the way.
	mapfile -t ports < <(ports_of n1)
	bare n1 "${ports[@]}" WAL_DIR=/var/lib/wal
	zstd -q "$file" -o "$file.zst"
	run -0 helper n1 restore "$file.zst"
	[[ "$output" == *"has no metadata: of which cluster it is cannot be seen"* ]]
	[ "$(asides)" -eq 0 ]
	[ -z "$(left)" ]
	[ ! -e "$data/member/wal" ]
	up n1
	[ "$(keys n1)" = "$want" ]
	# Once more over that: the log is moved aside with the data.
	stop n1
	run -0 helper n1 restore "$file"
	[ "$(asides)" -eq 1 ]
	[ "$(find "$root/var/lib/wal" -maxdepth 1 -name 'wal.aside-2*' | wc -l)" -eq 1 ]
	up n1
	[ "$(keys n1)" = "$want" ]
}

changing='openat,write,pwrite64,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync'
changing=$changing,fdatasync,fchmod,fchown,clone,clone3,wait4,waitid,kill

# no_etcd: true if no etcd runs on the data of n1.
no_etcd() {
	! pgrep -f "^$root/.*/etcd\$" >/dev/null
}

# whole_data: there is always one set of data with a log, the old or the new.
whole_data() {
	ls "$data"/member/wal/*.wal "$data"/member.aside-2*/wal/*.wal >/dev/null 2>&1 ||
		[ -n "$(ls "$data"/member/wal/*.wal "$data"/member.aside-2*/wal/*.wal 2>/dev/null)" ]
}

# debris: what a finished restore does not leave.
debris() {
	left
	find "$root/etc" -name '*.aside-*' -o -name '.new-*'
	find "$root/run" "$root/var/lib/etcd-cluster.state" -name 'rehearsal*' 2>/dev/null || :
}

@test "kill -9 anywhere, then again: the same end state, and no second copy" {
	local old want n points=0

	need_strace
	one_member
	etcdctl n1 put kept value
	backed_up
	want=$(keys n1)
	etcdctl n1 put later "is lost"
	old=$(cluster_id n1)
	keep_machines n1
	bring_back_machines n1
	count_calls "$changing" "$ETCD_CLUSTER_PLAIN" --root "$root" restore "$file"
	for n in $(sample 6); do
		bring_back_machines n1
		at_call "$n" "$changing" signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$root" restore "$file" \
			>/dev/null 2>&1 3>&- || :
		points=$((points + 1))
		eventually no_etcd || { echo "killed at call $n, its etcd lives"; return 1; }
		whole_data || { echo "killed at call $n, the data is gone"; find "$data"; return 1; }
		# Setup finishes what can only be finished, and leaves the rest as it was.
		if [ $((n % 2)) -eq 0 ]; then
			"$ETCD_CLUSTER_PLAIN" --root "$root" setup >"$BATS_TEST_TMPDIR/log" 2>&1 || [ $? -eq 2 ] ||
				{ echo "killed at call $n"; cat "$BATS_TEST_TMPDIR/log"; return 1; }
		fi
		"$ETCD_CLUSTER_PLAIN" --root "$root" restore "$file" >"$BATS_TEST_TMPDIR/log" 2>&1 ||
			{ echo "killed at call $n"; cat "$BATS_TEST_TMPDIR/log"; return 1; }
		[ "$(asides)" -eq 1 ] && [ -z "$(debris)" ] && [ "$(cluster_id n1)" != "$old" ] ||
			{ echo "killed at call $n"; find "$data" "$root/etc"; return 1; }
	done
	up n1
	[ "$(keys n1)" = "$want" ]
	echo "# $points of $calls points" >&3
}

@test "a full disk in each phase: the old data is as it was, and nothing is left" {
	local kind most n old

	need_strace
	one_member
	etcdctl n1 put kept value
	backed_up
	old=$(cluster_id n1)
	stop n1
	keep_machines n1
	# Of this program; then of etcdutl and etcd, which it starts.
	for kind in write,fsync,rename,mkdir pwrite64,fdatasync,fallocate; do
		most=6 tracer=(strace -qq)
		[[ "$kind" == write* ]] || most=4 tracer=(strace -f -qq)
		bring_back_machines n1
		count_calls $kind "$ETCD_CLUSTER_PLAIN" --root "$root" restore "$file" >/dev/null 2>&1
		for n in $(sample $most); do
			bring_back_machines n1
			run at_call "$n" "$kind" error=ENOSPC "$ETCD_CLUSTER_PLAIN" --root "$root" restore "$file"
			echo "$kind $n: $status $output"
			eventually no_etcd
			# Before the new data is on record, nothing is left of it; beyond that point setup finishes.
			if [ "$status" -ne 0 ] && [ ! -e "$root/etc/etcd/recovered" ]; then
				[ "$(cluster_id n1)" = "$old" ]
				[ "$(asides)" -eq 0 ]
				[ -z "$(left)" ] || { left; return 1; }
			fi
			run -0 "$ETCD_CLUSTER_PLAIN" --root "$root" restore "$file"
			[ "$(asides)" -eq 1 ]
			[ -z "$(debris)" ] || { debris; return 1; }
		done
	done
	up n1
	[ "$(etcdctl n1 get kept --print-value-only)" = value ]
	# Room is checked first.
	stop n1
	mkdir "$BATS_TEST_TMPDIR/small"
	mount -t tmpfs -o size=40M none "$BATS_TEST_TMPDIR/small" || skip "a tmpfs cannot be mounted here"
	set_conf n1 DATA_DIR=/small
	mv "$data" "$BATS_TEST_TMPDIR/before"
	ln -s "$BATS_TEST_TMPDIR/small" "$root/small"
	run helper n1 restore "$file"
	[ "$status" -ne 0 ]
	[ -z "$(find "$BATS_TEST_TMPDIR/small" -name 'member.aside*')" ]
}

@test "a backup of 3.4 in every newer version" {
	local want newer

	need_release 3.4
	one_member
	etcdctl n1 put a 1
	etcdctl n1 put b 2 --lease="$(etcdctl n1 lease grant 3600 | cut -d ' ' -f 2)"
	want=$(keys n1)
	backed_up
	stop n1
	mv "$root" "$BATS_TEST_TMPDIR/of-3.4"
	mapfile -t ports < <(ports_of n1)
	for newer in $(series 3.7); do
		[ "$newer" != 3.4 ] && have_release "$newer" || continue
		bare n1 "${ports[@]}"
		run -0 helper n1 restore "$file"
		up n1
		[ "$(keys n1)" = "$want" ]
		[ "$(etcdctl n1 member list | wc -l)" -eq 1 ]
		[ "$newer" != 3.7 ] || etcdctl n1 snapshot save "$BATS_TEST_TMPDIR/plain.db"
		stop n1
		mv "$root" "$BATS_TEST_TMPDIR/of-$newer"
	done
	# And back: the database shows what has written it, also without metadata.
	[ -e "$BATS_TEST_TMPDIR/plain.db" ] || skip "no etcd 3.7 in dist/releases (make releases)"
	need_release 3.6
	bare n1 "${ports[@]}"
	run -3 helper n1 restore "$BATS_TEST_TMPDIR/plain.db"
	echo "$output"
	[[ "$output" == *"the backup is of etcd 3.7.PATCH, and v3.6"*"which cannot restore it"*"RELEASE=3.7.PATCH"* ]]
	[ -z "$(left)" ]
}
