# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Bash completion for etcd-cluster(8). The program prints its verbs, options and values; ":file" and ":dir" stand for
# names of files and directories.
_etcd_cluster() {
	local cur=${COMP_WORDS[COMP_CWORD]#=} offered

	mapfile -t COMPREPLY < <(etcd-cluster __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	for offered in "${!COMPREPLY[@]}"; do
		case ${COMPREPLY[offered]} in
		:file | :dir)
			[ "${COMPREPLY[offered]}" = :dir ] && set -- -d || set -- -f
			unset "COMPREPLY[offered]"
			compopt -o filenames 2>/dev/null
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen "$@" -- "$cur")
			;;
		esac
	done
}

complete -F _etcd_cluster etcd-cluster
