#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright The etcd-cluster Authors
#
# Runs etcdctl of the release in use with the endpoint and certificates from /etc/etcd/etcdctl.env.
# Variables that the caller exports (ETCDCTL_ENDPOINTS, ETCDCTL_CACERT, …) and options override the file. etcdctl
# refuses an option whose variable is set, so the variable of an option on the command line is not set.
set -eu

# Tests set ETCD_CLUSTER_ROOT to put every path below a directory.
root=${ETCD_CLUSTER_ROOT-}
env=$root/etc/etcd/etcdctl.env
etcdctl=$root/usr/libexec/etcd-cluster/releases/current/etcdctl

# stop STATUS WHAT HINT
stop() {
	printf 'etcdctl.sh: %s\n  %s\n' "$2" "$3" >&2
	exit "$1"
}

# has_option VARIABLE ARGUMENT…: true when the option of VARIABLE is among the arguments (ETCDCTL_KEY: --key).
has_option() {
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

[ -e "$env" ] || stop 1 "this machine is not set up: $env does not exist" \
	'etcd-cluster status shows the reason; then: etcd-cluster setup'
[ -r "$env" ] || stop 1 "$env cannot be read" 'run it as root'
[ -x "$etcdctl" ] || stop 1 "no etcd release is installed: $etcdctl does not exist" 'etcd-cluster setup'

# The lines are KEY=VALUE and are read as text, never run as shell code.
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
	if [ -z "$set_already" ] && ! has_option "$key" "$@"; then
		eval "$key=\$value"
		export "${key?}"
	fi
done <"$env"

# Root and the group etcd can read the key. The error of etcdctl for an unreadable key does not name the cause.
case ${1-} in
'' | version | help | completion | -h | --help) ;;
*)
	if [ -n "${ETCDCTL_KEY-}" ] && [ ! -r "$root$ETCDCTL_KEY" ]; then
		stop 1 "the key $ETCDCTL_KEY cannot be read" \
			'run it as root, or export ETCDCTL_CERT and ETCDCTL_KEY of another client'
	fi
	;;
esac
exec "$etcdctl" "$@"
