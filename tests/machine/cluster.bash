# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Several machines on one bridge, on top of machine.bash, which a file loads by loading this. A file says in setup_file
#
#	machines 31 bookworm bookworm rpm
#
# and has n1 (10.77.31.1, fd00:77:31::1), n2 and n3 booted, in $MACHINES. What machine.bash does to $MACHINE, `on NAME` and `each` do to them.
load machine

# What all the tests install: real etcd, from the shared directory.
etcd_version=3.4.23

v4() { echo "10.77.$CLUSTER_NET.${1#n}"; }
v6() { echo "fd00:77:$CLUSTER_NET::${1#n}"; }

# machines NET KIND…: one machine for each KIND, all at once, called n1, n2, …; and the words that tests use.
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

# fresh NAME KIND: the machine, made anew and booted.
fresh() {
	boot "$1" "$2" "$(v4 "$1"),$(v6 "$1")"
}

# wait_all PID…: fails when one of them did.
wait_all() {
	local pid rc=0
	for pid; do
		wait "$pid" || rc=1
	done
	return $rc
}

# on NAME COMMAND…: a function of machine.bash (answers, trust, exits, wait_for, healthy, …) for that machine; or else a script in it.
on() {
	local MACHINE=$1
	shift
	case $(type -t "$1") in
	function) "$@" ;;
	*) m "$1" ;;
	esac
}

# each COMMAND…: the same for all of $MACHINES (or those in $ONLY_ON), at once; fails when it failed on one.
each() {
	local name pids=()
	for name in ${ONLY_ON-$MACHINES}; do
		on "$name" "$@" &
		pids+=($!)
	done
	wait_all "${pids[@]}"
}

# members [v4|v6|dns] [NAME…]: the MEMBERS= line of these machines, of all by default.
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

# Names for the machines, in /etc/hosts of each: n1.example.test and so on. dns_names [v4|v6]
dns_names() {
	local name
	for name in $MACHINES; do
		echo "$("${1-v4}" "$name") $name.example.test"
	done >"$BATS_FILE_TMPDIR/hosts"
	for name in $MACHINES; do
		cat "$BATS_FILE_TMPDIR/hosts" >>"$("$machine" root "$name")/etc/hosts"
	done
}

# The secret of this file's cluster, one for all, and prepared NAME KEY=VALUE…: release, secret and answers are there, as a preseeded machine has them before the package comes.
secret=6b1f8a90c2d34e5768f1a0b3c4d5e6f7a8192b3c4d5e6f708192a3b4c5d6e7f8
prepared() {
	local name=$1
	shift
	on "$name" answers "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases "$@"
	on "$name" trust "$etcd_version"
	on "$name" "umask 077; echo $secret >/etc/etcd/enroll-token"
}

# package NAME: installs it, by the machine's own package manager.
package() {
	on "$1" 'if command -v dnf; then dnf install etcd-cluster; else apt-get install etcd-cluster; fi' >/dev/null
}

# packages NAME…: on all of them at once.
packages() {
	local name pids=()
	for name; do
		package "$name" &
		pids+=($!)
	done
	wait_all "${pids[@]}"
}

# form [KEY=VALUE…]: the same answers on all, and the package on all at once; then all are healthy.
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

# Each of $MACHINES (or $ONLY_ON) says that it is.
all_healthy() {
	each healthy
}

# one_cluster [N]: all machines say the same cluster ID, and it has N members (as many as there are machines), none a learner.
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

# given_ca NAME…: etcdadm's way: one ca.crt and ca.key, made elsewhere and copied to the machines beforehand.
given_ca() {
	local name dir=$BATS_FILE_TMPDIR/ca
	if [ ! -e "$dir/ca.crt" ]; then
		mkdir -p "$dir"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=copied-ca \
			-addext keyUsage=critical,keyCertSign,cRLSign -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
	fi
	for name; do
		on "$name" 'mkdir -p -m 0755 /etc/etcd/pki'
		install -m 0600 "$dir/ca.key" "$("$machine" root "$name")/etc/etcd/pki/"
		install -m 0644 "$dir/ca.crt" "$("$machine" root "$name")/etc/etcd/pki/"
	done
}

failed_here() {
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
	[ -n "${KEEP-}" ] && [ -e "$BATS_FILE_TMPDIR/failed" ] && return 0
	for name in ${MACHINES-}; do
		[ ! -d "$set_dir/$name" ] || "$machine" destroy "$name"
	done
}
