#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# One CA host signs: standby, takeover, and the old CA host that comes back. As enroll.bats.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load own-address
load form
load join

setup() {
	need_release "${SERIES:-3.5}"
}

teardown() {
	end_all
}

# formed: n1 to n3, healthy, and the enrolment server of n1.
formed() {
	local n

	for n in n1 n2 n3; do forming $n; done
	form n1 n2 n3
	for n in n1 n2 n3; do launch $n; done
	for n in n1 n2 n3; do wait_healthy $n; done
	for n in n1 n2 n3; do run -0 helper $n setup; done
}

# serves NAME: its enrolment server.
serves() {
	behind "server-$1" "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/$1" enroll --listen "$net.${1#n}:$enroll_port"
	eventually grep -q 'serving at' "$BATS_TEST_TMPDIR/server-$1.log"
}

recorded() {
	etcdctl "$1" get --print-value-only etcd-cluster/ca-host
}

# renews NAME: with a new certificate from there. refused NAME: it gets none.
renews() {
	helper "$1" cert renew --force
}

# With its former server n1 dead, and after an election.
renewed_by() {
	eventually renews "$1"
	helper "$1" cert list | grep -qx "signed by: $net.${2#n}:$enroll_port"
}

# A process has the lock of the records of n1 open, beside this shell.
waits_for_lock() {
	[ -n "$(find /proc/[0-9]*/fd -lname "$(etc n1)/enroll/lock" -not -path "/proc/$$/*" \
		-not -path "/proc/$BASHPID/*" 2>/dev/null)" ]
}

takes_over() {
	helper n2 ca takeover
}

@test "a standby refuses until the takeover, then it signs, and the old CA host is a standby when it comes back" {
	local word=$BATS_TEST_TMPDIR/word

	formed
	[ -z "$(recorded n1)" ]
	renewed_by n3 n1
	[[ "$(recorded n2)" == *" n1 $net.1:$enroll_port" ]]
	(umask 077 && echo 'correct horse battery' >"$word")
	helper n1 ca export --passphrase-file "$word" "$BATS_TEST_TMPDIR/ca.pem"
	run -0 helper n2 ca import --passphrase-file "$word" "$BATS_TEST_TMPDIR/ca.pem"
	[[ "$output" == *"n1 ($net.1:$enroll_port) is the CA host: this machine is a standby"* ]]
	helper n2 setup || [ $? -eq 2 ]
	serves n2
	helper n2 status | grep -A 1 "^CA host  *n1 ($net.1:$enroll_port); this machine is a standby" | grep 'ca takeover$'
	helper n2 status --json | jq -e '.ca_host.standby and .ca_host.name == "n1"'
	helper n1 status --json | jq -e '.ca_host.standby == false'
	# The CA host dies. The standby refuses, and without a quorum it cannot take over.
	end server
	stop n1 KILL
	run -6 renews n3
	[[ "$output" == *"n2 is a standby, and n1 ($net.1:$enroll_port) is the CA host"*"on n2: etcd-cluster ca takeover"* ]]
	run -3 helper n2 token new --name n4 --address "$net.4"
	stop n3 KILL
	run -5 helper n2 ca takeover
	[[ "$output" == *"no quorum can record that this machine is the CA host in place of n1"*"--ca-host-fenced"* ]]
	launch n3
	wait_healthy n3
	helper n2 status | grep 'the CA host n1 .* does not answer'
	eventually takes_over
	[[ "$(recorded n3)" == *" n2 $net.2:$enroll_port" ]]
	run -2 helper n2 ca takeover --exit-code
	renewed_by n3 n2
	run ! grep -r 'CA host  ' <(helper n2 status)
	# The old one comes back: it learns that before it signs.
	launch n1
	wait_healthy n1
	helper n1 status | grep -A 1 "^CA host  *n2 ($net.2:$enroll_port); this machine is a standby" | grep 'ca takeover$'
	serves n1
	cat >"$(etc n3)/pki/ca.host" <<<"DOOR=$net.1:$enroll_port"
	end server-n2
	run -6 renews n3
	[[ "$output" == *"n1 is a standby, and n2 ($net.2:$enroll_port) is the CA host"* ]]
	grep -qx STATE=standby "$(etc n1)/enroll/ca-host"
	run -3 helper n1 token new --name n4 --address "$net.4"
	# A machine asks both, and what the standby says does not end the search.
	serves n2
	prepare n4 ROLE=join "JOIN=$net.1,$net.2" "ADDRESS=$net.4"
	give_token n4 "$(helper n2 token new --name n4 --address "$net.4")"
	join n4 launch
	helper n4 cert list | grep -qx "signed by: $net.2:$enroll_port"
	renewed_by n3 n2
	# Back, by a person's word while nobody else is there; the others learn it with the quorum.
	for n in n2 n3 n4; do stop $n; done
	run -5 helper n1 ca takeover
	run -0 helper n1 ca takeover --ca-host-fenced
	grep -qx STATE=claimed "$(etc n1)/enroll/ca-host"
	for n in n2 n3 n4; do launch $n; done
	for n in n2 n3; do wait_healthy $n; done
	end server-n2
	renewed_by n3 n1
	[[ "$(recorded n2)" == *" n1 $net.1:$enroll_port" ]]
	[ ! -e "$(etc n1)/enroll/ca-host" ]
	helper n2 status | grep "^CA host  *n1 ($net.1:$enroll_port); this machine is a standby"
}

# The server has asked etcd, and waits for the lock, when somebody else is recorded.
@test "another CA host takes over while a request is served: no certificate leaves" {
	local before

	formed
	renewed_by n3 n1
	before=$(openssl x509 -noout -serial -in "$(etc n3)/pki/peer.crt")
	exec 9>>"$(etc n1)/enroll/lock"
	flock 9
	behind renewal "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n3" cert renew --force 9>&-
	eventually waits_for_lock
	etcdctl n2 put etcd-cluster/ca-host "$(recorded n2 | sed 's/ n1 .*/ n9 10.9.9.9:1/')"
	exec 9>&-
	eventually gone "$(cat "$BATS_TEST_TMPDIR/renewal.pid")"
	grep 'etcd does not confirm that this machine still is the CA host' "$BATS_TEST_TMPDIR/renewal.log"
	[ "$(openssl x509 -noout -serial -in "$(etc n3)/pki/peer.crt")" = "$before" ]
	run ! grep -c 'given to' <(tail -n 1 "$BATS_TEST_TMPDIR/server.log")
}
