#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rpm: clean for rpmlint, reproducible, and without dependencies on Debian.

bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME"/../.. || return
	flock Makefile make -s rpm # clean-build.bats makes the archive, too
	version=$(sed -n 's/^VERSION *:= *//p' Makefile)
	export top=$PWD spec=$PWD/rpm/etcd-cluster.spec tarball=$PWD/dist/etcd-cluster-$version.tar.gz
	export rpm srpm=$PWD/dist/etcd-cluster-$version-1.src.rpm
	rpm=$PWD/dist/etcd-cluster-$version-1.$(uname -m).rpm
}

# about TAG-OPTION: queries the package, without rpm's advice to use alien.
about() {
	rpm -qp "$@" "$rpm" 2>/dev/null
}

@test "rpmlint has no report about the package, its source and the spec" {
	run rpmlint -r "$top"/rpm/rpmlintrc "$rpm" "$srpm" "$spec"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *" 0 errors, 0 warnings"* ]]
}

@test "each block of filters has its reason, and every filter is used" {
	awk '/^addFilter/ && previous == "" { print "no reason: " $0; bad = 1 } { previous = $0 } END { exit bad }' \
		"$top"/rpm/rpmlintrc
	run rpmlint -r "$top"/rpm/rpmlintrc "$rpm" "$srpm" "$spec"
	[[ "$output" != *unused-rpmlintrc-filter* ]]
}

# teardown removes $elsewhere: a copy of the tree of another user, which that user can reach.
teardown() {
	rm -rf "${elsewhere-}"
}

@test "another path, user, umask, time zone and language: the same archive and packages, bit for bit" {
	unshare --mount true 2>/dev/null || unshare --map-root-user --mount true || skip 'rpm/at-mnt may not mount here'
	elsewhere=$(mktemp -d)
	tar -C "$top" --exclude=./.git --exclude=./build --exclude='./build-*' --exclude=./dist -cf - . |
		tar -C "$elsewhere" -xf -
	as=()
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid nobody --regid nogroup --clear-groups)
	[ "$(id -u)" != 0 ] || chown -R nobody "$elsewhere"
	(umask 027 && cd "$elsewhere" && "${as[@]}" env HOME=/nonexistent TZ=Asia/Shanghai LC_ALL=C.UTF-8 make -s rpm)
	for file in "$tarball" "$rpm" "$srpm"; do
		cmp "$file" "$elsewhere/dist/${file##*/}"
	done
}

@test "it needs nothing that Fedora or EL 9 lacks: no symbol versions of Debian's libcurl, glibc 2.34 at most" {
	about --requires >"$BATS_TEST_TMPDIR"/requires
	cat "$BATS_TEST_TMPDIR"/requires
	grep -qxF 'libcurl.so.4()(64bit)' "$BATS_TEST_TMPDIR"/requires
	run grep CURL_ "$BATS_TEST_TMPDIR"/requires
	[ -z "$output" ]
	newest=$(sed -n 's/.*(GLIBC_\([0-9.]*\)).*/\1/p' "$BATS_TEST_TMPDIR"/requires | sort -V | tail -n 1)
	[ -n "$newest" ]
	[ "$(printf '%s\n' "$newest" 2.34 | sort -V | tail -n 1)" = 2.34 ]
	# Other requirements than libraries, parts of rpm and /bin/sh are package names that Fedora, EL and SUSE share.
	diff - <(grep -vE '\.so\.|^rpmlib|^rtld|^config\(|^/bin/sh$' "$BATS_TEST_TMPDIR"/requires | sort -u) <<-'X'
		coreutils
		gawk
		grep
		sed
		systemd
	X
}

@test "it conflicts with other packages of etcd, and neither provides nor obsoletes them" {
	diff - <(about --conflicts) <<-'X'
		etcd
		etcd-client
		etcd-server
	X
	[ -z "$(about --obsoletes)" ]
	diff - <(about --provides | sed 's/ = .*//; s/(x86-64)$/(ARCH)/; s/(aarch-64)$/(ARCH)/' | sort) <<-'X'
		config(etcd-cluster)
		etcd-cluster
		etcd-cluster(ARCH)
	X
}

@test "its program also runs here with Debian's libcurl, is hardened and at most 768 KiB" {
	cd "$BATS_TEST_TMPDIR"
	rpm2cpio "$rpm" | cpio -id --quiet
	helper=$PWD/usr/sbin/etcd-cluster
	run env LD_BIND_NOW=1 "$helper" --version
	[ "$status" -eq 0 ]
	[[ "$srpm" == *"-${output##* }-1.src.rpm" ]]
	[ "$(stat -c %s "$helper")" -le 786432 ]
	readelf -hW "$helper" | grep -q 'DYN (Position-Independent'
	readelf -dW "$helper" | grep -q BIND_NOW
	readelf -lW "$helper" | grep -q GNU_RELRO
	readelf -sW --dyn-syms "$helper" | grep -q -e __stack_chk_fail -e _chk
}

@test "it is the project's, has the documents, the news, and the flags of the distribution" {
	[ "$(about --qf '%{URL}')" = https://github.com/etcd-cluster/etcd-cluster ]
	rpmspec -P "$spec" | grep -qx "Source0: https://github.com/etcd-cluster/etcd-cluster/releases/.*/${tarball##*/}"
	for file in "$top"/docs/*.md "$top"/NEWS.md; do
		about --docfiles | grep -q "/etcd-cluster/${file##*/}\$"
	done
	about --changelog | grep -q 'running etcd$'
	rpmspec -P --define 'optflags -O2 -flto' "$spec" | grep -q 'CFLAGS="-O2 -flto"'
	# `rpmbuild` runs the tests, unless it is told not to.
	rpmspec -P "$spec" | grep -q '^make check SANITIZE='
	run ! grep -q '^make check' <(rpmspec -P --without check "$spec")
}

@test "the scriptlets contain the unit name, and every scriptlet ends with 0" {
	about --scripts >"$BATS_TEST_TMPDIR"/scripts
	cat "$BATS_TEST_TMPDIR"/scripts
	grep -q 'preset etcd-cluster\.target' "$BATS_TEST_TMPDIR"/scripts
	[ "$(grep -c 'disable.* etcd-cluster\.target' "$BATS_TEST_TMPDIR"/scripts)" -ge 2 ]
	[ "$(grep -c '^exit 0$' "$BATS_TEST_TMPDIR"/scripts)" -eq 4 ]
	# The scriptlets do not restart, wait or download.
	run grep -nE 'restart |try-restart|curl|wget|sleep|%\{' "$BATS_TEST_TMPDIR"/scripts
	[ -z "$output" ]
	for part in PREIN POSTIN PREUN POSTUN; do
		about --qf "%{$part}" >"$BATS_TEST_TMPDIR"/scriptlet
		[ -s "$BATS_TEST_TMPDIR"/scriptlet ]
		dash -n "$BATS_TEST_TMPDIR"/scriptlet
	done
}

@test "on a system with the systemd macros these are used, not our fallbacks" {
	cat >"$BATS_TEST_TMPDIR"/macros <<-'X'
		%_unitdir /usr/lib/systemd/system
		%_presetdir /usr/lib/systemd/system-preset
		%_tmpfilesdir /usr/lib/tmpfiles.d
		%_sysusersdir /usr/lib/sysusers.d
		%systemd_requires Requires(post): theirs-of-requires
		%systemd_post() theirs-of-post %{?*}
		%systemd_preun() theirs-of-preun %{?*}
		%systemd_postun() theirs-of-postun %{?*}
	X
	rpmspec -P --load "$BATS_TEST_TMPDIR"/macros "$spec" >"$BATS_TEST_TMPDIR"/spec
	for line in 'theirs-of-post etcd-cluster.target' 'theirs-of-preun etcd-cluster.target' \
		'theirs-of-postun etcd-cluster.target' 'Requires(post): theirs-of-requires'; do
		grep -qxF "$line" "$BATS_TEST_TMPDIR"/spec
	done
	run grep -n 'systemctl --no-reload' "$BATS_TEST_TMPDIR"/spec
	[ -z "$output" ]
}

@test "on SUSE the unit is registered with SUSE's macros, and not restarted" {
	rpmspec -P --define 'suse_version 1600' "$spec" >"$BATS_TEST_TMPDIR"/spec
	grep -qF '%service_add_pre etcd-cluster.target' "$BATS_TEST_TMPDIR"/spec
	grep -qF '%service_del_postun_without_restart etcd-cluster.target' "$BATS_TEST_TMPDIR"/spec
}

@test "the spec has no %global with arguments, and no directories that only Debian has" {
	run grep -nE '^[^#]*(%global|_sharedstatedir|_libexecdir|_localstatedir)' "$spec"
	[ -z "$output" ]
}

@test "one version, one user, one list of libraries: the spec agrees with Makefile, changelog and conf/" {
	cd "$top"
	version=$(sed -n 's/^VERSION *:= *//p' Makefile)
	[ "$(rpmspec -q --srpm --qf '%{VERSION}' "$spec")" = "$version" ]
	[ "$(dpkg-parsechangelog -S Version)" = "$version" ]
	[ "$(sed -n '/^%changelog/{n;s/.* - \(.*\)-1$/\1/p}' "$spec")" = "$version" ]
	diff <(grep '^u ' conf/sysusers.conf) <(about --qf '%{PREIN}' | grep '^u ')
	diff <(sed -n 's/^LIBS *:= *//p' Makefile | tr ' ' '\n' | sort) \
		<(sed -n '/^%if %{with check}/,/^%endif/d; s/^BuildRequires: pkgconfig(\(.*\)).*/\1/p' "$spec" | sort)
}

@test "files belong to root, except the data and what etcd reads; none is setuid or writable by others" {
	list=$BATS_TEST_TMPDIR/list
	about --qf '[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]' >"$list"
	diff - <(grep -v ' root:root ' "$list") <<-'X'
		-rw-r----- root:etcd /etc/etcd/etcd.env
		drwx------ etcd:etcd /var/lib/etcd-cluster
	X
	run grep -E '^(-|d)......[sStT]|^(-|d).......w.|^-..[sS]' "$list"
	[ -z "$output" ]
	grep -qxF 'drwx------ root:root /var/backups/etcd-cluster' "$list"
	for page in man1/etcd.1 man1/etcdctl.1 man1/etcdutl.1 man1/etcdctl.sh.1 man5/cluster.conf.5 man8/etcd-cluster.8; do
		grep -q " /usr/share/man/$page.gz\$" "$list"
	done
}

@test "it owns every directory that base systems do not have" {
	about --qf '[%{FILENAMES}\n]' | sort -u >"$BATS_TEST_TMPDIR"/names
	sed 's,/[^/]*$,,' "$BATS_TEST_TMPDIR"/names | sort -u |
		comm -23 - "$BATS_TEST_TMPDIR"/names >"$BATS_TEST_TMPDIR"/foreign
	diff - "$BATS_TEST_TMPDIR"/foreign <<-'X'
		/etc
		/run
		/usr/bin
		/usr/lib
		/usr/lib/systemd/system
		/usr/lib/systemd/system-preset
		/usr/lib/sysusers.d
		/usr/lib/tmpfiles.d
		/usr/libexec
		/usr/sbin
		/usr/share
		/usr/share/bash-completion/completions
		/usr/share/doc
		/usr/share/licenses
		/usr/share/man/man1
		/usr/share/man/man5
		/usr/share/man/man8
		/var/backups
		/var/cache
		/var/lib
	X
}

@test "answers are noreplace, generated files are ghosts, so that upgrades and removals keep them" {
	diff - <(about --qf '[%{FILEFLAGS:fflags} %{FILENAMES}\n]' | grep -E '^[a-z]*[cg]' | grep -v '^d') <<-'X'
		cn /etc/etcd/cluster.conf
		cng /etc/etcd/etcd.env
		cng /etc/etcd/etcdctl.env
		cng /etc/etcd/member-id
		cn /etc/needrestart/conf.d/etcd-cluster.conf
		cn /etc/ufw/applications.d/etcd-cluster
		g /run/etcd-cluster
	X
}

@test "it has the same files as the deb in the same places" {
	flock "$top"/Makefile make -s -C "$top" deb # package.bats builds it, too, in the same directory
	deb=$(dpkg-parsechangelog -l "$top"/debian/changelog -S Version)_$(dpkg --print-architecture).deb
	deb=$top/dist/etcd-cluster_$deb
	# Left out: documentation, whose directories differ; files of debconf, lintian and reportbug in the deb; files that
	# the hook or tmpfiles create for the deb and that the rpm lists; the preset, which only rpm uses.
	dpkg-deb -c "$deb" | awk '$1 !~ /^d/ { sub(/^\./, "", $6); print substr($1, 1, 10), $6 }' |
		grep -vE '/usr/share/(doc|lintian|debconf|bug)/' | sort >"$BATS_TEST_TMPDIR"/deb
	about --qf '[%{FILEMODES:perms} %{FILENAMES} %{FILEFLAGS:fflags}\n]' |
		awk '$1 !~ /^d/ && $3 !~ /g/ { print $1, $2 }' |
		grep -vE '/usr/share/(doc|licenses)/|/usr/lib/systemd/system-preset/|/etc/etcd/cluster.conf$' |
			sort >"$BATS_TEST_TMPDIR"/rpm
	diff "$BATS_TEST_TMPDIR"/deb "$BATS_TEST_TMPDIR"/rpm
}

@test "the archive has the tree, without files of a build or of git" {
	tar -tzf "$tarball" | sed 's,^[^/]*/,,' >"$BATS_TEST_TMPDIR"/list
	[ "$(tar -tzf "$tarball" | cut -d / -f 1 | sort -u)" = "$(basename "$tarball" .tar.gz)" ]
	grep -qx Makefile "$BATS_TEST_TMPDIR"/list
	grep -qx rpm/etcd-cluster.spec "$BATS_TEST_TMPDIR"/list
	run grep -E '^(\.git/|build|dist/)|\.o$' "$BATS_TEST_TMPDIR"/list
	[ -z "$output" ]
	[ "$(tar --numeric-owner -tvzf "$tarball" | awk '{ print $2 }' | sort -u)" = 0/0 ]
}
