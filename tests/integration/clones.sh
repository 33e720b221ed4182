#!/bin/sh
# Clones as a deploy machine sees them: a runner that is killed while it makes
# one, what doctor says of that, and a physical copy of production. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/harness/shop.sh
copy=
close() {
    [ -z "$copy" ] || postgres_as "$PG_BIN/pg_ctl" -s -D "$copy" -m immediate stop
    shop_close
}
trap close EXIT
trap 'exit 130' INT TERM HUP

databases() { site_sql "SELECT datname FROM pg_database ORDER BY 1" | xargs; }
dies() { # FAILPOINT WORD...
    dies_at=$1
    shift
    (cd "$SITE/repo" && TIDEGATE_FAILPOINT=$dies_at exec "$TIDEGATE" "$@") \
        >/dev/null 2>&1
    [ $? = 137 ]
}

shop_open 1 2000
ok 'the site stands' $?
up 0009_clone 'ALTER TABLE orders ADD COLUMN cloned int;'
down 0009_clone 'ALTER TABLE orders DROP COLUMN cloned;'
release c1
before=$(databases)

echo '# killed between CREATE DATABASE and its mark'
dies clone.created rehearse c1
ok 'killed' $?
has 'its database is there' "$(databases)" tidegate_
gives 0 'doctor' t doctor
has 'lists it' "$OUT" 'left the clone tidegate_'
gives 0 'swept' t rehearse --sweep
has 'by name' "$OUT" 'removed tidegate_'
is 'and nothing is left' "$(databases)" "$before"
gives 0 'nothing to sweep' t rehearse --sweep
has 'which is said' "$OUT" 'no killed rehearsal'
gives 64 'a sweep is of no release' t rehearse c1 --sweep
gives 64 'a rehearsal is of one' t rehearse

echo '# a command'
pg="host=$PG_SOCKET port=$PG_PORT user=postgres"
cat >"$SITE/clone" <<END
#!/bin/sh
echo "\$1 \$2" >>$SITE/clone.log
case \$1 in
create)
    echo "asking the storage" >&2
    [ ! -p $SITE/gate ] || read -r _ <$SITE/gate
    $PG_BIN/psql -qXd '$pg dbname=postgres' -c "CREATE DATABASE \"\$2\""
    $PG_BIN/pg_dump '$pg dbname=shop' | $PG_BIN/psql -qX '$pg dbname='"\$2" >/dev/null
    echo "{\"conninfo\": \"$pg dbname=\$2\"}" ;;
destroy) $PG_BIN/psql -qXd '$pg dbname=postgres' -c "DROP DATABASE IF EXISTS \"\$2\" WITH (FORCE)" ;;
esac
END
chmod +x "$SITE/clone"
setting rehearsal clone "command:$SITE/clone"
setting rehearsal from
setting rehearsal server
# long NAME PART: how far it is, told while its create waits at the gate
long() {
    mkfifo "$SITE/gate"
    t rehearse c1 --verbose >"$SITE/long.log" 2>&1 &
    rehearsing=$!
    until_true 60 grep -q "$2" "$SITE/long.log"
    ok "$1" $?
    echo go >"$SITE/gate"
    rm "$SITE/gate"
    wait "$rehearsing"
    ok 'rehearsed' $?
}
long 'a command that never ran says how long' 'create, .*; how long it takes is not known yet'
has 'and what it says itself' "$(cat "$SITE/long.log")" ': asking the storage'
is 'nothing is left of it' "$(databases)" "$before"
long 'the next one goes by the last' 'create, .*the last one'
: >"$SITE/clone.log"
dies clone.command rehearse c1
ok 'killed while it makes one' $?
gives 0 'doctor' t doctor
has 'names it and the command' "$OUT" "of $SITE/clone"
gives 0 'the next one' t rehearse c1
has 'removes it first' "$OUT" 'a dead rehearsal left it: removed'
is 'nothing is left' "$(databases)" "$before"
is 'each was destroyed' "$(grep -c destroy "$SITE/clone.log")" 2
has 'that one first' "$(sed -n 2p "$SITE/clone.log")" destroy

echo '# a down that gives back the schema and not the data'
up 0010_total '-- tidegate: phase=after
ALTER TABLE orders DROP COLUMN total;'
down 0010_total 'ALTER TABLE orders ADD COLUMN total int NOT NULL DEFAULT 0;
ALTER TABLE orders ALTER total DROP DEFAULT;'
release c2
announce c2
gives 10 'rehearsed: what it loses nothing gives back' t rehearse c2
has 'the values are missed' "$OUT" 'data public.orders.total: '
asks 10 'way back' way_back.loses 'so it is no way back' check c2

echo '# a physical copy of production'
copy=$PG_FOLDER/copy
copy_port=$(postgres_port)
postgres_as "$PG_BIN/pg_basebackup" -d "$pg" -D "$copy" -X stream -c fast
physical() { # CLUSTER_NAME
    postgres_as "$PG_BIN/pg_ctl" -s -D "$copy" -m immediate stop 2>/dev/null
    postgres_as "$PG_BIN/pg_ctl" -s -w -D "$copy" -l "$copy/log" \
        -o "-p $copy_port -c cluster_name=$1" start
}
cat >"$SITE/clone" <<END
#!/bin/sh
[ \$1 = destroy ] || echo 'host=$PG_SOCKET port=$copy_port user=postgres dbname=shop'
END
physical other
gives 10 'without the name it is taken for production' t rehearse c1
has 'and the name is told' "$OUT" 'cluster_name = tidegate-clone'
physical tidegate-clone
setting rehearsal clone template:shop
setting rehearsal server \
    "host=$PG_SOCKET port=$copy_port user=postgres dbname=postgres"
gives 0 'its database may be a template: nobody works there' t rehearse c1
case $OUT in *"production's own cluster"*) false ;; esac
ok 'and it is not called production' $?
setting rehearsal clone "command:$SITE/clone"
setting rehearsal server
gives 0 'with it, at another address, it is a clone' t rehearse c1
is 'production has none of it' "$(site_sql "SELECT count(*) FROM
    pg_attribute WHERE attname = 'cloned'")" 0
tap_end
