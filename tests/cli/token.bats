#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The verbs of `token` on a CA host, and enrolment with such tokens.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	build=${BUILD:-build}
	top="$BATS_TEST_TMPDIR"
	enroll="$top/n1/etc/etcd/enroll"
	net=127.$((BATS_TEST_NUMBER + 100)).$((RANDOM % 250 + 1))
	port=23821
	mkdir -p "$top/n1/etc/etcd"
	configure n1 ROLE=cluster "MEMBERS=n1=$net.1"
}

teardown() {
	[ -z "${tracer-}" ] || { pkill -TERM -P "$tracer" && wait "$tracer"; } || true
	[ -z "${server-}" ] || { kill -TERM "$server" && wait "$server"; } || true
}

# configure MACHINE LINE…
configure() {
	local n=$1
	shift
	mkdir -p "$top/$n/etc/etcd"
	printf '%s\n' "NAME=$n" ENROLL_PORT=$port CLIENT_PORT=1 PEER_PORT=2 "$@" >"$top/$n/etc/etcd/cluster.conf"
}

ec() {
	"$ETCD_CLUSTER" --root "$top/n1" "$@"
}

make_ca() {
	"$build-asan/lib/certify" "$top/n1"
}

# joiner N TOKEN: makes a machine that joins.
joiner() {
	configure "n$1" ROLE=join "ADDRESS=$net.$1" "JOIN=$net.1"
	(umask 077 && echo "$2" >"$top/n$1/etc/etcd/enroll-token")
}

start_server() {
	"$ETCD_CLUSTER" --root "$top/n1" enroll --listen "$net.1:$port" 2>"$top/server.log" 3>&- &
	server=$!
	for _ in {1..100}; do
		grep -q 'serving at' "$top/server.log" && return
		sleep 0.05
	done
	return 1
}

ask() {
	"$build-asan/lib/ask-server" "$top/n$1"
}

# get KEY: prints this value of the only token in the list; a time as seconds.
get() {
	ec token list --json | jq ".[0].$1 | if \"$1\" == \"made\" or \"$1\" == \"expires\" then fromdate else . end"
}

tree() {
	find "$top/n1/etc" -printf '%P %m %s %i %T@\n' | sort
}

@test "new prints only the secret, and stores only a key derived from it" {
	make_ca
	run -0 --separate-stderr ec token new
	[[ $output =~ ^[0-9a-f]{40}\.[0-9a-f]{32}$ ]]
	[ "${output#*.}" = "$(ec ca show --json | jq -r .spki_sha256 | cut -c -32)" ]
	# shellcheck disable=SC2154 # bats sets it
	[[ $stderr == *"for anybody, 1 use, until"* && $stderr != *"$output"* ]]
	[ "$(stat -c '%a' "$enroll" "$enroll/tokens" "$enroll"/tokens/* | xargs)" = '700 700 600' ]
	id=$(printf 'etcd-cluster token id\0%s' "$output" | sha256sum | cut -c1-16)
	[ "$(ls "$enroll/tokens")" = "$id" ]
	grep -qx "PSK=$(printf 'etcd-cluster token psk\0%s' "$output" | sha256sum | cut -c1-64)" "$enroll/tokens/$id"
	run ! grep -r -e "$output" "$top/n1"
	# The list does not contain the key.
	run ! grep -e "$(sed -n 's/^PSK=//p' "$enroll/tokens/$id")" <(ec token list; ec token list --json; ec status; ec check)
	[ "$(get expires)" -gt $(($(date +%s) + 86000)) ]
	[ "$(get expires)" -lt $(($(date +%s) + 86800)) ]
	# Each token is different.
	[ "$(ec token new)" != "$output" ]
	[ "$(ls "$enroll/tokens" | wc -l)" = 2 ]
}

@test "list prints for whom, how many uses, and the expiry" {
	ec token list | grep -q '^ID '
	[ "$(ec token list --json | jq -c .)" = '[]' ]
	make_ca
	ec token new --name n4 --address fd00::4 --from 192.0.2.1 --san lb.example.org,192.0.2.7 --hours 2 \
		--addresses 192.0.2.4,fd00::44
	ec token list | grep -Eq '^[0-9a-f]{16} +1  20[0-9-]+ [0-9:]+ UTC  n4=fd00::4 +-$'
	ec token list --json | jq -e '.[0] | .name == "n4" and .address == "fd00::4" and
		.from == "192.0.2.1" and .addresses == ["192.0.2.4", "fd00::44"] and
		.sans == ["lb.example.org", "192.0.2.7"] and
		.uses == 1 and .left == 1 and .members == false and .used == []
		and (.expires | fromdate) - (.made | fromdate) == 7200'
	ec token new --uses 3
	ec token list --json | jq -e 'length == 2 and any(.uses == 3 and .name == null and .address == null)'
	# Expired tokens are useless, and the next token removes them.
	later=$(($(date +%s) + 3 * 86400))
	ETCD_CLUSTER_NOW=$later ec token list --json | jq -e 'all(.left == 0)'
	ETCD_CLUSTER_NOW=$later ec token new
	[ "$(ls "$enroll/tokens" | wc -l)" = 1 ]
}

# Both count whole seconds, and the clock of a CA host may have been set back.
@test "a token is later than the removal that it answers, whatever the clock says" {
	make_ca
	now=$(date +%s)
	mkdir -p "$enroll/removed"
	printf '%s\n' NAME=n4 "KEY_1=$(printf '%064d' 4)" TIME=$((now + 3600)) >"$enroll/removed/n4"
	for n in 0 3600; do
		ETCD_CLUSTER_NOW=$((now + n)) ec token new --name n4 --address 192.0.2.4
		[ "$(get made)" = $((now + 3601)) ]
		ec token revoke "$(get id | tr -d '"')"
	done
	ec token new --name n5 --address 192.0.2.5
	[ "$(get made)" -lt $((now + 3600)) ]
}

@test "new is refused where the token would be useless" {
	run -3 ec token new
	[[ $output == *"ca.key is not on this machine"*"etcd-cluster setup"* ]]
	make_ca
	before=$(tree)
	while read -r text options; do
		# shellcheck disable=SC2086
		run -3 ec token new $options
		echo "$options: $output"
		[[ $output == *"${text//_/ }"* ]]
	done <<-EOF
		is_not_a_whole_number --uses 0
		is_not_a_whole_number --uses 1001
		is_not_a_whole_number --uses -1
		is_not_a_whole_number --hours 0
		is_not_a_whole_number --hours 8761
		one_name_is_one_machine --name n4 --uses 2
		the_other_machine --name n1
		the_other_machine --address $net.1
		upper-case --name N4
		is_an_address --name 10.0.0.4
		is_not_an_IP_address --from nat.example.org
		needs_--name_and_--address --from 192.0.2.1 --name n4
		needs_--name_and_--address --addresses 192.0.2.4 --name n4
		etcd.example.org_is_not_an_IP --addresses etcd.example.org --name n4 --address 192.0.2.4
		is_the_ADDRESS_of_one_of_MEMBERS --addresses $net.1 --name n4 --address 192.0.2.4
		nobody_can_dial --address 0.0.0.0
		--san --san a,*
		does_not_take_the_argument now
	EOF
	[ "$(tree)" = "$before" ]
	configure n1 ROLE=cluster "MEMBERS=n1=$net.1,n2=$net.2,n3=$net.3"
	run -3 ec token new --name n2 --address "$net.4"
	[[ $output == *"MEMBERS says n2=$net.2"* ]]
	run -3 ec token new --name n4 --address "$net.3"
	# A member on loopback cannot be a CA host.
	configure n1 ADDRESS=127.0.0.1
	run -3 ec token new
	[[ $output == *"no other machine can reach this one"*ADDRESS=* ]]
	rm "$top/n1/etc/etcd/pki/ca.key"
	run -3 ec token new
	[[ $output == *"on the CA host"* ]]
}

@test "a dry run changes nothing and prints no secret" {
	make_ca
	before=$(tree)
	run -0 --separate-stderr ec token new --dry-run --name n4
	[ -z "$output" ]
	[[ $stderr == *"would make an enrolment token, for n4"* ]]
	[ "$(tree)" = "$before" ]
	ec token new
	before=$(tree)
	run -0 ec token revoke --dry-run "$(ls "$enroll/tokens")"
	[[ $output == *"would remove"* ]]
	[ "$(tree)" = "$before" ]
}

@test "revoke ends a token at once; an unknown or invalid ID is an error" {
	make_ca
	token=$(ec token new)
	id=$(ls "$enroll/tokens")
	for wrong in 0123456789abcdef "${id%?}" ../tokens/"$id" ''; do
		run -3 ec token revoke "$wrong"
		[[ $output == *"there is no token"* ]]
	done
	joiner 4 "$token"
	start_server
	run -0 ec token revoke "$id"
	[ -z "$(ls "$enroll/tokens")" ]
	run -4 ask 4
	[[ $output == *"does not know this token"* ]]
	# A damaged token can be revoked.
	ec token new
	id=$(ls "$enroll/tokens")
	echo garbage >"$enroll/tokens/$id"
	run -3 ec token list
	[[ $output == *"$id"* ]]
	ec token revoke "$id"
	ec token list
}

@test "the enrolment server accepts a token only within its limits" {
	make_ca
	joiner 4 "$(ec token new --name n4 --address "$net.4" --san lb.example.org)"
	cp -r "$top/n4" "$top/n5"
	start_server
	# Another name, another address, a further SAN.
	configure n5 ROLE=join "ADDRESS=$net.5" "JOIN=$net.1"
	run -4 ask 5
	[[ $output == *"for a machine called n4"* ]]
	configure n5 NAME=n4 ROLE=join "ADDRESS=$net.5" "JOIN=$net.1"
	sed -i 1d "$top/n5/etc/etcd/cluster.conf"
	run -4 ask 5
	[[ $output == *"for the address $net.4"* ]]
	configure n4 ROLE=join "ADDRESS=$net.4" "JOIN=$net.1" 'EXTRA_SANS="lb.example.org bank.example.org"'
	run -4 ask 4
	[[ $output == *"bank.example.org is not among"* ]]
	configure n4 ROLE=join "ADDRESS=$net.4" "JOIN=$net.1" EXTRA_SANS=lb.example.org
	ask 4
	openssl verify -CAfile "$top/n1/etc/etcd/pki/ca.crt" -verify_hostname lb.example.org "$top/n4/etc/etcd/pki/server.crt"
	[ "$(get left)" = 0 ]
	ec token list --json | jq -e '.[0].used[0].name == "n4"'
	grep -q "certificates for n4 ($net.4) given to $net.4, who showed the token $(ls "$enroll/tokens")" "$top/server.log"
}

@test "two machines at the same time with one use left: one of them gets it" {
	make_ca
	token=$(ec token new)
	start_server
	for round in 1 2 3; do
		joiner 4 "$token"
		joiner 5 "$token"
		ask 4 >"$top/4" 2>&1 3>&- &
		four=$!
		ask 5 >"$top/5" 2>&1 3>&- &
		five=$!
		won=0
		wait $four && won=$((won + 1))
		wait $five && won=$((won + 1))
		cat "$top/4" "$top/5"
		[ $won = 1 ]
		grep -q 'this token is used up' "$top/4" "$top/5"
		[ "$(get left)" = 0 ]
		rm -r "$top/n4" "$top/n5" "$enroll/members"
		ec token revoke "$(ls "$enroll/tokens")"
		[ $round = 3 ] || token=$(ec token new)
	done
}

# The child of the server is killed before and after it has recorded the use.
@test "kill -9 of the server between use and answer: the same machine is served again, another one is not" {
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
	make_ca
	for n in 1 2; do
		token=$(ec token new)
		joiner 4 "$token"
		strace -f -qq -o "$top/trace" -e trace=rename -e "inject=rename:signal=KILL:when=$n" \
			"$ETCD_CLUSTER_PLAIN" --root "$top/n1" enroll --listen "$net.1:$port" 2>"$top/server.log" 3>&- &
		tracer=$!
		for _ in {1..100}; do
			grep -q 'serving at' "$top/server.log" && break
			sleep 0.05
		done
		# On a busy machine a request can end before the child has come so far.
		for _ in {1..10}; do
			run -6 ask 4
			! grep -q 'killed by SIGKILL' "$top/trace" || break
		done
		[ ! -e "$top/n4/etc/etcd/pki/peer.crt" ]
		[ "$(get left)" = $((2 - n)) ]
		pkill -TERM -P $tracer
		wait $tracer || true
		tracer=
		start_server
		[ $n = 2 ] || ask 4
		joiner 5 "$token"
		run -4 ask 5
		[[ $output == *"used up"* ]]
		rm -f "$top"/n4/etc/etcd/pki/*.crt
		ask 4
		[ -e "$top/n4/etc/etcd/pki/peer.crt" ]
		[ -e "$enroll/members/n4" ]
		[ -z "$(find "$enroll" -name '.new-*')" ]
		kill -TERM "$server"
		wait "$server" || true
		server=
		rm -r "$top/n4" "$top/n5" "$enroll/members"
		ec token revoke "$(ls "$enroll/tokens")"
	done
}

@test "a weak or public token file is refused before any request, and its text is not printed" {
	joiner 4 changeme-2026
	run -3 ask 4
	[[ $output == *"too short"* && $output != *changeme* ]]
	joiner 4 0123456789abcdef0123456789abcdef
	run -3 ask 4
	[[ $output == *"repeats itself"*"openssl rand"* ]]
	joiner 4 "$(openssl rand -hex 20)"
	chmod 644 "$top/n4/etc/etcd/enroll-token"
	run -4 ask 4
	[[ $output == *"can be read by others"*"chmod 600"* ]]
}

@test "a token on a read-only file system, such as a credential, is used once and stays there" {
	[ "$(id -u)" = 0 ] || skip 'only root may read the paths of a process that allows no core dump'
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
	make_ca
	printf '%s\n' CLUSTER_ID=00000000000000c1 MEMBER_ID=00000000000000a1 NAME=n1 >"$top/n1/etc/etcd/member-id"
	configure n1 ROLE=cluster "MEMBERS=n1=$net.1,n2=$net.2" ENROLL_TOKEN_FILE=/credential
	(umask 077 && openssl rand -hex 20 >"$top/n1/credential")
	for _ in 1 2; do
		run -0 strace -f -qq -o "$top/trace" -P "$top/n1/credential" -e trace=openat -e inject=openat:error=EROFS:when=2 \
			"$ETCD_CLUSTER_PLAIN" --root "$top/n1" token new
		grep -q 'EROFS.*INJECTED' "$top/trace"
		[ -s "$top/n1/credential" ]
	done
	[ "$(ec token list --json | jq '[.[] | select(.members)] | length')" = 1 ]
}
