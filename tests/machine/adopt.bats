# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# A cluster that was set up by hand and as by etcdadm is taken over, one machine after the other, under writers: n1 has
# flags in a unit of /usr, n2 a configuration file, n3 (rpm) the layout of etcdadm with the key of the CA.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load cluster

setup_file() {
	machines 66 bookworm bookworm rpm
	make_certs
	theirs
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || failed_here
}

# A CA, and a pair for each machine, for servers, peers and clients.
make_certs() {
	local dir=$BATS_FILE_TMPDIR/pki name to
	mkdir -p "$dir"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 900 -subj '/CN=their CA' \
		-addext keyUsage=critical,keyCertSign,cRLSign -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
	for name in $MACHINES; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj "/CN=$name" \
			-CA "$dir/ca.crt" -CAkey "$dir/ca.key" -addext extendedKeyUsage=serverAuth,clientAuth \
			-addext basicConstraints=critical,CA:FALSE \
			-addext "subjectAltName=DNS:$name,IP:$(v4 "$name"),IP:127.0.0.1" \
			-keyout "$dir/$name.key" -out "$dir/$name.crt" 2>/dev/null
		to=$("$machine" root "$name")/etc/ssl/etcd
		mkdir -p "$to"
		cp "$dir/ca.crt" "$dir/$name.crt" "$dir/$name.key" "$to/"
	done
	cp "$dir/ca.key" "$("$machine" root n3)/etc/ssl/etcd/"
}

# settings NAME PKI: lines of "option value".
settings() {
	local at all='' name
	at=https://$(v4 "$1")
	for name in $MACHINES; do
		all="$all,$name=https://$(v4 "$name"):2380"
	done
	printf '%s\n' "name $1" 'data-dir /var/lib/etcd' "listen-client-urls $at:2379,https://127.0.0.1:2379" \
		"advertise-client-urls $at:2379" "listen-peer-urls $at:2380" "initial-advertise-peer-urls $at:2380" \
		"initial-cluster ${all#,}" 'initial-cluster-token theirs' 'initial-cluster-state new' 'snapshot-count 9000'
}
tls() {
	printf '%s\n' "$1cert-file $3/$2.crt" "$1key-file $3/$2.key" "$1trusted-ca-file $3/ca.crt" "$1client-cert-auth true"
}

# unit NAME PATH LINE…: their unit, which starts with the machine.
unit() {
	local name=$1 path=$2
	shift 2
	printf '%s\n' '[Unit]' 'Description=etcd of others' '[Service]' Type=notify "$@" Restart=always '[Install]' \
		WantedBy=multi-user.target | "$machine" exec "$name" tee "$path" >/dev/null
}

theirs() {
	local pki=/etc/ssl/etcd
	each 'mkdir -p /opt/bin /etc/etcd
	for to in /opt/bin /usr/bin; do
		tar -C $to --strip-components=1 --wildcards -xf /srv/dist/releases/etcd-v3.4.23-*.tar.gz "*/etcd" "*/etcdctl"
	done'
	on n3 'rm /usr/bin/etcd*
	mkdir /etc/etcd/pki
	cd /etc/ssl/etcd
	cp ca.crt ca.key /etc/etcd/pki
	cp n3.crt /etc/etcd/pki/server.crt
	cp n3.key /etc/etcd/pki/server.key
	cp n3.crt /etc/etcd/pki/peer.crt
	cp n3.key /etc/etcd/pki/peer.key'
	unit n1 /usr/lib/systemd/system/etcd.service "ExecStart=/usr/bin/etcd \\" \
		"$({ settings n1; tls '' n1 $pki; tls peer- n1 $pki; } | sed 's/ /=/; s/^/ --/; s/$/ \\/')" ' --logger=zap'
	{
		settings n2 | sed 's/ /: /'
		echo client-transport-security:
		tls '' n2 $pki | sed 's/ /: /; s/^/  /'
		echo peer-transport-security:
		tls '' n2 $pki | sed 's/ /: /; s/^/  /'
	} | "$machine" exec n2 tee /etc/etcd.yml >/dev/null
	unit n2 /etc/systemd/system/etcd.service 'ExecStart=/opt/bin/etcd --config-file /etc/etcd.yml'
	{
		settings n3
		tls '' server /etc/etcd/pki
		tls peer- peer /etc/etcd/pki
	} | while read -r option value; do
		option=${option//-/_}
		echo "ETCD_${option^^}=$value"
	done | "$machine" exec n3 tee /etc/etcd/etcd.env >/dev/null
	unit n3 /etc/systemd/system/etcd.service EnvironmentFile=/etc/etcd/etcd.env ExecStart=/opt/bin/etcd
	each 'systemctl daemon-reload
	systemctl enable etcd
	systemctl start etcd' 2>/dev/null
}

# A client of theirs: tries each endpoint until one has done it.
etcdctl() {
	local name
	shift
	for name in $MACHINES; do
		! "$machine" exec "$name" env ETCDCTL_API=3 /opt/bin/etcdctl --endpoints "https://$(v4 "$name"):2379" \
			--cacert /etc/ssl/etcd/ca.crt --cert "/etc/ssl/etcd/$name.crt" --key "/etc/ssl/etcd/$name.key" "$@" \
			</dev/null || return 0
	done
	return 1
}

ids() {
	etcdctl n1 member list | cut -d, -f1,3 | sort
}

# The package beside theirs, which keeps running.
beside() {
	trust 3.4.23
	answers RELEASE_URL=file:/srv/dist/releases
	m 'before=$(systemctl show -P MainPID etcd)
	touch /etc/etcd/adopt
	if command -v dnf; then dnf install etcd-cluster; else apt-get install etcd-cluster; fi
	[ "$before" = "$(systemctl show -P MainPID etcd)" ]
	etcd-cluster status | grep "etcd-cluster adopt"'
}

ours() {
	m 'etcd-cluster status
	[ "$(systemctl is-active etcd)" = active ]
	systemctl is-enabled etcd-cluster.target
	readlink "/proc/$(systemctl show -P MainPID etcd)/exe" | grep releases/v3.4.23/etcd
	[ "$(stat -c %U /var/lib/etcd/member/snap/db)" = etcd ]
	[ ! -e /etc/etcd/adopt ]'
}

@test "each is taken over under writers; one is killed on the way, one is undone; no write fails" {
	local before
	each beside
	before=$(ids)
	writes n1 n1

	on n1 'etcd-cluster adopt --dry-run
	[ ! -e /etc/etcd/adopted ]
	etcd-cluster adopt'
	on n1 ours
	writes_go_on
	on n1 'etcd-cluster adopt --undo
	readlink "/proc/$(systemctl show -P MainPID etcd)/exe" | grep /usr/libexec/etcd-cluster/adopted/etcd
	systemctl is-enabled etcd
	[ -e /etc/etcd/adopt ]
	fails systemctl is-enabled etcd-cluster.target'
	writes_go_on
	on n1 'etcd-cluster adopt'
	on n1 ours
	writes_go_on

	# Killed right after their etcd was stopped.
	on n2 'etcd-cluster adopt >/dev/null 2>&1 &
	pid=$!
	until grep -qsx STATE=switching /etc/etcd/adopted/journal; do sleep 0.01; done
	kill -9 $pid
	wait $pid || true
	etcd-cluster status | grep "was interrupted"
	etcd-cluster adopt'
	on n2 ours
	writes_go_on

	on n3 'etcd-cluster adopt'
	on n3 ours
	on n3 'openssl x509 -in /etc/etcd/pki/peer.crt -noout -subject | grep etcd-peer'
	[ "$before" = "$(ids)" ]
	none_lost n1
	[ "$(failed_writes)" -eq 0 ]
}

@test "what does not become healthy is undone, and theirs runs" {
	on n3 'etcd-cluster adopt --undo
	# A mark beyond the end of the log: the preflight refuses the data.
	sed -i "1s/^\([0-9a-f]* [0-9a-f]*\) [0-9a-f]* [0-9a-f]*/\1 00000000000000ff 00000000ffffffff/" \
		/var/lib/etcd-cluster.state/mark'
	on n3 'fails etcd-cluster adopt
	systemctl is-active etcd
	readlink "/proc/$(systemctl show -P MainPID etcd)/exe" | grep /opt/bin/etcd
	[ ! -e /etc/etcd/adopted ]
	[ -e /etc/etcd/adopt ]
	rm /var/lib/etcd-cluster.state/mark
	etcd-cluster adopt'
	on n3 ours
}

@test "after a reboot it is ours; then the end is confirmed" {
	"$machine" reboot n1
	on n1 wait_for 'etcd-cluster status'
	on n1 ours
	on n1 'etcd-cluster adopt --finish
	rc=0
	etcd-cluster adopt --undo || rc=$?
	[ $rc = 3 ]'
}
