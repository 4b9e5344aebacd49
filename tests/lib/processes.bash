# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2034 # awk; for those who load this
# The table of the enrolment server's processes in security.md, and /proc.

# row PROCESS: uid, CapEff, NoNewPrivs and Seccomp of that process in the table.
row() {
	sed -n "s/^| $1 | \([0-9]*\) | \([0-9a-f]*\) | \([0-9]\) | \([0-9]\) |.*/\1 \2 \3 \4/p" \
		"$BATS_TEST_DIRNAME"/../../docs/security.md
}

# For awk: the same from /proc/PID/status.
status_awk='/^Uid:/ { uid = $3 } /^CapEff:/ { sub("^0*", "", $2); cap = $2 == "" ? 0 : $2 } /^NoNewPrivs:/ { nnp = $2 }
	/^Seccomp:/ { print uid, cap, nnp, $2 }'
