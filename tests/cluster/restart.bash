# Machines whose etcd is supervised, as by systemd: `load lib`, `load restart`, then
#   supervised [LINE…]   n1 to n3, one cluster; an etcd that ends is started again
#   every_endpoint       etcdctl knows all of them
#   watch_members        logs how many etcd run, until it is ended
# shellcheck shell=bash

# What runs etcd of a machine until $BATS_TEST_TMPDIR/NAME.off exists. Each start and end is a line of `runs`.
supervise() {
	local name=$1 root=$BATS_TEST_TMPDIR/$1
	local -a settings

	while [ ! -e "$root.off" ]; do
		mapfile -t settings < <(env_of "$name" etcd.env)
		env -i PATH="$PATH" "${settings[@]}" "$root"/usr/libexec/etcd-cluster/releases/current/etcd \
			>>"$root/etcd.log" 2>&1 &
		echo $! >"$root/etcd.pid"
		wait $! || :
		echo "$name $(date +%s%3N)" >>"$BATS_TEST_TMPDIR/ends"
	done
}

supervised() {
	local n

	three_machines "$@"
	for n in n1 n2 n3; do
		stop $n
		behind "supervisor-$n" supervise $n
	done
	for n in n1 n2 n3; do
		wait_healthy $n
	done
	rm -f "$BATS_TEST_TMPDIR/ends"
}

supervised_end() {
	local n

	for n in n1 n2 n3; do
		: >"$BATS_TEST_TMPDIR/$n.off"
	done
	end_all
}

# ends NAME: how often its etcd has ended.
ends() {
	grep -c "^$1 " "$BATS_TEST_TMPDIR/ends" 2>/dev/null || :
}

# every_endpoint: from now on the etcdctl of each machine knows all three, as clients do.
every_endpoint() {
	local n all=

	for n in n1 n2 n3; do
		all=$all,https://127.0.0.1:$(port $n 1)
	done
	for n in n1 n2 n3; do
		echo "${all#,}" >"$BATS_TEST_TMPDIR/$n/endpoint"
	done
}

# watch_members: logs, all the time, how many of the three etcd run.
watch_members() {
	local n up

	while :; do
		up=0
		for n in n1 n2 n3; do
			listens "$(port $n 1)" && up=$((up + 1))
		done
		echo $up
		sleep 0.02
	done
}
