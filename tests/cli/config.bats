#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Errors in cluster.conf: exit codes and messages; nothing is changed.
# shellcheck disable=SC2154 # run --separate-stderr sets stderr

bats_require_minimum_version 1.5.0

setup() {
	root="$BATS_TEST_TMPDIR/root"
	conf="$root/etc/etcd/cluster.conf"
	mkdir -p "$root/etc/etcd/cluster.conf.d"
	echo node-1 >"$root/etc/hostname"
}

# Runs a verb that reads cluster.conf and changes nothing.
look() {
	run --separate-stderr "$ETCD_CLUSTER" --root "$root" cert list
}

tree() {
	(cd "$root" && find . -printf '%p %m %T@ %s\n' | sort)
}

@test "an error is exit 3, names file and line, suggests a correction, and changes nothing" {
	printf '# mine\nROLE=single\nADRESS=10.0.0.1\n' >"$conf"
	before=$(tree)
	look
	[ "$status" -eq 3 ]
	[[ $stderr == *"cluster.conf:3: unknown key ADRESS; did you mean ADDRESS"* ]]
	[ -z "$output" ]
	[ "$(tree)" = "$before" ]
}

@test "setup refuses an error before it changes anything" {
	echo 'NAME=my_host' >"$conf"
	before=$(tree)
	run -3 "$ETCD_CLUSTER" --root "$root" setup --local
	[[ $output == *"cluster.conf:1: NAME=my_host"*"write a hyphen"* ]]
	[ "$(tree)" = "$before" ]
}

@test "an error in a drop-in names the drop-in" {
	echo 'CLIENT_PORT=x' >"$root/etc/etcd/cluster.conf.d/10-port.conf"
	look
	[ "$status" -eq 3 ]
	[[ $stderr == *"10-port.conf:1: CLIENT_PORT=x is not a whole number from 1 to 65535"* ]]
}

@test "bytes from the file cannot reach the terminal" {
	printf 'NAME=\033[31mred\n' >"$conf"
	look
	[ "$status" -eq 3 ]
	[[ $stderr != *$'\033'* ]]
}

@test "a file from Windows: the message contains the fix" {
	printf 'ROLE=single\r\n' >"$conf"
	look
	[ "$status" -eq 3 ]
	[[ $stderr == *"written on Windows"*"sed -i"* ]]
}

@test "cluster.conf must be a regular file" {
	mkdir "$conf"
	look
	[ "$status" -eq 3 ]
	[[ $stderr == *"not a regular file"* ]]
}

@test "root refuses a file that others can write" {
	[ "$(id -u)" -eq 0 ] || skip "only root asks that"
	echo 'ROLE=single' >"$conf"
	chmod 0666 "$conf"
	look
	[ "$status" -eq 4 ]
	[[ $stderr == *"can be written by others"*"chmod go-w"* ]]
}

@test "--config reads that file without drop-ins, and the file must exist" {
	echo 'CLIENT_PORT=x' >"$root/etc/etcd/cluster.conf.d/10-port.conf"
	echo 'PEER_PORT=y' >"$BATS_TEST_TMPDIR/other.conf"
	run -3 "$ETCD_CLUSTER" --root "$root" --config "$BATS_TEST_TMPDIR/other.conf" cert list
	[[ $output == *"other.conf:1: PEER_PORT=y"* ]]
	run -3 "$ETCD_CLUSTER" --root "$root" --config "$BATS_TEST_TMPDIR/none.conf" cert list
	[[ $output == *"none.conf"*"No such file"* ]]
}

@test "the shipped sample contains only defaults, and each line can be enabled" {
	sample="$BATS_TEST_DIRNAME/../../conf/cluster.conf"
	cp "$sample" "$conf"
	look
	[ "$status" -ne 3 ]
	sed -n 's/^#\([A-Z_]*=\)/\1/p' "$sample" >"$conf"
	[ "$(grep -c = "$conf")" -ge 22 ]
	look
	[ "$status" -ne 3 ]
	# shellcheck source=/dev/null
	(. "$conf") # a shell can read it
}

@test "the manual, the sample and the program have the same keys" {
	keys=$(sed -n 's/^	{ .name = "\([A-Z_]*\)", set_.*/\1/p' "$BATS_TEST_DIRNAME/../../src/config/key.c" | sort)
	[ "$(wc -l <<<"$keys")" -ge 22 ]
	[ "$(sed -n 's/^\.It Cm \([A-Z_]*\)$/\1/p' "$BATS_TEST_DIRNAME/../../docs/cluster.conf.5" | sort)" = "$keys" ]
	[ "$(sed -n 's/^#\([A-Z_]*\)=.*/\1/p' "$BATS_TEST_DIRNAME/../../conf/cluster.conf" | grep -v ^ETCD_ |
		sort)" = "$keys" ]
}
