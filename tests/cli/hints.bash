# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# What the rows of hints.bats and hints-more.bats are made of, and the hints that no row follows.
# shellcheck shell=bash disable=SC2034,SC2154 # names of hints.bats

setup_file() {
	export DATA=$BATS_FILE_TMPDIR LIB=$BATS_TEST_DIRNAME/../lib
	ARCH=$(dpkg --print-architecture 2>/dev/null || uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
	export ARCH
	cc -O1 -o "$DATA/stub" "$LIB/etcd-stub.c"
	for v in 3.4.30 3.5.30 3.6.14; do
		python3 "$LIB/archives.py" good "$DATA/etcd-v$v-linux-$ARCH.tar.gz" "$DATA/stub" $v
	done
	(cd "$DATA" && sha256sum ./*.tar.gz | sed 's,\./,,') >"$DATA/digests"
}

setup() {
	top=$BATS_TEST_DIRNAME/../..
	cd "$BATS_TEST_TMPDIR" || return
	fresh
}

teardown() {
	[ -z "${server-}" ] || kill "$server" || :
}

# A machine after the installation.
fresh() {
	root=$BATS_TEST_TMPDIR/$RANDOM$RANDOM
	etc=$root/etc/etcd pki=$root/etc/etcd/pki cache=$root/var/cache/etcd-cluster
	releases=$root/usr/libexec/etcd-cluster/releases
	mkdir -p "$etc" "$root/usr/share/etcd-cluster" "$cache" "$releases"
	cp "$DATA/digests" "$root/usr/share/etcd-cluster/releases.sha256"
	conf
}

# conf LINE…: cluster.conf; ports that no etcd has, and no network.
conf() {
	printf '%s\n' RELEASE_URL=none CLIENT_PORT=9 PEER_PORT=10 METRICS_URL= "$@" >"$etc/cluster.conf"
}

one() {
	conf NAME=n1 ADDRESS=127.0.0.1 "$@"
}

helper() {
	"$ETCD_CLUSTER" --root "$root" "$@"
}

# What a person types.
etcd-cluster() {
	helper "$@"
}

# says 'HINT' VERB…: the verb prints this hint, as the source has it.
says() {
	local pattern line out

	asked=$1
	pattern=$(sed 's/[][*?\\]/\\&/g; s/%[0-9.]*[a-z]*/*/g' <<<"$1")
	shift
	out=$("${HELPER:-helper}" "$@" 2>&1) && rc=0 || rc=$?
	hint=
	while read -r line; do
		line=${line#etcd-cluster: } line=${line#"${line%%[! ]*}"} line=${line#-> }
		# shellcheck disable=SC2053 # a pattern
		[[ $line != $pattern ]] || hint=$line
	done <<<"$out"
	[ -n "$hint" ] || { printf 'no such hint: %s\nexit %d:\n%s\n' "$asked" "$rc" "$out"; return 1; }
}

# gone VERB…: the verb does not print the last hint any more.
gone() {
	! says "$asked" "$@" >/dev/null || { echo "still there: $hint"; return 1; }
}

# types: the commands of the hint, which come after its last colon.
types() {
	eval "${hint##*: }" || :
}

# As root of a namespace of its own, where mounting is permitted; the first word is a command for it.
apart() {
	# shellcheck disable=SC2016 # expanded there
	unshare -rmn sh -c 'eval "$1"; shift; exec "$@"' sh "$1" "$ETCD_CLUSTER" --root "$root" "${@:2}"
}

may_unshare() {
	unshare -rmn true 2>/dev/null || skip "user namespaces are not permitted"
}

# A line for each hint that no row has and no test names with three of its words: the test that follows it.
followed() {
	cat <<'END'
cluster/adopt.bats	etcd-cluster adopt
cluster/restore.bats	if this is the right file: this command with --other-cluster %016x
cluster/restore.bats	stop etcd on them, or cut them off from all clients; then run this again with --others-fenced
cluster/restore.bats	stop it, then run this again
cluster/restore.bats	write ROLE=single, or ROLE=cluster and MEMBERS, into %s
cluster/restore.bats	etcd-cluster restore --help
cluster/backup.bats	etcd-cluster backup
cluster/backup.bats	etcd-cluster backup; journalctl -u etcd-cluster-backup
cluster/backup.bats	make room there, then run this again
cluster/backup.bats	mount %s
cluster/enroll.bats	on this machine: etcd-cluster setup, which reports to the CA host first
cluster/join-again.bats	correct JOIN or MEMBERS in %s, or name another DATA_DIR
cluster/join-again.bats	to give up its data, which is moved aside: this command with --abandon %016x
cluster/join-again.bats	to replace it: etcd-cluster replace %s
cluster/leave.bats	etcd-cluster leave
cluster/leave.bats	to give that up first: etcd-cluster leave (with --last when it is the only member)
cluster/recover.bats	etcd-cluster status; to remove a dead member: etcd-cluster remove MEMBER
cluster/remove.bats	%s, on a running member: etcd-cluster remove %016x
cluster/status.bats	write the change as an ETCD_* line in %s, then rm %s && etcd-cluster setup
machine/join.bats	%s: etcd-cluster setup, which promotes it once it has all data
machine/join.bats	journalctl -u etcd.service -n 30 shows why
machine/join.bats	to make it one: etcd-cluster join %s
machine/operations.bats	etcd-cluster replace
machine/operations.bats	etcdctl.sh compact REVISION, then etcdctl.sh defrag; or set ETCD_QUOTA_BACKEND_BYTES in cluster.conf
machine/operations.bats	etcdctl.sh defrag --endpoints=%s
machine/status-cluster.bats	etcd-cluster %s%s
machine/status-cluster.bats	is that machine on? If it is, open these ports in its firewall, and on the way there
machine/unused.bats	to give it up and move it aside: etcd-cluster leave --last; then write ROLE into %s again
END
}

# No test follows these.
not_followed() {
	cat <<'END'
copy the same CA to all of MEMBERS, or move %s away to enrol
end it with SIGTERM, then: etcd-cluster adopt
etcd-cluster setup; systemctl status etcd-cluster-enroll.socket
etcd-cluster status shows how far it is
etcd-cluster status, on the CA hosts, shows which
etcd-cluster status, on the CA hosts, shows which machine is
remove it; the machine then needs a new token to enrol again
rm /etc/machine-id && systemd-machine-id-setup, and reboot
systemctl status %s
the log of etcd is in %s
write NAME= in cluster.conf
write another NAME= in cluster.conf; or, on that member: etcd-cluster leave
END
}
