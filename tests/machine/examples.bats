# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Every file of docs/examples, used by its tool, results in a healthy member. Debian 12.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=examples
	need_root
	boot "$MACHINE" bookworm 10.77.9.1
	trust 3.4.23
}

# Prints the file with the mirror, address and release of this site.
site() {
	grep -q 'https://mirror.example.com/etcd' "$top/docs/examples/$1"
	sed 's|https://mirror.example.com/etcd|file:/srv/dist/releases|; s/10\.0\.0\.5/10.77.9.1/; s/3\.6\.14/3.4.23/' \
		"$top/docs/examples/$1"
}

# The member of the example is healthy.
as_answered() {
	healthy
	m '[ "$(etcdctl.sh put a b)" = OK ]
	ss -Hltn "sport = :2379" | grep -q 10.77.9.1
	[ "$(readlink /usr/libexec/etcd-cluster/releases/current)" = v3.4.23 ]
	openssl x509 -in /etc/etcd/pki/server.crt -noout -ext subjectAltName | grep -qw "DNS:n1"
	[ "$(systemctl is-system-running)" = running ]
	[ "$(stat -c %U:%G:%a /etc/etcd/cluster.conf)" = root:root:644 ]'
}

# A machine image with the package that was never booted.
image() {
	"$machine" destroy "$MACHINE"
	"$machine" create "$MACHINE" bookworm 10.77.9.1
	image=$("$machine" root "$MACHINE")
	cp "$top"/dist/repo/apt/pool/etcd-cluster_*.deb "$image/root/e.deb"
	chroot "$image" env DEBIAN_FRONTEND=noninteractive dpkg -i /root/e.deb
	grep -- -v3.4.23- "$top/dist/releases/SHA256SUMS" >"$image/etc/etcd/releases.sha256.d/test.sha256"
}

@test "the package has all examples" {
	for file in "$top"/docs/examples/*; do
		dpkg-deb --fsys-tarfile "$top"/dist/repo/apt/pool/etcd-cluster_*.deb |
			tar -xOf - "./usr/share/doc/etcd-cluster/examples/${file##*/}" | cmp - "$file"
	done
}

@test "the lines of the README for apt install the package" {
	answers ROLE=none
	m "rm /etc/apt/sources.list
	cd /srv/dist/repo/apt
	$(sed -n '/^install -D .*etcd-cluster.gpg/,/^apt install/p' "$top/README.md" |
		sed 's|https://packages.example.com/apt|file:/srv/dist/repo/apt|')"
	m 'etcd-cluster --version
	gone'
	trust 3.4.23
}

@test "preseed.cfg: debconf-set-selections, then apt-get install" {
	site preseed.cfg | "$machine" exec "$MACHINE" debconf-set-selections --checkonly
	site preseed.cfg | "$machine" exec "$MACHINE" debconf-set-selections
	m 'apt-get install "$(debconf-get-selections | sed -n "s/.*pkgsel\/include[[:blank:]]string[[:blank:]]*//p")"'
	as_answered
	m 'gone
	echo PURGE | debconf-communicate d-i >/dev/null'
}

@test "cloud-init.yaml: the user data of a machine with cloud-init" {
	site cloud-init.yaml | cloud_site | cloud_boot "$MACHINE" 10.77.9.1 3.4.23
	as_answered
	m '[ "$(cloud-init status)" = "status: done" ]'
	boot "$MACHINE" bookworm 10.77.9.1 # for the tests below
}

@test "ansible.yml: ansible-playbook; the second run changes nothing" {
	command -v ansible-playbook >/dev/null || skip 'there is no ansible-playbook (make deps installs it)'
	python_for_machine
	trust 3.4.23
	site ansible.yml >"$BATS_TEST_TMPDIR/play.yml"
	printf "%s\n" "[etcd]" "$MACHINE" >"$BATS_TEST_TMPDIR/hosts"
	play
	as_answered
	pid=$(m 'systemctl show -P MainPID etcd')
	play | grep -E 'ok=6 +changed=0 +unreachable=0 +failed=0'
	[ "$pid" = "$(m 'systemctl show -P MainPID etcd')" ]
}

play() {
	ANSIBLE_CONNECTION_PLUGINS="$top/tests/lib/ansible" ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 ANSIBLE_NOCOLOR=1 \
		ANSIBLE_HOME="$BATS_TEST_TMPDIR/ansible" ANSIBLE_PIPELINING=1 \
		ansible-playbook -c machine -u root -i "$BATS_TEST_TMPDIR/hosts" "$BATS_TEST_TMPDIR/play.yml"
}

@test "kickstart.cfg: %post in the installed system, then the first boot" {
	image
	site kickstart.cfg | sed -n '/^%post/,/^%end/{/^%/!p;}' >"$image/root/post"
	grep -q . "$image/root/post"
	chroot "$image" /bin/sh -e /root/post
	[ ! -e "$image/etc/etcd/pki/ca.key" ]
	"$machine" start "$MACHINE"
	as_answered
}

@test "systemd-credential.conf: passed to an image at its first boot, and an edit stays" {
	image
	mkdir "$set_dir/$MACHINE/credentials"
	site systemd-credential.conf >"$set_dir/$MACHINE/credentials/tmpfiles.extra"
	"$machine" start "$MACHINE"
	as_answered
	m 'echo CERT_DAYS=200 >>/etc/etcd/cluster.conf.d/50-credential.conf'
	"$machine" reboot "$MACHINE"
	as_answered
	m 'grep -qx CERT_DAYS=200 /etc/etcd/cluster.conf.d/50-credential.conf'
}
