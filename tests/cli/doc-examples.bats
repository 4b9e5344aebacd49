#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# The examples of the man pages, of the markdown files and of --help. Each is parsed. Each that is shown is run, in the
# order of its section, on machines below a directory, without root, network and a running etcd.

bats_require_minimum_version 1.5.0
umask 022 # cluster.conf must be writable by its owner only

# The machines as they are before each section. n1: the CA host of three, with a release; n2: another of the three;
# n4: installed without answers; n5: with CA=external, and its CA. The etcd of these releases answers --version and
# --help only.
setup_file() {
	local top=$BATS_TEST_DIRNAME/../.. v
	export EXAMPLES=$BATS_FILE_TMPDIR/examples MACHINES=$BATS_FILE_TMPDIR/machines ARCH
	ARCH=$(dpkg --print-architecture 2>/dev/null || uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
	(cd "$top" && tests/lib/doc-examples docs/*.[158] README.md docs/operations.md docs/security.md debian/README.Debian) \
		>"$EXAMPLES"
	help_examples >>"$EXAMPLES"
	cc -O1 -o "$BATS_FILE_TMPDIR/stub" "$top/tests/lib/etcd-stub.c"
	mkdir "$MACHINES"
	for v in 3.6.14 3.6.15; do
		python3 "$top/tests/lib/archives.py" good "$MACHINES/etcd-v$v-linux-$ARCH.tar.gz" "$BATS_FILE_TMPDIR/stub" "$v"
	done
	formed
	machine n2 ROLE=cluster MEMBERS=n1=127.0.77.1,n2=127.0.77.2,n3=127.0.77.3 RELEASE=3.6.14
	machine n4 ADDRESS=127.0.77.4 RELEASE=3.6.14
	machine n5 ADDRESS=127.0.77.5 RELEASE=3.6.14 CA=external
	"$ETCD_CLUSTER_PLAIN" --root "$MACHINES/n5" setup || [ $? -eq 6 ]
	"$top/tests/lib/external-ca" "$MACHINES/corp" "$MACHINES/n5/etc/etcd/external" etcdctl-etcd-client
	rm "$MACHINES"/n5/etc/etcd/external/etcdctl-etcd-client.crt
	cat "$MACHINES"/corp/ca.{crt,key} >"$MACHINES/n5/etc/etcd/external/ca.pem"
	(umask 077 && echo 5f1d3c7b9a2e4f60817263544c5d6e7f >"$MACHINES/token" && echo correct-horse-battery >"$MACHINES/FILE")
	cp "$MACHINES/FILE" "$MACHINES/n1/root/passphrase"
	for v in n2 n4; do
		cp "$MACHINES/token" "$MACHINES/$v/root/token"
		cp "$MACHINES/token" "$MACHINES/$v/etc/etcd/enroll-token"
	done
}

# The verbs that `etcd-cluster [VERB] --help` lists.
verbs_of() {
	"$ETCD_CLUSTER_PLAIN" "$@" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# As doc-examples prints them. enroll serves until a signal ends it, so it is not run.
help_examples() {
	local verb nested machine kind
	for verb in $(verbs_of); do
		for nested in $(verbs_of "$verb") ''; do
			machine=n1 kind=shown
			case $verb in
			join) machine=n4 ;;
			replace) machine=n2 ;;
			enroll) kind=named ;;
			esac
			# shellcheck disable=SC2086
			"$ETCD_CLUSTER_PLAIN" $verb $nested --help | sed -n '/^Example:/,/^$/s/^  //p' |
				sed "s/^/help:1\t$kind\t$machine\t$verb $nested\t/"
		done
	done
}

# formed: n1 has formed a cluster with two machines that are gone, and etcd has not been started yet.
formed() {
	local n server port=$((20000 + RANDOM % 10000))
	local -a pids=()

	for n in n1 n2 n3; do
		machine $n ROLE=cluster MEMBERS=n1=127.0.77.1,n2=127.0.77.2,n3=127.0.77.3 RELEASE=3.6.14
		sed -i "s/^ENROLL_PORT=.*/ENROLL_PORT=$port/" "$MACHINES/$n/etc/etcd/cluster.conf"
		(umask 077 && echo 5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f >"$MACHINES/$n/etc/etcd/enroll-token")
	done
	"$ETCD_CLUSTER_PLAIN" --root "$MACHINES/n1" setup || [ $? -eq 6 ] # it has the token
	"$ETCD_CLUSTER_PLAIN" --root "$MACHINES/n1" enroll --listen "127.0.77.1:$port" 3>&- &
	server=$!
	for n in n1 n2 n3; do
		"$ETCD_CLUSTER_PLAIN" --root "$MACHINES/$n" setup --wait 3>&- &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	kill $server
	rm -r "$MACHINES"/{n2,n3} "$MACHINES"/n1/etc/etcd/{enroll-token,member-id}
	sed -i "s/^ENROLL_PORT=.*/ENROLL_PORT=3/" "$MACHINES/n1/etc/etcd/cluster.conf"
}

# machine NAME LINE…: nobody listens at the ports.
machine() {
	local root=$MACHINES/$1
	mkdir -p "$root"/root "$root"/etc/etcd/releases.sha256.d "$root"/{usr/share,var/cache}/etcd-cluster
	touch "$root/usr/share/etcd-cluster/releases.sha256"
	cp "$MACHINES"/etcd-*.tar.gz "$root/var/cache/etcd-cluster"
	(cd "$MACHINES" && sha256sum etcd-*.tar.gz) >"$root/etc/etcd/releases.sha256.d/test.sha256"
	printf '%s\n' "NAME=$1" CLIENT_PORT=1 PEER_PORT=2 ENROLL_PORT=3 RELEASE_URL=none "${@:2}" \
		>"$root/etc/etcd/cluster.conf"
}

setup() {
	top=$BATS_TEST_DIRNAME/../..
}

# examples PATTERN: those whose text matches, as doc-examples prints them.
examples() {
	awk -F '\t' -v pattern="$1" '$5 ~ pattern' "$EXAMPLES"
}

# The help of a verb is printed once.
help_of() {
	local file=$BATS_TEST_TMPDIR/help.${*// /_}
	[ -e "$file" ] || "$ETCD_CLUSTER_PLAIN" "$@" --help >"$file" || return 1
	cat "$file"
}

@test "there are examples of every kind, and each starts with a known command" {
	[ "$(wc -l <"$EXAMPLES")" -ge 120 ]
	[ "$(grep -c ^help: "$EXAMPLES")" -ge 28 ]
	for kind in 'etcd-cluster [a-z]+' 'etcdctl.sh' 'etcd-cluster etcd-cluster/' 'make' '[A-Z_]+='; do
		[ -n "$(examples "^$kind")" ]
	done
	known='^(etcd-cluster|etcdctl.sh|make|apt|apt-get|dpkg-reconfigure|cp|install|tar|echo|sha256sum) '
	known="$known|^(step|vault|getcert|for|ufw|firewall-cmd) |^[A-Z_]+=|^/usr/libexec/etcd-cluster/bug-report "
	strange=$(awk -F '\t' -v known="$known" '$5 !~ known' "$EXAMPLES")
	echo "$strange"
	[ -z "$strange" ]
}

@test "every verb and option in the text exists" {
	while IFS=$'\t' read -r where _ _ _ text; do
		text=${text%% &&*}
		read -r -a words <<<"$text"
		verb=${words[1]}
		case $verb in
		release | cert | ca | token | backup) [[ ${words[2]-} != [a-z]* ]] || verb="$verb ${words[2]}" ;;
		esac
		# shellcheck disable=SC2086
		text_of_help=$(help_of $verb) || { echo "$where: $text: there is no verb $verb"; return 1; }
		for word in "${words[@]}"; do
			case $word in
			--*)
				echo "$where: $text: $word"
				grep -qE -- "(^|[^a-z-])${word%%=*}([^a-z-]|\$)" <<<"$text_of_help"
				;;
			esac
		done
	done < <(examples '^etcd-cluster [a-z]+( |$)')
}

@test "every make target and every unit in the text exists" {
	while IFS=$'\t' read -r where _ _ _ text; do
		read -r _ target _ <<<"$text"
		grep -qE "^$target( [a-z-]+)*:" "$top"/Makefile "$top"/*/*.mk || { echo "$where: $text"; return 1; }
	done < <(examples '^make ')
	while IFS=$'\t' read -r where _ _ _ text; do
		unit=${text##*systemctl * }
		[ -e "$top/conf/units/$unit.service" ] || { echo "$where: $text"; return 1; }
	done < <(examples 'systemctl (restart|stop|start) ')
}

@test "every preseed line is valid for debconf and has a question of its type" {
	while IFS=$'\t' read -r where _ _ _ text; do
		text=${text#echo }
		text=${text% | debconf-set-selections}
		read -r owner question type _ <<<"$text"
		echo "$where: $text"
		[ "$owner" = etcd-cluster ]
		debconf-set-selections --checkonly <<<"$text"
		[ "$(grep -A1 -x "Template: $question" "$top/debian/templates" | sed -n 's/^Type: //p')" = "$type" ]
	done < <(examples 'etcd-cluster etcd-cluster/')
}

@test "every cluster.conf in the text is valid" {
	conf=$BATS_TEST_TMPDIR/root/etc/etcd/cluster.conf
	mkdir -p "${conf%/*}"
	echo n1 >"$BATS_TEST_TMPDIR/root/etc/hostname"
	before=
	{
		examples '^[A-Z_]+=([^ ]*|"[^"]*")( https:.*)?$'
		echo end:0
	} | while IFS=$'\t' read -r where _ _ _ text; do
		# Lines that follow each other are one file.
		if [ "$where" != "${before%:*}:$((${before##*:} + 1))" ] && [ -n "$before" ]; then
			run "$ETCD_CLUSTER_PLAIN" --root "$BATS_TEST_TMPDIR/root" cert list
			echo "$before: $(cat "$conf"): $output"
			[ "$status" -ne 3 ]
			: >"$conf"
		fi
		echo "$text" >>"$conf"
		before=$where
	done
}

# expected MACHINE:WHERE TEXT: the exit codes that an example may have. Those that cannot end with 0 or 2 on these
# machines end with the code of the reason.
expected() {
	case "$1 $2" in
	n5:*' etcd-cluster setup') echo 6 ;;              # it waits for its certificates
	*' etcd-cluster status'*) echo 5 ;;               # no etcd runs
	*' etcd-cluster remove n3') echo 5 ;;             # nobody has a quorum
	*' etcd-cluster ca takeover') echo 5 ;;           # likewise
	*' etcd-cluster join '*) echo 6 ;;                # nobody answers at the enrolment port
	*' etcd-cluster replace') echo '5 6' ;;           # likewise; on the CA host no member answers
	*' etcd-cluster backup verify '*) echo '1 4' ;;   # the file is not there, or no backup
	*' etcd-cluster backup'*) echo 5 ;;               # no etcd runs
	*' etcd-cluster info') echo 5 ;;                  # likewise
	*' etcd-cluster cert re'[qv]*) echo '1 3' ;;   # there is no token (for root), and no such client
	*' etcd-cluster restore '*) echo '3 4' ;;         # no etcd has run here; the file is no backup
	*' etcd-cluster adopt'*) echo 3 ;;                # no etcd of another tool is here
	*:'help:1 etcd-cluster release rollback') echo 3 ;; # there is no previous release
	*:'help:1 etcd-cluster ca import '*) echo 1 ;;      # the file does not exist
	*:'help:1 etcd-cluster token revoke '*) echo 3 ;;   # there is no such token
	*) echo '0 2' ;;
	esac
}

# run_example MACHINE TEXT: addresses become ones of loopback, and absolute paths those of the machine, except for
# --token-file, which is a key of cluster.conf and so below --root already.
# shellcheck disable=SC2317 # eval calls these functions
run_example() {
	local root=$PWD/$1
	etcd-cluster() { "$ETCD_CLUSTER_PLAIN" --root "$root" "$@"; }
	etcdctl.sh() { ETCD_CLUSTER_ROOT=$BATS_TEST_TMPDIR/ctl "$top/scripts/etcdctl.sh" "$@"; }
	for program in apt apt-get dpkg-reconfigure make systemctl rpmbuild debconf-set-selections step vault getcert ufw \
		firewall-cmd; do
		eval "$program() { cat >/dev/null </dev/null; }"
	done
	/usr/libexec/etcd-cluster/bug-report() { PATH=/usr/bin:/bin ETCD_CLUSTER_ROOT=$root "$top/scripts/bug-report" "$@"; }
	[[ $2 != for\ * ]] || cd "$root/etc/etcd/external" || return
	eval "$(sed "s#10\.0\.0\.#127.0.77.#g; s#linux-amd64#linux-$ARCH#g; s#CLUSTER_ID#cdf818194e3a8c32#
		/--token-file/!s# /\(etc\|var\|root\)/# $root/\1/#g; s# -C / # -C $root #" <<<"$2")"
}

@test "the examples run, section by section" {
	ctl=$BATS_TEST_TMPDIR/ctl
	mkdir -p "$ctl/etc/etcd" "$ctl/usr/libexec/etcd-cluster/releases/current"
	echo ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 >"$ctl/etc/etcd/etcdctl.env"
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/sh' '[ -n "$ETCDCTL_ENDPOINTS" ] || exit 1' \
		'case $1 in endpoint | put | get | member | snapshot) ;; *) exit 1 ;; esac' \
		>"$ctl/usr/libexec/etcd-cluster/releases/current/etcdctl"
	chmod +x "$ctl/usr/libexec/etcd-cluster/releases/current/etcdctl"
	before=
	ran=0 bad=
	while IFS=$'\t' read -r where kind machine section text; do
		case $text in [A-Z]*=*[^h] | 'etcd-cluster etcd-cluster/'*) [[ $text == *etcdctl.sh* ]] || continue ;; esac
		[ "$kind" = shown ] || continue
		if [ "${where%:*} $section" != "$before" ]; then
			before="${where%:*} $section"
			cd "$BATS_TEST_TMPDIR" && rm -rf work && cp -a "$MACHINES" work && cd work
		fi
		run run_example "$machine" "$text"
		echo "$where: $machine: $text: $status: $output"
		[[ " $(expected "$machine:$where" "$text") " == *" $status "* ]] || bad="$bad $text: $status;"
		[[ $text != *'bundle --out n2.tar'* ]] || [ -s n2.tar ]
		[[ $text != 'for f in *.csr'* ]] || "$ETCD_CLUSTER_PLAIN" --root "$PWD/n5" setup # with these certificates
		ran=$((ran + 1))
	done <"$EXAMPLES"
	echo "unexpected: $bad"
	[ -z "$bad" ]
	[ "$ran" -ge 70 ]
}

# A section of operations.md, the test that types what it says, and a word of it that both have.
typed() {
	cat <<'END'
Operations	cluster/status.bats	status --json
Setup does not finish	machine/retry.bats	systemctl unmask etcd
A mistake in cluster.conf	cluster/last-good.bats	last-good/cluster.conf
An etcd that is already there	machine/foreign.bats	etcd-cluster/adopt boolean true
Moving in	machine/adopt.bats	adopt --finish
From etcdadm	cluster/adopt.bats	/etc/etcd/pki
From kubespray	unit/test_adopt.c	/etc/etcd.env
From kubeadm	unit/test_adopt.c	/etc/kubernetes/manifests/etcd.yaml
From a unit by hand	cluster/adopt.bats	--config-file
From Debian's etcd-server	machine/orders.bats	apt-get remove etcd-server etcd-client
Form a cluster of three machines	machine/form.bats	ROLE=cluster
Add a member	machine/operations.bats	etcd-cluster token new --name n4 --address 10.0.0.4
Remove a member	machine/operations.bats	etcd-cluster remove n3
Replace a machine that was reinstalled or lost its disk	machine/operations.bats	etcd-cluster replace
Change the name or address of a machine	machine/move.bats	etcd-cluster setup
Another machine, a copy, or an older disk	machine/identity.bats	etcd-cluster setup --adopt-machine
Recover after the loss of the quorum	machine/operations.bats	etcd-cluster restore --force-new-cluster CLUSTER_ID
Backups	machine/install.bats	BACKUP_SCHEDULE=daily
Restore from a backup	machine/operations.bats	etcd-cluster restore FILE --others-fenced
Data directory lost or foreign	cluster/lost.bats	check
Shared names, NAT, DHCP, two networks	cluster/addresses.bats	token new --name
The CA host	machine/operations.bats	etcd-cluster ca takeover
Certificates	cli/doc-examples.bats	etcd-cluster cert list
A client certificate for a program	cluster/client.bats	cert revoke backup
Copy certificates instead of enrolling	cluster/copied.bats	bundle --out
Certificates of your own CA	cluster/external.bats	CA=external
Kubernetes	machine/operations.bats	etcd-cluster cert export DIR
Install without internet	machine/bundle.bats	RELEASE_URL=none
Change the etcd release	machine/versions.bats	etcd-cluster release rollback && systemctl restart etcd
Firewall	machine/lint.bats	etcd-peer
Report a bug	machine/install.bats	/usr/libexec/etcd-cluster/bug-report
Purge	machine/install.bats	etcd-cluster/purge-data boolean true
END
}

@test "each section of operations.md has a test that types its commands" {
	local section file text has
	sed -n 's/^##* //p' "$top/docs/operations.md" | sort >"$BATS_TEST_TMPDIR/sections"
	typed | cut -f 1 | sort | diff "$BATS_TEST_TMPDIR/sections" -
	typed | while IFS=$'\t' read -r section file text; do
		has=$(SECTION=$section awk '/^#+ / { on = substr($0, index($0, " ") + 1) == ENVIRON["SECTION"] } on' \
			"$top/docs/operations.md")
		[[ $has == *"$text"* ]] || { echo "not in \"$section\": $text" && return 1; }
		grep -qF -- "$text" "$top/tests/$file" || { echo "not in $file: $text" && return 1; }
	done
}
