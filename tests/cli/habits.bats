#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# What people type who know etcdadm, and the hints of the program: each names a verb and options that exist.

bats_require_minimum_version 1.5.0

setup() {
	root=$BATS_TEST_TMPDIR/root
	top=$BATS_TEST_DIRNAME/../..
	mkdir -p "$root/etc/etcd"
}

helper() {
	"$ETCD_CLUSTER" --root "$root" "$@"
}

@test "help VERB, version, info, download" {
	[ "$(helper help release fetch)" = "$(helper release fetch --help)" ]
	run -3 helper help statsu
	[[ "$output" == *"did you mean: etcd-cluster status"* ]]
	[ "$(helper version)" = "$(helper --version)" ]
	printf '%s\n' NAME=n1 RELEASE_URL=none >"$root/etc/etcd/cluster.conf"
	run -5 helper info
	[[ "$output" == *"machine       n1, ROLE=single"* ]]
	run helper download --version 3.6.99
	[[ "$output" == *3.6.99* ]]
	run -3 helper download --version not-a-version
}

@test "init --version and join URL write cluster.conf as their usual forms do" {
	run helper init --version 3.6.14 --name n1
	grep -qx RELEASE=3.6.14 "$root/etc/etcd/cluster.conf"
	run -3 helper init --version 3.6.14 --release 3.6.14
	rm -r "${root:?}/etc"
	mkdir -p "$root/etc/etcd"
	echo ADDRESS=127.0.0.1 >"$root/etc/etcd/cluster.conf" # a machine may have no other one
	run helper join https://127.0.0.2:2379 https://127.0.0.3/
	grep -qx 'JOIN="\{0,1\}127.0.0.2:2379,127.0.0.3"\{0,1\}' "$root/etc/etcd/cluster.conf"
	run -3 helper join http://127.0.0.2:2379
	[[ "$output" == *"https only"*"etcd-cluster join 127.0.0.2:2379"* ]]
}

@test "init on a member of several is refused and changes nothing" {
	printf '%s\n' CLUSTER_ID=0000000000000001 MEMBER_ID=0000000000000002 NAME=n1 >"$root/etc/etcd/member-id"
	printf '%s\n' ROLE=cluster NAME=n1 ADDRESS=127.0.0.1 MEMBERS=n1=127.0.0.1,n2=127.0.0.2 >"$root/etc/etcd/cluster.conf"
	cp "$root/etc/etcd/cluster.conf" "$BATS_TEST_TMPDIR/conf"
	run -3 helper init
	[[ "$output" == *"already the member 0000000000000002 (n1) of cluster 0000000000000001"*"etcd-cluster leave"* ]]
	cmp "$root/etc/etcd/cluster.conf" "$BATS_TEST_TMPDIR/conf"
}

@test "reset asks, and moves what a setup has made aside" {
	printf '%s\n' NAME=n1 RELEASE_URL=none CLIENT_PORT=9 PEER_PORT=10 METRICS_URL= >"$root/etc/etcd/cluster.conf"
	run helper setup
	[ -e "$root/etc/etcd/pki/ca.key" ]
	run -3 helper reset </dev/null
	[[ "$output" == *"etcd-cluster reset --yes"* ]]
	[ -e "$root/etc/etcd/pki/ca.key" ]
	run -0 helper reset --dry-run </dev/null
	[ -e "$root/etc/etcd/pki/ca.key" ]
	run -0 helper reset --yes </dev/null
	[ ! -e "$root/etc/etcd/pki" ]
	ls -d "$root"/etc/etcd/pki.aside-*
	grep -qx ROLE=none "$root/etc/etcd/cluster.conf"
	grep -qx NAME=n1 "$root/etc/etcd/cluster.conf"
	run -0 helper status
	[[ "$output" == *"installed and idle"* ]]
}

# Each "etcd-cluster VERB --option" in a string of the program or the hook. C joins strings over several lines.
hints() {
	grep -hv 'derive("' "$top"/src/*/*.c | tr '\n\t' '  ' | sed 's/" *"//g' |
		grep -o '[^a-zA-Z/-]etcd-cluster [a-z][a-z -]*[a-z]' | sed 's/^.//'
	grep -o '[^a-zA-Z/-]etcd-cluster [a-z][a-z -]*[a-z]' "$top"/scripts/hook | sed 's/^.//'
}

@test "each hint names a verb and options that exist" {
	local line verb below option n=0
	declare -A help

	"$ETCD_CLUSTER" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' >"$BATS_TEST_TMPDIR/verbs"
	while read -r _ verb line; do
		grep -qx -- "$verb" "$BATS_TEST_TMPDIR/verbs" || continue # a sentence: "etcd-cluster is idle"
		below=$verb
		case $verb in
		release | cert | ca | token) below="$verb ${line%% *}" ;;
		backup) case $line in verify* | list*) below="$verb ${line%% *}" ;; esac ;;
		esac
		[ -n "${help[$below]-}" ] || help[$below]=$("$ETCD_CLUSTER" help $below) || { echo "no verb: $below"; return 1; }
		while read -r option; do
			[[ "${help[$below]}" == *"  $option"* ]] || { echo "no option: $below $option"; return 1; }
		done < <(grep -o -- ' --[a-z][a-z-]*' <<<" $line")
		n=$((n + 1))
	done < <(hints | sort -u)
	[ $n -ge 30 ]
}
