# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The package in the checkers of both Debian releases.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=lint
	need_root
}

deb() {
	echo "$top"/dist/repo/apt/pool/etcd-cluster_*.deb
}

@test "lintian of the host: no error, no warning" {
	run lintian --allow-root --fail-on error,warning "$(deb)"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "lintian of Debian 13: no error, no warning" {
	tree=$top/dist/rootfs/trixie-lintian
	if [ ! -e "$tree/usr/bin/lintian" ]; then
		rm -rf "$tree"
		mmdebstrap --quiet --mode=root --variant=apt --include=lintian trixie "$tree" \
			"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $("$top/tests/lib/apt-suite" --mirror) trixie main"
	fi
	cp "$(deb)" "$tree/root/"
	run chroot "$tree" sh -c 'cd /root && lintian --allow-root --fail-on error,warning etcd-cluster_*.deb'
	rm -f "$tree"/root/*.deb
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "the autopkgtest names existing tests" {
	cd "$top/debian/tests"
	for t in $(sed -n 's/^Tests: *//p' control | tr ',' ' '); do
		[ -x "$t" ] || { echo "$t is not there, or not executable"; return 1; }
	done
	grep -q '^Restrictions:.*isolation-machine\|^Restrictions:.*isolation-container' control
}

@test "the dependencies of the package are those of its programs" {
	run dpkg-deb -f "$(deb)" Depends
	for library in libarchive13 libcurl4 libjson-c5 libprotobuf-c1 libseccomp2 libssl3; do
		prints $library
	done
}
