#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Client certificates by token, from a real enrolment server on loopback: request, renewal, revocation, and what each of
# them refuses.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	certify="$PWD/${BUILD:-build}/lib/certify"
	port=$((20000 + RANDOM % 10000))
	host="$BATS_TEST_TMPDIR/n1"
	dir="$BATS_TEST_TMPDIR/pki"
	token="$BATS_TEST_TMPDIR/token"
	mkdir -p "$host/etc/etcd" "$host/run"
	printf '%s\n' NAME=n1 ROLE=cluster MEMBERS=n1=127.0.0.1,n2=127.0.0.2 ENROLL_PORT=$port \
		CLIENT_PORT=1 PEER_PORT=$((port + 1)) >"$host/etc/etcd/cluster.conf"
	make_ca "$host"
	server=
}

teardown() {
	stop_server
}

make_ca() {
	mkdir -m 750 "$1/etc/etcd/pki"
	openssl req -x509 -newkey ed25519 -nodes -days 3000 -subj /CN=own -addext keyUsage=critical,keyCertSign,cRLSign \
		-keyout "$1/etc/etcd/pki/ca.key" -out "$1/etc/etcd/pki/ca.crt" 2>/dev/null
	"$certify" "$1" 2>/dev/null
}

ca() {
	"$ETCD_CLUSTER" --root "$host" "$@"
}

serve() {
	"$ETCD_CLUSTER" --root "$host" enroll --listen "127.0.0.1:$port" 2>>"$BATS_TEST_TMPDIR/server.log" 3>&- &
	server=$!
	for _ in $(seq 100); do
		(: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
		sleep 0.05
	done
	cat "$BATS_TEST_TMPDIR/server.log"
	return 1
}

stop_server() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || :
	wait 2>/dev/null || :
	server=
}

# new_token OPTION…: into $token.
new_token() {
	(umask 077 && ca token new "$@" >"$token" 2>"$BATS_TEST_TMPDIR/new")
}

# request [OPTION…] CN: on a machine with nothing of etcd-cluster.
request() {
	"$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/empty" cert request --exit-code --from "127.0.0.1:$port" \
		--token-file "$token" --out "$dir" "$@"
}

# matches CN: its three files belong together, and nothing else is in the directory.
matches() {
	[ "$(openssl x509 -noout -pubkey -in "$dir/$1.crt")" = "$(openssl pkey -pubout -in "$dir/$1.key")" ]
	openssl verify ${ETCD_CLUSTER_NOW:+-attime $ETCD_CLUSTER_NOW} -CAfile "$dir/ca.crt" -purpose sslclient "$dir/$1.crt"
	[ "$(stat -c %a "$dir/$1.key")" = 600 ]
	[ "$(ls -A "$dir")" = "$(printf '%s\n' "$1.crt" "$1.key" ca.crt | sort)" ]
	[ ! -e "$dir.new" ]
}

serial() {
	openssl x509 -noout -serial -in "$dir/$1.crt"
}

# ago: the record of backup is older than a token that is made now, which counts whole seconds.
ago() {
	sed -i 's/^SINCE=.*/SINCE=1790000000/' "$host/etc/etcd/enroll/clients/backup"
}

@test "a program gets a client certificate with the CN of its token, renews it with its key, and loses it" {
	new_token --client backup --hours 2
	grep -q 'for client backup, 1 use' "$BATS_TEST_TMPDIR/new"
	grep -q 'can do everything to etcd unless RBAC is on' "$BATS_TEST_TMPDIR/new"
	grep -q "cert request --from 127.0.0.1:$port --token-file FILE --out DIR backup" "$BATS_TEST_TMPDIR/new"
	ca token list | grep -q ' client backup '
	ca token list --json | jq -e '.[0] | .client == "backup" and .name == null and .left == 1' >/dev/null
	cp -p "$token" "$token.copy"
	serve
	request --dry-run backup
	[ ! -e "$dir" ]
	[ -e "$token" ]
	request backup
	matches backup
	[ ! -e "$token" ]
	openssl x509 -noout -text -in "$dir/backup.crt" >"$BATS_TEST_TMPDIR/text"
	grep -qE 'Subject: CN ?= ?backup$' "$BATS_TEST_TMPDIR/text"
	grep -A 1 'Extended Key Usage' "$BATS_TEST_TMPDIR/text" | grep -qx ' *TLS Web Client Authentication *'
	run ! grep -q -e 'Alternative Name' -e CA:TRUE "$BATS_TEST_TMPDIR/text"
	run -2 request backup # it is not due
	before=$(serial backup)
	key=$(cat "$dir/backup.key")
	request --force backup
	matches backup
	[ "$(serial backup)" != "$before" ]
	[ "$(cat "$dir/backup.key")" = "$key" ]
	# Without a token, when it is due; a key that a group may read, or of another owner, stays so.
	chmod 640 "$dir/backup.key"
	stop_server
	export ETCD_CLUSTER_NOW=$(($(date +%s) + 300 * 86400))
	serve
	before=$(serial backup)
	request backup
	[ "$(serial backup)" != "$before" ]
	[ "$(stat -c %a "$dir/backup.key")" = 640 ]
	run -2 request backup
	chmod 600 "$dir/backup.key"
	ca cert list | grep -q '^backup  *3[0-9][0-9]  20.* UTC  *127.0.0.1$'
	ca status --json 2>/dev/null | jq -e '.clients[0] | .name == "backup" and (.not_after | fromdate) > 1 and
		(.grants | length) == 3 and .grants[0].source == "127.0.0.1"' >/dev/null
	# A used token is of no use to another key.
	cp -p "$token.copy" "$token"
	dir=$dir.other
	run -4 request backup
	dir=${dir%.other}
	rm "$token"
	run -3 ca cert revoke other
	run -0 ca cert revoke --dry-run backup
	run -0 ca cert revoke backup
	openssl crl -inform DER -in "$host/etc/etcd/pki/crl.der" -noout -text | grep -c 'Serial Number' | grep -qx 3
	run -2 ca cert revoke --exit-code backup
	run -4 request --force backup
	[[ $output == *"was revoked on "*"refuses its key for good"*"token new --client backup"* ]]
	matches backup # what is there stays
}

@test "after a revocation a later token brings a new key, in one step" {
	serve
	new_token --client backup
	request backup
	new_token --client backup # made before the revocation
	ca cert revoke backup
	key=$(cat "$dir/backup.key")
	sed -i "s/^TIME=.*/TIME=$(($(date +%s) + 60))/" "$host/etc/etcd/enroll/revoked/backup"
	run -4 request --force backup
	[[ $output == *"was revoked on"*"asking again with a new key"*"after this token was made"* ]]
	[ -e "$dir/backup.key.new" ]
	[ "$(cat "$dir/backup.key")" = "$key" ]
	new_token --client backup
	echo other >"$dir/other.file"
	chmod 755 "$dir"
	waiting=$(cat "$dir/backup.key.new")
	request --force backup
	[ "$(cat "$dir/other.file")" = other ]
	rm "$dir/other.file"
	[ "$(stat -c %a "$dir")" = 755 ]
	matches backup
	[ "$(cat "$dir/backup.key")" = "$waiting" ]
	[ ! -e "$token" ]
	request --force backup
}

@test "a new key in place of a lost one revokes the former certificates" {
	serve
	new_token --client backup
	request backup
	ago
	rm -r "$dir"
	new_token --client backup
	request backup
	matches backup
	openssl crl -inform DER -in "$host/etc/etcd/enroll/crl.der" -noout -text | grep -c 'Serial Number' | grep -qx 1
	grep -q '^KEY_1=' "$host/etc/etcd/enroll/revoked/backup"
}

@test "names that no client may have, and options that do not go with --client" {
	for name in etcd-peer root n1 127.0.0.2 -b a/b ''; do # all of them: tests/unit/client_table.h
		run -3 ca token new "--client=$name"
		echo "$output"
		[[ $output == *"--client $name "* ]]
	done
	for option in --name=n4 --address=127.0.0.4 --addresses=127.0.0.9 --from=127.0.0.9 --san=x.example.org --recovery \
		--uses=2; do
		run -3 ca token new --client backup "$option"
		[[ $output == *"--client goes with --hours only"* ]]
	done
	[ -z "$(ls "$host/etc/etcd/enroll/tokens" 2>/dev/null)" ]
	run -3 request a/b
	run -3 request --root / backup
	run -3 "$ETCD_CLUSTER" cert request --from 'a b' --out "$dir" backup
	run -3 request backup # no token
	[[ $output == *"token new --client backup"* ]]
	[ ! -e "$dir" ]
}

@test "the token and the certificate of a machine give no client certificate, and the reverse" {
	serve
	new_token --name n2 --address 127.0.0.2
	run -4 request backup
	[[ $output == *"for a machine, not for a client"* ]]
	new_token --client other
	run -4 request backup
	[[ $output == *"for a client called other, not backup"* ]]
	[ ! -e "$dir/backup.crt" ]
	# A machine with the token of a client: a report about a cluster that is to be formed, and a request.
	mkdir -p "$BATS_TEST_TMPDIR/n2/etc/etcd" "$BATS_TEST_TMPDIR/n2/run"
	sed 's/^NAME=n1/NAME=n2/' "$host/etc/etcd/cluster.conf" >"$BATS_TEST_TMPDIR/n2/etc/etcd/cluster.conf"
	cp -p "$token" "$BATS_TEST_TMPDIR/n2/etc/etcd/enroll-token"
	run ! "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n2" setup
	[[ $output == *"only a machine can report, not a client"* ]]
	printf '%s\n' NAME=n2 ROLE=join JOIN=127.0.0.1 ADDRESS=127.0.0.2 ENROLL_PORT=$port CLIENT_PORT=1 \
		PEER_PORT=$((port + 1)) >"$BATS_TEST_TMPDIR/n2/etc/etcd/cluster.conf"
	cp -p "$token" "$BATS_TEST_TMPDIR/n2/etc/etcd/enroll-token"
	run -4 "$certify" "$BATS_TEST_TMPDIR/n2"
	[[ $output == *"for a client called other, not for a machine"* ]]
	# The certificate of a client as that of a peer.
	rm -rf "$BATS_TEST_TMPDIR/n2/etc/etcd/pki" "$BATS_TEST_TMPDIR/n2/etc/etcd/enroll-token"
	request other
	mkdir -m 750 "$BATS_TEST_TMPDIR/n2/etc/etcd/pki"
	cp "$dir/ca.crt" "$BATS_TEST_TMPDIR/n2/etc/etcd/pki/"
	cp "$dir/other.crt" "$BATS_TEST_TMPDIR/n2/etc/etcd/pki/peer.crt"
	cp "$dir/other.key" "$BATS_TEST_TMPDIR/n2/etc/etcd/pki/peer.key"
	echo "DOOR=127.0.0.1:$port" >"$BATS_TEST_TMPDIR/n2/etc/etcd/pki/ca.host"
	run -4 "$certify" "$BATS_TEST_TMPDIR/n2"
	[[ $output == *"the certificate of other is not one of a member"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/n2/etc/etcd/pki/server.crt" ]
	# One that no token gave.
	ca cert issue --name byhand --out "$dir.byhand" client
	dir=$dir.byhand
	run -4 request --force byhand
	[[ $output == *"not one of a member, or of a client on record"* ]]
}

@test "another CA host, another key, foreign files" {
	new_token --client backup
	# The token names its CA: who stole it and poses as the CA host is refused.
	cp -a "$host" "$host.thief"
	rm -r "$host.thief/etc/etcd/pki"
	make_ca "$host.thief"
	host=$host.thief serve
	run -4 request backup
	[[ $output == *"not the one for which the token was made"* ]]
	[ ! -e "$dir/backup.crt" ]
	stop_server
	serve
	request backup
	chmod 644 "$dir/backup.key"
	run -4 request --force backup
	[[ $output == *"can be read or changed by others"* ]]
	chmod 600 "$dir/backup.key"
	cp -p "$dir/backup.key" "$dir.key"
	openssl genpkey -algorithm ed25519 -out "$dir/backup.key" 2>/dev/null
	run -3 request backup
	[[ $output == *"do not belong together"* ]]
	cp -p "$dir.key" "$dir/backup.key"
	stop_server
	run -6 request --force backup
	[[ $output == *"nobody listens at 127.0.0.1:$port"* ]]
	run -2 request backup
	matches backup
}

@test "a run that was killed after the answer asks again with the same key" {
	serve
	new_token --client backup
	cp -p "$token" "$token.copy"
	request backup
	rm "$dir/backup.crt" # as if it had not been written
	cp -p "$token.copy" "$token"
	key=$(cat "$dir/backup.key")
	mkdir "$dir.new"
	request backup
	[ "$(cat "$dir/backup.key")" = "$key" ]
	matches backup
	[ ! -e "$token" ]
}

@test "the records of clients are in a copy of the CA" {
	serve
	new_token --client backup
	request backup
	new_token --client gone
	dir=$dir.gone
	request gone
	dir=${dir%.gone}
	ca cert revoke gone
	ca cert issue --name byhand --out "$dir.byhand" client
	(umask 077 && echo "a long passphrase" >"$BATS_TEST_TMPDIR/passphrase")
	ca ca export --passphrase-file "$BATS_TEST_TMPDIR/passphrase" "$BATS_TEST_TMPDIR/ca.export"
	stop_server
	mkdir -p "$BATS_TEST_TMPDIR/n2/etc/etcd" "$BATS_TEST_TMPDIR/n2/run"
	sed 's/^NAME=n1/NAME=n2/' "$host/etc/etcd/cluster.conf" >"$BATS_TEST_TMPDIR/n2/etc/etcd/cluster.conf"
	host="$BATS_TEST_TMPDIR/n2"
	ca ca import --passphrase-file "$BATS_TEST_TMPDIR/passphrase" "$BATS_TEST_TMPDIR/ca.export"
	grep -qx NAME=backup "$host/etc/etcd/enroll/clients/backup"
	grep -qx NAME=gone "$host/etc/etcd/enroll/revoked/gone"
	cmp "$host/etc/etcd/enroll/issued/byhand" "$BATS_TEST_TMPDIR/n1/etc/etcd/enroll/issued/byhand"
	for verb in "cert revoke backup" "cert issue --name other --out $dir.other client" \
		"bundle --out $dir.b n2=127.0.0.2"; do
		# shellcheck disable=SC2086 # words
		run -3 ca $verb
		[[ $output == *"is a standby"* ]]
	done
	[ ! -e "$dir.other" ]
	[ ! -e "$dir.b" ]
}

# issued_serials NAME…: those of its record.
issued_serials() {
	sed -n 's/^GRANT_[0-9]*="[0-9]* \(.*\)"$/\1/p' "$host/etc/etcd/enroll/issued/$1"
}

# revoked CRT…: each is in the list of the CA host.
revoked() {
	local crt

	for crt; do
		openssl crl -inform DER -noout -text -in "$host/etc/etcd/enroll/crl.der" >"$BATS_TEST_TMPDIR/list"
		grep -qi "Serial Number: $(openssl x509 -noout -serial -in "$crt" | cut -d = -f 2)" "$BATS_TEST_TMPDIR/list"
	done
}

@test "what cert issue signs is on record before it is there, and its name ends it" {
	out=$BATS_TEST_TMPDIR/out
	ca cert issue --name byhand --out "$out/1" client
	ca cert issue --name byhand --out "$out/2" client
	ca cert issue --name LB --san lb.example.org --out "$out/lb" server
	ca cert issue --out "$out/kube" apiserver
	[ "$(issued_serials byhand | grep -c ^client:)" = 2 ]
	issued_serials LB | grep -q ^server:
	issued_serials kube-apiserver-etcd-client | grep -q ^apiserver:
	run -0 ca cert list
	[[ $output == *"byhand "*"cert issue"* ]]
	ca cert issue --name dry --dry-run --out "$out/dry" client
	[ ! -e "$host/etc/etcd/enroll/issued/dry" ]
	run -0 ca cert revoke byhand
	revoked "$out/1/byhand.crt" "$out/2/byhand.crt"
	run ! revoked "$out/lb/server.crt"
	[ ! -e "$host/etc/etcd/enroll/issued/byhand" ]
	run -0 ca cert revoke LB
	run -0 ca cert revoke kube-apiserver-etcd-client
	revoked "$out/lb/server.crt" "$out/kube/apiserver-etcd-client.crt"
	run -3 ca cert revoke dry
	[[ $output == *"has made no certificate for dry"* ]]
	# The key that was revoked is refused, with its name; the name of a machine is no client's.
	ca cert issue --name byhand --out "$out/3" client
	run ! revoked "$out/3/byhand.crt"
	for name in n2 N2 127.0.0.2; do
		run -3 ca cert issue --name $name --out "$out/n2" client
		[[ $output == *"a client cannot be called $name: it is one of MEMBERS"* ]]
	done
	ca bundle --out "$out/n2" n2=127.0.0.2
	grep -qi "^GRANT_1=.*peer:$(openssl x509 -noout -serial -in "$out/n2/peer.crt" | cut -d = -f 2)" \
		"$host/etc/etcd/enroll/members/n2"
	# It cannot be written down: nothing is given out.
	rm -r "$host/etc/etcd/enroll/issued"
	echo x >"$host/etc/etcd/enroll/issued"
	run ! ca cert issue --name lost --out "$out/lost" client
	[ ! -e "$out/lost/lost.crt" ]
	rm "$host/etc/etcd/enroll/issued"
	rm "$host/etc/etcd/enroll/members/n2"
	mkdir "$host/etc/etcd/enroll/members/n2"
	run ! ca bundle --out "$out/b.tar" n2=127.0.0.2
	run ! ca bundle --out "$out/b" n2=127.0.0.2
	[ ! -e "$out/b.tar" ]
	[ ! -e "$out/b" ]
}
