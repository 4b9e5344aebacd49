#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# `setup` and `init` with --root: the steps without etcd. tests/cluster and tests/machine run all steps.

bats_require_minimum_version 1.5.0

setup() {
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/etc/etcd" "$root/usr/share/etcd-cluster"
	: >"$root/usr/share/etcd-cluster/releases.sha256"
}

helper() {
	"$ETCD_CLUSTER" --root "$root" "$@"
}

conf() {
	printf '%s\n' "$@" >"$root/etc/etcd/cluster.conf"
}

# Lists all files below the root except the outcome record.
tree() {
	(cd "$root" && find . -mindepth 1 -path ./run -prune -o -printf '%p %y %m %T@ %s\n' | LC_ALL=C sort)
}

@test "ROLE=none is idle: exit 0, with --exit-code 2, nothing is made, and status reports it" {
	conf ROLE=none
	before=$(tree)
	run -2 helper setup --exit-code
	[ "$(tree)" = "$before" ]
	run -0 helper setup
	[[ "$output" == *"nothing to do"* ]]
	grep -qx STATE=idle "$root/run/etcd-cluster/setup"
}

@test "beside another etcd setup is idle, and status says which file keeps it so" {
	conf ROLE=single ADDRESS=127.0.0.1
	: >"$root/etc/etcd/adopt"
	before=$(tree)
	run -2 helper setup --exit-code
	[[ "$output" == *"setup is idle: another etcd is on this machine"*/etc/etcd/adopt* ]]
	[ "$(tree)" = "$before" ]
	grep -qx STATE=idle "$root/run/etcd-cluster/setup"
	run -0 helper status
	[[ "$output" == *"another etcd is on this machine"*"rm "*/etc/etcd/adopt*"etcd-cluster setup"* ]]
	run -0 helper check
	[[ "$output" == *"another etcd is on this machine"* ]]
}

@test "settings and a unit of another etcd: exit 3, and nothing is made" {
	conf ROLE=single ADDRESS=127.0.0.1
	echo ETCD_NAME=theirs >"$root/etc/etcd/etcd.env"
	before=$(tree)
	run -3 helper setup
	[[ "$output" == *"/etc/etcd/etcd.env contains the settings of another etcd"*"touch "*/etc/etcd/adopt* ]]
	[ "$(tree)" = "$before" ]
	rm "$root/etc/etcd/etcd.env"
	mkdir -p "$root/etc/systemd/system"
	printf '%s\n' '[Service]' ExecStart=/usr/bin/etcd >"$root/etc/systemd/system/etcd.service"
	before=$(tree)
	run -3 helper setup
	[[ "$output" == *"/etc/systemd/system/etcd.service is the unit of another etcd"* ]]
	[ "$(tree)" = "$before" ]
}

@test "an error in cluster.conf: exit 3 with file and line, recorded, and nothing is made" {
	conf ROLE=single ADRESS=10.0.0.1
	before=$(tree)
	run -3 helper setup
	[[ "$output" == *"cluster.conf:2:"* ]]
	[[ "$output" == *ADDRESS* ]]
	[ "$(tree)" = "$before" ]
	grep -qx STATE=failed "$root/run/etcd-cluster/setup"
	grep -qx EXIT=3 "$root/run/etcd-cluster/setup"
}

@test "certificates and release both missing: both reasons are printed" {
	conf ROLE=cluster MEMBERS=n1=192.0.2.1,n2=127.0.0.1 NAME=n2 RELEASE=3.6.14 RELEASE_URL=none
	echo "$(printf '0%.0s' {1..64})  etcd-v3.6.14-linux-amd64.tar.gz" >"$root/usr/share/etcd-cluster/releases.sha256"
	run -6 helper setup --local
	[[ "$output" == *"the CA host has to be asked"*"; and etcd-v3.6.14-linux-amd64.tar.gz"* ]]
	[ ! -e "$root/etc/etcd/pki/ca.key" ]
	# And what to do about each.
	sed -i 's/^NAME=.*/NAME=n1/; s/192.0.2.1/127.0.0.2/' "$root/etc/etcd/cluster.conf"
	run -6 helper setup
	[[ "$output" == *"must run setup"*"; and for the release: copy it there, then: etcd-cluster setup"* ]]
}

@test "every failure is recorded with the time of the next try, and a unit keeps to it" {
	conf ROLE=banana
	run -3 helper setup
	grep -qx TRIES=0 "$root/run/etcd-cluster/setup"
	run -3 helper setup
	grep -qx TRIES=1 "$root/run/etcd-cluster/setup"
	touch -d '1 minute ago' "$root/etc/etcd/cluster.conf"
	run -0 helper setup --wait --unattended
	[ -z "$output" ]
	# It is due: the error is the same, and is not printed again.
	sed -i s/^NEXT_MS=.*/NEXT_MS=1/ "$root/run/etcd-cluster/setup"
	run -3 helper setup --wait --unattended
	[ -z "$output" ]
	grep -qx TRIES=2 "$root/run/etcd-cluster/setup"
	# Corrected: tried at once, but not while somebody may still be writing.
	conf ROLE=none
	run -0 helper setup --wait --unattended
	grep -qx STATE=failed "$root/run/etcd-cluster/setup"
	touch -d '1 minute' "$root/etc/etcd/cluster.conf"
	run -2 helper setup --exit-code --wait --unattended
	grep -qx STATE=idle "$root/run/etcd-cluster/setup"
}

@test "ROLE=join never makes a CA" {
	conf ROLE=join JOIN=127.0.0.1 ADDRESS=127.0.0.1 NAME=n1 RELEASE_URL=none
	run ! helper setup
	[ ! -e "$root/etc/etcd/pki" ]
}

@test "without a release the certificates are made, exit 6" {
	conf RELEASE=3.6.14 RELEASE_URL=none NAME=n1
	echo "$(printf '0%.0s' {1..64})  etcd-v3.6.14-linux-amd64.tar.gz" >"$root/usr/share/etcd-cluster/releases.sha256"
	run -6 helper setup
	[ -e "$root/etc/etcd/pki/server.crt" ]
	[ ! -e "$root/etc/etcd/etcd.env" ]
	grep -qx STATE=pending "$root/run/etcd-cluster/setup"
	run -6 helper setup --local
}

@test "--dry-run makes nothing, also no outcome record" {
	conf RELEASE=3.6.14 RELEASE_URL=none NAME=n1
	before=$(cd "$root" && find . | sort)
	run helper setup --dry-run
	[[ "$output" == *would* ]]
	[ "$(cd "$root" && find . | sort)" = "$before" ]
}

@test "two setups at the same time run one after the other, with one end state" {
	conf RELEASE=3.6.14 RELEASE_URL=none NAME=n1
	helper setup --local 2>/dev/null &
	first=$!
	run helper setup --local
	wait $first || :
	run -0 openssl verify -CAfile "$root/etc/etcd/pki/ca.crt" "$root/etc/etcd/pki/server.crt"
	[ ! -e "$root/etc/etcd/.pki.new" ]
	[ ! -e "$root/etc/etcd/pki.old" ]
}

@test "init writes its answers and keeps the rest of cluster.conf" {
	conf '# mine' '#NAME=n0' RELEASE_URL=none
	run helper init --name n7 --address 127.0.0.1
	[ "$(cat "$root/etc/etcd/cluster.conf")" = '# mine
#NAME=n0
NAME=n7
RELEASE_URL=none
ROLE=single
ADDRESS=127.0.0.1' ]
	[ -e "$root/etc/etcd/pki/server.crt" ]
}

@test "init with an invalid answer: exit 3, and cluster.conf is unchanged" {
	conf RELEASE_URL=none
	run -3 helper init --name 'no_good name'
	[ "$(cat "$root/etc/etcd/cluster.conf")" = RELEASE_URL=none ]
	[ "$(ls "$root/etc/etcd")" = cluster.conf ]
}

@test "wrong usage: exit 3 with the correct command" {
	run -3 "$ETCD_CLUSTER"
	run -3 "$ETCD_CLUSTER" stup
	[[ "$output" == *"did you mean: etcd-cluster setup"* ]]
	run -3 "$ETCD_CLUSTER" setup --nonsense
	run -3 "$ETCD_CLUSTER" setup argument
	run -3 "$ETCD_CLUSTER" --nonsense setup
	run -3 "$ETCD_CLUSTER" init --name a --name b
	run -0 "$ETCD_CLUSTER" --help
	run -0 "$ETCD_CLUSTER" --version
	run -0 "$ETCD_CLUSTER" setup --help
}
