#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The verbs cert and ca, and openssl's verification of their output.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	certify="$PWD/${BUILD:-build}/lib/certify"
	root="$BATS_TEST_TMPDIR/root"
	pki="$root/etc/etcd/pki"
	out="$BATS_TEST_TMPDIR/out"
	mkdir -p "$root/etc/etcd"
	configure
}

configure() {
	printf '%s\n' NAME=n1 ADDRESS=fd00::3 CLIENT_PORT=1 PEER_PORT=2 "$@" >"$root/etc/etcd/cluster.conf"
}

ec() {
	"$ETCD_CLUSTER" --root "$root" "$@"
}

passphrase() {
	(umask 077 && echo 'correct horse battery' >"$BATS_TEST_TMPDIR/word")
}

# strict CA CERT PURPOSE…
strict() {
	local ca=$1 crt=$2 purpose
	shift 2
	for purpose; do
		openssl verify -x509_strict -check_ss_sig -CAfile "$ca" -purpose "$purpose" "$crt"
	done
}

tree() {
	find "$root/etc" -printf '%P %m %s %i %T@\n' | sort
}

@test "openssl verifies every key type and profile strictly" {
	for type in ecdsa-p256 ecdsa-p384 rsa-2048 ed25519; do
		rm -rf "$pki" "$root"/etc/etcd/pki.old
		configure KEY_TYPE=$type EXTRA_SANS='"Etcd.Example.ORG 192.0.2.7"'
		"$certify" "$root"
		strict "$pki/ca.crt" "$pki/ca.crt" any
		for name in server peer; do
			strict "$pki/ca.crt" "$pki/$name.crt" sslserver sslclient
		done
		for name in etcdctl-etcd-client healthcheck-client apiserver-etcd-client; do
			strict "$pki/ca.crt" "$pki/$name.crt" sslclient
			run ! strict "$pki/ca.crt" "$pki/$name.crt" sslserver
		done
		# Keys are PKCS#8 and match their certificates.
		for key in "$pki"/*.key; do
			head -n 1 "$key" | grep -qx -- '-----BEGIN PRIVATE KEY-----'
			[ "$(openssl pkey -in "$key" -pubout)" = "$(openssl x509 -in "${key%.key}.crt" -noout -pubkey)" ]
		done
	done
	openssl x509 -noout -ext subjectAltName,basicConstraints,keyUsage -in "$pki/server.crt" >"$out"
	for san in DNS:etcd.example.org DNS:localhost DNS:n1 'IP Address:192.0.2.7' 'IP Address:FD00:0:0:0:0:0:0:3'; do
		grep -q "$san" "$out"
	done
	grep -q 'Key Usage: critical' "$out"
	# What several machines share is no address of a member.
	openssl x509 -noout -ext subjectAltName -in "$pki/peer.crt" >"$out"
	grep -q DNS:n1 "$out"
	run ! grep -qi 'etcd.example.org\|192.0.2.7' "$out"
	openssl x509 -noout -ext basicConstraints -in "$pki/ca.crt" | tr -d '\n' | grep -q 'critical *CA:TRUE, pathlen:0'
}

@test "list prints the days left, and --json prints JSON" {
	ec cert list | grep -q 'is missing; etcd-cluster setup'
	"$certify" "$root"
	ec cert list | grep -Eq '^server +36[45] +CN=n1$'
	run ! grep -q ';' <(ec cert list)
	ec cert list --json |
		jq -e 'length == 6 and all(.problem == null) and .[1].sans == ["127.0.0.1","::1","fd00::3","localhost","n1"]'
	ETCD_CLUSTER_NOW=$(($(date +%s) + 300 * 86400)) ec cert list | grep -q 'etcd-cluster cert renew'
}

@test "renew does nothing until a certificate is due" {
	run -2 ec cert renew --exit-code # no certificates: nothing to renew, and no CA is made
	[ ! -e "$pki" ]
	"$certify" "$root"
	before=$(tree)
	run -2 ec cert renew --exit-code
	run -2 ec cert renew --exit-code server
	run -3 ec cert renew sever
	run -0 ec cert renew --force --dry-run
	[[ $output == *"would be renewed"* ]]
	[ "$(tree)" = "$before" ]
	key=$(cat "$pki/server.key")
	later=$(($(date +%s) + 400 * 86400)) # after their expiry
	ETCD_CLUSTER_NOW=$later run -0 ec cert renew
	ETCD_CLUSTER_NOW=$later run -2 ec cert renew --exit-code
	[ "$(cat "$pki/server.key")" = "$key" ]
	strict "$pki/ca.crt" "$pki/ca.crt" any
	openssl verify -attime "$later" -CAfile "$pki/ca.crt" "$pki"/server.crt "$pki"/peer.crt "$pki"/*client.crt
}

@test "issue makes certificates for other hosts and clients, and refuses dangerous ones" {
	run -3 ec cert issue client --name alice --out "$out"
	[[ $output == *"etcd-cluster setup"* ]]
	"$certify" "$root"
	run -0 --separate-stderr ec cert issue client --name alice --out "$out"
	[ "$output" = "$out/alice.crt" ]
	[ "$(stat -c %a "$out/alice.key")" = 600 ]
	strict "$out/ca.crt" "$out/alice.crt" sslclient
	openssl x509 -noout -subject -nameopt RFC2253 -in "$out/alice.crt" | grep -qx subject=CN=alice
	sum=$(sha256sum "$out"/*)
	run -3 ec cert issue client --name alice --out "$out"
	run -3 ec cert issue client --out "$out"
	run -3 ec cert issue client --name etcd-peer --out "$out"
	run -3 ec cert issue client --name root --out "$out"
	run -3 ec cert issue client --name N1 --out "$out"
	[[ $output == *"a client cannot be called N1"* ]]
	run -3 ec cert issue client --name ../x --out "$out"
	run -3 ec cert issue client --name bob --san lb --out "$out"
	run -3 ec cert issue apiserver --name etcd-peer --out "$out"
	run -3 ec cert issue server --name n2 --san 'a b,c/d' --out "$out"
	run -3 ec cert issue sever --out "$out"
	run -0 ec cert issue client --name bob --dry-run --out "$out"
	[ "$(sha256sum "$out"/*)" = "$sum" ]
	run -0 ec cert issue client --name root --allow-root --out "$out"

	for profile in server peer; do
		run -0 ec cert issue $profile --name N2 --san 10.0.0.2,n2.example.org --out "$out/n2"
		strict "$pki/ca.crt" "$out/n2/$profile.crt" sslserver sslclient
		openssl x509 -noout -ext subjectAltName -in "$out/n2/$profile.crt" |
			grep -q 'IP Address:10.0.0.2.*DNS:n2, DNS:n2.example.org'
	done
	openssl x509 -noout -subject -nameopt RFC2253 -in "$out/n2/peer.crt" | grep -qx subject=CN=etcd-peer
	ec cert issue apiserver --out "$out/n2"
	ec cert issue healthcheck --out "$out/n2"
	# Killed between key and certificate: the key is used.
	rm "$out/alice.crt"
	key=$(cat "$out/alice.key")
	ec cert issue client --name alice --out "$out"
	[ "$(cat "$out/alice.key")" = "$key" ]
	# The directory of another CA.
	echo x >"$out/n2/ca.crt"
	run -3 ec cert issue client --name carol --out "$out/n2"
	[ ! -e "$out/n2/carol.key" ]
}

@test "the files of issue are enough for another host, without the CA key" {
	"$certify" "$root"
	"$ETCD_CLUSTER" --root "$root" cert issue server --name n2 --san 10.0.0.2 --out "$out/etc/etcd/pki"
	"$ETCD_CLUSTER" --root "$root" cert issue peer --name n2 --san 10.0.0.2 --out "$out/etc/etcd/pki"
	printf '%s\n' NAME=n2 ADDRESS=10.0.0.2 CLIENT_PORT=1 PEER_PORT=2 >"$out/etc/etcd/cluster.conf"
	run -3 "$certify" "$out"
	[[ $output == *"lacks: etcdctl-etcd-client.crt etcdctl-etcd-client.key"* ]]
	cp "$pki"/etcdctl-etcd-client.* "$out/etc/etcd/pki"
	chmod 750 "$out/etc/etcd/pki" && chmod 640 "$out/etc/etcd/pki/server.key" "$out/etc/etcd/pki/peer.key"
	run -2 "$certify" "$out"
	printf '%s\n' NAME=n2 ADDRESS=10.0.0.3 >"$out/etc/etcd/cluster.conf"
	run -4 "$certify" "$out"
	[[ $output == *"not valid for 10.0.0.3"* ]]
}

@test "export writes the files for kubeadm without the CA key" {
	run -1 ec cert export "$out"
	rm -rf "$out"
	"$certify" "$root"
	run -0 ec cert export --dry-run "$out"
	[ ! -e "$out" ]
	ec cert export "$out"
	[ ! -e "$out/ca.key" ]
	for name in server peer healthcheck-client apiserver-etcd-client; do
		cmp "$pki/$name.crt" "$out/$name.crt"
		cmp "$pki/$name.key" "$out/$name.key"
		[ "$(stat -c %a "$out/$name.key")" = 600 ]
	done
	run -2 ec cert export --exit-code "$out"
	ec cert renew --force
	run -3 ec cert export "$out"
}

@test "ca export and ca import move the encrypted CA to a machine without one" {
	passphrase
	word="$BATS_TEST_TMPDIR/word"
	run -3 ec ca show
	"$certify" "$root"
	run -3 ec ca export "$out"
	run -0 ec ca export --passphrase-file "$word" "$out"
	[ "$(stat -c %a "$out")" = 600 ]
	grep -q 'BEGIN ENCRYPTED PRIVATE KEY' "$out"
	[ "$(openssl pkey -in "$out" -passin "file:$word" -pubout)" = "$(openssl x509 -in "$pki/ca.crt" -noout -pubkey)" ]
	run -3 ec ca export --passphrase-file "$word" "$out"
	(umask 077 && echo short >"$word.short")
	run -3 ec ca export --passphrase-file "$word.short" "$out.2"

	there="$BATS_TEST_TMPDIR/there"
	mkdir -p "$there/etc/etcd"
	cp "$root/etc/etcd/cluster.conf" "$there/etc/etcd"
	(umask 077 && echo 'wrong horse battery' >"$word.wrong")
	run -4 "$ETCD_CLUSTER" --root "$there" ca import --passphrase-file "$word.wrong" "$out"
	[[ $output == *"passphrase is wrong"* ]]
	chmod 644 "$word.wrong"
	run -4 "$ETCD_CLUSTER" --root "$there" ca import --passphrase-file "$word.wrong" "$out"
	[[ $output == *"read by others"* ]]
	[ ! -e "$there/etc/etcd/pki" ]
	run -0 "$ETCD_CLUSTER" --root "$there" ca import --passphrase-file "$word" "$out"
	run -2 "$ETCD_CLUSTER" --root "$there" ca import --exit-code --passphrase-file "$word" "$out"
	cmp "$pki/ca.crt" "$there/etc/etcd/pki/ca.crt"
	[ "$(stat -c %a "$there/etc/etcd/pki/ca.key")" = 600 ]
	"$certify" "$there"
	strict "$pki/ca.crt" "$there/etc/etcd/pki/server.crt" sslserver
	[ "$(ec ca show --json | jq -r .spki_sha256)" = \
		"$("$ETCD_CLUSTER" --root "$there" ca show --json | jq -r .spki_sha256)" ]

	# Another CA is never replaced.
	rm -rf "$pki"
	"$certify" "$root"
	before=$(tree)
	run -3 ec ca import --passphrase-file "$word" "$out"
	[[ $output == *"another CA"* ]]
	[ "$(tree)" = "$before" ]
}

@test "no message contains a key" {
	"$certify" "$root" 2>"$out"
	for args in 'cert list' 'cert list --json' 'cert renew --force' 'ca show'; do
		# shellcheck disable=SC2086 # words
		"$ETCD_CLUSTER" -v --root "$root" $args >>"$out" 2>&1
	done
	head -c 20 "$pki/server.key" >"$pki/server.key.cut" && mv "$pki/server.key.cut" "$pki/server.key"
	"$ETCD_CLUSTER" -v --root "$root" cert renew >>"$out" 2>&1 || :
	for key in "$pki"/*.key; do
		line=$(sed -n 2p "$key")
		[ -z "$line" ] || run ! grep -qF -- "$line" "$out"
	done
}
