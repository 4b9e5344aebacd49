# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Machines that lose disks, packets and power at the wrong moment, under the check that no acknowledged write is lost:
# no machine concludes from silence that there is no cluster. What setup and status print is typed as printed; nothing
# else is done by hand.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	installed 59 bookworm bookworm rpm
}

# Resets the machines: no setup yet, all packets arrive.
setup() {
	heal
	[ "$BATS_TEST_NUMBER" -eq 1 ] || each reset
}

# deaf NAME [from|to]: its packets are dropped, in one direction only if it is given. heal: no more.
deaf() {
	"$machine" net n1 nft "table bridge deaf-$1 {
		chain drops {
			type filter hook forward priority 0;
			$([ "${2-}" = to ] || echo "iifname \"vb-$1\" drop;")
			$([ "${2-}" = from ] || echo "oifname \"vb-$1\" drop;")
		}
	}"
}
heal() {
	local name
	for name in $MACHINES; do
		"$machine" net n1 nft "add table bridge deaf-$name; delete table bridge deaf-$name"
	done
}

# copied_ca: the CA of a person, as a file for `given`.
copied_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=etcd-ca \
		-addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign \
		-keyout "$BATS_TEST_TMPDIR/ca.key" -out "$BATS_TEST_TMPDIR/ca.crt" 2>/dev/null
}

# given NAME: its preseed, with the copied CA instead of the token if there is one.
given() {
	local file
	prepared "$1" ROLE=cluster "$(members)"
	[ -e "$BATS_TEST_TMPDIR/ca.crt" ] || return 0
	on "$1" 'rm /etc/etcd/enroll-token; mkdir -m 0750 /etc/etcd/pki'
	for file in ca.crt ca.key; do
		install -m 0600 "$BATS_TEST_TMPDIR/$file" "$("$machine" root "$1")/etc/etcd/pki/$file"
	done
}

# formed: all three form their cluster, and each has a writer.
formed() {
	local name
	for name in $MACHINES; do
		given "$name"
	done
	# shellcheck disable=SC2086 # a word list
	packages $MACHINES
	all_healthy
	# shellcheck disable=SC2086
	writes $MACHINES
}

# rebuilt NAME: a bare disk, and the same preseed.
rebuilt() {
	on "$1" reset
	given "$1"
	package "$1"
}

# says NAME TEXT: setup there has ended with this.
says() {
	on "$1" wait_for "grep -q '$2' /run/etcd-cluster/setup && fails grep -qx STATE=running /run/etcd-cluster/setup"
}

# types NAME COMMAND [EXIT…]: a person types what status prints there, and it ends so (0, or 6 when setup goes on).
types() {
	on "$1" wait_for "etcd-cluster status 2>&1 | grep -qF '$2'"
	run on "$1" "$2"
	echo "$output"
	[[ " ${3-0 6} " == *" $status "* ]]
}

# is_empty NAME: its etcd does not run and made no data.
is_empty() {
	on "$1" 'fails pgrep -x etcd
	[ ! -e /var/lib/etcd-cluster/member/wal ]'
}

# all_ready: all are members of one cluster, and no setup has anything left to do.
all_ready() {
	all_healthy
	each wait_for 'grep -qx STATE=ready /run/etcd-cluster/setup'
	one_cluster
	each '[ "$(openssl x509 -in /etc/etcd/pki/ca.crt -noout -pubkey | sha256sum)" = "'"$(on n1 ca_key)"'" ]'
}
ca_key() {
	m 'openssl x509 -in /etc/etcd/pki/ca.crt -noout -pubkey | sha256sum'
}

@test "copied CA: a member is reinstalled while it is deaf, and another one with the newest writes loses power" {
	copied_ca
	formed
	deaf n3
	writes_go_on
	deaf n2
	writes_end
	rebuilt n2
	"$machine" crash n1
	heal
	says n2 'but its data is not here: starting empty under its old ID can erase acknowledged writes'
	is_empty n2
	"$machine" start n1
	ONLY_ON='n1 n3' all_healthy
	is_empty n2
	types n2 'etcd-cluster replace'
	all_ready
	none_lost n2
}

@test "a power cut takes the data of one, which boots first" {
	formed
	for name in $MACHINES; do
		"$machine" crash "$name"
	done
	rm -r "$("$machine" root n2)/var/lib/etcd-cluster/member"
	writes_end
	"$machine" start n2
	says n2 'starting empty under its old ID can erase acknowledged writes'
	types n2 'etcd-cluster replace' '5 6'
	is_empty n2
	"$machine" start n1
	"$machine" start n3
	ONLY_ON='n1 n3' all_healthy
	is_empty n2
	types n2 'etcd-cluster replace' 3
	prints 'etcd-cluster token new --name n2'
	is_empty n2
	readmitted n2
	types n2 'etcd-cluster replace'
	all_ready
	none_lost n2
}

# exported: a person exports the CA of n1 to a file; imported NAME: and imports it there.
exported() {
	on n1 'umask 077; echo correct horse battery staple >/root/word
	etcd-cluster ca export --passphrase-file /root/word /root/ca.pem
	cat /root/ca.pem' >"$BATS_TEST_TMPDIR/ca.pem"
}
imported() {
	install -m 0600 "$BATS_TEST_TMPDIR/ca.pem" "$("$machine" root "$1")/root/ca.pem"
	on "$1" 'umask 077; echo correct horse battery staple >/root/word
	etcd-cluster ca import --passphrase-file /root/word /root/ca.pem
	rc=0
	etcd-cluster setup || rc=$?
	[ $rc -eq 0 ] || [ $rc -eq 2 ] || [ $rc -eq 6 ]'
}

# waits_for_replace NAME…: no data and no CA was made there, and the way out is printed.
waits_for_replace() {
	local name
	for name; do
		says "$name" 'answers on port 2380'
		on "$name" 'etcd-cluster status | grep "this machine was rebuilt: etcd-cluster replace"'
		is_empty "$name"
		on "$name" '[ ! -e /etc/etcd/pki/ca.crt ] && [ ! -e /etc/etcd/forming ]'
	done
}

@test "the CA host is rebuilt while it is deaf, then a second machine: no second CA and no second cluster" {
	local id token
	formed
	exported
	deaf n1
	rebuilt n1
	on n1 wait_for 'journalctl -o cat -u etcd-cluster-setup | grep "waiting: .*n2 .*has not reported; n3 .*has not"'
	heal
	waits_for_replace n1
	writes_end
	rebuilt n3
	waits_for_replace n3
	types n1 'etcd-cluster setup' 6
	says n1 'n3 has reported'
	waits_for_replace n1 n3
	# One of three is left. That is a majority no more, but what it has is kept.
	id=$(on n2 'sed -n s/^CLUSTER_ID=//p /etc/etcd/member-id')
	types n2 "etcd-cluster restore --force-new-cluster $id" 3
	prints 'run this again with --others-fenced'
	on n2 "etcd-cluster restore --force-new-cluster $id --others-fenced"
	imported n2
	on n2 'etcd-cluster ca takeover'
	# The token is that of the first forming.
	types n1 'etcd-cluster replace' 4
	prints 'on the CA host: etcd-cluster token list (new makes one)'
	for name in n1 n3; do
		token=$(on n2 "etcd-cluster token new --name $name --address $(v4 $name)")
		on $name "umask 077; echo $token >/etc/etcd/enroll-token; etcd-cluster replace"
	done
	all_ready
	none_lost n1
}

@test "the CA host loses /etc/etcd and keeps its data, while the others are off" {
	local command
	formed
	exported
	for name in $MACHINES; do
		"$machine" crash "$name"
	done
	writes_end
	rm -r "$("$machine" root n1)/etc/etcd"
	"$machine" start n1
	given n1
	package n1
	says n1 'which is not the member that cluster.conf describes'
	on n1 '[ ! -e /etc/etcd/pki ]'
	command=$(on n1 'etcd-cluster status | sed -n "s/.* to keep it and start empty: //p"')
	types n1 "$command"
	types n1 'etcd-cluster setup' 6
	says n1 "n2 ($(v4 n2)) has not reported; n3 ($(v4 n3)) has not reported"
	on n1 '[ ! -e /etc/etcd/pki/ca.crt ]'
	"$machine" start n2
	"$machine" start n3
	ONLY_ON='n2 n3' all_healthy
	types n1 'etcd-cluster setup' 6
	waits_for_replace n1
	types n1 'etcd-cluster replace'
	prints 'if this machine was the CA host: etcd-cluster ca import FILE'
	imported n1
	types n1 'etcd-cluster replace'
	all_ready
	none_lost n1
}

@test "packets are lost in one direction only while the cluster forms" {
	deaf n2 from
	deaf n3 to
	for name in $MACHINES; do
		given $name
	done
	packages n1 n2 n3
	says n1 "n2 ($(v4 n2)) has not reported; n3 ($(v4 n3)) has not reported"
	each 'fails pgrep -x etcd
	[ ! -e /etc/etcd/pki/ca.crt ]'
	heal
	all_ready
}

@test "an etcd of a former cluster answers while its neighbours are installed, and ends later" {
	formed
	writes_end
	rebuilt n1
	rebuilt n3
	waits_for_replace n1
	says n1 'n3 has reported'
	says n3 'if it was left by a former cluster: stop the etcd there'
	rebuilt n2
	all_ready
}
