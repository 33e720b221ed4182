# shellcheck shell=sh
# A site that goes back to one moment again and again, to be sourced: what a
# killed run left is mended by tidegate, judged here, and wiped away.
#
#   world_start HOSTS       a site with v1.0 adopted and r1 live and good
#   world_release NAME SH   tag NAME, made from r1 by the shell text SH,
#                           announced, approved and rehearsed
#   world_save MOMENT       hosts, tables, ledger, pool as they are now
#   world_back MOMENT       everything is as it was then
#   world_wrong TEXT        something is not as it should be
#   world_judge NAME        one test: nothing was wrong since the last one
#   t ARGUMENT...           tidegate in the checkout, its output in $SITE/said
#   t_at POINT ARGUMENT...  the same, killed at its POINT-th failpoint
#
# and questions answered from outside: world_code, world_trees, world_schema,
# world_rows, world_restarts, world_left_over.

# shellcheck source=tests/demo/site.sh
. tests/demo/site.sh

yes=--yes=production
WORLD_WRONG=
WORLD_WATCHER=

world_end() {
    [ -z "$WORLD_WATCHER" ] || kill "$WORLD_WATCHER" 2>/dev/null
    site_stop
    ordinary_end
}

t() {
    (cd "$SITE/repo" && exec "$TIDEGATE" "$@") >"$SITE/said" 2>&1
    world_ended=$?
    {
        echo "\$ tidegate $*"
        cat "$SITE/said"
        echo "-> $world_ended"
    } >>"$SITE/story"
    return "$world_ended"
}
t_at() {
    world_point=$1
    shift
    (cd "$SITE/repo" && TIDEGATE_FAILPOINT="*:$world_point" \
        exec "$TIDEGATE" "$@") >"$SITE/killed.log" 2>&1
    world_ended=$?
    {
        echo "\$ tidegate $* # killed at $world_point"
        cat "$SITE/killed.log"
    } >"$SITE/story"
    return "$world_ended"
}

world_release() {
    (
        cd "$SITE/repo" || exit
        git rev-parse -q --verify "$1" >/dev/null && exit 0
        git checkout -q -f r1 2>/dev/null || rm -f migrations/*
        eval "$2"
        site_tag "$1"
    ) || return
    t expect "$1" --at now --for 24h --why crash --key "$SITE/anna" &&
        t approve "$1" --key "$SITE/jaak" && t rehearse "$1" && return 0
    sed 's/^/# /' "$SITE/said"
    return 1
}

# Faster than people need it: the pool and the probes answer at once here.
world_hurry() {
    sed -i 's/^interval = .*/interval = 50ms/; s/^waves .*/waves = 1 100%/' \
        "$SITE/repo/tidegate.ini"
    [ -z "${1:-}" ] || sed -i "s/^timeout    = .*/&\n$1/" "$SITE/repo/tidegate.ini"
}

world_start() { # HOSTS [LINE of [rollout]]
    SITE_HOSTS=$1
    SITE_ROWS=50
    site_start "$(mktemp -d /tmp/tgcrash.XXXXXX)" && site_users 3 &&
        world_hurry "${2:-}" && t init && t adopt --release v1.0 $yes &&
        world_release r1 '
            sed -i "s/^HEALTHY = .*/HEALTHY = True/" app.py
            echo "CREATE TABLE first (id int);" >migrations/0001_first.up.sql
            echo "DROP TABLE first;" >migrations/0001_first.down.sql' &&
        t deploy r1 $yes || {
        sed 's/^/# /' "$SITE/said"
        return 1
    }
    : >"$SITE/watched"
    /usr/bin/python3 tests/fault/watch.py "$SITE" "$SITE_HOSTS" &
    WORLD_WATCHER=$!
}

world_save() { # MOMENT
    saved=$SITE/saved.$1
    mkdir "$saved"
    for host in "$SITE"/hosts/*; do
        name=${host##*/}
        mkdir "$saved/$name"
        cp -a "$host/shop/releases" "$host/shop/current" "$host/shop/.tidegate" \
            "$saved/$name/"
        world_answer "$name" >"$saved/$name.answers"
        world_is_up "$name"
        echo $? >"$saved/$name.out"
        : >"$host/shop/shared/log/restarts"
    done
    cp -a "$SITE/repo/.tidegate" "$saved/ledger"
    cp "$SITE/repo/tidegate.ini" "$saved/tidegate.ini"
    site_sql "CREATE DATABASE saved_$1 TEMPLATE shop" postgres
}

# Only what is not as it was: a shop that runs the right release goes on.
world_back() { # MOMENT
    saved=$SITE/saved.$1
    : >"$SITE/resting"
    for host in "$SITE"/hosts/*; do
        name=${host##*/}
        rm -rf "$host/shop/releases" "$host/shop/current" "$host/shop/.tidegate"
        cp -a "$saved/$name/." "$host/shop/"
        answers=$(cat "$saved/$name.answers")
        [ "$(world_answer "$name")" = "$answers" ] || {
            ln -sfn "releases/$answers" "$host/shop/current"
            TIDEGATE_PATH=$host/shop "$host/shop/current/bin/restart"
            world_until world_answers "$name" "$answers"
            cp -a --remove-destination "$saved/$name/current" "$host/shop/"
        }
        TIDEGATE_PATH=$host/shop "$host/shop/current/bin/pool" \
            "$([ "$(cat "$saved/$name.out")" = 0 ] && echo ready || echo drain)" \
            >/dev/null
    done
    rm -rf "$SITE/repo/.tidegate"
    cp -a "$saved/ledger" "$SITE/repo/.tidegate"
    cp "$saved/tidegate.ini" "$SITE/repo/tidegate.ini"
    site_sql 'DROP DATABASE shop WITH (FORCE)' postgres 2>/dev/null
    site_sql "CREATE DATABASE shop TEMPLATE saved_$1" postgres
    site_users 3 # a whole series outlasts the sessions that were saved
    for host in "$saved"/*.out; do
        name=${host##*/}
        [ "$(cat "$host")" != 0 ] || world_until world_is_up "${name%.out}"
        : >"$SITE/hosts/${name%.out}/shop/shared/log/restarts"
    done
    : >"$SITE/watched"
    rm "$SITE/resting"
}

world_answers() { [ "$(world_answer "$1")" = "$2" ]; }

world_until() {
    tries=0
    until "$@" || [ "$tries" -gt 600 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
}

world_answer() {
    curl -s --max-time 3 "http://$1:$SITE_PORT/health" |
        sed 's/.*"release":"\([^"]*\)".*/\1/'
}

# NAME STATUS of each member, as HAProxy sees it.
world_pool() {
    /usr/bin/python3 - "$SITE/haproxy.sock" <<'PY'
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    s.sendall(b"show stat\n")
    rows = [r.split(",") for r in s.makefile().read().splitlines()]
status = rows[0].index("status")
for r in rows[1:]:
    if r[0] == "shop" and r[1].startswith("127."):
        print(r[1], r[status])
PY
}
world_is_up() {
    case $(world_pool) in *"$1 UP"*) ;; *) false ;; esac
}

# What every host has, and what it answers with.
world_code() {
    for host in "$SITE"/hosts/*; do
        echo "$(readlink "$host/shop/current") $(world_answer "${host##*/}")"
    done | sort -u
}

# The releases with their states, and every byte in them.
world_trees() {
    for host in "$SITE"/hosts/*; do
        (cd "$host/shop" && find releases -printf '%p %y %m %l\n' | LC_ALL=C sort
            find releases -type f -exec sha256sum {} + | LC_ALL=C sort
            cd .tidegate && for file in *.state after-begun; do
                [ ! -e "$file" ] || echo "$file $(cat "$file")"
            done)
    done | sha256sum | cut -c1-16
}

world_schema() {
    site_sql "SELECT md5(string_agg(x, ' ' ORDER BY x)) FROM (
        SELECT table_name || '.' || column_name || ':' || data_type || is_nullable
            || coalesce(column_default, '') FROM information_schema.columns
            WHERE table_schema = 'public'
        UNION ALL SELECT indexdef || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END
            FROM pg_indexes JOIN pg_index ON indexrelid = indexname::regclass
            WHERE schemaname = 'public') AS q (x)"
}

world_rows() {
    site_sql "SELECT string_agg(name, ' ' ORDER BY name) FROM tidegate.migration"
}

world_restarts() { # RELEASE: the most on any host
    for host in "$SITE"/hosts/*; do
        grep -c "releases/$1\$" "$host/shop/shared/log/restarts"
    done | sort -n | tail -1
}

world_half_said() { grep -q 'half applied, and kept so' "$SITE/story"; }

# Anything that a finished run may not leave behind.
world_left_over() {
    find "$SITE"/hosts/*/shop "$SITE/repo/.tidegate" \
        \( -name '.staging*' -o -name '*.new' -o -name '.current*' -o \
        -name '*.tmp' -o -name '.*.tmp*' \) 2>/dev/null
    site_sql "SELECT 'backend ' || application_name FROM pg_stat_activity
        WHERE application_name LIKE 'tidegate%'"
    # what a killed migration of several statements leaves is kept, and said
    world_half_said ||
        site_sql "SELECT DISTINCT 'journal ' || name FROM tidegate.journal"
    site_sql "SELECT 'database ' || datname FROM pg_database
        WHERE datname NOT IN ('postgres', 'template0', 'template1', 'shop')
        AND datname NOT LIKE 'saved%'"
    for world_pid in $(pgrep -u "$(id -u)" -x tidegate); do
        [ "$(readlink "/proc/$world_pid/cwd")" != "$SITE/repo" ] ||
            echo "process $world_pid"
    done
}

world_wrong() { WORLD_WRONG="$WORLD_WRONG
$*"; }

# wants CODE ARGUMENT...: tidegate ends like that
wants() {
    want=$1
    shift
    t "$@"
    got=$?
    [ "$got" = "$want" ] && return 0
    world_wrong "tidegate $*: exit $got, wanted $want"
    return 1
}

same() { # WHAT GOT WANTED
    [ "$2" = "$3" ] || world_wrong "$1: $2, wanted $3"
}

# What holds after every end, whatever it was.
world_common() {
    wants 0 status
    wants 0 ledger verify
    same 'in the pool' "$(world_pool | grep -c UP)" "$SITE_HOSTS"
    same 'left over' "$(world_left_over)" ''
    same 'seen meanwhile' "$(sort -u "$SITE/watched")" ''
    restarts=$(cat "$SITE"/hosts/*/shop/shared/log/restarts | wc -l)
}

# A second one does nothing: COMMAND...
world_again() {
    wants 0 "$@"
    same "restarts by a second $1" \
        "$(cat "$SITE"/hosts/*/shop/shared/log/restarts | wc -l)" "$restarts"
}

world_judge() {
    [ -z "$WORLD_WRONG" ]
    ok "$1" $?
    [ -z "$WORLD_WRONG" ] || {
        printf '%s\n' "$WORLD_WRONG" | sed 's/^/# /'
        sed 's/^/#     /' "$SITE/story"
    }
    WORLD_WRONG=
}
