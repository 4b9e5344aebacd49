# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# What the rows of hints.bats are made of, and the hints that no row follows.
# shellcheck shell=bash disable=SC2034,SC2154 # names of hints.bats

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
cluster/backup.bats	etcd-cluster backup
cluster/backup.bats	etcd-cluster backup; journalctl -u etcd-cluster-backup
cluster/backup.bats	make room there; etcd-cluster backup tries again
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
%s: etcd-cluster cert renew; journalctl -u etcd-cluster-renew shows why it was not
copy the same CA to all of MEMBERS, or move %s away to enrol
end it with SIGTERM, then: etcd-cluster adopt
etcd-cluster setup issues it
etcd-cluster setup; systemctl status etcd-cluster-enroll.socket
etcd-cluster status shows how far it is
etcd-cluster status, on the CA hosts, shows which
etcd-cluster status, on the CA hosts, shows which machine is
have %s/%s.csr signed with the CN in it
if nobody can have read it: chmod o=,g-w %s; else: etcd-cluster cert revoke %s, on the CA host
name the one by its ID
ps -fp %d
put back those that do; or move %s away, and use a token
put both CAs into both files, restart each etcd, then issue all certificates from one of them; then: etcd-cluster adopt
put one of this CA there, as client.crt and client.key; then: etcd-cluster adopt
put the list there that the ETCD_ lines name
remove it; the machine then needs a new token to enrol again
rm /etc/machine-id && systemd-machine-id-setup, and reboot
systemctl edit etcd: [Service] LimitNOFILE=65536
systemctl status %s
that etcd must run while it is taken over: systemctl status %s
the log of etcd is in %s
write JOIN= or MEMBERS= with the CA host into %s
write NAME= in cluster.conf
write another NAME= in cluster.conf; or, on that member: etcd-cluster leave
END
}
