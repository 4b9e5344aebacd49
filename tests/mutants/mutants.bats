#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Each patch in tests/mutants breaks the program in one way and names the test that must fail ("Caught by: FILE
# TEST-NAME-PART", "all" for the whole file). A patch that does not apply fails, too.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

load ../cluster/lib

# A copy of this tree and its build: a mutant compiles only the file that its patch changes.
setup_file() {
	tree=$BATS_FILE_TMPDIR/tree
	export tree UNPACKED=$BATS_FILE_TMPDIR/unpacked # by mutants
	mkdir "$tree" "$UNPACKED"
	tar -C "$top" --exclude=./.git --exclude=./dist --exclude='./build*' -cf - . | tar -C "$tree" -xf -
	cp -a "${ETCD_CLUSTER_PLAIN%/*}" "$tree/build"
	ln -s "$top/dist" "$tree/dist"
	build
}

teardown() {
	[ ! -e "$BATS_TEST_TMPDIR/patched" ] || patch -d "$tree" -p1 -s -R <"$BATS_TEST_TMPDIR/patched"
}

build() {
	make -s -C "$tree" BUILD=build build build/lib/certify >/dev/null
}

# caught PATCH: builds the copy with the patch and expects the named test to fail.
caught() {
	local by file name mutant=$top/tests/mutants/$1.patch

	by=$(sed -n 's/^Caught by: //p' "$mutant")
	file=$top/${by%% *} name=${by#* }
	[ "$name" != all ] || name=.
	patch -d "$tree" -p1 -s <"$mutant"
	cp "$mutant" "$BATS_TEST_TMPDIR/patched"
	build
	ETCD_CLUSTER=$tree/build/etcd-cluster ETCD_CLUSTER_PLAIN=$tree/build/etcd-cluster run bats -f "$name" "$file"
	[ "$status" -ne 0 ]
	[[ "$output" == *"not ok "* ]]
	[[ "$output" != *"# skip"* ]]
}

@test "a rename without fsync" {
	caught no-fsync
}

@test "certificates replaced by two renames" {
	caught two-renames
}

@test "an archive unpacked without the allow-list" {
	caught no-allow-list
}

@test "a machine added with a vote at once" {
	caught voting-add
}

@test "keys stored after the request to the enrolment server" {
	caught keys-last
}

@test "a recovery that leaves the end of the log uncommitted" {
	caught commit-not-raised
}

@test "one kind of failure is not retried" {
	caught no-retry
}

@test "a record that is committed by a majority" {
	caught majority-commits
}

@test "a member that is started on another disk than that of its record" {
	caught any-disk
}

@test "a membership list that grants addresses" {
	caught list-grants
}

@test "tombstones that are ignored" {
	caught no-tombstones
}

@test "reports that count for an hour" {
	caught long-reports
}

@test "a log that ends before its mark" {
	caught older-data
}
