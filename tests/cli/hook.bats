#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The maintainer hook, in a fake root and with fakes of the programs it calls: what it writes, what it starts, when it fails.

setup() {
	hook=$BATS_TEST_DIRNAME/../../scripts/hook
	export ETCD_CLUSTER_ROOT=$BATS_TEST_TMPDIR/root CALLS=$BATS_TEST_TMPDIR/calls
	conf=$ETCD_CLUSTER_ROOT/etc/etcd/cluster.conf
	sample=$ETCD_CLUSTER_ROOT/usr/share/etcd-cluster/cluster.conf
	mkdir -p "${sample%/*}" "$ETCD_CLUSTER_ROOT"/run "$BATS_TEST_TMPDIR"/bin
	printf '%s\n' '# The answers.' '#ROLE=single' '' '# Its name.' '#NAME=' '#ADDRESS=' >"$sample"
	: >"$CALLS"
	for program in etcd-cluster systemctl deb-systemd-invoke; do
		fake "$program" 'exit 0'
	done
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	unset DPKG_ROOT DPKG_MAINTSCRIPT_NAME DEBCONF_RECONFIGURE
}

# fake PROGRAM SHELL-TEXT: what the hook finds under that name; its calls are noted down.
fake() {
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "%s $*" >>"$CALLS"\n%s\n' "$1" "$2" >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

# A machine that systemd runs and whose root is process 1's.
boot() {
	mkdir -p "$ETCD_CLUSTER_ROOT"/run/systemd/system "$ETCD_CLUSTER_ROOT"/proc/1
	ln -s ../.. "$ETCD_CLUSTER_ROOT"/proc/1/root
}

# outcome STATE: how the last setup ended.
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

@test "without answers cluster.conf is the sample, byte for byte, readable by all" {
	run configure ''
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	cmp "$conf" "$sample"
	[ "$(stat -c %a "$conf")" = 644 ]
}

@test "answers go behind the sample's lines, comments and order stay" {
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

@test "a value with = in it stays whole, blanks around it go" {
	configure '' 'MEMBERS=  n1=10.0.0.1,n2=[fd00::2]= '
	has_line 'MEMBERS=n1=10.0.0.1,n2=[fd00::2]='
}

@test "a value with blanks is quoted, and known again" {
	configure '' 'RELEASE_URL=https://a.example/e file:/srv/etcd'
	has_line 'RELEASE_URL="https://a.example/e file:/srv/etcd"'
	before=$(stat -c %i "$conf")
	configure '' 'RELEASE_URL=https://a.example/e file:/srv/etcd'
	[ "$before" = "$(stat -c %i "$conf")" ]
}

@test "the same answers again change no byte, not even the inode" {
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

@test "an empty answer puts a key back to its default, and leaves an unset one unset" {
	configure '' NAME=n1
	configure 0.1.0 NAME= ADDRESS=
	has_line '#NAME=n1'
	run grep '^[^#]' "$conf"
	[ "$status" -eq 1 ]
}

@test "a bad answer is written so that setup must refuse it, never so that a shell would act on it" {
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

@test "setup does refuse each bad answer, with file and line" {
	mkdir -p "${conf%/*}"
	for answer in 'ROLE=s?' 'NAME=n?' 'ADDRESS=10.0.0.1?' 'CLUSTER_TOKEN=a?' 'RELEASE=3.6?' 'RELEASE_URL=https://m/?' \
		'RELEASE_CA_FILE=/a?' 'DATA_DIR=/srv/?' 'WAL_DIR=/srv/?' 'CLIENT_PORT=23?' 'PEER_PORT=?' 'METRICS_URL=http://h:1/?' \
		'EXTRA_SANS=a?' 'KEY_TYPE=e?' 'CERT_DAYS=3?' 'CA_DAYS=?' 'RENEW_BEFORE_DAYS=?' 'MEMBERS=a=?' 'JOIN=?' 'ENROLL_PORT=2?' 'REPLACE=?'; do
		echo "$answer" >"$conf"
		run "$ETCD_CLUSTER" --root "$ETCD_CLUSTER_ROOT" setup --local
		echo "$answer: $status: $output"
		[ "$status" -eq 3 ]
		[[ "$output" == *"cluster.conf:"* ]]
	done
}

@test "lines that are no answers are left out, and it goes on" {
	run configure '' 'no answer' 'name=n1' '1=2' '=x' 'NAME=n1'
	[ "$status" -eq 0 ]
	[ "$(grep '^[^#]' "$conf")" = NAME=n1 ]
}

@test "an answer without a final newline counts" {
	printf 'NAME=n1\nADDRESS=10.0.0.1' | "$hook" configure ''
	has_line ADDRESS=10.0.0.1
}

@test "a rename that fails fails the hook, says so, and leaves what was there" {
	configure '' NAME=n1
	before=$(cat "$conf")
	fake mv 'exit 1'
	run configure '' NAME=n2
	[ "$status" -eq 1 ]
	[[ "$output" == *"cannot write $conf"* ]]
	[ "$before" = "$(cat "$conf")" ]
	[ "$(ls -A "${conf%/*}")" = cluster.conf ]
}

@test "a disk that is full fails the hook and leaves what was there" {
	configure '' NAME=n1
	before=$(cat "$conf")
	# A file size limit of nothing stands in for the full disk: the same write fails.
	run bash -c "trap '' XFSZ; printf 'NAME=n2\n' | (ulimit -f 0; '$hook' configure '')"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"cannot write $conf"* ]]
	[ "$before" = "$(cat "$conf")" ]
	[ "$(ls -A "${conf%/*}")" = cluster.conf ]
}

@test "killed while it writes: the old file stays whole, the next run ends as if nothing had been" {
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

@test "first installation: setup --local, then the target, without waiting" {
	boot
	configure ''
	[ "$(cat "$CALLS")" = "$(printf '%s\n' 'systemctl daemon-reload' 'etcd-cluster setup --local' \
		'systemctl --quiet is-enabled etcd-cluster.target' 'systemctl --no-block start etcd-cluster.target')" ]
}

@test "below dpkg it starts through deb-systemd-invoke, so that policy-rc.d is asked" {
	boot
	DPKG_MAINTSCRIPT_NAME=postinst configure ''
	called 'deb-systemd-invoke start etcd-cluster.target'
	not_called 'systemctl.* start'
}

@test "a target that the administrator has disabled is not started" {
	boot
	# shellcheck disable=SC2016
	fake systemctl '[ "$2" != is-enabled ]'
	configure ''
	not_called ' start '
}

@test "dpkg-reconfigure is like a first installation" {
	boot
	outcome ready
	DEBCONF_RECONFIGURE=1 configure 0.1.0 NAME=n2
	called 'etcd-cluster setup --local'
	called 'systemctl --no-block start etcd-cluster.target'
}

@test "an upgrade of a machine that is set up starts and changes nothing" {
	boot
	for state in ready idle; do
		outcome "$state"
		configure 0.1.0
	done
	[ "$(sort -u "$CALLS")" = 'systemctl daemon-reload' ]
}

@test "an upgrade of a machine that is not set up starts the target, and only that" {
	boot
	for state in pending failed; do
		: >"$CALLS"
		outcome "$state"
		configure 0.1.0
		called 'systemctl --no-block start etcd-cluster.target'
		not_called 'etcd-cluster setup'
	done
}

@test "image builds get no identity: no systemd, a chroot, DPKG_ROOT, policy-rc.d" {
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
	[ "$(cat "$CALLS")" = 'systemctl daemon-reload' ]
}

@test "whatever setup says, the installation goes on: bad answers, bad digest, no network, no health, a crash" {
	boot
	for rc in 1 3 4 5 6 139; do
		: >"$CALLS"
		fake etcd-cluster "echo 'why it is $rc' >&2; exit $rc"
		run configure ''
		[ "$status" -eq 0 ]
		[[ "$output" == *"why it is $rc"* ]]
		[[ "$output" == *"etcd-cluster status"* ]]
		called 'systemctl --no-block start etcd-cluster.target'
	done
}

@test "only a local write that fails makes it fail" {
	boot
	fake etcd-cluster "echo '/etc/etcd/pki: cannot write: No space left on device' >&2; exit 1"
	run configure ''
	[ "$status" -eq 1 ]
	[[ "$output" == *"a file cannot be written"* ]]
	not_called ' start '
	# What setup itself sees coming is a refusal, and as much a full disk.
	fake etcd-cluster "echo 'the file system of /etc/etcd is full: the certificates need 1024 KiB' >&2; exit 3"
	run configure ''
	[ "$status" -eq 1 ]
}

@test "a setup that hangs is left behind in under five seconds" {
	boot
	fake etcd-cluster 'trap "" TERM; while :; do sleep 1; done'
	start=$(date +%s%N)
	run configure ''
	[ "$status" -eq 0 ]
	[ $((($(date +%s%N) - start) / 1000000)) -lt 5000 ]
	called 'systemctl --no-block start etcd-cluster.target'
}

@test "remove stops the retry before etcd, forgets the outcome, keeps everything else" {
	boot
	configure '' NAME=n1
	outcome ready
	"$hook" remove
	[[ "$(grep 'systemctl stop' "$CALLS")" == *etcd-cluster-setup.timer*" etcd.service" ]]
	[ ! -e "$ETCD_CLUSTER_ROOT"/run/etcd-cluster ]
	has_line NAME=n1
}

@test "remove says so when the machine is still a member of a cluster, and how to end that; a cluster of one is silent" {
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
	# After it has left there is no identity any more.
	mv "$etc"/member-id "$etc"/member-id.aside-20261121-101500
	run "$hook" remove
	[ -z "$output" ]
}

@test "an unknown call fails" {
	run "$hook" explode
	[ "$status" -eq 1 ]
	run "$hook"
	[ "$status" -eq 1 ]
}

@test "bring: the release is unpacked, and a setup that waits goes on" {
	boot
	outcome pending
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	called 'etcd-cluster release install 3.6.14'
	called 'systemctl --no-block start etcd-cluster.target'
}

@test "bring: what is settled is not started, nor an image, nor what is not enabled yet" {
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

@test "bring: a release that is refused fails nothing, a full disk does" {
	fake etcd-cluster 'echo refused; exit 4'
	run "$hook" bring 3.6.14
	[ "$status" -eq 0 ]
	[[ $output == *'etcd 3.6.14 is not unpacked'* ]]
	fake etcd-cluster 'echo "cannot write: No space left on device"; exit 1'
	run "$hook" bring 3.6.14
	[ "$status" -eq 1 ]
}

@test "kept names the places of data, wherever the settings put them, and is silent when there is none" {
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
