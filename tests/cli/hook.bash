# The maintainer hook in a fake root, with fakes of the programs that it calls: `load hook`.
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of bats

umask 022 # cluster.conf must be writable by its owner only

setup() {
	hook=$BATS_TEST_DIRNAME/../../scripts/hook
	export ETCD_CLUSTER_ROOT=$BATS_TEST_TMPDIR/root CALLS=$BATS_TEST_TMPDIR/calls
	conf=$ETCD_CLUSTER_ROOT/etc/etcd/cluster.conf
	sample=$ETCD_CLUSTER_ROOT/usr/share/etcd-cluster/cluster.conf
	mkdir -p "${sample%/*}" "$ETCD_CLUSTER_ROOT"/run "$BATS_TEST_TMPDIR"/bin
	printf '%s\n' '# The answers.' '#ROLE=single' '' '# Its name.' '#NAME=' '#ADDRESS=' >"$sample"
	asks='systemctl show --property=InactiveEnterTimestampMonotonic --value etcd.service'
	: >"$CALLS"
	for program in etcd-cluster systemctl deb-systemd-invoke; do
		fake "$program" 'exit 0'
	done
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	unset DPKG_ROOT DPKG_MAINTSCRIPT_NAME DEBCONF_RECONFIGURE
}

# fake PROGRAM SHELL-TEXT: puts a program into PATH that records its calls and runs SHELL-TEXT.
fake() {
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "%s $*" >>"$CALLS"\n%s\n' "$1" "$2" >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

# Makes the fake root look like a booted machine: systemd runs, and the root of process 1 is the same.
boot() {
	mkdir -p "$ETCD_CLUSTER_ROOT"/run/systemd/system "$ETCD_CLUSTER_ROOT"/proc/1
	ln -s ../.. "$ETCD_CLUSTER_ROOT"/proc/1/root
}

# outcome STATE: records the result of the last setup.
outcome() {
	mkdir -p "$ETCD_CLUSTER_ROOT"/run/etcd-cluster
	printf 'STATE=%s\nEXIT=0\nMESSAGE=\nHINT=\n' "$1" >"$ETCD_CLUSTER_ROOT"/run/etcd-cluster/setup
}

# configure OLD-VERSION ANSWER…
configure() {
	old=$1
	shift
	printf '%s\n' "$@" | sed '/^$/d' | "$hook" configure "$old"
}

called() {
	grep -qxF -- "$1" "$CALLS"
}

not_called() {
	! grep -q -- "$1" "$CALLS"
}

has_line() {
	grep -qxF -- "$1" "$conf"
}
