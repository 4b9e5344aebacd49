#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Situation, hint, result: each row makes a situation, reads the hint that the program prints there, does what the hint
# says, and looks whether that was the way out. The last test knows all hints of the program: a new one needs a row
# here, or a test that names it.
# shellcheck disable=SC2034,SC2154 # names of hints.bash

bats_require_minimum_version 1.5.0
load hints

@test "cluster.conf" {
	printf 'NAME=n1\r\n' >"$etc/cluster.conf"
	says "sed -i 's/\\r\$//' %s" setup
	types
	gone setup

	one EXTRA_SANS=a,b c
	conf "EXTRA_SANS=a.example b.example"
	says 'write %s="the value"' setup
	conf 'EXTRA_SANS="a.example b.example"'
	gone setup

	one COLOUR=red
	says 'man cluster.conf lists the keys; --some-option of etcd itself is written ETCD_SOME_OPTION' setup
	one ETCD_LOG_LEVEL=warn
	gone setup

	one ETCD_NAME=n1
	says 'it is made from %s; set that instead' setup
	[[ $hint == *"from NAME;"* ]]
	one
	gone setup

	conf ADDRESS=127.0.0.1
	echo -bad- >"$root/etc/hostname"
	says 'write NAME= and a name of letters, digits and hyphens in %s' setup
	one
	gone setup

	fresh
	echo other >"$root/etc/hostname"
	conf ROLE=cluster MEMBERS=n1=203.0.113.1,n2=203.0.113.2,n3=203.0.113.3
	says 'write NAME= and the name of its entry in %s' setup
	echo NAME=n2 >>"$etc/cluster.conf"
	gone setup

	one RELEASE_URL=https://127.0.0.1:1/ RELEASE_CA_FILE=/etc/etcd/mirror.crt RELEASE=3.6.14
	sed -i 1d "$etc/cluster.conf"
	says 'correct RELEASE_CA_FILE in %s' release fetch
	sed -i '/RELEASE_CA_FILE/d' "$etc/cluster.conf"
	gone release fetch

	helper release fetch --no-such-option 2>&1 | grep -q -- --help
	says '%s --help' token new --no-such-option
	types
	says 'did you mean: %s %s' sttus
	[[ $hint == *"etcd-cluster status" ]]
}

@test "a release" {
	one
	rm "$root/usr/share/etcd-cluster/releases.sha256"
	says 'write RELEASE=... into %s' setup
	one RELEASE=3.6.14
	gone setup

	fresh
	one RELEASE=3.6.14
	says 'copy it there, then: etcd-cluster setup' setup
	cp "$DATA"/*.tar.gz "$cache"
	types
	gone setup
	[ -x "$releases/current/etcd" ]

	printf '%s\n' CLUSTER_ID=0000000000000001 MEMBER_ID=0000000000000002 NAME=n1 >"$etc/member-id"
	one
	mv "$releases/current" "$BATS_TEST_TMPDIR/former"
	says 'write the RELEASE that it ran into %s, then: etcd-cluster setup' setup
	echo RELEASE=3.6.14 >>"$etc/cluster.conf"
	types
	gone setup
	helper release install 3.4.30
	ln -sfn v3.4.30 "$releases/current"
	says 'go to %u.%u first' release use 3.6.14
	helper release install 3.5.30
	helper release use 3.5.30
	gone release use 3.6.14
	rm "$etc/member-id"

	rm "$releases/current"
	mkdir "$releases/v9"
	ln -s v9 "$releases/current"
	says 'remove it, then: etcd-cluster setup' setup
	rm "$releases/current"
	types
	gone setup
	[ -x "$releases/current/etcd" ]

	fresh
	one RELEASE=system
	says 'install it, or name a version in RELEASE' release install system
	mkdir -p "$root/usr/bin"
	tar -xzf "$DATA/etcd-v3.5.30-linux-$ARCH.tar.gz" -C "$BATS_TEST_TMPDIR"
	cp "$BATS_TEST_TMPDIR"/etcd-v3.5.30*/etcd* "$root/usr/bin"
	helper release install system
	helper setup || :
	says 'choose another version; etcd-cluster release list shows the newest that this package pins' release install 3.5.1
	[[ $(helper release list) == *3.6.14* ]]
}

@test "certificates" {
	one
	says 'etcd-cluster setup' cert issue client --name app
	types
	gone cert issue client --name app
	says 'etcd-cluster cert issue client --name CN' cert issue client
	says 'to allow it: --allow-root' cert issue client --name root
	gone cert issue client --name root --allow-root
	mkdir "$BATS_TEST_TMPDIR/out"
	echo other >"$BATS_TEST_TMPDIR/out/app.crt"
	says 'move it away, or choose another name' cert issue client --name app --out "$BATS_TEST_TMPDIR/out"
	mv "$BATS_TEST_TMPDIR/out/app.crt" "$BATS_TEST_TMPDIR/"
	gone cert issue client --name app --out "$BATS_TEST_TMPDIR/out"

	cp -r "$pki" "$BATS_TEST_TMPDIR/pki"
	openssl genpkey -algorithm ed25519 -out "$pki/ca.key"
	says 'put the two files of one CA there' setup
	cp "$BATS_TEST_TMPDIR/pki/ca.key" "$pki/"
	gone setup

	rm "$pki/ca.crt"
	says 'put the ca.crt that belongs to them there, or move them away to have %s' setup
	[[ $hint == *"a new CA made" ]]
	cp "$BATS_TEST_TMPDIR/pki/ca.crt" "$pki/"
	gone setup
	rm "$pki/ca.crt"
	mv "$pki" "$pki.away"
	gone setup
	[ -e "$pki/ca.crt" ]

	fresh
	one
	export ETCD_CLUSTER_NOW=100000000
	says 'set the clock (timedatectl), then run: etcd-cluster setup' setup
	says 'timedatectl set-ntp true, or date --set=TIME' check
	unset ETCD_CLUSTER_NOW
	gone check
	gone setup

	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 300 -subj /CN=narrow \
		-addext keyUsage=critical,keyCertSign,cRLSign -addext 'nameConstraints=critical,permitted;DNS:example.org' \
		-keyout "$BATS_TEST_TMPDIR/narrow.key" -out "$BATS_TEST_TMPDIR/narrow.crt" 2>/dev/null
	rm -r "$pki"
	mkdir -m 750 "$pki"
	cp "$BATS_TEST_TMPDIR/narrow.crt" "$pki/ca.crt"
	install -m 600 "$BATS_TEST_TMPDIR/narrow.key" "$pki/ca.key"
	says 'use a CA that may sign server and client certificates for these names' setup
	cp "$BATS_TEST_TMPDIR/pki"/ca.* "$pki"
	gone setup

	openssl req -x509 -newkey rsa:1024 -nodes -days 300 -subj /CN=weak -keyout "$BATS_TEST_TMPDIR/weak.key" \
		-out "$BATS_TEST_TMPDIR/weak.crt" 2>/dev/null
	rm -r "$pki"
	mkdir -m 750 "$pki"
	cp "$BATS_TEST_TMPDIR/weak.crt" "$pki/ca.crt"
	install -m 600 "$BATS_TEST_TMPDIR/weak.key" "$pki/ca.key"
	says 'use a CA with RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519' setup
	cp "$BATS_TEST_TMPDIR/pki"/ca.* "$pki"
	gone setup
}

@test "a CA that is elsewhere" {
	one
	helper setup || :
	echo a long secret >"$BATS_TEST_TMPDIR/word"
	chmod 600 "$BATS_TEST_TMPDIR/word"
	helper ca export --passphrase-file "$BATS_TEST_TMPDIR/word" "$BATS_TEST_TMPDIR/ca.pem"

	fresh
	one
	helper setup || :
	says 'a CA in use is not replaced; if it must be, first move %s away' \
		ca import --passphrase-file "$BATS_TEST_TMPDIR/word" "$BATS_TEST_TMPDIR/ca.pem"
	mv "$pki" "$pki.away"
	helper ca import --passphrase-file "$BATS_TEST_TMPDIR/word" "$BATS_TEST_TMPDIR/ca.pem"
	gone setup


	echo CA=external >>"$etc/cluster.conf"
	says 'move it away (etcd-cluster ca export keeps a copy), or take CA=external out' setup
	mv "$pki/ca.key" "$BATS_TEST_TMPDIR/"
	gone setup

	# A machine with copied certificates asks the one with the key.
	fresh
	conf ROLE=cluster NAME=n1 MEMBERS=n1=127.0.0.1,n2=127.0.0.2,n3=127.0.0.3
	one
	helper setup || :
	conf ROLE=cluster NAME=n1 MEMBERS=n1=127.0.0.1,n2=127.0.0.2,n3=127.0.0.3
	says 'etcd-cluster setup makes its certificates' bundle --out "$BATS_TEST_TMPDIR/n.tar" n1=127.0.0.1
	gone bundle --out "$BATS_TEST_TMPDIR/n.tar" n2=127.0.0.2
	mv "$pki/ca.key" "$BATS_TEST_TMPDIR/"
	says 'where it is: etcd-cluster bundle %s=%s' cert renew --force
	rm "$pki/server.crt"
	says 'etcd-cluster bundle %s=%s where ca.key is makes them; or copy ca.key there, too' setup
	mv "$BATS_TEST_TMPDIR/ca.key" "$pki/"
	gone setup
	gone cert renew --force
}

@test "tokens" {
	conf NAME=n2 ROLE=join JOIN=203.0.113.1 ADDRESS=203.0.113.2
	says 'run it on the CA host' token new
	conf NAME=n1 ADDRESS=203.0.113.1
	says 'etcd-cluster setup makes it' token new
	helper setup || :
	gone token new
	helper token new >/dev/null

	says 'etcd-cluster token new --%s --name NAME --address ADDRESS' token new --from 203.0.113.9
	[[ $hint == "etcd-cluster token new --from IP --name"* ]]
	helper token new --from 203.0.113.9 --name n3 --address 203.0.113.3 >/dev/null
	says 'etcd-cluster token new --%s --name NAME --address ADDRESS' token new --recovery
	[[ $hint == "etcd-cluster token new --recovery --name"* ]]
	helper token new --recovery --name n3 --address 203.0.113.3 >/dev/null

	conf ROLE=cluster NAME=n1 MEMBERS=n1=203.0.113.1,n2=203.0.113.2,n3=203.0.113.3
	says 'correct MEMBERS in %s, or leave out one of --name and --address' token new --name n2 --address 203.0.113.7
	gone token new --name n2
	sed -i s/203.0.113.2/203.0.113.7/ "$etc/cluster.conf"
	gone token new --name n2 --address 203.0.113.7

	says 'etcd-cluster setup opens the enrolment port; by hand: etcd-cluster enroll --listen ADDRESS:PORT' enroll
	"$ETCD_CLUSTER" --root "$root" enroll --listen "127.0.0.1:$((21000 + ${TEST_SLOT:-0}))" \
		>"$BATS_TEST_TMPDIR/enroll" 2>&1 3>&- &
	server=$!
	for _ in {1..100}; do
		(: <>"/dev/tcp/127.0.0.1/$((21000 + ${TEST_SLOT:-0}))") 2>/dev/null && break
		sleep 0.1
	done
	(: <>"/dev/tcp/127.0.0.1/$((21000 + ${TEST_SLOT:-0}))")
}

@test "this machine" {
	local port

	one RELEASE=3.6.14
	cp "$DATA"/*.tar.gz "$cache"
	helper setup || :
	python3 -c '
import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(600)' >"$BATS_TEST_TMPDIR/port" 3>&- &
	server=$!
	until [ -s "$BATS_TEST_TMPDIR/port" ]; do sleep 0.1; done
	port=$(<"$BATS_TEST_TMPDIR/port")
	sed -i "s/^CLIENT_PORT=.*/CLIENT_PORT=$port/" "$etc/cluster.conf"
	helper setup || :
	says 'stop %s, or set CLIENT_PORT, PEER_PORT or METRICS_URL in cluster.conf' check
	kill $server
	wait $server || :
	unset server
	gone check
	one RELEASE=3.6.14

	fresh
	conf NAME=n1 ADDRESS=203.0.113.9
	says 'ip address shows which are; set ADDRESS in cluster.conf, then etcd-cluster setup' check
	one
	gone check

	conf NAME=n1 ADDRESS=no-such-host.invalid
	says 'add it to DNS or /etc/hosts, or set ADDRESS in cluster.conf' check
	one
	gone check

	mkdir -p "$root/etc/systemd/system" "$root/usr/lib/systemd/system"
	echo '[Service]' | tee "$root/usr/lib/systemd/system/etcd.service" >"$root/etc/systemd/system/etcd.service"
	says 'systemctl revert etcd.service' check
	rm "$root/etc/systemd/system/etcd.service" # as systemctl revert does
	gone check

	conf ROLE=cluster NAME=n1 MEMBERS=n1=127.0.0.1,n2=127.0.0.2
	says 'have one, or three' check
	conf ROLE=cluster NAME=n1 MEMBERS=n1=127.0.0.1,n2=127.0.0.2,n3=no-such-host.invalid
	gone check
	says 'add it to DNS or /etc/hosts' check
	sed -i s/no-such-host.invalid/127.0.0.3/ "$etc/cluster.conf"
	gone check
}

@test "modes" {
	one
	says 'etcd-cluster setup%s' status
	types
	grep -qx STATE=pending "$root/run/etcd-cluster/setup"
	chmod 666 "$etc/cluster.conf"
	says 'chmod go-w %s' check
	types
	gone check
	if [ "$(id -u)" -eq 0 ]; then
		chown nobody "$root/usr/share/etcd-cluster/releases.sha256"
		says 'chown root:root %s' release install 3.6.14
		types
		gone release install 3.6.14
	fi
	chmod 755 "$root/var/lib/etcd-cluster"
	says 'chmod 0700 %s' check
	types
	gone check
	cp "$DATA"/*.tar.gz "$cache"
	chmod 666 "$root/usr/share/etcd-cluster/releases.sha256"
	says 'chmod go-w %s' release install 3.6.14
	types
	gone release install 3.6.14
}

@test "what this machine is" {
	one
	says 'etcd-cluster join %s' join http://127.0.0.2:2379
	types
	grep -qx 'ROLE="\{0,1\}join"\{0,1\}' "$etc/cluster.conf"

	conf ROLE=cluster NAME=n1 MEMBERS=n1=127.0.0.1,n2=127.0.0.2,n3=127.0.0.3
	printf '%s\n' CLUSTER_ID=0000000000000001 MEMBER_ID=0000000000000002 NAME=n1 >"$etc/member-id"
	says 'etcd-cluster status; to give this member up: etcd-cluster leave' init
	[[ $(helper status) == *n1* ]] || [ $? -eq 5 ]
}

@test "the etcd of another tool" {
	conf
	says 'systemctl status PID of that etcd shows its unit; then: etcd-cluster adopt UNIT' adopt
	mkdir -p "$root/etc/systemd/system" "$root/etc/kubernetes/manifests"
	printf '%s\n' '[Service]' ExecStart=/usr/bin/etcd >"$root/etc/systemd/system/etcd.service"
	gone adopt
	: >"$root/etc/kubernetes/manifests/etcd.yaml"
	says 'etcd-cluster adopt etcd.service, or: etcd-cluster adopt %s' adopt
	gone adopt etcd.service
}

@test "data" {
	one
	mkdir -p "$root/var/lib/etcd-cluster"
	echo hello >"$root/var/lib/etcd-cluster/notes"
	says 'move it elsewhere, or name an empty directory with DATA_DIR in cluster.conf' setup
	echo DATA_DIR=/srv/etcd >>"$etc/cluster.conf"
	gone setup
	sed -i '/DATA_DIR/d' "$etc/cluster.conf"
	mv "$root/var/lib/etcd-cluster/notes" "$BATS_TEST_TMPDIR/"
	gone setup

	mkdir -p "$root/var/lib/etcd-cluster/member/snap"
	: >"$root/var/lib/etcd-cluster/member/snap/0000000000000001-0000000000000001.snap"
	echo WAL_DIR=/srv/wal >>"$etc/cluster.conf"
	says 'is the disk for %s mounted, and is WAL_DIR in cluster.conf what it was?' setup
	rm -r "$root/var/lib/etcd-cluster/member"
	gone setup

	fresh
	one ROLE=single
	says 'etcd-cluster join ADDRESS-OF-A-MEMBER --replace' replace
	python3 -c 'import hashlib, sys
page = bytes(512)
sys.stdout.buffer.write(page + hashlib.sha256(page).digest())' >"$BATS_TEST_TMPDIR/snapshot"
	says 'etcd-cluster setup' backup verify --rehearse "$BATS_TEST_TMPDIR/snapshot"
	cp "$DATA"/*.tar.gz "$cache"
	echo RELEASE=3.6.14 >>"$etc/cluster.conf"
	types
	gone backup verify --rehearse "$BATS_TEST_TMPDIR/snapshot"
}

@test "disks, mounts and routes" {
	may_unshare
	HELPER=apart
	one
	helper setup || :
	mkdir -p "$root/var/lib/etcd-cluster"
	says 'make room there, or set DATA_DIR in cluster.conf' "mount -t tmpfs -o size=1m none $root/var/lib/etcd-cluster" \
		check
	gone : check
	says 'mount it without noexec' "mount -t tmpfs -o noexec none $releases" release install 3.6.14
	gone "mount -t tmpfs none $releases" release install 3.6.14
	says "recreate the directory: mv %s %s.copy && mv %s.copy %s" \
		"mkdir $root/u $root/w && mount -t overlay -o lowerdir=$etc,upperdir=$root/u,workdir=$root/w,userxattr none $etc &&
			echo KEY_TYPE=ecdsa-p384 >>$etc/cluster.conf" setup
	gone "mount -t overlay -o lowerdir=$etc,upperdir=$root/u,workdir=$root/w,userxattr none $etc
		${hint#*: }" setup
	cp "$etc/cluster.conf" "$BATS_TEST_TMPDIR/"
	rm -r "$pki"
	says 'make room, then run: etcd-cluster setup' \
		"mount -t tmpfs -o size=512k none $etc && cp $BATS_TEST_TMPDIR/cluster.conf $etc" setup
	gone : setup

	conf ROLE=cluster NAME=n1 MEMBERS=n1=203.0.113.1,n2=198.51.100.2,n3=203.0.113.3
	says 'ip route get %s' : check
	gone 'ip link set lo up; ip address add 203.0.113.1/24 dev lo; ip route add 198.51.100.0/24 dev lo' check
}

@test "each hint of the program is followed" {
	local named=$BATS_TEST_TMPDIR/named

	cat "$top"/tests/{cli,cluster,machine}/*.ba* "$top"/tests/unit/*.[ch] >"$named"
	"$LIB/hints" >"$BATS_TEST_TMPDIR/hints"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/hints")" -gt 300 ]
	{ followed | cut -f 2; not_followed; } | sort >"$BATS_TEST_TMPDIR/listed"
	cut -f 2 "$BATS_TEST_TMPDIR/hints" | sort -u | comm -13 - "$BATS_TEST_TMPDIR/listed" >"$BATS_TEST_TMPDIR/gone"
	[ ! -s "$BATS_TEST_TMPDIR/gone" ] || { echo "listed, but no hint:" && cat "$BATS_TEST_TMPDIR/gone" && false; }
	followed | cut -f 1 | while read -r file; do
		[ -e "$top/tests/$file" ] || { echo "no such test: $file" && return 1; }
	done
	python3 - "$BATS_TEST_TMPDIR"/{hints,listed,named} <<'END'
import re, sys
hints, listed, named = (open(f, encoding="utf-8").read() for f in sys.argv[1:])
listed = listed.splitlines()
named = re.sub(r"\\(.)", r"\1", re.sub(r'"\s*\n?\s*"', "", named))  # as C joins strings
missing = []
for hint in hints.splitlines():
    text = hint.split("\t")[1]
    words = [part.split() for part in re.split(r"%[0-9a-z.]+", text)]
    runs = [" ".join(w[i : i + 3]) for w in words for i in range(len(w) - 2)]
    known = text in listed or f"'{text}'" in named or f'"{text}"' in named
    if not known and not any(len(run) > 11 and run in named for run in runs):
        missing.append(hint)
print("\n".join(missing))
sys.exit(len(missing) > 0)
END
}
