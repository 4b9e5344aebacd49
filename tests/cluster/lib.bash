# Real etcd processes on loopback with our own release, PKI and settings, below roots of their own; nobody needs to be root.
# One root is one machine:
#   setup() { need_release 3.4; }                    which etcd (dist/releases); skips when it is not there
#   machine n1 [LINE…]       makes $BATS_TEST_TMPDIR/n1, its cluster.conf (with LINEs) and all that `setup` makes
#   start n1; stop n1        etcd, with the settings of its etcd.env; by process id
#   helper n1 status         the program under test, below that root
#   etcdctl n1 get x         etcdctl with its etcdctl.env
#   teardown() { stop_all; }
# shellcheck shell=bash

releases=$BATS_TEST_DIRNAME/../../dist/releases

# have_release MINOR: sets RELEASE_TARBALL and RELEASE_VERSION for `machine`; false when there is none of that series.
have_release() {
	RELEASE_TARBALL=$(find "$releases/" -name "etcd-v$1.*-linux-*.tar.gz" 2>/dev/null | sort -V | tail -n 1)
	RELEASE_VERSION=${RELEASE_TARBALL##*/etcd-v}
	RELEASE_VERSION=${RELEASE_VERSION%%-*}
	[ -n "$RELEASE_TARBALL" ]
}

need_release() {
	have_release "$1" || skip "no etcd $1 in dist/releases (make releases)"
}

# port NAME WHICH: a port of that machine, 1 to 9. Test files run side by side, so the process id spreads them; below 32768, from where on
# Linux takes the ports of outgoing connections.
port() {
	local base=$((10000 + (${BATS_SUITE_TEST_NUMBER:-1} + $$) % 220 * 100 + ${1#n} * 10))

	echo $((base + $2))
}

# bare NAME [LINE…]: a machine with a cluster.conf (with LINEs), on which nothing has been done.
bare() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1
	shift

	mkdir -p "$root"/etc/etcd/releases.sha256.d "$root"/var/cache/etcd-cluster "$root"/usr/share/etcd-cluster "$root"/run
	: >"$root"/usr/share/etcd-cluster/releases.sha256
	ln "$RELEASE_TARBALL" "$root"/var/cache/etcd-cluster/ 2>/dev/null ||
		cp "$RELEASE_TARBALL" "$root"/var/cache/etcd-cluster/
	(cd "$(dirname "$RELEASE_TARBALL")" && sha256sum "${RELEASE_TARBALL##*/}") >"$root"/etc/etcd/releases.sha256.d/test
	printf '%s\n' "NAME=$name" "RELEASE=$RELEASE_VERSION" RELEASE_URL=none "$@" >"$root"/etc/etcd/cluster.conf
}

# The certificates of the other machines are from the CA of the first: copied beforehand, as etcdadm's users do it.
machine() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1
	shift

	bare "$name" "CLIENT_PORT=$(port "$name" 1)" "PEER_PORT=$(port "$name" 2)" \
		"METRICS_URL=http://127.0.0.1:$(port "$name" 3)" "$@"
	if [ "$name" != n1 ]; then
		mkdir -p "$root"/etc/etcd/pki
		cp "$BATS_TEST_TMPDIR"/n1/etc/etcd/pki/ca.{crt,key} "$root"/etc/etcd/pki/
	fi
	helper "$name" setup 2>"$root/setup.log" || { cat "$root/setup.log"; return 1; }
}

helper() {
	local root=$BATS_TEST_TMPDIR/$1
	shift
	"$ETCD_CLUSTER" --root "$root" "$@"
}

# etcd.env and etcdctl.env have the installed machine's paths: as seen from here.
env_of() {
	local root=$BATS_TEST_TMPDIR/$1

	sed -n "/^ETCD/{s#=\(\"\?\)/#=\1$root/#;p}" "$root/etc/etcd/$2" | tr -d '"'
}

# start NAME [VAR=VALUE…]
start() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1
	local -a settings
	shift

	mapfile -t settings < <(env_of "$name" etcd.env)
	env -i PATH="$PATH" "${settings[@]}" "$@" "$root"/usr/libexec/etcd-cluster/releases/current/etcd \
		>>"$root/etcd.log" 2>&1 3>&- &
	echo $! >"$root/etcd.pid"
}

# three_machines: n1 to n3, one cluster, certificates from n1's CA, each with the member-id that setup writes on a machine of its own.
three_machines() {
	local all n

	all="n1=https://127.0.0.1:$(port n1 2),n2=https://127.0.0.1:$(port n2 2),n3=https://127.0.0.1:$(port n3 2)"
	for n in n1 n2 n3; do
		machine $n "$@"
		sed -i "s#^ETCD_INITIAL_CLUSTER=.*#ETCD_INITIAL_CLUSTER=$all#" "$BATS_TEST_TMPDIR/$n/etc/etcd/etcd.env"
	done
	for n in n1 n2 n3; do
		start $n
	done
	for n in n1 n2 n3; do
		wait_healthy $n
		remember $n
	done
}

# The member-id of a member that answers.
remember() {
	local n=$1

	helper "$n" status --json 2>/dev/null | python3 -c '
import json, sys
s = json.load(sys.stdin)
me = [one for one in s["members"] if one["here"]][0]
print("CLUSTER_ID=%016x\nMEMBER_ID=%016x\nNAME=%s" % (int(s["cluster_id"], 16), int(me["id"], 16), me["name"]))' \
		>"$BATS_TEST_TMPDIR/$n/etc/etcd/member-id"
}

# The ID of member $2 as n1 or $1 shows it, 16 digits.
id_of() {
	helper "$1" status --json 2>/dev/null | python3 -c '
import json, sys
print([one["id"].zfill(16) for one in json.load(sys.stdin)["members"] if one["name"] == sys.argv[1]][0])' "$2"
}

# Until it answers and is healthy; up to 10 s.
wait_healthy() {
	for _ in {1..100}; do
		helper "$1" status >"$BATS_TEST_TMPDIR/$1/status" 2>&1 && return 0
		sleep 0.1
	done
	cat "$BATS_TEST_TMPDIR/$1/status"
	tail -n 20 "$BATS_TEST_TMPDIR/$1/etcd.log"
	return 1
}

# stop NAME [SIGNAL]
stop() {
	local pid_file=$BATS_TEST_TMPDIR/$1/etcd.pid pid

	[ -e "$pid_file" ] || return 0
	pid=$(cat "$pid_file")
	rm -f "$pid_file"
	kill -"${2:-TERM}" "$pid" 2>/dev/null || return 0
	for _ in {1..80}; do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.05
	done
	kill -KILL "$pid"
}

stop_all() {
	local root

	for root in "$BATS_TEST_TMPDIR"/n*/; do
		[ ! -e "$root/etcd.pid" ] || stop "$(basename "$root")" KILL
	done
}

etcdctl() {
	local name=$1
	local -a settings
	shift

	mapfile -t settings < <(env_of "$name" etcdctl.env)
	env -i PATH="$PATH" "${settings[@]}" "$BATS_TEST_TMPDIR/$name"/usr/libexec/etcd-cluster/releases/current/etcdctl "$@"
}

# The value at a path of dots in JSON on stdin: json .members.0.healthy
json() {
	python3 -c '
import json, sys
v = json.load(sys.stdin)
for k in sys.argv[1].strip(".").split("."):
    v = v[int(k)] if isinstance(v, list) else v[k]
print(json.dumps(v) if not isinstance(v, str) else v)' "$1"
}
