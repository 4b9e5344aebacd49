# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# An etcd of somebody else is on the machine before the package: it stays as it is, on Debian 12 and on an rpm system.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=foreign-deb
	need_root
	boot foreign-deb bookworm 10.77.46.1
	boot foreign-rpm rpm 10.77.46.1
}

teardown_file() {
	[ -n "${KEEP-}" ] && [ -e "$BATS_FILE_TMPDIR/failed" ] && return 0
	for MACHINE in foreign-deb foreign-rpm; do
		[ ! -d "$set_dir/$MACHINE" ] || "$machine" destroy "$MACHINE"
	done
}

# In the machine. their_etcd BIN UNIT ENV PKI DATA: an etcd with TLS as other tools set it up, with one key.
theirs='
PATH=/opt/bin:$PATH
their_etcd() {
	mkdir -p "$1" "${2%/*}" "${3%/*}" "$4" "$5"
	tar -C "$1" --strip-components=1 --wildcards -xf /srv/dist/releases/etcd-v3.5.16-*.tar.gz "*/etcd" "*/etcdctl"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=etcd \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$4/server.key" -out "$4/server.crt" 2>/dev/null
	cp "$4/server.crt" "$4/ca.crt"
	cat >"$3" <<-E
		ETCD_NAME=theirs
		ETCD_DATA_DIR=$5
		ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster
		ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:2379
		ETCD_ADVERTISE_CLIENT_URLS=https://127.0.0.1:2379
		ETCD_CERT_FILE=$4/server.crt
		ETCD_KEY_FILE=$4/server.key
	E
	printf "%s\n" "[Unit]" "Description=etcd of others" "[Service]" Type=notify "EnvironmentFile=$3" "ExecStart=$1/etcd" \
		Restart=always "[Install]" WantedBy=multi-user.target >"$2"
	systemctl daemon-reload
	systemctl enable etcd 2>/dev/null
	systemctl start etcd
	their_key put theirs | grep -qx OK
}
their_key() {
	if [ "$1" = put ]; then set -- put greeting "$2"; else set -- get --print-value-only greeting; fi
	ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert "$(sed -n s/^ETCD_CERT_FILE=//p /etc/etcd*/etcd.env \
		/etc/etcd.env 2>/dev/null | head -n 1)" "$@"
}
etcdadm() {
	their_etcd /opt/bin /etc/systemd/system/etcd.service /etc/etcd/etcd.env /etc/etcd/pki /var/lib/etcd
}
by_hand() {
	their_etcd /usr/bin /usr/lib/systemd/system/etcd.service /etc/etcd.env /etc/ssl/etcd /var/lib/etcd
}
kubespray() {
	their_etcd /usr/local/bin /etc/systemd/system/etcd.service /etc/etcd.env /etc/ssl/etcd/ssl /var/lib/etcd
}
install_ours() {
	if command -v dnf >/dev/null; then dnf install etcd-cluster; else apt-get install etcd-cluster; fi
}
remove_ours() {
	if command -v dnf >/dev/null; then dnf remove etcd-cluster; else apt-get purge etcd-cluster; fi
}
# Without the lists of users, and what installers and systemd write.
tree() {
	find /etc /opt /usr -xdev \( -path "/etc/passwd*" -o -path "/etc/group*" -o -path "/etc/shadow*" \
		-o -path "/etc/gshadow*" -o -path "/etc/sub?id*" -o -path /etc/.pwd.lock -o -path "/etc/ld.so.cache*" \
		\) -prune -o ! -type d \
		-printf "%p %y %m %u:%g %l %T@\n" | sort
}
remember() {
	echo "$(systemctl show -P MainPID etcd):$(systemctl show -P NRestarts etcd)" >/var/tmp/pid
}
# The process and its data are the same, and it answers with its own certificate.
alive() {
	[ "$(cat /var/tmp/pid)" = "$(systemctl show -P MainPID etcd):$(systemctl show -P NRestarts etcd)" ]
	[ "$(their_key get)" = theirs ]
}
'

# on KIND SCRIPT: runs it in that machine with the functions above.
on() {
	MACHINE=foreign-$1 m "$theirs$2"
}

# anew KIND LAYOUT: a machine with this etcd and nothing of ours.
anew() {
	MACHINE=foreign-$1 reset
	on "$1" "$2"'
	remember
	tree >/var/tmp/before'
}

# refused KIND TEXT…: the installation fails with these texts, and has changed nothing.
refused() {
	local kind=$1 text
	run on "$kind" 'install_ours 2>&1'
	echo "$output"
	[ "$status" -ne 0 ]
	for text in "${@:2}" 'touch /etc/etcd/adopt'; do
		prints "$text"
	done
	on "$kind" 'tree | diff /var/tmp/before -
	if command -v dnf >/dev/null; then
		fails rpm -q etcd-cluster
	else
		[ -z "$(dpkg --audit)" ]
		[ "$(dpkg-query -W -f "\${db:Status-Status}" etcd-cluster 2>/dev/null)" != installed ]
	fi'
}

# idle KIND: ours is installed, and has neither started nor changed anything.
idle_beside() {
	on "$1" 'etcd-cluster status | tee /var/tmp/status
	grep -q "another etcd is on this machine" /var/tmp/status
	etcd-cluster setup --exit-code && rc=0 || rc=$?
	[ "$rc" = 2 ]
	[ ! -e /var/lib/etcd-cluster/member ]
	[ ! -e /etc/etcd/member-id ]
	fails systemctl is-enabled etcd-cluster.target
	[ -z "$(systemctl list-units --plain --no-legend --state=active "etcd-cluster*")" ]'
}

removed() {
	on "$1" 'remove_ours
	alive
	rm -f /etc/etcd/adopt /etc/etcd/cluster.conf
	tree >/var/tmp/after
	diff /var/tmp/before /var/tmp/after
	[ ! -e /usr/libexec/etcd-cluster/adopted ]'
}

@test "etcdadm: refused, and nothing has changed" {
	for kind in deb rpm; do
		anew $kind etcdadm
		refused $kind ': /opt/bin/etcd' '/etc/systemd/system/etcd.service: ' '/etc/etcd/etcd.env: ' '/etc/etcd/pki: '
		on $kind 'alive'
	done
}

@test "etcdadm: with the answer it keeps running, also after a reboot, and ours is idle; the removal changes nothing" {
	on deb 'echo etcd-cluster etcd-cluster/adopt boolean true | debconf-set-selections'
	on rpm 'touch /etc/etcd/adopt'
	for kind in deb rpm; do
		on $kind 'install_ours
		alive'
		idle_beside $kind
		"$machine" reboot "foreign-$kind"
		on $kind '[ "$(their_key get)" = theirs ]
		remember'
		idle_beside $kind
		removed $kind
	done
}

@test "by hand in /usr: refused; with the answer it is kept, restarts and boots; the removal gives it back" {
	for kind in deb rpm; do
		anew $kind by_hand
		refused $kind ': /usr/bin/etcd' '/usr/bin/etcd: ' '/usr/bin/etcdctl: ' '/usr/lib/systemd/system/etcd.service: '
		on $kind 'alive
		sha256sum /usr/bin/etcd /usr/bin/etcdctl /usr/lib/systemd/system/etcd.service /etc/ssl/etcd/* >/var/tmp/sums
		touch /etc/etcd/adopt 2>/dev/null || { mkdir -p /etc/etcd && touch /etc/etcd/adopt; }
		install_ours
		alive'
		idle_beside $kind
		on $kind 'systemctl restart etcd
		[ "$(their_key get)" = theirs ]'
		"$machine" reboot "foreign-$kind"
		on $kind '[ "$(their_key get)" = theirs ]
		remember
		remove_ours
		alive
		sha256sum -c --quiet /var/tmp/sums
		[ ! -e /etc/systemd/system/etcd.service ]
		systemctl restart etcd
		[ "$(their_key get)" = theirs ]'
	done
}

@test "kubespray and kubeadm: refused, and nothing has changed" {
	for kind in deb rpm; do
		anew $kind kubespray
		refused $kind ': /usr/local/bin/etcd' '/etc/systemd/system/etcd.service: '
		on $kind 'alive
		systemctl disable --now etcd
		rm /etc/systemd/system/etcd.service
		mkdir -p /etc/kubernetes/manifests
		touch /etc/kubernetes/manifests/etcd.yaml
		tree >/var/tmp/before'
		refused $kind '/etc/kubernetes/manifests/etcd.yaml: '
	done
}

@test "when the marker is removed first, setup refuses; when the other etcd is removed, too, it sets up" {
	for kind in deb rpm; do
		export MACHINE=foreign-$kind
		anew $kind etcdadm
		answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases NAME=n1
		trust 3.4.23
		on $kind 'touch /etc/etcd/adopt
		install_ours
		rm /etc/etcd/adopt'
		exits 3 'etcd-cluster setup 2>&1'
		prints /etc/systemd/system/etcd.service
		on $kind 'mv /etc/systemd/system/etcd.service /root
		systemctl daemon-reload'
		exits 3 'etcd-cluster setup 2>&1'
		prints /etc/etcd/etcd.env
		on $kind 'systemctl start --no-block etcd-cluster-setup
		alive
		mv /etc/etcd/etcd.env /root'
		exits 3 'etcd-cluster setup 2>&1'
		prints 'uses /etc/etcd/pki'
		on $kind 'read -r pid _ <<-E
			$(tr : " " </var/tmp/pid)
		E
		kill "$pid"
		while [ -e "/proc/$pid" ]; do sleep 0.2; done
		mv /etc/etcd/pki /root
		systemctl enable etcd-cluster.target
		etcd-cluster setup'
		healthy
	done
}

@test "Debian's own packages are replaced, and their data stays" {
	export MACHINE=foreign-deb
	debs=$top/dist/etcd-bookworm
	if [ ! -e "$debs/.complete" ]; then
		mkdir -p "$debs"
		(cd "$debs" && "$top/tests/lib/apt-suite" bookworm download etcd-server etcd-client) >&2
		: >"$debs/.complete"
	fi
	reset
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases NAME=n1 DATA_DIR=/var/data/etcd
	trust 3.4.23
	m 'dpkg -i /srv/dist/etcd-bookworm/*.deb >/dev/null
	[ "$(systemctl is-active etcd)" = active ]'
	# dpkg removes nothing by itself: it would delete etcd.service through the /lib of the other package.
	run ! m 'dpkg -i /srv/dist/repo/apt/pool/etcd-cluster_*.deb 2>&1'
	prints 'etcd-cluster conflicts with etcd-'
	m '[ "$(systemctl is-active etcd)" = active ]
	[ -e /usr/lib/systemd/system/etcd.service ]
	find /var/lib/etcd -type f ! -name "*.wal" ! -name db ! -name "*.tmp" | sort >/var/tmp/before
	apt-get install etcd-cluster >/var/tmp/out 2>&1
	grep "data of another etcd in /var/lib/etcd/default is kept and not used" /var/tmp/out
	grep "Moving in" /var/tmp/out
	[ -e /usr/lib/systemd/system/etcd.service ]
	[ "$(dpkg-query -W -f "\${db:Status-Status}" etcd-server)" = config-files ]
	find /var/lib/etcd -type f ! -name "*.wal" ! -name db ! -name "*.tmp" | sort | diff /var/tmp/before -
	[ -e /var/lib/etcd/default/member/snap/db ]'
	healthy
}

@test "what our removed package left is no etcd of others" {
	export MACHINE=foreign-deb
	m 'mkdir -p /var/lib/etcd/member
	apt-get remove etcd-cluster
	apt-get install etcd-cluster'
	healthy
}

@test "a purge of Debian's etcd-server deletes the user of our data, and an installation gives it to the new one" {
	export MACHINE=foreign-deb
	m 'etcdctl.sh put greeting hello
	apt-get remove etcd-cluster
	uid=$(id -u etcd)
	apt-get purge etcd-server
	fails getent passwd etcd
	useradd --system --uid "$uid" --gid nogroup other
	apt-get install etcd-cluster'
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]
	[ -z "$(find /var/data /etc/etcd -user other -o -nouser -o -nogroup)" ]
	[ "$(stat -c %U:%G /var/data/etcd/member/snap/db)" = etcd:etcd ]'
}

@test "a purge removes the user and gives what it keeps to root: Debian's etcd-server runs, and later ours again" {
	export MACHINE=foreign-deb
	m 'apt-get purge etcd-cluster
	fails getent passwd etcd
	fails getent group etcd
	[ "$(stat -c %U:%G /var/data/etcd/member/snap/db)" = root:root ]
	[ -z "$(find /var /etc -xdev \( -nouser -o -nogroup \))" ]
	dpkg -i /srv/dist/etcd-bookworm/*.deb >/dev/null
	[ "$(systemctl is-active etcd)" = active ]'
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases NAME=n1 DATA_DIR=/var/data/etcd
	m 'apt-get install etcd-cluster'
	healthy
	m '[ "$(etcdctl.sh get --print-value-only greeting)" = hello ]
	[ "$(stat -c %U:%G /var/data/etcd/member/snap/db)" = etcd:etcd ]
	# The user is now that of etcd-server, whose data belongs to it.
	apt-get purge etcd-cluster
	[ "$(stat -c %U /var/lib/etcd)" = etcd ]'
}
