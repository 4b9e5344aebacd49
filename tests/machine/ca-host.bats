# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The CA host on booted machines: renewals by the timer, a second CA host, the loss and the reinstallation of the first,
# and copied files instead of enrolment.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster

setup_file() {
	installed 53 bookworm bookworm rpm
	form
}

# Prints the serial number of the certificate that the client port serves.
served() {
	m 'openssl s_client -connect 127.0.0.1:2379 -CAfile /etc/etcd/pki/ca.crt -cert /etc/etcd/pki/etcdctl-etcd-client.crt \
		-key /etc/etcd/pki/etcdctl-etcd-client.key 2>/dev/null </dev/null | openssl x509 -noout -serial'
}

# signed_by NAME ADDRESS: the CA host that signs for that machine.
signed_by() {
	on "$1" "etcd-cluster cert list | grep -qx 'signed by: $2'"
}

@test "the unit of the timer renews a lost certificate in its sandbox, and etcd is not restarted" {
	signed_by n2 "$(v4 n1):2382"
	for name in n2 n3; do
		old=$(on $name served)
		pid=$(on $name 'systemctl show -P MainPID etcd')
		on $name 'rm /etc/etcd/pki/server.crt && systemctl start etcd-cluster-renew.service'
		on $name '[ "$(systemctl show -P Result etcd-cluster-renew.service)" = success ]'
		[ "$old" != "$(on $name served)" ]
		[ "$pid" = "$(on $name 'systemctl show -P MainPID etcd')" ]
		on $name healthy
	done
}

@test "while the CA host is off, valid certificates stay, and the unit does not fail" {
	on n1 'systemctl stop etcd-cluster-enroll.socket etcd-cluster-enroll.service'
	before=$(on n2 'cat /etc/etcd/pki/*.crt | sha256sum')
	on n2 'echo EXTRA_SANS=lb.example.org >>/etc/etcd/cluster.conf; systemctl start etcd-cluster-renew.service'
	on n2 'journalctl -q -o cat -u etcd-cluster-renew.service | grep -q "no CA host answers"'
	[ "$before" = "$(on n2 'cat /etc/etcd/pki/*.crt | sha256sum')" ]
	on n2 "sed -i /EXTRA_SANS/d /etc/etcd/cluster.conf"
	on n2 healthy
	on n1 'rc=0; etcd-cluster setup || rc=$?; [ $rc -eq 0 ] || [ $rc -eq 2 ]
		systemctl is-active etcd-cluster-enroll.socket'
}

@test "a second CA host: n2 has the key and an enrolment server, and n3 uses it after the loss of n1" {
	on n1 'umask 077; echo correct horse battery staple >/root/word
		etcd-cluster ca export --passphrase-file /root/word /root/ca.pem'
	on n1 'cat /root/ca.pem' >"$BATS_FILE_TMPDIR/ca.pem"
	install -m 0600 "$BATS_FILE_TMPDIR/ca.pem" "$("$machine" root n2)/root/ca.pem"
	on n2 'umask 077; echo correct horse battery staple >/root/word
	etcd-cluster ca import --passphrase-file /root/word /root/ca.pem
	rc=0; etcd-cluster setup || rc=$?; [ $rc -eq 0 ]
	systemctl is-active etcd-cluster-enroll.socket
	rm /root/word /root/ca.pem
	etcd-cluster status | grep -q "this machine is a standby"'
	signed_by n2 'this machine'
	"$machine" destroy n1
	ONLY_ON='n2 n3' all_healthy
	on n2 'etcd-cluster status | grep -q "etcd-cluster ca takeover"; etcd-cluster ca takeover'
	on n3 'etcd-cluster cert renew --force server'
	signed_by n3 "$(v4 n2):2382"
	on n3 healthy
	on n2 'journalctl -q -o cat -u etcd-cluster-enroll.service | grep -q "certificates for n3 .*given to"'
}

@test "the first machine is reinstalled: it makes no second CA and replaces its dead member" {
	fresh n1 bookworm+installed
	prepared n1 ROLE=cluster "$(members)"
	on n1 'rm /etc/etcd/enroll-token'
	package n1
	# It waits for a person or for the removal of the member, because REPLACE is not set.
	on n1 wait_for 'grep -q STATE=pending /run/etcd-cluster/setup'
	on n1 'etcd-cluster status 2>&1 | grep -q "etcd-cluster replace"'
	on n1 '[ ! -e /etc/etcd/pki/ca.crt ]'
	token=$(on n2 'etcd-cluster token new --name n1 --address '"$(v4 n1)")
	on n1 "umask 077; echo $token >/etc/etcd/enroll-token; etcd-cluster replace"
	signed_by n1 "$(v4 n2):2382"
	on n1 '[ ! -e /etc/etcd/pki/ca.key ] && [ ! -e /etc/etcd/enroll-token ]'
	all_healthy
	one_cluster
}

@test "as with kubeadm: the files of bundle, unpacked before the installation, and no token" {
	on n1 reset
	ONLY_ON='n2 n3' each gone
	line=$(members)
	for name in n1 n2 n3; do
		on $name answers "RELEASE=$etcd_version" RELEASE_URL=file:/srv/dist/releases ROLE=cluster "$line"
		on $name trust "$etcd_version"
	done
	# The CA of a person, as from `kubeadm init phase certs etcd-ca`.
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=etcd-ca \
		-addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign \
		-keyout "$BATS_FILE_TMPDIR/ca.key" -out "$BATS_FILE_TMPDIR/ca.crt" 2>/dev/null
	on n1 'mkdir -p -m 0750 /etc/etcd/pki'
	for file in ca.crt ca.key; do
		install -m 0600 "$BATS_FILE_TMPDIR/$file" "$("$machine" root n1)/etc/etcd/pki/$file"
	done
	package n1
	on n1 wait_for '[ -e /etc/etcd/pki/peer.crt ]'
	for name in n2 n3; do
		on n1 "etcd-cluster bundle --out /root/$name.tar $name=$(v4 $name)"
		on n1 "cat /root/$name.tar" >"$BATS_FILE_TMPDIR/$name.tar"
		install -m 0600 "$BATS_FILE_TMPDIR/$name.tar" "$("$machine" root $name)/root/pki.tar"
		on $name 'tar -C / -xpf /root/pki.tar && rm /root/pki.tar'
		package $name
	done
	all_healthy
	one_cluster
	ONLY_ON='n2 n3' each '[ ! -e /etc/etcd/pki/ca.key ] &&
		[ "$(stat -c "%U:%G %a" /etc/etcd/pki/peer.key)" = "root:etcd 640" ]'
	# When the certificates are due, the machines renew them.
	on n3 'etcd-cluster cert renew --force'
	on n3 healthy
}
