#!/bin/sh
# Every gate seen from the command line: which rule speaks, with which exit
# code, and that asking changes nothing anywhere. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/harness/shop.sh
trap shop_close EXIT
trap 'exit 130' INT TERM HUP

now=$(date +%s)
ledger() { "$APPEND" "$SITE/repo/.tidegate/ledger" "$@" >/dev/null; }

shop_open 2 2000
ok 'the site stands, v1.0 adopted' $?

echo '# expected'
asks 10 expected expected.none 'nobody announced it' check v1.1
gives 10 'deploy refuses it too' t deploy v1.1 $yes
has 'with an exclamation mark' "$OUT" '!!!'
has 'and offers no command' "$OUT" 'if you did not mean this, do nothing'
announce v1.1
before=$(all_there_is)
asks 0 expected expected.announced 'announced' check v1.1
gives 0 'plan of an announced release' t plan v1.1
gives 0 'a dry run of it' t deploy v1.1 --dry-run
is 'check, plan and dry run changed nothing anywhere' "$(all_there_is)" "$before"

git -C "$SITE/repo" tag -f v1.1 v1.3 >/dev/null 2>&1
asks 10 expected expected.commit 'the tag was moved' check v1.1
gives 10 'deploy says so too' t deploy v1.1 $yes
git -C "$SITE/repo" tag -f v1.1 v1.2~1 >/dev/null 2>&1
asks 0 expected expected.announced 'the tag was put back' check v1.1
setting artifact exclude bin/
asks 10 expected expected.artifact 'less goes to the hosts' check v1.1
setting artifact exclude
forge anna tidegate migrations="$(printf '%064d' 0)"
asks 10 expected expected.migrations 'other migrations were announced' check v1.1
announce v1.1
user=$(cat "$SITE/user") port=$(cat "$SITE/port")
setting 'environment production' hosts "$user@127.0.0.1:$port"
asks 10 policy policy.changed 'a host is gone from the configuration' check v1.1
has 'the change is shown' "$OUT" 'hosts'
accept
asks 10 expected expected.hosts 'accepted, the announcement is of others' check v1.1
setting 'environment production' hosts "$user@127.0.0.[1-2]:$port"
policy 0 '[users]' 'count = command: echo 3' 'max = 50' 'forecast = no'
asks 10 expected expected.policy 'announced under another policy' check v1.1
policy 0

announce v1.1 --only migrations
asks 10 expected expected.phases 'announced for its migrations' check v1.1
asks 10 expected expected.phases 'or for a restart' check v1.1 --restart-only
asks 0 expected expected.announced 'which may run' check v1.1 --only migrations
at=$(date -u -d '+1190 seconds' +%Y-%m-%dT%H:%M:%SZ)
t expect v1.1 --at "$at" --why x --key "$SITE/anna" >/dev/null 2>&1
asks 75 expected expected.early 'its time is to come' check v1.1
has 'it says when' "$OUT" '"retry_after":11'
gives 75 'deploy holds' t deploy v1.1 $yes
NOTICE=5m policy 0
announce v1.1
asks 75 expected expected.notice 'announced a moment ago' check v1.1
policy 0
announce v1.1
forge anna tidegate announced=$((now - 7200)) opens=$((now - 7200)) \
    expires=$((now - 60))
asks 10 expected expected.expired 'it was open until a minute ago' check v1.1
announce v1.1
t withdraw v1.1 --why x --key "$SITE/anna" >/dev/null 2>&1
asks 10 expected expected.withdrawn 'withdrawn' check v1.1
announce v1.1
forge '' tidegate
asks 10 expected expected.unsigned 'not signed' check v1.1
forge eve tidegate
asks 10 expected expected.key_unknown 'signed by a stranger' check v1.1
forge anna file
asks 10 expected expected.namespace 'a signature for something else' check v1.1
forge anna tidegate
manifest nonce="$(printf %032d 7)" reason=other >"$SITE/forged"
sed -i 's/"reason":"other"/"reason":"twist"/' "$SITE/forged"
cp "$SITE/forged" "$SITE/altered"
rm -f "$SITE/forged.sig"
ssh-keygen -q -Y sign -f "$SITE/anna" -n tidegate "$SITE/forged" 2>/dev/null
sed -i 's/"twist"/"other"/' "$SITE/altered"
/usr/bin/python3 - "$SITE/altered" "$SITE/forged.sig" >"$SITE/event" <<'PY'
import json, sys
text, signature = [open(p).read() for p in sys.argv[1:]]
print(json.dumps({"environment": "production", "text": text,
    "signature": signature, "person": "anna", "key": "SHA256:x"}))
PY
ledger statement "$(cat "$SITE/event")"
asks 10 expected expected.signature 'altered after it was signed' check v1.1
announce v1.1
cp "$SITE/anna.pub" "$SITE/repo/policies/revoked_keys"
accept
asks 10 expected expected.key_revoked 'its key was revoked' check v1.1
: >"$SITE/repo/policies/revoked_keys"
accept

echo '# approved'
policy 1
announce v1.1
asks 75 approved approved.fewer 'nobody approved' check v1.1
gives 10 'the announcer cannot approve' t approve v1.1 --key "$SITE/anna"
digest=$(manifest_digest)
approval() { # WHO PERSON MANIFEST
    printf '{"at":%s,"manifest":"%s","nonce":"%s","person":"%s","reason":"","type":"approval"}' \
        "$(date +%s)" "$3" "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" "$2" \
        >"$SITE/approval"
    statement "$1" tidegate "$SITE/approval"
}
approval anna anna "$digest"
asks 75 approved approved.own "the announcer's own does not count" check v1.1
approval eve eve "$digest"
asks 10 approved approved.key_unknown "a stranger's approval" check v1.1
announce v1.1
asks 75 approved approved.fewer 'announced again: approvals are void' check v1.1
gives 0 'jaak approves' t approve v1.1 --key "$SITE/jaak"
asks 0 approved approved.enough 'approved' check v1.1
cp "$SITE/repo/policies/allowed_signers" "$SITE/signers"
signer olga jaak
policy 2
announce v1.1
digest=$(manifest_digest)
approval jaak jaak "$digest"
approval jaak olga "$digest"
asks 75 approved approved.same_person 'two names with one key are one' check v1.1
has 'it counts them' "$OUT" '1 of 2 approvals'
cp "$SITE/signers" "$SITE/repo/policies/allowed_signers"
policy 0

echo '# window'
tomorrow=$(date -d '+1 day' +%Y-%m-%d)
policy 0 '[window]' 'zone = Europe/Tallinn' "allow = $tomorrow 22:00-23:30"
t expect v1.1 --at "$tomorrow 22:00" --for 90m --why x --key "$SITE/anna" \
    >/dev/null 2>&1
asks 75 window window.closed 'closed' check v1.1
has 'the next opening is told' "$OUT" 'opens'
has 'and when it may pass' "$OUT" 'retry_at'
policy 0 '[window]' 'zone = Europe/Tallinn' 'allow = always' \
    "freeze = $(TZ=Europe/Tallinn date +%Y-%m-%d)..$tomorrow"
forge anna tidegate policy="$(pinned)" opens="$now" expires=$((now + 400000))
asks 75 window window.freeze 'in a freeze item' check v1.1
policy 0 '[window]' 'zone = Europe/Tallinn' "allow = $tomorrow 22:00-23:30" \
    'override = yes'
gives 64 '--override wants --reason' t deploy v1.1 $yes --override window
gives 64 'only what the policy allows is lifted' t deploy v1.1 $yes \
    --override users --reason x
gives 64 'expected is never lifted' t deploy v1.1 $yes --override expected --reason x
policy 0
announce v1.1

echo '# line'
t freeze --why 'a conference' >/dev/null 2>&1
asks 10 line line.frozen 'frozen' check v1.1
has 'and by whose word' "$OUT" 'a conference'
t thaw --why over >/dev/null 2>&1
asks 0 line line.free 'thawed' check v1.1
mkfifo "$SITE/hold"
"$APPEND" "$SITE/repo/.tidegate/ledger" lease production 20260101-000000-beef \
    hold <"$SITE/hold" >"$SITE/held" &
holder=$!
exec 9>"$SITE/hold"
until_true 10 grep -q held "$SITE/held"
asks 75 line line.busy 'another run holds it' check v1.1
gives 75 'deploy holds' t deploy v1.1 $yes
exec 9>&-
wait "$holder"
asks 0 line line.free 'the other run is over' check v1.1

echo '# rehearsal'
budget='[budget]
total = 10m
certificate = 1h'
policy 0 "$budget"
announce v1.1
asks 75 rehearsal rehearsal.none 'never rehearsed' check v1.1
gives 75 'deploy holds' t deploy v1.1 $yes
gives 0 'rehearse' t rehearse v1.1
asks 0 rehearsal rehearsal.kept 'rehearsed' check v1.1
certificate() { # PYTHON on c: the newest certificate once more
    /usr/bin/python3 - "$SITE/repo/.tidegate/ledger/ledger.tg" "$1" <<'PY'
import json, sys
data = open(sys.argv[1], "rb").read().decode("latin-1")
at = data.rfind('{"certificate":{')
event, _ = json.JSONDecoder().raw_decode(data[at:])
c = event["certificate"]
exec(sys.argv[2])
print(json.dumps(event))
PY
}
fresh=$(certificate pass)
ledger rehearsal "$(certificate 'c["at"] -= 7200')"
asks 75 rehearsal rehearsal.stale 'two hours old' check v1.1
ledger rehearsal "$fresh"
ledger rehearsal "$(certificate 'c["clone_share_per_mille"] = 2')"
asks 0 rehearsal rehearsal.kept 'too small a clone hides no better one' check v1.1
ledger rehearsal "$fresh"
ledger rehearsal "$(certificate 'c["high_ms"] = 660000')"
asks 10 rehearsal rehearsal.total 'a budget broken' check v1.1
ledger rehearsal "$fresh"
asks 0 rehearsal rehearsal.kept 'a good one again' check v1.1
announce v1.3
asks 75 rehearsal rehearsal.none 'that was of other migrations' check v1.3
announce v1.2
gives 10 'a rewrite breaks its budget' t rehearse v1.2
asks 10 rehearsal rehearsal.rewrite 'and stays refused' check v1.2
policy 0

echo '# way back'
git -C "$SITE/repo" checkout -q -b drop v1.1
up 0002_drop 'ALTER TABLE orders DROP COLUMN at;'
release v2.0
announce v2.0
asks 10 'way back' way_back.breaks 'the old code would not run with it' check v2.0
up 0002_drop 'DO $$ BEGIN EXECUTE format($q$ALTER TABLE orders DROP %I$q$, $q$at$q$); END $$;'
release v2.0a
announce v2.0a
asks 0 'way back' way_back.open 'a DO block tells nothing' check v2.0a
gives 10 'its rehearsal does' t rehearse v2.0a
has 'what it takes away' "$OUT" \
    '0002_drop: the old code would not run with it: column public.orders.at is gone'
has 'in words' "$OUT" 'the rehearsal found what the old code would not survive'
asks 10 'way back' way_back.breaks 'and the gate knows' check v2.0a
up 0002_drop '-- tidegate: compatible nobody reads it
ALTER TABLE orders DROP COLUMN at;'
release v2.1
announce v2.1
asks 0 'way back' way_back.open 'declared compatible' check v2.1
up 0002_drop '-- tidegate: phase=after
-- tidegate: forward-only nobody reads it
ALTER TABLE orders DROP COLUMN at;'
release v2.2
announce v2.2
asks 10 'way back' way_back.backup 'forward-only, and no backup' check v2.2
git -C "$SITE/repo" checkout -q main

echo '# users'
policy 0 '[users]' 'count = command: false' 'max = 50' 'forecast = no'
announce v1.1
asks 75 users users.unreadable 'no count' check v1.1
history="history = sql: SELECT at, users FROM user_count"
policy 0 '[users]' "$history" 'max = 50' 'override = yes' \
    'count = sql: SELECT count(*) FROM session'
announce v1.1
asks 0 users users.forecast 'few' check v1.1
site_users 0
asks 75 users users.zero 'none, where there were always some' check v1.1
site_users 140
asks 75 users users.max 'too many' check v1.1
has 'with the numbers' "$OUT" '140 users are on, limit 50'
site_users 5
site_sql "DELETE FROM user_count WHERE at > now() - interval '27 days 20 hours'"
asks 75 users users.unforeseen 'four hours of history' check v1.1

echo '# backup, replicas'
policy 0 '[backup]' 'age_seconds = command: cat ../age' 'max_age = 12h' \
    '[replicas]' 'min = 0'
announce v1.1
asks 75 backup backup.unreadable 'the age cannot be read' check v1.1
echo 50000 >"$SITE/age"
asks 75 backup backup.max_age 'an old backup' check v1.1
echo 500 >"$SITE/age"
asks 0 backup backup.fresh 'a fresh one' check v1.1
asks 0 replicas replicas.none_asked 'none is asked for' check v1.1
policy 0 '[replicas]' 'min = 1'
announce v1.1
asks 75 replicas replicas.min 'none streams' check v1.1

echo '# proven'
policy_text 0 >"$SITE/repo/policies/staging.ini"
cat >>"$SITE/repo/tidegate.ini" <<END
[environment staging]
policy = policies/staging.ini
database = host=$PG_SOCKET port=$PG_PORT user=postgres dbname=postgres
END
t init >/dev/null 2>&1
gives 64 'with two environments -e is wanted' t check v1.1
SITE_ENV=production
policy 0 '[proven]' 'in = staging' 'for = 1h'
announce v1.1
asks 75 proven proven.unknown 'never there' check v1.1
artifact=$(member artifact) migrations=$(member migrations)
ledger run '{"environment":"staging","run":"a","kind":"deploy","who":"x","release":"v1.1","artifact":"'"$artifact"'","migrations":"'"$migrations"'"}'
ledger ended '{"environment":"staging","run":"a","outcome":"good","exit":0,"live":"v1.1"}'
asks 75 proven proven.younger 'good, for a moment' check v1.1
policy 0 '[proven]' 'in = staging' 'for = 0s'
announce v1.1
asks 0 proven proven.good 'good for long enough' check v1.1
ledger run '{"environment":"staging","run":"b","kind":"deploy","who":"x","release":"v1.1"}'
ledger ended '{"environment":"staging","run":"b","outcome":"back","exit":11,"bad":"v1.1"}'
asks 10 proven proven.bad 'bad there' check v1.1
policy 0
announce v1.1

echo '# probe, pool'
shop=$(cat "$SITE/hosts/127.0.0.2/shop/shared/log/pid")
kill -STOP "$shop"
asks 75 probe probe.fails 'a host does not answer' check v1.1
until_true 10 pool_short
asks 75 pool pool.member 'and has left the pool' check v1.1
announce v1.1 --repairs
asks 0 probe probe.repairs 'a release that mends it' check v1.1
kill -CONT "$shop"
until_true 10 pool_whole
announce v1.1
asks 0 pool pool.whole 'all serve again' check v1.1

echo '# what a real run could not do, a dry one cannot either'
before=$(all_there_is)
sshd_host_stop "$SITE" 2
gives 69 'plan with a dead host' t plan v1.1
gives 69 'a dry run with a dead host' t deploy v1.1 --dry-run
gives 69 'check with a dead host' t check v1.1
gives 69 'deploy with a dead host' t deploy v1.1 $yes
sshd_new_key "$SITE" 2
gives 10 'plan with another host key' t plan v1.1
gives 10 'a dry run with another host key' t deploy v1.1 --dry-run
gives 10 'deploy with another host key' t deploy v1.1 $yes
sed -i '/^\[127.0.0.2\]/d' "$SITE/known_hosts"
printf '[127.0.0.2]:%s %s\n' "$port" \
    "$(cut -d' ' -f1,2 "$SITE/sshd/2/key.pub")" >>"$SITE/known_hosts"
gives 64 'plan of a tag that is missing' t plan v7.7
gives 64 'a dry run of a tag that is missing' t deploy v7.7 --dry-run
gives 64 'check of a tag that is missing' t check v7.7
gives 64 'deploy without the environment named' t deploy v1.1
is 'nothing of this changed anything' "$(all_there_is)" "$before"

echo '# over and done'
gives 0 'v1.1 goes out' t deploy v1.1 $yes
asks 0 expected expected.already_live 'it is live' check v1.1
gives 0 'and deploying it again does nothing' t deploy v1.1 $yes
has 'and says so' "$OUT" 'nothing to do'
announce v1.0
asks 10 expected expected.older 'older than live' check v1.0
has 'rollback is named' "$OUT" 'tidegate rollback'
git -C "$SITE/repo" checkout -q -b other v1.0
release v3.0
announce v3.0
asks 10 expected expected.diverged 'it does not contain what is live' check v3.0
announce v3.0 --replaces v1.0
asks 10 expected expected.replaces 'it would replace another' check v3.0
announce v3.0 --replaces v1.1
asks 0 expected expected.announced 'it may replace what is live' check v3.0
has 'what the database keeps is said' "$OUT" '0001_order_note: applied by v1.1'
gives 0 'rollback to v1.0' t rollback $yes
asks 10 expected expected.used 'v1.1 was used' check v1.1
announce v1.1
asks 10 expected expected.again 'announcing it again is said' check v1.1
announce v1.1 --again
asks 0 expected expected.announced 'and said, it may' check v1.1

echo '# override'
policy 0 '[users]' 'count = sql: SELECT count(*) FROM session' 'max = 50' \
    'forecast = no' 'override = yes'
setting rollout on_failure stop
accept
site_users 140
git -C "$SITE/repo" checkout -q main
announce v1.4
gives 75 'too many users' t deploy v1.4 $yes
gives 12 'lifted; and it stops where it fails' t deploy v1.4 $yes \
    --override users --reason 'the boss said so'
has 'the gate is shown as lifted' "$OUT" 'OVERRIDDEN (was HOLD)'
gives 12 'status of it' t status
has 'it shows what was lifted' "$OUT" 'users'
has 'and why' "$OUT" 'the boss said so'
gives 0 'rollback' t rollback $yes
gives 0 'status is whole' t status
case $OUT in *'the boss said so'*) false ;; *) true ;; esac
ok 'and shows no override any more' $?
tap_end
