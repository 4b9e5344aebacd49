# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Functions of the machine tests. Each file makes one machine in setup_file; its tests run in order on this machine.
# If a test failed, the journal is in dist/failed; with KEEP=1 the machine stays.

bats_require_minimum_version 1.5.0

top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
machine=$top/tests/lib/machine

# The machines of a file are a set, because files run at the same time.
MACHINE_SET=$(basename "$BATS_TEST_FILENAME" .bats)
export MACHINE_SET
set_dir=$top/dist/machines/$MACHINE_SET

need_root() {
	[ "$(id -u)" = 0 ] || skip 'booting a machine needs root'
}

# boot NAME KIND [ADDRESS]: boots a new machine that knows our repository. KIND+installed has our package, idle.
boot() {
	local name=$1 kind=$2
	shift 2
	case $kind in *+*) ;; *) kind=$kind+source ;; esac
	"$machine" destroy "$name" 2>/dev/null || true
	"$machine" create "$name" "$kind" "$@"
	[ -z "${HOSTNAME_INSIDE-}" ] || echo "$HOSTNAME_INSIDE" >"$("$machine" root "$name")/etc/hostname"
	"$machine" start "$name"
	MACHINE=$name idle
}

# cloud_boot NAME ADDRESS VERSION: boots a new machine whose cloud-init finds the user data on stdin (NoCloud). It has
# nothing of ours but the digest of that release. The machine has its network already, no sources of Debian
# and no languages.
cloud_boot() {
	local root
	"$machine" destroy "$1" 2>/dev/null || true
	"$machine" create "$1" cloud "$2"
	root=$("$machine" root "$1")
	mkdir -p "$root/var/lib/cloud/seed/nocloud" "$root/etc/etcd/releases.sha256.d"
	cat >"$root/var/lib/cloud/seed/nocloud/user-data"
	echo "instance-id: $1" >"$root/var/lib/cloud/seed/nocloud/meta-data"
	printf '%s\n' 'network: {config: disabled}' 'apt: {preserve_sources_list: true}' 'locale: false' \
		>"$root/etc/cloud/cloud.cfg.d/99_test.cfg"
	grep -- "-v$3-" "$top/dist/releases/SHA256SUMS" >"$root/etc/etcd/releases.sha256.d/test.sha256"
	"$machine" start "$1"
}

# cloud_site: the example on stdin with our repository and its key.
cloud_site() {
	sed -e "s|https://packages.example.com/apt|file:/srv/dist/repo/apt|" \
		-e "/(etcd-cluster.asc of that repository)/{
			r "<(sed 's/^/        /' "$top/dist/repo/apt/etcd-cluster.asc")"
			d
		}"
}

# reset: boots the machine as it was when it was new, with the same addresses.
reset() {
	"$machine" reset "$MACHINE"
	idle
}

# Waits until the setup of the boot, if there is one, has read its ROLE=none. It must not read the answers of the test.
idle() {
	wait_for '[ ! -e /usr/sbin/etcd-cluster ] || {
		grep -qx STATE=idle /run/etcd-cluster/setup
		[ "$(systemctl is-active etcd-cluster-setup.service)" = inactive ]
	}'
}

# m SCRIPT: runs sh -eu in the machine of this file, without stdin and environment. `sh -e` ignores a failing "!
# command" and the first half of "a && b", so scripts have one assertion per line, and "fails COMMAND" for commands that
# must fail.
m() {
	"$machine" exec "$MACHINE" env COLUMNS=10000 sh -euc "$prelude$1" </dev/null # as tests/run
}
prelude='
fails() {
	if "$@"; then
		echo "has succeeded, and must not: $*" >&2
		exit 1
	fi
}
# Removes the package and all its files, and ends its etcd: another machine must not find it at this address.
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

# answers KEY=VALUE…: writes /etc/etcd/cluster.conf of the machine. trust VERSION: adds the digest of our archive.
answers() {
	printf '%s\n' "$@" | "$machine" exec "$MACHINE" sh -ec 'mkdir -p /etc/etcd && cat >/etc/etcd/cluster.conf'
}
trust() {
	m "mkdir -p /etc/etcd/releases.sha256.d
	grep -- -v$1- /srv/dist/releases/SHA256SUMS >/etc/etcd/releases.sha256.d/test.sha256"
}

# wait_for SCRIPT: repeats it in the machine until it succeeds; the limit of five minutes is generous for a busy host.
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

# Also while another member is down: then status exits with 5.
healthy() {
	wait_for 'etcd-cluster status --json 2>/dev/null |
		grep -q "\"here\":true,\"listed\":true,\"answers\":true,\"healthy\":true" && etcdctl.sh endpoint health'
}

# in_time SECONDS COMMAND…: fails if the command takes longer on an idle host. On a busy host the limit grows with
# three times the measured slowdown.
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

# Prints the duration of a fixed task in percent of its processor time.
slowness() {
	TIMEFORMAT='%R %U %S' bash -c 'time for ((i = 0; i < 60000; i++)); do :; done' 2>&1 |
		awk '{ printf "%d", 100 * $1 / ($2 + $3 + 0.001) }'
}

# Ansible's modules need Python and its apt module in the machine.
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

# Lists all our files with digest, owner, mode and times, except the data of etcd, the directory that dpkg touches, and
# the lock, which contains a process id. Of the outcome of setup, which records each step, only the end counts.
fingerprint() {
	m 'cd / && find etc/etcd usr/libexec/etcd-cluster var/cache/etcd-cluster run/etcd-cluster etc/systemd/system \
		! -path usr/libexec/etcd-cluster ! -path run/etcd-cluster/lock ! -path run/etcd-cluster \
		-printf "%p %y %m %U:%G %T@ %l " -a \( -type f -exec sha256sum {} \; -o -printf "\n" \) |
		sed "/^run.etcd-cluster.setup /s/ [0-9]*[.][0-9]* / /" | sort'
}

# exits CODE COMMAND…: runs it in the machine and fails if its exit code differs. Its output is in $output.
exits() {
	local want=$1
	run m "$2"
	if [ "$status" -ne "$want" ]; then
		echo "exit $status, not $want: $2"
		echo "$output"
		return 1
	fi
}

# prints TEXT: $output of the last exits or run contains it.
prints() {
	case $output in
	*"$1"*) ;;
	*)
		echo "not in the output: $1"
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
