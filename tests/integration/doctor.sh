#!/bin/sh
# doctor against a whole site: everything well, then one fault at a time, each
# with its line, its fix and its exit code. TAP. FLAVOUR names the build.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/begin.sh
. tests/demo/site.sh

TIDEGATE=$PWD/build/$flavour/tidegate
stop() {
    site_stop
    ordinary_end
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

t() { (cd "$SITE/repo" && exec "$TIDEGATE" "$@"); }
ini=tidegate.ini
change() { # FILE SED: the file as it is changed; `back` undoes it
    cp "$SITE/repo/$1" "$SITE/saved"
    saved=$1
    sed -i "$2" "$SITE/repo/$1"
}
back() { cp "$SITE/saved" "$SITE/repo/$saved"; }

# Everything that doctor could touch: hosts, ledger, database.
proof() {
    {
        find "$SITE"/hosts "$SITE/repo" -path '*/shared/log' -prune -o \
            -printf '%p %l %s %m %T@\n' | sort
        site_sql "SELECT count(*) FROM pg_class"
        site_sql "SELECT datname FROM pg_database ORDER BY 1"
    } | sha256sum
}

site_start "$(mktemp -d /tmp/tgdoctor.XXXXXX)"
ok 'the site starts' $?
home=$SITE/hosts/127.0.0.2/shop
SITE_2=$home

# before anything was made
gives 78 'no ledger yet' t doctor
has 'it says which command makes one' "$OUT" 'tidegate init'
has 'what hangs on it was not looked at' "$OUT" 'not looked at'
has 'and the hosts were' "$OUT" '127.0.0.5'
gives 0 'init' t init
gives 0 'nothing adopted: warnings, no problem' t doctor
has 'adopt is named' "$OUT" 'tidegate adopt takes it over'
has 'probes are asked before the first release' "$OUT" '6 of 6 addresses answer; nothing is live yet'
gives 0 'adopt' t adopt --release v1.0 --yes=production

# all well, and nothing touched
before=$(proof)
gives 0 'all is well' t doctor
is 'nothing was changed anywhere' "$(proof)" "$before"
for line in 'ok       config ' 'ok       ledger ' 'ok       policy ' \
    'ok       line ' 'ok       window ' 'ok       git ' 'ok       signers ' \
    'ok       database ' 'ok       rehearsal ' 'ok       host      127.0.0.1' \
    'ok       host      127.0.0.5' 'ok       probe     6 of 6' \
    'all 5 are up' 'ok       users     140 now, limit 50' \
    'off      backup ' 'off      replicas '; do
    has "says: $line" "$OUT" "$line"
done
has 'the rehearsal server is production'"'"'s: a warning' "$OUT" \
    "stands in production's own cluster"
has 'no key to sign with: a warning' "$OUT" 'user.signingkey is not set'
has 'the last line is the verdict' "$(echo "$OUT" | tail -1)" \
    'VERDICT done exit=0 command=doctor environment=production'
git -C "$SITE/repo" config user.signingkey "$SITE/anna"
gives 0 'with a key' t doctor
has 'it knows who you are' "$OUT" 'you are anna'
json=$(t doctor --format json 2>/dev/null)
is 'JSON: no problem, and what is off' "$(echo "$json" | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["environment"], d["problems"],
      sorted({l["check"] for l in d["lines"] if l["is"] == "off"}))')" \
    "production 0 ['backup', 'replicas']"

# configuration, command line
change $ini 's/^waves .*/waves = some/'
gives 78 'a bad configuration' t doctor
has 'file and line are named' "$OUT" 'tidegate.ini:'
back
gives 64 'an environment that is not there' t doctor -e staging
gives 64 'an argument' t doctor please
change $ini 's/^max_out .*/max_out = 3/'
gives 10 'another policy than the pinned one' t doctor
has 'the difference is shown' "$OUT" 'max_out'
back

# ledger
L=$SITE/repo/.tidegate/ledger/ledger.tg
cp "$L" "$SITE/ledger.good"
printf '\377' | dd of="$L" bs=1 seek=300 conv=notrunc 2>/dev/null
gives 74 'a flipped byte in the ledger' t doctor
cp "$SITE/ledger.good" "$L"
chmod 0644 "$L"
gives 78 'a ledger that others can read' t doctor
chmod 0600 "$L"

# git and signers
git clone -q --depth 1 "file://$SITE/repo" "$SITE/shallow"
change $ini "s|^repository .*|repository = $SITE/shallow|"
gives 65 'a shallow clone' t doctor
has 'the fix is named' "$OUT" 'git fetch --unshallow'
back
change $ini "s|^repository .*|repository = $SITE|"
gives 78 'no repository' t doctor
back
change policies/production.ini 's/^approvals .*/approvals = 2/'
gives 78 'two people cannot give two approvals of others' t doctor
has 'it is counted' "$OUT" '2 may sign (anna, jaak)'
back
mv "$SITE/repo/policies/allowed_signers" "$SITE/signers"
gives 78 'no signers file' t doctor
mv "$SITE/signers" "$SITE/repo/policies/allowed_signers"

# database
site_sql "CREATE ROLE weak LOGIN"
change $ini "s|^database .*|database = host=$PG_SOCKET port=$PG_PORT user=weak dbname=shop|"
gives 10 'no right to create schema tidegate' t doctor
has 'the GRANT is given' "$OUT" 'GRANT CREATE ON DATABASE "shop" TO "weak"'
back
change $ini "s|^server .*|server = host=$PG_SOCKET port=$PG_PORT user=weak dbname=postgres|"
gives 69 'no right to make clones' t doctor
has 'CREATEDB is named' "$OUT" 'CREATEDB'
back
change $ini "s|^clone .*|clone = existing|; s|^server .*|server = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=shop|"
gives 10 'the rehearsal would run on production itself' t doctor
has 'it says so' "$OUT" 'it is production'
back
change $ini 's|^clone .*|clone = template:golden|'
gives 69 'no database to clone' t doctor
has 'it is named' "$OUT" 'golden'
back
site_sql 'ALTER TABLE session RENAME TO sessions'
gives 75 'the users cannot be counted' t doctor
has 'the reason is given' "$OUT" 'relation "session" does not exist'
site_sql 'ALTER TABLE sessions RENAME TO session'

# a pooler in front of it, which hands each transaction to another session
mkdir "$SITE/pool"
cat >"$SITE/pool/ini" <<END
[databases]
shop = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=shop
[pgbouncer]
unix_socket_dir = $SITE/pool
listen_port = 6432
auth_type = any
pool_mode = transaction
logfile = $SITE/pool/log
pidfile = $SITE/pool/pid
END
pgbouncer -q -d "$SITE/pool/ini"
change $ini "s|^database .*|database = host=$SITE/pool port=6432 user=postgres dbname=shop|"
gives 10 'a transaction pooler' t doctor
has 'it is called one' "$OUT" 'is reached through a connection pooler'
has 'and the fix is' "$OUT" 'name the server itself in `database`'
back
kill "$(cat "$SITE/pool/pid")"

# hosts
sshd_host_stop "$SITE" 3
gives 69 'a host that is down' t doctor
has 'it is named' "$OUT" 'problem  host      127.0.0.3'
has 'the others are well' "$OUT" 'ok       host      127.0.0.4'
sshd_launch "$SITE" 3
sshd_new_key "$SITE" 3
gives 10 'a host with another key' t doctor
has 'it is named' "$OUT" 'problem  host      127.0.0.3'
sed -i "s|^\[127.0.0.3\]:.*|[127.0.0.3]:$(cat "$SITE/port") $(cut -d' ' -f1,2 \
    "$SITE/sshd/3/key.pub")|" "$SITE/known_hosts"
gives 0 'and known again' t doctor
clock="LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1)"
sshd_host_start "$SITE" 3 "SetEnv $clock FAKETIME=-9s"
gives 75 'a host whose clock is behind' t doctor
has 'by how much' "$OUT" 'problem  host      127.0.0.3: its clock is 9'
has 'the others are well' "$OUT" 'ok       host      127.0.0.4'
sshd_host_start "$SITE" 3
mv "$SITE_2/shared/app.env" "$SITE/app.env"
gives 10 'a shared item is missing' t doctor
has 'the fix is a path' "$OUT" "make $SITE_2/shared/app.env"
mkdir "$SITE_2/shared/app.env"
gives 10 'a shared item is of another kind' t doctor
has 'both kinds are named' "$OUT" 'app.env folder here, and app.env file on'
rmdir "$SITE_2/shared/app.env"
mv "$SITE/app.env" "$SITE_2/shared/app.env"
chmod o+w "$SITE_2/releases"
gives 10 'a folder that everybody can write' t doctor
has 'the folder is named' "$OUT" "$SITE_2/releases"
chmod o-w "$SITE_2/releases"
app=$(readlink -f "$SITE_2/current")/VERSION
echo tampered >>"$app"
gives 10 'a file of the live release was changed' t doctor
has 'the file is named' "$OUT" 'VERSION'
git -C "$SITE/repo" show v1.0:VERSION >"$app"
gives 0 'and put back' t doctor
cp "$SITE_2/.tidegate/fence" "$SITE/fence"
sed -i 's/[0-9a-f]\{32\}/00000000000000000000000000000000/' "$SITE_2/.tidegate/fence"
gives 74 'a host of another ledger' t doctor
cp "$SITE/fence" "$SITE_2/.tidegate/fence"
mv "$SITE_2/current" "$SITE/current"
gives 0 'a host without a release: to be caught up' t doctor
has 'catch-up is named' "$OUT" 'tidegate catch-up'
mv "$SITE/current" "$SITE_2/current"
sed "s/^\[127.0.0.1\]/[localhost]/; t; d" "$SITE/known_hosts" >"$SITE/alias"
cp "$SITE/known_hosts" "$SITE/known_hosts.good"
cat "$SITE/alias" >>"$SITE/known_hosts"
change $ini "s|@127.0.0.\[1-5\]:\(.*\)|@127.0.0.1:\1 $(cat "$SITE/user")@localhost:\1|; s|%h/shop|127.0.0.1/shop|"
gives 78 'two names of one host' t doctor
has 'both are named' "$OUT" 'it is the same machine and folder as'
back
cp "$SITE/known_hosts.good" "$SITE/known_hosts"

# probes and pool
kill "$(cat "$SITE_2/shared/log/pid")"
gives 75 'a shop that does not answer' t doctor
has 'its host is named' "$OUT" 'problem  probe     127.0.0.2'
has 'and the pool shows it down' "$OUT" 'it is down in the pool'
TIDEGATE_PATH=$SITE_2 "$SITE_2/current/bin/restart"
change $ini "s|^members .*|members = haproxy:$SITE/haproxy.sock/nothing|"
gives 10 'a pool that is not the pinned one' t doctor
has 'no host is in it' "$OUT" 'problem  pool '
back

# a host that only runs commands
change $ini "s|^drain .*|drain = on $(cat "$SITE/user")@127.0.0.1:$(cat "$SITE/port"): true|"
gives 10 'a hook on a host of its own (not the pinned policy)' t doctor
has 'that host was reached' "$OUT" 'ok       hook host '
back
change $ini "s|^drain .*|drain = on $(cat "$SITE/user")@127.0.0.9:$(cat "$SITE/port"): true|"
gives 10 'a hook on a host that does not answer' t doctor
has 'it is named' "$OUT" 'problem  hook host '
back

# a standby in place of the database
"$PG_BIN/pg_basebackup" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres -R -c fast \
    -D "$SITE/standby" >/dev/null 2>&1
standby_port=$((PG_PORT + 1))
"$PG_BIN/pg_ctl" -D "$SITE/standby" -s -w -o "-p $standby_port" -l "$SITE/standby.log" \
    start >/dev/null
ok 'a standby runs' $?
change $ini "s|^database .*|database = host=$PG_SOCKET port=$standby_port user=postgres dbname=shop|"
gives 10 'a standby is no place for migrations' t doctor
has 'it is called one' "$OUT" 'is a standby and takes no changes'
back
"$PG_BIN/pg_ctl" -D "$SITE/standby" -s -w -m immediate stop >/dev/null

# interrupted
change policies/production.ini 's/^count .*/count = command: sleep 30/'
(cd "$SITE/repo" && exec "$TIDEGATE" doctor) >"$SITE/stopped" 2>&1 &
pid=$!
until [ -n "$(ps -o pid= --ppid $pid 2>/dev/null)" ] &&
    ps -o args= --ppid $pid | grep -q 'sleep 30'; do
    kill -0 $pid 2>/dev/null || break
    sleep 0.05
done
kill -TERM $pid
wait $pid
is 'SIGTERM ends it' $? 143
has 'it says where' "$(cat "$SITE/stopped")" 'stopped while looking at: users'
back

# a freeze and an owing host are told, and are no fault of the equipment
gives 0 'freeze' t freeze --why 'the sale'
gives 0 'frozen' t doctor
has 'who and why' "$OUT" 'the sale'
gives 0 'thaw' t thaw --why over
postgres_halt fast
gives 69 'the database is down' t doctor
has 'the database is named' "$OUT" 'problem  database'
has 'the hosts are well all the same' "$OUT" 'ok       host      127.0.0.1'
(export "${clock?}" FAKETIME=+20s && postgres_again)
gives 75 'a database whose clock is ahead' t doctor
has 'by how much' "$OUT" 'is 20'
postgres_halt fast
postgres_again
gives 0 'and all is well again' t doctor

# a project without hosts works with what it has
mkdir -p "$SITE/small/policies"
git -C "$SITE/small" init -q -b main
cat >"$SITE/small/tidegate.ini" <<END
[project]
name = small
repository = .
[environment production]
policy = policies/production.ini
database = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=shop
END
printf '[expected]\nsignatures = optional\napprovals = 0\n' \
    >"$SITE/small/policies/production.ini"
small() { (cd "$SITE/small" && exec "$TIDEGATE" "$@"); }
gives 0 'init of a small project' small init
gives 0 'doctor of it' small doctor
has 'no hosts' "$OUT" 'releases without hosts'
has 'no tag yet: a warning' "$OUT" 'has no tags'
tap_end
