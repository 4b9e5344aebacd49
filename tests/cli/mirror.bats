#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Downloads from good and bad mirrors (tests/lib/mirror.py). In a test build ETCD_CLUSTER_STALL is the time limit for a
# stalled mirror.

bats_require_minimum_version 1.5.0

setup_file() {
	export LIB="$BATS_TEST_DIRNAME/../lib" SITE="$BATS_FILE_TMPDIR/site" ETCD_CLUSTER_STALL=1
	unset https_proxy HTTPS_PROXY http_proxy all_proxy ALL_PROXY
	mkdir -p "$SITE/files"
	cc -O1 -o "$SITE/stub" "$LIB/etcd-stub.c"
	ARCH=$(dpkg --print-architecture 2>/dev/null || uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
	export ARCH FILE="etcd-v3.6.14-linux-$ARCH.tar.gz"
	python3 "$LIB/archives.py" good "$SITE/files/$FILE" "$SITE/stub" 3.6.14
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mirror -days 2 \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$SITE/tls.key" -out "$SITE/ca.crt" 2>/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 2 \
		-keyout /dev/null -out "$SITE/other.crt" 2>/dev/null
	cat "$SITE/tls.key" "$SITE/ca.crt" >"$SITE/tls.pem"
	python3 "$LIB/mirror.py" "$SITE" 3>&- &
	echo $! >"$SITE/pid"
	for _ in $(seq 100); do
		[ -e "$SITE/ports" ] && break
		sleep 0.1
	done
	read -r HTTP HTTPS <"$SITE/ports"
	export HTTP="http://127.0.0.1:$HTTP" HTTPS="https://127.0.0.1:$HTTPS"
}

teardown_file() {
	kill "$(cat "$SITE/pid")"
}

setup() {
	root="$BATS_TEST_TMPDIR/root"
	cache="$root/var/cache/etcd-cluster" releases="$root/usr/libexec/etcd-cluster/releases"
	mkdir -p "$root/etc/etcd/releases.sha256.d"
	(cd "$SITE/files" && sha256sum "$FILE") >"$root/etc/etcd/releases.sha256.d/site.sha256"
	cp "$SITE/ca.crt" "$SITE/other.crt" "$root/etc/etcd"
	: >"$SITE/log"
}

# from BASE…: writes the mirrors into cluster.conf.
from() {
	printf 'RELEASE=3.6.14\nRELEASE_CA_FILE=/etc/etcd/ca.crt\nRELEASE_URL="%s"\n' "$*" >"$root/etc/etcd/cluster.conf"
}

fetch() {
	run "$ETCD_CLUSTER" --root "$root" release fetch
}

# got: the cache contains the archive and nothing else.
got() {
	[ "$status" -eq 0 ] || { echo "exit $status: $output"; return 1; }
	cmp "$SITE/files/$FILE" "$cache/$FILE"
	[ "$(ls -A "$cache")" = "$FILE" ]
}

# failed CODE WORDS [FILE…]: the run ended with CODE and WORDS; the cache contains only FILE…; nothing is installed.
failed() {
	[ "$status" -eq "$1" ] || { echo "exit $status: $output"; return 1; }
	[[ $output == *"$2"* ]] || { echo "not \"$2\": $output"; return 1; }
	shift 2
	[ "$(find "$cache" -type f -printf '%f\n' | sort)" = "$(printf '%s\n' "$@" | sort)" ] || { ls -lA "$cache"; return 1; }
	[ ! -e "$releases" ]
}

requests() {
	grep -c . "$SITE/log" || true
}

@test "good mirrors: http, https, a redirect to https, file:, a directory" {
	mkdir -p "$root/srv/mirror/v3.6.14"
	cp "$SITE/files/$FILE" "$root/srv/mirror/v3.6.14"
	for base in "$HTTP/good" "$HTTPS/good/" "$HTTP/to-https" "$HTTPS/to-https" file:///srv/mirror /srv/mirror \
		/srv/mirror/v3.6.14; do
		rm -rf "$cache"
		from "$base"
		fetch
		got || { echo "$base"; return 1; }
	done
	run -2 "$ETCD_CLUSTER" --root "$root" release fetch --exit-code
}

@test "the program without sanitizers, whose download child has its filters: http, https, names, a proxy that fails" {
	ETCD_CLUSTER=$ETCD_CLUSTER_PLAIN
	for base in "$HTTP/good" "$HTTPS/good" "$HTTP/to-https" "${HTTP/127.0.0.1/localhost}/good"; do
		rm -rf "$cache"
		from "$base"
		fetch
		got || { echo "$base"; return 1; }
	done
	rm -rf "$cache"
	from "$HTTPS/good"
	https_proxy=http://localhost:1 run "$ETCD_CLUSTER" --root "$root" release fetch
	[ "$status" -eq 6 ]
	[[ $output == *"connect to localhost port 1"* ]]
}

@test "if one mirror fails, the next one is used" {
	from "$HTTP/404" "$HTTP/wrong" "$HTTP/cut" /nowhere "$HTTPS/good"
	fetch
	got
	[ "$(requests)" -eq 4 ]
}

@test "mirrors without the file, with errors, or unreachable: pending, with the reason for each" {
	from "$HTTP/404" "$HTTP/500" "$HTTP/204" "http://127.0.0.1:1/x" /nowhere
	fetch
	failed 6 "$HTTP/404/v3.6.14/$FILE: it has no such file (HTTP status 404)"
	[[ $output == *"HTTP status 500"*"HTTP status 204"*"connect"*"/nowhere/$FILE: cannot open it: No such file"* ]]
}

@test "a stalled, slow or silent mirror is abandoned" {
	for how in stall slow; do
		from "$HTTP/$how"
		fetch
		failed 6 "Operation too slow" "$FILE.etag" "$FILE.part"
		rm -rf "$cache"
	done
	from "$HTTP/silent"
	fetch
	failed 6 "$HTTP/silent"
}

@test "an incomplete answer: pending if that can be detected, refused if not, and never used" {
	from "$HTTP/cut"
	fetch
	failed 6 "cut" "$FILE.etag" "$FILE.part"
	rm -rf "$cache"
	from "$HTTP/cut-no-length"
	fetch
	failed 4 "wrong SHA-256" "$FILE.bad"
}

@test "a download resumes where it stopped, but only in the same file" {
	for how in cut-then-good cut-then-changed cut-then-lies; do
		rm -rf "$cache"
		: >"$SITE/log"
		from "$HTTP/$how"
		fetch
		[ "$status" -eq 6 ]
		[ -e "$cache/$FILE.part" ]
		fetch
		got || { echo "$how"; return 1; }
		grep -q "$how $FILE bytes=" "$SITE/log"
	done
}

# by_timer TIME: setup as the retry timer runs it, when it is due.
by_timer() {
	rm -f "$root/run/etcd-cluster/setup"
	ETCD_CLUSTER_NOW=$1 run "$ETCD_CLUSTER" --root "$root" setup --unattended
}

@test "wrong bytes are refused, and a timer does not download them from that mirror again for six hours" {
	now=$(date +%s)
	from "$HTTP/wrong"
	ETCD_CLUSTER_NOW=$now run "$ETCD_CLUSTER" --root "$root" setup
	[ "$status" -eq 4 ]
	[[ $output == *"wrong SHA-256"* ]]
	[ "$(ls -A "$cache")" = "$FILE.bad" ]
	[ "$(requests)" -eq 1 ]
	by_timer $((now + 21599))
	[ "$status" -eq 4 ]
	[[ $output == *"had wrong bytes less than six hours ago"*"etcd-cluster release fetch asks every mirror again"* ]]
	# the clock is set back
	by_timer $((now - 60))
	[ "$status" -eq 4 ]
	[ "$(requests)" -eq 1 ]
	by_timer $((now + 21600))
	[ "$status" -eq 4 ]
	[[ $output == *"wrong SHA-256"* ]]
	[ "$(requests)" -eq 2 ]
	[ "$(wc -l <"$cache/$FILE.bad")" -eq 1 ]
	# a person downloads again, by either verb
	fetch
	failed 4 "wrong SHA-256" "$FILE.bad"
	[ "$(requests)" -eq 3 ]
	run "$ETCD_CLUSTER" --root "$root" setup
	failed 4 "wrong SHA-256" "$FILE.bad"
	[ "$(requests)" -eq 4 ]
	# the next mirror is used in the meantime
	from "$HTTP/wrong" "$HTTP/good"
	by_timer "$now"
	cmp "$SITE/files/$FILE" "$cache/$FILE"
	[ "$(requests)" -eq 5 ]
	[ ! -e "$cache/$FILE.bad" ]
	rm -rf "$cache" "$releases"
	from "$HTTP/anonymous-wrong"
	fetch
	failed 4 "wrong SHA-256" "$FILE.bad"
	# the table was wrong, not the mirror: after its correction the same archive is right
	sed -i "s/^[0-9a-f]*/$(cut -f 3 "$cache/$FILE.bad")/" "$root/etc/etcd/releases.sha256.d/site.sha256"
	run "$ETCD_CLUSTER" --root "$root" setup
	[ "$(requests)" -eq 7 ]
	[[ $output != *"wrong bytes"* ]]
}

@test "an answer that is not a gzip file, or too large, is refused and not stored" {
	export ETCD_CLUSTER_STALL=60 # nothing stalls here, and much is sent
	for how in html large endless; do
		from "$HTTP/$how"
		fetch
		failed 4 "it sends" || { echo "$how"; return 1; }
	done
	for how in encoded empty; do
		from "$HTTP/$how"
		fetch
		[ "$status" -eq 4 ]
		[[ $output == *"wrong SHA-256"* ]]
		[ -z "$(find "$cache" -type f ! -name '*.bad')" ]
	done
}

@test "a redirect from https to http is refused, a redirect loop ends" {
	for base in "$HTTPS/to-http" "$HTTP/to-http" "$HTTPS/to-file" "$HTTP/to-file"; do
		from "$base"
		fetch
		failed 4 "redirects to something other than https" || { echo "$base"; return 1; }
	done
	from "$HTTPS/loop"
	fetch
	failed 6 "redirects"
}

@test "https: only the authorities of RELEASE_CA_FILE are trusted" {
	from "$HTTPS/good"
	sed -i s/ca.crt/other.crt/ "$root/etc/etcd/cluster.conf"
	fetch
	failed 4 "certificate is not trusted"
	sed -i /RELEASE_CA_FILE/d "$root/etc/etcd/cluster.conf"
	fetch
	failed 4 "certificate is not trusted"
	sed -i '1i RELEASE_CA_FILE=/etc/etcd/none.crt' "$root/etc/etcd/cluster.conf"
	run -3 "$ETCD_CLUSTER" --root "$root" release fetch
	[[ $output == *"none.crt"* ]]
}

@test "a proxy from the environment is used" {
	from http://mirror.invalid/good
	run env http_proxy="$HTTP" "$ETCD_CLUSTER" --root "$root" release fetch
	# the fake proxy does not implement the method; the test only needs the request
	[ "$status" -eq 6 ]
	[ "$(requests)" -eq 1 ]
}

@test "a bad archive in the cache is replaced by a good download" {
	from "$HTTP/good"
	mkdir -p "$cache"
	head -c 1000 "$SITE/files/$FILE" >"$cache/$FILE"
	fetch
	[[ $output == *"has the wrong SHA-256"* ]]
	cmp "$SITE/files/$FILE" "$cache/$FILE"
}

@test "a signed SHA256SUMS from a mirror" {
	mkdir -p "$root/etc/etcd/release-keys.d"
	rm "$root/etc/etcd/releases.sha256.d/site.sha256"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$BATS_TEST_TMPDIR/key.pem" 2>/dev/null
	openssl pkey -in "$BATS_TEST_TMPDIR/key.pem" -pubout -out "$root/etc/etcd/release-keys.d/site.pem"
	from "$HTTP/good"
	fetch
	failed_without_cache() { [ "$status" -eq 4 ] && [[ $output == *"no trusted digest"* ]]; }
	failed_without_cache
	(cd "$SITE/files" && sha256sum "$FILE" >SHA256SUMS &&
		openssl dgst -sha256 -sign "$BATS_TEST_TMPDIR/key.pem" SHA256SUMS | base64 >SHA256SUMS.sig)
	fetch
	status_was=$status
	rm "$SITE/files/SHA256SUMS" "$SITE/files/SHA256SUMS.sig"
	[ "$status_was" -eq 0 ] || { echo "$output"; return 1; }
	# the digest stays valid without the mirror
	run -0 "$ETCD_CLUSTER" --root "$root" release verify 3.6.14
}

@test "a run that is killed during the download is completed by the next run" {
	from "$HTTP/stall"
	timeout -s KILL 0.6 "$ETCD_CLUSTER" --root "$root" release fetch || true
	from "$HTTP/good"
	fetch
	got
}

# shellcheck disable=SC2016 # the inner shell's $1
@test "a full cache is reported before the download starts" {
	[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || skip "mounting needs root"
	mkdir -p "$cache"
	from "$HTTP/good"
	run -3 unshare -m sh -c 'mount -t tmpfs -o size=4k none "$1" && shift && exec "$@"' sh "$cache" \
		"$ETCD_CLUSTER" --root "$root" release fetch
	[[ $output == *"$cache/$FILE.part: 1 MiB are needed there and 0 MiB are free"* ]]
}
