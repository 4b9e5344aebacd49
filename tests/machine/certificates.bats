# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Certificates: renewal under a running etcd, expiry, and a copied CA or copied certificates.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=certificates
	need_root
	boot "$MACHINE" bookworm+installed
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
	trust 3.4.23
	m 'etcd-cluster setup'
	healthy
}

# Prints the serial number of the certificate that the client port serves.
served() {
	m 'openssl s_client -connect 127.0.0.1:2379 -CAfile /etc/etcd/pki/ca.crt -cert /etc/etcd/pki/etcdctl-etcd-client.crt \
		-key /etc/etcd/pki/etcdctl-etcd-client.key 2>/dev/null | openssl x509 -noout -serial'
}

@test "cert list names every certificate and its days left" {
	m 'etcd-cluster cert list' | tee /dev/stderr | grep -q server
}

@test "a renewal serves a new certificate with the old key, and etcd is not restarted" {
	old=$(served)
	pid=$(m 'systemctl show -P MainPID etcd')
	key=$(m 'sha256sum /etc/etcd/pki/server.key')
	m 'etcd-cluster cert renew --force'
	[ "$old" != "$(served)" ]
	[ "$(served)" = "$(m 'openssl x509 -noout -serial -in /etc/etcd/pki/server.crt')" ]
	[ "$key" = "$(m 'sha256sum /etc/etcd/pki/server.key')" ]
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
	healthy
}

@test "none of forty writes fails during repeated renewals" {
	m 'i=0
	(while :; do etcd-cluster cert renew --force >/dev/null 2>&1; done) &
	renewing=$!
	while [ $i -lt 40 ]; do
		i=$((i + 1))
		etcdctl.sh put n $i >/dev/null
	done
	kill $renewing
	wait || true'
}

@test "the unit of the timer renews expired certificates offline under a running etcd" {
	pid=$(m 'systemctl show -P MainPID etcd')
	# Expired certificates with the right names, keys and issuer. etcd continues to serve them.
	m 'cd /etc/etcd/pki
	for c in server peer etcdctl-etcd-client healthcheck-client; do
		openssl x509 -in $c.crt -x509toreq -signkey $c.key -copy_extensions copyall -out /tmp/$c.csr 2>/dev/null
		mkdir -p /tmp/ca && : >/tmp/ca/index && echo 77$(od -An -N6 -tx1 /dev/urandom | tr -d " ") >/tmp/ca/serial
		printf "%s\n" "[ca]" "default_ca=d" "[d]" "database=/tmp/ca/index" "serial=/tmp/ca/serial" "new_certs_dir=/tmp/ca" \
			"default_md=sha256" "policy=p" "copy_extensions=copyall" "unique_subject=no" "[p]" \
			"commonName=supplied" >/tmp/ca/conf
		openssl ca -batch -notext -config /tmp/ca/conf -cert ca.crt -keyfile ca.key -in /tmp/$c.csr \
			-out /tmp/$c.crt -preserveDN \
			-startdate 20240101000000Z -enddate 20240201000000Z 2>/dev/null
		cat /tmp/$c.crt >$c.crt
	done
	fails openssl x509 -checkend 0 -noout -in server.crt
	fails etcd-cluster status
	systemctl start etcd-cluster-renew.service
	openssl x509 -checkend 8640000 -noout -in server.crt
	openssl x509 -checkend 8640000 -noout -in peer.crt'
	healthy
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
}

@test "the preflight prevents a start with a wrong key and prints the fix" {
	m 'systemctl stop etcd; cd /etc/etcd/pki; cp -p server.key /tmp/server.key
	openssl ecparam -genkey -name prime256v1 -noout 2>/dev/null >/tmp/other.key; cat /tmp/other.key >server.key'
	run m 'timeout 120 systemctl start etcd || journalctl -u etcd -n 20 --no-pager'
	echo "$output"
	prints server
	m 'fails pgrep -x etcd
	systemctl stop etcd
	etcd-cluster setup || [ $? -eq 2 ]'
	healthy
}

@test "SANs follow cluster.conf" {
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases 'EXTRA_SANS="etcd.example.test 192.0.2.7"'
	exits 0 'etcd-cluster setup'
	m 'openssl x509 -in /etc/etcd/pki/server.crt -noout -ext subjectAltName | grep etcd.example.test | grep -q 192.0.2.7'
	healthy
}

@test "ca.crt and ca.key that were copied before are used and not changed" {
	reset
	m 'mkdir -p /etc/etcd/pki; cd /etc/etcd/pki
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt \
		-days 900 -subj /CN=theirs \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null; chmod 600 ca.key'
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
	trust 3.4.23
	before=$(m 'cat /etc/etcd/pki/ca.* | sha256sum')
	m 'etcd-cluster setup'
	healthy
	[ "$before" = "$(m 'cat /etc/etcd/pki/ca.* | sha256sum')" ]
	m 'openssl x509 -noout -issuer -in /etc/etcd/pki/server.crt | grep -q theirs'
}
