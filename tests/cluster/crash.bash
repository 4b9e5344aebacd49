# Kills programs before single system calls, or lets the calls fail: `load crash`. CRASH_EVERY=1 tries each call instead
# of a sample.
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of the test file

need_strace() {
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
}

# Children are traced, too, unless a test file changes this.
tracer=(strace -f -qq)

# count_calls SET COMMAND…: sets calls to the number of its system calls in the set (in strace's syntax).
count_calls() {
	local set=$1 rc=0
	shift

	"${tracer[@]}" -o "$BATS_TEST_TMPDIR/trace" -e "trace=$set" "$@" || rc=$?
	calls=$(grep -c '(' "$BATS_TEST_TMPDIR/trace")
	return $rc
}

# at_call N SET WHAT COMMAND…: injects WHAT (signal=KILL, error=ENOSPC) at its Nth call of the set.
at_call() {
	local n=$1 set=$2 what=$3
	shift 3

	"${tracer[@]}" -o "$BATS_TEST_TMPDIR/trace" -e "trace=$set" -e "inject=$set:$what:when=$n" "$@"
}

# sample MOST: prints about MOST of the numbers 1 to $calls, spread evenly; with THOROUGH=1 about 100.
sample() {
	[ -z "${THOROUGH-}" ] || set -- 100
	seq 1 "${CRASH_EVERY:-$((calls / $1 + 1))}" "$calls"
}

# keep_machines NAME…: stops their etcd and saves their state; bring_back_machines restores it.
keep_machines() {
	local name

	mkdir "$BATS_TEST_TMPDIR/kept"
	for name; do
		stop "$name"
		mv "$BATS_TEST_TMPDIR/$name" "$BATS_TEST_TMPDIR/kept/"
	done
}

# bring_back_machines NAME…: their etcd does not run.
bring_back_machines() {
	local name root kept

	for name; do
		root=$BATS_TEST_TMPDIR/$name kept=$BATS_TEST_TMPDIR/kept/$name
		stop "$name" KILL
		rm -rf "${root:?}"
		mkdir "$root"
		cp -al "$kept/usr" "$root/"
		cp -a "$kept"/{etc,var,run} "$root/"
	done
}

# keep: saves the state of $root, which asks for certificates, and of the records of its CA host, $host. bring_back
# restores it.
keep() {
	rm -rf "$BATS_TEST_TMPDIR/kept"
	mkdir "$BATS_TEST_TMPDIR/kept"
	cp -a "$root" "$BATS_TEST_TMPDIR/kept/root"
	cp -a "$host/etc/etcd/enroll" "$BATS_TEST_TMPDIR/kept/enroll"
}

bring_back() {
	rm -rf "$root" "$host"/etc/etcd/enroll/*
	cp -a "$BATS_TEST_TMPDIR/kept/root" "$root"
	cp -a "$BATS_TEST_TMPDIR"/kept/enroll/. "$host/etc/etcd/enroll/"
}

# is_pair CRT: its key exists and matches. One Python process serves all calls of a test and ends with its shell.
is_pair() {
	local answer

	[ -n "${PAIRS_PID-}" ] || coproc PAIRS { exec python3 -c '
import ssl, sys
for crt in map(str.strip, sys.stdin):
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(crt, crt[:-3] + "key")
        print("fits", flush=True)
    except OSError as why:
        print(crt, why, flush=True)' 3>&-; }
	echo "$1" >&"${PAIRS[1]}"
	read -r -u "${PAIRS[0]}" answer
	[ "$answer" = fits ] || { echo "$answer"; return 1; }
}

# certify_each HOW MORE: runs certify from the present state once for each call of each kind in $kinds and injects HOW
# there; expects more than MORE injections. Many similar calls are sampled. The test file defines whole (what must be
# true at any moment) and converges (what the next runs reach), and keep and bring_back where the state is another.
certify_each() {
	local kind n rc step points=0

	keep
	for kind in $kinds; do
		case $kind in
		write | fsync | link) step=8 ;;
		read) step=32 ;;
		unlink | unlinkat | mkdir) step=2 ;;
		*) step=1 ;;
		esac
		[ -z "${THOROUGH-}" ] || step=1
		for ((n = 1; ; n += ${CRASH_EVERY:-$step})); do
			bring_back
			rc=0
			at_call $n "$kind" "$1" "$certify" "$root" >"$BATS_TEST_TMPDIR/log" 2>&1 || rc=$?
			echo "$kind $n: exit $rc"
			whole
			converges
			# Past the last call: the run completed.
			[ $rc -eq 137 ] || grep -q INJECTED "$BATS_TEST_TMPDIR/trace" || break
			points=$((points + 1))
		done
	done
	echo "$points points"
	[ $points -gt "$2" ]
}
