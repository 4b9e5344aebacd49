# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The commands of docs/operations.md on three machines and a fourth: join, leave, replace, restore, a second CA host,
# loss of the quorum. Each test first checks that the document contains the command.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of cluster.bash
load cluster

setup_file() {
	installed 64 bookworm bookworm rpm bookworm
	ALL=$MACHINES
	MACHINES=' n1 n2 n3'
	form
	on n1 'etcdctl.sh put kept "since the beginning"'
	export ALL MACHINES
}

teardown_file() {
	local name
	[ -n "${KEEP-}" ] && [ -e "$BATS_FILE_TMPDIR/failed" ] && return 0
	for name in ${ALL-}; do
		[ ! -d "$set_dir/$name" ] || "$machine" destroy "$name"
	done
}

# documented TEXT…: operations.md contains it.
documented() {
	local text
	for text; do
		grep -qF -- "$text" "$top/docs/operations.md" || { echo "not in operations.md: $text"; return 1; }
	done
}

# token_for NAME [OPTION…]: makes a token on the CA host ($CA_HOST, else n1) and copies it to that machine.
token_for() {
	local name=$1
	shift
	on "${CA_HOST-n1}" "etcd-cluster token new $*" | on_stdin "$name" 'umask 077; cat >/root/token'
}
on_stdin() {
	"$machine" exec "$1" sh -euc "$2"
}

kept() {
	[ "$(on "$1" 'etcdctl.sh get --print-value-only kept')" = 'since the beginning' ]
}

# rebuilt NAME: replaces the machine by a new one with the same name.
rebuilt() {
	on "$1" reset
	on "$1" trust "$etcd_version"
}

@test "one more member: a token for this machine, and join" {
	documented 'etcd-cluster token new --name n4 --address 10.0.0.4' \
		'etcd-cluster join --token-file /root/token 10.0.0.1 10.0.0.2'
	# Without a role, it is a cluster of one first.
	on n4 answers "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases
	on n4 trust "$etcd_version"
	package n4
	on n4 healthy
	token_for n4 --name n4 --address "$(v4 n4)"
	on n4 exits 0 "etcd-cluster join --token-file /root/token $(v4 n1) $(v4 n2)"
	MACHINES="$ALL" all_healthy
	MACHINES="$ALL" one_cluster 4
	kept n4
	on n4 '[ ! -e /root/token ]
	[ "$(systemctl is-system-running)" = running ]'
}

@test "one member less: leave, with the data moved aside, and join again" {
	documented 'etcd-cluster leave' 'member.aside-DATE' 'ROLE=none'
	on n4 exits 0 'etcd-cluster leave --dry-run'
	on n4 exits 0 'etcd-cluster leave'
	on n4 'fails pgrep -x etcd
	grep -qx ROLE=none /etc/etcd/cluster.conf
	ls -d /var/lib/etcd-cluster/member.aside-* /etc/etcd/member-id.aside-*'
	one_cluster 3
	readmitted n4
	on n4 exits 0 "etcd-cluster join $(v4 n1)"
	MACHINES="$ALL" one_cluster 4
}

@test "a dead member is removed on any other; a member that answers or is needed is not" {
	documented 'etcd-cluster remove n3'
	on n2 exits 3 'etcd-cluster remove n4'
	prints leave
	"$machine" crash n4
	on n2 exits 0 'etcd-cluster remove n4'
	one_cluster 3
	"$machine" crash n3
	on n2 exits 5 'etcd-cluster remove n1 --force'
	kept n1
}

@test "a rebuilt machine replaces its dead member: a token and replace" {
	documented 'etcd-cluster token new --name n2 --address 10.0.0.2' 'etcd-cluster replace'
	rebuilt n3
	prepared n3 ROLE=cluster "$(members)"
	on n3 'rm /etc/etcd/enroll-token'
	token_for n3 --name n3 --address "$(v4 n3)"
	on n3 'mv /root/token /etc/etcd/enroll-token'
	package n3
	on n3 wait_for 'grep -q replace /run/etcd-cluster/setup'
	on n3 exits 0 'etcd-cluster replace'
	all_healthy
	one_cluster 3
	kept n3
}

@test "the whole cluster from one backup: the first of MEMBERS restores it, the others give up their data and join" {
	local name
	documented 'etcd-cluster restore FILE --others-fenced'
	on n1 'etcd-cluster backup /root/backup.db
	etcdctl.sh put kept "wrong since then"'
	for name in n2 n3; do
		cp "$("$machine" root n1)"/root/backup.db* "$("$machine" root "$name")/root/"
	done
	on n1 exits 3 'etcd-cluster restore /root/backup.db --others-fenced'
	each 'systemctl stop etcd'
	on n1 exits 0 'etcd-cluster restore /root/backup.db --others-fenced'
	kept n1
	for name in n2 n3; do
		on "$name" 'rc=0
		etcd-cluster restore /root/backup.db --others-fenced || rc=$?
		[ $rc -eq 0 ] || [ $rc -eq 6 ]'
	done
	all_healthy
	one_cluster 3
	kept n3
	on n3 'ls -d /var/lib/etcd-cluster/member.aside-*'
}

@test "a second CA host; the first is lost, and the second enrols its replacement" {
	documented 'etcd-cluster ca export --passphrase-file FILE ca.export' \
		'etcd-cluster ca import --passphrase-file FILE ca.export' 'etcd-cluster ca takeover'
	each 'echo correct-horse-battery >/root/pass; chmod 0600 /root/pass'
	on n1 'etcd-cluster ca export --passphrase-file /root/pass /root/ca.export'
	on n1 'cat /root/ca.export' | on_stdin n2 'umask 077; cat >/root/ca.export'
	on n2 'etcd-cluster ca import --passphrase-file /root/pass /root/ca.export
	rc=0; etcd-cluster setup || rc=$?; [ $rc -eq 0 ] || [ $rc -eq 2 ]
	systemctl is-active etcd-cluster-enroll.socket'
	"$machine" crash n1
	on n2 wait_for 'etcd-cluster ca takeover'
	rebuilt n1
	on n1 answers ROLE=cluster "$(members)" "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases
	CA_HOST=n2 token_for n1 --name n1 --address "$(v4 n1)"
	on n1 'mkdir -p /etc/etcd; mv /root/token /etc/etcd/enroll-token
	echo REPLACE=yes >>/etc/etcd/cluster.conf'
	package n1
	all_healthy
	one_cluster 3
	kept n1
	on n1 '[ ! -e /etc/etcd/pki/ca.key ]'
	# Renewals use the second CA host, too.
	on n3 'etcd-cluster cert renew --force'
}

@test "most members are lost: the survivor continues alone, and the others join again" {
	documented 'etcd-cluster restore --force-new-cluster CLUSTER_ID --dry-run' \
		'etcd-cluster restore --force-new-cluster CLUSTER_ID --others-fenced'
	id=$(on n2 'sed -n s/^CLUSTER_ID=//p /etc/etcd/member-id')
	on n2 exits 3 "etcd-cluster restore --force-new-cluster $id"
	"$machine" crash n1
	"$machine" crash n3
	on n2 exits 0 "etcd-cluster restore --force-new-cluster $id --dry-run"
	on n2 exits 0 "etcd-cluster restore --force-new-cluster $id --others-fenced"
	MACHINES=' n2' one_cluster 1
	kept n2
	rebuilt n3
	on n3 answers ROLE=join "JOIN=$(v4 n2)" "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases
	CA_HOST=n2 token_for n3 --name n3 --address "$(v4 n3)"
	on n3 'mkdir -p /etc/etcd; mv /root/token /etc/etcd/enroll-token'
	package n3
	MACHINES=' n2 n3' all_healthy
	MACHINES=' n2 n3' one_cluster 2
	kept n3
}

@test "kubeadm: the files and the configuration for a control plane" {
	documented 'etcd-cluster cert export DIR'
	output=$(on n2 'etcd-cluster cert export /root/k8s && find /root/k8s -type f | sort')
	echo "$output"
	prints /root/k8s/apiserver-etcd-client.key
	prints /root/k8s/ca.crt
	[[ $output != *ca.key* ]]
	prints "https://$(v4 n3):2379"
}
