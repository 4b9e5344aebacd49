#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# etcd-cluster-release, the release as a package: what it refuses, what it contains, and that a machine with it needs
# nothing else.
# shellcheck disable=SC2154 # status and output are bats'

bats_require_minimum_version 1.5.0

setup_file() {
	export LIB="$BATS_TEST_DIRNAME/../lib" TOP="$BATS_TEST_DIRNAME/../.." DATA="$BATS_FILE_TMPDIR"
	ARCH=$(dpkg --print-architecture 2>/dev/null || uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
	export ARCH file="etcd-v3.4.30-linux-$ARCH.tar.gz"
	cc -O1 -o "$DATA/stub" "$LIB/etcd-stub.c"
	python3 "$LIB/archives.py" good "$DATA/$file" "$DATA/stub" 3.4.30
	(cd "$DATA" && sha256sum "$file") >"$DATA/SUMS"
	mkdir "$DATA/out"
	ETCD_CLUSTER=$ETCD_CLUSTER_PLAIN "$TOP/bundle/make" "$DATA/$file" "$DATA/SUMS" "$DATA/out" >"$DATA/made"
}

setup() {
	export ETCD_CLUSTER=$ETCD_CLUSTER_PLAIN
	out=$BATS_TEST_TMPDIR/out root=$BATS_TEST_TMPDIR/root
	bundle=$root/usr/libexec/etcd-cluster/bundle
	mkdir -p "$root/etc/etcd" "$root/usr/share/etcd-cluster"
	cp "$TOP/conf/releases.sha256" "$root/usr/share/etcd-cluster/"
	echo RELEASE_URL=none >"$root/etc/etcd/cluster.conf"
}

# Unpacks the deb below $root.
unpack() {
	command -v dpkg-deb >/dev/null || skip 'there is no dpkg-deb'
	dpkg-deb -x "$DATA"/out/*.deb "$root"
}

# refused CODE WORDS ARGUMENT…: bundle/make exits with CODE, prints WORDS and makes nothing.
refused() {
	local code=$1 words=$2
	shift 2
	run "$TOP/bundle/make" "$@"
	echo "$output"
	[ "$status" -eq "$code" ]
	[[ $output == *"$words"* ]]
	[ ! -e "$out" ]
}

@test "no digest, another digest, a changed archive: refused, and no package is made" {
	refused 4 'no trusted digest' "$DATA/$file" '' "$out"
	sed 's/^./&/; s/^[0-9a-f]\{8\}/00000000/' "$DATA/SUMS" >"$BATS_TEST_TMPDIR/wrong"
	refused 4 'has the wrong SHA-256' "$DATA/$file" "$BATS_TEST_TMPDIR/wrong" "$out"
	cp "$DATA/$file" "$BATS_TEST_TMPDIR/$file"
	printf x >>"$BATS_TEST_TMPDIR/$file"
	refused 4 'has the wrong SHA-256' "$BATS_TEST_TMPDIR/$file" "$DATA/SUMS" "$out"
}

@test "a digest of the administrator does not overrule the pinned one" {
	cp "$DATA/$file" "$BATS_TEST_TMPDIR/etcd-v3.6.14-linux-$ARCH.tar.gz"
	(cd "$BATS_TEST_TMPDIR" && sha256sum etcd-v3.6.14-*.tar.gz) >"$BATS_TEST_TMPDIR/sums"
	refused 4 'has the wrong SHA-256' "$BATS_TEST_TMPDIR/etcd-v3.6.14-linux-$ARCH.tar.gz" "$BATS_TEST_TMPDIR/sums" "$out"
}

@test "another file than a release archive, or another architecture, is refused" {
	refused 3 usage '' '' "$out"
	refused 3 usage "$DATA/stub" '' "$out"
	refused 3 'does not exist' "$DATA/etcd-v3.4.31-linux-$ARCH.tar.gz" '' "$out"
	refused 3 'does not exist' "$DATA/$file" "$DATA/none" "$out"
	cp "$DATA/$file" "$BATS_TEST_TMPDIR/etcd-v3.4.30-linux-mips.tar.gz"
	refused 3 'no release for mips' "$BATS_TEST_TMPDIR/etcd-v3.4.30-linux-mips.tar.gz" '' "$out"
}

@test "a later build in another place is identical, bit for bit" {
	mkdir "$BATS_TEST_TMPDIR/elsewhere"
	cp -r "$TOP/bundle" "$TOP/conf" "$TOP/debian" "$BATS_TEST_TMPDIR/elsewhere"
	sleep 1
	(umask 077 && TZ=Asia/Shanghai "$BATS_TEST_TMPDIR/elsewhere/bundle/make" "$DATA/$file" "$DATA/SUMS" "$out")
	for package in "$DATA"/out/*; do
		cmp "$package" "$out/${package##*/}"
	done
}

@test "lintian and rpmlint find nothing" {
	command -v lintian >/dev/null || skip 'there is no lintian'
	run lintian --allow-root --fail-on error,warning "$DATA"/out/*.deb
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	command -v rpmlint >/dev/null || skip 'there is no rpmlint'
	run -0 rpmlint -c "$TOP/bundle/rpmlint.toml" "$DATA"/out/*.rpm
	echo "$output"
	[[ $output == *' 0 errors, 0 warnings'* ]]
}

@test "deb and rpm have the same content and name their version" {
	command -v rpm2cpio >/dev/null || skip 'there is no rpm'
	unpack
	(cd "$BATS_TEST_TMPDIR" && mkdir rpm && cd rpm && rpm2cpio "$DATA"/out/*.rpm | cpio -id --quiet)
	diff -r "$bundle" "$BATS_TEST_TMPDIR/rpm/usr/libexec/etcd-cluster/bundle"
	rpm -qp --scripts "$DATA"/out/*.rpm | grep -q 'hook bring 3.4.30'
	dpkg-deb --ctrl-tarfile "$DATA"/out/*.deb | tar -xOf - ./postinst | grep -q 'hook" bring 3.4.30'
}

@test "a machine with the package needs no network, no digest and no RELEASE" {
	unpack
	run "$ETCD_CLUSTER" --root "$root" setup --local # without the settings: the fake etcd knows no options
	echo "$output"
	[ "$(readlink "$root/usr/libexec/etcd-cluster/releases/current")" = v3.4.30 ]
	cmp <(sed -n 's/^SHA256=//p' "$root/usr/libexec/etcd-cluster/releases/v3.4.30/.release") \
		<(cut -d ' ' -f 1 "$DATA/SUMS")
	run -0 "$ETCD_CLUSTER" --root "$root" release list
	[[ $output == *"brought by a package: $file"* ]]
	"$ETCD_CLUSTER" --root "$root" release list --json |
		python3 -c 'import json, sys; assert json.load(sys.stdin)["bundled"]'
}

@test "a damaged archive of the package is refused and the cached copy is used, and the other way round" {
	unpack
	printf x >>"$bundle/$file"
	run -4 "$ETCD_CLUSTER" --root "$root" release install 3.4.30
	mkdir -p "$root/var/cache/etcd-cluster"
	cp "$DATA/$file" "$root/var/cache/etcd-cluster/"
	run -0 "$ETCD_CLUSTER" --root "$root" release install 3.4.30
	rm -r "$root/usr/libexec/etcd-cluster/releases"
	mv "$bundle/$file" "$root/var/cache/etcd-cluster/$file"
	cp "$DATA/$file" "$bundle/"
	run -0 "$ETCD_CLUSTER" --root "$root" release install 3.4.30
	[[ $output == *'has the wrong SHA-256'* ]]
}
