#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Certificates from a real enrolment server on loopback: forming, waiting, renewal, the loss of the first CA host,
# machines made by bundle.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	certify="$PWD/${BUILD:-build}/lib/certify"
	token=5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f
	port=$((20000 + RANDOM % 10000))
	members=n1=127.0.0.1,n2=127.0.0.2,n3=127.0.0.3
	for name in n1 n2 n3; do
		configure $name
	done
}

teardown() {
	for pid in "$BATS_TEST_TMPDIR"/*.pid; do
		[ ! -e "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || :
	done
	wait 2>/dev/null || :
}

etc() {
	echo "$BATS_TEST_TMPDIR/$1/etc/etcd"
}

# configure NAME [LINE…]: the same answers, and the same token, on every machine.
configure() {
	local name=$1
	shift
	mkdir -p "$(etc "$name")" "$BATS_TEST_TMPDIR/$name/run"
	printf '%s\n' NAME="$name" ROLE=cluster MEMBERS=$members ENROLL_PORT=$port CLIENT_PORT=1 PEER_PORT=$((port + 1)) "$@" \
		>"$(etc "$name")/cluster.conf"
	(umask 077 && echo $token >"$(etc "$name")/enroll-token")
}

ec() {
	local name=$1
	shift
	"$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/$name" "$@"
}

# The certificate steps of setup.
certify() {
	"$certify" "$BATS_TEST_TMPDIR/$1"
}

# The CA host of a cluster that was formed; it has stored the token.
ca_host() {
	certify "$1"
	ec "$1" setup 2>&1 | grep -q 'RELEASE='
	[ -e "$(etc "$1")/pki/server.key" ]
	[ -n "$(ls "$(etc "$1")/enroll/tokens")" ]
	printf '%s\n' CLUSTER_ID=00000000000000c1 MEMBER_ID=00000000000000a1 NAME="$1" >"$(etc "$1")/member-id"
}

# round: setup on each machine once, at the same time. True when all have committed.
round() {
	local name

	for name in n1 n2 n3; do
		ec $name setup --wait >>"$BATS_TEST_TMPDIR/$name.setup" 2>&1 3>&- &
		echo $! >"$BATS_TEST_TMPDIR/$name.setup.pid"
	done
	for name in n1 n2 n3; do
		wait "$(cat "$BATS_TEST_TMPDIR/$name.setup.pid")" || :
		rm "$BATS_TEST_TMPDIR/$name.setup.pid"
	done
	[ "$(cat "$BATS_TEST_TMPDIR"/n?/etc/etcd/forming 2>/dev/null | grep -cx STATE=committed)" -eq 3 ]
}

# serve NAME ADDRESS: starts the enrolment server; stop_server NAME ends it.
serve() {
	"$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/$1" enroll --listen "$2:$port" 2>"$BATS_TEST_TMPDIR/$1.log" 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/$1.pid"
	for _ in $(seq 100); do
		(: >"/dev/tcp/$2/$port") 2>/dev/null && return
		sleep 0.05
	done
	cat "$BATS_TEST_TMPDIR/$1.log"
	return 1
}

stop_server() {
	local pid
	pid=$(cat "$BATS_TEST_TMPDIR/$1.pid")
	rm "$BATS_TEST_TMPDIR/$1.pid"
	kill "$pid"
	wait "$pid" 2>/dev/null || :
}

# peer_port NAME ADDRESS: listens at the peer port of that member.
peer_port() {
	python3 -c '
import socket, sys, time
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
time.sleep(60)' "$2" $((port + 1)) 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/$1.peer.pid"
	for _ in $(seq 100); do
		(: >"/dev/tcp/$2/$((port + 1))") 2>/dev/null && return
		sleep 0.05
	done
	return 1
}

serial() {
	openssl x509 -noout -serial -in "$(etc "$1")/pki/$2.crt"
}

fine() {
	ec "$1" cert list --json | jq -e 'all(.problem == null)' >/dev/null
}

@test "three machines with the same answers, in any order: only one has the CA key" {
	run -6 certify n3 # no server yet: it makes its keys and waits
	[[ "$output" == *"no CA host answers"* ]]
	run -6 certify n3
	key=$(cat "$(etc n3)/pki/peer.key")
	ec n3 cert list | grep -q 'ca.crt is missing: it comes with the certificates, from the CA host; etcd-cluster setup'
	[ -e "$(etc n3)/enroll-token" ]
	run ! ec n1 setup # it makes no CA before the others have reported
	[ -z "$(ls "$(etc n1)/pki" 2>/dev/null)" ]
	serve n1 127.0.0.1
	for _ in {1..20}; do
		! round || break
	done
	[ "$(sed -n 's/^NONCE=//p' "$BATS_TEST_TMPDIR"/n?/etc/etcd/forming | sort -u | wc -l)" -eq 1 ]
	grep -q "came from the CA host at 127.0.0.1:$port" "$BATS_TEST_TMPDIR/n3.setup"
	[ "$(cat "$(etc n3)/pki/peer.key")" = "$key" ]
	for name in n2 n3; do
		run -2 certify $name
		fine $name
		[ ! -e "$(etc $name)/pki/ca.key" ]
		cmp "$(etc n1)/pki/ca.crt" "$(etc $name)/pki/ca.crt"
		openssl verify -CAfile "$(etc n1)/pki/ca.crt" "$(etc $name)"/pki/{server,peer,apiserver-etcd-client}.crt
		ec $name cert list | grep -qx "signed by: 127.0.0.1:$port"
	done
	# Until a quorum was seen (tests/cluster/enroll.bats) the token is where it was given, and nowhere else.
	[ "$(grep -rl $token "$BATS_TEST_TMPDIR"/n?/ "$BATS_TEST_TMPDIR"/*.{log,setup})" = \
		"$(ls "$BATS_TEST_TMPDIR"/n?/etc/etcd/enroll-token)" ]
}

@test "without a token, or with an unsuitable one, nothing is made" {
	ca_host n1
	serve n1 127.0.0.1
	rm "$(etc n2)/enroll-token"
	run -3 certify n2
	[[ "$output" == *"token new --name n2 --address 127.0.0.2"* ]]
	[ ! -e "$(etc n2)/pki" ]
	(umask 077 && echo secret >"$(etc n2)/enroll-token")
	run -3 certify n2
	(umask 077 && echo 7d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f >"$(etc n2)/enroll-token")
	run -4 certify n2
	[ ! -e "$(etc n2)/pki/ca.crt" ]
	configure n2
	chmod 644 "$(etc n2)/enroll-token"
	run -4 certify n2
}

@test "a dry run and the package hook send no requests" {
	ca_host n1
	serve n1 127.0.0.1
	run ec n2 setup --dry-run
	[[ "$output" == *"would ask the CA host"* ]]
	run ec n2 setup --local
	[ ! -e "$(etc n2)/pki" ]
	run ! grep -q given "$BATS_TEST_TMPDIR/n1.log"
}

@test "the timer renews at the enrolment server; a renewal by name must succeed" {
	ca_host n1
	serve n1 127.0.0.1
	certify n2
	run -2 ec n2 cert renew --exit-code
	before=$(serial n2 server)
	key=$(cat "$(etc n2)/pki/server.key")
	stop_server n1
	rm "$(etc n1)/member-id" # a formed cluster without a quorum renews for seven days only
	export ETCD_CLUSTER_NOW=$(($(date +%s) + 300 * 86400)) # also for the server, which compares clocks
	serve n1 127.0.0.1
	run -0 ec n2 cert renew
	run -2 ec n2 cert renew --exit-code
	[ "$(serial n2 server)" != "$before" ]
	[ "$(cat "$(etc n2)/pki/server.key")" = "$key" ]
	before=$(serial n2 server)
	stop_server n1
	ETCD_CLUSTER_NOW=$(($(date +%s) + 600 * 86400)) run -2 ec n2 cert renew --exit-code
	[[ "$output" == *"no CA host answers"* ]]
	run -6 ec n2 cert renew --force server
	[ "$(serial n2 server)" = "$before" ]
	# After a year without the CA host etcd cannot start, and the message has the reason.
	ETCD_CLUSTER_NOW=$(($(date +%s) + 700 * 86400)) run -6 ec n2 cert renew
	[ "$(serial n2 server)" = "$before" ]
}

@test "another key type is a new key, which needs a token for this machine" {
	ca_host n1
	serve n1 127.0.0.1
	certify n2
	configure n2 KEY_TYPE=ed25519
	rm "$(etc n2)/enroll-token"
	run -2 certify n2
	[[ "$output" == *"a new key of n2 needs a token"* ]]
	sleep 1 # a token of the second in which the present key came is not a later one
	(umask 077 && ec n1 token new --name n2 --address 127.0.0.2 >"$(etc n2)/enroll-token")
	run -2 certify n2
	[[ "$output" == *"cannot ask a quorum"*"token new --recovery --name n2 --address 127.0.0.2"* ]]
	(umask 077 && ec n1 token new --recovery --name n2 --address 127.0.0.2 >"$(etc n2)/enroll-token")
	run -0 certify n2
	fine n2
	[ -e "$(etc n2)/pki.old" ]
	openssl pkey -in "$(etc n2)/pki/peer.key" -noout -text | grep -q ED25519
	run -0 ec n2 cert renew --force
}

@test "a second CA host: after the loss of the first, the others use the second" {
	word="$BATS_TEST_TMPDIR/word"
	(umask 077 && echo 'correct horse battery' >"$word")
	ca_host n1
	serve n1 127.0.0.1
	certify n2
	certify n3
	ec n1 ca export --passphrase-file "$word" "$BATS_TEST_TMPDIR/ca.pem"
	run -0 ec n2 ca import --passphrase-file "$word" "$BATS_TEST_TMPDIR/ca.pem"
	[[ "$output" == *"127.0.0.1:$port is the CA host: this machine is a standby"*"next: etcd-cluster setup"* ]]
	run -0 certify n2 # it signs the revocation list now
	run -2 certify n2
	ec n2 cert list | grep -qx "signed by: this machine"
	ec n2 setup || :
	stop_server n1
	rm -rf "$(etc n1)"
	serve n2 127.0.0.2
	# A standby refuses until a person has it take over; without etcd there is no quorum.
	run -6 ec n3 cert renew --force
	[[ "$output" == *"n2 is a standby, and 127.0.0.1:$port is the CA host"*"on n2: etcd-cluster ca takeover"* ]]
	run -3 ec n2 token new --name n4 --address 127.0.0.4
	[[ "$output" == *"n2 is a standby"* ]]
	run -5 ec n2 ca takeover
	[[ "$output" == *"no quorum"*"--ca-host-fenced"* ]]
	run -0 ec n2 ca takeover --dry-run --ca-host-fenced
	run -0 ec n2 ca takeover --ca-host-fenced
	[[ "$output" == *"this machine is the CA host now; etcd learns it"*"export of "*" UTC"* ]]
	run -2 ec n2 ca takeover --exit-code
	run -0 ec n3 cert renew --force
	ec n3 cert list | grep -qx "signed by: 127.0.0.2:$port"
	grep -q 'n3 (127.0.0.3)' "$BATS_TEST_TMPDIR/n2.log"
	fine n3
	run -2 certify n3
	# The lost machine is reinstalled as the first of MEMBERS while n3 answers on its peer port: it makes no second CA.
	configure n1 RELEASE=3.6.14 RELEASE_URL=none
	mkdir -p "$BATS_TEST_TMPDIR/n1/usr/share/etcd-cluster"
	echo "$(printf '0%.0s' {1..64})  etcd-v3.6.14-linux-amd64.tar.gz" \
		>"$BATS_TEST_TMPDIR/n1/usr/share/etcd-cluster/releases.sha256"
	peer_port n3 127.0.0.3
	run -6 ec n1 setup
	[[ "$output" == *"127.0.0.3 answers on port"*"etcd-cluster replace"* ]]
	[ ! -e "$(etc n1)/pki" ]
	[ ! -e "$(etc n1)/forming" ]
	configure n1 REPLACE=yes
	(umask 077 && ec n2 token new --name n1 --address 127.0.0.1 >"$(etc n1)/enroll-token")
	run -0 certify n1
	fine n1
	[ ! -e "$(etc n1)/pki/ca.key" ]
}

@test "a standby names the CA host, and a machine that does not know that one asks there" {
	ca_host n1
	serve n1 127.0.0.1
	certify n2
	cp "$(etc n1)"/pki/ca.key "$(etc n2)/pki/"
	mkdir -p "$(etc n2)/enroll"
	cp -r "$(etc n1)/enroll/members" "$(etc n2)/enroll/"
	stop_server n1
	serve n2 127.0.0.2
	(umask 077 && ec n2 token new --name n4 --address 127.0.0.4 >"$BATS_TEST_TMPDIR/token")
	configure n4
	printf '%s\n' NAME=n4 ROLE=join JOIN=127.0.0.2 ADDRESS=127.0.0.4 ENROLL_PORT=$port >"$(etc n4)/cluster.conf"
	mv "$BATS_TEST_TMPDIR/token" "$(etc n4)/enroll-token"
	run -0 certify n4
	cp "$(etc n2)/enroll/members/n4" "$(etc n1)/enroll/members/"
	printf '%s\n' STATE=standby NAME=n1 "SERVER=127.0.0.1:$port" >"$(etc n2)/enroll/ca-host"
	serve n1 127.0.0.1
	run -0 ec n4 cert renew --force
	ec n4 cert list | grep -qx "signed by: 127.0.0.1:$port"
}

# record FILE KEY=VALUE…
record() {
	(umask 077 && mkdir -p "${1%/*}")
	(umask 077 && printf '%s\n' "NAME=${1##*/}" "${@:2}" >"$1")
}

@test "ca export carries records and tombstones, and a changed one is refused" {
	word="$BATS_TEST_TMPDIR/word" out="$BATS_TEST_TMPDIR/ca.pem"
	(umask 077 && echo 'correct horse battery' >"$word")
	ca_host n1
	serve n1 127.0.0.1
	certify n2
	certify n3
	record "$(etc n1)/enroll/removed/n9" KEY_1=k9 KEY_2=k8 TIME=1800000000
	ec n1 ca export --passphrase-file "$word" "$out"
	openssl x509 -in "$out" -noout
	# n3 has a CA host's records already: of n2 with a key that is refused by now, and of n9 with one that is not.
	record "$(etc n3)/enroll/members/n9" ADDRESS=127.0.0.9 KEY=k8 TIME=5
	record "$(etc n3)/enroll/removed/n2" "$(grep ^KEY= "$(etc n1)/enroll/members/n2" | sed 's/KEY/KEY_1/')" TIME=7
	record "$(etc n3)/enroll/removed/n9" KEY_1=k7 TIME=9
	sed 's/=k9$/=k1/' "$out" >"$BATS_TEST_TMPDIR/bent.pem"
	run -4 ec n3 ca import --passphrase-file "$word" "$BATS_TEST_TMPDIR/bent.pem"
	[[ "$output" == *"were changed after the export"*"export the CA again where it is"* ]]
	sed '/^# signature/d' "$out" >"$BATS_TEST_TMPDIR/bent.pem"
	run -4 ec n3 ca import --passphrase-file "$word" "$BATS_TEST_TMPDIR/bent.pem"
	[ ! -e "$(etc n3)/pki/ca.key" ]
	run -0 ec n3 ca import --passphrase-file "$word" "$out"
	run -2 ec n3 ca import --exit-code --passphrase-file "$word" "$out"
	[ "$(grep ^KEY "$(etc n3)/enroll/removed/n9" | xargs)" = 'KEY_1=k7 KEY_2=k9 KEY_3=k8' ]
	grep -qx TIME=1800000000 "$(etc n3)/enroll/removed/n9"
	[ "$(ls "$(etc n3)/enroll/members")" = n3 ]
	cmp "$(etc n1)/enroll/members/n3" "$(etc n3)/enroll/members/n3"
}

@test "status on the CA host lists who got certificates, when and from where, and warns of another source" {
	ca_host n1
	serve n1 127.0.0.1
	certify n2
	run -0 ec n2 cert renew --force
	run ec n1 status
	[[ "$output" =~ n2\ +127.0.0.2\ +20..-..-..\ ..:..\ UTC,\ 20..-..-..\ ..:..\ UTC ]]
	[[ "$output" != *"and before that from"* ]]
	# Somebody with its key, from elsewhere.
	sed -i 's/^VISIT_1=.*/VISIT_1="1900000000 127.0.0.77"/' "$(etc n1)/enroll/members/n2"
	run ec n1 status
	[[ "$output" == *"n2 renewed its certificates from 127.0.0.77 on 2030-03-17 17:46 UTC, and before that from"* ]]
	[[ "$output" == *"etcd-cluster remove n2"* ]]
	run --separate-stderr ec n1 status --json
	jq -e '.enrolled == [{name: "n2", address: "127.0.0.2", grants: [{time: "2030-03-17T17:46:40Z", source: "127.0.0.77"},
		{time: .enrolled[0].grants[1].time, source: "127.0.0.2"}]}]' <<<"$output"
	# The machine has moved: its next renewal is from where the last one came.
	sed -i 's/^VISIT_1=.*/VISIT_1="1900000000 127.0.0.77"/; s/^VISIT_2=.*/VISIT_2="1800000000 127.0.0.77"/' \
		"$(etc n1)/enroll/members/n2"
	run ec n1 status
	[[ "$output" != *"and before that from"* ]]
	# A record of an earlier version has none.
	sed -i '/^VISIT/d' "$(etc n1)/enroll/members/n2"
	run ec n1 status
	[[ "$output" != *ENROLLED* ]]
	run -0 ec n2 cert renew --force
	grep -q '^VISIT_1="[0-9]* 127.0.0.2"$' "$(etc n1)/enroll/members/n2"
}

@test "a machine made by bundle renews at the enrolment server without any token" {
	ca_host n1
	ec n1 bundle --out "$BATS_TEST_TMPDIR/n2.tar" n2=127.0.0.2
	tar -C "$BATS_TEST_TMPDIR/n2" -xpf "$BATS_TEST_TMPDIR/n2.tar"
	rm "$(etc n2)/enroll-token"
	certify n2
	serve n1 127.0.0.1
	before=$(serial n2 peer)
	run -0 ec n2 cert renew --force
	[ "$(serial n2 peer)" != "$before" ]
	fine n2
	# A second bundle takes the place of the first, whose key is refused from then on.
	ec n1 bundle --out "$BATS_TEST_TMPDIR/again.tar" n2=127.0.0.2
	run -4 ec n2 cert renew --force
	[[ "$output" == *"a newer key has replaced"* ]]
}

@test "as with etcdadm: with ca.crt and ca.key copied, no requests are sent" {
	ca_host n1
	mkdir -m 750 "$(etc n2)/pki"
	cp "$(etc n1)"/pki/ca.{crt,key} "$(etc n2)/pki"
	run -0 certify n2
	run -2 certify n2
	fine n2
	openssl verify -CAfile "$(etc n1)/pki/ca.crt" "$(etc n2)"/pki/{server,peer}.crt
	configure n3 ROLE=join JOIN=127.0.0.1
	sed -i '/ROLE=cluster/d;/MEMBERS/d' "$(etc n3)/cluster.conf"
	echo ADDRESS=127.0.0.3 >>"$(etc n3)/cluster.conf"
	mkdir -m 750 "$(etc n3)/pki"
	cp "$(etc n1)"/pki/ca.{crt,key} "$(etc n3)/pki"
	run -0 certify n3
	fine n3
}
