#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The enrolment server of a CA host on loopback addresses: accepted and refused requests.

bats_require_minimum_version 1.5.0

load ../lib/processes

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	lib="$PWD/${BUILD:-build}-asan/lib"
	top="$BATS_TEST_TMPDIR"
	# Each test has its own network: any address in 127/8 can be bound.
	net=127.$((BATS_TEST_NUMBER + 10)).$((RANDOM % 250 + 1))
	port=23820
	token=$(openssl rand -hex 20)
	for n in 1 2 3; do
		mkdir -p "$top/n$n/etc/etcd"
		configure n$n
		give_token n$n "$token"
	done
}

teardown() {
	close_server
}

# configure MACHINE [LINE…]: in addition to the lines that all machines have.
configure() {
	local n=$1
	shift
	printf '%s\n' ROLE=cluster "NAME=$n" "MEMBERS=n1=$net.1,n2=$net.2,n3=$net.3" "ENROLL_PORT=$port" \
		CLIENT_PORT=1 PEER_PORT=2 "$@" >"$top/$n/etc/etcd/cluster.conf"
}

give_token() {
	(umask 077 && echo "$2" >"$top/$1/etc/etcd/enroll-token")
}

# Makes the CA of n1, whose cluster was formed, and puts its token into the store.
make_ca() {
	"$lib/certify" "$top/n1"
	printf '%s\n' CLUSTER_ID=00000000000000c1 MEMBER_ID=00000000000000a1 NAME=n1 >"$top/n1/etc/etcd/member-id"
	"$lib/ask-server" "$top/n1" open
}

# start_server [PROGRAM]: the enrolment server of n1.
start_server() {
	"${1:-$ETCD_CLUSTER}" --root "$top/n1" enroll --listen "$net.1:$port" 2>"$top/server.log" 3>&- &
	server=$!
	for _ in $(seq 100); do
		grep -q "serving at" "$top/server.log" && return
		sleep 0.05
	done
	return 1
}

# false_server PEM: another server at the address of n1, which records what it receives.
false_server() {
	[ -p "$top/silence" ] || mkfifo "$top/silence"
	openssl s_server -accept "$net.1:$port" -cert "$1" -tls1_3 -quiet <>"$top/silence" >"$top/heard" \
		2>"$top/s_server.log" 3>&- &
	server=$!
	for _ in $(seq 50); do
		ss -Hltn "src = $net.1:$port" | grep -q . && return
		sleep 0.1
	done
	return 1
}

close_server() {
	[ -z "${server-}" ] || { kill "$server" && wait "$server"; } || true
	server=
}

ask() {
	"$lib/ask-server" "$top/$1"
}

# The token file of the CA host, with identity and key.
stored() {
	echo "$top"/n1/etc/etcd/enroll/tokens/*
}

# send FROM: sends stdin as n2's request with the token, from that address, and prints the answer.
send() {
	"$lib/ask-server" "$top/n2" send "$net.1:$port" "$1"
}

# send_with_pair NAME FROM: the same for that machine's own name, proved by the peer pair of n2.
send_with_pair() {
	question "$1" "$2" "$(good_csr)" | "$lib/ask-server" "$top/n2" send "$net.1:$port" "$2" pair
}

# talk FROM: sends stdin as it is to a server that knows the token, and prints what it says.
talk() {
	timeout 20 openssl s_client -connect "$net.1:$port" -bind "$1:0" -tls1_3 -quiet -alpn etcd-cluster/2 \
		-psk_identity "$(basename "$(stored)")" \
		-psk "$(sed -n 's/^PSK=//p' "$(stored)")" 2>"$top/talk.log" | tr -d '\000'
}

# question NAME ADDRESS CSR: prints a message as n2 sends it.
question() {
	printf '%s\n' VERSION=1 "NAME=$1" "ADDRESS=$2" "TIME=$(date +%s)" "MEMBERS=\"n1=$net.1,n2=$net.2,n3=$net.3\"" \
		PORTS=1,2 \
		CLUSTER_TOKEN=etcd-cluster "CSR_PEER=$3"
}

# csr [openssl genpkey ARGUMENTS]: prints a request for a new key.
csr() {
	openssl genpkey -out "$top/key.pem" "$@" 2>/dev/null
	openssl req -new -key "$top/key.pem" -subj / -outform DER | base64 -w 0
}

good_csr() {
	csr -algorithm EC -pkeyopt ec_paramgen_curve:P-256
}

refusals() {
	grep -c "refused" "$top/server.log"
}

@test "machines with the token get certificates for their own keys; ca.key stays; a lost answer is repeated" {
	make_ca
	[ ! -e "$top/n1/etc/etcd/enroll-token" ]
	[ "$(stat -c '%a %n' "$top/n1/etc/etcd/enroll" "$(stored)" | cut -d' ' -f1 | xargs)" = '700 600' ]
	start_server
	for n in n2 n3; do
		run -0 --separate-stderr ask $n
		[ "$output" = "$net.1:$port" ]
		pki="$top/$n/etc/etcd/pki"
		cmp "$pki/ca.crt" "$top/n1/etc/etcd/pki/ca.crt"
		openssl verify -x509_strict -CAfile "$pki/ca.crt" -purpose sslserver -verify_ip "$net.${n#n}" "$pki/server.crt"
		openssl verify -x509_strict -CAfile "$pki/ca.crt" -purpose sslclient -verify_hostname $n "$pki/peer.crt"
		[ "$(openssl x509 -in "$pki/peer.crt" -noout -subject -nameopt RFC2253)" = subject=CN=etcd-peer ]
		[ "$(openssl x509 -in "$pki/etcdctl-etcd-client.crt" -noout -subject -nameopt RFC2253)" = subject=CN=root ]
		for name in server peer etcdctl-etcd-client; do
			[ "$(openssl pkey -in "$pki/$name.key" -pubout)" = "$(openssl x509 -in "$pki/$name.crt" -noout -pubkey)" ]
		done
		grep -q "certificates for $n ($net.${n#n}) given to $net.${n#n}, who showed the token" "$top/server.log"
		serial=$(openssl x509 -in "$pki/peer.crt" -noout -serial | tr A-F a-f)
		grep -q "${serial#serial=}" "$top/server.log"
		grep -q "${serial#serial=}" "$top/n1/etc/etcd/enroll/members/$n"
	done
	# The two uses of the token are spent, but n2 may have lost its answer.
	rm "$top"/n2/etc/etcd/pki/*.crt
	ask n2
	[ "$(grep -c '^USED' "$(stored)")" = 2 ]
	run grep -r -l "PRIVATE KEY" "$top"/n2 "$top"/n3 "$top"/n1/etc/etcd/enroll
	[[ "$output" != *ca.key* && "$output" != */enroll/* ]]
	run ! grep -r "$token" "$top"/n1 "$top/server.log"
}

@test "a renewal with a certificate, even one that expired a month ago, needs no token" {
	long_ago=$(($(date +%s) - 400 * 86400))
	export ETCD_CLUSTER_NOW=$long_ago
	make_ca
	start_server
	ask n2
	close_server
	unset ETCD_CLUSTER_NOW
	run ! openssl x509 -in "$top/n2/etc/etcd/pki/peer.crt" -noout -checkend 0
	"$lib/certify" "$top/n1"
	rm "$top/n2/etc/etcd/enroll-token" "$(stored)"
	# A formed cluster without a quorum renews for seven days after a quorum or a token confirmed the machine.
	start_server
	run -6 ask n2
	[[ "$output" == *"cannot ask a quorum"*"token new --recovery --name n2 --address $net.2"* ]]
	close_server
	rm "$top/n1/etc/etcd/member-id"
	cp "$top/n2/etc/etcd/pki/peer.key" "$top/before"
	start_server
	ask n2
	cmp "$top/n2/etc/etcd/pki/peer.key" "$top/before"
	openssl x509 -in "$top/n2/etc/etcd/pki/peer.crt" -noout -checkend $((300 * 86400))
	grep -q "who showed a certificate" "$top/server.log"
}

@test "a wrong token is refused with a clear message, nothing is stored, and the log does not contain the token" {
	make_ca
	give_token n2 "$(openssl rand -hex 20)"
	start_server
	run -4 ask n2
	[[ "$output" == *"does not know this token"* ]]
	[ ! -e "$top/n2/etc/etcd/pki/peer.crt" ]
	for _ in 1 2 3; do run -4 ask n2; done
	[ "$(refusals)" = 1 ]
	grep -q "refused $net.2: there is no token [0-9a-f]\{16\} here" "$top/server.log"
}

@test "a replayed token: no other machine gets n2's name, and no certificate goes to another source address" {
	make_ca
	start_server
	ask n2
	rm -r "$top/n2/etc/etcd/pki"
	run -4 ask n2
	[[ "$output" == *"with this token already, and with another key"* ]]
	# The same for an address that is not the source. (All loopback addresses are the same machine.)
	sed -i "s/^MEMBERS=.*/&,n4=192.0.2.4/" "$top/n1/etc/etcd/cluster.conf"
	question n4 192.0.2.4 "$(good_csr)" | grep -v ^MEMBERS | send "$net.4" >"$top/answer"
	grep -q '^STATUS=refused' "$top/answer"
	grep -q "^MESSAGE=.*asks from $net.4" "$top/answer"
	[ "$(ls "$top/n1/etc/etcd/enroll/members")" = n2 ]
}

@test "names: the CA host's name, a name that MEMBERS does not have, and localhost are refused" {
	make_ca
	start_server
	for who in "n1 $net.2" "n4 $net.4" "localhost $net.2" "n2 $net.1" "etcd-peer $net.2" "n2 $net.3"; do
		# shellcheck disable=SC2086
		question $who "$(good_csr)" | send "${who#* }" >"$top/answer"
		cat "$top/answer"
		grep -q '^STATUS=refused' "$top/answer"
		run ! grep -q '^C[AE]' "$top/answer"
	done
	[ -z "$(ls "$top/n1/etc/etcd/enroll/members" 2>/dev/null)" ]
}

@test "weak key, wrong signature, bad request, bad message: refused with a clear message, and the next one is served" {
	make_ca
	start_server
	# A length without a message.
	printf '\x00\x00\x01\x00x' | talk "$net.2" >"$top/silent" &
	silent=$!
	question n2 "$net.2" "$(csr -algorithm RSA -pkeyopt rsa_keygen_bits:1024)" | send "$net.2" >"$top/answer"
	grep -q '^MESSAGE=.*too weak' "$top/answer"
	bent=$({ good_csr | base64 -d | head -c -2; printf '\0\0'; } | base64 -w 0)
	question n2 "$net.2" "$bent" | send "$net.2" >"$top/answer"
	grep -q '^MESSAGE=.*not signed by its own key' "$top/answer"
	question n2 "$net.2" AAAA | send "$net.2" >"$top/answer"
	grep -q '^MESSAGE=.*it is not a certificate request' "$top/answer"
	head -c 3000 /dev/urandom | send "$net.2" >"$top/answer"
	grep -q '^STATUS=refused' "$top/answer"
	# A message with a length of 1 GiB, one of 40000 bytes, and one without a proof.
	printf '\x40\x00\x00\x00x' | talk "$net.3" >"$top/answer"
	{ printf '\x00\x00\x9c\x40' && head -c 40000 /dev/zero | tr '\0' A; } | talk "$net.4" >"$top/answer"
	printf '\x00\x00\x00\x0fPROOF=\nCERT=\nx\n' | talk "$net.5" >"$top/answer"
	grep -q '^MESSAGE=.*does not prove that it has token' "$top/answer"
	for refusal in "$net.3: .*of 1073741824 bytes was announced: at most 32768" "$net.4: .*of 40000 bytes" \
		"$net.5: .*does not prove"; do
		grep -q "refused $refusal" "$top/server.log"
	done
	ask n2
	wait "$silent"
	[ ! -e "$top/n1/etc/etcd/enroll/members/n3" ]
}

@test "a false server with a good certificate receives nothing from a machine that has a token" {
	make_ca
	cat "$top"/n1/etc/etcd/pki/server.{crt,key} >"$top/good.pem"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$net.1" \
		-addext "subjectAltName=IP:$net.1" \
		-keyout "$top/own.key" -out "$top/own.crt" 2>/dev/null
	cat "$top"/own.{crt,key} >"$top/own.pem"
	for pem in good own; do
		false_server "$top/$pem.pem"
		run -4 ask n2
		[[ "$output" == *"does not know this token"* ]]
		close_server
		[ ! -s "$top/heard" ]
	done
	# A machine with certificates connects only to a server of its own CA.
	start_server
	ask n2
	close_server
	rm "$top/n2/etc/etcd/enroll-token"
	false_server "$top/own.pem"
	run ask n2
	[ "$status" -ne 0 ]
	[[ "$output" == *"older than the one of this machine"* ]]
	close_server
	[ ! -s "$top/heard" ]
}

@test "a token that names a CA: the certificates of another one are not used" {
	make_ca
	start_server
	ask n2
	close_server
	# Who has the token poses as the CA host, with a CA of its own.
	token=$(openssl rand -hex 20).$("$ETCD_CLUSTER" --root "$top/n1" ca show --json | jq -r .spki_sha256 | cut -c -32)
	rm -rf "$top"/n1/etc/etcd/{pki,enroll,member-id} "$top"/n2/etc/etcd/pki
	give_token n1 "$token"
	give_token n2 "$token"
	make_ca
	start_server
	run -4 ask n2
	[[ "$output" == *"its CA is not the one for which the token was made"* ]]
	[ ! -e "$top/n2/etc/etcd/pki/ca.crt" ]
}

@test "certificates of another CA, and certificates of this CA for no member, are refused" {
	make_ca
	start_server
	ask n2
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=etcd-peer \
		-addext "subjectAltName=DNS:n3,IP:$net.3" \
		-addext extendedKeyUsage=clientAuth -keyout "$top/foreign.key" -out "$top/foreign.crt" 2>/dev/null
	cp -a "$top/n2" "$top/good"
	for pair in "$top/foreign" "$top/good/etc/etcd/pki/etcdctl-etcd-client" "$top/good/etc/etcd/pki/server"; do
		cp "$pair.crt" "$top/n2/etc/etcd/pki/peer.crt"
		cp "$pair.key" "$top/n2/etc/etcd/pki/peer.key"
		run -4 --separate-stderr send_with_pair n2 "$net.2"
		[ -z "$output" ]
	done
	grep -q "refused $net.2: .*its certificate is not one of the CA that is known here" "$top/server.log"
	grep -q "refused $net.2 2 more times: .*not one of a member" <(close_server && cat "$top/server.log")
	start_server
	# A certificate of a member without its key.
	cp "$top/good/etc/etcd/pki/peer.crt" "$top/n2/etc/etcd/pki/"
	run -4 --separate-stderr send_with_pair n2 "$net.2"
	[ -z "$output" ]
	# Neither certificate nor token.
	timeout 20 openssl s_client -connect "$net.1:$port" -tls1_3 -quiet -alpn etcd-cluster/2 </dev/null \
		>"$top/answer" 2>&1 || true
	run ! grep -a -q STATUS=ok "$top/answer"
}

@test "garbage, slow, half-open and a thousand connections: refused, few log lines, flat memory, still serving" {
	make_ca
	start_server "$ETCD_CLUSTER_PLAIN"
	python3 tests/lib/knock.py connect "$net.1" "$port" 20 "$net.50"
	sleep 1
	before=$(awk '/^VmRSS/ { print $2 }' /proc/$server/status)
	python3 tests/lib/knock.py garbage "$net.1" "$port" 100 "$net.51"
	python3 tests/lib/knock.py connect "$net.1" "$port" 1000 "$net.52"
	python3 tests/lib/knock.py drip "$net.1" "$port" 1 "$net.53" &
	drip=$!
	mkfifo "$top/stop"
	exec 9<>"$top/stop"
	python3 tests/lib/knock.py hold "$net.1" "$port" 200 "$net.54" <&9 >"$top/held" 3>&- &
	holder=$!
	for _ in $(seq 100); do
		grep -q held "$top/held" && break
		sleep 0.1
	done
	# At the same time.
	ask n2
	[ "$(pgrep -P $server | wc -l)" -le 8 ]
	kill $holder
	wait $drip
	for _ in $(seq 80); do
		[ -z "$(pgrep -P $server)" ] && break
		sleep 0.1
	done
	[ -z "$(pgrep -P $server)" ]
	after=$(awk '/^VmRSS/ { print $2 }' /proc/$server/status)
	echo "# resident memory before and after 1321 connections: $before and $after KiB" >&3
	[ $((after - before)) -le 64 ]
	ask n3
	[ "$(wc -l <"$top/server.log")" -le 30 ]
	close_server
	grep -q "refused $net.52 [0-9]* more times" "$top/server.log"
}

@test "who says nothing after the handshake holds the connection no longer than who says nothing at all" {
	make_ca
	start_server "$ETCD_CLUSTER_PLAIN"
	mkfifo "$top/silence"
	exec 9<>"$top/silence"
	timeout 60 openssl s_client -connect "$net.1:$port" -tls1_3 -quiet -alpn etcd-cluster/2 <&9 >"$top/greeting" \
		2>"$top/talk.log" 3>&- &
	shaken=$!
	for _ in $(seq 200); do
		grep -a -q NONCE "$top/greeting" && break
		sleep 0.02
	done
	grep -a -q NONCE "$top/greeting"
	exec 8<>"/dev/tcp/$net.1/$port"
	timeout 60 cat <&8 >"$top/nothing"
	exec 8>&-
	# The first one came before it; twice that time is five seconds more.
	for _ in $(seq 30); do
		[ -e "/proc/$shaken" ] || break
		sleep 0.1
	done
	[ ! -e "/proc/$shaken" ]
	exec 9>&-
}

# status PID: uid, CapEff, NoNewPrivs and Seccomp of a process.
status() {
	# shellcheck disable=SC2154 # of processes.bash
	awk "$status_awk" "/proc/$1/status"
}

@test "the processes of a connection are as security.md says; the parser has two descriptors" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	make_ca
	caps=$(sed -n 's/^CapabilityBoundingSet=//p' conf/units/etcd-cluster-enroll.service | tr '[:upper:]' '[:lower:]' |
		sed 's/cap_/+/g; s/ /,/g')
	[ "$caps" = "+kill,+setuid,+setgid" ]
	setpriv --no-new-privs --bounding-set="-all,$caps" --inh-caps=-all "$ETCD_CLUSTER_PLAIN" --root "$top/n1" enroll \
		--listen "$net.1:$port" 2>"$top/server.log" 3>&- &
	server=$!
	for _ in $(seq 100); do
		grep -q "serving at" "$top/server.log" && break
		sleep 0.05
	done
	exec 8<>"/dev/tcp/$net.1/$port"
	for _ in $(seq 100); do
		signer=$(pgrep -P $server) && parser=$(pgrep -P "$signer") &&
			[ "$(status "$parser")" = "$(row parser)" ] && break
		sleep 0.02
	done
	[ "$(status "$parser")" = "$(row parser)" ]
	[ "$(ls "/proc/$parser/fd" | wc -l)" -eq 2 ]
	# Their filter is that of the unit, which is not here.
	[ "$(status "$server" | cut -d ' ' -f -3)" = "$(row server | cut -d ' ' -f -3)" ]
	[ "$(status "$signer" | cut -d ' ' -f -3)" = "$(row signer | cut -d ' ' -f -3)" ]
	[ "$(row asker)" = "$(row parser)" ]
	# What a signer leaves behind ends with it, even if it is in a stranger's hand.
	kill -STOP "$parser"
	kill -KILL "$signer"
	for _ in $(seq 200); do
		[ -e "/proc/$parser" ] || break
		sleep 0.05
	done
	[ ! -e "/proc/$parser" ]
	# It serves with these few rights.
	exec 8>&-
	ask n2
}

@test "a machine of an older version is told to upgrade, with a token and with a certificate" {
	make_ca
	start_server
	# They check the CA and the host, not the dates, and send their request at once.
	for how in "-psk_identity $(basename "$(stored)") -psk $(sed -n 's/^PSK=//p' "$(stored)")" \
		"-CAfile $top/n1/etc/etcd/pki/ca.crt -verify_return_error -no_check_time -verify_ip $net.1"; do
		# shellcheck disable=SC2086
		{ printf '\x00\x00\x00\x0aVERSION=1\n' && sleep 1; } | timeout 20 openssl s_client -connect "$net.1:$port" \
			-bind "$net.2:0" -tls1_3 -quiet $how 2>"$top/talk.log" | tr -d '\000' >"$top/answer"
		cat "$top/answer" "$top/talk.log"
		grep -q '^STATUS=refused' "$top/answer"
		grep -q '^REPORTS=yes' "$top/answer"
		grep -q '^HINT=.*upgrade etcd-cluster on this machine' "$top/answer"
	done
	# With its dates the certificate is worth nothing.
	run openssl s_client -connect "$net.1:$port" -tls1_3 -CAfile "$top/n1/etc/etcd/pki/ca.crt" \
		-verify_return_error </dev/null
	[[ "$output" == *"certificate has expired"* ]]
	grep -q "refused $net.2: its etcd-cluster is older" "$top/server.log"
}

@test "pending: no answer, clocks that differ; refused: MEMBERS that differ, no token" {
	run -6 ask n2
	[[ "$output" == *"no CA host answers"* ]]
	make_ca
	start_server
	ETCD_CLUSTER_NOW=$(($(date +%s) + 7200)) run -6 ask n2
	[[ "$output" == *"the clock of this machine says"* ]]
	sed -i "s/n3=$net.3/n3=$net.33/" "$top/n2/etc/etcd/cluster.conf"
	run -4 ask n2
	[[ "$output" == *"MEMBERS is"* ]]
	rm "$top/n3/etc/etcd/enroll-token"
	run -3 ask n3
	[[ "$output" == *"token new --name n3 --address $net.3"* ]]
}

@test "IPv6, RSA keys and further names" {
	for n in n1 n2; do
		printf '%s\n' ROLE=cluster "NAME=$n" "MEMBERS=n1=::1,n2=$net.2" "ENROLL_PORT=$((port + $$ % 1000))" \
			CLIENT_PORT=1 PEER_PORT=2 \
			'EXTRA_SANS="etcd.example.org 192.0.2.9"' KEY_TYPE=rsa-2048 >"$top/$n/etc/etcd/cluster.conf"
	done
	make_ca
	"$ETCD_CLUSTER" --root "$top/n1" enroll --listen "[::1]:$((port + $$ % 1000))" 2>"$top/server.log" 3>&- &
	server=$!
	sed -i "s/^MEMBERS=.*/MEMBERS=n1=::1,n2=$net.2/" "$top/n2/etc/etcd/cluster.conf"
	for _ in $(seq 100); do
		grep -q "serving at" "$top/server.log" && break
		sleep 0.05
	done
	run ask n2
	echo "$output"
	[ "$status" -eq 0 ]
	openssl verify -CAfile "$top/n2/etc/etcd/pki/ca.crt" -verify_hostname etcd.example.org \
		"$top/n2/etc/etcd/pki/server.crt"
}

@test "another ENROLL_PORT needs a drop-in for the socket; the default port needs none" {
	make_ca
	dropin=$top/n1/etc/systemd/system/etcd-cluster-enroll.socket.d/50-etcd-cluster-port.conf
	grep -qx "ListenStream=$port" "$dropin"
	sed -i /ENROLL_PORT/d "$top/n1/etc/etcd/cluster.conf"
	"$lib/ask-server" "$top/n1" open
	[ ! -e "$dropin" ]
}

@test "enroll without a socket from systemd, and with an invalid address" {
	run -3 "$ETCD_CLUSTER" --root "$top/n1" enroll
	[[ "$output" == *--listen* ]]
	for where in nowhere 127.0.0.1 :1 127.0.0.1:0 127.0.0.1:x "[::1:2" 192.0.2.1:1; do
		run "$ETCD_CLUSTER" --root "$top/n1" enroll --listen "$where"
		[ "$status" -eq 3 ] || [ "$where/$status" = 192.0.2.1:1/1 ]
	done
}
