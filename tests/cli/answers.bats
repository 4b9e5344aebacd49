#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the maintainer hook makes of answers: cluster.conf.
# shellcheck disable=SC2154 # names of hook.bash

load hook

@test "without answers cluster.conf is an identical copy of the sample, with mode 0644" {
	run configure ''
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	cmp "$conf" "$sample"
	[ "$(stat -c %a "$conf")" = 644 ]
}

@test "answers follow the lines of the sample; comments and order stay" {
	configure '' NAME=n1 ROLE=single CERT_DAYS=90 'EXTRA_SANS=lb.example.org,10.0.0.9'
	diff - "$conf" <<-'X'
		# The answers.
		#ROLE=single
		ROLE=single

		# Its name.
		#NAME=
		NAME=n1
		#ADDRESS=
		CERT_DAYS=90
		EXTRA_SANS=lb.example.org,10.0.0.9
	X
}

@test "a value keeps its =, and blanks around it are removed" {
	configure '' 'MEMBERS=  n1=10.0.0.1,n2=[fd00::2]= '
	has_line 'MEMBERS=n1=10.0.0.1,n2=[fd00::2]='
}

@test "a value with blanks is quoted, and the same answer changes nothing" {
	configure '' 'RELEASE_URL=https://a.example/e file:/srv/etcd'
	has_line 'RELEASE_URL="https://a.example/e file:/srv/etcd"'
	before=$(stat -c %i "$conf")
	configure '' 'RELEASE_URL=https://a.example/e file:/srv/etcd'
	[ "$before" = "$(stat -c %i "$conf")" ]
}

@test "the same answers again do not write the file" {
	configure '' NAME=n1 ADDRESS=10.0.0.1
	before=$(stat -c %i:%Y "$conf" && cat "$conf")
	configure '' NAME=n1 ADDRESS=10.0.0.1
	[ "$before" = "$(stat -c %i:%Y "$conf" && cat "$conf")" ]
}

@test "edits are kept: only the line whose answer differs is replaced" {
	mkdir -p "${conf%/*}"
	printf '%s\n' '# mine' '  NAME = old  ' 'ETCD_QUOTA_BACKEND_BYTES=1' ' ADDRESS = 10.0.0.1 ' >"$conf"
	chmod 0600 "$conf"
	configure '' NAME=n2 ADDRESS=10.0.0.1
	printf '%s\n' '# mine' 'NAME=n2' 'ETCD_QUOTA_BACKEND_BYTES=1' ' ADDRESS = 10.0.0.1 ' | diff - "$conf"
	[ "$(stat -c %a "$conf")" = 600 ]
}

@test "an empty answer comments the key out, and an unset key stays unset" {
	configure '' NAME=n1
	configure 0.1.0 NAME= ADDRESS=
	has_line '#NAME=n1'
	run grep '^[^#]' "$conf"
	[ "$status" -eq 1 ]
}

@test "a character that is not allowed becomes a question mark" {
	# shellcheck disable=SC2016
	run configure '' 'NAME=$(reboot)' 'ADDRESS=10.0.0.1"' 'DATA_DIR=/srv/`id`' 'KEY_TYPE=a\b' "CLUSTER_TOKEN='h"$'\xe4\e'
	[ "$status" -eq 0 ]
	[[ "$output" == *"the answer for NAME contains a character"* ]]
	has_line 'NAME=??reboot?'
	has_line 'ADDRESS=10.0.0.1?'
	has_line 'DATA_DIR=/srv/?id?'
	has_line 'KEY_TYPE=a?b'
	has_line 'CLUSTER_TOKEN=?h??'
	configured=$(cat "$conf")
	# shellcheck disable=SC2016
	configure '' 'NAME=$(reboot)'
	[ "$configured" = "$(cat "$conf")" ]
}

@test "an answer of 200 KB is refused by name, and the others are written" {
	run configure '' "NAME=$(head -c 200000 /dev/zero | tr '\0' n)" ADDRESS=10.0.0.1
	[ "$status" -eq 0 ]
	[[ "$output" == *"the answer for NAME is longer than 4096 characters"* ]]
	has_line 'NAME=?'
	has_line ADDRESS=10.0.0.1
}

@test "a drop-in that overrides an answer is named, one that has the same value is not" {
	mkdir -p "$conf".d
	echo 'ADDRESS = "10.0.0.9"' >"$conf".d/50-site.conf
	run configure '' NAME=n1 ADDRESS=10.0.0.1 CERT_DAYS=
	[ "$status" -eq 0 ]
	[[ "$output" == *"the answer ADDRESS=10.0.0.1 does not apply, because $conf.d/50-site.conf sets ADDRESS=10.0.0.9"* ]]
	[ "$(grep -c 'does not apply' <<<"$output")" -eq 1 ]
	run configure '' NAME=n1 ADDRESS=10.0.0.9
	[ -z "$output" ]
}

@test "data of Debian's etcd-server is named at the first installation, and not touched" {
	boot
	mkdir -p "$ETCD_CLUSTER_ROOT"/var/lib/etcd/default/member
	run configure ''
	[ "$status" -eq 0 ]
	[[ "$output" == *"another etcd in /var/lib/etcd/default is kept"*'"Moving in"'*operations.md* ]]
	grep -qx '## Moving in' "$BATS_TEST_DIRNAME"/../../docs/operations.md
	[[ "$(configure 0.1.0 2>&1; configure '' DATA_DIR=/var/lib/etcd/default 2>&1)" != *"is kept"* ]]
}

@test "data of a former user etcd, also in another place, is given to the present one; files of others are not" {
	fake id 'echo 4242'
	fake chown :
	mkdir -p "$conf".d "$ETCD_CLUSTER_ROOT"/srv/{etcd/member/snap,fast/wal,other}
	printf '%s\n' DATA_DIR=/srv/etcd WAL_DIR=/srv/fast >"$conf"
	cd "$ETCD_CLUSTER_ROOT"/srv
	touch etcd/member/snap/db fast/wal/1.wal etcd/notes other/shared
	ln other/shared etcd/member/linked
	ln -s ../../other etcd/member/elsewhere
	# No member of this package: nothing is ours.
	configure 0.1.0
	not_called chown
	echo CLUSTER_ID=1 >"${conf%/*}"/member-id
	configure 0.1.0
	[ "$(sed -n 's/^chown -h etcd:etcd //p' "$CALLS" | tr ' ' '\n' | sed "s|^$PWD/||" | sort | xargs)" = \
		'etcd etcd/member etcd/member/snap etcd/member/snap/db fast fast/wal fast/wal/1.wal' ]
}

@test "setup refuses each invalid answer with file and line" {
	mkdir -p "${conf%/*}"
	for answer in 'ROLE=s?' 'NAME=n?' 'ADDRESS=10.0.0.1?' 'CLUSTER_TOKEN=a?' 'RELEASE=3.6?' 'RELEASE_URL=https://m/?' \
		'RELEASE_CA_FILE=/a?' 'DATA_DIR=/srv/?' 'WAL_DIR=/srv/?' 'CLIENT_PORT=23?' 'PEER_PORT=?' 'METRICS_URL=http://h:1/?' \
		'EXTRA_SANS=a?' 'KEY_TYPE=e?' 'CERT_DAYS=3?' 'CA_DAYS=?' 'RENEW_BEFORE_DAYS=?' 'MEMBERS=a=?' 'JOIN=?' \
		'ENROLL_PORT=2?' 'REPLACE=?'; do
		echo "$answer" >"$conf"
		run "$ETCD_CLUSTER" --root "$ETCD_CLUSTER_ROOT" setup --local
		echo "$answer: $status: $output"
		[ "$status" -eq 3 ]
		[[ "$output" == *"cluster.conf:"* ]]
	done
}

@test "lines that are not KEY=VALUE are ignored" {
	run configure '' 'no answer' 'name=n1' '1=2' '=x' 'NAME=n1'
	[ "$status" -eq 0 ]
	[ "$(grep '^[^#]' "$conf")" = NAME=n1 ]
}

@test "an answer without a final newline is read" {
	printf 'NAME=n1\nADDRESS=10.0.0.1' | "$hook" configure ''
	has_line ADDRESS=10.0.0.1
}

@test "a failed rename fails the hook, names the file, and keeps the former file" {
	configure '' NAME=n1
	before=$(cat "$conf")
	fake mv 'exit 1'
	run configure '' NAME=n2
	[ "$status" -eq 1 ]
	[[ "$output" == *"cannot write $conf"* ]]
	[ "$before" = "$(cat "$conf")" ]
	[ "$(ls -A "${conf%/*}")" = cluster.conf ]
}

@test "a full disk fails the hook and keeps the former file" {
	configure '' NAME=n1
	before=$(cat "$conf")
	# A file size limit of 0 makes the same write fail as a full disk does.
	run bash -c "trap '' XFSZ; printf 'NAME=n2\n' | (ulimit -f 0; '$hook' configure '')"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"cannot write $conf"* ]]
	[ "$before" = "$(cat "$conf")" ]
	[ "$(ls -A "${conf%/*}")" = cluster.conf ]
}

@test "a kill during the write keeps the former file, and the next run completes" {
	configure '' NAME=n1
	before=$(cat "$conf")
	# shellcheck disable=SC2016
	fake sync 'kill -KILL $PPID'
	run configure '' NAME=n2 ADDRESS=10.0.0.1
	[ "$status" -ne 0 ]
	[ "$before" = "$(cat "$conf")" ]
	rm "$BATS_TEST_TMPDIR"/bin/sync
	configure '' NAME=n2 ADDRESS=10.0.0.1
	has_line NAME=n2
	has_line ADDRESS=10.0.0.1
	[ "$(ls -A "${conf%/*}")" = cluster.conf ]
}
