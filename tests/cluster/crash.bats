#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# kill -9 at the system calls of `setup` that change something, then setup again: the same end state, no leftovers.
# CRASH_EVERY=1 tries each call; the default is a few dozen, spread over the run.

bats_require_minimum_version 1.5.0
load lib
load crash

changing='openat,creat,write,pwrite64,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,symlink'
changing="$changing,symlinkat,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,fsync,fdatasync,ftruncate"

setup() {
	need_release 3.4
	need_strace
	root=$BATS_TEST_TMPDIR/root
	fresh_root
}

# A machine with only its cluster.conf and a release in the cache.
fresh_root() {
	rm -rf "$root"
	tree "$root"
	rmdir "$root/run"
	printf '%s\n' "RELEASE=$RELEASE_VERSION" RELEASE_URL=none NAME=n1 >"$root"/etc/etcd/cluster.conf
}

set_up() {
	"$ETCD_CLUSTER_PLAIN" --root "$root" setup
}

# Prints names, modes and types of all files, without their content, which can be random (keys).
listing() {
	(cd "$root" && find . -path ./run -prune -o -printf '%p %y %m %l\n' | LC_ALL=C sort)
}

# Each certificate that etcd could read has its key, or is missing.
pairs_fit() {
	local crt

	for crt in "$root"/etc/etcd/pki/*.crt; do
		[ ! -e "$crt" ] || [ ! -e "${crt%.crt}.key" ] || is_pair "$crt"
	done
}

# ends_well WHERE: the next setup reaches the result of an undisturbed run ($want).
ends_well() {
	pairs_fit
	set_up 2>"$BATS_TEST_TMPDIR/err" || [ $? -eq 2 ] || { echo "$1, then:"; cat "$BATS_TEST_TMPDIR/err"; return 1; }
	[ "$(listing)" = "$want" ] || { echo "$1:"; diff <(echo "$want") <(listing); return 1; }
}

@test "setup killed at any call, then run again, has the same end state" {
	count_calls "$changing" "$ETCD_CLUSTER_PLAIN" --root "$root" setup
	want=$(listing)
	run -2 set_up
	[ "$(listing)" = "$want" ]

	for n in $(sample 40); do
		fresh_root
		at_call "$n" "$changing" signal=KILL "$ETCD_CLUSTER_PLAIN" --root "$root" setup 2>/dev/null || :
		ends_well "killed at call $n"
		run -2 set_up
	done
}

@test "a failed write anywhere is reported, and the next setup succeeds" {
	writing=write,fsync,rename,mkdir,fchmod
	count_calls $writing "$ETCD_CLUSTER_PLAIN" --root "$root" setup
	want=$(listing)
	for n in $(sample 20); do
		fresh_root
		# Some failures, such as a write to stderr, do not fail setup; the test checks the state afterwards.
		at_call "$n" $writing error=ENOSPC "$ETCD_CLUSTER_PLAIN" --root "$root" setup 2>/dev/null || :
		ends_well "failed at call $n"
	done
}
