#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A power cut after setup takes nothing of it back: every rename has its fsyncs before and after (tests/lib/durable.py).

setup_file() {
	release=$(ls "$BATS_TEST_DIRNAME"/../../dist/releases/etcd-v3.4.*-linux-*.tar.gz 2>/dev/null | head -n 1)
	[ -n "$release" ] || skip "no etcd 3.4 in dist/releases (make releases)"
	export release
}

# durable ARGUMENT…: runs the helper and looks at what it fsynced.
durable() {
	strace -f -y -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=openat,rename,renameat2,fsync,symlink,unlink,unlinkat \
		"$ETCD_CLUSTER_PLAIN" --root "$root" "$@"
	"$BATS_TEST_DIRNAME"/../lib/durable.py "$BATS_TEST_TMPDIR/trace"
}

@test "all that setup, a renewal and a rekey rename is durable" {
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root"/etc/etcd/releases.sha256.d "$root"/var/cache/etcd-cluster "$root"/usr/share/etcd-cluster
	cp "$release" "$root"/var/cache/etcd-cluster/
	(cd "${release%/*}" && sha256sum "${release##*/}") >"$root"/etc/etcd/releases.sha256.d/test.sha256
	: >"$root"/usr/share/etcd-cluster/releases.sha256
	version=${release##*etcd-v}
	printf 'RELEASE=%s\nRELEASE_URL=none\nNAME=n1\n' "${version%%-*}" >"$root"/etc/etcd/cluster.conf
	durable setup
	durable cert renew --force
	echo KEY_TYPE=ecdsa-p384 >>"$root"/etc/etcd/cluster.conf
	durable setup
}
