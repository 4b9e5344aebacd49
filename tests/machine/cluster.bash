# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Several machines on one bridge. Loads machine.bash. A file calls in setup_file
#
#	machines 31 bookworm bookworm rpm
#
# which boots n1 (10.77.31.1, fd00:77:31::1), n2 and n3 and sets $MACHINES. The functions of machine.bash work on
# $MACHINE; `on NAME` and `each` select the machines. If the installation is not the subject of the file, it calls
# `installed` instead, and `each reset` to start over. tests/lib/writes.bash checks that no acknowledged write is lost.
load machine
# shellcheck source=tests/lib/writes.bash
source "$top/tests/lib/writes.bash"

# All tests install this release from the shared directory.
etcd_version=3.4.23

v4() { echo "10.77.$CLUSTER_NET.${1#n}"; }
v6() { echo "fd00:77:$CLUSTER_NET::${1#n}"; }

# machines NET KIND…: boots one machine for each KIND, in parallel, with the names n1, n2, …
machines() {
	export CLUSTER_NET=$1 MACHINES='' MACHINE_NET=net$1
	shift
	need_root
	for kind; do
		MACHINES="$MACHINES n$(($(wc -w <<<"$MACHINES") + 1))"
		KINDS=${KINDS-}${KINDS+ }$kind
	done
	export KINDS
	MACHINE=${MACHINES%% n2*}
	export MACHINE=${MACHINE# }
	local i=0 pids=() name
	for kind; do
		i=$((i + 1))
		fresh "n$i" "$kind" &
		pids+=($!)
	done
	wait_all "${pids[@]}"
}

# installed NET KIND…: the same with our package, installed and idle.
installed() {
	local net=$1
	shift
	machines "$net" "${@/%/+installed}"
}

# fresh NAME KIND: makes and boots a new machine.
fresh() {
	boot "$1" "$2" "$(v4 "$1"),$(v6 "$1")"
}

# wait_all PID…: fails if one of them failed.
wait_all() {
	local pid rc=0
	for pid; do
		wait "$pid" || rc=1
	done
	return $rc
}

# on NAME COMMAND…: runs a function of machine.bash (answers, trust, exits, wait_for, healthy, …) for that machine,
# or a script in it.
on() {
	local MACHINE=$1
	shift
	case $(type -t "$1") in
	function) "$@" ;;
	*) m "$1" ;;
	esac
}

# each COMMAND…: the same on all $MACHINES (or $ONLY_ON), in parallel; fails if it failed on one.
each() {
	local name pids=()
	for name in ${ONLY_ON-$MACHINES}; do
		on "$name" "$@" &
		pids+=($!)
	done
	wait_all "${pids[@]}"
}

# members [v4|v6|dns] [NAME…]: prints the MEMBERS= line of these machines, of all by default.
members() {
	local how=${1-v4} name line=''
	shift $(($# > 0))
	# shellcheck disable=SC2086 # a word list
	[ $# -gt 0 ] || set -- $MACHINES
	for name; do
		case $how in
		v4) line="$line,$name=$(v4 "$name")" ;;
		v6) line="$line,$name=[$(v6 "$name")]" ;;
		dns) line="$line,$name=$name.example.test" ;;
		esac
	done
	echo "MEMBERS=${line#,}"
}

# dns_names [v4|v6]: adds the names n1.example.test and so on to /etc/hosts of each machine.
dns_names() {
	local name
	for name in $MACHINES; do
		echo "$("${1-v4}" "$name") $name.example.test"
	done >"$BATS_FILE_TMPDIR/hosts"
	for name in $MACHINES; do
		cat "$BATS_FILE_TMPDIR/hosts" >>"$("$machine" root "$name")/etc/hosts"
	done
}

# prepared NAME KEY=VALUE…: the machine has a release, the token of the cluster and answers, like a preseeded machine
# before the installation.
secret=6b1f8a90c2d34e5768f1a0b3c4d5e6f7a8192b3c4d5e6f708192a3b4c5d6e7f8
prepared() {
	local name=$1
	shift
	on "$name" answers "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases "$@"
	on "$name" trust "$etcd_version"
	on "$name" "umask 077; echo $secret >/etc/etcd/enroll-token"
}

# package NAME: installs the package with apt-get or dnf. If the machine has it, this is only the last step of an
# installation: the hook that both formats call.
package() {
	on "$1" 'if command -v etcd-cluster; then /usr/libexec/etcd-cluster/hook configure
	elif command -v dnf; then dnf install etcd-cluster
	else apt-get install etcd-cluster; fi' >/dev/null
}

# packages NAME…: installs the package on all of them in parallel.
packages() {
	local name pids=()
	for name; do
		package "$name" &
		pids+=($!)
	done
	wait_all "${pids[@]}"
}

# etcdctl NAME ARGUMENT…: etcdctl.sh there, with the endpoints of $ENDPOINTS if it is set.
etcdctl() {
	"$machine" exec "$1" ${ENDPOINTS:+env "ETCDCTL_ENDPOINTS=$ENDPOINTS"} etcdctl.sh "${@:2}" </dev/null
}

# endpoints: prints the client URLs of all machines.
endpoints() {
	local name all=''
	for name in $MACHINES; do
		all="$all,https://$(v4 "$name"):2379"
	done
	echo "${all#,}"
}

# form [KEY=VALUE…]: the same answers on all, and the package on all in parallel; then waits until all are healthy.
form() {
	local name line
	line=$(members)
	for name in $MACHINES; do
		prepared "$name" ROLE=cluster "$line" "$@"
	done
	# shellcheck disable=SC2086 # a word list
	packages $MACHINES
	all_healthy
}

# Waits until each of $MACHINES (or $ONLY_ON) is healthy.
all_healthy() {
	each healthy
}

# one_cluster [N]: all machines show the same cluster ID and N voting members (the number of machines by default).
one_cluster() {
	local name ids='' n=${1-$(wc -w <<<"$MACHINES")}
	for name in $MACHINES; do
		ids="$ids $(on "$name" 'sed -n s/^CLUSTER_ID=//p /etc/etcd/member-id')"
		# shellcheck disable=SC2016 # the machine's own
		[ "$(on "$name" 'etcdctl.sh member list' | grep -c ', started, .*, false$')" -eq "$n" ]
	done
	# shellcheck disable=SC2086 # a word list
	[ "$(printf '%s\n' $ids | sort -u | wc -l)" -eq 1 ]
	# shellcheck disable=SC2086
	[ "$(printf '%s\n' $ids | wc -l)" -eq "$(wc -w <<<"$MACHINES")" ]
}

failed_here() {
	writes_end
	: >"$BATS_FILE_TMPDIR/failed"
	mkdir -p "$top/dist/failed"
	for MACHINE in $MACHINES; do
		[ -d "$set_dir/$MACHINE" ] || continue
		m 'journalctl --no-pager -o short-precise' >"$top/dist/failed/$MACHINE_SET.$MACHINE.journal" 2>&1 || true
		echo "machine $MACHINE: its journal is in dist/failed/$MACHINE_SET.$MACHINE.journal; the end of what is ours in it:"
		m 'journalctl --no-pager -o cat -n 12 -u "etcd*" | cut -c 1-200' || true
	done
	echo "to get a shell in one: KEEP=1 bats $BATS_TEST_FILENAME; tests/lib/machine shell $MACHINE_SET/n1"
}

teardown_file() {
	local name
	writes_end
	[ -n "${KEEP-}" ] && [ -e "$BATS_FILE_TMPDIR/failed" ] && return 0
	for name in ${MACHINES-}; do
		[ ! -d "$set_dir/$name" ] || "$machine" destroy "$name"
	done
}

# readmitted NAME [CA_HOST]: a token that names it, in its place: a machine that was removed or replaced needs new keys.
readmitted() {
	local token

	token=$(on "${2:-n1}" "etcd-cluster token new --name $1 --address $(v4 "$1") 2>/dev/null")
	on "$1" "umask 077; echo $token >/etc/etcd/enroll-token"
}
