#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A machine that gets its certificates through a real door, killed before each call that changes something on disk or talks to the door. After each:
# every certificate has its key, the next run ends well although the token may be used once only, the one after has nothing to do, nothing
# is left over.

bats_require_minimum_version 1.5.0

# Writes, syncs, links and reads are many and alike: every fourth.
calls="mkdir write fsync rename renameat2 link unlink unlinkat connect read"

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	road="${ETCD_CLUSTER_PLAIN%/*}/lib/certify" # of the same build as the program
	[ -x "$road" ] || skip "no $road (make test-programs)"
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
	port=$((20000 + RANDOM % 3000 * 3))
	host="$BATS_TEST_TMPDIR/n1"
	root="$BATS_TEST_TMPDIR/n2"
	etc="$root/etc/etcd"
	token=5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f
	configure n1
	configure n2
	(umask 077 && echo $token >"$host/etc/etcd/enroll-token" && echo $token >"$etc/enroll-token")
	"$ETCD_CLUSTER_PLAIN" --root "$host" setup 2>"$BATS_TEST_TMPDIR/n1.setup" || : # knows no release here
	[ -e "$host/etc/etcd/pki/ca.key" ]
	[ -d "$host/etc/etcd/enroll/tokens" ]
	door
}

teardown() {
	[ -z "${door:-}" ] || kill "$door" 2>/dev/null || :
	wait 2>/dev/null || :
}

# configure NAME [LINE…]
configure() {
	local name=$1
	shift
	mkdir -p "$BATS_TEST_TMPDIR/$name/etc/etcd" "$BATS_TEST_TMPDIR/$name/run"
	printf '%s\n' NAME="$name" ROLE=cluster MEMBERS=n1=127.0.0.1,n2=127.0.0.2 ENROLL_PORT=$port \
		CLIENT_PORT=$((port + 1)) PEER_PORT=$((port + 2)) "$@" \
		>"$BATS_TEST_TMPDIR/$name/etc/etcd/cluster.conf"
}

door() {
	"$ETCD_CLUSTER_PLAIN" --root "$host" enroll --listen "127.0.0.1:$port" 2>"$BATS_TEST_TMPDIR/n1.log" 3>&- &
	door=$!
	for _ in $(seq 100); do
		grep -q "serving at 127.0.0.1:$port" "$BATS_TEST_TMPDIR/n1.log" && return
		sleep 0.05
	done
	return 1
}

public() {
	case $1 in
	*.crt) openssl x509 -noout -pubkey -in "$1" ;;
	*) openssl pkey -pubout -in "$1" ;;
	esac
}

# Pairs match. A key may wait for its certificate, never the other way round, nor a certificate for the CA.
whole() {
	local crt
	for crt in "$etc"/pki/*.crt; do
		case $crt in
		*'*'* | */ca.crt) continue ;;
		esac
		[ -e "$etc/pki/ca.crt" ]
		[ "$(public "$crt")" = "$(public "${crt%.crt}.key")" ] || {
			echo "$crt does not match its key"
			return 1
		}
	done
}

# Runs again: gets what was missing, then has nothing to do, and nothing is left over.
converges() {
	local rc=0
	"$road" "$root" || rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 2 ]
	rc=0
	"$road" "$root" || rc=$?
	[ $rc -eq 2 ]
	openssl verify -CAfile "$host/etc/etcd/pki/ca.crt" "$etc"/pki/{server,peer,apiserver-etcd-client}.crt
	grep -q "DOOR=127.0.0.1:$port" "$etc/pki/ca.host"
	[ ! -e "$etc/enroll-token" ]
	[ -z "$(find "$root" -name '.pki.new' -o -name '.new-*')" ]
}

# The state of both machines, kept and brought back.
keep() {
	rm -rf "$BATS_TEST_TMPDIR/kept"
	mkdir "$BATS_TEST_TMPDIR/kept"
	cp -a "$root" "$BATS_TEST_TMPDIR/kept/n2"
	cp -a "$host/etc/etcd/enroll" "$BATS_TEST_TMPDIR/kept/enroll"
}

bring_back() {
	rm -rf "$root" "$host"/etc/etcd/enroll/*
	cp -a "$BATS_TEST_TMPDIR/kept/n2" "$root"
	cp -a "$BATS_TEST_TMPDIR"/kept/enroll/. "$host/etc/etcd/enroll/"
}

# at_each HOW POINTS: from the state that is there now, one run for each call of each kind, with HOW happening at it.
at_each() {
	local call n rc step points=0
	keep
	for call in $calls; do
		case $call in
		write | fsync | link) step=4 ;;
		read) step=16 ;;
		*) step=1 ;;
		esac
		for ((n = 1; ; n += step)); do
			bring_back
			rc=0
			strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e "trace=$call" -e "inject=$call:$1:when=$n" "$road" "$root" \
				>"$BATS_TEST_TMPDIR/log" 2>&1 || rc=$?
			echo "$call $n: exit $rc"
			whole
			converges
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

@test "first enrolment, killed at each call" {
	at_each signal=KILL 40
}

@test "first enrolment on a full disk" {
	calls="write fsync rename renameat2 link mkdir" at_each error=ENOSPC 15
}

@test "reissue that keeps the keys, killed at each call" {
	"$road" "$root"
	configure n1 EXTRA_SANS=lb.example.org
	configure n2 EXTRA_SANS=lb.example.org
	at_each signal=KILL 10
	[ ! -e "$etc/pki.old" ]
}

@test "rekey, killed at each call" {
	"$road" "$root"
	configure n2 KEY_TYPE=ed25519
	at_each signal=KILL 30
	[ "$(find "$etc/pki.old" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ]
}
