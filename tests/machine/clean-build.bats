# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The packages build from their sources where only their build dependencies are, with their tests, as any user.
# shellcheck disable=SC2154 # names of machine.bash
load machine

setup_file() {
	need_root
	cd "$top" || return
	flock Makefile make -s deb # package.bats builds it, too, in the same directory
	version=$(dpkg-parsechangelog -S Version)
	arch=$(dpkg --print-architecture)
	export deb=$top/dist/etcd-cluster_${version}_$arch.deb source=$BATS_FILE_TMPDIR/source
	mkdir "$source"
	cp dist/etcd-cluster_"$version".{dsc,tar.*} "$source" # rebuilt by other files meanwhile
	flock Makefile make -s dist
	cp "dist/etcd-cluster-$version.tar.gz" "$source"
}

# clean_build KIND FILE…: the package is in $out, and no test has failed; the log is printed if it fails. The
# command-line tests would take minutes, three times: they run outside of the root, and with `make thorough` here.
clean_build() {
	[ -n "${THOROUGH-}" ] || export SUITES=unit
	out=$BATS_TEST_TMPDIR/out
	mkdir "$out"
	"$top/tests/lib/clean-build" "$1" "$out" "${@:2}" >"$BATS_TEST_TMPDIR/log" || {
		grep -v '^  [A-Z][A-Z]* ' "$BATS_TEST_TMPDIR/log" | tail -n 200
		return 1
	}
	grep -E '^[0-9]{3,} passed, 0 failed, [0-9]+ skipped$' "$BATS_TEST_TMPDIR/log"
}

# same_package DEB DEB: the same but for the build ID. That covers the debug information, which has the headers of the
# libraries, and these may be of another version here. (package.bats compares bit for bit, with the same ones.)
same_package() {
	local side n=0
	for side; do
		n=$((n + 1))
		dpkg-deb -R "$side" "$BATS_TEST_TMPDIR/$n"
		rm "$BATS_TEST_TMPDIR/$n/DEBIAN/md5sums"
		objcopy -R .note.gnu.build-id -R .gnu_debuglink "$BATS_TEST_TMPDIR/$n/usr/sbin/etcd-cluster"
	done
	diff -r --no-dereference "$BATS_TEST_TMPDIR"/1 "$BATS_TEST_TMPDIR"/2
}

@test "the deb on Debian 12: the tests pass, and it is the package of another user, path, umask and time zone" {
	clean_build bookworm "$source"/*.dsc "$source"/etcd-cluster_*.tar.*
	same_package "$deb" "$out/${deb##*/}"
}

@test "the deb on Debian 13: the tests pass" {
	clean_build trixie "$source"/*.dsc "$source"/etcd-cluster_*.tar.*
	[ -s "$out/${deb##*/}" ]
}

@test "the rpm: rpmbuild finds all that the spec requires to build, and the tests pass" {
	clean_build rpm "$source"/etcd-cluster-*.tar.gz
	rpm -qp --requires "$out"/etcd-cluster-[0-9]*[0-9m].*"$(uname -m)".rpm | grep libcurl.so.4
}
