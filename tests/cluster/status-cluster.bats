#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `status` and `check` of three machines with real etcd: members that are down, frozen, removed, moved, or learners.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load own-address

net=127.0.0

load form

setup() {
	need_release "${ETCD_SERIES:-3.4}"
}

teardown() {
	end_all
}

# place NAME [LINE…]: a machine at 127.0.0.N with the same ports as the others.
place() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1
	shift

	mkdir -p "$root/etc/etcd/cluster.conf.d"
	printf '%s\n' "ADDRESS=127.0.0.${name#n}" "CLIENT_PORT=$client_port" "PEER_PORT=$peer_port" \
		"ENROLL_PORT=$enroll_port" "METRICS_URL=http://127.0.0.${name#n}:$(port n0 4)" "$@" \
		>"$root/etc/etcd/cluster.conf.d/place.conf"
}

# There is no finding except the difference that `launch` makes.
nothing_wrong() {
	[ "$(grep -E '^(warn|bad) ' <<<"$output" | grep -v -c ETCD_LISTEN_CLIENT_URLS)" -eq 0 ]
}

MEMBERS=MEMBERS=n1=127.0.0.1,n2=127.0.0.2,n3=127.0.0.3

# formed MEMBERS NAME…: machines with one cluster.conf that have formed a cluster; not started.
formed() {
	local n members=$1
	shift

	for n; do
		place "$n" ROLE=cluster "$members"
		bare "$n"
		give_token "$n" "$token"
	done
	form "$@"
	end server
}

prepare_three() {
	formed "$MEMBERS" n1 n2 n3
}

three_of_one_conf() {
	local n

	prepare_three
	for n in n1 n2 n3; do
		launch $n
	done
	for n in n1 n2 n3; do
		wait_healthy $n
	done
	for n in n1 n2 n3; do
		helper $n setup
	done
}

# answers_soon NAME: `status` there ends after one timeout (2000 ms) and not after two; exit code in $status. The best
# of three runs counts, because the host may be busy.
answers_soon() {
	local begin ms

	for _ in 1 2 3; do
		begin=$(date +%s%N)
		run "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/$1" status
		ms=$((($(date +%s%N) - begin) / 1000000))
		echo "status on $1: exit $status, $ms ms"
		[ $ms -ge 4000 ] || return 0
	done
	return 1
}

# change ARGUMENT…: runs etcdctl member, repeated while etcd answers "unhealthy cluster", for seconds after a start.
change() {
	eventually etcdctl n1 member "$@" >"$BATS_TEST_TMPDIR/change" 2>&1
}

# json_of NAME PATH
json_of() {
	{ helper "$1" status --json 2>/dev/null || :; } | json "$2"
}

@test "three members: the same output on each" {
	local n

	three_of_one_conf
	for n in n1 n2 n3; do
		run -0 helper $n status
		[[ "$output" == *"3 of 3 voting members healthy, 2 needed"* ]]
		[ "$(grep -c -w leader <<<"$output")" -eq 1 ]
		[ "$(grep -c -w follower <<<"$output")" -eq 2 ]
		# The days left of the certificate that each member serves.
		[ "$(grep -c '^n[123] .* 36[45]$' <<<"$output")" -eq 3 ]
		nothing_wrong
	done
	run -0 helper n1 check
	[[ "$output" == *"the clocks of the members agree"* ]]
	[[ "$output" == *"the members are those of MEMBERS"* ]]
	helper n3 status --json >"$BATS_TEST_TMPDIR/json"
	python3 - "$BATS_TEST_TMPDIR/json" "$peer_port" <<'END'
import json, sys

s = json.load(open(sys.argv[1]))
assert s["quorum"] is True and s["removed"] is False and s["voters"] == 3, s
assert sum(m["leader"] for m in s["members"]) == 1, s
for m in s["members"]:
    assert m["answers"] and m["healthy"] and m["listed"] and not m["learner"], m
    assert m["here"] == (m["name"] == "n3"), m
    assert m["peer_urls"] == ["https://127.0.0.%s:%s" % (m["name"][1], sys.argv[2])], m
    assert 360 <= m["certificate_days_left"] <= 365 and abs(m["clock_ahead_seconds"]) < 2, m
    assert m["raft_lag"] < 100 and 0 <= m["db_quota_percent"] < 5, m
END
}

@test "three members: one down is a warning, two down are no quorum" {
	three_of_one_conf
	stop n3 KILL
	wait_healthy n1 # it may have been the leader
	run -5 helper n1 status
	[[ "$output" == *"2 of 3 voting members healthy"* ]]
	[[ "$output" == *"warn"*"member n3 does not answer"*"Connection refused"*"etcd-cluster remove n3"* ]]
	[[ "$output" == *"one more failure stops the cluster"* ]]
	# The dead member itself is not healthy, but it sees the others.
	run -5 helper n3 status
	[[ "$output" == *"2 of 3 voting members healthy"* ]]
	[[ "$output" == *"systemctl start etcd"* ]]

	stop n2 KILL
	run -5 helper n1 status
	[[ "$output" == *"no quorum: 0 of 3 voting members are healthy, 2 are needed"* ]]
	[[ "$output" == *"member n1 answers but reaches no quorum: "*"no answer within 2000 ms"* ]]
	[[ "$output" == *"start etcd on the machines that are down: n"[23]", n"[23]"; if they are lost for ever:"* ]]
	[[ "$output" == *"; if they are lost for ever: etcd-cluster restore"* ]]
	run -5 helper n2 status
	[[ "$output" == *"n1 "*"no quorum"* ]]
	run -5 helper n1 check
	[ "$(json_of n1 quorum)" = false ]
}

@test "dead members cost one timeout in total: killed, frozen, on every machine" {
	local n

	three_of_one_conf
	stop n3 KILL
	stop n2 KILL
	for n in n1 n2 n3; do
		answers_soon $n
		[ "$status" -eq 5 ]
		[[ "$output" == *"no quorum"* ]]
	done
	launch n2
	launch n3
	wait_healthy n1
	# A frozen member accepts connections and does not answer.
	kill -STOP "$(etcd_pid n2)" "$(etcd_pid n3)"
	for n in n1 n2 n3; do
		answers_soon $n
		[ "$status" -eq 5 ]
		[[ "$output" == *"within 2000 ms"* ]]
	done
}

@test "members that have not all started: status names them" {
	prepare_three
	launch n1
	run -5 helper n1 status
	[[ "$output" == *"member n2 does not answer: "*"Connection refused"* ]]
	[[ "$output" == *"member n3 does not answer: "*"Connection refused"* ]]
	[ "$(json_of n1 members.2.listed)" = false ]
	launch n2
	wait_healthy n1
	run -5 helper n1 status
	[[ "$output" == *"2 of 3 voting members healthy"* ]]
}

@test "a removed member ends without a failure, and status reports it" {
	three_of_one_conf
	drop n1 "$(id_of n1 n3 | sed 's/^0*//')"
	eventually gone "$(etcd_pid n3)"
	wait_healthy n1 # it may have been the leader
	run -5 helper n3 status
	[[ "$output" == *"n3 "*" removed "* ]]
	[[ "$output" == *"this machine's member "*" was removed from the cluster"* ]]
	[[ "$output" == *"-> to add it again, with the data moved aside: etcd-cluster join 127.0.0."[12]* ]]
	[[ "$output" != *"systemctl start etcd"* ]]
	[ "$(json_of n3 removed)" = true ]
	run helper n3 check
	[[ "$output" == *"was removed from the cluster"* ]]
	run -0 helper n1 status
	[[ "$output" == *"MEMBERS in cluster.conf has n3 (127.0.0.3), which is not a member"*"etcd-cluster join 127.0.0.1"* ]]
	[[ "$output" == *"two voting members tolerate no failure"* ]]
}

@test "a member whose address in the member list is wrong" {
	three_of_one_conf
	change update "$(id_of n1 n2)" --peer-urls="https://127.0.0.12:$peer_port"
	run -0 helper n1 status
	[[ "$output" == *"the cluster dials n2 at https://127.0.0.12:"*", MEMBERS in cluster.conf says https://127.0.0.2:"* ]]
	run helper n2 status
	[[ "$output" == *"the cluster dials this member at https://127.0.0.12:"*"-> etcd-cluster setup"* ]]
	place n1 ROLE=cluster MEMBERS=n1=127.0.0.1,n2=127.0.0.12
	run -0 helper n1 status
	[[ "$output" != *"the cluster dials"* ]]
	[[ "$output" == *"n3 (https://127.0.0.3:"*") is a member, but MEMBERS in cluster.conf does not have it"* ]]
}

@test "a machine that does not answer at its own address still finds its member" {
	three_of_one_conf
	sed -i 's#^\(ETCD_ADVERTISE_CLIENT_URLS=\).*#\1"https://127.0.0.77:1"#' "$BATS_TEST_TMPDIR/n1/etc/etcd/etcd.env"
	run helper n1 status
	[[ "$output" == *"3 of 3 voting members healthy"* ]]
	[ "$(json_of n1 members |
		python3 -c 'import json, sys; print([m["name"] for m in json.load(sys.stdin) if m["here"]])')" \
		= "['n1']" ]
}

@test "clocks: the wrong one is named" {
	three_of_one_conf
	run faketime -f +600s "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" check
	[[ "$output" == *"the clock of this machine is "[56][09][0-9]" s ahead of the clocks of the other members"* ]]
	[[ "$output" == *"-> here: timedatectl set-ntp true"* ]]
	stop n3
	wait_healthy n1
	run faketime -f +600s "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" status
	[[ "$output" == *"the clock of n2 is "[56][09][0-9]" s behind that of this machine"* ]]
	# The difference is so large that certificates seem not to be valid yet; the clock of the other is still readable.
	run faketime -f -30d "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/n1" status
	[ "$status" -eq 5 ]
	[[ "$output" == *"is not valid yet: is a clock wrong?"* ]]
	[[ "$output" == *"the clock of n2 is 259"*" s ahead of that of this machine"* ]]
}

@test "a learner sees the whole cluster, and the others see it" {
	formed MEMBERS=n1=127.0.0.1,n2=127.0.0.2 n1 n2
	place n3 ROLE=single
	machine n3
	unformed n3
	place n3 ROLE=cluster "$MEMBERS"
	launch n1
	launch n2
	wait_healthy n1
	change add n3 --learner --peer-urls="https://127.0.0.3:$peer_port"
	run -0 helper n1 status
	[[ "$output" == *"the new member does not answer: it was added but has not started yet"*"etcd-cluster remove"* ]]
	launch n3 ETCD_INITIAL_CLUSTER_STATE=existing \
		"ETCD_INITIAL_CLUSTER=$(for n in 1 2 3; do echo "n$n=https://127.0.0.$n:$peer_port"; done | paste -sd ,)"
	wait_healthy n3
	run -0 helper n3 status
	[[ "$output" == *"2 of 2 voting members healthy"* ]]
	[[ "$output" == *n3*healthy*learner* ]]
	[[ "$output" == *"n3 is a learner"*"-> here: etcd-cluster setup"* ]]
	[ "$(grep -c '^n[123] .* healthy ' <<<"$output")" -eq 3 ]
	stop n2 KILL # no quorum of voters: the learner still reports what it sees
	answers_soon n3
	[[ "$output" == *"no quorum"* ]]
}
