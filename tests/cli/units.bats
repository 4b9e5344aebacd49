#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The shipped units: accepted by systemd, sandboxed, and only the target can be enabled.

bats_require_minimum_version 1.5.0

setup() {
	units=$BATS_TEST_DIRNAME/../../conf/units
}

# systemd-analyze makes this directory where systemd does not run.
may_analyze() {
	[ -d /run/systemd ] || [ -w /run ] || skip 'systemd does not run here, and only root makes /run/systemd'
}

# exposure UNIT: ten times what `systemd-analyze security` shows.
exposure() {
	systemd-analyze security --offline=true --no-pager "$units/$1" |
		sed -n 's/.*exposure level for .*: \([0-9]*\)\.\([0-9]\).*/\1\2/p'
}

@test "systemd accepts every line" {
	may_analyze
	mkdir -p "$BATS_TEST_TMPDIR"/units
	# verify needs the programs and the manual pages in their directories.
	for unit in "$units"/*; do
		sed -E -e 's#=(\+?)/usr/[^ ]*/etcd(-cluster)?( |$)#=\1/bin/true\3#' -e /^Documentation=/d "$unit" \
			>"$BATS_TEST_TMPDIR/units/${unit##*/}"
	done
	SYSTEMD_UNIT_PATH="$BATS_TEST_TMPDIR/units:" run systemd-analyze verify "$BATS_TEST_TMPDIR"/units/*
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" != *"$BATS_TEST_TMPDIR"* && "$output" != *etcd* ]]
}

@test "exposure: etcd at most 1.5, marks 2.0, enrolment, renewal and backups 2.5, setup 4.0" {
	may_analyze
	while read -r unit most; do
		level=$(exposure "$unit")
		echo "$unit: $level"
		[ "$level" -gt 0 ] && [ "$level" -le "$most" ]
	done <<-'X'
		etcd.service 15
		etcd-cluster-backup.service 25
		etcd-cluster-enroll.service 25
		etcd-cluster-mark.service 20
		etcd-cluster-renew.service 25
		etcd-cluster-setup.service 40
	X
}

@test "only the target can be enabled" {
	[ "$(cd "$units" && grep -l '^\[Install\]' ./*)" = ./etcd-cluster.target ]
}

@test "the target does not wait for the units that it wants" {
	grep -qx DefaultDependencies=no "$units"/etcd-cluster.target
	run grep -h -e '^After=.*etcd' -e '^Before=.*etcd' "$units"/*
	[ -z "$output" ]
}

@test "user and directories can be created in another root, and a recreated user owns the data again" {
	export root=$BATS_TEST_TMPDIR/root conf=$units/..
	mkdir -p "$root"/etc
	# shellcheck disable=SC2016
	fakeroot sh -eux -c '
		systemd-sysusers --root="$root" "$conf"/sysusers.conf
		grep "^etcd:.*:/var/lib/etcd-cluster:" "$root"/etc/passwd
		systemd-tmpfiles --root="$root" --create "$conf"/tmpfiles.conf
		uid=$(stat -c %u "$root"/var/lib/etcd-cluster)
		[ "$(stat -c %a "$root"/var/lib/etcd-cluster)" = 700 ]
		grep "^etcd:[^:]*:$uid:" "$root"/etc/passwd

		# A purge of the distribution'"'"'s etcd-server deletes the user and not our data.
		chown 377:377 "$root"/var/lib/etcd-cluster
		rm -r "$root/etc"
		mkdir "$root/etc"
		systemd-sysusers --root="$root" "$conf"/sysusers.conf
		grep "^etcd:[^:]*:377:" "$root"/etc/passwd

		# Old files in the data directory are not cleaned up.
		echo data >"$root"/var/lib/etcd-cluster/db
		touch -d 2000-01-01 "$root"/var/lib/etcd-cluster/db
		systemd-tmpfiles --root="$root" --clean --remove --create "$conf"/tmpfiles.conf
		[ -s "$root"/var/lib/etcd-cluster/db ]
	'
}

@test "they run the program where it is installed" {
	make -s -C "$BATS_TEST_DIRNAME/../.." -o build install BIN=/bin/true SBINDIR=/usr/bin DESTDIR="$BATS_TEST_TMPDIR"/dest
	run ! grep -rn /usr/sbin/etcd-cluster "$BATS_TEST_TMPDIR"/dest/usr/lib/systemd/system
	grep -qx 'ExecStart=/usr/bin/etcd-cluster cert renew' \
		"$BATS_TEST_TMPDIR"/dest/usr/lib/systemd/system/etcd-cluster-renew.service
}
