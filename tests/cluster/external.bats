#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# CA=external with real etcd: openssl is the CA of somebody else (tests/lib/external-ca). A lone member, three that form
# a cluster and a fourth that joins; replaced files; a kill at each step.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load crash
load own-address
load form
load join

kinds="mkdir write fsync rename renameat2 link unlink unlinkat"

setup() {
	need_release "${SERIES:-3.5}"
	certify="${ETCD_CLUSTER_PLAIN%/*}/lib/certify" # from the same build as the program
}

teardown() {
	end_all
}

# sign NAME [CERTIFICATE…]: as the person or program who brings the certificates of that machine.
sign() {
	local name=$1
	shift

	"$top/tests/lib/external-ca" "$BATS_TEST_TMPDIR/corp" "$(etc "$name")/external" "$@"
}

serial() {
	openssl x509 -noout -serial -in "$1"
}

# served PORT [PAIR]: the serial that etcd of n1 shows there to a client with that pair.
served() {
	local pki

	pki=$(etc n1)/pki
	openssl s_client -connect "$net.1:$1" -cert "$pki/${2-peer}.crt" -key "$pki/${2-peer}.key" </dev/null 2>/dev/null |
		openssl x509 -noout -serial
}

# n1, alone, with certificates and a running etcd.
lone() {
	bare n1 "${own_ports[@]}" ROLE=single "ADDRESS=$net.1" CA=external
	run -6 helper n1 setup
	sign n1
	helper n1 setup
	launch n1
	wait_healthy n1
	remember n1
}

@test "a lone member waits for its certificates, and says for which" {
	local dir

	bare n1 "${own_ports[@]}" ROLE=single "ADDRESS=$net.1" CA=external
	dir=$(etc n1)/external
	run -6 helper n1 setup
	[[ "$output" == *"$dir lacks ca.crt server.crt peer.crt etcdctl-etcd-client.crt"* ]]
	[[ "$output" == *"have the requests $dir/*.csr signed"* ]]
	run helper n1 status
	[[ "$output" == *"pending: the certificates of the external CA are not complete: $dir lacks"*"-> have the requests"* ]]
	sign n1 server
	run -6 helper n1 setup
	[[ "$output" == *"$dir lacks peer.crt etcdctl-etcd-client.crt"* ]]
	sign n1
	cp "$dir/peer.crt" "$dir/server.crt"
	run -4 helper n1 setup
	[[ "$output" == *"$dir/server.crt and $dir/server.key do not belong together"*"have $dir/server.csr signed"* ]]
	[ ! -e "$(etc n1)/pki" ]
	[ ! -e "$(etc n1)/etcd.env" ]
	sign n1 server
	helper n1 setup
	launch n1
	wait_healthy n1
	etcdctl n1 put a b
	helper n1 setup
	helper n1 cert list | grep -qx 'signed by: external'
	helper n1 cert list --json | jq -e 'all(.problem == null)' >/dev/null
	run -2 helper n1 setup --exit-code
	[ ! -e "$(etc n1)/pki/ca.key" ]
	[ ! -e "$(etc n1)/enroll/tokens" ]
	run ! grep -q CRL "$(etc n1)/etcd.env"
	run -3 helper n1 cert renew --force
	run -3 helper n1 token new --name n2 --address "$net.2"
}

@test "replaced certificates are served without a restart, and no handshake fails" {
	local pki pid i

	lone
	pki=$(etc n1)/pki
	pid=$(etcd_pid n1)
	behind client "$certify" "$BATS_TEST_TMPDIR/n1" "$net.1" "$client_port" etcdctl-etcd-client
	behind peer "$certify" "$BATS_TEST_TMPDIR/n1" "$net.1" "$peer_port" peer
	for i in {1..5}; do
		sign n1
		helper n1 cert renew
		[ "$(served "$client_port")" = "$(serial "$(etc n1)/external/server.crt")" ]
		[ "$(served "$peer_port")" = "$(serial "$(etc n1)/external/peer.crt")" ]
	done
	run -2 helper n1 cert renew --exit-code
	end client
	end peer
	cat "$BATS_TEST_TMPDIR/client.log" "$BATS_TEST_TMPDIR/peer.log"
	grep -Eq '^handshakes [0-9]{2,} failed 0 serials [0-9]{1,}$' "$BATS_TEST_TMPDIR/client.log"
	grep -Eq '^handshakes [0-9]{2,} failed 0 serials [0-9]{1,}$' "$BATS_TEST_TMPDIR/peer.log"
	[ ! -e "$(etc n1)/pki.old" ]
	kill -0 "$pid"
}

@test "what is unfit is not used, and status says why; near the end, too" {
	local before dir good

	lone
	dir=$(etc n1)/external
	before=$(serial "$(etc n1)/pki/server.crt")
	good=$(helper n1 status | grep -c external) || true
	[ "$good" -eq 0 ]
	for what in key use san half ca; do
		case $what in
		key) cp "$dir/peer.crt" "$dir/server.crt" ;;
		use) EXT=extendedKeyUsage=serverAuth sign n1 server ;;
		san) EXT=$'extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:n1,DNS:localhost' sign n1 server ;;
		half) rm "$dir/peer.crt" ;;
		ca) "$top/tests/lib/external-ca" "$BATS_TEST_TMPDIR/other" "$dir" server ;;
		esac
		run -2 helper n1 cert renew --exit-code
		run -0 helper n1 status
		case $what in
		key) [[ "$output" == *"do not belong together; they are not used"*"-> have $dir/server.csr signed"* ]] ;;
		use) [[ "$output" == *"lacks the extended key usage clientAuth; they are not used"* ]] ;;
		san) [[ "$output" == *"server.crt is not valid for $net.1, the ADDRESS of this machine; they are not used"* ]] ;;
		half) [[ "$output" == *"$dir lacks peer.crt; they are not used"* ]] ;;
		ca) [[ "$output" == *"server.crt does not verify up to ca.crt"*"; they are not used"* ]] ;;
		esac
		[ "$(served "$client_port")" = "$before" ]
		sign n1 peer server
		helper n1 cert renew
		before=$(serial "$(etc n1)/pki/server.crt")
	done
	# Near the end a request is there again.
	DAYS=3 sign n1 server
	helper n1 cert renew
	rm "$dir/server.csr"
	ETCD_CLUSTER_NOW=$(($(date +%s) + 2 * 86400 + 43200)) helper n1 status >"$BATS_TEST_TMPDIR/out"
	grep -A 1 'certificate server: .*pki/server.crt expires on .*: its CA is external' "$BATS_TEST_TMPDIR/out" |
		grep -q -- "-> have $dir/server.csr signed"
	ETCD_CLUSTER_NOW=$(($(date +%s) + 2 * 86400 + 43200)) helper n1 cert renew
	[ -e "$dir/server.csr" ]
}

@test "the revocation list of the CA is used, and refuses its client" {
	local corp dir

	lone
	corp=$BATS_TEST_TMPDIR/corp dir=$(etc n1)/external
	printf '[ca]\ndefault_ca=x\n[x]\ndatabase=%s/index\ndefault_md=sha256\n' "$corp" >"$corp/conf"
	: >"$corp/index"
	openssl ca -config "$corp/conf" -revoke "$dir/healthcheck-client.crt" -keyfile "$corp/ca.key" -cert "$corp/ca.crt"
	openssl ca -config "$corp/conf" -gencrl -crldays 30 -keyfile "$corp/ca.key" -cert "$corp/ca.crt" |
		openssl crl -outform DER -out "$dir/crl.der"
	helper n1 setup
	grep -q '^ETCD_CLIENT_CRL_FILE=' "$(etc n1)/etcd.env"
	grep -q '^ETCD_PEER_CRL_FILE=' "$(etc n1)/etcd.env"
	stop n1
	launch n1
	wait_healthy n1
	run ! curl --silent --max-time 10 --cacert "$corp/ca.crt" --cert "$(etc n1)/pki/healthcheck-client.crt" \
		--key "$(etc n1)/pki/healthcheck-client.key" "https://$net.1:$client_port/health"
	curl --silent --max-time 10 --cacert "$corp/ca.crt" --cert "$(etc n1)/pki/apiserver-etcd-client.crt" \
		--key "$(etc n1)/pki/apiserver-etcd-client.key" "https://$net.1:$client_port/health" | grep -q true
	# A list of somebody else is not taken.
	cp "$dir/crl.der" "$BATS_TEST_TMPDIR/crl"
	echo garbage >"$dir/crl.der"
	run -2 helper n1 cert renew --exit-code
	cmp "$BATS_TEST_TMPDIR/crl" "$(etc n1)/pki/crl.der"
}

@test "three members form a cluster while their certificates come, and a fourth joins" {
	local n

	for n in n1 n2 n3; do
		bare $n "${own_ports[@]}" ROLE=cluster "MEMBERS=$members" CA=external
	done
	serve
	for n in n1 n2 n3; do
		setting_up $n
	done
	for n in n2 n3 n1; do
		eventually test -e "$(etc $n)/external/server.csr"
		eventually test -e "$(etc $n)/external/apiserver-etcd-client.csr"
		sign $n
	done
	for n in n1 n2 n3; do
		is_set_up $n
		launch $n
	done
	one_cluster n1 n2 n3
	for n in n1 n2 n3; do
		helper $n cert list --json | jq -e 'all(.problem == null)' >/dev/null
		finish $n
	done
	[ -z "$(find "$BATS_TEST_TMPDIR"/n?/etc -name ca.key)" ]
	bare n4 "${own_ports[@]}" ROLE=join "JOIN=\"$net.1 $net.2\"" "ADDRESS=$net.4" CA=external
	run -6 helper n4 setup
	[[ "$output" == *"$(etc n4)/external lacks ca.crt"* ]]
	sign n4
	join n4 launch
	one_cluster n1 n2 n3 n4
	# A restart of one after the other with a further CA, then its certificates: no member is refused by the others.
	"$top/tests/lib/external-ca" "$BATS_TEST_TMPDIR/next" "$BATS_TEST_TMPDIR" 2>/dev/null || true
	cat "$BATS_TEST_TMPDIR"/{corp,next}/ca.crt >"$BATS_TEST_TMPDIR/both"
	for n in n1 n2 n3 n4; do
		cp "$BATS_TEST_TMPDIR/both" "$(etc $n)/external/ca.crt"
		run -0 helper $n cert renew
		[[ "$output" == *"systemctl restart etcd"* ]]
		stop $n
		launch $n
		wait_healthy $n
	done
	for n in n1 n2 n3 n4; do
		"$top/tests/lib/external-ca" "$BATS_TEST_TMPDIR/next" "$(etc $n)/external"
		helper $n cert renew
		stop $n
		launch $n
		wait_healthy $n
	done
	one_cluster n1 n2 n3 n4
}

# --- A kill at each call that changes the disk.

killed_machine() {
	need_strace
	root=$BATS_TEST_TMPDIR/root
	etc=$root/etc/etcd
	mkdir -p "$etc"
	printf '%s\n' NAME=n1 ADDRESS=127.0.0.1 CLIENT_PORT=1 PEER_PORT=2 CA=external >"$etc/cluster.conf"
}

keep() {
	rm -rf "$BATS_TEST_TMPDIR/start"
	cp -a "$root" "$BATS_TEST_TMPDIR/start"
}

bring_back() {
	rm -rf "$root"
	cp -a "$BATS_TEST_TMPDIR/start" "$root"
}

# Each certificate has its key. There is none of a set, or all.
whole() {
	local crt n

	for crt in "$etc"/pki/*.crt; do
		case $crt in */ca.crt | *'*.crt') continue ;; esac
		is_pair "$crt"
	done
	[ ! -e "$etc/pki" ] || n=$(find "$etc/pki" -name '*.crt' | wc -l)
	[ "${n:-0}" -eq 0 ] || [ "$n" -eq 6 ]
}

converges() {
	local rc=0 end=2

	[ -e "$etc/external/ca.crt" ] || end=6
	"$certify" "$root" || rc=$?
	[ $rc -eq 0 ] || [ $rc -eq $end ]
	rc=0
	"$certify" "$root" || rc=$?
	[ $rc -eq $end ]
	[ "$(find "$etc/external" -name '*.csr' | wc -l)" -eq 5 ]
	[ -z "$(find "$root" -name '.pki.new' -o -name '.new-*')" ]
	whole
	[ $end -eq 6 ] || diff -x '*.csr' -x generation "$etc/external" "$etc/pki"
}

external_ca() {
	"$top/tests/lib/external-ca" "$BATS_TEST_TMPDIR/$1" "$etc/external"
}

@test "the requests, killed at each call" {
	killed_machine
	certify_each signal=KILL 12
}

@test "the first certificates, killed at each call" {
	killed_machine
	"$certify" "$root" || [ $? -eq 6 ]
	external_ca corp
	certify_each signal=KILL 9
}

@test "renewed certificates, killed at each call" {
	killed_machine
	"$certify" "$root" || [ $? -eq 6 ]
	external_ca corp
	"$certify" "$root"
	external_ca corp
	certify_each signal=KILL 3
}

@test "certificates of another CA with other keys, killed at each call" {
	killed_machine
	"$certify" "$root" || [ $? -eq 6 ]
	external_ca corp
	"$certify" "$root"
	rm -r "$etc/external"
	mv "$etc/pki" "$BATS_TEST_TMPDIR/pki"
	"$certify" "$root" || [ $? -eq 6 ]
	mv "$BATS_TEST_TMPDIR/pki" "$etc/pki"
	external_ca next
	certify_each signal=KILL 9
}
