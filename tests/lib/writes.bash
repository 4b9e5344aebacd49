# Writers, and the check that no acknowledged write is lost. Loaded by tests/cluster/lib.bash and
# tests/machine/cluster.bash, whose `etcdctl NAME …` it uses.
#   writes n1 n2 …     starts a writer at each of these members (n1 n1: two of them) and waits until they are served
#   writes_go_on       waits until five more writes are acknowledged
#   writes_end         ends the writers
#   none_lost n3       ends them; with reads of n3, which need a quorum, each acknowledged key has its value
# The writers and their logs are outside the members, so no log is lost with a disk or in a power cut. A put that fails
# can have succeeded; it is not repeated, and nothing is expected of it.
# shellcheck shell=bash
# shellcheck disable=SC2154 # top: of the file that loads this

# The logs, one for each writer: acknowledged.N with "MILLISECONDS KEY", failed.N. A file whose tests share the writers
# sets WRITES.
writes_in() {
	echo "${WRITES:-$BATS_TEST_TMPDIR/writes}"
}

# What belongs to a key: its name, and WRITES_MORE.
value_of() {
	echo "of-$1${WRITES_MORE-}"
}

# write_all NAME N: puts write/N/1, write/N/2, …
write_all() {
	local name=$1 n=$2 i=0 key dir

	dir=$(writes_in)
	while [ -e "$dir/on" ]; do
		i=$((i + 1)) key=write/$n/$i
		if etcdctl "$name" --command-timeout="${WRITES_TIMEOUT:-4}s" put "$key" "$(value_of "$key")"; then
			echo "$(date +%s%3N) $key" >>"$dir/acknowledged.$n"
		else
			date +%T >>"$dir/failed.$n"
			sleep 0.2
		fi
	done
}

writes() {
	local name n dir

	dir=$(writes_in)
	mkdir -p "$dir"
	touch "$dir/on"
	n=$(find "$dir" -name 'acknowledged.*' | wc -l)
	for name; do
		n=$((n + 1))
		: >"$dir/acknowledged.$n"
		: >"$dir/failed.$n"
		write_all "$name" $n >"$dir/output.$n" 2>&1 3>&- &
		echo $! >"$dir/$n.pid"
	done
	writes_go_on
}

# acknowledged: prints the number of acknowledged writes; failed_writes: of the others.
acknowledged() {
	cat "$(writes_in)"/acknowledged.* | wc -l
}
failed_writes() {
	cat "$(writes_in)"/failed.* | wc -l
}

writes_go_on() {
	local want limit=$((SECONDS + 120))

	want=$(($(acknowledged) + 5))
	until [ "$(acknowledged)" -ge $want ]; do
		[ $SECONDS -lt $limit ] || { echo "no write is acknowledged any more"; return 1; }
		sleep 0.05
	done
}

writes_end() {
	local file dir

	dir=$(writes_in)
	[ -e "$dir/on" ] || return 0
	rm "$dir/on"
	for file in "$dir"/*.pid; do
		while kill -0 "$(cat "$file")" 2>/dev/null; do sleep 0.05; done
		rm "$file"
	done
}

none_lost() {
	local dir key

	writes_end
	dir=$(writes_in)
	cat "$dir"/acknowledged.* | while read -r _ key; do
		echo "$key $(value_of "$key")"
	done | sort >"$dir/want"
	etcdctl "$1" get --prefix write/ >"$dir/read" || return 1
	paste -d ' ' - - <"$dir/read" | sort >"$dir/there"
	comm -23 "$dir/want" "$dir/there" >"$dir/lost"
	echo "# $(wc -l <"$dir/want") writes acknowledged, $(failed_writes) not; $(wc -l <"$dir/lost") lost" >&3
	head -n 5 "$dir/lost"
	[ -s "$dir/want" ] && [ ! -s "$dir/lost" ]
}
