#!/usr/bin/env bats
# `check` and `check --start` without a running etcd: each finding with the command that fixes it.

bats_require_minimum_version 1.5.0

load ../lib/checked

setup() {
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/etc/etcd" "$root/usr/share/etcd-cluster"
	: >"$root/usr/share/etcd-cluster/releases.sha256"
	conf NAME=n1 RELEASE_URL=none RELEASE=3.6.14 CLIENT_PORT=9 PEER_PORT=10 METRICS_URL=
}

teardown() {
	[ -z "${server-}" ] || kill "$server"
}

helper() {
	checked "$root" "$@"
}

conf() {
	printf '%s\n' "$@" >"$root/etc/etcd/cluster.conf"
}

tree() {
	(cd "$root" && find . -printf '%p %y %m %T@ %s\n' | LC_ALL=C sort)
}

@test "without certificates the preflight refuses with the first fix" {
	run -3 helper check --start
	[[ "$output" == *"no etcd release is installed"* ]]
	[[ "$output" == *"-> etcd-cluster setup"* ]]
	[[ "$output" != *"ok  "* ]]
}

@test "a certificate that has expired is one finding with one command" {
	helper setup || :
	export ETCD_CLUSTER_NOW=$(($(date +%s) + 400 * 86400))
	run helper check
	[ "$(grep -c 'server.crt expired on' <<<"$output")" -eq 1 ]
	[[ "$output" == *"bad   "*"server.crt expired on "*"-> etcd-cluster setup"* ]]
	[[ "$output" == *"warn  certificate peer: "*"peer.crt expired on "* ]]
	unset ETCD_CLUSTER_NOW
}

@test "the preflight detects certificates that do not match, in less than a second of processor time" {
	helper setup || :
	mkdir -p "$root/var/lib/etcd-cluster"
	run -3 helper check --start
	[[ "$output" == *"no etcd release"* ]]
	[[ "$output" != *"certificate"* ]]
	cp "$root/etc/etcd/pki/peer.key" "$root/etc/etcd/pki/server.key"
	local TIMEFORMAT='%3U %3S' took

	took=$({ time helper check --start >/dev/null 2>&1 || :; } 2>&1 | awk '{ print int(($1 + $2) * 1000) }')
	[ "$took" -lt 1000 ]
	run helper check --start
	[[ "$output" == *"server"* ]]
	[ "$(grep -c '^bad' <<<"$output")" -eq 2 ]
}

@test "a port in use: the program is named; exit 3" {
	python3 -c '
import socket, sys, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(60)' >"$BATS_TEST_TMPDIR/port" 3>&- &
	server=$!
	for _ in {1..100}; do
		[ ! -s "$BATS_TEST_TMPDIR/port" ] || break
		sleep 0.05
	done
	conf NAME=n1 RELEASE_URL=none RELEASE=3.6.14 METRICS_URL= CLIENT_PORT="$(cat "$BATS_TEST_TMPDIR/port")"
	run -3 helper check
	[[ "$output" == *"is taken by python3 (process $server)"* ]]
	[[ "$output" == *"CLIENT_PORT"* ]]
}

@test "an address of another machine: exit 3, or 6 without any network" {
	conf NAME=n1 ADDRESS=192.0.2.7 RELEASE_URL=none
	if ip -o address 2>/dev/null | grep -q 'scope global'; then
		run -3 helper check
	else
		run helper check
	fi
	[[ "$output" == *"192.0.2.7 is not an address of this machine"* ]]
	[[ "$output" == *"-> "*"ADDRESS"* ]]
}

@test "a clock before 2025; exit 3" {
	ETCD_CLUSTER_NOW=100000000 run -3 helper check
	[[ "$output" == *"the clock is wrong"* ]]
	[[ "$output" == *"timedatectl"* ]]
}

@test "cluster.conf that others can write is refused or reported" {
	chmod g+w "$root/etc/etcd/cluster.conf"
	run helper check
	[ "$status" -eq 4 ] || [[ "$output" == *"can be written by others"*"chmod go-w"* ]]
}

@test "a release without a trusted digest, a data directory that everybody can read" {
	mkdir -p "$root/var/lib/etcd-cluster"
	chmod 0755 "$root/var/lib/etcd-cluster"
	run helper check
	[[ "$output" == *"no table has the digest of etcd-v3.6.14-linux-"*"releases.sha256.d"* ]]
	[[ "$output" == *"can be read by others (mode 0755)"*"-> chmod 0700 $root/var/lib/etcd-cluster"* ]]
	printf '%064d  etcd-v3.6.14-linux-amd64.tar.gz\n%064d  etcd-v3.6.14-linux-arm64.tar.gz\n' 0 0 \
		>"$root/usr/share/etcd-cluster/releases.sha256"
	run helper check
	[[ "$output" == *"the digest of etcd 3.6.14 is known"* ]]
}

@test "the unit and the package of another etcd are reported" {
	mkdir -p "$root/etc/systemd/system" "$root/usr/share/doc/etcd-server"
	touch "$root/etc/systemd/system/etcd.service"
	run helper check
	[[ "$output" == *"etcd.service overrides"*"systemctl revert"* ]]
	[[ "$output" == *"etcd-server is installed"*"apt remove etcd-server"* ]]
}

@test "other machines: a bad name is an error, a closed port is not; no token, no enrolment server" {
	conf NAME=n4 ROLE=join JOIN=127.0.0.2,no-such-host.invalid ADDRESS=127.0.0.1 RELEASE_URL=none RELEASE=3.6.14 \
		CLIENT_PORT=9 \
		PEER_PORT=10 METRICS_URL= ENROLL_PORT=11
	run helper check
	[[ "$output" == *"ok    127.0.0.2 (127.0.0.2) is there; nobody listens on port 9 yet"* ]]
	[[ "$output" == *"bad   the name no-such-host.invalid cannot be resolved"*"/etc/hosts"* ]]
	[[ "$output" == *"warn  this machine has neither certificates nor an enrolment token"*"etcd-cluster token new"* ]]
	[[ "$output" == *"warn  no CA host can be reached on the enrolment port 11"* ]]
	(umask 077 && echo password1234 >"$root/etc/etcd/enroll-token")
	run helper check
	[[ "$output" == *"bad "*token* ]]
	[[ "$output" != *password1234* ]]
	chmod 0644 "$root/etc/etcd/enroll-token"
	run helper check
	[[ "$output" == *"bad "*enroll-token* ]]
}

@test "--json prints JSON, and check changes nothing" {
	before=$(tree)
	run --separate-stderr helper check --json
	python3 -c '
import json, sys
found = json.load(sys.stdin)
assert any(f["level"] == "bad" and f["fix"] for f in found), found
assert all(set(f) == {"level", "code", "what", "fix"} for f in found), found' <<<"$output"
	run --separate-stderr helper check --start --json
	python3 -c '
import json, sys
assert all(f["level"] != "ok" for f in json.load(sys.stdin))' <<<"$output"
	[ "$(tree)" = "$before" ]
}

# a_member: certificates and data of a machine with a user etcd of the group 902, below a directory that all can enter.
a_member() {
	[ "$(id -u)" -eq 0 ] || skip "only root can give files to another user"
	root=$(mktemp -d)
	chmod 0755 "$root"
	mkdir -p "$root/etc/etcd" "$root/var/lib/etcd-cluster"
	printf '%s\n' root:x:0:0::/root:/bin/sh etcd:x:901:902::/:/bin/false >"$root/etc/passwd"
	conf NAME=n1 RELEASE_URL=none RELEASE=3.6.14 CLIENT_PORT=9 PEER_PORT=10 METRICS_URL=
	helper setup || :
	[ "$(stat -c %g:%a "$root/etc/etcd/pki/server.key")" = 902:640 ]
}

@test "without root, in the group etcd: what cannot be seen is said, and nothing is called wrong for it" {
	a_member
	for verb in status check; do
		run setpriv --reuid 65534 --regid 902 --clear-groups "$ETCD_CLUSTER" --root "$root" $verb
		echo "$output"
		[[ "$output" == *"only root sees it"*"sudo etcd-cluster check"* ]]
		[[ "$output" != *"chmod 600"* ]]
		[[ "$output" != *"can be read by others"* ]]
		[[ "$output" != *"taken by another program"* ]]
		[ "$(grep '^bad' <<<"$output")" = "bad   no etcd release is installed" ]
	done
	rm -rf "$root"
}

@test "the user etcd is gone, or has another number: the cause is named" {
	a_member
	chown 801:802 "$root/var/lib/etcd-cluster"
	chgrp 802 "$root"/etc/etcd/pki/{server,peer}.key
	for verb in status check; do
		run helper $verb
		[[ "$output" == *"the group of the user etcd is 902 now, and the key "*" is for group 802"*"chown -R etcd:etcd"* ]]
		[[ "$output" != *"chmod 600"* ]]
	done
	sed -i /^etcd:/d "$root/etc/passwd"
	run helper check
	[[ "$output" == *"there is no user etcd, for whose group (802) the key "*"-> systemd-sysusers etcd-cluster.conf"* ]]
	rm -rf "$root"
}

@test "usage" {
	run -3 helper check --strat
	run -3 helper check now
	run -0 helper check --help
	[[ "$output" == *"check [--start] [--json]"* ]]
}
