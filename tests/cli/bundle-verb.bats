#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The verb bundle: its output is enough for another machine, has no CA key, and agrees with MEMBERS.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	certify="$PWD/${BUILD:-build}/lib/certify"
	root="$BATS_TEST_TMPDIR/n1"
	pki="$root/etc/etcd/pki"
	out="$BATS_TEST_TMPDIR/out"
	configure n1
	"$certify" "$root" 2>/dev/null
}

# configure NAME [LINE…]: the same answers on every machine, with loopback addresses only.
configure() {
	local name=$1
	shift
	mkdir -p "$BATS_TEST_TMPDIR/$name/etc/etcd"
	printf '%s\n' NAME="$name" ROLE=cluster "MEMBERS=n1=127.0.0.1,n2=127.0.0.2,n3=[::1]" CLIENT_PORT=1 \
		PEER_PORT=$((20000 + RANDOM % 10000)) "$@" \
		>"$BATS_TEST_TMPDIR/$name/etc/etcd/cluster.conf"
}

ec() {
	"$ETCD_CLUSTER" --root "$root" "$@"
}

files() {
	echo apiserver-etcd-client.{crt,key} ca.crt ca.host etcdctl-etcd-client.{crt,key} healthcheck-client.{crt,key} \
		peer.{crt,key} server.{crt,key}
}

@test "a directory of certificates is enough for another machine" {
	run -0 --separate-stderr ec bundle --out "$out" N2=127.0.0.2
	[ "$output" = "$out" ]
	[ "$(cd "$out" && echo *)" = "$(files)" ]
	[ "$(stat -c %a "$out" "$out"/*.key | sort -u | tr '\n' ' ')" = "600 700 " ]
	grep -qx 'DOOR=127.0.0.1:2382' "$out/ca.host"
	cmp "$pki/ca.crt" "$out/ca.crt"
	configure n2
	cp -r "$out" "$BATS_TEST_TMPDIR/n2/etc/etcd/pki"
	run -0 "$certify" "$BATS_TEST_TMPDIR/n2" # owner and mode of what etcd reads
	run -2 "$certify" "$BATS_TEST_TMPDIR/n2"
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/n2/etc/etcd/pki" "$BATS_TEST_TMPDIR/n2/etc/etcd/pki/peer.key" |
		tr '\n' ' ')" = "750 640 " ]
	"$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n2" cert list --json |
		jq -e 'all(.problem == null) and .[0].source == "127.0.0.1:2382"'
}

@test "tar unpacks an archive in place; IPv6 and further names" {
	run -0 ec bundle --san lb.example.org,192.0.2.7 --out "$out.tar" "n3=[::1]"
	[[ "$output" == *"ssh root@::1 tar -C / -xpf"* ]]
	[ "$(stat -c %a "$out.tar")" = 600 ]
	mkdir -p "$BATS_TEST_TMPDIR/n3"
	tar -C "$BATS_TEST_TMPDIR/n3" -xpf "$out.tar"
	[ "$(cd "$BATS_TEST_TMPDIR/n3/etc/etcd/pki" && echo *)" = "$(files)" ]
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/n3/etc/etcd/pki")" = 750 ]
	configure n3 'EXTRA_SANS="lb.example.org 192.0.2.7"'
	run -0 "$certify" "$BATS_TEST_TMPDIR/n3"
	run -2 "$certify" "$BATS_TEST_TMPDIR/n3"
	[ "$("$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n3" cert list --json | jq -c '.[1].sans')" = \
		'["127.0.0.1","192.0.2.7","::1","lb.example.org","localhost","n3"]' ]
	# Every key is new and different.
	run -0 ec bundle --out "$out.2.tar" n3=::1
	run ! cmp -s "$out.tar" "$out.2.tar"
	[ "$(tar -xOf "$out.tar" etc/etcd/pki/peer.key)" != "$(tar -xOf "$out.2.tar" etc/etcd/pki/peer.key)" ]
	[ "$(tar -xOf "$out.tar" etc/etcd/pki/peer.key)" != "$(tar -xOf "$out.tar" etc/etcd/pki/server.key)" ]
}

@test "a name or address that contradicts MEMBERS or is invalid is refused, and nothing is written" {
	for args in n2=127.0.0.3 n4=127.0.0.2 n1=127.0.0.9 n9=127.0.0.1 n2 n2= =127.0.0.2 'n2=127.0.0' \
		'n_2=127.0.0.2' 'n2=[::1' \
		'n2=a b' '--san a,b/c n2=127.0.0.2' '--san * n2=127.0.0.2'; do
		set -f
		# shellcheck disable=SC2086 # words
		run -3 ec bundle --out "$out" $args
		set +f
		echo "$args: $output"
		[ ! -e "$out" ]
	done
	run -3 ec bundle n2=127.0.0.2
	[[ "$output" == *"--out is missing"* ]]
	run -0 ec bundle --dry-run --out "$out" n2=127.0.0.2
	[ ! -e "$out" ]
	mkdir "$out"
	run -3 ec bundle --out "$out" n2=127.0.0.2
	[[ "$output" == *"exists already"* ]]
	rmdir "$out"
	# A machine outside of MEMBERS can still join.
	run -0 ec bundle --out "$out" n7=127.0.0.7
}

@test "a machine without the CA key makes none and names the CA host" {
	ec bundle --out "$out" n2=127.0.0.2
	configure n2
	cp -r "$out" "$BATS_TEST_TMPDIR/n2/etc/etcd/pki"
	run -3 "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n2" bundle --out "$out.3" "n3=[::1]"
	[[ "$output" == *"run this on the machine with ca.key"* ]]
	[ ! -e "$out.3" ]
}

@test "copied certificates without a CA key are only checked, and the fix is bundle" {
	ec bundle --out "$out" n2=127.0.0.2
	configure n2
	rm "$out/ca.host"
	cp -r "$out" "$BATS_TEST_TMPDIR/n2/etc/etcd/pki"
	run -0 "$certify" "$BATS_TEST_TMPDIR/n2"
	"$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n2" cert list | grep -qx 'signed by: copied'
	rm "$BATS_TEST_TMPDIR/n2/etc/etcd/pki/peer.crt"
	run -3 "$certify" "$BATS_TEST_TMPDIR/n2"
	[[ "$output" == *"lacks: peer.crt"*"etcd-cluster bundle n2=127.0.0.2"* ]]
	run -3 "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n2" cert renew --force
	[[ "$output" == *"etcd-cluster bundle n2=127.0.0.2"* ]]
	cp "$out/peer.crt" "$BATS_TEST_TMPDIR/n2/etc/etcd/pki"
	ETCD_CLUSTER_NOW=$(($(date +%s) + 300 * 86400)) "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n2" cert list |
		grep -q 'cannot be renewed here.*etcd-cluster bundle n2=127.0.0.2'
}

@test "a killed run leaves no complete-looking output, and the next run cleans up" {
	[ -x "$ETCD_CLUSTER_PLAIN" ] || skip "no $ETCD_CLUSTER_PLAIN"
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
	local n
	for n in 1 2 3; do
		run strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=fsync -e "inject=fsync:signal=KILL:when=$n" \
			"$ETCD_CLUSTER_PLAIN" --root "$root" bundle --out "$out" n2=127.0.0.2
		[ "$status" -eq 137 ]
		[ ! -e "$out" ]
	done
	run -0 ec bundle --out "$out" n2=127.0.0.2
	[ ! -e "$out.unfinished" ]
}

@test "no message contains a key" {
	"$ETCD_CLUSTER" -v --root "$root" bundle --out "$out" n2=127.0.0.2 >"$BATS_TEST_TMPDIR/log" 2>&1
	for key in "$out"/*.key "$pki/ca.key"; do
		run ! grep -qF -- "$(sed -n 2p "$key")" "$BATS_TEST_TMPDIR/log"
	done
}

@test "cert export prints the section for kubeadm" {
	run -0 --separate-stderr ec cert export "$out"
	python3 - "$output" <<'EOP'
import sys
want = """etcd:
  external:
    endpoints:
      - "https://127.0.0.1:1"
      - "https://127.0.0.2:1"
      - "https://[::1]:1"
    caFile: /etc/kubernetes/pki/etcd/ca.crt
    certFile: /etc/kubernetes/pki/etcd/apiserver-etcd-client.crt
    keyFile: /etc/kubernetes/pki/etcd/apiserver-etcd-client.key"""
got = "\n".join(line for line in sys.argv[1].splitlines() if not line.startswith("#"))
sys.exit(got != want and got)
EOP
	[ -e "$out/apiserver-etcd-client.key" ]
	[ ! -e "$out/ca.key" ]
}
