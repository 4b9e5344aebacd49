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
	eventually gone "$pid" || { cat "$BATS_TEST_TMPDIR"/setup-*.log "$BATS_TEST_TMPDIR"/server.log; return 1; }
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

# wipe NAME: its data is lost.
wipe() {
	rm -rf "${BATS_TEST_TMPDIR:?}/$1/var/lib/etcd-cluster/member"
}

disk() {
	cat "$BATS_TEST_TMPDIR/$1/var/lib/etcd-cluster/member/disk-id"
}

# prepared: three machines before their first setup.
prepared() {
	local n

	for n in n1 n2 n3; do
		forming $n
	done
}

# one_record: all machines have committed the same record, which names their disks and the only CA.
one_record() {
	local n ca

	ca=$(openssl x509 -in "$(etc n1)/pki/ca.crt" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum)
	for n in n1 n2 n3; do
		[ "$(record $n STATE)" = starting ]
		[ "$(record $n NONCE)" = "$(record n1 NONCE)" ]
		[ "$(record $n DISKS)" = "n1=$(disk n1),n2=$(disk n2),n3=$(disk n3)" ]
		[ "$(record $n CA | tr '[:upper:]' '[:lower:]')" = "${ca%% *}" ]
		cmp "$(etc n1)/pki/ca.crt" "$(etc $n)/pki/ca.crt"
		grep -qx "ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster.$(record n1 NONCE)" "$(etc $n)/etcd.env"
	done
	[ "$(find "$BATS_TEST_TMPDIR"/n?/etc -name ca.key)" = "$(etc n1)/pki/ca.key" ]
}

# accepted_by NAME: true when it has accepted a record while n3, whose certificates cannot be stored, reports.
accepted_by() {
	run helper n3 setup
	[ -e "$(etc "$1")/forming" ] && [ "$(record "$1" STATE)" = accepted ]
}

# two_accept: n2 has accepted the record of n1; n3 reports, but cannot store certificates.
two_accept() {
	prepared
	serve
	setting_up n1
	setting_up n2
	: >"$(etc n3)/pki"
	eventually accepted_by n2
}

# formed: one healthy cluster of three, seen by setup on each. Needs join.bash, too.
formed() {
	local n

	prepared
	form n1 n2 n3
	for n in n1 n2 n3; do
		launch $n
	done
	one_cluster n1 n2 n3
	for n in n1 n2 n3; do
		helper $n setup
	done
}
