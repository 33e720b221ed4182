#!/bin/sh
# Projects that have less: no database, no hosts, neither a probe nor a pool;
# a file for an artifact, a prepare hook, shared items, and what pruning
# keeps. Nothing is signed here. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
# shellcheck source=tests/harness/sshd.sh
. tests/harness/sshd.sh
# shellcheck source=tests/harness/project.sh
. tests/harness/project.sh

D=$(mktemp -d /tmp/tgplain.XXXXXX)
stop() {
    sshd_stop "$D"
    postgres_stop
    rm -rf "$D"
    ordinary_end
}
trap stop EXIT
trap 'exit 130' INT TERM HUP
releases() {
    for h in "$D"/hosts/*; do readlink "$h/app/current"; done | sort -u
}
sshd_start "$D" 2
ok 'two hosts' $?
user=$(cat "$D/user") port=$(cat "$D/port")
hosts="hosts = $user@127.0.0.[1-2]:$port
path = $D/hosts/%h/app
known_hosts = $D/known_hosts
identity = $D/key"

echo '# without a database, a probe, a pool'
project plain <<END
$hosts
[artifact]
exclude = docs/
prepare = bin/build
shared = log config/local.env
keep = 0
[rollout]
waves = 1 100%
restart = echo "\$TIDEGATE_RELEASE \$TIDEGATE_PREVIOUS" >>"\$TIDEGATE_PATH"/shared/log/restarts
END
gives 0 'init' t init
release p1
t expect p1 --at now --why test >/dev/null 2>&1
gives 10 'a folder that is missing stops it' t deploy p1 $yes
has 'it is named' "$OUT" '127.0.0.1/app'
mkdir -p "$D/hosts/127.0.0.1/app/shared/log" "$D/hosts/127.0.0.2/app/shared/log"
gives 10 'a shared item that is missing stops it before any change' t deploy p1 $yes
has 'it is named' "$OUT" 'config/local.env'
for i in 1 2; do
    mkdir -p "$D/hosts/127.0.0.$i/first" "$D/hosts/127.0.0.$i/file"
    mkdir -p "$D/hosts/127.0.0.$i/app/shared/log" \
        "$D/hosts/127.0.0.$i/app/shared/config"
    echo "host=$i" >"$D/hosts/127.0.0.$i/app/shared/config/local.env"
done
gives 0 'the first release of all' t deploy p1 $yes
has 'that there is no way back is said' "$OUT" 'none: it is the first release'
is 'every host has it' "$(releases)" releases/p1
at=$D/hosts/127.0.0.2/app/current
is 'it was prepared' "$(cat "$at/built")" 'p1 for 127.0.0.2'
is 'shared items are linked' "$(cat "$at/config/local.env")" host=2
is 'and were restarted into' "$(cat "$at/log/restarts")" 'p1 '
[ ! -e "$at/docs" ]
ok 'what is excluded stays out' $?
gives 0 'status is whole' t status
gives 10 'there is nothing to go back to' t rollback $yes
has 'and that is said' "$OUT" 'no release to go back to'
gives 0 'check has nothing to do' t check p1
t expect p1 --at now --why test --only restart >/dev/null 2>&1
gives 0 'a restart alone' t deploy p1 --restart-only $yes
printf '#!/bin/sh\nexit 3\n' >"$P/bin/build"
goes 10 'a prepare that fails' p2
is 'changed nothing' "$(releases)" releases/p1
gives 0 'status is whole' t status
printf '#!/bin/sh\necho "$TIDEGATE_RELEASE" >built\n' >"$P/bin/build"
goes 0 'the corrected one' p3
gives 0 'rollback' t rollback $yes
is 'every host has p1' "$(releases)" releases/p1
gives 78 'migrations alone, without a database' t deploy p3 --only migrations $yes
gives 78 'nor announced' t expect p3 --only migrations --at now --why x
gives 78 'nor asked' t check p3 --only migrations

echo '# what pruning keeps'
mkdir "$D/hosts/127.0.0.1/app/releases/by-hand"
for tag in p4 p5 p6 p7; do
    goes 0 "$tag" "$tag"
done
is 'the live one, two good ones before it, and what is not ours' \
    "$(cd "$D/hosts/127.0.0.1/app/releases" && echo *)" 'by-hand p5 p6 p7'
gives 10 'to one that was pruned' t rollback --to p4 --reason x $yes
has 'that is said' "$OUT" 'not there any more'
gives 0 'rollback' t rollback $yes
is 'every host has p6' "$(releases)" releases/p6

echo '# a first release that fails'
project first <<END
$(printf '%s\n' "$hosts" | sed 's|/app$|/first|')
[rollout]
restart = test -e /nowhere/at/all
END
gives 0 'init' t init
goes 12 'it stops, for there is nothing to go back to' f1
gives 12 'status' t status
gives 10 'rollback says so' t rollback $yes
has 'in words' "$OUT" 'no release to go back to'

echo '# a file for an artifact'
project file <<END
$(printf '%s\n' "$hosts" | sed 's|/app$|/file|')
[artifact]
from = file:build/file-%v.tar.gz
END
gives 0 'init' t init
release a1
gives 65 'without the file' t expect a1 --at now --why test
mkdir -p "$P/build"
echo one >"$D/one"
tar czf "$P/build/file-a1.tar.gz" -C "$D" one
gives 0 'announced' t expect a1 --at now --why test
echo two >"$D/one"
tar czf "$P/build/file-a1.tar.gz" -C "$D" one
gives 10 'another file by now' t deploy a1 $yes
has 'that is said' "$OUT" 'artifact'
gives 0 'announced again' t expect a1 --at now --why test
gives 0 'and out' t deploy a1 $yes
is 'the file is there' "$(cat "$D/hosts/127.0.0.1/file/current/one")" two

echo '# without hosts'
postgres_start cluster_name=plain
"$PG_BIN/psql" -X -q "$PG_CONNINFO" -c 'CREATE DATABASE app'
database=$(postgres_conninfo app)
rows() { "$PG_BIN/psql" -X -q -A -t "$database" -c "$1"; }
project data <<END
database = $database
[rehearsal]
clone = dump
from = $database
server = $PG_CONNINFO
END
gives 0 'init' t init
mkdir "$P/migrations"
echo 'CREATE TABLE thing (i int);' >"$P/migrations/0001_thing.up.sql"
echo 'DROP TABLE thing;' >"$P/migrations/0001_thing.down.sql"
goes 0 'migrations are all there is' d1
is 'they ran' "$(rows 'SELECT count(*) FROM tidegate.migration')" 1
gives 0 'status is whole' t status
gives 0 'nothing to do any more' t deploy d1 $yes
gives 0 'doctor' t doctor
gives 78 'a restart alone, without hosts' t deploy d1 --restart-only $yes
echo '-- tidegate: phase=after
ALTER TABLE thing ADD COLUMN j int;' >"$P/migrations/0002_more.up.sql"
echo 'ALTER TABLE thing DROP COLUMN j;' >"$P/migrations/0002_more.down.sql"
release d2
t expect d2 --at now --why test >/dev/null 2>&1
gives 0 'rehearsed' t rehearse d2
gives 0 'an after migration' t deploy d2 $yes
gives 0 'rollback' t rollback $yes
is 'undid it' "$(rows "SELECT count(*) FROM information_schema.columns
    WHERE table_name = 'thing'")" 1
gives 0 'status is whole' t status

echo '# without anything'
project nothing </dev/null
gives 78 'neither hosts nor a database' t init
tap_end
