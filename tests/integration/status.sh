#!/bin/sh
# status, history, show and ledger against three real sshd and a ledger whose
# events are written as runs would write them. TAP.
# FLAVOUR names the build; TIDEGATE another program.
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
flavour=${FLAVOUR:-test}
APPEND=$TOP/build/$flavour/integration/ledger/append
make -s -C "$TOP" -j2 FLAVOUR="$flavour" "${APPEND#"$TOP/"}" || exit
if [ -z "${TIDEGATE:-}" ]; then
    make -s -C "$TOP" -j2 FLAVOUR="$flavour" all || exit
    TIDEGATE=$TOP/build/$flavour/tidegate
fi
unset SSH_AUTH_SOCK
for name in $(env | sed -n 's/^\(GIT_[A-Z_]*\|PG[A-Z]*\|TZ\|LC_ALL\)=.*/\1/p'); do
    unset "$name"
done
# shellcheck source=tests/harness/sshd.sh
. "$TOP/tests/harness/sshd.sh"
D=$(mktemp -d /tmp/tidegate-status.XXXXXX)
chmod 0755 "$D"
trap 'sshd_stop "$D/net"; rm -rf "$D"' EXIT
trap 'exit 130' INT TERM HUP
HOME=$D
export HOME
S=$D/shop
L=$S/.tidegate/ledger
n=0

check() { # what is checked; the last command's status says whether it holds
    status=$?
    n=$((n + 1))
    if [ "$status" = 0 ]; then
        printf 'ok %d - %s\n' "$n" "$1"
    else
        printf 'not ok %d - %s\n' "$n" "$1"
        sed 's/^/# /' "$D/out" "$D/err"
    fi
}
run() {
    want=$1
    shift
    "$TIDEGATE" -C "$S" "$@" >"$D/out" 2>"$D/err"
    got=$?
    [ "$got" = "$want" ]
    check "exit $want (was $got): $*"
}
says() { # an extended regular expression
    grep -qE -- "$1" "$D/out" "$D/err"
    check "says: $1"
}
events() {
    "$APPEND" "$L" "$@" >"$D/head" 2>"$D/err" || {
        printf 'not ok - cannot append: %s\n' "$*"
        cat "$D/err"
        exit 1
    }
}
put() { # FILE: stdin becomes it, as the hosts' user
    sshd_as sh -c 'mkdir -p "$(dirname "$1")" && cat >"$1"' sh "$1"
}
# tree_list of the scripts that run on hosts
listed() { sh -c '. "$1"; tree_list "$2" ""' sh "$TOP/scripts/remote/tree.sh" "$1"; }
host_has() { # I RELEASE: staged as tidegate does, and live
    at=$D/net/hosts/127.0.0.$1
    echo "$2" | put "$at/releases/$2/app"
    listed "$at/releases/$2" | put "$at/.tidegate/$2.files"
    sshd_as ln -sfn "releases/$2" "$at/current"
}

mkdir -p "$S/policies" "$D/net"
chmod 0755 "$S" "$D/net"
sshd_start "$D/net" 3 || exit
user=$(cat "$D/net/user")
port=$(cat "$D/net/port")
H=$user@127.0.0.
cat >"$S/tidegate.ini" <<END
[project]
name = shop
repository = .
[environment production]
policy = policies/production.ini
hosts = ${H}1:$port ${H}2:$port ${H}3:$port
path = $D/net/hosts/%h
known_hosts = $D/net/known_hosts
identity = $D/net/key
END
cat >"$S/policies/production.ini" <<END
[expected]
signatures = optional
[window]
zone = Europe/Tallinn
allow = always
END
git -c init.defaultBranch=main init -q "$S"

echo '# no ledger, then an empty one'
run 78 status
says 'there is no ledger'
says 'CI must bring'
run 78 ledger verify
run 0 init
run 0 status
says 'live +nothing yet'
says 'VERDICT done exit=0 command=status environment=production'
run 0 history
says 'No run yet'

echo '# whole'
for i in 1 2 3; do host_has $i v1; done
run 12 status
says '^127.0.0.2 +v1 +not adopted .*tidegate did not put it there: tidegate adopt'
[ ! -e "$D/net/hosts/127.0.0.1/.tidegate" ] || rm "$D/net/hosts/127.0.0.1/.tidegate/v1.files"
run 12 status
says '^127.0.0.1 +v1 +not adopted .*tidegate adopt'
host_has 1 v1
events lease production r-one \
    run '{"environment":"production","run":"r-one","kind":"adopt","release":"v1","who":"anna@m"}' \
    ended '{"run":"r-one","outcome":"good","exit":0,"live":"v1"}'
run 0 status
says 'live +v1, verified, good since'
says "^127.0.0.3 +v1 +whole"
run 0 status --format json
says '"is":"whole"'
says '"checked":true,"current":"v1"'
python3 -c 'import json,sys; json.load(open(sys.argv[1]))' "$D/out"
check 'the answer is JSON'

echo '# drifted, behind, not checked'
host_has 2 v9
run 12 status
says "^127.0.0.2 +v9 +drifted .*should have v1: changed by another"
events owing "{\"environment\":\"production\",\"host\":\"127.0.0.2\",\"release\":\"v1\",\"why\":\"no route\"}"
run 12 status
says "^127.0.0.2 +v9 +behind .*has yet to get v1: tidegate catch-up"
says "owing +127.0.0.2 has yet to get v1, since .*: no route"
events owing "{\"environment\":\"production\",\"host\":\"127.0.0.2\",\"release\":\"\",\"why\":\"\"}"
host_has 2 v1
echo other | put "$D/net/hosts/127.0.0.2/releases/v1/app"
run 12 status
says "drifted .*files of v1 differ"
host_has 2 v1
sshd_host_stop "$D/net" 3
run 13 status
says "^127.0.0.3 +\\? +not checked .*cannot connect"
says 'VERDICT unknown exit=13'
run 13 status --format json
says '"checked":false'
sshd_host_start "$D/net" 3
run 0 status

echo '# a run that was killed'
events lease production r-two \
    run '{"environment":"production","run":"r-two","kind":"deploy","release":"v2","from":"v1","who":"anna@m"}' \
    intent "{\"run\":\"r-two\",\"step\":\"flip\",\"target\":\"127.0.0.1\",\"change\":true}" \
    'done' "{\"run\":\"r-two\",\"step\":\"flip\",\"target\":\"127.0.0.1\",\"evidence\":\"v2\",\"ms\":41}" \
    intent "{\"run\":\"r-two\",\"step\":\"flip\",\"target\":\"127.0.0.2\",\"change\":true}" \
    note '{"run":"r-two","text":"the clock jumped"}'
host_has 1 v2
run 12 status
says 'unfinished +deploy r-two of v2, by anna@m'
says 'its process is gone'
says 'finish it: tidegate resume; undo it: tidegate rollback'
says "^127.0.0.1 +v2 +midway +flip done"
says "^127.0.0.2 +v1 +midway +flip begun"
run 12 status --format json
says '"run":"r-two"'
mkfifo "$D/let-go"
"$APPEND" "$L" lease production r-two hold <"$D/let-go" >"$D/held" &
exec 8>"$D/let-go"
until grep -q held "$D/held"; do :; done
run 12 status
says "goes on now, .*pid $!"
exec 8>&-
wait $!
events unknown '{"run":"r-two","step":"migrate","target":"0012_x","why":"commit unknown"}'
run 13 status
says 'migrate +0012_x +unknown +commit unknown'
events ended '{"run":"r-two","outcome":"broken","exit":13,"why":"look"}'
run 13 status
says 'broken \(exit 13\): look'

echo '# history and show'
run 0 history
says 'r-one +adopt .* 0 +good'
says 'r-two +deploy +v1 +v2 +13 +broken'
run 0 history --last 1
! grep -q r-one "$D/out"
check 'the newest alone'
run 0 history --format json
says '"outcome":"broken"'
run 0 show r-t
says "flip 127.0.0.1: done, v2 \\(41 ms\\)"
says 'the clock jumped'
says 'ended: broken \(exit 13\): look'
run 0 show r-one --format json
says '"kind":"ended"'
run 64 show r
says '2 runs begin with r'
run 64 show nobody
says 'there is no run nobody'

echo '# overrides and freezes stay in sight'
events statement '{"environment":"production","run":"r-three","signature":"","person":"jaak","key":"","text":"{\"type\":\"override\",\"gate\":\"users\",\"reason\":\"night\",\"person\":\"jaak\"}"}' \
    run '{"environment":"production","run":"r-three","kind":"deploy","release":"v2","takes_over":"r-two"}' \
    freeze '{"environment":"production","who":"mari","why":"audit"}'
run 12 status
says 'overridden +users, by jaak: night'
says 'frozen +by mari since .*: audit'
events ended '{"run":"r-three","outcome":"back","exit":11,"live":"v1","bad":"v2"}'
host_has 1 v1
run 0 status
says 'reached by going back'

echo '# what the hosts saw of the ledger'
read -r id seq head <"$D/head"
fence() { printf 'ledger %s\nepoch 9\nseq %s\nhead %s\nrun r\n' "$1" "$2" "$3" |
    put "$D/net/hosts/127.0.0.2/.tidegate/fence"; }
fence "$id" "$seq" "$head"
run 0 status
fence "$id" $((seq + 3)) "$head"
run 74 status
says "ledger rolled back: has $seq, 127.0.0.2 saw $((seq + 3))"
fence "$id" $((seq - 1)) "$head"
run 74 status
says 'ledger forked'
fence 0123456789abcdef0123456789abcdef 1 "$head"
run 74 status
says 'belongs to another ledger'
rm "$D/net/hosts/127.0.0.2/.tidegate/fence"

echo '# the record itself'
run 0 ledger verify
says "^intact: $seq records"
run 0 ledger show --last 2
says "^$seq .*ended: back \\(exit 11\\), live v1"
run 0 ledger export
python3 - "$D/out" "$seq" "$head" <<'END'
import json, sys
lines = [json.loads(x) for x in open(sys.argv[1])]
assert [x["seq"] for x in lines] == list(range(1, int(sys.argv[2]) + 1))
assert lines[-1]["hash"] == sys.argv[3]
assert all(a["hash"] == b["previous"] for a, b in zip(lines, lines[1:]))
END
check 'the export is a chain of JSON lines'
run 0 ledger export --format json
says "\"records\":$seq"
run 64 ledger mend

echo '# damage'
printf 'x' | dd of="$L/ledger.tg" bs=1 seek=700 conv=notrunc 2>/dev/null
run 74 ledger verify
says 'damaged at record [0-9]+, offset [0-9]+'
run 74 ledger verify --format json
says '"intact":false'
run 74 status
says 'is damaged'
run 0 history
says 'warning: .*damaged'
run 74 freeze --why x
says 'damaged at record'
chmod 0755 "$L"
run 78 status
says 'mode is 0755'
chmod 0700 "$L"

printf '1..%d\n' "$n"
