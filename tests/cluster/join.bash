# Machines that join, for tests of real etcd on loopback: `load lib`, `load join`, then
#   machine n1; start n1; wait_healthy n1     a cluster of one
#   joiner n2 [LINE…]                         a machine with ROLE=join and JOIN=n1's client port; not set up yet
#   join n2                                   setup, etcd, setup: what systemd does on a machine of its own
# shellcheck shell=bash

joiner() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1
	shift

	mkdir -p "$root"/etc/etcd/releases.sha256.d "$root"/etc/etcd/pki "$root"/var/cache/etcd-cluster \
		"$root"/usr/share/etcd-cluster "$root"/run
	: >"$root"/usr/share/etcd-cluster/releases.sha256
	ln "$RELEASE_TARBALL" "$root"/var/cache/etcd-cluster/ 2>/dev/null ||
		cp "$RELEASE_TARBALL" "$root"/var/cache/etcd-cluster/
	(cd "$(dirname "$RELEASE_TARBALL")" && sha256sum "${RELEASE_TARBALL##*/}") >"$root"/etc/etcd/releases.sha256.d/test
	cp "$BATS_TEST_TMPDIR"/n1/etc/etcd/pki/ca.{crt,key} "$root"/etc/etcd/pki/
	printf '%s\n' ROLE=join "JOIN=127.0.0.1:$(port n1 1)" "NAME=$name" ADDRESS=127.0.0.1 "CLIENT_PORT=$(port "$name" 1)" \
		"PEER_PORT=$(port "$name" 2)" "METRICS_URL=http://127.0.0.1:$(port "$name" 3)" "RELEASE=$RELEASE_VERSION" \
		RELEASE_URL=none >"$root"/etc/etcd/cluster.conf
	[ $# -eq 0 ] || answer "$name" "$@"
}

# answer NAME LINE…: puts the lines into its cluster.conf, in place of those with the same keys.
answer() {
	local conf=$BATS_TEST_TMPDIR/$1/etc/etcd/cluster.conf line
	shift

	for line; do
		sed -i "/^${line%%=*}=/d" "$conf"
		echo "$line" >>"$conf"
	done
}

# until_setup NAME PATTERN: setup, until it is through, or pending with a message that has the pattern; up to 30 s.
until_setup() {
	local rc

	for _ in {1..100}; do
		rc=0
		helper "$1" setup 2>"$BATS_TEST_TMPDIR/$1/setup.log" || rc=$?
		case $rc in
		0 | 2) return 0 ;;
		6) ! grep -q "$2" "$BATS_TEST_TMPDIR/$1/setup.log" || return 0 ;;
		*) break ;;
		esac
		sleep 0.3
	done
	cat "$BATS_TEST_TMPDIR/$1/setup.log"
	return 1
}

# enter NAME: up to the moment when systemd would start etcd.
enter() {
	until_setup "$1" 'its etcd was not started yet'
}

# finish NAME: from there on; etcd runs.
finish() {
	until_setup "$1" 'no such message'
}

join() {
	enter "$1"
	start "$1"
	wait_healthy "$1"
	finish "$1"
}

# members NAME: "ID started|unstarted NAME PEER CLIENT LEARNER", a line for each, as that member has it.
members() {
	etcdctl "$1" member list | tr -d ,
}
