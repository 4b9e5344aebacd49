# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Machines form a cluster during faults of power, cables, packets, clocks or a token. Each test starts with new
# machines. The network faults are losses without delays. Delays need the kernel's netem, which not every host has, or a
# proxy, whose address neither the enrolment server nor etcd's peers accept.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	installed 58 bookworm bookworm rpm
}

# Resets the machines: no setup yet, the right clock, all cables connected, no packet loss.
setup() {
	local name
	for name in $MACHINES; do
		"$machine" loss "$name" 0
	done
	[ "$BATS_TEST_NUMBER" -eq 1 ] || each reset
	each prepared_here ROLE=cluster "$(members)"
}
prepared_here() {
	prepared "$MACHINE" "$@"
}

# Waits for one healthy cluster of three and prints the seconds.
ends_well() {
	local begin=$SECONDS
	all_healthy
	echo "# healthy after $((SECONDS - begin)) s more" >&3
	one_cluster
	each '[ ! -e /etc/etcd/enroll-token ]
	rc=0; etcd-cluster setup --exit-code || rc=$?; [ $rc -eq 2 ]'
}

# clock NAME OFFSET: our programs there read a clock that is wrong by OFFSET, and see each change of it. The monotonic
# clock is right. etcd reads the right clock, because it does not use the C library.
clock() {
	local root lib=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 unit
	root=$("$machine" root "$1")
	[ -e "$root/$lib" ] || install -D -m 0755 "$lib" "$root/$lib"
	on "$1" "mkdir -p /etc/faketime && echo '$2' >/etc/faketime/new && mv /etc/faketime/new /etc/faketime/offset"
	for unit in setup enroll renew; do
		on "$1" "mkdir -p /etc/systemd/system/etcd-cluster-$unit.service.d
		printf '%s\n' [Service] Environment=LD_PRELOAD=$lib Environment=FAKETIME_TIMESTAMP_FILE=/etc/faketime/offset \
			'Environment=FAKETIME_NO_CACHE=1 FAKETIME_DISABLE_SHM=1 FAKETIME_DONT_FAKE_MONOTONIC=1' \
			Environment=FAKETIME_FORCE_MONOTONIC_FIX=0 \
			>/etc/systemd/system/etcd-cluster-$unit.service.d/clock.conf"
	done
	on "$1" 'systemctl daemon-reload'
}

# waits NAME TEXT: setup there is pending with this message.
waits() {
	on "$1" wait_for "grep -qx STATE=pending /run/etcd-cluster/setup && grep -q '$2' /run/etcd-cluster/setup"
}

@test "the CA host loses power during a request, and comes back" {
	package n1
	on n1 wait_for '[ "$(systemctl is-active etcd-cluster-enroll.socket)" = active ]'
	# The kernel accepts new connections, but no process answers.
	on n1 'systemctl start etcd-cluster-enroll.service; systemctl kill -s STOP etcd-cluster-enroll.service'
	packages n2 n3
	on n1 wait_for "ss -Htn state established 'sport = 2382' | grep -q $(v4 n2)"
	"$machine" crash n1
	waits n2 'the first of MEMBERS'
	ONLY_ON='n2 n3' each '[ ! -e /etc/etcd/pki/peer.crt ] && [ -e /etc/etcd/enroll-token ]'
	"$machine" start n1
	ends_well
}

@test "the CA host loses power just after it has signed, again and again" {
	packages n2 n3
	waits n2 'the first of MEMBERS, does not answer'
	package n1
	for name in n2 n3; do
		on n1 wait_for "[ -e /etc/etcd/enroll/members/$name ]"
		"$machine" crash n1
		"$machine" start n1
	done
	ends_well
}

@test "a cable is out while the others form, and is connected ten seconds later" {
	"$machine" link n2 down
	packages n1 n2 n3
	waits n1 'n2 (10.77.[0-9]*.2) has not reported; n3 has reported'
	sleep 10
	ONLY_ON='n1 n3' each 'fails pgrep -x etcd'
	waits n2 'is not an address of this machine, which has no network'
	"$machine" link n2 up
	ends_well
}

@test "the cable of the CA host is out while all are installed" {
	"$machine" link n1 down
	packages n1 n2 n3
	waits n3 'the first of MEMBERS: cannot connect to'
	sleep 10
	"$machine" link n1 up
	ends_well
}

@test "the cable of a joining machine is out between the add and the promotion" {
	prepared n1 ROLE=single "ADDRESS=$(v4 n1)"
	on n1 'rm /etc/etcd/enroll-token'
	package n1
	on n1 healthy
	for name in n2 n3; do
		token=$(on n1 'etcd-cluster token new 2>/dev/null')
		prepared "$name" ROLE=join "JOIN=$(v4 n1)"
		on "$name" "umask 077; echo $token >/etc/etcd/enroll-token"
	done
	package n2
	on n2 healthy
	# Its etcd starts only after the cable is out.
	on n3 'mkdir -p /etc/systemd/system/etcd.service.d
	printf "%s\n" "[Service]" "ExecStartPre=+/bin/sh -c \"until [ -e /run/cable-is-out ]; do sleep 0.1; done\"" \
		>/etc/systemd/system/etcd.service.d/cable.conf
	systemctl daemon-reload'
	package n3
	on n3 wait_for 'grep -qsx STEP=added /etc/etcd/joining && [ "$(systemctl is-active etcd)" = activating ]'
	"$machine" link n3 down
	on n3 'touch /run/cable-is-out'
	sleep 10
	# The others are unchanged.
	ONLY_ON='n1 n2' all_healthy
	"$machine" link n3 up
	ends_well
}

@test "three packets of ten are lost, both ways, on every cable" {
	local begin=$SECONDS
	# There are two cables between two machines: 0.84 * 0.84 = 0.7.
	for name in $MACHINES; do
		"$machine" loss "$name" 16
	done
	packages n1 n2 n3
	# A machine is ready after one read with a quorum. Under such loss etcd has further elections, so later reads can fail.
	each wait_for 'grep -qx STATE=ready /run/etcd-cluster/setup'
	echo "# all three were ready, under loss, $((SECONDS - begin)) s after the first installation began" >&3
	for name in $MACHINES; do
		"$machine" loss "$name" 0
	done
	ends_well
}

@test "one machine is recovered alone during a partition; the majority serves on, and the machine returns to it" {
	local id new name
	packages n1 n2 n3
	all_healthy
	id=$(on n1 'sed -n s/^CLUSTER_ID=//p /etc/etcd/member-id')
	"$machine" net n1 nft 'table bridge cut {
		chain cut {
			type filter hook forward priority 0;
			oifname "vb-n1" drop; iifname "vb-n1" drop;
		}
	}'
	writes n2 n3
	ONLY_ON='n2 n3' each 'systemctl show -p MainPID etcd >/root/pid'
	on n1 wait_for 'fails etcd-cluster status'
	on n1 exits 3 "etcd-cluster restore --force-new-cluster $id"
	on n1 exits 0 "etcd-cluster restore --force-new-cluster $id --others-fenced"
	on n1 'etcdctl.sh put ours value'
	"$machine" net n1 nft 'delete table bridge cut'
	# Each dials the other again within seconds.
	on n1 wait_for 'etcd-cluster status 2>&1 | grep "still runs in the cluster"'
	sleep 10
	writes_go_on
	for name in n2 n3; do
		on "$name" 'systemctl show -p MainPID etcd | diff /root/pid -
		test -z "$(etcdctl.sh get ours)"'
	done
	new=$(on n1 'sed -n s/^CLUSTER_ID=//p /etc/etcd/member-id')
	on n1 "systemctl stop etcd
	etcd-cluster join $(v4 n2) --replace --abandon $new"
	all_healthy
	one_cluster
	none_lost n1
}

@test "the clock of one machine is ten minutes ahead" {
	clock n2 +600
	packages n1 n2 n3
	ends_well
}

@test "the clock of the CA host is ten minutes behind" {
	clock n1 -600
	packages n1 n2 n3
	ends_well
}

@test "a clock is two hours off: every machine says so and waits, and the cluster forms with the right clock" {
	clock n3 +7200
	packages n1 n2 n3
	for name in n1 n2 n3; do
		waits "$name" 'the clock of n3 says .* this one'
		on "$name" exits 6 'etcd-cluster status'
		prints 'the clock of n3 says'
		prints 'set the wrong one (timedatectl'
	done
	each 'fails pgrep -x etcd'
	on n3 '[ ! -e /etc/etcd/pki/peer.crt ] && [ -e /etc/etcd/enroll-token ]'
	clock n3 +0
	ends_well
}

@test "the clock is set back by two hours while setup waits for a quorum: it gives the lock up in time" {
	clock n1 +0
	packages n1 n2 n3
	all_healthy
	writes n2
	clock n1 +7200
	for name in $MACHINES; do
		"$machine" crash "$name"
	done
	writes_end
	"$machine" start n1
	# As a person types it: it waits for a minute, with the lock.
	on n1 'systemctl stop etcd-cluster-setup.timer etcd-cluster-setup.service etcd
	printf "%s\n" [Service] ExecStart= "ExecStart=/usr/sbin/etcd-cluster setup" \
		>/etc/systemd/system/etcd-cluster-setup.service.d/typed.conf
	systemctl daemon-reload
	systemctl start etcd-cluster-setup.service'
	on n1 wait_for 'grep -qx STEP=start /run/etcd-cluster/setup && [ "$(systemctl is-active etcd)" = activating ]'
	clock n1 +0
	on n1 wait_for '[ "$(systemctl is-active etcd-cluster-setup.service)" != active ]'
	on n1 'flock -n /run/etcd-cluster/lock true
	rm /etc/systemd/system/etcd-cluster-setup.service.d/typed.conf
	systemctl daemon-reload
	systemctl start etcd-cluster-setup.timer'
	"$machine" start n2
	"$machine" start n3
	ends_well
	none_lost n1
}

@test "a wrong token on one machine: all wait, say why, and the right token fixes it" {
	other=$(openssl rand -hex 32)
	on n3 "umask 077; echo $other >/etc/etcd/enroll-token"
	packages n1 n2 n3
	waits n1 "n3 (10.77.[0-9]*.3) has not reported; a machine at $(v4 n3): "
	waits n2 "n3 (10.77.[0-9]*.3) has not reported; a machine at $(v4 n3): "
	on n3 wait_for 'grep -q "does not know this token" /run/etcd-cluster/setup'
	run on n3 'etcd-cluster status'
	echo "$output"
	[ "$status" -ne 0 ]
	prints 'n1, the first of MEMBERS'
	prints 'does not know this token'
	prints '/etc/etcd/enroll-token has token '
	prints 'the same token into that file of every machine'
	[[ "$output" != *"$other"* ]]
	on n3 "fails grep -rlqs $other /run /var/log/journal
	fails pgrep -x etcd
	umask 077; echo $secret >/etc/etcd/enroll-token; etcd-cluster setup"
	ends_well
}
