#!/bin/sh
# Ways around the gates, and ways to end well with hosts that are not: each is
# tried against a whole site of two hosts and must be refused or told. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/harness/begin.sh
. tests/demo/site.sh

TIDEGATE=$PWD/build/$flavour/tidegate
trap 'site_stop; ordinary_end' EXIT
trap 'exit 130' INT TERM HUP
SITE_HOSTS=2
SITE_ROWS=10
yes=--yes=production

t() { (cd "$SITE/repo" && exec "$TIDEGATE" "$@"); }
host() { printf %s "$SITE/hosts/127.0.0.$1/shop"; }
releases() { for h in "$SITE"/hosts/*; do readlink "$h/shop/current"; done | sort -u; }
until_true() { # waits for a command to succeed, not for a time
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || return 1
        sleep 0.05
    done
}
announced() {
    t expect "$1" --at now --why test --key "$SITE/anna" >/dev/null 2>&1 &&
        t approve "$1" --key "$SITE/jaak" >/dev/null 2>&1
}
tagged() { (cd "$SITE/repo" && site_tag "$1") >/dev/null 2>&1; }
pool_ready() { # host 2, by hand
    TIDEGATE_PATH=$(host 2) TIDEGATE_HOST=127.0.0.2 \
        "$(host 2)/current/bin/pool" ready
}

site_start "$(mktemp -d /tmp/tgattack.XXXXXX)"
ok 'the site starts' $?
site_users 3
rm "$SITE"/repo/migrations/*
sed -i "/^keep /a prepare = until test -e $SITE/prepared; do sleep 0.05; done" \
    "$SITE/repo/tidegate.ini"
sed -i "s/^timeout .*/timeout = 4s/; /^host_time /a pause_max = 1s\\nmax_unreachable = 1" \
    "$SITE/repo/tidegate.ini"
# shellcheck disable=SC2016 # the host expands it
undrain='"$TIDEGATE_PATH"/current/bin/pool'
sed -i "s|^undrain .*|undrain = $undrain \"\$(cat $SITE/undrain.\$TIDEGATE_HOST)\"|" \
    "$SITE/repo/tidegate.ini"
for i in 1 2; do echo ready >"$SITE/undrain.127.0.0.$i"; done
touch "$SITE/prepared"
gives 0 'init' t init
gives 0 'adopt' t adopt --release v1.0 $yes
tagged a1
announced a1
gives 0 'a1 goes out' t deploy a1 $yes

# an announcement that is withdrawn while hosts unpack: nothing has changed
tagged a2
announced a2
rm "$SITE/prepared"
t deploy a2 $yes >"$SITE/log" 2>&1 &
deploy=$!
until_true test -d "$(host 2)/releases/a2"
gives 0 'withdrawn while it is staged' t withdraw a2 --why stop --key "$SITE/anna"
touch "$SITE/prepared"
wait "$deploy"
is 'a withdrawn release is refused before the first wave' $? 10
is 'and no host has it' "$(releases)" releases/a1
sed 's/^/# /' "$SITE/log"

# what was never live is no way back
gives 64 'a release that was only staged is not rolled back to' \
    t rollback --to a2 --reason 'no gate is asked' $yes
is 'and no host has it' "$(releases)" releases/a1

# a restart is announced for a release that is not live
t expect a2 --only restart --at now --why test --key "$SITE/anna" >/dev/null 2>&1
t approve a2 --key "$SITE/jaak" >/dev/null 2>&1
gives 10 'a release that is not live is not restarted' t deploy a2 --restart-only $yes

# a host that another moved: "already live" would be a lie
ln -sfn releases/20261101120000 "$(host 2)/current"
gives 10 'a host that was moved is no "nothing to do"' t deploy a1 $yes
has 'the host is named' "$OUT" 127.0.0.2
ln -sfn releases/a1 "$(host 2)/current"
gives 0 'put back: nothing to do' t deploy a1 $yes

# a key that nobody accepted, while a deploy waits
ssh-keygen -q -t ed25519 -N '' -C mallory -f "$SITE/mallory"
tagged a3
t expect a3 --at now --why test --key "$SITE/anna" >/dev/null 2>&1
cp "$SITE/repo/policies/allowed_signers" "$SITE/signers.kept"
t deploy a3 $yes --wait >"$SITE/log" 2>&1 &
deploy=$!
until_true grep -q waiting "$SITE/log"
printf 'mallory namespaces="tidegate" %s\n' "$(cut -d' ' -f1,2 "$SITE/mallory.pub")" \
    >>"$SITE/repo/policies/allowed_signers"
gives 10 'nor does their approval' t approve a3 --key "$SITE/mallory"
wait "$deploy"
is 'signers that nobody accepted do not count while it waits' $? 10
is 'and no host has it' "$(releases)" releases/a1
sed 's/^/# /' "$SITE/log"
cp "$SITE/signers.kept" "$SITE/repo/policies/allowed_signers"
t withdraw a3 --why test --key "$SITE/anna" >/dev/null 2>&1

# going back is not done while the pool is not whole
tagged a4
announced a4
gives 0 'a4 goes out' t deploy a4 $yes
echo drain >"$SITE/undrain.127.0.0.2"
gives 13 'a rollback is not done while hosts are out of the pool' t rollback $yes
has 'it says which' "$OUT" 'is not in the pool'
is 'the code is back all the same' "$(releases)" releases/a1
echo ready >"$SITE/undrain.127.0.0.2"
pool_ready
gives 0 'with the pool whole it is done' t rollback $yes

# a later run took one host: this one stops, and touches no other
tagged a5
announced a5
gives 0 'a5 goes out' t deploy a5 $yes
for i in 1 2; do cp "$(host $i)/.tidegate/fence" "$SITE/fence.$i"; done
sed -i 's/^epoch .*/epoch 900/; s/^run .*/run 20261122-000000-abcd/' \
    "$(host 2)/.tidegate/fence"
gives 10 'a rollback that is superseded on one host stops' t rollback $yes
has 'it says by which run' "$OUT" 'superseded by epoch 900'
is 'and flips no other' "$(releases)" releases/a5
cp "$SITE/fence.2" "$(host 2)/.tidegate/fence"
gives 0 'without the other run it goes back' t rollback $yes
is 'everywhere' "$(releases)" releases/a1

# a host that cannot be reached owes, until a release reaches it
tagged a6
t expect a6 --at now --why test --repairs --key "$SITE/anna" >/dev/null 2>&1
t approve a6 --key "$SITE/jaak" >/dev/null 2>&1
sshd_host_stop "$SITE" 2
kill "$(cat "$(host 2)/shared/log/pid")"
gives 0 'a6 goes out without the host that does not answer' t deploy a6 $yes
gives 13 'which owes it, and cannot be asked' t status
has 'status says what' "$OUT" 'has yet to get a6'
sshd_launch "$SITE" 2
TIDEGATE_PATH=$(host 2) "$(host 2)/current/bin/restart"
tagged a7
t expect a7 --at now --why test --repairs --key "$SITE/anna" >/dev/null 2>&1
t approve a7 --key "$SITE/jaak" >/dev/null 2>&1
gives 0 'a7 reaches it' t deploy a7 $yes
gives 0 'and nothing is owed any more' t status

tap_end
