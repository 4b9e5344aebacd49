# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `status` and `check` on booted machines of one cluster: cables out, ports blocked, members down and removed.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	installed 57 bookworm bookworm rpm
	form
}

# look NAME EXIT: `status` there ends with that code; its output is in $output, its duration in $took (ms).
look() {
	local begin
	begin=$(date +%s%N)
	on "$1" exits "$2" 'etcd-cluster status'
	took=$((($(date +%s%N) - begin) / 1000000))
	echo "# status on $1: exit $status, $took ms" >&3
}

# has_none WORD…: there are no findings of these levels.
has_none() {
	local word
	for word; do
		[ "$(grep -c "^$word " <<<"$output")" -eq 0 ]
	done
}

@test "the same output on each machine, and no finding" {
	for name in n1 n2 n3; do
		look "$name" 0
		[[ "$output" == *"3 of 3 voting members healthy, 2 needed"* ]]
		[ "$(grep -c '^n[123] .* healthy .* 36[45]$' <<<"$output")" -eq 3 ]
		[ "$(grep -c -w leader <<<"$output")" -eq 1 ]
		has_none warn bad
	done
	on n1 exits 0 'etcd-cluster check'
	has_none bad
	[[ "$output" == *"ok    n2 (10.77.57.2) can be reached: port 2379, 2380"* ]]
	[[ "$output" == *"ok    the enrolment port 2382 is open"* ]]
	[[ "$output" == *"ok    no other machine is a CA host"*"ca export"* ]]
	[[ "$output" == *"ok    the members are those of MEMBERS"* ]]
	[[ "$output" == *"ok    the clocks of the members agree"* ]]
	on n3 exits 0 'etcd-cluster check'
	[[ "$output" == *"ok    the enrolment port of a CA host can be reached"* ]]
	[[ "$output" != *"no other machine is a CA host"* ]]
}

@test "a port behind a firewall and a machine that is down have different messages" {
	# Only new connections: without its raft streams n3 would lose the quorum within seconds.
	"$machine" net n3 nft 'table bridge wall {
		chain wall {
			type filter hook forward priority 0;
			oifname "vb-n3" tcp dport { 2380, 2382 } tcp flags & (syn | ack) == syn drop;
		}
	}'
	on n1 exits 0 'etcd-cluster check'
	[[ "$output" == *"warn  n3 (10.77.57.3) cannot be reached on port 2380: Connection timed out"*"firewall"* ]]
	[[ "$output" == *"ok    n3 (10.77.57.3) can be reached: port 2379"* ]]
	"$machine" net n3 nft 'delete table bridge wall'
	all_healthy
}

@test "one cable is out, then two: at most one timeout, on every machine" {
	# One timeout is 2.5 s, two are 5 s.
	"$machine" link n3 down
	on n1 wait_for 'etcdctl.sh endpoint health' # n3 was possibly the leader
	look n1 5
	[ "$took" -le 4900 ]
	[[ "$output" == *"warn  member n3 does not answer"*"etcd-cluster remove n3"* ]]
	[[ "$output" == *"2 of 3 voting members are healthy: one more failure stops the cluster"* ]]
	look n3 5
	[ "$took" -le 4900 ]
	[[ "$output" == *"no quorum"* ]]

	"$machine" link n2 down
	for name in n1 n2; do
		look "$name" 5
		[ "$took" -le 4900 ]
		[[ "$output" == *"bad   no quorum: 0 of 3 voting members are healthy, 2 are needed"* ]]
		[[ "$output" == *"restore --force-new-cluster"* ]]
	done
	"$machine" link n2 up
	"$machine" link n3 up
	all_healthy
}

@test "a stopped member: a warning on the others, the fix on its own machine" {
	on n2 'systemctl stop etcd'
	on n1 wait_for 'etcdctl.sh endpoint health'
	look n1 5
	[[ "$output" == *"warn  member n2 does not answer: "*"Connection refused"*"on that machine: etcd-cluster status"* ]]
	look n2 5
	[[ "$output" == *"bad   member n2 does not answer"*"systemctl start etcd"* ]]
	[[ "$output" == *"2 of 3 voting members healthy"* ]]
	on n2 'systemctl start etcd'
	all_healthy
}

@test "a member that another one removed: its unit ended without a failure, and status reports the removal" {
	on n1 wait_for 'id=$(etcdctl.sh member list | sed -n "s/, .* n3,.*//p")
		[ -z "$id" ] || etcdctl.sh member remove "$id"'
	on n3 wait_for '! systemctl is-active etcd'
	on n3 '[ "$(systemctl show -p Result --value etcd)" = success ]'
	on n3 wait_for 'etcd-cluster status | grep -q removed ||
		etcd-cluster status 2>&1 | grep "was removed from the cluster"'
	look n3 5
	[[ "$output" == *"bad   this machine's member "*" was removed from the cluster"*"etcd-cluster join 10.77.57."[12]* ]]
	[[ "$(on n3 'etcd-cluster status --json' 2>/dev/null)" == *'"removed":true'* ]]
	look n1 0
	[[ "$output" == *"MEMBERS in cluster.conf has n3 (10.77.57.3), which is not a member of the cluster"* ]]
	on n1 exits 0 'etcd-cluster check'
	[[ "$output" == *"two voting members tolerate no failure"* ]]
}
