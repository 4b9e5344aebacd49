#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The certificates' part of setup, killed before, or failing at, each call that changes something on disk. After each: every certificate
# that etcd could read has its key, or there are none at all; the next run mends it; the one after has nothing to do; nothing is left over.

# Writes, syncs and links are many and alike: every fourth.
calls="mkdir write fsync rename renameat2 link unlink unlinkat"

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	road="${ETCD_CLUSTER_PLAIN%/*}/lib/certify" # of the same build as the program
	[ -x "$road" ] || skip "no $road (make test-programs)"
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
	root="$BATS_TEST_TMPDIR/root"
	etc="$root/etc/etcd"
	start="$BATS_TEST_TMPDIR/start"
	mkdir -p "$etc"
	configure
}

configure() {
	printf '%s\n' NAME=n1 ADDRESS=127.0.0.1 CLIENT_PORT=1 PEER_PORT=2 "$@" >"$etc/cluster.conf"
}

public() {
	case $1 in
	*.crt) openssl x509 -noout -pubkey -in "$1" ;;
	*) openssl pkey -pubout -in "$1" ;;
	esac
}

# Pairs match, and one is not there without the other.
whole() {
	local crt
	[ -e "$etc/pki" ] || return 0
	for crt in "$etc"/pki/*.crt; do
		[ -e "$crt" ] || continue
		[ "$(public "$crt")" = "$(public "${crt%.crt}.key")" ] || {
			echo "$crt does not match its key"
			return 1
		}
	done
}

# Runs again: mends, then has nothing to do, and nothing is left over.
converges() {
	local rc=0
	"$road" "$root" || rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 2 ]
	rc=0
	"$road" "$root" || rc=$?
	[ $rc -eq 2 ]
	[ -e "$etc/pki/server.crt" ]
	[ -e "$etc/pki/apiserver-etcd-client.key" ]
	[ -z "$(find "$root" -name '.pki.new' -o -name '.new-*')" ]
}

# at_each HOW: from the state that is there now, one run for each call of each kind, with HOW happening at it.
at_each() {
	local call n rc step points=0
	rm -rf "$start"
	cp -a "$root" "$start"
	for call in $calls; do
		case $call in
		write | fsync | link) step=4 ;;
		*) step=1 ;;
		esac
		for ((n = 1; ; n += step)); do
			rm -rf "$root"
			cp -a "$start" "$root"
			rc=0
			strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=$call" -e "inject=$call:$1:when=$n" "$road" "$root" \
				>"$BATS_TEST_TMPDIR/log" 2>&1 || rc=$?
			echo "$call $n: exit $rc"
			whole
			[ ! -e "$start/etc/etcd/pki/ca.key" ] ||
				cmp "$start/etc/etcd/pki/ca.key" "$etc/pki/ca.key"
			converges
			whole
			# Not hit any more: it ran to its end.
			if [ $rc -ne 137 ] && ! grep -q INJECTED "$BATS_TEST_TMPDIR/trace"; then
				break
			fi
			points=$((points + 1))
		done
	done
	echo "$points points"
	[ $points -gt "$2" ]
}

@test "first issue, killed at each call" {
	at_each signal=KILL 20
}

@test "first issue with a given CA, killed at each call" {
	mkdir -m 750 "$etc/pki"
	openssl req -x509 -newkey ed25519 -nodes -days 3000 -subj /CN=given -addext keyUsage=critical,keyCertSign \
		-keyout "$etc/pki/ca.key" -out "$etc/pki/ca.crt" 2>/dev/null
	at_each signal=KILL 20
}

@test "rekey, killed at each call" {
	"$road" "$root"
	configure KEY_TYPE=ed25519
	at_each signal=KILL 20
	[ "$(find "$etc/pki.old" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ]
	[ -e "$etc/pki.old/1/server.key" ]
}

@test "reissue that keeps the keys, killed at each call" {
	"$road" "$root"
	configure EXTRA_SANS=lb.example.org
	at_each signal=KILL 3
	[ ! -e "$etc/pki.old" ]
}

@test "rekey on a full disk" {
	"$road" "$root"
	configure KEY_TYPE=ed25519
	calls="write fsync rename renameat2 link mkdir" at_each error=ENOSPC 15
}

@test "rekey on a disk with errors" {
	"$road" "$root"
	configure KEY_TYPE=ed25519
	calls="fsync unlinkat" at_each error=EIO 4
}
