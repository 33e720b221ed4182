#!/bin/sh
# The command line as a whole, and the commands that stand on configuration
# and ledger alone: init, when, policy show, freeze, thaw, help. What each
# says, its exit code, and that bad input touches nothing. TAP.
# FLAVOUR names the build; TIDEGATE another program.
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
flavour=${FLAVOUR:-test}
if [ -z "${TIDEGATE:-}" ]; then
    make -s -C "$TOP" -j2 FLAVOUR="$flavour" all || exit
    TIDEGATE=$TOP/build/$flavour/tidegate
fi
unset SSH_AUTH_SOCK
for name in $(env | sed -n 's/^\(GIT_[A-Z_]*\|PG[A-Z]*\|TZ\|LC_ALL\)=.*/\1/p'); do
    unset "$name"
done
D=$(mktemp -d /tmp/tidegate-commands.XXXXXX)
trap 'rm -rf "$D"' EXIT
trap 'exit 130' INT TERM HUP
HOME=$D
export HOME
S=$D/shop
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
# exit code, then the command's words; its output is in $D/out and $D/err.
run() {
    want=$1
    shift
    "$TIDEGATE" "$@" >"$D/out" 2>"$D/err"
    got=$?
    words=$(printf '%s' "$*" | tr '\n\033' '??')
    [ "$got" = "$want" ]
    check "exit $want (was $got): $words"
}
says() {
    grep -qF -- "$1" "$D/out" "$D/err"
    check "says: $1"
}
quiet() {
    [ ! -s "$D/err" ]
    check "nothing on stderr"
}
answers() {
    [ "$(cat "$D/out")" = "$1" ]
    check "answers: $1"
}

echo '# help and usage'
run 0 --help
says 'usage: tidegate'
quiet
run 0 --version
says 'tidegate 0.'
says 'libgit2'
run 0 help config
says '[probe host]'
run 0 help exits
says 'rolled-back'
run 0 when --help
says '--until T'
run 0 --format json help when
says '--until T'
"$TIDEGATE" help --man >"$D/out" 2>"$D/err"
grep -q '^\.Sh EXIT STATUS' "$D/out"
check 'the manual has its sections'
if command -v mandoc >/dev/null; then
    mandoc -Tlint -W warning <"$D/out" >"$D/err"
    check 'mandoc finds nothing in the manual'
fi
run 64
says 'which command?'
run 64 wehn
says 'did you mean: tidegate when?'
says 'VERDICT usage exit=64 at='
run 64 when --unti x
says 'did you mean --until?'
run 64 when extra
says "'extra' is too much"
run 64 --format yaml when
run 64 policy
says 'is missing'
run 64 policy shwo
says 'did you mean: tidegate policy show?'
run 64 "$(printf 'wh\033en')"
says 'wh\x1ben'
run 64 when --from "$(printf '2026-01-01\n2026')"
says 'argument 3'
run 64 --format json wehn
says '{"error":{"exit":64,'

echo '# init'
mkdir -p "$S"
git -C "$S" init -q
git -C "$S" config user.email anna@example.net
ssh-keygen -q -t ed25519 -N '' -f "$D/anna"
git -C "$S" config user.signingkey "$D/anna"
mkdir -p "$D/.ssh"
printf 'Host web1 web2 *.example.net\n  User deploy\nHost lb\n' >"$D/.ssh/config"
run 64 -C "$S" init --host 'a;id'
says 'is no host'
[ ! -e "$S/tidegate.ini" ]
check 'a bad host leaves no file'
run 64 -C "$S" init --preset carefull
says 'careful, solo, standard'
rm -f "$S/tidegate.ini"
run 0 -C "$S" init
says 'tidegate init` once more'
grep -q 'your ssh configuration knows: web1 web2 lb' "$S/tidegate.ini"
check 'the hosts of the ssh configuration are told'
[ ! -e "$S/.tidegate" ]
check 'without a place to release to there is no ledger yet'
rm -rf "$S/tidegate.ini" "$S/policies"
PGHOST=/run/pg PGDATABASE='the shop' PGUSER=anna \
    "$TIDEGATE" -C "$S" init --host 'deploy@web[01-03]' --path /srv/shop \
    --preset standard >"$D/out" 2>"$D/err"
check 'init with hosts and a database'
grep -q "^database = host=/run/pg user=anna dbname='the shop'\$" "$S/tidegate.ini"
check 'PG* went into the file'
says 'made    tidegate.ini (database from PG'
! grep -q 'not taken' "$D/out" "$D/err"
check 'what went into the file is not called "not taken"'
says 'it wants 2 persons'
grep -q '^anna@example.net namespaces="tidegate" ssh-ed25519 ' \
    "$S/policies/allowed_signers"
check 'the signers file names the key of git'
run 0 -C "$S" policy show
says 'Nothing is pinned yet'
cp "$S/policies/allowed_signers" "$D/one"
sed 's/anna@/jaak@/' "$D/one" >>"$S/policies/allowed_signers"
cp "$S/tidegate.ini" "$D/before"
run 0 -C "$S" init
says 'pinned  the policy of production'
cmp -s "$S/tidegate.ini" "$D/before"
check 'what is there is not touched'
run 0 -C "$S" init
says 'kept    the pinned policy of production'
run 64 -C "$S" init --host web9
says 'overwrites nothing'
run 0 -C "$S" --format json init
answers '{"kept":["tidegate.ini","policies/production.ini","policies/allowed_signers",".tidegate/ledger"],"made":[],"pinned":[]}'
! git -C "$S" status --porcelain | grep -qF .tidegate
check 'git does not see the ledger'

echo '# policy show, freeze, thaw'
run 0 -C "$S" policy show
says 'pinned  since'
cp "$S/policies/production.ini" "$D/pinned"
sed -i 's/^allow .*/allow = always/' "$S/policies/production.ini"
run 0 -C "$S" policy show
says '[window] allow: was Mon-Thu 22:00-02:00, is always'
run 0 -C "$S" policy show --format json
says '"changes":["[window] allow: was'
run 64 -C "$S" freeze
says '--why is missing'
run 0 -C "$S" freeze --why 'a conference'
run 0 -C "$S" freeze --why 'again'
says 'Nothing recorded'
says 'a conference'
run 0 -C "$S" thaw --why 'over'
says 'Thawed'
run 0 -C "$S" thaw --why 'over' --format json
answers '{"environment":"production","frozen":false}'

echo '# when'
cat >"$S/policies/production.ini" <<END
[expected]
signatures = optional
[window]
zone = Europe/Tallinn
allow = Sun 00:00-06:00
END
openings='{"openings":[{"from":"2026-03-28T22:00:00Z","until":"2026-03-29T03:00:00Z"}],"warnings":[]}'
run 0 -C "$S" when --from 2026-03-28 --until 2026-03-30 --format json
answers "$openings"
quiet
for zone in Asia/Tokyo America/Los_Angeles :nowhere; do
    TZ=$zone LC_ALL=tr_TR.UTF-8 "$TIDEGATE" -C "$S" when --format json \
        --from 2026-03-27T22:00:00Z --until 2026-03-29T21:00:00Z \
        >"$D/out" 2>"$D/err"
    answers "$openings"
done
run 0 -C "$S" when --from 2026-03-28 --until '2026-03-29 01:00' --format json
answers '{"openings":[{"from":"2026-03-28T22:00:00Z","until":"2026-03-28T23:00:00Z"}],"warnings":[]}'
run 0 -C "$S" when --from 2026-03-28 --until 2026-03-30
says 'Sun 29 Mar 2026 00:00 EET (Sat 22:00 UTC)'
run 64 -C "$S" when --from 2026-03-30 --until 2026-03-28
run 64 -C "$S" when --from 2026-02-30
says 'no such day'
run 78 -C "$D" when
says 'run `tidegate init` there'
run 64 -C "$S" -e staging when
says 'tidegate.ini has: production'

echo '# bad configuration: file and line, nothing touched'
bad() { # text of [rollout], what it says
    { cat "$D/before"; printf '%b' "$1"; } >"$S/tidegate.ini"
    cksum "$S/.tidegate/ledger/ledger.tg" >"$D/mark"
    run 78 -C "$S" freeze --why x
    says "$2"
    cksum "$S/.tidegate/ledger/ledger.tg" | cmp -s - "$D/mark"
    check 'the ledger is untouched'
}
bad '[probe host]\nurl = http://x/\nconfirn = 1\n' ': confirn: there is no such key'
bad '[pool]\nmembers = command: a ; b\n' 'use && or a script'
bad '[pool\nmembers = command: a\n' 'the section is not closed'
bad '[pool]\nmembers: command: a\n' 'the separator is ='
bad '[rollout]\n' '[rollout] stands twice'
bad "[pool]\nmembers = command: $(printf '%0200d' 0)\n" 'the line has 2'
bad '[pool]\nmembers = \001\n' 'byte 0x01'
cp "$D/before" "$S/tidegate.ini"
chmod 0666 "$S/tidegate.ini"
run 78 -C "$S" when
says 'world-writable'
rm "$S/tidegate.ini"
cp "$D/before" "$S/tidegate.ini"
if [ "$(id -u)" = 0 ]; then
    chown 12345 "$S/tidegate.ini"
    run 78 -C "$S" freeze --why x
    says 'tidegate.ini: its owner is user 12345'
    run 78 -C "$S" init
    cp "$S/policies/production.ini" "$D/policy"
    cp "$D/pinned" "$S/policies/production.ini"
    run 0 -C "$S" when
    says 'its content is the pinned one'
    cp "$D/policy" "$S/policies/production.ini"
fi
rm "$S/tidegate.ini"
mkfifo "$S/tidegate.ini"
run 78 -C "$S" when
rm "$S/tidegate.ini"
cp "$D/before" "$S/tidegate.ini"

echo '# descriptors and pipes'
"$TIDEGATE" -C "$S" when --from 2026-03-28 --until 2026-03-30 \
    >&- 2>"$D/err" <&-
check 'a closed stdout ends nothing'
"$TIDEGATE" -C "$S" freeze --why x >/dev/full 2>"$D/err"
check 'a full stdout ends nothing'
"$TIDEGATE" -C "$S" wehn 2>&-
[ $? = 64 ]
check 'a closed stderr ends nothing'
PGHOSTADDR=10.0.0.1 GIT_DIR=/x TZ=UTC "$TIDEGATE" -C "$S" when \
    >"$D/out" 2>"$D/err"
grep -q '^tidegate: not taken from the environment: ' "$D/err" &&
    [ "$(wc -l <"$D/err")" = 1 ]
check 'variables that redirect are named once'
echo "1..$n"
