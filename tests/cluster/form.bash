# Machines that form a cluster together: `load lib`, `load own-address`, `load form`, then
#   forming n1 [LINE…]     a machine of $members, with the token, before its first setup
#   form n1 n2 n3          setup on all of them at the same time, with the enrolment server of n1
#   serve; is_served; end server   the enrolment server of n1; waits for it
#   setting_up n1; is_set_up n1    one of them in the background; waits for its end
# shellcheck shell=bash
# shellcheck disable=SC2154 # of own-address.bash

members=n1=$net.1,n2=$net.2,n3=$net.3
token=$(openssl rand -hex 20)

give_token() {
	(umask 077 && echo "$2" >"$(etc "$1")/enroll-token")
}

# prepare NAME [LINE…]: a machine with the token, before its first setup.
prepare() {
	bare "$1" "${own_ports[@]}" "${@:2}"
	give_token "$1" "$token"
}

forming() {
	prepare "$1" ROLE=cluster "MEMBERS=$members" "${@:2}"
}

# Does the work of the socket unit, which setup enables when it has stored the token, or signed with a copied CA.
serve() {
	behind server serving
}

serving() {
	until [ -n "$(ls "$(etc n1)"/pki/peer.crt "$(etc n1)"/enroll/tokens/* 2>/dev/null)" ]; do
		sleep 0.05
	done
	exec "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/n1" enroll --listen "$net.1:$enroll_port"
}

is_served() {
	eventually grep -q 'serving at' "$BATS_TEST_TMPDIR/server.log"
}

setting_up() {
	behind "setup-$1" "$ETCD_CLUSTER" --root "$BATS_TEST_TMPDIR/$1" setup --wait
}

is_set_up() {
	local pid rc=0

	pid=$(cat "$BATS_TEST_TMPDIR/setup-$1.pid")
	eventually gone "$pid" || { cat "$BATS_TEST_TMPDIR"/setup-*.log; return 1; }
	wait "$pid" || rc=$?
	rm "$BATS_TEST_TMPDIR/setup-$1.pid"
	[ $rc -eq 0 ] || { cat "$BATS_TEST_TMPDIR/setup-$1.log"; return 1; }
}

# form NAME…: all that will be members of one cluster; the enrolment server goes on.
form() {
	local n

	[ -e "$BATS_TEST_TMPDIR/server.pid" ] || serve
	for n; do
		setting_up "$n"
	done
	for n; do
		is_set_up "$n"
	done
}

# record NAME KEY: prints the value in its record of the forming.
record() {
	sed -n "s/^$2=//p" "$(etc "$1")/forming"
}

# cluster_id NAME: prints the ID in its member-id.
cluster_id() {
	sed -n 's/^CLUSTER_ID=//p' "$(etc "$1")/member-id"
}

# one_cluster NAME…: they are healthy members of one cluster, and each reads what another one writes.
one_cluster() {
	local n

	for n; do
		wait_healthy "$n"
	done
	[ "$(etcdctl "$1" member list | grep -c started)" -eq $# ]
	for n; do
		etcdctl "$n" put "from-$n" yes
	done
	for n; do
		[ "$(etcdctl "$n" get --prefix from- --print-value-only | grep -c yes)" -eq $# ]
		[ "$(cluster_id "$n")" = "$(cluster_id "$1")" ]
	done
}
