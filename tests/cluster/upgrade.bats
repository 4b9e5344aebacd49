#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# upgrade with real etcd: from 3.4 to 3.6 under writers; requests of the v2 API in the log; what is
# refused; a run that is killed. Each etcd has a supervisor, which starts it again as systemd does.

# shellcheck disable=SC2154,SC2034,SC2016 # variables that loaded files share; conditions that are evaluated later

bats_require_minimum_version 1.5.0
load lib

setup() {
	local version

	for version in 3.4.23 3.5.33 3.6.14 3.7.1; do
		have_exactly "$version" || skip "no etcd $version in dist/releases (make releases)"
	done
}

teardown() {
	rm -f "$BATS_TEST_TMPDIR"/n*/supervised
	end_all
}

# have_exactly VERSION: as have_release.
have_exactly() {
	RELEASE_VERSION=$1
	RELEASE_TARBALL=$(find "$releases/" -name "etcd-v$1-linux-*.tar.gz")
	[ -n "$RELEASE_TARBALL" ]
}

# What starts etcd on a machine, until `supervised` is removed. With `bad` it starts that instead of 3.6.14.
supervisor() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1 current

	while [ -e "$root/supervised" ]; do
		current=$(readlink "$root/usr/libexec/etcd-cluster/releases/current")
		if [ -e "$root/bad" ] && [ "$current" = v3.6.14 ]; then
			eval "$(cat "$root/bad")" &
			echo $! >"$root/etcd.pid"
		else
			start_once "$name"
		fi
		wait "$(etcd_pid "$name")" || :
		sleep 0.1
	done
}
eval "$(declare -f start | sed '1s/start/start_once/')"
start() {
	touch "$BATS_TEST_TMPDIR/$1/supervised"
	rm -f "$BATS_TEST_TMPDIR/$1/etcd.pid"
	supervisor "$1" >>"$BATS_TEST_TMPDIR/$1/supervisor.log" 2>&1 3>&- &
	eventually test -s "$BATS_TEST_TMPDIR/$1/etcd.pid"
}

# with_releases NAME: the archives of all lines are in its cache, with their digests.
with_releases() {
	local root=$BATS_TEST_TMPDIR/$1

	ln -f "$releases"/etcd-v3.{5.33,6.14,7.1}-linux-*.tar.gz "$root/var/cache/etcd-cluster/" ||
		cp "$releases"/etcd-v3.{5.33,6.14,7.1}-linux-*.tar.gz "$root/var/cache/etcd-cluster/"
	for file in "$releases"/etcd-v3.{5.33,6.14,7.1}-linux-*.tar.gz; do
		(cd "$releases" && sha256sum "${file##*/}") >>"$root/etc/etcd/releases.sha256.d/more"
	done
}

# runs NAME VERSION: it is healthy with this version.
runs() {
	"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/$1" status --json 2>/dev/null |
		jq -e --arg v "$2" '.members[] | select(.here) | .healthy and .version == $v' >/dev/null
}

# cluster_is NAME VERSION: the cluster version that it reports.
cluster_is() {
	curl -sS -m 5 "http://127.0.0.1:$(port "$1" 3)/version" 2>/dev/null | grep -q "\"etcdcluster\":\"$2\"" ||
		"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/$1" upgrade --plan 3.7.1 --json 2>/dev/null |
		jq -e --arg v "$2" '.cluster_version == $v' >/dev/null
}

# conf_of NAME: RELEASE in its cluster.conf; link_of NAME: the release in use.
conf_of() {
	sed -n 's/^RELEASE=//p' "$BATS_TEST_TMPDIR/$1/etc/etcd/cluster.conf"
}
link_of() {
	readlink "$BATS_TEST_TMPDIR/$1/usr/libexec/etcd-cluster/releases/current"
}

# upgraded NAME VERSION
upgraded() {
	helper "$1" upgrade "$2" >"$BATS_TEST_TMPDIR/upgrade.log" 2>&1 || { cat "$BATS_TEST_TMPDIR/upgrade.log"; return 1; }
	runs "$1" "$2"
	[ "$(conf_of "$1")" = "$2" ]
	[ ! -e "$BATS_TEST_TMPDIR/$1/etc/etcd/upgrade" ]
}

# as_made NAME: its etcd.env, which three_machines has edited, counts as made by setup, so that it is rewritten. etcd
# reads the settings for a new cluster no more.
as_made() {
	local env=$BATS_TEST_TMPDIR/$1/etc/etcd/etcd.env

	sed -i "1s/sha256:.*/sha256:$(tail -n +2 "$env" | sha256sum | cut -d ' ' -f 1)/" "$env"
}

# three_on VERSION
three_on() {
	local n

	have_exactly "$1"
	three_machines
	for n in n1 n2 n3; do
		with_releases $n
		as_made $n
	done
}

@test "from 3.4 to 3.6, three members under writers, with v2 requests in the log" {
	local n

	three_on 3.4.23
	for n in n1 n2 n3; do
		curl -sS -m 5 "http://127.0.0.1:$(port $n 3)/health"
	done
	writes n1 n2 n3
	run -3 helper n1 upgrade 3.6.14
	[[ $output == *"more than one step"* ]]
	helper n1 upgrade --plan 3.7.1 >"$BATS_TEST_TMPDIR/plan"
	grep -qx '3.4.23 -> 3.5.33 -> 3.6.14 -> 3.7.1' "$BATS_TEST_TMPDIR/plan"

	for n in n1 n2 n3; do upgraded $n 3.5.33; done
	eventually cluster_is n1 3.5.0
	writes_go_on
	# What upgrade does by itself, release use refuses.
	helper n1 release install 3.6.14
	run -3 helper n1 release use 3.6.14
	[[ $output == *"a request of the v2 API (QGET)"* ]]
	run helper n2 upgrade 3.6.14
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"started once to take a snapshot behind it"* ]]
	# The cluster version has not risen: this one may go back.
	run -0 helper n2 release rollback
	[ "$(link_of n2)" = v3.5.33 ]
	run -0 helper n2 release use 3.6.14
	for n in n1 n3; do upgraded $n 3.6.14; done
	eventually cluster_is n1 3.6.0
	run -3 helper n2 release rollback
	[[ $output == *"the cluster version is 3.6 already"* ]]
	run -3 helper n2 upgrade 3.5.33
	[[ $output == *"the cluster version is 3.6 already"* ]]
	[[ $output == *"etcdctl.sh downgrade validate 3.5"* ]]

	writes_go_on
	none_lost n3
	# Each step has its snapshot, and leaves no journal and no lock.
	[ "$(find "$BATS_TEST_TMPDIR/n1/var/backups/etcd-cluster" -name '*.db' | wc -l)" -eq 2 ]
	[ -z "$(etcdctl n1 get --keys-only etcd-cluster/lock)" ]
	run -0 helper n1 upgrade 3.6.14
	[[ $output == *"nothing to do"* ]]
}

@test "a lone member, from 3.6 to 3.7" {
	have_exactly 3.6.14
	one_member
	with_releases n1
	upgraded n1 3.7.1
}

@test "refused while a member is down, with authentication on 3.4, and over a learner" {
	three_on 3.4.23
	stop_member n3
	run -5 helper n1 upgrade 3.5.33
	[[ $output == *"n3: not healthy"* ]]
	[ "$(link_of n1)" = v3.4.23 ]
	start n3
	wait_healthy n3
	etcdctl n1 user add root:secret
	etcdctl n1 user grant-role root root
	etcdctl n1 auth enable
	run -3 helper n1 upgrade 3.5.33
	[[ $output == *"authentication is on"* ]]
	run -3 helper n1 release use 3.5.33
	[ "$(link_of n1)" = v3.4.23 ]
}

# stop_member NAME: it and its supervisor.
stop_member() {
	rm "$BATS_TEST_TMPDIR/$1/supervised"
	stop "$1"
}

# killed_when COMMAND…: upgrade of n1 to 3.6.14 is killed as soon as this holds; then it is run again.
killed_when() {
	local pid

	"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" upgrade 3.6.14 >"$BATS_TEST_TMPDIR/killed.log" 2>&1 3>&- &
	pid=$!
	until "$@"; do
		kill -0 $pid 2>/dev/null || break
		sleep 0.01
	done
	kill -KILL $pid 2>/dev/null || :
	wait $pid || :
	upgraded n1 3.6.14
}

logged() {
	grep -q "$1" "$BATS_TEST_TMPDIR/killed.log"
}

@test "killed at each step and run again: upgraded, without leftovers" {
	local root=$BATS_TEST_TMPDIR/n1 point

	for point in 'test -e '"$root"'/usr/libexec/etcd-cluster/releases/v3.6.14' 'logged "the snapshot before"' \
		'test -e '"$root"'/etc/etcd/upgrade' '[ "$(link_of n1)" = v3.6.14 ]' 'logged "supervises"' \
		'runs n1 3.6.14' '[ "$(conf_of n1)" = 3.6.14 ]'; do
		have_exactly 3.5.33
		one_member
		with_releases n1
		etcdctl n1 put a "$point"
		killed_when eval "$point"
		[ "$(etcdctl n1 get --print-value-only a)" = "$point" ]
		[ -z "$(find "$root/var/backups" -name '*.part')" ]
		stop_member n1
		rm -rf "$root"
	done
}
