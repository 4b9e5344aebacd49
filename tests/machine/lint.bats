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
	run lintian --allow-root --pedantic --fail-on error,warning "$(deb)"
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
	run chroot "$tree" sh -c 'cd /root && lintian --allow-root --pedantic --fail-on error,warning etcd-cluster_*.deb'
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

# autopkgtest TEST: on a new machine, where apt has the packages of Debian that the test downloads.
autopkgtest() {
	local debs=$top/dist/etcd-bookworm
	if [ ! -e "$debs/.complete" ]; then
		mkdir -p "$debs"
		(cd "$debs" && "$top/tests/lib/apt-suite" bookworm download etcd-server etcd-client) >&2
		: >"$debs/.complete"
	fi
	if [ -d "$set_dir/$MACHINE" ]; then reset; else boot "$MACHINE" bookworm+installed; fi
	(cd "$debs" && apt-ftparchive packages .) >"$BATS_TEST_TMPDIR/Packages"
	tar -C "$top" -cf - debian/tests | "$machine" exec "$MACHINE" tar -C /root -xf -
	"$machine" exec "$MACHINE" sh -euc 'mkdir /srv/archive
		cp /srv/dist/etcd-bookworm/*.deb /srv/archive
		cat >/srv/archive/Packages
		echo "deb [trusted=yes] file:/srv/archive ./" >>/etc/apt/sources.list' <"$BATS_TEST_TMPDIR/Packages"
	m "apt-get update
	mkdir /var/tmp/test
	AUTOPKGTEST_TMP=/var/tmp/test /root/debian/tests/$1"
}

@test "autopkgtest single" {
	autopkgtest single
}

@test "autopkgtest cluster" {
	autopkgtest cluster
}

@test "autopkgtest upgrade" {
	autopkgtest upgrade
}

@test "ufw accepts the profiles, and firewalld the services, with the three ports" {
	dpkg-deb -x "$(deb)" "$BATS_TEST_TMPDIR/files"
	cd "$BATS_TEST_TMPDIR/files"
	diff - <(/usr/bin/python3 -c 'if True:
		import gettext, ufw.applications
		gettext.install("ufw")
		profiles = ufw.applications.get_profiles("etc/ufw/applications.d")
		for name in sorted(profiles):
			assert ufw.applications.verify_profile(name, profiles[name])
			print(name, *ufw.applications.get_ports(profiles[name]))') <<-'X'
		etcd-client 2379/tcp
		etcd-enroll 2382/tcp
		etcd-peer 2380/tcp
	X
	mkdir firewalld
	cp -r usr/lib/firewalld/services /etc/firewalld/firewalld.conf firewalld/
	firewall-offline-cmd --system-config=firewalld --check-config
	for service in client:2379 peer:2380 enroll:2382; do
		run firewall-offline-cmd --system-config=firewalld --info-service="etcd-cluster-${service%:*}"
		prints "ports: ${service#*:}/tcp"
	done
}

@test "the dependencies of the package are those of its programs" {
	run dpkg-deb -f "$(deb)" Depends
	for library in libarchive13 libcurl4 libjson-c5 libprotobuf-c1 libseccomp2 libssl3; do
		prints $library
	done
}
