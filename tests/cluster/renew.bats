#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Our certificates with etcd 3.4 and 3.5: every key type works, a renewal needs no restart and fails no handshake,
# expired certificates are renewed, and the peer port accepts only peers.

bats_require_minimum_version 1.5.0
load lib

setup() {
	certify="${ETCD_CLUSTER_PLAIN%/*}/lib/certify" # from the same build as the program
	root="$BATS_TEST_TMPDIR/root"
	pki="$root/etc/etcd/pki"
	client=$(port n1 1) peer=$(port n1 2)
	mkdir -p "$root/etc/etcd"
	configure
	export ETCDCTL_API=3
}

teardown() {
	end_all
}

configure() {
	printf '%s\n' NAME=n1 ADDRESS=127.0.0.1 CLIENT_PORT="$client" PEER_PORT="$peer" "$@" >"$root/etc/etcd/cluster.conf"
}

# release 3.4: sets $bin to a directory with that etcd.
release() {
	need_release "$1"
	bin=$(unpacked)
}

# launch [DIR]: runs etcd with the certificates of that directory and waits for its client port.
launch() {
	local dir=${1:-$pki} url="https://127.0.0.1"

	behind etcd "$bin/etcd" --name n1 --data-dir "$BATS_TEST_TMPDIR/data" --logger=zap --log-outputs=stderr \
		--listen-client-urls "$url:$client" --advertise-client-urls "$url:$client" \
		--listen-peer-urls "$url:$peer" --initial-advertise-peer-urls "$url:$peer" --initial-cluster "n1=$url:$peer" \
		--client-cert-auth --trusted-ca-file "$dir/ca.crt" --cert-file "$dir/server.crt" --key-file "$dir/server.key" \
		--peer-client-cert-auth --peer-trusted-ca-file "$dir/ca.crt" --peer-cert-file "$dir/peer.crt" \
		--peer-key-file "$dir/peer.key" --peer-cert-allowed-cn etcd-peer
	eventually listens "$client"
}

# pair NAME: prints curl's options for that client certificate.
pair() {
	echo --silent --show-error --http1.1 --max-time 10 --cacert "$pki/ca.crt" --cert "$pki/$1.crt" --key "$pki/$1.key"
}

serves() {
	"$bin/etcdctl" --endpoints "https://127.0.0.1:$client" --cacert "$pki/ca.crt" \
		--cert "$pki/etcdctl-etcd-client.crt" --key "$pki/etcdctl-etcd-client.key" endpoint health
}

serial() {
	openssl x509 -noout -serial -in "$1"
}

served() {
	openssl s_client -connect "127.0.0.1:$1" -cert "$pki/peer.crt" -key "$pki/peer.key" </dev/null 2>/dev/null |
		openssl x509 -noout -serial
}

every_key_type() {
	release "$1"
	for type in ecdsa-p256 ecdsa-p384 rsa-2048 rsa-4096 ed25519; do
		rm -rf "$pki" "$root/etc/etcd/pki.old" "$BATS_TEST_TMPDIR/data"
		configure KEY_TYPE=$type
		"$certify" "$root"
		launch
		serves
		end etcd
	done
}

renewal() {
	release "$1"
	"$certify" "$root"
	launch
	serves
	behind client "$certify" "$root" 127.0.0.1 "$client" etcdctl-etcd-client
	behind peer "$certify" "$root" 127.0.0.1 "$peer" peer
	before=$(serial "$pki/server.crt")
	key=$(cat "$pki/server.key" "$pki/peer.key")
	for _ in {1..10}; do
		"$ETCD_CLUSTER_PLAIN" --root "$root" cert renew --force
	done
	end client
	end peer
	cat "$BATS_TEST_TMPDIR/client.log" "$BATS_TEST_TMPDIR/peer.log"
	grep -Eq '^handshakes [0-9]{2,} failed 0 serials [0-9]{1,}$' "$BATS_TEST_TMPDIR/client.log"
	grep -Eq '^handshakes [0-9]{2,} failed 0 serials [0-9]{1,}$' "$BATS_TEST_TMPDIR/peer.log"
	[ "$(serial "$pki/server.crt")" != "$before" ]
	[ "$(served "$client")" = "$(serial "$pki/server.crt")" ]
	[ "$(served "$peer")" = "$(serial "$pki/peer.crt")" ]
	[ "$(cat "$pki/server.key" "$pki/peer.key")" = "$key" ]
	serves
	kill -0 "$(cat "$BATS_TEST_TMPDIR/etcd.pid")"
}

expiry() {
	release "$1"
	configure CERT_DAYS=2
	mkdir -m 700 "$pki"
	faketime -f -40d openssl req -x509 -newkey ed25519 -nodes -days 3000 -subj /CN=old \
		-addext keyUsage=critical,keyCertSign -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>/dev/null
	ETCD_CLUSTER_NOW=$(($(date +%s) - 30 * 86400)) "$ETCD_CLUSTER" --root "$root" cert renew
	launch # etcd starts with an expired certificate; the preflight is not used here
	run ! serves
	"$ETCD_CLUSTER_PLAIN" --root "$root" cert renew
	serves
	kill -0 "$(cat "$BATS_TEST_TMPDIR/etcd.pid")"
}

ports() {
	release "$1"
	"$certify" "$root"
	launch
	# shellcheck disable=SC2046 # words
	{
		curl $(pair peer) "https://127.0.0.1:$peer/members" | grep -q n1
		for name in etcdctl-etcd-client healthcheck-client apiserver-etcd-client server; do
			run ! curl $(pair $name) "https://127.0.0.1:$peer/members"
			curl $(pair $name) "https://127.0.0.1:$client/health" | grep -q true
		done
		run ! curl --silent --cacert "$pki/ca.crt" "https://127.0.0.1:$client/health"
		run ! curl --silent "http://127.0.0.1:$client/health"
		# The gateway connects to etcd with the server certificate: 503 if it has no clientAuth.
		curl $(pair etcdctl-etcd-client) --fail -X POST -d '{}' "https://127.0.0.1:$client/v3/maintenance/status" |
			grep -q version
	}
}

# A renewal that etcd does not serve fails.
stale() {
	release "$1"
	"$certify" "$root"
	cp -a "$pki" "$BATS_TEST_TMPDIR/elsewhere"
	launch "$BATS_TEST_TMPDIR/elsewhere"
	run -5 "$ETCD_CLUSTER_PLAIN" --root "$root" cert renew --force
	[[ $output == *"still serves"* ]]
	[[ $output == *"systemctl restart etcd"* ]]
}

@test "etcd 3.4 serves every key type" { every_key_type 3.4; }
@test "etcd 3.5 serves every key type" { every_key_type 3.5; }
@test "etcd 3.4: renewals fail no handshake and are served at once" { renewal 3.4; }
@test "etcd 3.5: renewals fail no handshake and are served at once" { renewal 3.5; }
@test "etcd 3.4: expired certificates are renewed without a restart" { expiry 3.4; }
@test "etcd 3.5: expired certificates are renewed without a restart" { expiry 3.5; }
@test "etcd 3.4: clients are refused on the peer port, strangers everywhere" { ports 3.4; }
@test "etcd 3.5: clients are refused on the peer port, strangers everywhere" { ports 3.5; }
@test "etcd 3.4: a certificate that etcd does not serve is reported" { stale 3.4; }
