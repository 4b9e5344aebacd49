# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# What the machine tests share. One machine per file, made in setup_file; the tests of a file go through its life in order.
# A file whose tests failed leaves its journal in dist/failed, and with KEEP=1 the machine itself.

bats_require_minimum_version 1.5.0

top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
machine=$top/tests/lib/machine

# The machines of a file are a set: files run side by side.
MACHINE_SET=$(basename "$BATS_TEST_FILENAME" .bats)
export MACHINE_SET
set_dir=$top/dist/machines/$MACHINE_SET

need_root() {
	[ "$(id -u)" = 0 ] || skip 'booting a machine needs root'
}

# boot NAME KIND [ADDRESS]: a fresh machine (tests/lib/rootfs) that knows our repository.
boot() {
	"$machine" destroy "$1" 2>/dev/null || true
	"$machine" create "$@"
	[ -z "${HOSTNAME_INSIDE-}" ] || echo "$HOSTNAME_INSIDE" >"$("$machine" root "$1")/etc/hostname"
	"$machine" start "$1"
	case $2 in
	rpm) knows_dnf ;;
	*) knows_apt ;;
	esac | "$machine" exec "$1" sh -eu >/dev/null
}

# A quiet, plain apt that never waits for a person.
knows_apt() {
	cat <<-'X'
		echo "deb [signed-by=/srv/dist/repo/apt/etcd-cluster.gpg] file:/srv/dist/repo/apt stable main" >/etc/apt/sources.list
		printf "%s\n" "Dpkg::Use-Pty 0;" "APT::Get::Assume-Yes 1;" "quiet 1;" "Dpkg::Progress-Fancy 0;" >/etc/apt/apt.conf.d/90test
		echo debconf debconf/frontend select Noninteractive | debconf-set-selections
		apt-get update
	X
}

# The same of dnf, with both signatures checked: that of the repository and that of each package.
knows_dnf() {
	cat <<-'X'
		echo assumeyes=True >>/etc/dnf/dnf.conf
		printf "%s\n" "[etcd-cluster]" name=etcd-cluster baseurl=file:///srv/dist/repo/dnf gpgcheck=1 repo_gpgcheck=1 \
			gpgkey=file:///srv/dist/repo/dnf/etcd-cluster.asc >/etc/yum.repos.d/etcd-cluster.repo
	X
}

# m SCRIPT: sh -eu in the machine of this file, no stdin, no environment. `sh -e` does not mind a failing "! command" or the
# first half of "a && b": a script writes one claim a line, and "fails COMMAND" for what must not succeed.
m() {
	"$machine" exec "$MACHINE" sh -euc "$prelude$1" </dev/null
}
prelude='
fails() {
	if "$@"; then
		echo "has succeeded, and must not: $*" >&2
		exit 1
	fi
}
# The package and all that it left, as if it had never been there. Its etcd too: another machine must not find it at this address.
gone() {
	if command -v dnf >/dev/null; then
		! rpm -q etcd-cluster >/dev/null || dnf remove etcd-cluster
	else
		echo etcd-cluster etcd-cluster/purge-data boolean true | debconf-set-selections
		apt-get purge etcd-cluster
	fi
	for i in $(seq 300); do
		pgrep -x etcd >/dev/null || break
		sleep 0.2
	done
	fails pgrep -x etcd
	rm -rf /etc/etcd /var/lib/etcd-cluster /var/cache/etcd-cluster /usr/libexec/etcd-cluster
}
'

# answers KEY=VALUE…: /etc/etcd/cluster.conf of the machine. trust VERSION: its administrator trusts our archive of it.
answers() {
	printf '%s\n' "$@" | "$machine" exec "$MACHINE" sh -ec 'mkdir -p /etc/etcd && cat >/etc/etcd/cluster.conf'
}
trust() {
	m "mkdir -p /etc/etcd/releases.sha256.d
	grep -- -v$1- /srv/dist/releases/SHA256SUMS >/etc/etcd/releases.sha256.d/test.sha256"
}

# wait_for SCRIPT: until it succeeds in the machine. How long that takes depends on what else the host does; five minutes are too long.
wait_for() {
	local end=$((SECONDS + 300)) pause=1
	until m "$1" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			echo "after 5 minutes still not: $1" >&2
			m 'etcd-cluster status' >&2 || true
			return 1
		fi
		sleep 0.$pause
		[ $pause -eq 9 ] || pause=$((pause + 1))
	done
}

healthy() {
	wait_for 'etcd-cluster status && etcdctl.sh endpoint health'
}

# in_time SECONDS COMMAND…: for what must not wait. It ends in so many seconds on a host that does nothing else; on a busy one it gets
# three times what the same work takes longer there.
in_time() {
	local limit=$(($1 * 1000)) before after begin took
	shift
	before=$(slowness)
	begin=$(date +%s%3N)
	"$@"
	took=$(($(date +%s%3N) - begin))
	after=$(slowness)
	[ "$after" -gt "$before" ] || after=$before
	[ "$after" -le 120 ] || limit=$((limit * after * 3 / 100))
	[ $took -le $limit ] || { echo "$took ms, with a limit of $limit: $*" >&2; return 1; }
}

# How long a fixed piece of work takes here, in percent of the processor time that it needs.
slowness() {
	TIMEFORMAT='%R %U %S' bash -c 'time for ((i = 0; i < 60000; i++)); do :; done' 2>&1 |
		awk '{ printf "%d", 100 * $1 / ($2 + $3 + 0.001) }'
}

# Ansible's modules want a Python where they work, and one for apt; the machine's Debian has both.
python_for_machine() {
	local debs="$top/dist/python-bookworm"
	if [ ! -e "$debs/.complete" ]; then
		mkdir -p "$debs"
		(cd "$debs" && "$top/tests/lib/apt-suite" bookworm download python3 python3-minimal python3.11 python3.11-minimal \
			libpython3-stdlib libpython3.11-stdlib libpython3.11-minimal libexpat1 libsqlite3-0 libreadline8 libnsl2 libtirpc3 \
			libtirpc-common libdb5.3 readline-common media-types python3-apt python-apt-common distro-info-data) >&2
		: >"$debs/.complete"
	fi
	m 'apt-get install /srv/dist/python-bookworm/*.deb >/dev/null'
}

# Every file that is ours, with its content, owner, mode and times; what etcd itself writes is left out, as are the one
# directory that dpkg touches and the lock, which has the number of its last holder.
fingerprint() {
	m 'cd / && find etc/etcd usr/libexec/etcd-cluster var/cache/etcd-cluster run/etcd-cluster etc/systemd/system \
		! -path usr/libexec/etcd-cluster ! -path run/etcd-cluster/lock -printf "%p %y %m %U:%G %T@ %l " -a \( -type f -exec sha256sum {} \; -o -printf "\n" \) | sort'
}

# exits CODE COMMAND…: runs it in the machine, and fails unless it exits so. Its output is in $output.
exits() {
	local want=$1
	run m "$2"
	if [ "$status" -ne "$want" ]; then
		echo "exit $status, not $want: $2"
		echo "$output"
		return 1
	fi
}

# prints TEXT: $output of the last exits or run has it.
prints() {
	case $output in
	*"$1"*) ;;
	*)
		echo "does not say: $1"
		echo "$output"
		return 1
		;;
	esac
}

teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || [ -n "${BATS_TEST_SKIPPED-}" ] || failed_here
}

failed_here() {
	[ -d "$set_dir/$MACHINE" ] || return 0
	mkdir -p "$top/dist/failed"
	: >"$BATS_FILE_TMPDIR/failed"
	m 'journalctl --no-pager -o short-precise' >"$top/dist/failed/$MACHINE_SET.$MACHINE.journal" 2>&1 || true
	echo "machine $MACHINE: its journal is in dist/failed/$MACHINE_SET.$MACHINE.journal; the end of what is ours in it:"
	m 'journalctl --no-pager -o cat -n 12 -u "etcd*" | cut -c 1-200' || true
	echo "to get a shell in it: KEEP=1 bats $BATS_TEST_FILENAME; tests/lib/machine shell $MACHINE_SET/$MACHINE"
}

teardown_file() {
	[ -n "${KEEP-}" ] && [ -e "$BATS_FILE_TMPDIR/failed" ] && return 0
	[ -z "${MACHINE-}" ] || [ ! -d "$set_dir/$MACHINE" ] || "$machine" destroy "$MACHINE"
}
