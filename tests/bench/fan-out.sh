#!/bin/sh
# A trivial question to each of HOSTS sshd (default 12): `tidegate status`,
# which logs in, proves the host key, runs its observing step and reads the
# answer, against `xargs -P ssh`, as many at once. Pairs run in turn, so that
# both meet the same load; a ratio below 1 means that tidegate was faster.
set -u
cd "$(dirname "$0")/../.." || exit
# shellcheck source=tests/harness/sshd.sh
. tests/harness/sshd.sh

hosts=${HOSTS:-12}
pairs=${PAIRS:-7}
tidegate=$PWD/build/release/tidegate
F=$(mktemp -d /tmp/tgbench.XXXXXX)
stop() {
    sshd_stop "$F"
    rm -rf "$F"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

site() {
    sshd_start "$F" "$hosts" || return
    mkdir "$F/site"
    n=1
    while [ "$n" -le "$hosts" ]; do
        mkdir "$F/hosts/127.0.0.$n/app"
        n=$((n + 1))
    done
    cat >"$F/site/tidegate.ini" <<END
[project]
name = bench
[environment bench]
policy      = policies/bench.ini
hosts       = $(cat "$F/user")@127.0.0.[1-$hosts]:$(cat "$F/port")
path        = $F/hosts/%h/app
known_hosts = $F/known_hosts
identity    = $F/key
END
    (cd "$F/site" && "$tidegate" init) >/dev/null 2>&1
}

# Both leave what they heard in $F/heard.
ask_tidegate() {
    (cd "$F/site" && "$tidegate" status --format json) >"$F/heard" 2>&1
}

ask_ssh() {
    n=1
    while [ "$n" -le "$hosts" ]; do
        echo "127.0.0.$n"
        n=$((n + 1))
    done | xargs -P 64 -I HOST ssh -F /dev/null -i "$F/key" -o BatchMode=yes \
        -o IdentitiesOnly=yes -o IdentityAgent=none \
        -o UserKnownHostsFile="$F/known_hosts" -o StrictHostKeyChecking=yes \
        -p "$(cat "$F/port")" "$(cat "$F/user")@HOST" 'echo done' \
        >"$F/heard" 2>&1
}

took() { # COMMAND: its nanoseconds
    begun=$(date +%s%N)
    "$1"
    echo $(($(date +%s%N) - begun))
}

# Every host must have answered, or the time means nothing.
all_heard() { # WHO PATTERN
    heard=$(grep -o "$2" "$F/heard" | wc -l)
    [ "$heard" = "$hosts" ] && return
    echo "bench: $1 heard $heard of $hosts hosts" >&2
    cat "$F/heard" >&2
    exit 1
}

site || exit
i=0
while [ "$i" -le "$pairs" ]; do
    ours=$(took ask_tidegate)
    all_heard tidegate '"checked":true'
    theirs=$(took ask_ssh)
    all_heard ssh 'done'
    # the first pair warms the caches
    [ "$i" = 0 ] || echo "$ours $theirs"
    i=$((i + 1))
done | awk '{ printf "%.2f\n", $1 / $2 }' | sort -n >"$F/ratios"
[ "$(wc -l <"$F/ratios")" = "$pairs" ] || exit 1
awk -v hosts="$hosts" '{ r[NR] = $1 }
END {
    printf "fan-out to %d hosts: tidegate / xargs -P ssh = %.2f (median of %d pairs, %.2f to %.2f)\n", \
        hosts, r[int((NR + 1) / 2)], NR, r[1], r[NR]
}' "$F/ratios"
