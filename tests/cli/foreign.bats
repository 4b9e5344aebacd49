#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# scripts/foreign, which preinst and %pre contain, in a fake root: what it finds, what it leaves alone, what it keeps.

bats_require_minimum_version 1.5.0

setup() {
	top=$BATS_TEST_DIRNAME/../..
	export ETCD_CLUSTER_ROOT=$BATS_TEST_TMPDIR/root
	root=$ETCD_CLUSTER_ROOT kept=$root/usr/libexec/etcd-cluster/adopted marker=$root/etc/etcd/adopt
	unset DPKG_ROOT
	mkdir -p "$root"/etc/etcd "$root"/usr/bin "$root"/usr/lib/systemd/system "$root"/proc/1/ns "$BATS_TEST_TMPDIR"/bin
	ln -s usr/lib "$root"/lib
	ln -s ../.. "$root"/proc/1/root
	: >"$root"/proc/1/ns/net
	: >"$BATS_TEST_TMPDIR"/owned
	# The package databases: lines of "OWNER PATH"; the answers of debconf.
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nsed -n "s, $2\\$,: $2,p" %s/owned | grep .\n' "$BATS_TEST_TMPDIR" \
		>"$BATS_TEST_TMPDIR"/bin/dpkg-query
	printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR"/bin/rpm
	printf '#!/bin/sh\ncat %s/answers\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR"/bin/debconf-show
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# put PATH TEXT…: a file below the root.
put() {
	local path=$root$1
	shift
	mkdir -p "${path%/*}"
	printf '%s\n' "$@" >"$path"
}

# process PID PROGRAM [VARIABLE…]: one that is called etcd.
process() {
	mkdir -p "$root/proc/$1/ns"
	echo etcd >"$root/proc/$1/comm"
	ln -s "$2" "$root/proc/$1/exe"
	ln "$root"/proc/1/ns/net "$root/proc/$1/ns/net"
	printf '%s\0' "${@:3}" >"$root/proc/$1/environ"
}

# Runs a function of the script in dash, as preinst does.
foreign() {
	dash -euc ". \"$top/scripts/foreign\"; $1"
}

tree() {
	(cd "$root" && find . ! -type d -printf '%p %y %m %l ' -a \( -type f -exec sha256sum {} \; -o -printf '\n' \) | sort)
}

# refused WORD…: the installation is refused, nothing has changed, and the message has these words.
refused() {
	local before word
	before=$(tree)
	run foreign foreign_check
	echo "$output"
	[ "$status" -eq 1 ]
	for word in "$@" 'nothing was changed' 'touch /etc/etcd/adopt'; do
		[[ $output == *"$word"* ]]
	done
	[ "$before" = "$(tree)" ]
}

accepted() {
	run foreign foreign_check
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

etcd_of_hand() {
	put /usr/bin/etcd program
	put /usr/bin/etcdctl client
	put /usr/lib/systemd/system/etcd.service '[Service]' \
		'ExecStart=/usr/bin/etcd --initial-cluster-token etcd-cluster-1'
}

# What dpkg or rpm does: our links and unit replace theirs.
unpack() {
	for program in etcd etcdctl etcdutl; do
		ln -sfn ../libexec/etcd-cluster/releases/current/$program "$root/usr/bin/$program"
	done
	ln -sfn ../libexec/etcd-cluster/etcdctl.sh "$root"/usr/bin/etcdctl.sh
	rm -f "$root"/usr/lib/systemd/system/etcd.service
	cp "$top"/conf/units/etcd.service "$root"/usr/lib/systemd/system/
}

removes_package() {
	rm "$root"/usr/bin/etcd* "$root"/usr/lib/systemd/system/etcd.service
}

@test "a bare machine, and one with prepared settings and certificates, is accepted" {
	accepted
	put /etc/etcd/cluster.conf ROLE=cluster
	put /etc/etcd/pki/ca.crt x
	put /usr/local/bin/etcdctl client
	accepted
}

@test "etcdadm: unit, settings, certificates and process are named" {
	put /opt/bin/etcd program
	put /etc/systemd/system/etcd.service '[Service]' 'ExecStart=/opt/bin/etcd'
	put /etc/etcd/etcd.env 'ETCD_DATA_DIR=/data/etcd'
	put /etc/etcd/pki/ca.crt x
	mkdir -p "$root"/data/etcd/member
	process 812 /opt/bin/etcd
	refused 'process 812: /opt/bin/etcd' '/etc/systemd/system/etcd.service: ' '/etc/etcd/etcd.env: ' \
		'/etc/etcd/pki: certificates of an etcd with data in /data/etcd'
}

@test "kubespray and kubeadm" {
	put /etc/systemd/system/etcd.service '[Service]' 'ExecStart=/usr/local/bin/etcd'
	refused '/etc/systemd/system/etcd.service: '
	rm "$root"/etc/systemd/system/etcd.service
	put /etc/kubernetes/manifests/etcd.yaml 'kind: Pod'
	refused '/etc/kubernetes/manifests/etcd.yaml: '
}

@test "certificates beside the data of a member" {
	put /etc/etcd/pki/ca.crt '-----BEGIN CERTIFICATE-----' "$(echo 'a CA of theirs' | base64)"
	mkdir -p "$root"/var/lib/etcd/member
	refused '/etc/etcd/pki: certificates of an etcd with data in /var/lib/etcd'
}

@test "an etcd.service in each directory of units" {
	for dir in /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system \
		/run/systemd/generator.late; do
		put $dir/etcd.service '[Service]' 'ExecStart=/opt/etcd'
		refused "$dir/etcd.service: "
		[ "$(grep -c etcd.service <<<"$output")" -eq 1 ]
		rm "$root$dir"/etcd.service
	done
	rm "$root"/lib
	put /lib/systemd/system/etcd.service '[Service]' 'ExecStart=/opt/etcd'
	refused "/lib/systemd/system/etcd.service: "
}

@test "a masked unit, an etcd in another network, and files of a package are no reason" {
	mkdir -p "$root"/etc/systemd/system
	ln -s /dev/null "$root"/etc/systemd/system/etcd.service
	process 7 /usr/local/bin/etcd
	rm "$root"/proc/7/ns/net
	: >"$root"/proc/7/ns/net
	etcd_of_hand
	printf '%s\n' 'etcd-server /usr/bin/etcd' 'etcd-client /usr/bin/etcdctl' \
		'etcd-server /lib/systemd/system/etcd.service' >"$BATS_TEST_TMPDIR"/owned
	accepted
}

@test "a build in a chroot does not look at the processes of its host" {
	process 812 /opt/bin/etcd
	refused 'process 812'
	rm "$root"/proc/1/root
	ln -s /nowhere "$root"/proc/1/root
	accepted
}

@test "what we left is ours: after a removal, an interrupted unpacking, or while our etcd still ends" {
	unpack
	put /etc/etcd/etcd.env '# Made by etcd-cluster from cluster.conf; to change something, change it there. sha256:0' \
		ETCD_DATA_DIR=/srv/etcd edited
	put /etc/etcd/pki/ca.crt x
	mkdir -p "$root"/srv/etcd/member "$root"/var/lib/etcd/member
	process 5 '/usr/libexec/etcd-cluster/releases/v3.6.14/etcd'
	process 6 /usr/local/bin/etcd ETCD_NAME=n1 ETCD_DATA_DIR=/srv/etcd
	accepted
	rm "$root"/etc/etcd/etcd.env "$root"/proc/6/comm
	refused /etc/etcd/pki
	put /etc/etcd/member-id CLUSTER_ID=1
	accepted
	rm "$root"/etc/etcd/member-id
	put /etc/etcd/pki/ca.host HOST=10.0.0.1:2382
	accepted
	rm -r "$root"/etc/etcd/pki
	"$ETCD_CLUSTER" --root "$root" setup --local || true
	[ -e "$root"/etc/etcd/pki/ca.key ]
	rm -f "$root"/etc/etcd/etcd.env
	accepted
}

@test "with the marker theirs is kept under its name; a removal gives it back" {
	etcd_of_hand
	ln -s etcdctl "$root"/usr/bin/etcdctl.sh
	before=$(tree)
	refused '/usr/bin/etcd: ' '/usr/bin/etcdctl: ' '/usr/lib/systemd/system/etcd.service: '
	: >"$marker"
	# Interrupted before the unpacking, and repeated.
	accepted
	accepted
	unpack
	[ "$(cat "$root"/usr/bin/etcd)" = program ]
	[ "$(cat "$root"/usr/bin/etcdctl)" = client ]
	grep -q ExecStart=/usr/bin/etcd "$root"/etc/systemd/system/etcd.service
	# An upgrade, and the next one after their tool has installed its programs again.
	accepted
	rm "$root"/usr/bin/etcd
	put /usr/bin/etcd 'newer program'
	echo 'etcd-cluster /usr/bin/etcd' >"$BATS_TEST_TMPDIR"/owned
	accepted
	unpack
	[ "$(cat "$root"/usr/bin/etcd)" = 'newer program' ]
	put /usr/libexec/etcd-cluster/adopted/etcd program
	removes_package
	foreign foreign_give_back
	rm "$marker"
	rm "$root"/usr/bin/etcdctl.sh
	ln -s etcdctl "$root"/usr/bin/etcdctl.sh
	[ "$before" = "$(tree)" ]
	[ ! -e "$kept" ]
	foreign foreign_give_back
}

@test "a refused unpacking gives everything back, too" {
	etcd_of_hand
	: >"$marker"
	before=$(tree)
	accepted
	foreign foreign_give_back
	[ "$before" = "$(tree)" ]
}

@test "a unit of theirs that overrides another one stays; a release of ours is current again after the removal" {
	etcd_of_hand
	put /etc/systemd/system/etcd.service '[Service]' 'ExecStart=/usr/bin/etcd --name n1'
	mkdir -p "$root"/usr/libexec/etcd-cluster/releases/v3.6.14
	ln -s v3.6.14 "$root"/usr/libexec/etcd-cluster/releases/current
	: >"$marker"
	before=$(tree)
	accepted
	unpack
	grep -q -- '--name n1' "$root"/etc/systemd/system/etcd.service
	[ "$(cat "$root"/usr/bin/etcd)" = program ]
	removes_package
	foreign foreign_give_back
	[ "$before" = "$(tree)" ]
}

@test "debconf's answer makes the marker, and only where there is another etcd" {
	echo '* etcd-cluster/adopt: true' >"$BATS_TEST_TMPDIR"/answers
	accepted
	[ ! -e "$marker" ]
	put /etc/systemd/system/etcd.service '[Service]' 'ExecStart=/usr/local/bin/etcd'
	accepted
	[ -e "$marker" ]
	rm "$marker"
	echo '  etcd-cluster/adopt: false' >"$BATS_TEST_TMPDIR"/answers
	refused
}

@test "a full disk refuses the installation, and nothing of theirs is lost" {
	etcd_of_hand
	: >"$marker"
	mkdir -p "${kept%/*}"
	: >"$kept"
	run foreign foreign_check
	[ "$status" -ne 0 ]
	rm "$kept"
	[ "$(cat "$root"/usr/bin/etcd)" = program ]
}
