# Machines with their own addresses and the same ports: `load lib`, `load own-address`. Machine n3 is at $net.3.
#   bare n1 "${own_ports[@]}" ROLE=…      a machine
#   launch n1                             its etcd
# shellcheck shell=bash
# shellcheck disable=SC2034 # for those who load it

net=127.0.1
client_port=$(port n0 1) peer_port=$(port n0 2) enroll_port=$(port n0 3)
own_ports=("CLIENT_PORT=$client_port" "PEER_PORT=$peer_port" "ENROLL_PORT=$enroll_port" METRICS_URL=none)

# launch NAME [VAR=VALUE…]: runs etcd, but not on 127.0.0.1, which the machines share.
launch() {
	local name=$1 url=https://$net.${1#n}:$client_port
	shift

	echo "$url" >"$BATS_TEST_TMPDIR/$name/endpoint"
	start "$name" "ETCD_LISTEN_CLIENT_URLS=$url" "$@"
}

etc() {
	echo "$BATS_TEST_TMPDIR/$1/etc/etcd"
}
