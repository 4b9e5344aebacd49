#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The .deb: clean for lintian, reproducible, with the right files.

bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME"/../.. || return
	flock Makefile make -s deb # rpm-package.bats builds it, too, in the same directory
	version=$(dpkg-parsechangelog -S Version)
	export deb dsc=$PWD/dist/etcd-cluster_$version.dsc
	deb=$PWD/dist/etcd-cluster_${version}_$(dpkg --print-architecture).deb
}

@test "lintian has no error and no warning about the package and its source" {
	# The units are the sandbox; another init system is not supported. Debian 13 has dropped the tag, and so its override.
	run lintian --allow-root --display-info --pedantic --fail-on error,warning \
		--suppress-tags package-supports-alternative-init-but-no-init.d-script "$deb" "$dsc"
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "few overrides, each with its reason" {
	overrides=$BATS_TEST_DIRNAME/../../debian/etcd-cluster.lintian-overrides
	[ "$(grep -c '^etcd-cluster:' "$overrides")" -le 5 ]
	[ "$(grep -c '^#' "$overrides")" -ge "$(grep -c '^etcd-cluster:' "$overrides")" ]
}

# teardown removes $elsewhere: a copy of the tree of another user, which that user can reach.
teardown() {
	rm -rf "${elsewhere-}"
}

@test "another path, user, umask, time zone and language: the same source and package, bit for bit" {
	elsewhere=$(mktemp -d)
	tar -C "$BATS_TEST_DIRNAME"/../.. --exclude=./.git --exclude=./build --exclude='./build-*' --exclude=./dist \
		-cf - . | tar -C "$elsewhere" -xf -
	as=()
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid nobody --regid nogroup --clear-groups)
	[ "$(id -u)" != 0 ] || chown -R nobody "$elsewhere"
	(umask 027 && cd "$elsewhere" && "${as[@]}" env HOME=/nonexistent TZ=Asia/Shanghai LC_ALL=C.UTF-8 make -s deb)
	for file in "$deb" "$dsc" "${dsc%.dsc}".tar.*; do
		cmp "$file" "$elsewhere/dist/${file##*/}"
	done
}

@test "files belong to root, none is setuid or writable by others, none is below /lib, /run or /var" {
	dpkg-deb -c "$deb" >"$BATS_TEST_TMPDIR"/list
	[ "$(awk '{ print $2 }' "$BATS_TEST_TMPDIR"/list | sort -u)" = root/root ]
	run grep -E '^(-|d)......[sStT]|^(-|d).......w.|^-..[sS]' "$BATS_TEST_TMPDIR"/list
	[ -z "$output" ]
	run grep -E ' \./(lib|run|var|sbin|bin)/' "$BATS_TEST_TMPDIR"/list
	[ -z "$output" ]
}

@test "only files for other programs are conffiles; files that the hook writes are not" {
	dpkg-deb --ctrl-tarfile "$deb" | tar -xOf - ./conffiles | sort >"$BATS_TEST_TMPDIR"/conffiles
	diff - "$BATS_TEST_TMPDIR"/conffiles <<-'X'
		/etc/needrestart/conf.d/etcd-cluster.conf
		/etc/ufw/applications.d/etcd-cluster
	X
}

@test "it is the project's, suggests nothing that does not exist, and replaces no other package" {
	run dpkg-deb -f "$deb" Maintainer Homepage
	[[ "$output" == *"The etcd-cluster Authors <"*"Homepage: https://github.com/etcd-cluster/etcd-cluster" ]]
	grep -qx 'Vcs-Git: https://github.com/etcd-cluster/etcd-cluster.git' "$dsc"
	[ -z "$(dpkg-deb -f "$deb" Replaces Suggests)" ]
	run grep -rnE '@example\.|//example\.' "$BATS_TEST_DIRNAME"/../../{debian,rpm,bundle}
	[ -z "$output" ]
}

@test "it has the documents, the news and a script for bug reports" {
	dpkg-deb -x "$deb" "$BATS_TEST_TMPDIR"/files
	cd "$BATS_TEST_TMPDIR"/files/usr/share
	for file in "$BATS_TEST_DIRNAME"/../../docs/*.md "$BATS_TEST_DIRNAME"/../../NEWS.md; do
		cmp "$file" "doc/etcd-cluster/${file##*/}"
	done
	zgrep -q 'a running$' doc/etcd-cluster/changelog.gz
	zgrep -q 'Moving in' doc/etcd-cluster/NEWS.Debian.gz
	[ -x bug/etcd-cluster/script ]
}

@test "the flags of a distribution are used as they are, and the deb changes them as Debian provides for" {
	cd "$BATS_TEST_DIRNAME"/../..
	# shellcheck disable=SC2016
	flags() { sed -n 's/.* \(-O[^ ]*\) .*src\/main\.o src.*/\1/p' "$1" | tail -n 1; }
	make -nB V=1 BUILD="$BATS_TEST_TMPDIR"/b CFLAGS='-O3 -g' CPPFLAGS='' build >"$BATS_TEST_TMPDIR"/theirs
	[ "$(flags "$BATS_TEST_TMPDIR"/theirs)" = -O3 ]
	run grep -e ' -Os ' -e -fno-asynchronous "$BATS_TEST_TMPDIR"/theirs
	[ -z "$output" ]
	ours() { env -u MAKEFLAGS "$@" make -npf debian/rules build 2>/dev/null | grep '^DEB_CFLAGS_MAINT_APPEND'; }
	ours DEB_BUILD_OPTIONS='' | grep -q -e -Os
	run ! ours DEB_CFLAGS_APPEND=-O3
	run ! ours DEB_BUILD_OPTIONS=noopt
}

# The limit shows unintended growth.
@test "the program is hardened and at most 768 KiB" {
	dpkg-deb -x "$deb" "$BATS_TEST_TMPDIR"/files
	helper=$BATS_TEST_TMPDIR/files/usr/sbin/etcd-cluster
	[ "$(stat -c %s "$helper")" -le 786432 ]
	readelf -hW "$helper" | grep -q 'DYN (Position-Independent'
	readelf -dW "$helper" | grep -q BIND_NOW
	readelf -lW "$helper" | grep -q GNU_RELRO
	readelf -sW --dyn-syms "$helper" | grep -q -e __stack_chk_fail -e _chk
}

@test "maintainer scripts do not use the network or wait: they only call the hook" {
	dpkg-deb -e "$deb" "$BATS_TEST_TMPDIR"/control
	run grep -nE 'curl|wget|\bnc |sleep|etcd-cluster (setup|init)|systemctl' \
		"$BATS_TEST_TMPDIR"/control/{config,postinst,prerm,postrm}
	# debhelper's reload after the removal of the unit files
	[ "$(grep -vc 'systemctl --system daemon-reload' <<<"$output")" -eq 0 ]
}
