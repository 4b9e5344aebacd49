#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# kill -9 at the system calls of `setup` that change something, then setup again: the same end state, no debris
# (invariant 2). CRASH_EVERY=1 tries each of them; the default takes a few dozen, spread over the whole run.

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

# A machine that has its cluster.conf and its release in the cache, and nothing else.
fresh_root() {
	rm -rf "$root"
	tree "$root"
	rmdir "$root/run"
	printf '%s\n' "RELEASE=$RELEASE_VERSION" RELEASE_URL=none NAME=n1 >"$root"/etc/etcd/cluster.conf
}

set_up() {
	"$ETCD_CLUSTER_PLAIN" --root "$root" setup
}

# Names, modes and kinds of everything; what is random (keys) or of the moment is left out by not looking inside.
listing() {
	(cd "$root" && find . -path ./run -prune -o -printf '%p %y %m %l\n' | LC_ALL=C sort)
}

# What etcd would read is a pair, or is not there.
pairs_fit() {
	local crt

	for crt in "$root"/etc/etcd/pki/*.crt; do
		[ ! -e "$crt" ] || [ ! -e "${crt%.crt}.key" ] || is_pair "$crt"
	done
}

# ends_well WHERE: setup, run again, makes what an undisturbed run makes ($want).
ends_well() {
	pairs_fit
	set_up 2>"$BATS_TEST_TMPDIR/err" || [ $? -eq 2 ] || { echo "$1, then:"; cat "$BATS_TEST_TMPDIR/err"; return 1; }
	[ "$(listing)" = "$want" ] || { echo "$1:"; diff <(echo "$want") <(listing); return 1; }
}

@test "setup killed anywhere, and again, ends as if never killed" {
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

@test "a failed write anywhere is reported, and setup again ends well" {
	writing=write,fsync,rename,mkdir,fchmod
	count_calls $writing "$ETCD_CLUSTER_PLAIN" --root "$root" setup
	want=$(listing)
	for n in $(sample 20); do
		fresh_root
		# A failed write to stderr, say, need not fail setup; what counts is the state that is left.
		at_call "$n" $writing error=ENOSPC "$ETCD_CLUSTER_PLAIN" --root "$root" setup 2>/dev/null || :
		ends_well "failed at call $n"
	done
}
