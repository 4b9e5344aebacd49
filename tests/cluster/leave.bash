# The result of `leave`: `load lib`, `load leave`.
# shellcheck shell=bash
# shellcheck disable=SC2154 # output: of run

# conf NAME KEY: prints the value in its cluster.conf.
conf() {
	sed -n "s/^$2=//p" "$BATS_TEST_TMPDIR/$1/etc/etcd/cluster.conf"
}

# has_left NAME: it is idle, has no identity, and its files are moved aside.
has_left() {
	local root=$BATS_TEST_TMPDIR/$1

	[ "$(conf "$1" ROLE)" = none ]
	[ ! -e "$root/etc/etcd/member-id" ]
	[ ! -e "$root/etc/etcd/etcd.env" ]
	[ ! -e "$root/var/lib/etcd-cluster/member" ]
	[ "$(find "$root/etc/etcd" -maxdepth 1 -name 'member-id.aside-*' | wc -l)" -eq 1 ]
	[ "$(find "$root/etc/etcd" -maxdepth 1 -name 'etcd.env.aside-*' | wc -l)" -eq 1 ]
	[ -s "$(echo "$root"/var/lib/etcd-cluster/member.aside-*/snap/db)" ]
	[ -s "$root/etc/etcd/pki/peer.key" ]
	run -0 helper "$1" status
	[[ "$output" == *"ROLE=none"* ]]
}
