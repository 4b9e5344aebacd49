#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# etcdctl of the etcd in use, told where the member of this machine is and which certificate to show.
# What the caller exports (ETCDCTL_ENDPOINTS, ETCDCTL_CACERT, …) wins over /etc/etcd/etcdctl.env, and so do options: etcdctl refuses an
# option whose variable is set, too, so the variable of an option that is given here is left out.
set -eu

# ETCD_CLUSTER_ROOT puts every path below a directory and is for tests.
root=${ETCD_CLUSTER_ROOT-}
env=$root/etc/etcd/etcdctl.env
etcdctl=$root/usr/libexec/etcd-cluster/releases/current/etcdctl

# stop STATUS WHAT HINT
stop() {
	printf 'etcdctl.sh: %s\n  %s\n' "$2" "$3" >&2
	exit "$1"
}

# given VARIABLE ARGUMENT…: true when the option of this variable, --dial-timeout for ETCDCTL_DIAL_TIMEOUT, is among the arguments.
given() {
	option=--$(printf '%s' "${1#ETCDCTL_}" | tr 'A-Z_' 'a-z-')
	shift
	for argument; do
		case $argument in
		--) return 1 ;;
		"$option" | "$option"=*) return 0 ;;
		esac
	done
	return 1
}

[ -e "$env" ] || stop 1 "this machine is not set up: there is no $env" 'etcd-cluster status tells why; etcd-cluster setup tries again'
[ -r "$env" ] || stop 1 "$env cannot be read" 'run it as root'
[ -x "$etcdctl" ] || stop 1 "there is no etcd release yet: $etcdctl is missing" 'etcd-cluster release install'

# Strictly KEY=VALUE; nothing in it is expanded, so it need not be run as shell code.
while IFS= read -r line || [ -n "$line" ]; do
	case $line in
	ETCDCTL_[A-Z]*=*) ;;
	*) continue ;;
	esac
	key=${line%%=*} value=${line#*=}
	case $key in *[!A-Z_]*) continue ;; esac
	case $value in
	\"*\") value=${value#\"} value=${value%\"} ;;
	\'*\') value=${value#\'} value=${value%\'} ;;
	esac
	eval "set_already=\${$key+yes}"
	# shellcheck disable=SC2154 # eval sets it
	if [ -z "$set_already" ] && ! given "$key" "$@"; then
		eval "$key=\$value"
		export "${key?}"
	fi
done <"$env"

# The key is for root and the group etcd; of one it may not read etcdctl says nothing that helps.
case ${1-} in
'' | version | help | completion | -h | --help) ;;
*)
	if [ -n "${ETCDCTL_KEY-}" ] && [ ! -r "$root$ETCDCTL_KEY" ]; then
		stop 1 "the key $ETCDCTL_KEY cannot be read" 'run it as root, or export ETCDCTL_CERT and ETCDCTL_KEY of your own'
	fi
	;;
esac
exec "$etcdctl" "$@"
