#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The maintainer hook in a fake root, with fakes of the programs that it calls.

umask 022 # cluster.conf must be writable by its owner only

setup() {
	hook=$BATS_TEST_DIRNAME/../../scripts/hook
	export ETCD_CLUSTER_ROOT=$BATS_TEST_TMPDIR/root CALLS=$BATS_TEST_TMPDIR/calls
	conf=$ETCD_CLUSTER_ROOT/etc/etcd/cluster.conf
	sample=$ETCD_CLUSTER_ROOT/usr/share/etcd-cluster/cluster.conf
	mkdir -p "${sample%/*}" "$ETCD_CLUSTER_ROOT"/run "$BATS_TEST_TMPDIR"/bin
	printf '%s\n' '# The answers.' '#ROLE=single' '' '# Its name.' '#NAME=' '#ADDRESS=' >"$sample"
	asks='systemctl show --property=InactiveEnterTimestampMonotonic --value etcd.service'
	: >"$CALLS"
	for program in etcd-cluster systemctl deb-systemd-invoke; do
		fake "$program" 'exit 0'
	done
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	unset DPKG_ROOT DPKG_MAINTSCRIPT_NAME DEBCONF_RECONFIGURE
}

# fake PROGRAM SHELL-TEXT: puts a program into PATH that records its calls and runs SHELL-TEXT.
fake() {
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "%s $*" >>"$CALLS"\n%s\n' "$1" "$2" >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

# Makes the fake root look like a booted machine: systemd runs, and the root of process 1 is the same.
boot() {
	mkdir -p "$ETCD_CLUSTER_ROOT"/run/systemd/system "$ETCD_CLUSTER_ROOT"/proc/1
	ln -s ../.. "$ETCD_CLUSTER_ROOT"/proc/1/root
}

# outcome STATE: records the result of the last setup.
outcome() {
	mkdir -p "$ETCD_CLUSTER_ROOT"/run/etcd-cluster
	printf 'STATE=%s\nEXIT=0\nMESSAGE=\nHINT=\n' "$1" >"$ETCD_CLUSTER_ROOT"/run/etcd-cluster/setup
}

# configure OLD-VERSION ANSWER…
configure() {
	old=$1
	shift
	printf '%s\n' "$@" | sed '/^$/d' | "$hook" configure "$old"
}

called() {
	grep -qxF -- "$1" "$CALLS"
}

not_called() {
	! grep -q -- "$1" "$CALLS"
}

has_line() {
	grep -qxF -- "$1" "$conf"
}

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

@test "the first installation runs setup --local and starts the target without waiting" {
	boot
	configure ''
	[ "$(cat "$CALLS")" = "$(printf '%s\n' 'systemctl daemon-reload' "$asks" 'etcd-cluster setup --local' \
		'systemctl --quiet is-enabled etcd-cluster.target' 'systemctl --no-block start etcd-cluster.target')" ]
}

@test "dpkg scripts start units with deb-systemd-invoke, which asks policy-rc.d" {
	boot
	DPKG_MAINTSCRIPT_NAME=postinst configure ''
	called 'deb-systemd-invoke start etcd-cluster.target'
	not_called 'systemctl.* start'
}

@test "a disabled target is not started" {
	boot
	# shellcheck disable=SC2016
	fake systemctl '[ "$2" != is-enabled ]'
	configure ''
	not_called ' start '
}

@test "dpkg-reconfigure runs setup and starts the target like a first installation" {
	boot
	outcome ready
	DEBCONF_RECONFIGURE=1 configure 0.1.0 NAME=n2
	called 'etcd-cluster setup --local'
	called 'systemctl --no-block start etcd-cluster.target'
}

@test "dpkg-reconfigure does not wait for a setup that waits for others: it begins again with the new answers" {
	boot
	fake etcd-cluster 'sleep 60'
	for state in pending running; do
		: >"$CALLS"
		outcome "$state"
		start=$(date +%s%N)
		DEBCONF_RECONFIGURE=1 configure 0.1.0 NAME=n2
		[ $((($(date +%s%N) - start) / 1000000)) -lt 3000 ]
		called 'systemctl --no-block restart etcd-cluster-setup.service'
		not_called 'etcd-cluster setup'
	done
}

@test "an upgrade of a machine that is set up starts the timers that it brings and renews the enrolment server" {
	boot
	for state in ready idle; do
		outcome "$state"
		configure 0.1.0
	done
	diff - <(sort -u "$CALLS") <<-'X'
		systemctl --no-block start etcd-cluster-renew.timer etcd-cluster-mark.timer
		systemctl --no-block try-restart etcd-cluster-enroll.service
		systemctl --quiet is-active etcd-cluster.target
		systemctl daemon-reload
	X
}

@test "an upgrade of a machine that is not set up starts the target only" {
	boot
	for state in pending failed; do
		: >"$CALLS"
		outcome "$state"
		configure 0.1.0
		called 'systemctl --no-block start etcd-cluster.target'
		not_called 'etcd-cluster setup'
	done
}

@test "an image build is not set up: no systemd, a chroot, DPKG_ROOT, policy-rc.d" {
	configure ''
	mkdir -p "$ETCD_CLUSTER_ROOT"/run/systemd/system "$ETCD_CLUSTER_ROOT"/proc/1 "$BATS_TEST_TMPDIR"/host
	configure ''
	ln -s "$BATS_TEST_TMPDIR"/host "$ETCD_CLUSTER_ROOT"/proc/1/root
	configure ''
	rm "$ETCD_CLUSTER_ROOT"/proc/1/root
	boot
	DPKG_ROOT=$ETCD_CLUSTER_ROOT configure ''
	[ ! -s "$CALLS" ]
	mkdir -p "$ETCD_CLUSTER_ROOT"/usr/sbin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nexit 101\n' >"$ETCD_CLUSTER_ROOT"/usr/sbin/policy-rc.d
	chmod +x "$ETCD_CLUSTER_ROOT"/usr/sbin/policy-rc.d
	configure ''
	[ "$(cat "$CALLS")" = "$(printf '%s\n' 'systemctl daemon-reload' "$asks")" ]
}

@test "the installation continues after every exit code of setup and after a crash, and prints two lines" {
	boot
	for rc in 1 3 4 5 6 139; do
		: >"$CALLS"
		fake etcd-cluster "printf 'etcd-cluster: %s\\n' 'making a CA' 'warning: why it is $rc' '  a hint' >&2; exit $rc"
		run configure ''
		[ "$status" -eq 0 ]
		[[ "$output" == *"why it is $rc"* ]]
		[[ "$output" == *"etcd-cluster status"* ]]
		[[ "$output" != *warning* ]]
		[ "$(wc -l <<<"$output")" -eq 2 ]
		[[ "$(tail -n 1 <<<"$output")" == *etcd-cluster* ]]
		called 'systemctl --no-block start etcd-cluster.target'
	done
}

@test "the hook fails if setup cannot write" {
	boot
	fake etcd-cluster "echo '/etc/etcd/pki: cannot write: No space left on device' >&2; exit 1"
	run configure ''
	[ "$status" -eq 1 ]
	[[ "$output" == *"a file cannot be written"* ]]
	not_called ' start '
	# Setup refuses (exit 3) if it sees the full disk beforehand.
	fake etcd-cluster "echo 'the file system of /etc/etcd is full: the certificates need 1024 KiB' >&2; exit 3"
	run configure ''
	[ "$status" -eq 1 ]
}

@test "the hook ends in under five seconds if setup hangs" {
	boot
	fake etcd-cluster 'trap "" TERM; while :; do sleep 1; done'
	start=$(date +%s%N)
	run configure ''
	[ "$status" -eq 0 ]
	[ $((($(date +%s%N) - start) / 1000000)) -lt 5000 ]
	called 'systemctl --no-block start etcd-cluster.target'
}

@test "the end of an etcd.service that ran before the installation is noted, in an upgrade it is not" {
	boot
	former_end=$ETCD_CLUSTER_ROOT/run/etcd-cluster/former-end
	# shellcheck disable=SC2016
	fake systemctl '[ "$1" != show ] || echo 4711'
	configure '' NAME=n1
	[ "$(cat "$former_end")" = 4711 ]
	outcome ready
	rm "$former_end"
	configure 0.1
	[ ! -e "$former_end" ]
	# dpkg gives the former version also after a removal. 0: it never ran.
	"$hook" remove
	# shellcheck disable=SC2016
	fake systemctl '[ "$1" != show ] || echo 0'
	configure 0.1
	[ ! -e "$former_end" ]
	# shellcheck disable=SC2016
	fake systemctl '[ "$1" != show ] || echo 815'
	configure 0.1
	[ "$(cat "$former_end")" = 815 ]
}

@test "remove stops the retry timer before etcd, deletes the outcome, and keeps everything else" {
	boot
	configure '' NAME=n1
	outcome ready
	"$hook" remove
	[[ "$(grep 'systemctl stop' "$CALLS")" == *etcd-cluster-setup.timer*" etcd.service" ]]
	[ ! -e "$ETCD_CLUSTER_ROOT"/run/etcd-cluster ]
	has_line NAME=n1
}

@test "remove reports a machine that is still a member and the command to remove it, except for a single member" {
	etc=$ETCD_CLUSTER_ROOT/etc/etcd
	mkdir -p "$etc"
	printf 'CLUSTER_ID=1\nMEMBER_ID=2\nNAME=n2\n' >"$etc"/member-id
	echo ETCD_INITIAL_CLUSTER=n2=https://10.0.0.2:2380 >"$etc"/etcd.env
	run "$hook" remove
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	# Formed with others, joined to others, others joined to it.
	echo ETCD_INITIAL_CLUSTER=n1=https://10.0.0.1:2380,n2=https://10.0.0.2:2380 >"$etc"/etcd.env
	run "$hook" remove
	[ "$status" -eq 0 ]
	[[ "$output" == *"still a member"*"etcd-cluster remove n2"* ]]
	: >"$etc"/etcd.env
	touch "$etc"/joining
	run "$hook" remove
	[[ "$output" == *"etcd-cluster remove n2"* ]]
	rm "$etc"/joining
	mkdir -p "$etc"/enroll/members
	run "$hook" remove
	[ -z "$output" ]
	touch "$etc"/enroll/members/n3
	run "$hook" remove
	[[ "$output" == *"etcd-cluster remove n2"* ]]
	# After leave the machine has no member-id.
	mv "$etc"/member-id "$etc"/member-id.aside-20261121-101500
	run "$hook" remove
	[ -z "$output" ]
}

@test "beside another etcd nothing is set up, started or stopped, and the target is not enabled" {
	boot
	mkdir -p "${conf%/*}"
	touch "${conf%/*}"/adopt
	for old in '' 0.1.0; do
		run configure "$old" NAME=n1
		[ "$status" -eq 0 ]
		[[ "$output" == *"etcd-cluster is idle"* ]]
	done
	has_line NAME=n1
	called "systemctl --root=$ETCD_CLUSTER_ROOT --quiet disable etcd-cluster.target"
	not_called ' start '
	not_called etcd-cluster.setup
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	not_called release
	mkdir -p "${conf%/*}"/pki
	run "$hook" kept
	[ -z "$output" ]
	run "$hook" remove
	[ "$status" -eq 0 ]
	grep -q '^systemctl stop etcd-cluster.target ' "$CALLS"
	not_called etcd.service
}

@test "an unknown call fails" {
	run "$hook" explode
	[ "$status" -eq 1 ]
	run "$hook"
	[ "$status" -eq 1 ]
}

@test "bring unpacks the release and starts a pending setup" {
	boot
	outcome pending
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	called 'etcd-cluster release install 3.6.14'
	called 'systemctl --no-block start etcd-cluster.target'
}

@test "bring does not start a machine that is set up, an image, or a disabled target" {
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	boot
	outcome ready
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	outcome pending
	fake systemctl 'case $* in *is-enabled*) exit 1 ;; esac'
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	not_called ' start '
	[ "$(grep -c 'release install' "$CALLS")" -eq 3 ]
}

@test "bring fails on a full disk and not on a refused release" {
	fake etcd-cluster 'echo refused; exit 4'
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	[[ $output == *'etcd 3.6.14 is not unpacked'* ]]
	fake etcd-cluster 'echo "cannot write: No space left on device"; exit 1'
	run "$hook" bring 3.6.14
	[ "$status" -eq 1 ]
}

@test "kept prints the paths of the data, or nothing if there is none" {
	configure '' NAME=n1
	run "$hook" kept
	[ "$status" -eq 0 ]
	[ -z "$output" ]

	mkdir -p "$ETCD_CLUSTER_ROOT"/etc/etcd/pki.aside-20261121-101500
	run "$hook" kept
	[[ "$output" == *"kept: "*"/etc/etcd "* ]]
	rmdir "$ETCD_CLUSTER_ROOT"/etc/etcd/pki.aside-20261121-101500

	mkdir -p "$ETCD_CLUSTER_ROOT"/var/lib/etcd-cluster/member
	run "$hook" kept
	[[ "$output" == *"kept: /var/lib/etcd-cluster (data), /etc/etcd "* ]]

	mkdir -p "$ETCD_CLUSTER_ROOT"/srv/etcd/member "$conf".d
	echo 'WAL_DIR=/fast/etcd' >>"$conf"
	echo 'DATA_DIR = "/srv/etcd"' >"$conf".d/site.conf
	run "$hook" kept
	[ "$status" -eq 0 ]
	[[ "$output" == *"kept: /srv/etcd, /fast/etcd (data)"* ]]
}
