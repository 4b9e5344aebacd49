#!/usr/bin/env bats
# `status` without etcd: a machine that is not set up, idle, waiting or broken. tests/cluster/status.bats has real etcd.

bats_require_minimum_version 1.5.0

load ../lib/checked

setup() {
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/etc/etcd/pki" "$root/run/etcd-cluster"
	conf NAME=n1 CLIENT_PORT=9 RELEASE=3.6.14
}

helper() {
	checked "$root" "$@"
}

conf() {
	printf '%s\n' "$@" >"$root/etc/etcd/cluster.conf"
}

outcome() {
	printf '%s\n' "$@" >"$root/run/etcd-cluster/setup"
}

tree() {
	(cd "$root" && find . -printf '%p %y %m %T@ %s\n' | LC_ALL=C sort)
}

valid_json() {
	python3 -c 'import json, sys; json.load(sys.stdin)'
}

@test "a machine that was never set up: exit 5 with the next command" {
	run -5 helper status
	[[ "$output" == *"etcd has not been set up on this machine yet"* ]]
	[[ "$output" == *"-> etcd-cluster setup"* ]]
	[[ "$output" == *"none running, none installed, 3.6.14 wanted"* ]]
}

@test "ROLE=none: idle, exit 0" {
	conf ROLE=none NAME=n1
	outcome STATE=idle EXIT=0
	run -0 helper status
	[[ "$output" == *"setup         idle"* ]]
	[[ "$output" == *"installed and idle"* ]]
	run -0 helper check
	[[ "$output" == *"idle"* ]]
	run -0 helper status --json
	[ "$(valid_json <<<"$output")" = "" ]
}

@test "waiting for its mirror: exit 6, with the reason and the hint of setup" {
	outcome STATE=pending EXIT=6 'MESSAGE="the mirror does not answer"' 'HINT="look at RELEASE_URL"'
	run -6 helper status
	[[ "$output" == *"setup         pending: the mirror does not answer"* ]]
	[[ "$output" == *"-> look at RELEASE_URL"* ]]
	run -6 --separate-stderr helper status --json
	valid_json <<<"$output"
	[[ "$output" == *'"state":"pending","exit":6,"message":"the mirror does not answer"'* ]]
}

@test "waiting for the CA host without certificates: exit 6, and the CA host is named" {
	conf NAME=n2 ROLE=join JOIN=127.0.0.2 ADDRESS=127.0.0.1 CLIENT_PORT=9 RELEASE=3.6.14
	outcome STATE=pending EXIT=6 'MESSAGE="no CA host answers, to sign the certificates of this machine"' \
		'HINT="it is tried again by itself"'
	run -6 helper status
	[[ "$output" == *"setup         pending: no CA host answers"* ]]
	[[ "$output" == *"has not been set up on this machine yet: setup waits, and tries again by itself"* ]]
	run -6 --separate-stderr helper status --json
	[[ "$output" == *'"joining":null'* ]]
	valid_json <<<"$output"
	# Without an outcome record the machine counts as not set up.
	rm "$root/run/etcd-cluster/setup"
	run -5 helper status
	[[ "$output" == *"-> etcd-cluster setup" || "$output" == *"-> etcd-cluster setup"$'\n'* ]]
}

@test "waiting to join: exit 6, with the step from the journal" {
	conf NAME=n2 ROLE=join JOIN=127.0.0.2 ADDRESS=127.0.0.1 CLIENT_PORT=9 RELEASE=3.6.14
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5 -subj /CN=root \
		-keyout "$root/etc/etcd/pki/etcdctl-etcd-client.key" -out "$root/etc/etcd/pki/etcdctl-etcd-client.crt" 2>/dev/null
	cp "$root/etc/etcd/pki/etcdctl-etcd-client.crt" "$root/etc/etcd/pki/ca.crt"
	printf '%s\n' STEP=adding CLUSTER_ID=0000000000000001 MEMBER_ID=0000000000000000 PEER_URL=https://127.0.0.1:2380 \
		>"$root/etc/etcd/joining"
	outcome STATE=pending EXIT=6 'MESSAGE="another member is being added"' HINT=
	run -6 helper status
	[[ "$output" == *"setup         pending: another member is being added"* ]]
	[[ "$output" == *"joining       about to be added to the cluster"* ]]
	run -6 --separate-stderr helper status --json
	[[ "$output" == *'"joining":"adding"'* ]]
	valid_json <<<"$output"
}

@test "setup works or was killed: the step is shown, and what it waited for before" {
	outcome STATE=running STEP=release EXIT=6 TRIES=2 'MESSAGE="the mirror does not answer"' 'HINT="look at RELEASE_URL"'
	run -6 helper status
	[[ "$output" == *"setup         interrupted: release; before: the mirror does not answer"* ]]
	[[ "$output" == *"tries again by itself in a moment"* ]]
	exec 9>"$root/run/etcd-cluster/lock"
	flock 9
	run -6 helper status
	[[ "$output" == *"setup         running: release; before: the mirror does not answer"* ]]
	[[ "$output" != *"tries again"*"in"* ]]
	run -6 --separate-stderr helper status --json
	exec 9>&-
	[ "$(jq -c .setup <<<"$output")" = '{"state":"running","exit":6,"message":"the mirror does not answer",'`
		`'"hint":"look at RELEASE_URL","step":"release","next_try_seconds":null,"progress":null}' ]
}

@test "pending and failed: the time of the next try" {
	now=$(awk '{ printf "%d", $1 * 1000 }' /proc/uptime)
	outcome STATE=failed EXIT=3 TRIES=0 NEXT_MS=$((now + 42000)) MESSAGE=no HINT=
	run -5 helper status
	[[ "$output" =~ "tries again by itself in "[34][0-9]" s" ]]
	run -5 --separate-stderr helper status --json
	[[ "$output" =~ '"next_try_seconds":'[34][0-9]',' ]]
}

@test "a failed setup: exit 5, with its message" {
	outcome STATE=failed EXIT=4 'MESSAGE="the tarball is not the one that was promised"' HINT=
	run -5 helper status
	[[ "$output" == *"setup         failed: the tarball is not the one that was promised"* ]]
}

@test "an error in cluster.conf of a formed member: what was found is shown, the error first; exit 5" {
	printf '%s\n' CLUSTER_ID=0000000000000001 MEMBER_ID=0000000000000002 NAME=n1 >"$root/etc/etcd/member-id"
	mkdir "$root/etc/etcd/last-good"
	printf '%s\n' NAME=n1 CLIENT_PORT=9 EXTRA_SANS=old.example.test >"$root/etc/etcd/last-good/cluster.conf"
	echo ETCD_NAME=n1 >"$root/etc/etcd/last-good/etcd.env"
	(cd "$root/etc/etcd/last-good" && printf '%s\n' "CONF_SHA256=$(sha256sum <cluster.conf | cut -c 1-64)" \
		"ENV_SHA256=$(sha256sum <etcd.env | cut -c 1-64)" CLUSTER_ID=0000000000000001 MEMBER_ID=0000000000000002 >state)
	conf NAME=n1 EXTRA_SANS=new.example.test CLIENT_PROT=2379
	run -5 helper status
	[ "$(grep -m 1 '^bad' <<<"$output")" = \
		"bad   $root/etc/etcd/cluster.conf:3: unknown key CLIENT_PROT; did you mean CLIENT_PORT" ]
	[[ "$output" == *"do not apply until it is corrected: EXTRA_SANS"* ]]
	run -5 --separate-stderr helper status --json
	[ "$(jq -r '.findings[0] | select(.code == "conf_broken") | .what' <<<"$output" | grep -c CLIENT_PROT)" -eq 1 ]
	rm "$root/etc/etcd/cluster.conf"
	run -5 helper status
	[[ "$output" == *"cluster.conf is missing"* ]]
	# Another member's settings do not count.
	sed -i s/^MEMBER_ID=.*/MEMBER_ID=0000000000000003/ "$root/etc/etcd/member-id"
	run -3 helper status
}

@test "an error in cluster.conf: exit 3 with file and line" {
	conf NAME=n1 CLIENT_PROT=2379
	run -3 helper status
	[[ "$output" == *"cluster.conf:2:"*CLIENT_PORT* ]]
}

@test "status changes nothing and uses no proxy" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5 -subj /CN=root \
		-keyout "$root/etc/etcd/pki/etcdctl-etcd-client.key" -out "$root/etc/etcd/pki/etcdctl-etcd-client.crt" 2>/dev/null
	cp "$root/etc/etcd/pki/etcdctl-etcd-client.crt" "$root/etc/etcd/pki/ca.crt"
	before=$(tree)
	https_proxy=http://192.0.2.1:1 HTTPS_PROXY=http://192.0.2.1:1 ALL_PROXY=http://192.0.2.1:1 run -5 helper status
	[[ "$output" == *"https://127.0.0.1:9: Connection refused"* ]]
	[ "$(tree)" = "$before" ]
}

@test "an unreadable certificate: the message asks for root" {
	local without=() asks='only root sees it'

	# Without the capability to override modes, root is an ordinary user.
	[ "$(id -u)" -ne 0 ] || without=(setpriv "--bounding-set=-dac_override,-dac_read_search") asks='run it as root'
	touch "$root"/etc/etcd/pki/{ca.crt,etcdctl-etcd-client.crt,etcdctl-etcd-client.key}
	chmod 0 "$root"/etc/etcd/pki/etcdctl-etcd-client.key
	run -5 "${without[@]}" "$ETCD_CLUSTER" --root "$root" status
	[[ "$output" == *"$asks"* ]]
	# An unreadable directory does not count as empty.
	chmod 0 "$root"/etc/etcd/pki
	run -5 "${without[@]}" "$ETCD_CLUSTER" --root "$root" status
	chmod 0700 "$root"/etc/etcd/pki
	[[ "$output" == *"$asks"* ]]
}

@test "a download of setup: name, size, speed and time left" {
	outcome STATE=running STEP=release EXIT=0 TRIES=0
	printf '%020d %020d %020d %s\n' 12582912 25165824 3145728 etcd-v3.6.14-linux-amd64.tar.gz \
		>"$root/run/etcd-cluster/progress"
	# Of a setup that was killed nothing is left to do.
	run -6 helper status
	[[ "$output" != *MiB* ]]
	exec 9>"$root/run/etcd-cluster/lock"
	flock 9
	run -6 helper status
	[[ "$output" == *"etcd-v3.6.14-linux-amd64.tar.gz: 12.0 of 24.0 MiB, 50 %, 3.0 MiB/s, 4 s left"* ]]
	run -6 --separate-stderr helper status --json
	exec 9>&-
	[ "$(jq -c .setup.progress <<<"$output")" = '{"name":"etcd-v3.6.14-linux-amd64.tar.gz","done_bytes":12582912,'`
		`'"total_bytes":25165824,"bytes_per_second":3145728,"seconds_left":4}' ]
}

@test "the worst comes first, nothing twice, in 100 columns without colours" {
	conf NAME=n1 CLIENT_PORT=9 "EXTRA_SANS=$(seq -f 'a-rather-long-name-%g.example.test' -s , 9)"
	outcome STATE=pending EXIT=6 "MESSAGE=\"$(seq -f 'a word of a long reason %g' -s ', ' 12)\"" HINT=
	mkdir -p "$root/var/lib/etcd-cluster"
	for verb in status check; do
		COLUMNS='' run helper $verb
		echo "$output"
		[ "$(grep -v '^ *\(-> \)\{0,1\}etcd-cluster ' <<<"$output" | wc -L)" -le 100 ]
		[[ "$output" != *$'\033'* ]]
		[ "$(grep -E '^(bad|warn|ok) ' <<<"$output" | cut -c 1-4 | uniq | wc -l)" -le 3 ]
		[ -z "$(grep -E '^(bad|warn|ok) ' <<<"$output" | sort | uniq -d)" ]
	done
	COLUMNS=60 run helper status
	[ "$(wc -L <<<"$output")" -le 60 ]
}

@test "a command is whole on a line of its own, whatever the width, and can be pasted" {
	local file line n=0 hint="mount the disk or put the data back; to give it up and start empty: "

	for file in one two; do
		: >"$root/etc/etcd/$file"
		hint+="mv $root/etc/etcd/$file $root/etc/etcd/$file-that-nobody-needs; "
	done
	conf NAME=n1 CLIENT_PORT=9
	outcome STATE=failed EXIT=3 MESSAGE=lost "HINT=\"$hint and if the machine is new: etcd-cluster setup --adopt-machine\""
	COLUMNS=60 run helper status
	while read -r line; do
		case $line in
		mv\ *)
			eval "$line"
			n=$((n + 1))
			;;
		*) [ ${#line} -le 60 ] || [[ $line == *"/"* ]] ;;
		esac
	done <<<"$output"
	[ $n -eq 2 ]
	[ -e "$root/etc/etcd/one-that-nobody-needs" ]
	[ -e "$root/etc/etcd/two-that-nobody-needs" ]
	grep -q 'etcd-cluster setup --adopt-machine$' <<<"$output"
}

@test "colours on a terminal, unless NO_COLOR or TERM=dumb" {
	run env -u NO_COLOR TERM=xterm script -qec "$ETCD_CLUSTER --root $root status" /dev/null
	[[ "$output" == *$'\033[1;31mbad'* ]]
	run env NO_COLOR=1 TERM=xterm script -qec "$ETCD_CLUSTER --root $root status" /dev/null
	[[ "$output" == *"bad   etcd"* ]]
	[[ "$output" != *$'\033'* ]]
	run env -u NO_COLOR TERM=dumb script -qec "$ETCD_CLUSTER --root $root status" /dev/null
	[[ "$output" != *$'\033'* ]]
}

@test "--watch draws it again on a terminal, until it is interrupted" {
	run -3 helper status --watch
	[[ "$output" == *"needs a terminal"* ]]
	: >"$BATS_TEST_TMPDIR/screen"
	TERM=xterm timeout 60 script -qefc "$ETCD_CLUSTER --root $root status --watch" "$BATS_TEST_TMPDIR/screen" \
		>/dev/null 2>&1 3>&- </dev/null &
	for _ in {1..600}; do
		[ "$(grep -c 'not been set up' "$BATS_TEST_TMPDIR/screen")" -lt 2 ] || break
		sleep 0.05
	done
	kill $!
	[ "$(grep -cF $'\033[H\033[J' "$BATS_TEST_TMPDIR/screen")" -ge 2 ]
}

@test "a typo in cluster.conf of a machine without a member: all that can be seen, also as JSON" {
	conf NAME=n1 CLIENT_PROT=2379
	run -3 --separate-stderr helper status --json
	[ "$(jq -r '.findings[0].code' <<<"$output")" = conf_broken ]
	[[ "$(jq -r '.findings[0].fix' <<<"$output")" == *"etcd-cluster setup" ]]
	run -3 helper status
	[ "$(grep -c CLIENT_PROT <<<"$output")" -eq 1 ]
	run -3 helper check
	run -3 helper check --start
}

@test "usage" {
	run -3 helper status extra
	run -3 helper status --jsno
	run -0 helper status --help
	[[ "$output" == *"status [--watch] [--json]"* ]]
}
