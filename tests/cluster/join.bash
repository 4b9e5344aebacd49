# Machines that join, with real etcd on loopback: `load lib`, `load join`, then
#   one_member            a cluster of one: n1
#   joiner n2 [LINE…]     a machine with ROLE=join and JOIN=n1's client port, before its setup
#   join n2               setup, etcd, setup, as systemd does it
# shellcheck shell=bash

joiner() {
	local name=$1
	local -a ports
	shift

	mapfile -t ports < <(ports_of "$name")
	bare "$name" ROLE=join "JOIN=127.0.0.1:$(port n1 1)" ADDRESS=127.0.0.1 "${ports[@]}"
	copy_ca "$name"
	[ $# -eq 0 ] || set_conf "$name" "$@"
}

# setup_until NAME PATTERN: runs setup until it is done, or pending with a message that matches PATTERN.
setup_until() {
	eventually setup_reaches "$@" && [ ! -e "$BATS_TEST_TMPDIR/$1/setup.failed" ] && return 0
	cat "$BATS_TEST_TMPDIR/$1/setup.log"
	return 1
}

# One attempt; a failure other than "pending" ends the wait, too.
setup_reaches() {
	local rc=0 root=$BATS_TEST_TMPDIR/$1

	rm -f "$root/setup.failed"
	helper "$1" setup 2>"$root/setup.log" || rc=$?
	case $rc in
	0 | 2) ;;
	6) grep -q "$2" "$root/setup.log" ;;
	*) : >"$root/setup.failed" ;;
	esac
}

# enter NAME: the join up to the start of etcd.
enter() {
	setup_until "$1" 'its etcd has not been started yet'
}

# finish NAME: the rest of the join; etcd runs.
finish() {
	setup_until "$1" 'no such message'
}

# join NAME [COMMAND]: COMMAND replaces `start`.
join() {
	enter "$1"
	"${2:-start}" "$1"
	wait_healthy "$1"
	finish "$1"
}

# members NAME: "ID started|unstarted NAME PEER CLIENT LEARNER", a line for each, from the list of that member.
members() {
	etcdctl "$1" member list | tr -d ,
}

# voters NAME: prints the number of started voting members.
voters() {
	members "$1" | grep -c ' started .* false$'
}

# Removes n2 from the cluster.
forget_n2() {
	local id

	id=$(members n1 | awk -v peer=":$(port n2 2) " '$0 ~ peer { print $1 }')
	[ -z "$id" ] || drop n1 "$id"
}
