#!/bin/sh
# What happens to a release under way when a gate changes its mind: a surge of
# users, a closing window, a freeze, a withdrawn announcement, and `on_hold` in
# each of its forms. Things change while the canary restarts. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/harness/shop.sh
trap shop_close EXIT
trap 'exit 130' INT TERM HUP

# meanwhile SH: what the next restart of any host does besides, once
meanwhile() {
    cat >"$SITE/hook" <<END
#!/bin/sh
[ -e "$SITE/next" ] || exit 0
rm "$SITE/next"
psql() { "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 "$(postgres_conninfo shop)" "\$@"; }
users() { psql -c 'DELETE FROM session' -c "INSERT INTO session (seen_at)
    SELECT now() + interval '1 hour' FROM generate_series(1, \$1)"; }
t() { "$TIDEGATE" -C "$SITE/repo" "\$@" >>"$SITE/hook.log" 2>&1; }
$1
END
    chmod +x "$SITE/hook"
    : >"$SITE/next"
}
live=v1.0
goes() { # CODE NAME [WORD...]: the next release, and what comes of it
    goes_code=$1
    goes_name=$2
    shift 2
    n=$((n + 1))
    release "r$n"
    announce "r$n"
    gives "$goes_code" "$goes_name" t deploy "r$n" $yes "$@"
    [ "$goes_code" = 11 ] || live=r$n
    is 'every host has what it says' "$(releases)" "releases/$live"
}
hold() { # on_hold, pause_max
    setting rollout on_hold "$1"
    setting rollout pause_max "$2"
    accept
}
n=0
shop_open 3 1000
ok 'the site stands' $?
git -C "$SITE/repo" checkout -q -b plain v1.0
setting rollout waves '1 100%'
setting rollout restart "\"\$TIDEGATE_PATH\"/current/bin/restart && $SITE/hook"
policy 0 '[users]' 'count = sql: SELECT count(*) FROM session' 'max = 50' \
    'abort_at = 200' 'forecast = no'
meanwhile ''
goes 0 'nothing happens meanwhile'

echo '# before anything has changed'
hold finish 15m
setting artifact prepare "$SITE/hook"
meanwhile 'users 100'
n=$((n + 1))
release "r$n"
announce "r$n"
gives 75 'users come while it is staged' t deploy "r$n" $yes
has 'which is told' "$OUT" '100 users are on, limit 50'
has 'and that nothing was changed' "$OUT" 'nothing was changed'
is 'every host has what it had' "$(releases)" "releases/$live"
gives 0 'status is whole' t status
site_users 5
gives 0 'its announcement is open again' t deploy "r$n" $yes
live=r$n
setting artifact prepare

echo '# a surge over abort_at'
hold finish 15m
meanwhile 'users 300'
goes 0 'on_hold = finish'
has 'it says what was decided' "$OUT" 'users are over abort_at'
gives 0 'status is whole' t status
site_users 5
hold back 15m
meanwhile 'users 300'
goes 11 'on_hold = back'
has 'the release that serves again is named' "$OUT" "$live serves again"
gives 0 'status is whole' t status
site_users 5
hold auto 15m
meanwhile 'users 300'
goes 11 'on_hold = auto: one batch back is shorter than two on'
has 'the comparison is told' "$OUT" 'going back'
site_users 5
setting rollout max_out 2
accept
meanwhile 'users 300'
goes 0 'on_hold = auto: one batch on is as short as one back'
site_users 5
setting rollout max_out 1

echo '# a HOLD that lasts, and one that passes'
hold finish 1s
meanwhile 'users 100'
goes 0 'held for pause_max, then finished'
has 'the limit is told' "$OUT" '100 users are on, limit 50'
site_users 5
hold back 1s
meanwhile 'users 100'
goes 11 'held for pause_max, then back'
site_users 5
hold back 3s
meanwhile "(sleep 1; users 5) >/dev/null 2>&1 & users 100"
goes 0 'the users leave in time'

echo '# STOP'
hold back 15m
meanwhile 't freeze --why "a fire"'
goes 11 'a freeze, on_hold = back'
has 'and whose it is' "$OUT" 'a fire'
t thaw --why out >/dev/null 2>&1
hold finish 15m
meanwhile 't freeze --why "a fire"'
goes 0 'a freeze, on_hold = finish'
gives 0 'status is whole' t status
t thaw --why out >/dev/null 2>&1
hold back 15m
meanwhile "t withdraw r$((n + 1)) --why no --key $SITE/jaak"
goes 11 'withdrawn meanwhile'
has 'and by whom' "$OUT" 'withdrawn by jaak'
hold back 15m
cp "$SITE/repo/policies/production.ini" "$SITE/policy"
meanwhile "echo 'override = yes' >>$SITE/repo/policies/production.ini
t policy accept --key $SITE/anna"
goes 11 'another policy meanwhile'
has 'and what changed' "$OUT" 'policy changed'
cp "$SITE/policy" "$SITE/repo/policies/production.ini"
accept

echo '# a closing window'
# Nothing is announced for a window that closes this soon, so the announcement
# is one for the policy of before, signed for this one.
hold back 1s
setting rollout timeout 150s
policy 0
n=$((n + 1))
release "r$n"
announce "r$n"
closes=$(($(date +%s) + 35))
opened=$(((closes - 600) / 60 * 60))
policy 0 '[window]' 'zone = Europe/Tallinn' 'override = yes' "allow = $(
    TZ=Europe/Tallinn date -d "@$opened" '+%Y-%m-%d %H:%M') for $((closes - opened))s"
gives 10 'nothing is announced for it' \
    t expect "r$n" --at now --why x --key "$SITE/anna"
forge anna tidegate policy="$(pinned)"
gives 10 'nothing fits into it' t deploy "r$n" $yes
meanwhile "while [ \$(date +%s) -lt $closes ]; do sleep 0.2; done"
gives 11 'fit is lifted; the window closes, and the release goes back' \
    t deploy "r$n" $yes --override fit --reason 'it is small'
has 'the window is named' "$OUT" 'closed'
is 'every host is back' "$(releases)" "releases/$live"
setting rollout timeout 20s
policy 0

echo '# held before an "after" migration'
up 0001_after '-- tidegate: phase=after
ALTER TABLE orders ADD COLUMN late text;'
down 0001_after 'ALTER TABLE orders DROP COLUMN late;'
hold auto 1s
policy 0 '[users]' 'count = sql: SELECT count(*) FROM session' 'max = 50' \
    'abort_at = 200' 'forecast = no'
release p1
announce p1
gives 0 'rehearsed' t rehearse p1
meanwhile '[ "$(grep -l releases/p1 '"$SITE"'/hosts/*/shop/shared/log/restarts | wc -l)" = 3 ] ||
    { : >'"$SITE"'/next; exit 0; }
users 100'
gives 12 'all hosts on it, and the migration waits' t deploy p1 $yes
is 'every host has it' "$(releases)" releases/p1
has 'resume is named' "$OUT" 'tidegate resume'
is 'it did not run' "$(site_sql "SELECT count(*) FROM information_schema.columns
    WHERE column_name = 'late'")" 0
gives 12 'status' t status
has 'it names the migration' "$OUT" '0001_after'
gives 12 'resume while they are on holds again' t resume $yes
is 'still not run' "$(site_sql "SELECT count(*) FROM information_schema.columns
    WHERE column_name = 'late'")" 0
site_users 5
gives 0 'resume when they left' t resume $yes
is 'it ran once' "$(site_sql "SELECT count(*) FROM tidegate.migration
    WHERE name = '0001_after' AND phase = 'after'")" 1
gives 0 'status is whole' t status
is 'no host was restarted for it' "$(cat "$SITE"/hosts/*/shop/shared/log/restarts |
    grep -c releases/p1)" 3

echo '# resumed when the announcement is over'
up 0002_after '-- tidegate: phase=after
ALTER TABLE orders ADD COLUMN later text;'
down 0002_after 'ALTER TABLE orders DROP COLUMN later;'
release p2
announce p2
gives 0 'rehearsed' t rehearse p2
meanwhile '[ "$(grep -l releases/p2 '"$SITE"'/hosts/*/shop/shared/log/restarts | wc -l)" = 3 ] ||
    { : >'"$SITE"'/next; exit 0; }
users 100'
gives 12 'all hosts on it, and the migration waits' t deploy p2 $yes
gives 0 'withdrawn meanwhile' t withdraw p2 --why over --key "$SITE/jaak"
site_users 5
gives 12 'resume does not run it' t resume $yes
has 'since the announcement is over' "$OUT" 'withdrawn by jaak'
has 'only the way back is left' "$OUT" \
    'then: tidegate rollback, for what is announced anew (expect --again)'
gives 0 'back' t rollback $yes
is 'every host is back' "$(releases)" releases/p1
announce p2 --again
gives 0 'announced anew it goes out whole' t deploy p2 $yes
hold finish 15m
live=p2
n=$((n + 1))
release "r$n"
announce "r$n"
meanwhile "kill -9 \$(cat $SITE/runner)"
(cd "$SITE/repo" && exec "$TIDEGATE" deploy "r$n" $yes) >"$SITE/killed.log" 2>&1 &
echo $! >"$SITE/runner"
wait $!
is 'killed in its first wave' $? 137
gives 0 'and withdrawn' t withdraw "r$n" --why over --key "$SITE/jaak"
gives 0 'resume does what on_hold says' t resume $yes
has 'and why' "$OUT" 'withdrawn by jaak'
is 'every host has it' "$(releases)" "releases/r$n"
gives 0 'status is whole' t status
tap_end
