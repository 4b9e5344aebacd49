#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The completion of bash: values come from the files of this machine; file names only where an option needs a file.

bats_require_minimum_version 1.5.0

setup() {
	top=$BATS_TEST_DIRNAME/../..
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root"/etc/etcd
	cat >"$root"/etc/etcd/cluster.conf <<'END'
ROLE=cluster
NAME=n1
ADDRESS=10.0.0.1
MEMBERS=n1=10.0.0.1,n2=10.0.0.2,db3=10.0.0.3
END
	mkdir "$BATS_TEST_TMPDIR"/here "$BATS_TEST_TMPDIR"/here/dir
	cd "$BATS_TEST_TMPDIR"/here || return 1
	touch note n-file
}

# offers WORD…: prints the completions of the last one in one line.
offers() {
	bash -c '
		etcd-cluster() { "$ETCD_CLUSTER" "$@"; }
		. "$1/scripts/completion.bash"
		shift
		COMP_WORDS=(etcd-cluster "$@") COMP_CWORD=$#
		_etcd_cluster
		echo ${COMPREPLY[*]}
	' - "$top" "$@" 2>&1
}

@test "member names are those of MEMBERS, without file names" {
	[ "$(offers --root "$root" remove '')" = 'n1 n2 db3' ]
	[ "$(offers --root "$root" remove --force n)" = 'n1 n2' ]
	[ "$(offers --root "$root" replace d)" = db3 ]
	[ "$(offers --root "$root" remove n2 '')" = '' ]
	[ "$(offers --root "$BATS_TEST_TMPDIR/nowhere" remove '')" = '' ]
}

@test "member names of a machine that has joined are those in etcd.env" {
	printf '%s\n' ROLE=join NAME=n4 ADDRESS=10.0.0.4 JOIN=10.0.0.1 >"$root"/etc/etcd/cluster.conf
	echo ETCD_INITIAL_CLUSTER=n1=https://10.0.0.1:2380,n4=https://10.0.0.4:2380 >"$root"/etc/etcd/etcd.env
	[ "$(offers --root "$root" remove '')" = 'n1 n4' ]
}

@test "an error in cluster.conf prints nothing at the prompt" {
	echo NONSENSE >"$root"/etc/etcd/cluster.conf
	[ "$(offers --root "$root" remove '')" = '' ]
	run -0 --separate-stderr "$ETCD_CLUSTER" __complete --root "$root" remove ''
	[ -z "$stderr" ]
}

@test "release versions are the installed ones" {
	mkdir -p "$root"/usr/libexec/etcd-cluster/releases/{v3.6.14,v3.5.20}
	[ "$(offers --root "$root" release use 3.6)" = 3.6.14 ]
	[ "$(offers --root "$root" release use '')" = 'system 3.6.14 3.5.20' ]
	[ "$(offers --root "$root" init --release 3.5)" = 3.5.20 ]
	[ "$(offers --root "$root" release verify no)" = note ]
}

@test "token IDs are those of this CA host" {
	printf '%s\n' ROLE=single ADDRESS=10.0.0.1 RELEASE_URL=none >"$root"/etc/etcd/cluster.conf
	run "$ETCD_CLUSTER" --root "$root" setup --local
	run -0 --separate-stderr "$ETCD_CLUSTER" --root "$root" token new
	id=$("$ETCD_CLUSTER" --root "$root" token list --json | jq -r '.[0].id')
	[ "$(offers --root "$root" token revoke '')" = "$id" ]
}

@test "certificates and profiles have fixed names" {
	[[ "$(offers cert renew '')" == 'server peer '* ]]
	[ "$(offers cert renew server p)" = peer ]
	[ "$(offers cert issue '')" = 'server peer client apiserver healthcheck' ]
	[ "$(offers cert issue client '')" = '' ]
}

@test "file and directory names are offered where an option needs one" {
	[ "$(offers join --token-file n)" = 'n-file note' ] || [ "$(offers join --token-file n)" = 'note n-file' ]
	[ "$(offers cert export '')" = dir ]
	[ "$(offers init --data-dir = d)" = dir ]
	[ "$(offers --config no)" = note ]
	[ "$(offers token new --name n)" = '' ]
	[ "$(offers status '')" = '' ]
}

@test "verbs, nested verbs and options" {
	[ "$(offers st)" = status ]
	[ "$(offers --root "$root" release ro)" = rollback ]
	[ "$(offers release --)" = --help ]
	[ "$(offers check --)" = '--start --json --help' ]
	[ "$(offers nonsense '')" = '' ]
	[ "$(offers --ro)" = --root ]
}
