# Real etcd processes on loopback, each with its own --root directory, which is one machine. Needs no root.
#   setup() { need_release 3.4; }                    selects the etcd (dist/releases); skips if it is missing
#   machine n1 [LINE…]       makes $BATS_TEST_TMPDIR/n1 with its cluster.conf (with LINEs) and runs `setup`
#   start n1; stop n1        starts etcd with its etcd.env; stops it by process id
#   behind NAME COMMAND…     runs another program in the background; end NAME stops it
#   eventually COMMAND…      waits for a state, with a generous limit
#   helper n1 status         runs etcd-cluster with that root
#   etcdctl n1 get x         runs etcdctl with its etcdctl.env
#   teardown() { end_all; }  ends every process of the test
# tests/lib/writes.bash, the check that no acknowledged write is lost, is loaded, too.
# Files run at the same time, tests of one file do not. TEST_SLOT (tests/run) gives each file its own ports.
# shellcheck shell=bash

top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
releases=$top/dist/releases
# shellcheck source=tests/lib/writes.bash
source "$top/tests/lib/writes.bash"
# shellcheck source=tests/lib/checked.bash
source "$top/tests/lib/checked.bash"

# have_release MINOR: sets RELEASE_TARBALL and RELEASE_VERSION for `machine`; false without a release of that series.
have_release() {
	RELEASE_TARBALL=$(find "$releases/" -name "etcd-v$1.*-linux-*.tar.gz" 2>/dev/null | sort -V | tail -n 1)
	RELEASE_VERSION=${RELEASE_TARBALL##*/etcd-v}
	RELEASE_VERSION=${RELEASE_VERSION%%-*}
	[ -n "$RELEASE_TARBALL" ]
}

need_release() {
	have_release "$1" || skip "no etcd $1 in dist/releases (make releases)"
}

# series DEFAULT…: prints the series of releases that a test tries: these, or all with THOROUGH=1 (make thorough).
series() {
	[ -z "${THOROUGH-}" ] || set -- 3.4 3.5 3.6 3.7
	echo "$@"
}

# port NAME WHICH: prints the port WHICH (1 to 9) of that machine (n0 to n9). Every slot has 1000 ports, every test 100
# of them in turn; all are below 32768, where the ports of outgoing connections start.
port() {
	echo $((10000 + ${TEST_SLOT:-0} * 1000 + ${BATS_TEST_NUMBER:-0} % 10 * 100 + ${1#n} * 10 + $2))
}

# eventually COMMAND…: repeats it until it succeeds, for two minutes at most.
eventually() {
	local limit=$((SECONDS + 120))

	until "$@"; do
		[ $SECONDS -lt $limit ] || { echo "not within two minutes: $*"; return 1; }
		sleep 0.05
	done
}

# gone PID: true if that process has ended.
gone() {
	! kill -0 "$1" 2>/dev/null
}

# listens PORT [ADDRESS]
listens() {
	(: >"/dev/tcp/${2:-127.0.0.1}/$1") 2>/dev/null
}

# tree ROOT: an installed machine with the release in its cache and its digest; no cluster.conf.
tree() {
	local root=$1

	mkdir -p "$root"/etc/etcd/releases.sha256.d "$root"/var/cache/etcd-cluster "$root"/usr/share/etcd-cluster "$root"/run
	: >"$root"/usr/share/etcd-cluster/releases.sha256
	ln "$RELEASE_TARBALL" "$root"/var/cache/etcd-cluster/ 2>/dev/null ||
		cp "$RELEASE_TARBALL" "$root"/var/cache/etcd-cluster/
	grep -F "  ${RELEASE_TARBALL##*/}" "$releases/SHA256SUMS" >"$root"/etc/etcd/releases.sha256.d/test
}

# unpacked: the directory of the release, installed once for all files of tests/run. Tests link it unless they test the
# installation.
unpacked() {
	local root=${UNPACKED:-$BATS_FILE_TMPDIR}/$RELEASE_VERSION

	(
		flock 8
		[ ! -e "$root/done" ] || exit 0
		tree "$root"
		"$ETCD_CLUSTER_PLAIN" --root "$root" release install "$RELEASE_VERSION" 2>"$root/log" ||
			{ cat "$root/log" >&2; exit 1; }
		: >"$root/done"
	) 8>"$root.lock" || return 1
	echo "$root/usr/libexec/etcd-cluster/releases/v$RELEASE_VERSION"
}

# bare NAME [LINE…]: a machine with a cluster.conf (with LINEs) and an installed release, before its first setup.
bare() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1 release
	shift

	release=$(unpacked)
	tree "$root"
	mkdir -p "$root"/usr/libexec/etcd-cluster/releases
	cp -al "$release" "$root"/usr/libexec/etcd-cluster/releases/
	printf '%s\n' "NAME=$name" "RELEASE=$RELEASE_VERSION" RELEASE_URL=none "$@" >"$root"/etc/etcd/cluster.conf
}

# set_conf NAME LINE…: replaces or adds these keys in its cluster.conf.
set_conf() {
	local conf=$BATS_TEST_TMPDIR/$1/etc/etcd/cluster.conf line
	shift

	touch "$conf"
	for line; do
		sed -i "/^${line%%=*}=/d" "$conf"
		echo "$line" >>"$conf"
	done
}

# copy_ca NAME…: copies the CA of n1, as with etcdadm.
copy_ca() {
	local name

	for name; do
		[ -d "$BATS_TEST_TMPDIR/$name/etc/etcd/pki" ] || mkdir -m 750 "$BATS_TEST_TMPDIR/$name/etc/etcd/pki"
		cp "$BATS_TEST_TMPDIR"/n1/etc/etcd/pki/ca.{crt,key} "$BATS_TEST_TMPDIR/$name/etc/etcd/pki/"
	done
}

# ports_of NAME: prints the lines of cluster.conf for machines that share 127.0.0.1.
ports_of() {
	printf '%s\n' "CLIENT_PORT=$(port "$1" 1)" "PEER_PORT=$(port "$1" 2)" "METRICS_URL=http://127.0.0.1:$(port "$1" 3)"
}

# The CA of the first machine issues the certificates of the others.
machine() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1
	local -a ports
	shift

	mapfile -t ports < <(ports_of "$name")
	bare "$name" "${ports[@]}" "$@"
	[ "$name" = n1 ] || copy_ca "$name"
	helper "$name" setup 2>"$root/setup.log" || { cat "$root/setup.log"; return 1; }
}

helper() {
	checked "$BATS_TEST_TMPDIR/$1" "${@:2}"
}

# Prints etcd.env or etcdctl.env with the paths below the root.
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

# etcd_pid NAME
etcd_pid() {
	cat "$BATS_TEST_TMPDIR/$1/etcd.pid"
}

# unformed NAME: a machine that was set up forgets its cluster of one, before its etcd runs: a test makes it a member of
# another one by hand.
unformed() {
	local root=$BATS_TEST_TMPDIR/$1

	rm "$root"/etc/etcd/{forming,member-id} "$root/var/lib/etcd-cluster/member/disk-id"
}

# three_machines: n1 to n3, one cluster, certificates from n1's CA, each with its member-id. As a cluster that was
# formed before there were records: each was set up alone, and etcd.env is edited.
three_machines() {
	local all n

	all="n1=https://127.0.0.1:$(port n1 2),n2=https://127.0.0.1:$(port n2 2),n3=https://127.0.0.1:$(port n3 2)"
	for n in n1 n2 n3; do
		machine $n "$@"
		sed -i "s#^ETCD_INITIAL_CLUSTER=.*#ETCD_INITIAL_CLUSTER=$all#
			s#^ETCD_INITIAL_CLUSTER_TOKEN=.*#ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster#" \
			"$BATS_TEST_TMPDIR/$n/etc/etcd/etcd.env"
		unformed $n
		start $n
	done
	for n in n1 n2 n3; do
		wait_healthy $n
		remember $n
	done
}

# one_member: n1, a cluster of one.
one_member() {
	machine n1 "$@"
	start n1
	wait_healthy n1
}

# Writes the member-id of a member that answers.
remember() {
	helper "$1" status --json 2>/dev/null | jq -r '
		def id: "0" * (16 - length) + .;
		(.members[] | select(.here)) as $me
		| "CLUSTER_ID=\(.cluster_id | id)\nMEMBER_ID=\($me.id | id)\nNAME=\($me.name)"' \
			>"$BATS_TEST_TMPDIR/$1/etc/etcd/member-id"
}

# id_of NAME MEMBER: prints the ID of that member in the list of NAME, 16 digits.
id_of() {
	helper "$1" status --json 2>/dev/null |
		jq -r --arg name "$2" '.members[] | select(.name == $name).id | "0" * (16 - length) + .'
}

# healthy NAME: true if it answers and is healthy.
# Also while other members are down: then status exits with 5.
healthy() {
	local rc=0

	"$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/$1" status >"$BATS_TEST_TMPDIR/$1/status" 2>&1 || rc=$?
	[ $rc -eq 0 ] || { [ $rc -eq 5 ] && "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/$1" status --json 2>/dev/null |
		jq -e '[.members[] | select(.here and .healthy)] | length == 1' >/dev/null; }
}

wait_healthy() {
	eventually healthy "$1" && return 0
	cat "$BATS_TEST_TMPDIR/$1/status"
	tail -n 20 "$BATS_TEST_TMPDIR/$1/etcd.log"
	return 1
}

# end_pid FILE [SIGNAL]: ends the process whose id is in the file, and waits for its end.
end_pid() {
	local pid limit=$((SECONDS + 30))

	[ -e "$1" ] || return 0
	pid=$(cat "$1")
	rm -f "$1"
	kill -"${2:-TERM}" "$pid" 2>/dev/null || return 0
	until gone "$pid"; do
		[ $SECONDS -lt $limit ] || kill -KILL "$pid"
		sleep 0.02
	done
}

# stop NAME [SIGNAL]
stop() {
	end_pid "$BATS_TEST_TMPDIR/$1/etcd.pid" "${2:-TERM}"
}

# behind NAME COMMAND…: runs it in the background, with its output in $BATS_TEST_TMPDIR/NAME.log.
behind() {
	local name=$1
	shift

	"$@" >"$BATS_TEST_TMPDIR/$name.log" 2>&1 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/$name.pid"
}

# end NAME [SIGNAL]
end() {
	end_pid "$BATS_TEST_TMPDIR/$1.pid" "${2:-TERM}"
}

end_all() {
	local file

	writes_end
	for file in "$BATS_TEST_TMPDIR"/*.pid "$BATS_TEST_TMPDIR"/*/etcd.pid; do
		end_pid "$file" KILL
	done
}

etcdctl() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1
	local -a settings
	shift

	mapfile -t settings < <(env_of "$name" etcdctl.env)
	[ ! -e "$root/endpoint" ] || settings+=("ETCDCTL_ENDPOINTS=$(cat "$root/endpoint")") # `launch` of own-address.bash
	env -i PATH="$PATH" "${settings[@]}" "$root"/usr/libexec/etcd-cluster/releases/current/etcdctl "$@"
}

# dropped NAME ID: true if the list of NAME does not contain the member; otherwise removes it. For some seconds after a
# start etcd answers "unhealthy cluster".
dropped() {
	etcdctl "$1" member list >"$BATS_TEST_TMPDIR/list" 2>&1 || return 1
	grep -q "^$2," "$BATS_TEST_TMPDIR/list" || return 0
	etcdctl "$1" member remove "$2" >/dev/null 2>&1 || :
	return 1
}

# drop NAME ID: removes the member with `etcdctl member remove`.
drop() {
	eventually dropped "$@"
}

# The value at a path of dots in JSON on stdin: json .members.0.healthy
json() {
	jq -rc --arg path "$1" 'getpath($path | ltrimstr(".") | split(".") | map(tonumber? // .))'
}
