# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The enrolment server under systemd: only on the CA host, sandboxed, limited, and restarted after a crash.
# shellcheck disable=SC2016,SC2154 # scripts for the machines; names of machine.bash
load cluster
load ../lib/processes

setup_file() {
	installed 46 bookworm bookworm bookworm
}

# knocks TIMES: opens and closes so many connections from n1; each tenth sends a text other than TLS.
knocks() {
	on n1 "bash -c 'for i in \$(seq $1); do
		exec 3<>/dev/tcp/$(v4 n1)/2382 || exit 1
		[ \$((i % 10)) -ne 0 ] || echo \"GET / HTTP/1.0 \$i\" >&3 || true
		exec 3>&-
	done' 2>/dev/null"
}

# half_open SECONDS: holds a hundred connections from n1 without sending anything.
half_open() {
	on n1 "bash -c 'for i in \$(seq 100); do exec {fd}<>/dev/tcp/$(v4 n1)/2382; done; sleep $1' 2>/dev/null"
}

# The process of the server and its children; resident prints their memory in KiB: their own pages. Those of files may
# be shared with programs of other machines, which come and go.
pids='pid=$(systemctl show -P MainPID etcd-cluster-enroll.service); pids="$pid $(cat /proc/$pid/task/$pid/children)"'
resident() {
	on n1 "$pids"'
	for p in $pids; do sed -n "s/^Anonymous:[^0-9]*\([0-9]*\) kB/\1/p" /proc/$p/smaps_rollup; done |
		awk "{ sum += \$1 } END { print sum }"'
}

lines() {
	on n1 'journalctl -q -o cat -u etcd-cluster-enroll.service | wc -l'
}

@test "only the CA host runs an enrolment server; its exposure is 2.5 at most" {
	MACHINES='n1 n2' form
	[ "$(on n1 'systemctl is-active etcd-cluster-enroll.socket')" = active ]
	[ "$(on n2 'systemctl is-active etcd-cluster-enroll.socket')" = inactive ]
	on n1 'ss -Hltn "sport = 2382" | grep -q .'
	score=$(on n1 'systemd-analyze security --no-pager etcd-cluster-enroll.service' |
		sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
	echo "# systemd-analyze security etcd-cluster-enroll.service: $score" >&3
	[ "${score/./}" -le 25 ]
}

@test "a thousand connects: the socket stays, memory is flat, the journal has a few lines, and n2 renews meanwhile" {
	on n2 'etcd-cluster cert renew --force'
	on n1 wait_for "$pids"' && [ "$pids" = "$pid " ]'
	before=$(resident)
	before_lines=$(lines)
	half_open 20 &
	holder=$!
	on n1 wait_for "[ \$(ss -Htn state established 'dport = 2382' | wc -l) -ge 4 ]"
	during=$(resident)
	knocks 1000
	on n2 'etcd-cluster cert renew --force'
	wait $holder
	on n1 wait_for "$pids"' && [ "$pids" = "$pid " ]'
	after=$(resident)
	more=$(($(lines) - before_lines))
	echo "# KiB resident, all processes: $before before, $during with half-open ones, $after after 1100 connections;" \
		"$more lines in the journal" >&3
	# 32 connections at most, 4 from one address; each child copies little memory.
	[ "$before" -gt 0 ] && [ $((during - before)) -le 65536 ] && [ $((after - before)) -le 256 ]
	[ $more -le 20 ]
	on n1 'journalctl -q -o cat -u etcd-cluster-enroll.service | grep "^refused 10.77.46.1"'
	[ "$(on n1 'systemctl is-active etcd-cluster-enroll.socket')" = active ]
	on n2 'etcd-cluster cert renew --force'
}

# occupy FROM TIMES: holds connections to n1 from addresses of the bridge's side until release; knock.py has the words.
occupy() {
	local to
	case $1 in *:*) to=$(v6 n1) ;; *) to=$(v4 n1) ;; esac
	rm -f "$BATS_TEST_TMPDIR/stop" && mkfifo "$BATS_TEST_TMPDIR/stop"
	exec 9<>"$BATS_TEST_TMPDIR/stop"
	$machine net n1 python3 "$top/tests/lib/knock.py" occupy "$to" 2382 "$2" "$1" <&9 >"$BATS_TEST_TMPDIR/held" 3>&- &
	occupier=$!
	for _ in $(seq 300); do
		! grep -q held "$BATS_TEST_TMPDIR/held" || return 0
		sleep 0.1
	done
	return 1
}

release() {
	echo >&9
	wait $occupier
	exec 9>&-
	echo "# $1: $(tail -n 1 "$BATS_TEST_TMPDIR/held") connections" >&3
}

@test "a whole IPv6 /64, then 50 IPv4 addresses hold all they get: n2 renews, few lines in the journal" {
	$machine net n1 sh -ec "echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind; ip link set lo up
		ip -6 address add fd00:77:46::fe/64 dev br0 nodad
		ip -6 route add local fd00:77:46:9::/64 dev lo; ip route add local 10.77.46.64/26 dev lo
		ip route add local 10.77.46.128/26 dev lo"
	on n1 'ip -6 route add fd00:77:46:9::/64 via fd00:77:46::fe'
	on n2 'etcd-cluster cert renew --force'
	before=$(resident)
	before_lines=$(lines)
	occupy fd00:77:46:9:: 300
	for _ in 1 2 3 4 5; do
		on n2 'etcd-cluster cert renew --force'
		on n3 "timeout 20 openssl s_client -tls1_3 -connect $(v4 n1):2382 </dev/null 2>&1 | grep -q 'BEGIN CERTIFICATE'"
	done
	during=$(resident)
	release 'the /64'
	# At most 16 of the addresses have something to report in a minute; the network as a whole has one line.
	more=$(($(lines) - before_lines))
	echo "# KiB resident, all processes: $before before, $during with them; $more lines in the journal" >&3
	[ $((during - before)) -le 65536 ]
	[ "$(on n1 'journalctl -q -o cat -u etcd-cluster-enroll.service | grep -c "^refused fd00:77:46:9::/64: "')" -eq 1 ]
	occupy 10.77.46. 300
	for _ in 1 2 3 4 5; do
		on n2 'etcd-cluster cert renew --force'
	done
	release 'the 50 addresses'
}

# asks EXIT KEY=VALUE…: runs setup on n3 with n1's token; without a release it ends after the certificates.
asks() {
	local want=$1
	shift
	on n3 'rm -rf /etc/etcd/pki* /etc/etcd/enroll-token; umask 077; cat /root/token >/etc/etcd/enroll-token'
	on n3 answers "RELEASE=$etcd_version" RELEASE_URL=none ROLE=join "JOIN=$(v4 n1)" "$@"
	on n3 "rc=0; timeout 300 etcd-cluster setup 2>/root/log || rc=\$?; cat /root/log; [ $want = any ] || [ \$rc = $want ]"
}

@test "an attacker with a valid token: no name or address of n2, no other source; a token is for one machine" {
	on n3 answers ROLE=none
	package n3
	token=$(on n1 'etcd-cluster token new')
	on n3 "umask 077; echo $token >/root/token"
	# With the address of n2 on n3 the program connects from it, and the answers go to n2.
	on n3 "ip address add $(v4 n2)/32 dev lo"
	run asks any NAME=n2 "ADDRESS=$(v4 n2)"
	echo "$output" && [ "$status" -eq 0 ]
	on n3 'fails ls /etc/etcd/pki/peer.crt'
	run asks 4 NAME=n2 "ADDRESS=$(v4 n3)"
	echo "$output" && [ "$status" -eq 0 ]
	[[ "$output" == *"is not what MEMBERS on the CA host says"* ]]
	run asks 4 NAME=n3 "ADDRESS=$(v4 n2)"
	echo "$output" && [ "$status" -eq 0 ]
	run asks 4 NAME=n1 "ADDRESS=$(v4 n3)"
	echo "$output" && [ "$status" -eq 0 ]
	run asks 4 NAME=n3 "ADDRESS=$(v4 n3)" EXTRA_SANS=etcd.example.test
	echo "$output" && [ "$status" -eq 0 ]
	[[ "$output" == *"etcd.example.test is not among the EXTRA_SANS"* ]]
	on n3 "ip address del $(v4 n2)/32 dev lo"
	on n1 'ip neighbour flush all' # it may have learned that n3 has that address
	on n1 wait_for 'etcd-cluster status'
	on n3 'fails ls /etc/etcd/pki/peer.crt'
	# A correct request is served. Then the token is used up for another name, and for the same name with another key.
	run asks any NAME=n3 "ADDRESS=$(v4 n3)"
	echo "$output" && [ "$status" -eq 0 ]
	on n3 '[ -e /etc/etcd/pki/peer.crt ] && [ ! -e /etc/etcd/enroll-token ]'
	run asks 4 NAME=n4 "ADDRESS=$(v4 n3)"
	echo "$output" && [ "$status" -eq 0 ]
	run asks 4 NAME=n3 "ADDRESS=$(v4 n3)"
	echo "$output" && [ "$status" -eq 0 ]
	[[ "$output" == *"with this token already, and with another key"* ]]
	on n1 'ls /etc/etcd/enroll/members | xargs' | grep -qx 'n2 n3'
	on n1 "fails journalctl -q -o cat -u etcd-cluster-enroll.service --grep $token"
}

# asks_nat [OPTION…]: with a token of n1 for n5 behind NAT; fails unless the exit status is $want.
asks_nat() {
	token=$(on n1 "etcd-cluster token new --name n5 --address 10.99.46.3 $*")
	on n3 "umask 077; echo $token >/root/token"
	run asks "$want" NAME=n5 ADDRESS=10.99.46.3
	echo "$output" && [ "$status" -eq 0 ]
}

@test "behind NAT a machine needs a token that names the address from which it comes" {
	$machine net n1 sh -ec 'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0
		sysctl -qw net.ipv4.conf.br0.send_redirects=0
		ip address add 10.99.46.254/24 dev br0
		nft "table ip nat { chain post { type nat hook postrouting priority srcnat; ip saddr 10.99.46.0/24 masquerade; }; }"'
	on n3 'ip -4 address flush dev host0
	ip address add 10.99.46.3/24 dev host0
	ip route replace default via 10.99.46.254'
	want=4 asks_nat
	[[ "$output" == *"asks from 10.77.46.254, which is not what ADDRESS 10.99.46.3 stands for"* ]]
	want=4 asks_nat --from 10.77.46.253
	on n3 'fails ls /etc/etcd/pki/peer.crt'
	want=any asks_nat --from 10.77.46.254
	on n3 'openssl x509 -in /etc/etcd/pki/peer.crt -noout -checkip 10.99.46.3 | grep -q "does match"'
	on n3 "ip -4 address flush dev host0; ip address add $(v4 n3)/24 dev host0; ip route replace default via 10.77.46.254"
	$machine net n1 nft delete table ip nat
}

# tree: the processes of the server, a line each: uid, CapEff, NoNewPrivs and Seccomp; children below their parents.
tree() {
	on n1 'pid=$(systemctl show -P MainPID etcd-cluster-enroll.service)
	for p in $pid $(for s in $(cat /proc/$pid/task/$pid/children); do echo $s $(cat /proc/$s/task/$s/children); done); do
		'"awk '$status_awk' /proc/\$p/status"'
	done 2>/dev/null || true'
}

# shows ROW…: the tree gets these rows within ten seconds.
shows() {
	local want
	want=$(for name; do row "$name"; done)
	for _ in $(seq 50); do
		output=$(tree)
		[ "$output" != "$want" ] || return 0
		sleep 0.2
	done
	printf 'wanted:\n%s\nthere:\n%s\n' "$want" "$output"
	return 1
}

@test "the processes of a connection are as security.md says, also while etcd is asked and does not answer" {
	on n1 wait_for "$pids"' && [ "$pids" = "$pid " ]'
	on n1 "bash -c 'exec 3<>/dev/tcp/$(v4 n1)/2382; sleep 4'" &
	holder=$!
	shows server signer parser
	wait $holder
	on n1 wait_for "$pids"' && [ "$pids" = "$pid " ]
	systemctl kill -s STOP etcd'
	on n2 'etcd-cluster cert renew --force || true' &
	holder=$!
	shows server signer parser asker || failed=1
	on n1 'systemctl kill -s CONT etcd'
	wait $holder
	[ -z "${failed-}" ]
	on n1 wait_for 'etcd-cluster status'
}

@test "after a kill and after a minute without connections the next connection is served" {
	on n1 'systemctl kill -s KILL etcd-cluster-enroll.service'
	on n2 'etcd-cluster cert renew --force'
	on n1 wait_for '[ "$(systemctl is-active etcd-cluster-enroll.service)" = inactive ]'
	[ "$(on n1 'systemctl is-active etcd-cluster-enroll.socket')" = active ]
	on n2 'etcd-cluster cert renew --force'
}

@test "an invalid cluster.conf blocks renewals only until it is corrected, and the journal has the reason" {
	on n1 'cp /etc/etcd/cluster.conf /root/ && echo NONSENSE=1 >>/etc/etcd/cluster.conf'
	on n2 'etcd-cluster cert renew --force' || true
	on n1 wait_for 'journalctl -q -o cat -u etcd-cluster-enroll.service | grep -q NONSENSE'
	on n1 'cp /root/cluster.conf /etc/etcd/'
	on n2 'etcd-cluster cert renew --force'
}

@test "another ENROLL_PORT moves the enrolment server; ROLE=none stops it" {
	ONLY_ON='n1 n2' each 'echo ENROLL_PORT=2392 >>/etc/etcd/cluster.conf'
	on n1 'etcd-cluster setup'
	on n1 'ss -Hltn "sport = 2392" | grep -q .'
	on n1 'fails sh -c "ss -Hltn \"sport = 2382\" | grep -q ."'
	on n2 'etcd-cluster cert renew --force'
	on n1 'sed -i "s/^ROLE=.*/ROLE=none/" /etc/etcd/cluster.conf
	rc=0; etcd-cluster setup || rc=$?; [ $rc -eq 0 ] || [ $rc -eq 2 ]'
	[ "$(on n1 'systemctl is-active etcd-cluster-enroll.socket')" != active ]
}
