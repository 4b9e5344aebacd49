#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# adopt with real etcd: three members that were set up by hand, each by another kind of file, are taken over one by one.
# Without systemd a person stops and starts etcd, so that each run is one that goes on after a kill.

# shellcheck disable=SC2154,SC2034 # variables that loaded files share

bats_require_minimum_version 1.5.0
load lib
load own-address

setup() {
	need_release "${SERIES:-3.5}"
}

teardown() {
	end_all
}

initial=n1=https://$net.1:$peer_port,n2=https://$net.2:$peer_port,n3=https://$net.3:$peer_port

root_of() {
	echo "$BATS_TEST_TMPDIR/$1"
}

# certs NAME DIR: a CA for all, made once, and a pair for this machine: DIR/ca.pem, DIR/NAME.pem, DIR/NAME-key.pem.
certs() {
	local ca=$BATS_TEST_TMPDIR/ca dir=$2

	if [ ! -e "$ca" ]; then
		mkdir "$ca"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3000 -subj "/CN=by hand" \
			-addext keyUsage=critical,keyCertSign,cRLSign -keyout "$ca/ca-key.pem" -out "$ca/ca.pem" 2>/dev/null
	fi
	mkdir -p "$dir"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 900 -subj "/CN=$1" \
		-CA "$ca/ca.pem" -CAkey "$ca/ca-key.pem" -addext "extendedKeyUsage=serverAuth,clientAuth" \
		-addext "basicConstraints=critical,CA:FALSE" \
		-addext "subjectAltName=DNS:$1,DNS:vip.example.org,IP:$net.${1#n},IP:127.0.0.1" \
		-keyout "$dir/$1-key.pem" -out "$dir/$1.pem" 2>/dev/null
	cp "$ca/ca.pem" "$dir/"
}

# options NAME PKI: lines of "option value" of a tutorial.
options() {
	local n=$1 at=$net.${1#n} pki=$2

	printf '%s\n' "name $n" "data-dir /var/lib/etcd" "listen-client-urls https://$at:$client_port" \
		"advertise-client-urls https://$at:$client_port" "listen-peer-urls https://$at:$peer_port" \
		"initial-advertise-peer-urls https://$at:$peer_port" "initial-cluster ${INITIAL:-$initial}" \
		"initial-cluster-token by-hand" "initial-cluster-state ${STATE:-new}" "cert-file $pki/$n.pem" \
		"key-file $pki/$n-key.pem" "trusted-ca-file $pki/ca.pem" "client-cert-auth true" \
		"peer-cert-file $pki/$n.pem" "peer-key-file $pki/$n-key.pem" "peer-trusted-ca-file $pki/ca.pem" \
		"peer-client-cert-auth true" "snapshot-count 5000"
}

# theirs NAME: a machine with its own etcd; the unit is written by the functions below.
theirs() {
	local root
	root=$(root_of "$1")

	bare "$1" "${own_ports[@]}"
	certs "$1" "$root/etc/ssl/etcd"
	mkdir -p "$root"/etc/systemd/system "$root"/var/lib
	touch "$root"/etc/etcd/adopt
}

with_flags() {
	{
		printf '%s\n' '[Unit]' 'Description=etcd' '[Service]' 'Type=notify' "ExecStart=/usr/local/bin/etcd \\"
		options "$1" /etc/ssl/etcd | sed 's/^\([^ ]*\) \(.*\)/  --\1=\2 \\/'
		printf '%s\n' '  --logger=zap' 'Restart=on-failure' '[Install]' 'WantedBy=multi-user.target'
	} >"$(root_of "$1")/etc/systemd/system/etcd.service"
}

with_config() {
	options "$1" /etc/ssl/etcd | grep -v 'cert-\|-file\|cert ' | sed 's/ /: /' >"$(root_of "$1")/etc/etcd.yml"
	cat >>"$(root_of "$1")/etc/etcd.yml" <<-E
		client-transport-security:
		  cert-file: /etc/ssl/etcd/$1.pem
		  key-file: /etc/ssl/etcd/$1-key.pem
		  client-cert-auth: true
		  trusted-ca-file: /etc/ssl/etcd/ca.pem
		peer-transport-security:
		  cert-file: "/etc/ssl/etcd/$1.pem" # the same pair
		  key-file: "/etc/ssl/etcd/$1-key.pem"
		  client-cert-auth: true
		  trusted-ca-file: /etc/ssl/etcd/ca.pem
		log-outputs: [stderr]
	E
	printf '%s\n' '[Service]' 'ExecStart=/opt/etcd/etcd --config-file /etc/etcd.yml' \
		>"$(root_of "$1")/etc/systemd/system/etcd.service"
}

# etcdadm: the CA with its key, the settings and certificates where ours are.
etcdadm() {
	local root pki
	root=$(root_of "$1") pki=$root/etc/etcd/pki

	mkdir -p "$pki"
	cp "$root/etc/ssl/etcd/$1.pem" "$pki/$1.pem"
	cp "$root/etc/ssl/etcd/$1-key.pem" "$pki/$1-key.pem"
	cp "$BATS_TEST_TMPDIR/ca/ca.pem" "$pki/ca.pem"
	cp "$BATS_TEST_TMPDIR/ca/ca-key.pem" "$pki/ca-key.pem"
	chmod 600 "$pki"/*-key.pem
	options "$1" /etc/etcd/pki | while read -r option value; do
		option=${option//-/_}
		echo "ETCD_${option^^}=$value"
	done >"$root/etc/etcd/etcd.env"
	printf '%s\n' '[Service]' EnvironmentFile=/etc/etcd/etcd.env 'ExecStart=/opt/bin/etcd' \
		>"$root/etc/systemd/system/etcd.service"
}

# run_theirs NAME PKI: what that unit starts, below the root.
run_theirs() {
	local root words=() option value
	root=$(root_of "$1")

	while read -r option value; do
		case $option in *-file | data-dir) value=$root$value ;; esac
		words+=("--$option=$value")
	done < <(options "$1" "$2")
	"$(unpacked)/etcd" "${words[@]}" >>"$root/etcd.log" 2>&1 3>&- &
	echo $! >"$root/etcd.pid"
	echo "https://$net.${1#n}:$client_port" >"$root/endpoint"
}

# their NAME ARG…: etcdctl with the pair of their machine.
their() {
	local pki=$BATS_TEST_TMPDIR/$1/etc/ssl/etcd n=$1
	shift

	ETCDCTL_API=3 "$(unpacked)/etcdctl" --endpoints "https://$net.${n#n}:$client_port" --cacert "$pki/ca.pem" \
		--cert "$pki/$n.pem" --key "$pki/$n-key.pem" "$@"
}

# For tests/lib/writes.bash: all endpoints, as clients have them.
etcdctl() {
	local pki=$BATS_TEST_TMPDIR/n1/etc/ssl/etcd
	shift

	ETCDCTL_API=3 "$(unpacked)/etcdctl" \
		--endpoints "https://$net.1:$client_port,https://$net.2:$client_port,https://$net.3:$client_port" \
		--cacert "$pki/ca.pem" --cert "$pki/n1.pem" --key "$pki/n1-key.pem" "$@"
}

id_of_their() {
	their "$1" endpoint status -w json | jq -r '.[0].Status.header.member_id'
}

# taken_over NAME: their etcd is stopped and ours started between the runs.
taken_over() {
	run helper "$1" adopt
	echo "$output"
	[ "$status" -eq 3 ]
	[[ "$output" == *"runs etcd on"* ]]
	stop "$1"
	helper "$1" adopt
	launch "$1"
	wait_healthy "$1"
	helper "$1" setup
	helper "$1" status
}

three() {
	local n

	for n in n1 n2 n3; do
		theirs $n
	done
	with_flags n1
	with_config n2
	etcdadm n3
	# As by etcdadm, the first begins as a cluster of one, and the others join.
	INITIAL=${initial%%,*} run_theirs n1 /etc/ssl/etcd
	STATE=existing joins n2 "${initial%,*}" /etc/ssl/etcd
	STATE=existing joins n3 "$initial" /etc/etcd/pki
}

# joins NAME INITIAL PKI
joins() {
	eventually their n1 endpoint health
	eventually their n1 member add "$1" --peer-urls "https://$net.${1#n}:$peer_port"
	INITIAL=$2 run_theirs "$1" "$3"
	eventually their "$1" endpoint health
}

@test "three members, each taken over while the others serve; the same members, the same data" {
	local n before

	three
	before=$(their n1 member list | cut -d, -f1 | sort)
	writes n1 n1
	for n in n1 n2 n3; do
		helper $n adopt --dry-run --json | jq -e '.steps | length > 5'
		[ ! -e "$(etc $n)/adopted" ]
		taken_over $n
		writes_go_on
	done
	[ "$before" = "$(their n1 member list | cut -d, -f1 | sort)" ]
	none_lost n1
	grep -qx 'ETCD_SNAPSHOT_COUNT=5000' "$(etc n1)/cluster.conf"
	grep -qx 'EXTRA_SANS=vip.example.org' "$(etc n3)/cluster.conf"
	[ -e "$(etc n1)/adopted/before/etcd.service" ]
	# The key of the CA was beside it on the third: it issues its own, and takes them for peers of any name still.
	openssl x509 -in "$(etc n3)/pki/peer.crt" -noout -subject | grep -q etcd-peer
	run ! grep -q PEER_CERT_ALLOWED_CN "$(etc n3)/etcd.env"
	run -0 helper n3 adopt
	run -0 helper n3 adopt --finish
	[[ "$output" == *"has another CN"* ]]
	run -3 helper n3 adopt --undo
	[[ "$output" == *"--finish"* ]]
}

@test "undo gives back their files, to the byte" {
	local before after

	three
	before=$(cd "$(root_of n3)" && find etc -type f ! -path 'etc/etcd/adopted*' -exec sha256sum {} + | sort)
	run helper n3 adopt
	echo "$output"
	[ "$status" -eq 3 ]
	stop n3
	helper n3 adopt
	launch n3
	wait_healthy n3
	helper n3 adopt
	run -3 helper n3 adopt --undo
	[[ "$output" == *"runs etcd on"* ]]
	stop n3
	helper n3 adopt --undo
	after=$(cd "$(root_of n3)" && find etc -type f ! -path 'etc/etcd/adopted*' -exec sha256sum {} + | sort)
	# The drop-in is one of our own socket.
	diff <(echo "$before") <(echo "$after" | grep -v ' etc/etcd/enroll/\|/etcd-cluster-enroll.socket.d/')
	[ ! -e "$(etc n3)/adopted" ]
	run_theirs n3 /etc/etcd/pki
	eventually their n3 endpoint health
}

@test "nothing is stopped while another voter is down, and what is not understood is refused by its line" {
	three
	stop n2
	run helper n1 adopt
	echo "$output"
	[ "$status" -eq 5 ]
	[[ "$output" == *"member n2 is not healthy"* ]]
	[ ! -e "$(etc n1)/adopted" ]
	sed -i 's/--snapshot-count=5000/--no-such-option=1/' "$(root_of n1)/etc/systemd/system/etcd.service"
	run_theirs n2 /etc/ssl/etcd
	eventually their n2 endpoint health
	run -3 helper n1 adopt
	echo "$output"
	[[ "$output" == *"/etc/systemd/system/etcd.service:5: etcd $RELEASE_VERSION has no option --no-such-option"* ]]
	[ ! -e "$(etc n1)/adopted" ]
}

@test "with two voters the outage must be accepted; a cluster of one is taken over as a whole" {
	INITIAL=${initial%,n3=*}
	for n in n1 n2; do
		theirs $n
		with_flags $n
		run_theirs $n /etc/ssl/etcd
	done
	eventually their n1 endpoint health
	eventually their n2 endpoint health
	run -3 helper n1 adopt
	[[ "$output" == *"etcd-cluster adopt --allow-outage"* ]]
	[ ! -e "$(etc n1)/adopted" ]
	run -3 helper n1 adopt --allow-outage
	[[ "$output" == *"runs etcd on"* ]]
	stop n2
	stop n1
	theirs n4
	INITIAL=n4=https://$net.4:$peer_port
	with_config n4
	run_theirs n4 /etc/ssl/etcd
	eventually their n4 endpoint health
	their n4 put kept yes
	taken_over n4
	grep -qx ROLE=single "$(etc n4)/cluster.conf"
	grep -q PEER_CERT_ALLOWED_CN "$(etc n4)/etcd.env"
	[ "$(their n4 get kept --print-value-only)" = yes ]
}
