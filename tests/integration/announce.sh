#!/bin/sh
# expect, approve, withdraw and policy accept on a real repository with real
# keys: what is recorded, what is refused, with which exit code. TAP.
# FLAVOUR names the build; TIDEGATE another program.
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
flavour=${FLAVOUR:-test}
if [ -z "${TIDEGATE:-}" ]; then
    make -s -C "$TOP" -j2 FLAVOUR="$flavour" all || exit
    TIDEGATE=$TOP/build/$flavour/tidegate
fi
unset GIT_DIR GIT_WORK_TREE SSH_AUTH_SOCK
D=$(mktemp -d /tmp/tidegate-announce.XXXXXX)
trap 'rm -rf "$D"' EXIT
trap 'exit 130' INT TERM HUP
HOME=$D
export HOME
n=0

# exit code, then the command's words; its output is in $D/out and $D/err.
run() {
    want=$1
    shift
    "$TIDEGATE" -C "$D/shop" "$@" >"$D/out" 2>"$D/err"
    got=$?
    n=$((n + 1))
    if [ "$got" = "$want" ]; then
        printf 'ok %d - exit %s: %s\n' "$n" "$want" "$*"
    else
        printf 'not ok %d - exit %s, not %s: %s\n' "$n" "$got" "$want" "$*"
        sed 's/^/# /' "$D/out" "$D/err"
    fi
}

# The last run said this (a fixed text) on stdout or stderr.
says() {
    n=$((n + 1))
    if grep -qF -- "$1" "$D/out" "$D/err"; then
        printf 'ok %d - says: %s\n' "$n" "$1"
    else
        printf 'not ok %d - does not say: %s\n' "$n" "$1"
        sed 's/^/# /' "$D/out" "$D/err"
    fi
}

# The ledger is as it was when `mark` was called.
mark() { cksum <"$D/shop/.tidegate/ledger/ledger.tg" >"$D/mark"; }
unchanged() {
    n=$((n + 1))
    if [ "$(cksum <"$D/shop/.tidegate/ledger/ledger.tg")" = "$(cat "$D/mark")" ]
    then
        printf 'ok %d - nothing was recorded\n' "$n"
    else
        printf 'not ok %d - something was recorded\n' "$n"
    fi
}

git_() { git -C "$D/shop" -c user.name=t -c user.email=t@t -c commit.gpgsign=false "$@"; }

for who in anna jaak eve; do
    ssh-keygen -q -t ed25519 -N '' -C "$who" -f "$D/$who"
done
mkdir -p "$D/shop/policies" "$D/shop/app"
chmod 0755 "$D/shop"
cat >"$D/shop/tidegate.ini" <<END
[project]
name = shop
repository = .
[environment production]
policy = policies/production.ini
hosts = deploy@web[01-03].example.net
path = /srv/shop
END
policy() { # approvals, then lines of the policy
    approvals=$1
    shift
    {
        printf '[expected]\nsignatures = required\n'
        printf 'signers = policies/allowed_signers\n'
        printf 'revoked = policies/revoked_keys\n'
        printf 'approvals = %s\nnotice = 0s\n' "$approvals"
        printf '[window]\nzone = Europe/Tallinn\nallow = always\n'
        [ $# -eq 0 ] || printf '%s\n' "$@"
    } >"$D/shop/policies/production.ini"
}
policy 1
: >"$D/shop/policies/revoked_keys"
{
    echo "anna namespaces=\"tidegate\" $(cat "$D/anna.pub")"
    echo "jaak namespaces=\"tidegate\" $(cat "$D/jaak.pub")"
} >"$D/shop/policies/allowed_signers"
git -c init.defaultBranch=main init -q "$D/shop"
echo one >"$D/shop/app/one"
printf '.tidegate/\n' >"$D/shop/.gitignore"
git_ add -A
git_ commit -qm one
git_ tag v1.0
git_ tag v1.1
run 0 init

echo '# what is recorded'
run 0 expect v1.1 --at now --why 'the first' --key "$D/anna"
says 'v1.1 is expected in production'
says 'UTC)'
says 'the first'
says 'by         anna (SHA256:'
says '1 approval of others: tidegate approve v1.1'
run 0 approve v1.1 --key "$D/jaak"
says 'approved: 1 of 1 approvals'
mark
run 0 approve v1.1 --key "$D/jaak"
says 'approved before: 1 of 1 approvals'
unchanged
run 0 expect v1.1 --at now --why 'the second' --key "$D/anna" --only restart
says 'replaces   the announcement by anna'
says 'its approval is void'
says 'a restart of'
digest=$(sed -n 's/^  digest *//p' "$D/out")
run 0 approve "$(printf %.8s "$digest")" --key "$D/jaak"
says 'approved: 1 of 1 approvals'
run 0 withdraw v1.1 --key "$D/jaak" --why 'too early'
says 'v1.1 is not expected in production any more'
run 64 approve v1.1 --key "$D/jaak"
says 'announced and open: nothing'
git_ config user.signingkey "$D/anna.pub"
run 0 expect v1.1 --at now --why 'with the key that git names'
says 'by         anna'
git_ config --unset user.signingkey
run 0 expect v1.1 --at now --why json --key "$D/anna" --format json
says '"approvals_wanted":1'
says '"signed":true'

echo '# what is refused'
mark
run 64 expect v1.1 --at now --key "$D/anna"
says '--why TEXT'
run 64 expect v1.1 --at now --why x
says 'no key to sign with'
run 64 expect v1.2 --why x --key "$D/anna"
says 'the nearest of its 2 tags'
run 64 expect main --why x --key "$D/anna"
says 'there is a branch of that name'
run 78 expect v1.1 --at now --why x --key "$D/eve"
says 'is not in'
run 64 expect v1.1 --at 2020-01-01T00:00:00Z --why x --key "$D/anna"
says 'is over'
run 64 expect v1.1 --at 2036-03-30 --why x --key "$D/anna"
says 'a time of day'
run 64 expect v1.1 --at 'Mon 2036-03-30 12:00' --why x --key "$D/anna"
says 'that day is a Sun'
run 64 expect v1.1 --at '2036-03-30 03:30' --why x --key "$D/anna"
says 'does not exist in Europe/Tallinn'
run 64 expect v1.1 --at '2036-10-26 03:30' --why x --key "$D/anna"
says 'exists twice in Europe/Tallinn'
run 10 expect v1.1 --at now --for 5m --why x --key "$D/anna"
says 'way back and margin included'
run 10 approve v1.1 --key "$D/anna"
says 'whoever announces it cannot approve it too'
run 78 approve v1.1 --key "$D/eve"
run 64 withdraw v1.0 --key "$D/anna"
says 'announced and open: v1.1'
cp "$D/jaak.pub" "$D/shop/policies/revoked_keys"
run 78 approve v1.1 --key "$D/jaak"
says 'revoked'
: >"$D/shop/policies/revoked_keys"
unchanged

echo '# what cannot go out as things stand is said'
git_ commit -q --allow-empty -m two
git_ tag -f v1.1 >/dev/null
run 0 approve v1.1 --key "$D/jaak"
says 'was announced'
policy 0
run 0 expect v1.0 --at now --why x --key "$D/anna"
says 'a deploy would be refused: policy changed'

echo '# another policy wants the people of the pinned one'
mark
run 78 policy accept --key "$D/eve"
says 'the pinned policy does not name it'
echo "eve $(cat "$D/eve.pub")" >>"$D/shop/policies/allowed_signers"
run 78 policy accept --key "$D/eve"
unchanged
run 75 policy accept --key "$D/anna"
says '[expected] approvals: was 1, is 0 (default)'
says 'eve'
says '1 of 2 persons'
mark
run 75 policy accept --key "$D/anna"
unchanged
run 0 policy accept --key "$D/jaak"
says 'pinned: '
run 0 policy accept --key "$D/eve"
says 'nothing to accept'
run 0 expect v1.0 --at now --why x --key "$D/eve"

echo '# a time is judged at once'
accept() { run 0 policy accept --key "$D/anna"; }
policy 0 '[users]' 'count = command: echo 10' 'history = command: ../history' \
    'max = 50'
# Four weeks of samples: 900 users from 12:00 to 18:00 UTC, else 20.
cat >"$D/shop/history" <<'END'
#!/bin/sh
now=$(date +%s)
now=$((now - now % 900))
at=$((now - 28 * 86400 + 900))
while [ "$at" -le "$now" ]; do
    hour=$((at % 86400 / 3600))
    users=20
    [ "$hour" -lt 12 ] || [ "$hour" -ge 18 ] || users=900
    echo "$at $users"
    at=$((at + 900))
done
END
chmod 0755 "$D/shop/history"
sed -i 's|\.\./history|./history|' "$D/shop/policies/production.ini"
accept
mark
day=$(date -u -d '+2 days' +%Y-%m-%d)
run 75 expect v1.0 --at "${day}T13:00:00Z" --why x --key "$D/anna"
says 'usually has 900 users, limit 50'
says 'next it fits: '
unchanged
next=$(sed -n 's/.*so --at \([^;]*\);.*/\1/p' "$D/err")
run 0 expect v1.0 --at "$next" --why 'as it said' --key "$D/anna"
mark
run 75 expect v1.0 --at "${day}T13:00:00Z" --why x --key "$D/anna" --format json
says '"retry_after":'
says '"verdict":"hold"'
unchanged
run 0 expect v1.0 --why 'the next that fits' --key "$D/anna"
sed -i 's/^allow = .*/allow = 2020-01-01 00:00-04:00/; /^.users/,$d' \
    "$D/shop/policies/production.ini"
accept
mark
run 10 expect v1.0 --at now --why x --key "$D/anna"
says 'no time that fits'
run 10 expect v1.0 --why x --key "$D/anna"
unchanged

echo '# signatures = optional'
sed -i 's/^allow = .*/allow = always/; s/required/optional/' \
    "$D/shop/policies/production.ini"
accept
run 0 expect v1.0 --at now --why unsigned
says '(not signed)'
run 0 withdraw v1.0
says '(not signed)'
echo '# changed' >>"$D/shop/policies/production.ini"
sed -i 's/^notice = .*/notice = 5m/' "$D/shop/policies/production.ini"
run 0 policy accept
says '(not signed)'
run 0 expect v1.0 --at now --why 'with notice'
says 'not before'

echo "1..$n"
