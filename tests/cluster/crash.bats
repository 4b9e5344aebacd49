#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# kill -9 at the system calls of `setup` that change something, then setup again: the same end state, no debris (invariant 2).
# CRASH_EVERY=1 tries each of them; the default takes a few dozen, spread over the whole road.

bats_require_minimum_version 1.5.0

changing='openat,creat,write,pwrite64,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,symlink'
changing="$changing,symlinkat,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,fsync,fdatasync,ftruncate"

setup_file() {
	release=$(ls "$BATS_TEST_DIRNAME"/../../dist/releases/etcd-v3.4.*-linux-*.tar.gz 2>/dev/null | head -n 1)
	[ -n "$release" ] || skip "no etcd 3.4 in dist/releases (make releases)"
	export release
}

# A machine that has its answers and its release in the cache, and nothing else.
fresh_root() {
	rm -rf "$root"
	mkdir -p "$root"/etc/etcd/releases.sha256.d "$root"/var/cache/etcd-cluster "$root"/usr/share/etcd-cluster
	ln "$release" "$root"/var/cache/etcd-cluster/ 2>/dev/null || cp "$release" "$root"/var/cache/etcd-cluster/
	(cd "$(dirname "$release")" && sha256sum "$(basename "$release")") >"$root"/etc/etcd/releases.sha256.d/test.sha256
	version=${release##*etcd-v}
	printf 'RELEASE=%s\nRELEASE_URL=none\nNAME=n1\n' "${version%%-*}" >"$root"/etc/etcd/cluster.conf
	: >"$root"/usr/share/etcd-cluster/releases.sha256
}

# Names, modes and kinds of everything; what is random (keys) or of the moment is left out by not looking inside.
listing() {
	(cd "$root" && find . -path ./run -prune -o -printf '%p %y %m %l\n' | LC_ALL=C sort)
}

# What etcd would read is a pair, or is not there.
pairs_match() {
	for crt in "$root"/etc/etcd/pki/*.crt; do
		[ -e "$crt" ] || continue
		key=${crt%.crt}.key
		[ -e "$key" ] || continue
		[ "$(openssl x509 -in "$crt" -noout -pubkey)" = "$(openssl pkey -in "$key" -pubout)" ] ||
			{ echo "not a pair: $crt"; return 1; }
	done
}

traced() {
	strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=$changing" "$@"
}

@test "setup killed anywhere, and again, ends as if never killed" {
	root=$BATS_TEST_TMPDIR/root
	helper=$ETCD_CLUSTER_PLAIN
	fresh_root
	traced "$helper" --root "$root" setup
	calls=$(wc -l <"$BATS_TEST_TMPDIR/trace")
	want=$(listing)
	run -2 "$helper" --root "$root" setup
	[ "$(listing)" = "$want" ]

	every=${CRASH_EVERY:-$((calls / 40 + 1))}
	for ((n = 1; n <= calls; n += every)); do
		fresh_root
		traced -e "inject=$changing:signal=KILL:when=$n" "$helper" --root "$root" setup 2>/dev/null || :
		pairs_match
		"$helper" --root "$root" setup 2>"$BATS_TEST_TMPDIR/err" || [ $? -eq 2 ] ||
			{ echo "killed at call $n, then:"; cat "$BATS_TEST_TMPDIR/err"; return 1; }
		[ "$(listing)" = "$want" ] || { echo "killed at call $n:"; diff <(echo "$want") <(listing); return 1; }
		run -2 "$helper" --root "$root" setup
	done
}

@test "a failed write anywhere is told, and setup again ends well" {
	root=$BATS_TEST_TMPDIR/root
	helper=$ETCD_CLUSTER_PLAIN
	writing=write,fsync,rename,mkdir,fchmod
	fresh_root
	strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=$writing" "$helper" --root "$root" setup
	calls=$(wc -l <"$BATS_TEST_TMPDIR/trace")
	want=$(listing)
	for ((n = 1; n <= calls; n += calls / 20 + 1)); do
		fresh_root
		# A failed write to stderr, say, need not fail setup; what counts is the state that is left.
		strace -f -qq -o /dev/null -e "inject=$writing:error=ENOSPC:when=$n" "$helper" --root "$root" setup 2>/dev/null || :
		pairs_match
		"$helper" --root "$root" setup 2>"$BATS_TEST_TMPDIR/err" || [ $? -eq 2 ] ||
			{ echo "failed at call $n, then:"; cat "$BATS_TEST_TMPDIR/err"; return 1; }
		[ "$(listing)" = "$want" ] || { echo "failed at call $n:"; diff <(echo "$want") <(listing); return 1; }
	done
}
