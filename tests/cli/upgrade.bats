#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# upgrade without a running etcd: what it refuses, and the plan of a member that nobody answers.

bats_require_minimum_version 1.5.0

setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	root=$BATS_TEST_TMPDIR/root
	releases=$root/usr/libexec/etcd-cluster/releases
	mkdir -p "$root/etc/etcd" "$root/usr/share/etcd-cluster" "$releases"
	cp "$top/conf/releases.sha256" "$root/usr/share/etcd-cluster/"
}

cluster() {
	"$ETCD_CLUSTER" --root "$root" "$@"
}

# member VERSION: a member that runs this release, of which only the record is here.
member() {
	printf 'CLUSTER_ID=0000000000000001\nMEMBER_ID=0000000000000002\nNAME=a\n' >"$root/etc/etcd/member-id"
	echo NAME=a >"$root/etc/etcd/cluster.conf"
	in_use "$1"
}

# in_use VERSION
in_use() {
	local program

	mkdir "$releases/v$1"
	{
		echo "VERSION=$1"
		for program in ETCD ETCDCTL ETCDUTL; do
			printf '%s\n' "${program}_SIZE=1" "${program}_CHANGED=1" "${program}_SHA256=$(printf '%064d' 0)"
		done
	} >"$releases/v$1/.release"
	ln -sfn "v$1" "$releases/current"
}

@test "refused: no version, no member" {
	run -3 cluster upgrade
	run -3 cluster upgrade 3.6
	[[ $output == *'"3.6" is not a valid etcd version'* ]]
	run -3 cluster upgrade 3.6.14
	[[ $output == *"is not a member of a cluster"* ]]
	run -3 cluster upgrade --plan 3.6.14
	run -3 cluster upgrade --json 3.6.14
	[[ $output == *"--json belongs to --plan"* ]]
}

@test "the plan of a member that nobody answers: the way, and that another minor version cannot be judged" {
	member 3.5.16
	run -0 cluster upgrade --plan 3.7.1
	[ "${lines[0]}" = '3.5.16 -> 3.5.33 -> 3.6.14 -> 3.7.1' ]
	[[ $output == *"to 3.6.14"*"later     the log has no request of the v2 API"*20809*"to 3.7.1"* ]]
	run -0 --separate-stderr cluster upgrade --plan --json 3.6.14
	jq -e '.from == "3.5.16" and .to == "3.6.14" and .cluster_version == null and
		[.steps[].version] == ["3.5.33", "3.6.14"] and
		(.steps[1].later | map(.code) == ["floor", "learner", "v2"] and all(.source != null))' <<<"$output"
	run -3 cluster upgrade --plan 3.9.0
	[[ $output == *"goes by etcd 3.8, of which no release is known here"* ]]
	run -0 cluster upgrade --plan 3.5.16
	[[ $output == *"runs etcd 3.5.16"* ]]
	in_use 3.5.33
	run -5 cluster upgrade --plan 3.6.14
	[[ $output == *"waits     no member can be asked"*"-> etcd-cluster status"*"not known: every member votes"* ]]
}

@test "the plan to a line that has ended, or to a release with known flaws, says so" {
	member 3.4.13
	run -0 cluster upgrade --plan 3.4.3
	[[ $output == *"upstream maintains etcd 3.4 no more since June 2026"*"CVE-2026-33413"* ]] ||
		[[ $output == *"CVE-2026-33413"*"upstream maintains etcd 3.4 no more since June 2026"* ]]
	run -3 cluster upgrade --plan 3.5.1
	[[ $output == *"3.5.0 to 3.5.2 can lose data"* ]]
}
