#!/bin/sh
# The ways back: to the good release before, to a named one, with the schema,
# past "after" migrations or not at all, with the database or a host down, with
# a site that was broken before. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/harness/shop.sh
trap shop_close EXIT
trap 'exit 130' INT TERM HUP

column() { site_sql "SELECT count(*) FROM information_schema.columns
    WHERE table_name = 'orders' AND column_name = '$1'"; }
# goes CODE NAME TAG [WORD...]: tagged, announced, deployed
goes() {
    goes_code=$1
    goes_name=$2
    goes_tag=$3
    shift 3
    release "$goes_tag"
    announce "$goes_tag"
    gives "$goes_code" "$goes_name" t deploy "$goes_tag" $yes "$@"
}
steps() { # of the newest run, one a line
    t show "$(t history --format json | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)["runs"][-1]["run"])')"
}
stop_app() { # I
    kill "$(cat "$SITE/hosts/127.0.0.$1/shop/shared/log/pid")"
}
start_app() { # I
    TIDEGATE_PATH=$SITE/hosts/127.0.0.$1/shop \
        "$SITE/hosts/127.0.0.$1/shop/current/bin/restart"
}

shop_open 2 1000
ok 'the site stands' $?
setting rollout timeout 5s
accept
git -C "$SITE/repo" checkout -q -b work v1.0

echo '# to the one before, to a named one'
goes 0 'b1' b1
goes 0 'b2' b2
goes 0 'b3' b3
before=$(all_there_is)
gives 0 'a rollback tried dry' t rollback --dry-run
has 'it says where to' "$OUT" 'b2'
is 'and changed nothing' "$(all_there_is)" "$before"
gives 64 'a rollback wants the environment named' t rollback
gives 0 'rollback' t rollback $yes
is 'every host has b2' "$(releases)" releases/b2
before=$(all_there_is)
gives 0 'once more' t rollback $yes
has 'is said to be done' "$OUT" 'already on b2'
is 'and touches nothing' "$(all_there_is)" "$before"
gives 64 'to a bad release, without a reason' t rollback --to b3 $yes
has 'the reason is asked for' "$OUT" '--reason'
gives 0 'to a bad release, with one' t rollback --to b3 --reason 'it was not that' $yes
is 'every host has b3' "$(releases)" releases/b3
gives 64 'to a release that never was' t rollback --to b9 $yes
gives 0 'to an older one' t rollback --to b1 $yes
is 'every host has b1' "$(releases)" releases/b1
gives 0 'status is whole' t status

echo '# the database keeps, or is taken back'
up 0001_note 'ALTER TABLE orders ADD COLUMN note text;'
down 0001_note 'ALTER TABLE orders DROP COLUMN note;'
up 0002_mark 'ALTER TABLE orders ADD COLUMN mark text;'
down 0002_mark 'ALTER TABLE orders DROP COLUMN mark;'
goes 0 'two migrations' b4
gives 0 'rollback' t rollback $yes
has 'what the database keeps is listed' "$OUT" '0001_note, 0002_mark'
is 'and it does' "$(column note)$(column mark)" 11
gives 0 'status is whole' t status
gives 10 'the announcement is used' t deploy b4 $yes
announce b4 --again
gives 0 'announced again, it goes out again' t deploy b4 $yes
gives 0 'rollback with the schema' t rollback --schema $yes
is 'the columns are gone' "$(column note)$(column mark)" 00
is 'every host has b1' "$(releases)" releases/b1
is 'the newest was undone first' "$(steps | grep -o 'migrate-down.*' |
    grep -o '000[12]_[a-z]*' | uniq | xargs)" '0002_mark 0001_note'
gives 0 'status is whole' t status

echo '# after migrations'
up 0003_late '-- tidegate: phase=after
ALTER TABLE orders ADD COLUMN late text;'
down 0003_late 'ALTER TABLE orders DROP COLUMN late;'
release b5
announce b5
gives 0 'rehearsed' t rehearse b5
gives 0 'out' t deploy b5 $yes
gives 0 'rollback' t rollback $yes
has 'it names the down and what it took' "$OUT" 'undoes       0003_late, rehearsed: '
has 'and the data that goes' "$OUT" 'public.orders.late'
is 'its down ran' "$(column late)" 0
is 'before the code went back' "$(steps | grep -o 'migrate-down\|back-flip' |
    uniq | xargs)" 'migrate-down back-flip'
is 'what ran before is kept' "$(column note)$(column mark)" 11
gives 0 'status is whole' t status
announce b5 --again
gives 0 'rehearsed' t rehearse b5
gives 0 'out again' t deploy b5 $yes
postgres_halt immediate
gives 12 'with the database down there is no way past it' t rollback $yes
has 'why' "$OUT" 'database is down'
is 'the hosts have what they had' "$(releases)" releases/b5
postgres_again
gives 0 'with the database there is' t rollback $yes
is 'every host has b1' "$(releases)" releases/b1
release b5a
announce b5a
gives 0 'rehearsed' t rehearse b5a
gives 0 'it goes out with another release' t deploy b5a $yes
goes 0 'and one after that' b5b
gives 0 'back to the first of them' t rollback $yes
is 'what it ran after stays' "$(column late)" 1
gives 0 'and to the second' t rollback --to b5b --reason 'it was not that' $yes
is 'what the first ran stays' "$(column late)" 1
postgres_halt immediate
gives 12 'not past both with the database down' t rollback --to b1 $yes
is 'the hosts have what they had' "$(releases)" releases/b5b
postgres_again
gives 0 'past both at once' t rollback --to b1 $yes
is 'undoes what the first ran' "$(column late)" 0
is 'every host has b1' "$(releases)" releases/b1
gives 0 'status is whole' t status

up 0004_drop '-- tidegate: phase=after
-- tidegate: forward-only nobody reads it
ALTER TABLE orders DROP COLUMN mark;'
policy 0 '[backup]' 'age_seconds = command: echo 60' 'max_age = 12h'
release b6
announce b6
gives 0 'rehearsed' t rehearse b6
gives 0 'a forward-only one' t deploy b6 $yes
before=$(all_there_is)
gives 10 'rollback is refused' t rollback $yes
has 'and says so' "$OUT" 'no way back past 0004_drop: roll forward'
is 'nothing was changed' "$(all_there_is)" "$before"
policy 0

echo '# a release that fails'
sed -i 's/^HEALTHY = True/HEALTHY = False/' "$SITE/repo/app.py"
setting rollout on_failure stop
accept
goes 12 'on_failure = stop' b7
is 'the canary has it' "$(readlink "$SITE/hosts/127.0.0.1/shop/current")" releases/b7
gives 12 'status' t status
gives 12 'resume meets the same' t resume $yes
gives 0 'rollback' t rollback $yes
is 'every host has b6' "$(releases)" releases/b6
gives 0 'status is whole' t status
setting rollout on_failure
accept
goes 11 'on_failure = rollback' b8
is 'every host has b6' "$(releases)" releases/b6
gives 0 'rollback has nothing to do' t rollback $yes
has 'and says so' "$OUT" 'already on b6'
sed -i 's/^HEALTHY = False/HEALTHY = True/' "$SITE/repo/app.py"

echo '# a host that is down'
goes 0 'b9' b9
sshd_host_stop "$SITE" 2
stop_app 2
gives 0 'rollback without it' t rollback $yes
is 'the other has b6' "$(readlink "$SITE/hosts/127.0.0.1/shop/current")" releases/b6
gives 13 'status: nobody knows what it has' t status
has 'it is owing' "$OUT" 'owing'
sshd_host_start "$SITE" 2
start_app 2
gives 0 'catch-up' t catch-up $yes
is 'every host has b6' "$(releases)" releases/b6
gives 0 'status is whole' t status
until_true 10 pool_whole

setting rollout max_unreachable 1
setting rollout max_out 2
accept
sshd_host_stop "$SITE" 2
stop_app 2
until_true 10 pool_short
goes 0 'a release without it, as far as max_unreachable allows' m1
gives 13 'status: nobody knows what it has' t status
has 'it is owing' "$OUT" 'owing'
sshd_host_start "$SITE" 2
gives 0 'catch-up' t catch-up $yes
is 'every host has m1' "$(releases)" releases/m1
gives 0 'status is whole' t status
until_true 10 pool_whole
sshd_host_stop "$SITE" 2
gives 13 'rollback, and the other host still serves what was undone' t rollback $yes
gives 13 'it is owing all the same' t status
has 'it is named' "$OUT" 'owing'
sshd_host_start "$SITE" 2
gives 0 'rollback finishes when it is reached' t rollback $yes
is 'every host has b6' "$(releases)" releases/b6
gives 0 'status is whole: nothing is owing' t status
setting rollout max_unreachable
setting rollout max_out 1
accept

echo '# a site that was broken before'
goes 0 'b10' b10
env=$SITE/hosts/127.0.0.2/shop/shared/app.env
cp "$env" "$SITE/app.env"
echo 'PORT=1' >>"$env"
stop_app 2
gives 13 'rollback of a site that stays broken' t rollback $yes
is 'the code is back' "$(releases)" releases/b6
has 'and it is as before' "$OUT" 'as before'
cp "$SITE/app.env" "$env"
start_app 2
until_true 10 pool_whole
gives 0 'mended, a rollback proves it' t rollback $yes
gives 0 'status is whole' t status
tap_end
