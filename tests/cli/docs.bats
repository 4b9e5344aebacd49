#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The help, the manual and the completion have the same verbs and options.

# Every --help is printed once, because the program with sanitizers starts slowly. help/"release fetch" contains the
# output of `etcd-cluster release fetch --help`, help/verbs that of `etcd-cluster --help`.
setup_file() {
	export help=$BATS_FILE_TMPDIR/help
	mkdir "$help"
	"$ETCD_CLUSTER" --help >"$help"/verbs
	verbs_in "$help"/verbs | while read -r verb; do
		"$ETCD_CLUSTER" "$verb" --help >"$help/$verb"
		verbs_in "$help/$verb" | while read -r nested; do
			"$ETCD_CLUSTER" "$verb" "$nested" --help >"$help/$verb $nested"
		done
	done
	mandoc -T ascii "$BATS_TEST_DIRNAME"/../../docs/etcd-cluster.8 | col -bx >"$BATS_FILE_TMPDIR"/manual
}

setup() {
	top=$BATS_TEST_DIRNAME/../..
	manual=$BATS_FILE_TMPDIR/manual
}

# verbs_in FILE: the verbs that a --help lists.
verbs_in() {
	sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' "$1"
}

# All verbs: "setup", "release fetch".
verbs() {
	(cd "$help" && grep -l '^Example:' -- *)
}

# options "release fetch": all but --help, and --exit-code, which the manual describes once for all verbs.
options() {
	sed -n '/^Options:/,/^$/s/^  \(--[a-z][a-z-]*\).*/\1/p' "$help/$1" | grep -vx -e --help -e --exit-code || true
}

# paragraph VERB: the paragraph of the manual that starts with this verb, up to the next one with the same indentation.
paragraph() {
	awk -v verb="$1" '
		/^     [^ ]/ { inside = index($0 " ", "     " verb " ") == 1 }
		/^[A-Z ]/ && !/^     / { inside = 0 }
		inside
	' "$manual"
}

# complete_words WORD…: the completions of the last word.
complete_words() {
	bash -c '
		etcd-cluster() { "$ETCD_CLUSTER" "$@"; }
		. "$1/scripts/completion.bash"
		shift
		COMP_WORDS=(etcd-cluster "$@") COMP_CWORD=$#
		_etcd_cluster
		printf "%s\n" "${COMPREPLY[@]}"
	' - "$top" "$@"
}

@test "the program lists its verbs" {
	[ "$(verbs | wc -l)" -ge 15 ]
	for verb in setup init status check 'release use' 'cert renew' 'ca show'; do
		verbs | grep -qx "$verb"
	done
}

@test "each help has its usage, what the verb does, every option and an example, in 100 columns" {
	while read -r verb; do
		echo "$verb"
		grep -q "^usage: etcd-cluster $verb\( \|$\)" "$help/$verb"
		sed '1,/^$/d' "$help/$verb" | head -n 1 | grep -q '^[A-Z].*[a-z.]'
		grep -A 1 '^Example:' "$help/$verb" | grep -q "^  etcd-cluster $verb\( \|$\)"
		for option in $(options "$verb"); do
			sed '/^$/,$d' "$help/$verb" | grep -q -- "$option"
			grep -A 1 "^  $option" "$help/$verb" | tr '\n' ' ' | grep -q "^  $option .* [A-Za-z].*\. "
		done
	done < <(verbs)
	run ! grep -E '^.{101}' "$help"/*
	for code in 0 1 2 3 4 5 6; do
		tr '\n' ' ' <"$help"/verbs | grep -q "Exit codes:.* $code [a-z]"
	done
	[ "$(cat "$help"/release)" = "$("$ETCD_CLUSTER" release help)" ]
}

@test "the manual describes every verb with every option" {
	while read -r verb; do
		text=$(paragraph "$verb")
		echo "$verb: $text"
		[ -n "$text" ]
		for option in $(options "$verb"); do
			echo "$option"
			[[ "$text" == *"$option"* ]]
		done
	done < <(verbs)
}

@test "the manual describes --exit-code, which each verb has that changes something" {
	grep -q -- --exit-code "$manual"
	for verb in setup leave 'cert renew' 'release use'; do
		grep -q '^  --exit-code ' "$help/$verb"
	done
	run ! grep -- --exit-code "$help/status"
}

@test "every option in the manual exists" {
	while read -r verb; do
		# The usage ends where the text starts: with a capital letter and a larger indentation.
		for option in $(paragraph "$verb" | sed '/^             [A-Z]/,$d' | grep -o -- '--[a-z][a-z-]*'); do
			echo "$verb: $option"
			options "$verb" | grep -qxF -- "$option"
		done
	done < <(verbs)
}

@test "the completion offers every verb and every option" {
	complete_words '' >"$BATS_TEST_TMPDIR"/first
	while read -r verb; do
		grep -qx "${verb% *}" "$BATS_TEST_TMPDIR"/first
		# shellcheck disable=SC2086
		offered=$(complete_words $verb --)
		for option in $(options "$verb"); do
			echo "$verb: $option: $offered"
			grep -qxF -- "$option" <<<"$offered"
		done
		case $verb in
		*' '*) complete_words "${verb% *}" '' | grep -qx "${verb#* }" ;;
		esac
	done < <(verbs)
	complete_words --root /x s | grep -qx setup
	complete_words --r | grep -qxF -- --root
}

@test "the manual describes every exit code" {
	for code in 0 1 2 3 4 5 6; do
		sed -n '/^EXIT STATUS/,/^[A-Z]*$/p' "$manual" | grep -q "^     $code "
	done
}

# But CA and ADDRESSES: who needs them writes a cluster.conf.
@test "every key of the sample has a question, and every question has a key and is in both scripts" {
	[ -e "$top"/conf/cluster.conf ]
	sed -n 's/^#\{0,1\}\([A-Z_]*\)=.*/\1/p' "$top"/conf/cluster.conf |
		grep -v -e ^ETCD_ -e ^BACKUP_ -e ^CA$ -e ^ADDRESSES$ |
		sed 's/^ENROLL_TOKEN_FILE$/ENROLL_TOKEN/' | tr A-Z_ a-z- | sort -u >"$BATS_TEST_TMPDIR"/keys
	sed -n 's/^Template: etcd-cluster\///p' "$top"/debian/templates | grep -vx -e purge-data -e adopt | sort \
		>"$BATS_TEST_TMPDIR"/questions
	diff "$BATS_TEST_TMPDIR"/keys "$BATS_TEST_TMPDIR"/questions
	# The scripts treat the token separately, because it is not in cluster.conf.
	for script in config postinst; do
		{
			sed -n "/^questions='/,/'$/p" "$top"/debian/$script | tr -d "'" | sed 's/^questions=//' | xargs -n 1
			grep -ow -m 1 enroll-token "$top"/debian/$script
		} | sort >"$BATS_TEST_TMPDIR/$script"
		diff "$BATS_TEST_TMPDIR"/questions "$BATS_TEST_TMPDIR/$script"
	done
	# Each question is asked.
	while read -r question; do
		# shellcheck disable=SC2016
		sed '1,/^load $questions/d' "$top"/debian/config | grep -qwF -- "$question"
	done <"$BATS_TEST_TMPDIR"/questions
}

@test "every question is translated into German and Chinese, as it is worded now" {
	cp -r "$top"/debian "$BATS_TEST_TMPDIR"/debian
	(cd "$BATS_TEST_TMPDIR"/debian/po && debconf-updatepo --podir=.)
	diff -I POT-Creation-Date: "$top"/debian/po/templates.pot "$BATS_TEST_TMPDIR"/debian/po/templates.pot
	for language in de zh_CN; do
		diff -I POT-Creation-Date: {"$top","$BATS_TEST_TMPDIR"}/debian/po/$language.po
		LC_ALL=C msgfmt --check --statistics -o /dev/null "$top"/debian/po/$language.po 2>&1 |
			grep -q '^[0-9]* translated messages\.$'
	done
	# What debconf shows has every line: a title and each paragraph of the description.
	po2debconf --encoding=utf8 "$top"/debian/templates >"$BATS_TEST_TMPDIR"/templates
	for language in de zh_CN; do
		diff <(grep -c '^Description:' "$BATS_TEST_TMPDIR"/templates) \
			<(grep -c "^Description-$language.UTF-8:" "$BATS_TEST_TMPDIR"/templates)
	done
}

@test "the program, the Makefile and the changelog have the same version" {
	version=$(sed -n 's/^VERSION *:= *//p' "$top"/Makefile)
	[ "$("$ETCD_CLUSTER" --version)" = "etcd-cluster $version" ]
	[ "$(sed -n '1s/.*(\(.*\)).*/\1/p' "$top"/debian/changelog)" = "$version" ]
}

@test "the paths and units in the manual are installed, and every command has a manual page" {
	make -s -C "$top" -o build install BIN="$ETCD_CLUSTER" DESTDIR="$BATS_TEST_TMPDIR"/dest
	for path in /usr/sbin/etcd-cluster /usr/bin/etcd /usr/bin/etcdctl /usr/bin/etcdutl /usr/bin/etcdctl.sh \
		/usr/libexec/etcd-cluster/releases /usr/share/etcd-cluster/releases.sha256 /usr/share/etcd-cluster/cluster.conf \
		/etc/etcd/cluster.conf.d /etc/etcd/releases.sha256.d /etc/etcd/release-keys.d; do
		[ -e "$BATS_TEST_TMPDIR/dest$path" ] || [ -L "$BATS_TEST_TMPDIR/dest$path" ]
	done
	while read -r unit; do
		[ -f "$BATS_TEST_TMPDIR/dest/usr/lib/systemd/system/$unit" ]
	done < <(grep -o 'etcd[a-z-]*\.\(service\|timer\|target\)' "$top"/docs/etcd-cluster.8)
	for command in "$BATS_TEST_TMPDIR"/dest/usr/*bin/*; do
		ls "$BATS_TEST_TMPDIR"/dest/usr/share/man/man[18]/"${command##*/}".[18]
	done
}

@test "the manual has the JSON keys of status, and no others" {
	grep -ho 'json_[a-z_]*([a-z]*, "[a-z_]*"' "$top"/src/cmd/status*.c |
		sed 's/.*"\(.*\)"/\1/' | sort -u >"$BATS_TEST_TMPDIR"/program
	sed -n '/^\.It Cm status/,/^\.It Cm check/s/^\.\(It \)\{0,1\}Va //p' "$top"/docs/etcd-cluster.8 |
		tr -s ' ,;:.' '\n' | grep . | sort -u >"$BATS_TEST_TMPDIR"/manual
	[ "$(wc -l <"$BATS_TEST_TMPDIR"/program)" -ge 40 ]
	diff "$BATS_TEST_TMPDIR"/program "$BATS_TEST_TMPDIR"/manual
	# And so has the schema, which also has a description of itself.
	jq -r '[.. | .properties? // empty | keys] | add | unique[]' "$top"/conf/status.schema.json |
		diff "$BATS_TEST_TMPDIR"/program -
	grep -ho 'json_[a-z_]*([a-z]*, "[a-z_]*"' "$top"/src/adopt/adopt.c | sed 's/.*"\(.*\)"/\1/' | sort |
		diff - <(jq -r '.required[]' "$top"/conf/adopt.schema.json | sort)
}

@test "every test that a document names exists" {
	named=$(cd "$top" && grep -ohE 'tests/[a-z]+/[a-z_-]+\.(bats|c|h)' README.md CONTRIBUTING.md docs/* | sort -u)
	[ "$(wc -l <<<"$named")" -gt 40 ]
	for file in $named; do
		[ -e "$top/$file" ] || missing+="$file "
	done
	[ -z "${missing-}" ] || { echo "named in a document, but not there: $missing" && false; }
}
