#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# kill -9 or an error at the system calls of `setup`, then setup again: the same end state, no leftovers.
# CRASH_EVERY=1 tries each call; the default is a sample, spread over the run.

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
	"$ETCD_CLUSTER_PLAIN" --root "$root" setup --exit-code
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

	for n in $(sample 16); do
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
	for n in $(sample 8); do
		fresh_root
		# Some failures, such as a write to stderr, do not fail setup; the test checks the state afterwards.
		at_call "$n" $writing error=ENOSPC "$ETCD_CLUSTER_PLAIN" --root "$root" setup 2>/dev/null || :
		ends_well "failed at call $n"
	done
}

# As the retry timer runs it. The release is unpacked: what happens then is in the test above.
by_timer() {
	"$ETCD_CLUSTER_PLAIN" --root "$root" setup --unattended || [ $? -eq 2 ]
}
unpacked_root() {
	rm -rf "$root"
	bare root
	touch -d '1 minute ago' "$root/etc/etcd/cluster.conf"
}

# outcome KEY: prints the value in the outcome of setup.
outcome() {
	sed -n "s/^$1=//p" "$root/run/etcd-cluster/setup"
}

# recorded WHERE: setup has recorded that it failed and when it runs again, or its record was what failed.
recorded() {
	[ -e "$root/run/etcd-cluster/setup" ] || return 0
	[ "$(outcome STATE)" != running ] || return 0
	if [[ "$(outcome STATE) $(outcome MESSAGE)" != failed*'nput/output error'* ]] || [ "$(outcome NEXT_MS)" -le 0 ]; then
		echo "$1: $(cat "$root/run/etcd-cluster/setup")"
		return 1
	fi
	sed -i s/^NEXT_MS=.*/NEXT_MS=1/ "$root/run/etcd-cluster/setup" # its time has come
}

@test "an I/O error anywhere is recorded, and the timer's next setup succeeds" {
	local kind n rc failed=0

	unpacked_root
	by_timer
	want=$(listing)
	for kind in openat read write fsync rename mkdir fchmod getdents64 flock; do
		unpacked_root
		count_calls $kind "$ETCD_CLUSTER_PLAIN" --root "$root" setup --unattended
		for n in $(sample 4); do
			unpacked_root
			rc=0
			at_call "$n" $kind error=EIO "$ETCD_CLUSTER_PLAIN" --root "$root" setup --unattended 2>"$BATS_TEST_TMPDIR/err" ||
				rc=$?
			[ $rc -ne 127 ] || continue # the program did not start
			[ $rc -eq 0 ] || recorded "$kind $n"
			[ $rc -eq 0 ] || failed=$((failed + 1))
			by_timer 2>"$BATS_TEST_TMPDIR/err" || { echo "$kind $n, then:"; cat "$BATS_TEST_TMPDIR/err"; return 1; }
			[ "$(outcome STATE)" = ready ]
			[ "$(listing)" = "$want" ] || { echo "$kind $n:"; diff <(echo "$want") <(listing); return 1; }
		done
	done
	echo "$failed failed"
	[ $failed -ge 10 ]
}
