# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# kill -9 of setup at random moments, then setup again: the same end state, no leftovers. The printed SEED determines
# the delays.
# shellcheck disable=SC2016,SC2154 # scripts for the machine; names of machine.bash
load machine

setup_file() {
	export MACHINE=kill
	need_root
	boot "$MACHINE" bookworm+installed
	trust 3.4.23
	answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
}

# Lists leftovers: temporary files, incomplete directories, locks, child processes. The retry timer may look meanwhile.
debris() {
	m 'find /etc/etcd /usr/libexec/etcd-cluster /var/cache/etcd-cluster /etc/systemd/system \
		-name ".new*" -o -name ".pki.new*" \
		-o -name "*.part" -o -name ".*.tmp" -o -name "*.XXXXXX" -o -name ".v*"
	pgrep -a etcd-cluster | grep -v -e --unattended || true'
}

# Each run starts on a wiped machine; the result is compared with that of the first, undisturbed run.
forget() {
	m 'systemctl stop etcd etcd-cluster-setup.timer etcd-cluster-setup.service
	rm -rf /var/lib/etcd-cluster/* /etc/etcd/pki* /etc/etcd/.pki* /etc/etcd/*.env /etc/etcd/member-id /etc/etcd/forming \
		/usr/libexec/etcd-cluster/releases/* \
		/usr/libexec/etcd-cluster/releases/.[!.]* /var/cache/etcd-cluster/* /var/cache/etcd-cluster/.[!.]* \
		/run/etcd-cluster/*'
}

tree() {
	m 'cd / && find etc/etcd usr/libexec/etcd-cluster var/cache/etcd-cluster -printf "%p %y %m %U:%G %l\n" | sort'
}

@test "fifteen kills at random moments of a first setup: the next setup ends like an undisturbed one" {
	seed=${SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
	echo "SEED=$seed"
	RANDOM=$seed
	forget
	exits 0 'etcd-cluster setup'
	want=$(tree)
	[ -z "$(debris)" ]
	# The duration of an undisturbed run in milliseconds.
	forget
	whole=$(m 'start=$(date +%s%N); etcd-cluster setup >/dev/null 2>&1; echo $((($(date +%s%N) - start) / 1000000))')
	for _ in $(seq 15); do
		forget
		delay=$((RANDOM % (whole + 20)))
		m "timeout -s KILL $(printf '%d.%03d' $((delay / 1000)) $((delay % 1000))) etcd-cluster setup >/dev/null 2>&1 || true"
		run m 'etcd-cluster setup'
		[ "$status" -eq 0 ] || [ "$status" -eq 2 ] ||
			{ echo "after a kill at $delay ms of $whole: exit $status: $output"; return 1; }
		healthy
		exits 2 'etcd-cluster setup --exit-code'
		diff <(echo "$want") <(tree) || { echo "after a kill at $delay ms of $whole"; return 1; }
		left=$(debris)
		[ -z "$left" ] || { echo "after a kill at $delay ms of $whole: $left"; return 1; }
	done
}

@test "apt-get is killed while it configures the package: dpkg --configure -a finishes" {
	m gone
	for delay in 0.3 0.6 0.9; do
		answers RELEASE=3.4.23 RELEASE_URL=file:/srv/dist/releases
		trust 3.4.23
		m "setsid sh -c 'timeout -s KILL $delay apt-get install etcd-cluster' >/dev/null 2>&1 || true
		sleep 0.2; pkill -KILL -x dpkg || true; pkill -KILL -f '^/bin/sh .*etcd-cluster.postinst' || true; sleep 0.2
		dpkg --configure -a; apt-get install etcd-cluster; [ -z \"\$(dpkg --audit)\" ]"
		healthy
		m gone
	done
}
