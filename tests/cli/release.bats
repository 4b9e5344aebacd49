#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Releases on one machine: installed, refused, switched, removed. A refusal leaves no files.

bats_require_minimum_version 1.5.0

# A fake etcd, good releases of several versions, and all hostile archives.
setup_file() {
	export LIB="$BATS_TEST_DIRNAME/../lib" DATA="$BATS_FILE_TMPDIR"
	cc -O1 -o "$DATA/stub" "$LIB/etcd-stub.c"
	ARCH=$(dpkg --print-architecture 2>/dev/null || uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
	export ARCH
	for v in 3.4.30 3.5.30 3.6.13 3.6.14 3.7.1 3.5.1; do
		python3 "$LIB/archives.py" good "$DATA/good/etcd-v$v-linux-$ARCH.tar.gz" "$DATA/stub" "$v"
	done
	mkdir "$DATA/evil"
	python3 "$LIB/archives.py" make "$DATA/evil" "$DATA/stub" 3.6.14
}

setup() {
	root="$BATS_TEST_TMPDIR/root"
	cache="$root/var/cache/etcd-cluster" releases="$root/usr/libexec/etcd-cluster/releases"
	admin="$root/etc/etcd/releases.sha256.d" pinned="$root/usr/share/etcd-cluster/releases.sha256"
	conf="$root/etc/etcd/cluster.conf"
	file="etcd-v3.6.14-linux-$ARCH.tar.gz"
	mkdir -p "$cache" "$admin" "${pinned%/*}" "$releases"
	echo RELEASE_URL=none >"$conf"
}

# have VERSION…: copies the archives into the cache and adds their digests.
have() {
	for v; do
		cp "$DATA/good/etcd-v$v-linux-$ARCH.tar.gz" "$cache"
		(cd "$cache" && sha256sum "etcd-v$v-linux-$ARCH.tar.gz") >>"$admin/site.sha256"
	done
}

release() {
	"$ETCD_CLUSTER" --root "$root" release "$@"
}

# Lists all files below the root except the lock.
tree() {
	(cd "$root" && find . -path ./run -prune -o -printf '%p %m %s %l\n' | sort)
}

# refused CODE WORDS ARGUMENT…: the run ends with CODE and WORDS and changes nothing.
refused() {
	local class=$1 words=$2 before
	shift 2
	before=$(tree)
	run release "$@"
	[ "$status" -eq "$class" ] || { echo "exit $status: $output"; return 1; }
	[[ $output == *"$words"* ]] || { echo "not \"$words\": $output"; return 1; }
	[ "$(tree)" = "$before" ] || { diff <(echo "$before") <(tree); return 1; }
}

@test "install: from the cache, complete and current; a second run has nothing to do" {
	have 3.6.14
	run -0 release install 3.6.14
	[ "$(readlink "$releases/current")" = v3.6.14 ]
	[ "$(cd "$releases/current/" && find . | sort | tr '\n' ' ')" = ". ./.release ./etcd ./etcdctl ./etcdutl ./options " ]
	[ "$(stat -c %a "$releases/current/etcd")" = 755 ]
	grep -qx listen-peer-urls "$releases/current/options"
	grep -qx "VERSION=3.6.14" "$releases/current/.release"
	run -2 release install --exit-code v3.6.14
	run -0 release verify
	[[ $output == *"$file: good, as $admin/site.sha256:1 says"*"v3.6.14: good, as installed"* ]]
}

@test "install: 3.4 has no etcdutl, later releases must have it" {
	have 3.4.30
	run -0 release install 3.4.30
	[ ! -e "$releases/v3.4.30/etcdutl" ]
	[ -x "$releases/v3.4.30/etcdctl" ]
}

@test "every hostile archive is refused with its reason although its digest is correct, and leaves nothing" {
	while IFS=$'\t' read -r case words; do
		cp "$DATA/evil/$case/$file" "$cache/"
		(cd "$cache" && sha256sum "$file") >"$admin/site.sha256"
		refused 4 "$words" install 3.6.14 || { echo "case $case"; return 1; }
	done <"$DATA/evil/cases"
	[ "$(wc -l <"$DATA/evil/cases")" -gt 90 ]
}

@test "flipped bits and truncations at any offset are refused by the digest" {
	have 3.6.14
	for seed in 1 2 3 4 5 6 7 8; do
		python3 - "$DATA/good/$file" "$cache/$file" "$seed" <<-'END'
			import random, sys
			random.seed(int(sys.argv[3]))
			data = bytearray(open(sys.argv[1], "rb").read())
			at = random.randrange(len(data))
			if int(sys.argv[3]) % 2:
			    data[at] ^= 1 << random.randrange(8)
			else:
			    del data[at:]
			open(sys.argv[2], "wb").write(data)
		END
		refused 4 "has the wrong SHA-256: it is" install 3.6.14
	done
}

@test "an archive of another version or architecture under this name is refused" {
	have 3.6.14
	cp "$DATA/good/etcd-v3.6.13-linux-$ARCH.tar.gz" "$cache/$file"
	refused 4 "has the wrong SHA-256" install 3.6.14
	(cd "$cache" && sha256sum "$file") >"$admin/site.sha256"
	refused 4 "another release" install 3.6.14
}

@test "a release without a trusted digest is refused, and the message contains the fixes" {
	cp "$DATA/good/$file" "$cache"
	refused 4 "$file has no trusted digest" install 3.6.14
	[[ $output == *"releases.sha256.d/site.sha256"* ]]
	# the digest of another name, also of a longer one with the same beginning, does not count
	echo "$(sha256sum <"$cache/$file" | cut -d' ' -f1)  $file.asc" >"$admin/site.sha256"
	refused 4 "$file has no trusted digest" install 3.6.14
}

@test "the pinned table comes first, and a mismatch with it is final" {
	have 3.6.14
	echo "$(echo other | sha256sum | cut -d' ' -f1)  $file" >"$pinned"
	refused 4 "and $pinned:1 has" install 3.6.14
}

@test "tables of the administrator that disagree, are unreadable, or are writable by others are refused" {
	have 3.6.14
	echo "$(echo other | sha256sum | cut -d' ' -f1)  $file" >"$admin/zz.sha256"
	refused 4 "zz.sha256:1: the digest of $file is not that of $admin/site.sha256:1" install 3.6.14
	printf '# fine\n\nnonsense\n' >"$admin/zz.sha256"
	refused 4 "zz.sha256:3: this is not a line of sha256sum(1)" install 3.6.14
	cp "$admin/site.sha256" "$admin/zz.sha256"
	chmod 666 "$admin/zz.sha256"
	refused 4 "can be written by others" install 3.6.14
}

@test "digests and keys in a directory that others can write are refused with the command; so is the directory above" {
	have 3.6.14
	for dir in "$admin" "${admin%/*}"; do
		chmod 1777 "$dir"
		refused 4 "$dir can be written by others (mode 1777)" install 3.6.14
		[[ $output == *"chmod go-w $dir"* ]]
		chmod 775 "$dir"
		refused 4 "$dir can be written by others (mode 0775)" install 3.6.14
		chmod 755 "$dir"
	done
	rm "$admin/site.sha256"
	keys="$root/etc/etcd/release-keys.d"
	mkdir -m 757 "$keys"
	(cd "$cache" && sha256sum "$file" >SHA256SUMS)
	openssl genpkey -algorithm ed25519 -out "$BATS_TEST_TMPDIR/key.pem"
	openssl pkey -in "$BATS_TEST_TMPDIR/key.pem" -pubout -out "$keys/site.pem"
	openssl pkeyutl -sign -rawin -inkey "$BATS_TEST_TMPDIR/key.pem" -in "$cache/SHA256SUMS" -out "$cache/SHA256SUMS.sig"
	refused 4 "$keys can be written by others" install 3.6.14
	chmod 755 "$keys"
	run -0 release install 3.6.14
}

@test "a cached file that others can change, a link, a directory, a FIFO: refused" {
	have 3.6.14
	chmod 666 "$cache/$file"
	refused 4 "can be written by others" install 3.6.14
	mv "$cache/$file" "$cache/elsewhere" && chmod 644 "$cache/elsewhere"
	ln -s elsewhere "$cache/$file"
	refused 4 "is a symbolic link" install 3.6.14
	rm "$cache/$file" && mkdir "$cache/$file"
	refused 4 "is not a regular file" install 3.6.14
	rmdir "$cache/$file" && mkfifo "$cache/$file"
	refused 4 "is not a regular file" install 3.6.14
}

@test "setup waits for an archive that is still being copied into the cache" {
	have 3.6.14
	exec 7>>"$cache/$file"
	run release install 3.6.14
	exec 7>&-
	[ "$status" -eq 6 ] || skip "this file system grants leases to files that are open for writing"
	[[ $output == *"still being written"* ]]
	run -0 release install 3.6.14
}

@test "SHA256SUMS is trusted only if a key of this machine has signed it" {
	keys="$root/etc/etcd/release-keys.d"
	mkdir "$keys"
	cp "$DATA/good/$file" "$cache"
	(cd "$cache" && sha256sum "$file" >SHA256SUMS)
	openssl genpkey -algorithm ed25519 -out "$BATS_TEST_TMPDIR/key.pem"
	openssl pkey -in "$BATS_TEST_TMPDIR/key.pem" -pubout -out "$keys/site.pem"
	refused 4 "no trusted digest" install 3.6.14
	echo nonsense >"$cache/SHA256SUMS.sig"
	refused 4 "has made the signature" install 3.6.14
	openssl pkeyutl -sign -rawin -inkey "$BATS_TEST_TMPDIR/key.pem" -in "$cache/SHA256SUMS" -out "$cache/SHA256SUMS.sig"
	echo "# one more line" >>"$cache/SHA256SUMS"
	refused 4 "has made the signature" install 3.6.14
	sed -i '$d' "$cache/SHA256SUMS"
	run -0 release install 3.6.14
	grep -q "signed by $keys/site.pem" "$releases/v3.6.14/.release"
}

@test "known bad releases, invalid and unsupported versions are refused by name" {
	have 3.5.1
	refused 3 "3.5.0 to 3.5.2 can lose data" install 3.5.1
	refused 3 "only etcd 3.4 to 3.7" install 2.3.8
	for v in 3.6 latest 3.6.14-rc.0 ../3.6.14 ""; do
		refused 3 "is not a valid etcd version" install "$v"
	done
	refused 3 "not installed" use 3.7.1
}

@test "no archive and no network: the message contains the file name and the directory" {
	have 3.6.14
	rm "$cache/$file"
	refused 6 "$file is not in $cache" install 3.6.14
}

@test "side by side: use, rollback, list, prune" {
	have 3.6.13 3.6.14 3.5.30 3.7.1
	for v in 3.6.13 3.6.14 3.5.30 3.7.1; do
		run -0 release install $v
	done
	[ "$(readlink "$releases/current")" = v3.6.13 ]
	run -0 release use --dry-run 3.6.14
	[ "$(readlink "$releases/current")" = v3.6.13 ]
	run -0 release use 3.6.14
	[[ $output == *"systemctl restart etcd"* ]]
	run -2 release use --exit-code 3.6.14
	[ "$(readlink "$releases/current")" = v3.6.14 ]
	run -0 release rollback
	[ "$(readlink "$releases/current")" = v3.6.13 ]
	[ "$(readlink "$releases/previous")" = v3.6.14 ]
	run -0 release list --json
	echo "$output" | python3 -c 'import json, sys
l = json.load(sys.stdin)
assert [r["name"] for r in l["releases"]] == ["v3.7.1", "v3.6.14", "v3.6.13", "v3.5.30"], l
assert [r["name"] for r in l["releases"] if r["current"]] == ["v3.6.13"], l
assert all(r["whole"] for r in l["releases"]), l
assert len(l["cached"]) == 4 and l["newest_pinned"] is None, l'
	run -0 release prune --keep 1
	[ "$(cd "$releases" && echo v*)" = "v3.6.13 v3.6.14 v3.7.1" ]
	run -0 release prune
	[ "$(cd "$releases" && echo v*)" = "v3.6.13 v3.6.14" ]
	[ ! -e "$cache/etcd-v3.7.1-linux-$ARCH.tar.gz" ]
	run -2 release prune --exit-code
}

@test "a member moves forward by one minor version at a time, and never back across one" {
	have 3.5.30 3.6.13 3.6.14 3.7.1
	for v in 3.6.13 3.6.14 3.7.1 3.5.30; do
		run -0 release install $v
	done
	printf 'CLUSTER_ID=1\nMEMBER_ID=2\nNAME=a\n' >"$root/etc/etcd/member-id"
	refused 3 "cannot read the data" use 3.5.30
	run -0 release use 3.6.14
	run -0 release use 3.6.13
	run -0 release use 3.7.1
	refused 3 "cannot read the data" rollback
	rm "$releases/current" && ln -s v3.5.30 "$releases/current"
	refused 3 "more than one minor" use 3.7.1
}

@test "a damaged release is detected, listed and repaired" {
	have 3.6.14
	run -0 release install 3.6.14
	printf x | dd of="$releases/v3.6.14/etcdctl" bs=1 seek=100 conv=notrunc status=none
	run -4 release verify
	[[ $output == *"etcdctl is not what was installed"* ]]
	run -0 release install 3.6.14
	run -0 release verify
	: >"$releases/v3.6.14/etcdctl"
	run -0 release list
	[[ $output == *"damaged"* ]]
	run -0 release install 3.6.14
	run -0 release verify
}

@test "verify accepts a path" {
	have 3.6.14
	run -0 release verify "$cache/$file"
	cp "$DATA/good/etcd-v3.6.13-linux-$ARCH.tar.gz" "$BATS_TEST_TMPDIR/$file"
	refused 4 "has the wrong SHA-256" verify "$BATS_TEST_TMPDIR/$file"
	refused 3 "does not have the name" verify "$conf"
}

@test "system: the distribution's etcd, but not our own links, and not programs that others can change" {
	refused 3 "the distribution's etcd is neither" install system
	mkdir -p "$root/usr/bin" "$root/usr/local/bin"
	ln -s ../libexec/etcd-cluster/releases/current/etcd "$root/usr/bin/etcd"
	have 3.6.14
	run -0 release install 3.6.14
	refused 3 "the distribution's etcd is neither" install system
	gunzip -c "$DATA/good/etcd-v3.5.30-linux-$ARCH.tar.gz" |
		tar -xO "etcd-v3.5.30-linux-$ARCH/etcd" >"$root/usr/local/bin/etcd"
	chmod 757 "$root/usr/local/bin/etcd"
	refused 4 "can be written by others" install system
	chmod 755 "$root/usr/local/bin/etcd"
	run -0 release install system
	run -2 release install --exit-code system
	run -0 release use system
	[ "$(readlink "$releases/system/etcd")" = "$(realpath "$root/usr/local/bin/etcd")" ]
	grep -qx VERSION=3.5.30 "$releases/system/.release"
}

@test "killed at any moment, then run again: installed, without leftovers" {
	have 3.6.14
	for delay in 0.01 0.03 0.05 0.08 0.12 0.2; do
		timeout -s KILL $delay "$ETCD_CLUSTER" --root "$root" release install 3.6.14 || true
	done
	run release install 3.6.14
	[ "$status" -eq 0 ] || [ "$status" -eq 2 ]
	run -0 release verify
	[ -z "$(find "$releases" "$cache" -name '.new-*')" ]
}

@test "dry runs print the steps and change nothing" {
	have 3.6.14
	refused 0 "would install" install --dry-run 3.6.14
	rm "$cache/$file"
	echo "RELEASE_URL=/srv/mirror" >"$conf"
	refused 0 "would fetch" fetch --dry-run 3.6.14
}

# shellcheck disable=SC2016 # the inner shell's $1
@test "full, read-only and noexec file systems are reported before any change" {
	[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || skip "mounting needs root"
	have 3.6.14
	tried() {
		unshare -m sh -c 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"' sh "$1" "$releases" \
			"$ETCD_CLUSTER" --root "$root" release install 3.6.14
	}
	run -3 tried size=64k
	[[ $output == *"$releases has no room for etcd"*"MiB are needed and 0 MiB are free"* ]]
	run -3 tried ro
	[[ $output == *"is on a read-only file system"* ]]
	run -3 tried noexec
	[[ $output == *"mounted noexec"* ]]
}
