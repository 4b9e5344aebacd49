#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A power cut after setup loses nothing: every rename has an fsync before and after it (tests/lib/durable.py).

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

load lib
load crash

setup() {
	need_release 3.4
	need_strace
}

# durable ARGUMENT…: runs the program and checks its fsync calls.
durable() {
	strace -f -y -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=openat,rename,renameat2,fsync,symlink,unlink,unlinkat \
		"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" "$@"
	"$top"/tests/lib/durable.py "$BATS_TEST_TMPDIR/trace"
}

@test "every rename of setup, a renewal and a rekey is durable" {
	tree "$BATS_TEST_TMPDIR/n1"
	set_conf n1 "RELEASE=$RELEASE_VERSION" RELEASE_URL=none NAME=n1
	durable setup
	durable cert renew --force
	set_conf n1 KEY_TYPE=ecdsa-p384
	durable setup
}
