# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# All supported release lines of etcd, 3.4 to 3.7, with our unit and settings. The package here pins the test archives.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=versions
	need_root
	"$top/tests/lib/make-flavour" "$top"/dist/repo/apt/pool/etcd-cluster_*.deb "$top/dist/pinned.deb" \
		--pin "$top/dist/releases"
	boot "$MACHINE" trixie 10.77.4.1
}

# whole_life VERSION
whole_life() {
	grep -q -- "-v$1-" "$top/dist/releases/SHA256SUMS" ||
		skip "no etcd $1 in dist/releases, see the output of tests/lib/make-releases"
	m gone
	answers "RELEASE=$1" RELEASE_URL=file:/srv/dist/releases ADDRESS=10.77.4.1
	m 'apt-get install /srv/dist/pinned.deb'
	healthy
	m "etcdctl.sh version | grep -qx 'etcdctl version: $1'
	[ \"\$(etcdctl.sh put a b)\" = OK ]
	[ \"\$(etcdctl.sh get --print-value-only a)\" = b ]
	journalctl -u etcd --no-pager >/tmp/journal
	fails grep -iE 'unrecognized environment|deprecated|permission denied|operation not permitted' /tmp/journal
	fails curl -sS -m 5 http://10.77.4.1:2379/health
	fails curl -ksS -m 5 https://10.77.4.1:2379/health
	cd /etc/etcd/pki
	fails curl --http1.1 -sS -m 5 -f -o /dev/null --cacert ca.crt --cert etcdctl-etcd-client.crt \\
		--key etcdctl-etcd-client.key \\
		https://10.77.4.1:2380/version
	curl --http1.1 -sS -m 5 -f -o /dev/null --cacert ca.crt --cert peer.crt --key peer.key https://10.77.4.1:2380/version"
	exits 2 'etcd-cluster setup --exit-code'
	# Every release line serves a renewal at once.
	m 'etcd-cluster cert renew --force'
	healthy
	m 'systemctl restart etcd'
	healthy
	m '[ "$(etcdctl.sh get --print-value-only a)" = b ]'
}

@test "etcd 3.4.23" { whole_life 3.4.23; }
@test "etcd 3.5.16" { whole_life 3.5.16; }
@test "etcd 3.5.30" { whole_life 3.5.30; }
@test "etcd 3.6.14" { whole_life 3.6.14; }
@test "etcd 3.7.1" { whole_life 3.7.1; }

@test "without answers: the newest 3.6 of the package's table" {
	grep -q -- -v3.6.14- "$top/dist/releases/SHA256SUMS" ||
		skip 'no etcd 3.6.14 in dist/releases, see the output of tests/lib/make-releases'
	m 'gone
	mkdir -p /var/cache/etcd-cluster; cp /srv/dist/releases/etcd-v3.6.14-* /var/cache/etcd-cluster/
	apt-get install /srv/dist/pinned.deb'
	healthy
	m 'etcdctl.sh version | grep -qx "etcdctl version: 3.6.14"'
}

@test "a newer patch release is installed beside, used on request, and rolled back" {
	m gone
	answers RELEASE=3.5.16 RELEASE_URL=file:/srv/dist/releases
	m 'apt-get install /srv/dist/pinned.deb'
	healthy
	m 'etcdctl.sh put a b'
	pid=$(m 'systemctl show -P MainPID etcd')
	answers RELEASE=3.5.30 RELEASE_URL=file:/srv/dist/releases
	run m 'etcd-cluster setup'
	[ "$status" -eq 0 ] || [ "$status" -eq 2 ]
	prints 'release use v3.5.30'
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
	m 'etcd-cluster release use 3.5.30 && systemctl restart etcd'
	healthy
	m 'etcdctl.sh version | grep -q 3.5.30; [ "$(etcdctl.sh get --print-value-only a)" = b ]
	etcd-cluster release rollback && systemctl restart etcd'
	healthy
	m 'etcdctl.sh version | grep -q 3.5.16; [ "$(etcdctl.sh get --print-value-only a)" = b ]'
}

