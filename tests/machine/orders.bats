# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# dpkg in orders that apt does not choose, and Debian's etcd-server between two installations of ours: etcd runs in the
# end, without a command of a person. And what a purge leaves. Debian 12.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=orders
	need_root
	debs etcd-bookworm etcd-server etcd-client
	debs needed-bookworm libprotobuf-c1
	boot "$MACHINE" bookworm 10.77.48.1
	all_files >"$BATS_FILE_TMPDIR/before"
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases NAME=n1
	trust 3.4.23
}

ours='/srv/dist/repo/apt/pool/etcd-cluster_*.deb'

# debs DIRECTORY PACKAGE…: packages of Debian 12 in dist/.
debs() {
	local dir=$top/dist/$1
	[ ! -e "$dir/.complete" ] || return 0
	mkdir -p "$dir"
	(cd "$dir" && "$top/tests/lib/apt-suite" bookworm download "${@:2}") >&2
	: >"$dir/.complete"
}

kept() {
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]
	[ -z "$(dpkg --audit)" ]'
}

# Files, links, users and units of the whole system.
all_files() {
	m 'find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o \
		-path /var/log -o -path /var/cache -o -path /srv -o -path "/var/lib/dpkg/*-old" -o \
		-path "/var/backups/dpkg*" -o -path /var/lib/systemd/catalog \) -prune -o -printf "%p %y %m %U:%G %l\n" | sort
	dpkg-divert --list
	dpkg-statoverride --list
	find / -xdev -xtype l -printf "leads nowhere: %p\n" 2>/dev/null | sort
	grep -v "^root:" /etc/passwd /etc/group | cut -d : -f 1-4 | sort'
}

@test "unpacked only, then without a library that it needs: dpkg names it, and configuring it later sets up" {
	m 'dpkg --force-depends -r libprotobuf-c1
	dpkg --unpack '"$ours"'
	fails pgrep -x etcd
	[ ! -e /etc/etcd/pki ]'
	run ! m 'dpkg --configure etcd-cluster 2>&1'
	prints libprotobuf-c1
	m 'dpkg -i /srv/dist/needed-bookworm/*.deb
	dpkg --configure -a'
	healthy
	m 'etcdctl.sh put greeting hello'
	kept
}

@test "a library is removed and comes back under a running member: etcd is not touched" {
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'dpkg --force-depends -r libprotobuf-c1
	fails etcd-cluster version
	dpkg -i /srv/dist/needed-bookworm/*.deb'
	kept
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
}

@test "a downgrade does not restart etcd" {
	"$top/tests/lib/make-flavour" "$top"/dist/repo/apt/pool/etcd-cluster_*.deb "$top/dist/orders-next.deb" --next
	pid=$(m 'systemctl show -P MainPID etcd')
	m 'dpkg -i /srv/dist/orders-next.deb
	dpkg -i '"$ours"'
	dpkg-query -W -f "\${Version}" etcd-cluster >/var/tmp/version
	fails grep next /var/tmp/version'
	kept
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
}

@test "removed, Debian's etcd-server installed and purged, installed again: etcd runs with its data" {
	m 'dpkg -r etcd-cluster
	dpkg -i /srv/dist/etcd-bookworm/*.deb
	[ "$(systemctl is-active etcd)" = active ]
	dpkg -P etcd-server etcd-client
	dpkg -i '"$ours"
	kept
}

# Settings and release are gone, so that the target cannot start etcd: only setup can, later.
@test "purged, and etcd-server still runs when apt replaces it by ours: the same" {
	m 'dpkg -P etcd-cluster
	dpkg -i /srv/dist/etcd-bookworm/*.deb
	[ "$(systemctl is-active etcd)" = active ]'
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases NAME=n1
	m 'apt-get install etcd-cluster'
	kept
	m 'dpkg -P etcd-server etcd-client'
	kept
}

@test "an aborted removal, which has stopped etcd already: it runs again" {
	m 'DPKG_MAINTSCRIPT_NAME=prerm DPKG_MAINTSCRIPT_PACKAGE=etcd-cluster /var/lib/dpkg/info/etcd-cluster.prerm remove
	[ "$(systemctl is-active etcd)" = inactive ]
	DPKG_MAINTSCRIPT_NAME=postinst DPKG_MAINTSCRIPT_PACKAGE=etcd-cluster \
		/var/lib/dpkg/info/etcd-cluster.postinst abort-remove'
	kept
}

@test "a person's stop counts after all of that, also through a reinstallation" {
	m 'systemctl stop etcd
	dpkg -i '"$ours"'
	systemctl start etcd-cluster-setup.service || :
	sleep 1
	[ "$(systemctl is-active etcd)" = inactive ]
	systemctl start etcd'
	kept
}

@test "removed, purged with its data: every file, link, user and unit is as before" {
	m 'echo etcd-cluster etcd-cluster/purge-data boolean true | debconf-set-selections
	dpkg -r etcd-cluster
	rm /etc/etcd/releases.sha256.d/test.sha256
	dpkg -P etcd-cluster
	[ -z "$(dpkg --audit)" ]'
	all_files >"$BATS_FILE_TMPDIR/after"
	diff "$BATS_FILE_TMPDIR"/{before,after}
}

# certificates DIRECTORY: a CA with its key, and a pair for this machine.
certificates() {
	mkdir -p "$1"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 900 -subj '/CN=their CA' \
		-addext keyUsage=critical,keyCertSign,cRLSign -keyout "$1/ca.key" -out "$1/ca.crt" 2>/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=orders \
		-CA "$1/ca.crt" -CAkey "$1/ca.key" -addext extendedKeyUsage=serverAuth,clientAuth \
		-addext basicConstraints=critical,CA:FALSE \
		-addext subjectAltName=DNS:orders,DNS:localhost,IP:10.77.48.1,IP:127.0.0.1 \
		-keyout "$1/etcd.key" -out "$1/etcd.crt" 2>/dev/null
	chmod 644 "$1/etcd.key"
}

@test "moving in from Debian's etcd-server, with the steps of operations.md: the same member with its data" {
	for text in 'cp /usr/bin/etcd /usr/local/bin/' 'ExecStart=/usr/local/bin/etcd' 'EnvironmentFile=/etc/default/etcd' \
		'Environment=ETCD_DATA_DIR=/var/lib/etcd/default' 'apt-get remove etcd-server etcd-client' \
		'systemctl daemon-reload && systemctl start etcd'; do
		grep -qF "$text" "$top/docs/operations.md"
	done
	reset
	m 'dpkg -i /srv/dist/etcd-bookworm/*.deb
	export ETCDCTL_API=3
	etcdctl put greeting hello
	etcdctl member list | cut -d , -f 1 >/var/tmp/id
	etcdctl member update "$(cat /var/tmp/id)" --peer-urls=https://10.77.48.1:2380'
	certificates "$("$machine" root "$MACHINE")/etc/ssl/etcd"
	m 'at=/etc/ssl/etcd
	for kind in "" PEER_; do
		printf "%s\n" "ETCD_${kind}CERT_FILE=$at/etcd.crt" "ETCD_${kind}KEY_FILE=$at/etcd.key" \
			"ETCD_${kind}TRUSTED_CA_FILE=$at/ca.crt" "ETCD_${kind}CLIENT_CERT_AUTH=true"
	done >/etc/default/etcd
	printf "%s\n" ETCD_LISTEN_PEER_URLS=https://10.77.48.1:2380 ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.77.48.1:2380 \
		ETCD_LISTEN_CLIENT_URLS=https://10.77.48.1:2379,https://127.0.0.1:2379 \
		ETCD_ADVERTISE_CLIENT_URLS=https://10.77.48.1:2379 >>/etc/default/etcd
	systemctl restart etcd
	cp /usr/bin/etcd /usr/local/bin/
	sed "s,^ExecStart=.*,ExecStart=/usr/local/bin/etcd,; s,^EnvironmentFile=.*,EnvironmentFile=/etc/default/etcd,
		s,^Environment=ETCD_DATA_DIR=.*,Environment=ETCD_DATA_DIR=/var/lib/etcd/default," \
		/lib/systemd/system/etcd.service >/etc/systemd/system/etcd.service
	apt-get remove etcd-server etcd-client
	systemctl daemon-reload && systemctl start etcd
	mkdir -p /etc/etcd && touch /etc/etcd/adopt'
	answers RELEASE_URL=file:/srv/dist/releases
	trust 3.4.23
	m 'apt-get install etcd-cluster
	etcd-cluster adopt --dry-run
	etcd-cluster adopt
	etcd-cluster adopt --finish'
	kept
	m 'etcdctl.sh member list | grep -q "^$(cat /var/tmp/id),"
	systemctl show -P ExecStart etcd | grep -q libexec/etcd-cluster/releases'
}
