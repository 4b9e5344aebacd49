# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Each example for three machines, used by its tool, results in one healthy cluster. (preseed-cluster.bats has the
# examples for the Debian installer and kickstart.)
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of cluster.bash
load cluster

setup_file() {
	machines 62 bookworm bookworm bookworm
	export token=7e21b09c64d8f35a1b0e9d72c46f8a3511d0e7c29b84a6f3d5028e17c9b46f0a
}

# site FILE: prints the example with the values of this site.
site() {
	grep -q 'https://mirror.example.com/etcd' "$top/docs/examples/$1"
	sed "s|https://mirror.example.com/etcd|file:/srv/dist/releases|; s/(openssl rand -hex 32)/$token/
		s/10\.0\.0\./10.77.62./g
		s/3\.6\.14/$etcd_version/" "$top/docs/examples/$1"
}

# One healthy cluster with the names of the example, and no machine has the token.
as_answered() {
	all_healthy
	one_cluster 3
	on n1 '[ "$(etcdctl.sh put a b)" = OK ]
	etcdctl.sh member list | grep -q ", n3, https://10.77.62.3:2380, https://10.77.62.3:2379,"'
	each '[ ! -e /etc/etcd/enroll-token ]
	[ "$(stat -c %U:%G:%a /etc/etcd/cluster.conf)" = root:root:644 ]
	[ "$(systemctl is-system-running)" = running ]'
	used_up
}

# The CA host has no valid token: that of the cluster is used up (and stays for an hour, for lost answers).
used_up() {
	on n1 'for t in /etc/etcd/enroll/tokens/*; do
		[ ! -e "$t" ] || [ "$(sed -n s/^USES=//p "$t")" = "$(grep -c ^USED_ "$t")" ]
	done
	[ "$(ls /etc/etcd/enroll/tokens | wc -l)" -le 1 ]'
}

@test "the placeholder of the token is refused on every machine" {
	for file in "$top"/docs/examples/*-cluster.*; do
		# The token for Ansible comes from a vault.
		[ "${file##*/}" = ansible-cluster.yml ] || grep -qF '(openssl rand -hex 32)' "$file"
	done
	on n2 answers ROLE=cluster "$(members)" "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases
	on n2 trust "$etcd_version"
	on n2 'umask 077; echo "(openssl rand -hex 32)" >/etc/etcd/enroll-token'
	package n2
	on n2 wait_for 'grep -qx STATE=failed /run/etcd-cluster/setup'
	on n2 exits 3 'etcd-cluster setup'
	prints token
	on n2 reset
}

# play: runs the playbook for all three from outside.
play() {
	ANSIBLE_CONNECTION_PLUGINS="$top/tests/lib/ansible" ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 ANSIBLE_NOCOLOR=1 \
		ANSIBLE_HOME="$BATS_TEST_TMPDIR/ansible" ANSIBLE_PIPELINING=1 \
		ansible-playbook -c machine -u root -i "$BATS_TEST_TMPDIR/hosts" -e "etcd_enroll_token=$token" \
			"$BATS_TEST_TMPDIR/play.yml"
}

@test "ansible-cluster.yml: one play for all; the second run changes nothing" {
	command -v ansible-playbook >/dev/null || skip 'there is no ansible-playbook (make deps installs it)'
	on n1 python_for_machine
	ONLY_ON='n2 n3' each python_for_machine
	each trust "$etcd_version"
	site ansible-cluster.yml >"$BATS_TEST_TMPDIR/play.yml"
	{
		echo "[etcd]"
		for name in $MACHINES; do
			echo "$name etcd_address=$(v4 "$name")"
		done
	} >"$BATS_TEST_TMPDIR/hosts"
	run play
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" != *$token* ]]
	as_answered
	pids=$(each 'systemctl show -P MainPID etcd')
	run play
	echo "$output"
	[ "$(grep -cE 'changed=0 +unreachable=0 +failed=0' <<<"$output")" -eq 3 ]
	[ "$(sort <<<"$pids")" = "$(each 'systemctl show -P MainPID etcd' | sort)" ]
}

@test "cloud-init-cluster.yaml: the same user data for three machines with cloud-init" {
	for name in $MACHINES; do
		site cloud-init-cluster.yaml | cloud_site | cloud_boot "$name" "$(v4 "$name"),$(v6 "$name")" "$etcd_version" &
		pids="${pids-} $!"
	done
	wait_all $pids
	as_answered
	each '[ "$(cloud-init status)" = "status: done" ]'
}

# A machine image with the package that was never booted.
image() {
	local root
	"$machine" destroy "$1"
	"$machine" create "$1" bookworm "$(v4 "$1"),$(v6 "$1")"
	root=$("$machine" root "$1")
	cp "$top"/dist/repo/apt/pool/etcd-cluster_*.deb "$root/root/e.deb"
	chroot "$root" env DEBIAN_FRONTEND=noninteractive dpkg -i /root/e.deb
	grep -- "-v$etcd_version-" "$top/dist/releases/SHA256SUMS" >"$root/etc/etcd/releases.sha256.d/test.sha256"
	mkdir "$set_dir/$1/credentials"
	site systemd-credential-cluster.conf >"$set_dir/$1/credentials/tmpfiles.extra"
}

@test "systemd-credential-cluster.conf: passed to three images at their first boot" {
	for name in $MACHINES; do
		image "$name"
	done
	for name in n3 n2 n1; do
		"$machine" start "$name" &
		pids="${pids-} $!"
	done
	wait_all $pids
	as_answered
}

@test "a credential that stays writes the token again at each boot, and the setup of that boot wipes it" {
	for name in $MACHINES; do
		"$machine" reboot "$name" &
		pids="${pids-} $!"
	done
	wait_all $pids
	all_healthy
	one_cluster 3
	for name in $MACHINES; do
		on "$name" wait_for '[ ! -e /etc/etcd/enroll-token ]'
	done
	on n1 '[ "$(etcdctl.sh get --print-value-only a)" = b ]'
	used_up
}
