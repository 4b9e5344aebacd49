# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Bash completion for etcd-cluster(8). It asks the program itself (--help reads no configuration and takes milliseconds),
# so that it cannot fall behind it.

# What follows a two-space indent in a list of verbs: the first word after the words in $@ that is no option.
_etcd_cluster_verbs() {
	etcd-cluster "$@" --help 2>/dev/null |
		awk -v skip="$#" '/^  [a-z]/ && ($1 != "VERB") { print $(skip + 1) }'
}

_etcd_cluster_options() {
	etcd-cluster "$@" --help 2>/dev/null | grep -o -- '--[a-z][a-z-]*' | sort -u
}

_etcd_cluster() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i
	local -a verb=()

	# The verb, and the word after it where the verb has a second one.
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | --config) i=$((i + 1)) ;;
		-*) ;;
		*)
			[ ${#verb[@]} -eq 2 ] || verb+=("${COMP_WORDS[i]}")
			;;
		esac
	done
	case ${verb[0]-} in
	release | cert | ca | token) ;;
	*) verb=("${verb[@]:0:1}") ;;
	esac

	COMPREPLY=()
	case $prev in
	--root | --out | --data-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--config | --passphrase-file | --token-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--name | --address | --release | --san | --uses | --hours | --force-new-cluster) return ;;
	esac

	case ${#verb[@]}/${verb[*]}/$cur in
	0/*/-*) mapfile -t COMPREPLY < <(compgen -W '--root --config --verbose --version --help' -- "$cur") ;;
	0/* | 1/release/* | 1/cert/* | 1/ca/* | 1/token/*)
		mapfile -t COMPREPLY < <(compgen -W "$(_etcd_cluster_verbs "${verb[@]}")" -- "$cur")
		;;
	*/-*) mapfile -t COMPREPLY < <(compgen -W "$(_etcd_cluster_options "${verb[@]}") --help" -- "$cur") ;;
	2/'cert issue'/*) mapfile -t COMPREPLY < <(compgen -W 'server peer client apiserver healthcheck' -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}

complete -o filenames -F _etcd_cluster etcd-cluster
