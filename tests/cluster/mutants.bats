#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The suite can find what it is for: each patch in tests/mutants breaks the program in one way, and says which test must fail
# then ("Caught by: FILE TEST-NAME-PART", "all" for the whole file). A patch that no longer applies fails, too.

setup_file() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	export top
}

# caught PATCH: builds a copy of this tree with the patch in it and wants the named test, which passes here, to fail on it.
caught() {
	local by file name broken=$BATS_TEST_TMPDIR/tree
	by=$(sed -n 's/^Caught by: //p' "$top/tests/mutants/$1.patch")
	file=$top/${by%% *} name=${by#* }
	[ "$name" != all ] || name=.
	mkdir -p "$broken"
	tar -C "$top" --exclude=./.git --exclude=./dist --exclude='./build*' -cf - . | tar -C "$broken" -xf -
	patch -d "$broken" -p1 -s <"$top/tests/mutants/$1.patch"
	make -s -C "$broken" BUILD=build-mutant build build-mutant/lib/certify >/dev/null
	ETCD_CLUSTER=$broken/build-mutant/etcd-cluster ETCD_CLUSTER_PLAIN=$broken/build-mutant/etcd-cluster \
		run bats -f "$name" "$file"
	[ "$status" -ne 0 ]
	[[ "$output" != *"# skip"* ]]
}

@test "a file renamed without fsync" {
	caught no-fsync
}

@test "certificates swapped by two renames" {
	caught two-renames
}

@test "an archive unpacked without the allow-list" {
	caught no-allow-list
}

@test "a machine added with a vote at once" {
	caught voting-add
}

@test "keys put in their place after the door was asked" {
	caught keys-last
}
