# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# checked ROOT WORD…: the program on the tree below ROOT. Each --json of status, check and adopt must be as
# conf/*.schema.json say.
checked() {
	local root=$1 rc
	shift
	case $1/" $* " in
	status/*' --json '* | check/*' --json '* | adopt/*' --json '*)
		"$ETCD_CLUSTER" --root "$root" "$@" | "$BATS_TEST_DIRNAME/../lib/schema" "$1"
		rc=("${PIPESTATUS[@]}")
		[ "${rc[1]}" -eq 0 ] || return 99
		return "${rc[0]}"
		;;
	esac
	"$ETCD_CLUSTER" --root "$root" "$@"
}
