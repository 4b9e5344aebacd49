# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Three machines with the same answers and the same token, two by preseed and one by kickstart, without a person.
# Afterwards no machine has the token, and only the CA host has the CA key.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of cluster.bash
load cluster

setup_file() {
	machines 61 bookworm bookworm rpm
	export token=c0ffee5a17b3d9e24f6081a2735c4e6d9b8f7a0615243342516079881726354f
	each trust "$etcd_version"
}

# site FILE: prints the example with the values of this site.
site() {
	grep -q 'https://mirror.example.com/etcd' "$top/docs/examples/$1"
	grep -qF '(openssl rand -hex 32)' "$top/docs/examples/$1"
	sed "s|https://mirror.example.com/etcd|file:/srv/dist/releases|; s/(openssl rand -hex 32)/$token/
		s/10\.0\.0\./10.77.61./g
		s/3\.6\.14/$etcd_version/" "$top/docs/examples/$1"
}

# secrets NAME [KEY-FILE]: prints the places of the token and, with KEY-FILE, of the CA key on that machine.
secrets() {
	local pid leader
	on "$1" 'journalctl --no-pager -o export >/tmp/journal.export'
	pid=$(cat "$set_dir/$1/pid")
	leader=$(cat "/proc/$pid/task/$pid/children")
	"$top/tests/lib/secrets.py" "/proc/${leader%% *}/root" token "$token" key "$2"
}

ca_key() {
	echo "$("$machine" root n1)/etc/etcd/pki/ca.key"
}

@test "preseed on two, kickstart on the third" {
	for name in n1 n2; do
		site preseed-cluster.cfg | "$machine" exec "$name" debconf-set-selections --checkonly
		site preseed-cluster.cfg | "$machine" exec "$name" debconf-set-selections
	done
	site kickstart-cluster.cfg | sed -n '/^%post/,/^%end/{/^%/!p;}' | "$machine" exec n3 sh -e
}

@test "installed at the same time: each hook ends in seconds, and all are one healthy cluster" {
	in_time 15 packages $MACHINES # three at the same time, also on a host with few processors
	all_healthy
	one_cluster 3
	on n2 '[ "$(etcdctl.sh put a b)" = OK ]'
	on n3 '[ "$(etcdctl.sh get --print-value-only a)" = b ]'
}

@test "the same cluster.conf in both formats, and no token in it" {
	for name in $MACHINES; do
		on $name 'grep ^[A-Z] /etc/etcd/cluster.conf | sort' >"$BATS_TEST_TMPDIR/$name"
	done
	diff "$BATS_TEST_TMPDIR"/n1 "$BATS_TEST_TMPDIR"/n2
	diff "$BATS_TEST_TMPDIR"/n1 "$BATS_TEST_TMPDIR"/n3
	grep -qx ROLE=cluster "$BATS_TEST_TMPDIR"/n3
}

@test "the same tree on deb and rpm: names, owners, modes, and content except secrets and dates" {
	for name in n2 n3; do
		on $name 'cd / && find etc/etcd var/lib/etcd-cluster var/cache/etcd-cluster run/etcd-cluster \
			usr/libexec/etcd-cluster/releases \
			! -name cluster.conf.rpmnew ! -name "*.wal" ! -name "*.tmp" ! -name "*.snap" -printf "%p %y %m %u:%g %l\n" | sort
		sed "s/10\.77\.61\.[23]/ADDRESS/g; s/NAME=n[23]/NAME=n/; /^# sha256/d" etc/etcd/etcd.env etc/etcd/etcdctl.env |
			grep ^[A-Z] | sort
		cat etc/etcd/pki/ca.host' | sed 's/10\.77\.61\.3/x/' >"$BATS_TEST_TMPDIR/$name"
	done
	grep -q '^etc/etcd/pki/peer.key f 640 root:etcd' "$BATS_TEST_TMPDIR"/n3
	diff "$BATS_TEST_TMPDIR"/n2 "$BATS_TEST_TMPDIR"/n3
}

@test "the scan finds a secret in every place" {
	on n2 "printf 'x%sy' $token >/tmp/planted
	echo '$(echo -n "ab$token" | base64 -w 0)' >/var/lib/planted
	SECRET=$token setsid sleep 60 >/dev/null 2>&1 &
	echo \$! >/run/planted"
	cp "$(ca_key)" "$("$machine" root n2)/etc/planted"
	openssl pkey -in "$(ca_key)" -outform DER >"$("$machine" root n2)/var/planted"
	run secrets n2 "$(ca_key)"
	echo "$output"
	for place in 'token /tmp/planted' 'token /var/lib/planted' 'key /etc/planted' 'key /var/planted' \
		"token /proc/$(on n2 'cat /run/planted')/environ"; do
		grep -qxF "$place" <<<"$output"
	done
	on n2 'kill $(cat /run/planted)
	rm /tmp/planted /var/lib/planted /run/planted /etc/planted /var/planted'
}

@test "no token is left on any machine, and only the CA host has the CA key" {
	# For an hour the CA host keeps the key derived from the token for machines that lost an answer; no other machine can
	# use it.
	id=$(printf 'etcd-cluster token id\0%s' "$token" | sha256sum | cut -c 1-16)
	secrets n1 "$(ca_key)" | sort | diff - <(printf '%s\n' 'key /etc/etcd/pki/ca.key' "token /etc/etcd/enroll/tokens/$id")
	[ -z "$(secrets n2 "$(ca_key)")" ]
	[ -z "$(secrets n3 "$(ca_key)")" ]
	each '[ ! -e /etc/etcd/enroll-token ]'
	for name in n2 n3; do
		on $name '[ ! -e /etc/etcd/pki/ca.key ]'
	done
}

@test "every unit passes systemd-analyze verify, and only the CA host runs the enrolment socket" {
	output=$(on n1 'systemd-analyze verify --man=no /usr/lib/systemd/system/etcd*.service \
		/usr/lib/systemd/system/etcd*.socket 2>&1 | grep -i etcd || true')
	[ -z "$output" ] || { echo "$output"; false; }
	on n1 '[ "$(systemctl is-active etcd-cluster-enroll.socket)" = active ]'
	for name in n2 n3; do
		on $name 'fails systemctl is-active etcd-cluster-enroll.socket'
	done
}

@test "after a reboot of all they are the same cluster" {
	for name in $MACHINES; do
		"$machine" reboot "$name" &
		pids="${pids-} $!"
	done
	wait_all $pids
	all_healthy
	one_cluster 3
	on n1 '[ "$(etcdctl.sh get --print-value-only a)" = b ]'
	each '[ "$(systemctl is-system-running)" = running ]'
}

@test "an edit survives dpkg-reconfigure, and the token is not asked for again" {
	on n1 'echo CERT_DAYS=200 >>/etc/etcd/cluster.conf
	cp /etc/etcd/cluster.conf /tmp/before
	dpkg-reconfigure -f noninteractive etcd-cluster
	cmp /etc/etcd/cluster.conf /tmp/before
	[ ! -e /etc/etcd/enroll-token ]'
}

@test "a removal of a member's package reports the member and the command that removes it" {
	output=$(on n2 'apt-get remove etcd-cluster 2>&1')
	prints 'still a member of its cluster'
	prints 'etcd-cluster remove n2'
	output=$(on n3 'dnf remove etcd-cluster 2>&1')
	prints 'etcd-cluster remove n3'
}
