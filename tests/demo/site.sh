# shellcheck shell=sh
# A whole site on loopback, to be sourced: a PostgreSQL cluster, five sshd
# hosts, a shop on each, HAProxy in front, a git repository with six releases,
# two people's keys. Nothing of the machine's own is touched.
#
#   site_start FOLDER     starts everything, v1.0 serving in Capistrano's layout
#   site_stop             ends everything it started
#   site_users N          exactly N users are on
#   site_sql SQL          prints rows, unaligned
#   site_front            the release that answers at the front
#
# Afterwards SITE is the folder, SITE/repo the checkout with tidegate.ini,
# SITE/anna and SITE/jaak keys, SITE_FRONT the address of the front.

# shellcheck source=tests/harness/postgres.sh
. tests/harness/postgres.sh
# shellcheck source=tests/harness/sshd.sh
. tests/harness/sshd.sh

SITE_HOSTS=5

# tidegate takes nothing of these from its environment, and says so each time.
for name in $(env | sed -n 's/^\(GIT_[A-Z_]*\)=.*/\1/p'); do
    unset "$name"
done

site_sql() {
    "$PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 \
        "host=$PG_SOCKET port=$PG_PORT user=postgres dbname=${2:-shop}" -c "$1"
}

site_users() {
    site_sql "DELETE FROM session;
        INSERT INTO session (seen_at)
        SELECT now() + interval '1 hour' FROM generate_series(1, $1)"
}

site_front() {
    curl -s --max-time 3 "$SITE_FRONT/health" | sed 's/.*"release":"\([^"]*\)".*/\1/'
}

# A month of users: quiet at this hour, almost nobody two hours from now, 900
# six hours from now, every day.
site_database() {
    site_sql "CREATE DATABASE shop" postgres
    site_sql "
        CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            total int NOT NULL, at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE session (id bigint GENERATED ALWAYS AS IDENTITY,
            seen_at timestamptz NOT NULL);
        CREATE TABLE user_count (at timestamptz PRIMARY KEY, users int NOT NULL);
        INSERT INTO orders (total)
            SELECT i % 500 FROM generate_series(1, ${SITE_ROWS:-300000}) AS i;
        INSERT INTO user_count
            SELECT now() - ago, CASE
                WHEN m BETWEEN 300 AND 480 THEN 900
                WHEN m BETWEEN 105 AND 240 THEN 4 ELSE 20 END
            FROM (SELECT i * interval '15 minutes' AS ago,
                    (1440 - (i * 15) % 1440) % 1440 AS m
                FROM generate_series(0, 4 * 24 * 28) AS i) AS q;
        ANALYZE"
}

site_tag() { # VERSION
    echo "$1" >VERSION
    git add -A
    git -c user.name=Demo -c user.email=demo@example.net commit -q -m "Release $1"
    git tag "$1"
}

site_repository() {
    mkdir -p "$SITE/repo/migrations"
    cp -a tests/demo/app/. "$SITE/repo/"
    (
        cd "$SITE/repo" || exit 1
        git init -q -b main .
        printf '.tidegate/\ntidegate.ini\npolicies/\n' >.gitignore
        site_tag v1.0
        echo 'ALTER TABLE orders ADD COLUMN note text;' \
            >migrations/0001_order_note.up.sql
        echo 'ALTER TABLE orders DROP COLUMN note;' \
            >migrations/0001_order_note.down.sql
        site_tag v1.1
        echo 'ALTER TABLE orders ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();' \
            >migrations/0002_order_token.up.sql
        echo 'ALTER TABLE orders DROP COLUMN token;' \
            >migrations/0002_order_token.down.sql
        site_tag v1.2
        cat >migrations/0002_order_token.up.sql <<'SQL'
ALTER TABLE orders ADD COLUMN token uuid;
ALTER TABLE orders ALTER COLUMN token SET DEFAULT gen_random_uuid();
SQL
        site_tag v1.3
        sed -i 's/^HEALTHY = True/HEALTHY = False/' app.py
        site_tag v1.4
        sed -i 's/^HEALTHY = False/HEALTHY = True/' app.py
        echo 'CREATE TABLE voucher (code text PRIMARY KEY, spent boolean NOT NULL DEFAULT false);' \
            >migrations/0003_voucher.up.sql
        echo 'DROP TABLE voucher;' >migrations/0003_voucher.down.sql
        site_tag v1.5
    )
}

# v1.0 as Capistrano left it: a folder named by time, an absolute link.
site_capistrano() {
    i=1
    while [ "$i" -le "$SITE_HOSTS" ]; do
        path=$SITE/hosts/127.0.0.$i/shop
        mkdir -p "$path/releases/20261101120000" "$path/shared/log"
        git -C "$SITE/repo" archive v1.0 | tar x -C "$path/releases/20261101120000"
        git -C "$SITE/repo" rev-parse v1.0 >"$path/releases/20261101120000/REVISION"
        cat >"$path/shared/app.env" <<END
ADDRESS=127.0.0.$i
PORT=$SITE_PORT
POOL=$SITE/haproxy.sock
DATABASE=host=$PG_SOCKET port=$PG_PORT user=postgres dbname=shop
END
        ln -s "$path/shared/log" "$path/releases/20261101120000/log"
        ln -s "$path/shared/app.env" "$path/releases/20261101120000/app.env"
        ln -s "$path/releases/20261101120000" "$path/current"
        TIDEGATE_PATH=$path "$path/current/bin/restart"
        i=$((i + 1))
    done
}

site_haproxy() {
    {
        cat <<END
global
    stats socket $SITE/haproxy.sock mode 600 level admin
    maxconn 200
defaults
    mode http
    timeout connect 1s
    timeout check 2s
    timeout client 5s
    timeout server 5s
frontend front
    bind 127.0.0.1:$((SITE_PORT + 1))
    default_backend shop
backend shop
    option httpchk GET /health
    option redispatch
    retries 3
    default-server check inter 150ms fall 1 rise 1
END
        i=1
        while [ "$i" -le "$SITE_HOSTS" ]; do
            echo "    server 127.0.0.$i 127.0.0.$i:$SITE_PORT"
            i=$((i + 1))
        done
    } >"$SITE/haproxy.cfg"
    SITE_FRONT=http://127.0.0.1:$((SITE_PORT + 1))
    /usr/sbin/haproxy -f "$SITE/haproxy.cfg" -p "$SITE/haproxy.pid" -D \
        >"$SITE/haproxy.log" 2>&1
}

site_keys() {
    for who in anna jaak; do
        ssh-keygen -q -t ed25519 -N '' -C "$who" -f "$SITE/$who"
    done
    mkdir -p "$SITE/repo/policies"
    for who in anna jaak; do
        printf '%s namespaces="tidegate" %s\n' "$who" \
            "$(cut -d' ' -f1,2 "$SITE/$who.pub")"
    done >"$SITE/repo/policies/allowed_signers"
}

site_policy() {
    cat >"$SITE/repo/policies/production.ini" <<END
; who may say that a release is expected
[expected]
signatures = required
signers    = policies/allowed_signers
approvals  = 1
notice     = 0s
[window]
zone  = Europe/Tallinn
allow = always
[users]
count   = sql: SELECT count(*) FROM session WHERE seen_at > now() - interval '5 minutes'
history = sql: SELECT at, users FROM user_count
max     = 50
[budget]
total       = 10m
blocked     = 2s
rewrite     = forbid
certificate = 24h
END
}

site_configuration() {
    cat >"$SITE/repo/tidegate.ini" <<END
[project]
name       = shop
repository = .
ledger     = .tidegate/ledger
[environment production]
policy      = policies/production.ini
hosts       = $(cat "$SITE/user")@127.0.0.[1-$SITE_HOSTS]:$(cat "$SITE/port")
path        = $SITE/hosts/%h/shop
database    = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=shop
known_hosts = $SITE/known_hosts
identity    = $SITE/key
[migrations]
path = migrations
[rehearsal]
clone  = dump
from   = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=shop
server = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=postgres
[artifact]
from   = git
shared = log app.env
keep   = 5
[rollout]
waves      = 1 60% 100%
max_out    = 2
drain      = "\$TIDEGATE_PATH"/current/bin/pool drain
restart    = "\$TIDEGATE_PATH"/current/bin/restart
undrain    = "\$TIDEGATE_PATH"/current/bin/pool ready
timeout    = 20s
host_time  = 5s
[probe host]
url      = http://%h:$SITE_PORT/health
status   = 200
body     = "release":"%v"
interval = 100ms
deadline = 5s
[probe front]
url      = $SITE_FRONT/health
status   = 200
body     = "release":"%v"
interval = 100ms
deadline = 5s
[pool]
members = haproxy:$SITE/haproxy.sock/shop
END
}

site_answers() {
    tries=0
    until [ "$(site_front)" = v1.0 ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || return 1
        sleep 0.05
    done
}

site_start() {
    SITE=$1
    mkdir -p "$SITE"
    SITE_PORT=$((10000 + 2 * ($$ % 4500)))
    postgres_start cluster_name=shop && site_database &&
        sshd_start "$SITE" "$SITE_HOSTS" && site_repository && site_keys &&
        site_capistrano && site_haproxy && site_policy && site_configuration &&
        site_users 140 && site_answers
}

site_stop() {
    [ -n "${SITE:-}" ] || return 0
    for file in "$SITE"/hosts/*/shop/shared/log/pid "$SITE/haproxy.pid"; do
        [ -s "$file" ] && kill "$(cat "$file")" 2>/dev/null
    done
    sshd_stop "$SITE"
    postgres_stop
    rm -rf "$SITE"
    SITE=
}
