#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# More rows of hints.bats: situation, hint, result.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # names of hints.bash

bats_require_minimum_version 1.5.0
load hints

@test "a machine that was set up, with a release" {
	one RELEASE=3.6.14
	cp "$DATA"/*.tar.gz "$cache"
	helper setup || :

	rm "$pki"/etcdctl-etcd-client.*
	says 'etcd-cluster setup issues it' backup
	etcd-cluster setup || :
	gone backup

	mkdir "$root/srv"
	: >"$root/srv/list"
	one RELEASE=3.6.14 ETCD_CLIENT_CRL_FILE=/srv/list ETCD_PEER_CRL_FILE=/srv/list
	helper setup || :
	says 'put the list there that the ETCD_ lines name' check --start
	openssl crl -in <(empty_list) -outform DER -out "$root/srv/list"
	gone check --start

	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/etcd"
	"$BATS_TEST_TMPDIR/etcd" 600 3>&- &
	server=$!
	says 'ps -fp %d' check
	[[ $(types) == *etcd* ]]
}

# An empty revocation list of this machine's CA.
empty_list() {
	(
		cd "$BATS_TEST_TMPDIR" || exit
		: >index
		printf '%s\n' '[ca]' default_ca=c '[c]' database=index default_md=sha256 default_crl_days=30 >ca.conf
		openssl ca -config ca.conf -gencrl -cert "$pki/ca.crt" -keyfile "$pki/ca.key" 2>/dev/null
	)
}

@test "certificates of others" {
	one CA=external
	helper setup || :
	SUBJECT=/CN=wrong "$LIB/external-ca" "$BATS_TEST_TMPDIR/corp" "$etc/external"
	says 'have %s/%s.csr signed with the CN in it' setup
	"$LIB/external-ca" "$BATS_TEST_TMPDIR/corp" "$etc/external"
	gone setup
	[ -e "$pki/peer.crt" ]
	cp -r "$pki" "$BATS_TEST_TMPDIR/pki"

	fresh
	conf NAME=n1 ROLE=join JOIN=127.0.0.1 ADDRESS=127.0.0.1
	(umask 077 && echo 5f1d3c7b9a2e4f60817263544c5d6e7f >"$etc/enroll-token")
	says 'write JOIN= or MEMBERS= with the CA host into %s' setup
	sed -i s/JOIN=.*/JOIN=127.0.0.2/ "$etc/cluster.conf"
	gone setup

	# A program that has its own certificate.
	mkdir "$BATS_TEST_TMPDIR/app"
	cd "$BATS_TEST_TMPDIR/app"
	cp "$BATS_TEST_TMPDIR/pki/ca.crt" .
	cp "$BATS_TEST_TMPDIR/pki/etcdctl-etcd-client.crt" app.crt
	install -m 644 "$BATS_TEST_TMPDIR/pki/etcdctl-etcd-client.key" app.key
	says 'if nobody can have read it: chmod o=,g-w %s; else: etcd-cluster cert revoke %s, on the CA host' \
		cert request --from 127.0.0.1:1 --out . app
	hint=${hint%; else*}
	types
	gone cert request --from 127.0.0.1:1 --out . app
	says 'put back those that do; or move %s away, and use a token' cert request --from 127.0.0.1:1 --out . app
	mv app.crt former.crt
	gone cert request --from 127.0.0.1:1 --out . --token-file "$etc/enroll-token" app
}

@test "the etcd of another tool: its certificates, and that it runs" {
	local theirs=$root/srv/pki both

	one CA=external
	helper setup || :
	"$LIB/external-ca" "$BATS_TEST_TMPDIR/corp" "$etc/external"
	helper setup || :
	mkdir -p "$theirs"
	cp "$pki"/{server,peer}.* "$pki/ca.crt" "$theirs"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=server \
		-addext extendedKeyUsage=serverAuth -keyout "$theirs/server.key" -out "$theirs/server.crt" 2>/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=peers -keyout /dev/null \
		-out "$theirs/peers.crt" 2>/dev/null
	cp -r "$pki" "$BATS_TEST_TMPDIR/pki"
	rm -r "$etc"
	mkdir -p "$etc" "$root/etc/systemd/system"
	conf
	their_unit peers.crt
	both='put both CAs into both files, restart each etcd, then issue all certificates from one of them'
	says "$both; then: etcd-cluster adopt" adopt --dry-run
	cat "$theirs/peers.crt" >>"$theirs/ca.crt"
	cp "$theirs/ca.crt" "$theirs/peers.crt"
	gone adopt --dry-run
	their_unit ca.crt
	says 'put one of this CA there, as client.crt and client.key; then: etcd-cluster adopt' adopt --dry-run
	cp "$BATS_TEST_TMPDIR/pki/etcdctl-etcd-client.crt" "$theirs/client.crt"
	cp "$BATS_TEST_TMPDIR/pki/etcdctl-etcd-client.key" "$theirs/client.key"
	gone adopt --dry-run
	says 'that etcd must run while it is taken over: systemctl status %s' adopt --dry-run
	[[ $hint == *"systemctl status etcd.service" ]]
}

# their_unit CA-OF-THE-PEERS
their_unit() {
	local at=/srv/pki client=https://127.0.0.1:9 peer=https://127.0.0.1:10

	printf '%s\n' '[Service]' "ExecStart=/usr/bin/etcd --name n1 --data-dir /srv/data --client-cert-auth \
--trusted-ca-file $at/ca.crt --cert-file $at/server.crt --key-file $at/server.key --peer-client-cert-auth \
--peer-trusted-ca-file $at/$1 --peer-cert-file $at/peer.crt --peer-key-file $at/peer.key --listen-client-urls $client \
--advertise-client-urls $client --listen-peer-urls $peer --initial-advertise-peer-urls $peer" \
		>"$root/etc/systemd/system/etcd.service"
}
