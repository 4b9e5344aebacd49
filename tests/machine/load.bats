# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# etcdctl stays served while members join, leave and are replaced. The load resembles a Kubernetes API server: writers,
# a watch over all keys, lists, a lease that is kept alive, and `etcdctl check perf`.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster
export WRITES=$BATS_FILE_TMPDIR/writes # for all tests
export WRITES_MORE
WRITES_MORE=$(printf '.%.0s' {1..1000})

setup_file() {
	installed 48 bookworm bookworm rpm bookworm
}

# The clients have the addresses of all machines. Except for the writers they run in n1, which always stays a member.
start_load() {
	ENDPOINTS=$(endpoints) writes n1 n1 n1
	m "mkdir -p /root/load
	touch /root/load/on
	cat >/root/load/etcdctl <<-X
		#!/bin/sh
		ETCDCTL_ENDPOINTS=$(endpoints) exec etcdctl.sh --command-timeout=5s \"\\\$@\"
	X
	chmod +x /root/load/etcdctl"
	m 'cd /root/load
	cat >lister <<-"X"
		while [ -e on ]; do
			if ./etcdctl get --prefix write/1/ --limit 100 --keys-only >/dev/null 2>>lister.out; then
				echo >>listed
			else
				echo "$(date +%T) list" >>failed
			fi
		done
	X
	touch failed
	systemd-run -q --unit=load-lister --working-directory=/root/load sh lister
	systemd-run -q --unit=load-watch --working-directory=/root/load \
		sh -c "exec ./etcdctl watch --rev 1 --prefix write/ >watched 2>watch.out"
	lease=$(./etcdctl lease grant 15 | sed -n "s/^lease \([0-9a-f]*\) granted.*/\1/p")
	systemd-run -q --unit=load-lease --working-directory=/root/load \
		sh -c "exec ./etcdctl lease keep-alive $lease >lease.out 2>&1"
	echo $lease >lease'
	wait_for 'test -s /root/load/listed && test -s /root/load/watched'
}

# Prints the results of the clients so far; fails if they were not served.
served() {
	m 'systemctl is-active -q load-watch load-lease
	fails grep -i expired /root/load/lease.out' >&2
	sort -n "$(writes_in)"/acknowledged.* |
		awk -v what="$1" -v failed=$(($(failed_writes) + $(m 'wc -l </root/load/failed'))) \
			-v lists="$(m 'wc -l </root/load/listed')" '
			NR > 1 && $1 - last > gap { gap = $1 - last }
			{ last = $1 }
			END {
				printf "# %s: %d puts and %d lists served, %d failed; at most %d ms between two puts\n",
					what, NR, lists, failed, gap
				exit !(failed * 50 <= NR + lists && gap <= 10000)
			}'
}

# report WHAT: the same, with a line in the test output.
report() {
	local line rc=0
	line=$(served "$1") || rc=$?
	echo "$line" >&3
	[ $rc -eq 0 ] || m 'tail -n 20 /root/load/failed'
	return $rc
}

voters() {
	on n1 "[ \$(etcdctl.sh member list | wc -l) -eq $1 ] &&
		[ \$(etcdctl.sh member list | grep -c ', started, .*, false\$') -eq $1 ]"
}

# invited NAME…: gives them the answers of a machine that joins and the token $token.
invited() {
	local name=$1
	shift
	prepared "$name" ROLE=join "JOIN=$(v4 n1)" "$@"
	on "$name" "umask 077; echo $token >/etc/etcd/enroll-token"
}

@test "a cluster of one serves its clients" {
	prepared n1 ROLE=single "ADDRESS=$(v4 n1)"
	on n1 'rm /etc/etcd/enroll-token'
	package n1
	healthy
	start_load
	sleep 3
	report 'one member'
}

@test "three machines join at the same time, and no client waits" {
	token=$(m 'etcd-cluster token new --uses 3 2>/dev/null')
	for name in n2 n3 n4; do
		invited $name
	done
	packages n2 n3 n4
	ONLY_ON='n2 n3 n4' all_healthy
	voters 4
	report 'one became four'
	one_cluster
}

@test "a member leaves and joins again, another one is destroyed and rebuilt, during etcdctl check perf" {
	m 'systemd-run -q --unit=load-perf --working-directory=/root/load \
		sh -c "exec ./etcdctl --command-timeout=90s check perf >perf.out 2>&1"'
	on n4 'etcd-cluster leave'
	voters 3
	readmitted n4
	on n4 "etcd-cluster join $(v4 n1)"
	ONLY_ON=n4 all_healthy
	voters 4
	report 'one left and came back'

	on n3 reset
	token=$(m "etcd-cluster token new --name n3 --address $(v4 n3) 2>/dev/null")
	invited n3 REPLACE=yes
	package n3
	ONLY_ON=n3 all_healthy
	voters 4
	report 'one was replaced'
	one_cluster
	wait_for '! systemctl is-active -q load-perf'
	# A write to a member that stops fails, and the client does not repeat it because it can have succeeded. A learner,
	# whose address the clients have, refuses requests. Few calls fail for these two reasons.
	# The number of writes per second depends on the host, so it is not checked.
	m 'sed "s/.*%//" /root/load/perf.out | tr -d "\r" | grep -E "PASS|FAIL" | sed "s/^/# check perf: /"
	[ $(sed -n "s/.*ERROR(.*) -> //p" /root/load/perf.out | awk "{ n += \$1 } END { print n + 0 }") -le 90 ]' >&3
}

@test "every acknowledged write exists, and the watch has seen it" {
	none_lost n1
	m 'cd /root/load
	rm on
	for i in $(seq 50); do systemctl is-active -q load-lister || break; sleep 0.2; done
	sleep 1
	./etcdctl lease timetolive $(cat lease) | grep -q remaining
	grep -x "write/.*" watched >seen'
	m 'cat /root/load/seen' | sort >"$BATS_TEST_TMPDIR/seen"
	[ -z "$(uniq -d "$BATS_TEST_TMPDIR/seen")" ]
	[ -z "$(comm -23 <(cut -d ' ' -f 1 "$(writes_in)/want") "$BATS_TEST_TMPDIR/seen")" ]
}
