# shellcheck shell=sh disable=SC2034,SC2120 # names for those who source this
# Functions to source: private PostgreSQL clusters for tests and the demo.
#
#     . tests/harness/postgres.sh
#     postgres_start [SETTING=VALUE...]    initdb and start; sets the names below
#     postgres_conninfo [DATABASE]         prints a conninfo for the socket
#     postgres_replica                     a standby that follows it; sets
#                                          REPLICA_FOLDER and REPLICA_CONNINFO
#     postgres_stop [FOLDER]               stop at once, remove everything
#
# After postgres_start: PG_FOLDER (data, log, passfile), PG_SOCKET (folder of
# the socket), PG_PORT, PG_CONNINFO (superuser postgres, database postgres) and
# PG_TCP (the same through 127.0.0.1 with a password, for proxies). Several
# clusters: save PG_FOLDER and hand it to postgres_stop. The socket's folder is
# closed to other users; through TCP there is a random password. PG_TMP is where
# the folder is made (/tmp).
#
# PostgreSQL refuses to run as root: then the user is PG_USER, else
# tidegate-test when that exists, else postgres. Nothing of the machine's own
# PostgreSQL is touched. Ports lie below 32768: above it the kernel hands out
# the same numbers. Readiness is what pg_ctl finds by connecting.

postgres_bin() {
    if [ -z "${PG_BIN:-}" ]; then
        PG_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
        [ -x "$PG_BIN/initdb" ] || PG_BIN=$(dirname "$(command -v initdb)")
    fi
    [ -x "$PG_BIN/initdb" ] && return 0
    echo "postgres.sh: no initdb here; run scripts/setup" >&2
    return 1
}

# Runs its words as the user that owns the clusters.
postgres_as() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
        return
    fi
    if [ -z "${PG_USER:-}" ]; then
        PG_USER=postgres
        ! id tidegate-test >/dev/null 2>&1 || PG_USER=tidegate-test
    fi
    (cd / && exec setpriv --reuid "$PG_USER" --regid "$(id -g "$PG_USER")" \
        --init-groups env -i PATH="$PG_BIN:/usr/bin:/bin" LC_ALL=C \
        HOME="$PG_FOLDER" "$@")
}

postgres_port() {
    echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
}

postgres_conninfo() {
    echo "host=$PG_SOCKET port=$PG_PORT user=postgres dbname=${1:-postgres}"
}

postgres_configure() {
    cat >>"$PG_FOLDER/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = '$PG_SOCKET'
max_connections = 60
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum_naptime = 10min
log_min_duration_statement = -1
log_line_prefix = '%m [%p] %a '
password_encryption = scram-sha-256
END
    for setting; do
        echo "${setting%%=*} = '${setting#*=}'"
    done >>"$PG_FOLDER/data/postgresql.conf"
    cat >"$PG_FOLDER/data/pg_hba.conf" <<END
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
END
}

postgres_initdb() {
    PG_FOLDER=$(mktemp -d "${PG_TMP:-/tmp}/tgpg.XXXXXX")
    PG_SOCKET=$PG_FOLDER
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && echo "*:*:*:postgres:$password" >"$PG_FOLDER/passfile" &&
        echo "$password" >"$PG_FOLDER/password")
    if [ "$(id -u)" = 0 ]; then
        postgres_as true # settles PG_USER
        chown -R "$PG_USER" "$PG_FOLDER"
    fi
    postgres_as "$PG_BIN/initdb" -D "$PG_FOLDER/data" -U postgres -A trust \
        --pwfile="$PG_FOLDER/password" -E UTF8 --locale=C.UTF-8 --no-sync \
        >"$PG_FOLDER/initdb.log" 2>&1 && return 0
    cat "$PG_FOLDER/initdb.log" >&2
    return 1
}

postgres_start() {
    postgres_bin && postgres_initdb && postgres_configure "$@" || return 1
    for attempt in 1 2 3 4 5 6 7 8; do
        PG_PORT=$(postgres_port)
        # pg_ctl waits until a connection succeeds
        if postgres_as "$PG_BIN/pg_ctl" -D "$PG_FOLDER/data" -s -w -t 60 \
            -l "$PG_FOLDER/log" -o "-p $PG_PORT" start >/dev/null 2>&1; then
            PG_CONNINFO=$(postgres_conninfo)
            PG_TCP="host=127.0.0.1 port=$PG_PORT user=postgres dbname=postgres \
passfile=$PG_FOLDER/passfile"
            return 0
        fi
        grep -q 'Address already in use' "$PG_FOLDER/log" || break
    done
    cat "$PG_FOLDER/log" >&2
    return 1
}

postgres_replica() {
    REPLICA_FOLDER=$(mktemp -d /tmp/tgpg.XXXXXX)
    [ "$(id -u)" != 0 ] || chown "$PG_USER" "$REPLICA_FOLDER"
    postgres_as "$PG_BIN/pg_basebackup" -D "$REPLICA_FOLDER/data" -R \
        -X stream -c fast --no-sync -h "$PG_SOCKET" -p "$PG_PORT" \
        -U postgres || return 1
    for attempt in 1 2 3 4 5 6 7 8; do
        replica_port=$(postgres_port)
        if postgres_as "$PG_BIN/pg_ctl" -D "$REPLICA_FOLDER/data" -s -w -t 60 \
            -l "$REPLICA_FOLDER/log" \
            -o "-p $replica_port -k $REPLICA_FOLDER" start >/dev/null 2>&1; then
            REPLICA_CONNINFO="host=$REPLICA_FOLDER port=$replica_port \
user=postgres dbname=postgres"
            return 0
        fi
        grep -q 'Address already in use' "$REPLICA_FOLDER/log" || break
    done
    cat "$REPLICA_FOLDER/log" >&2
    return 1
}

# Stops and starts again on the same port and folder: stop MODE, then start.
postgres_halt() {
    postgres_as "$PG_BIN/pg_ctl" -D "$PG_FOLDER/data" -s -w \
        -m "${1:-immediate}" stop
}
postgres_again() {
    postgres_as "$PG_BIN/pg_ctl" -D "$PG_FOLDER/data" -s -w -t 60 \
        -l "$PG_FOLDER/log" -o "-p $PG_PORT" start >/dev/null
}

postgres_stop() {
    folder=${1:-${PG_FOLDER:-}}
    [ -n "$folder" ] && [ -d "$folder" ] || return 0
    postgres_as "$PG_BIN/pg_ctl" -D "$folder/data" -s -w -m immediate stop \
        >/dev/null 2>&1
    rm -rf "$folder"
}
