#!/bin/sh
# kill -9 at the failpoints of a whole release, then `resume`; in every second
# run `rollback`. CRASH_EVERY=1 tries each point; the default is a sample.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=${FLAVOUR:-asan}
[ -n "${ORDINARY_COPY:-}" ] || make -s -j2 FLAVOUR="$flavour" all || exit
. tests/harness/ordinary.sh
ordinary_exec env FLAVOUR="$flavour" CRASH_EVERY="${CRASH_EVERY:-}" \
    tests/integration/crash.sh
. tests/harness/tap.sh
. tests/demo/site.sh

TIDEGATE=$PWD/build/$flavour/tidegate
trap 'site_stop; ordinary_end' EXIT
trap 'exit 130' INT TERM HUP
SITE_HOSTS=2
SITE_ROWS=50
yes=--yes=production

t() { (cd "$SITE/repo" && exec "$TIDEGATE" "$@"); }
releases() { for h in "$SITE"/hosts/*; do readlink "$h/shop/current"; done | sort -u; }
restarts() { cat "$SITE"/hosts/*/shop/shared/log/restarts | grep -c "releases/$1\$"; }
applied() { site_sql "SELECT count(*) FROM tidegate.applied WHERE name LIKE '%_crash$1'"; }

# A new release with a migration before and one after, announced, approved and
# rehearsed.
prepare() { # N
    (
        cd "$SITE/repo" || exit
        echo "CREATE TABLE crash$1 (id int);" >"migrations/${1}1_crash$1.up.sql"
        echo "DROP TABLE crash$1;" >"migrations/${1}1_crash$1.down.sql"
        {
            echo '-- tidegate: phase=after'
            echo "CREATE INDEX CONCURRENTLY crash${1}_id ON orders (total, id);"
        } >"migrations/${1}2_index$1.up.sql"
        echo "DROP INDEX CONCURRENTLY crash${1}_id;" >"migrations/${1}2_index$1.down.sql"
        site_tag "r$1"
    ) &&
        t expect "r$1" --at now --why crash --key "$SITE/anna" &&
        t approve "r$1" --key "$SITE/jaak" && t rehearse "r$1"
}

whole() { # RELEASE: what must be true once it is out
    is "$name: every host has it" "$(releases)" "releases/$1"
    is "$name: the front answers" "$(site_front)" "$1"
    gives 0 "$name: status is whole" t status
    gives 0 "$name: the chain verifies" t ledger verify
}

one() { # POINT N
    name="point $1"
    prepare "$2" >"$SITE/prepare.log" 2>&1 || {
        ok "$name: prepared" 1
        sed 's/^/# /' "$SITE/prepare.log"
        return
    }
    before=$(releases)
    (cd "$SITE/repo" && TIDEGATE_FAILPOINT="*:$1" exec "$TIDEGATE" deploy \
        "r$2" $yes) >"$SITE/deploy.log" 2>&1
    is "$name: killed" $? 137
    if ! t status >"$SITE/status.log" 2>&1; then
        if [ $(($2 % 2)) = 0 ]; then
            gives 0 "$name: resume" t resume $yes
            whole "r$2"
        else
            gives 0 "$name: rollback" t rollback $yes
            whole "${before#releases/}"
            gives 0 "$name: a second rollback" t rollback $yes
            return
        fi
    else
        gives 0 "$name: nothing had begun, deploy goes" t deploy "r$2" $yes
        whole "r$2"
    fi
    [ "$(restarts "r$2")" -le 2 ]
    ok "$name: no host was restarted twice" $?
    is "$name: the migration is there once" "$(applied "$2")" 1
    gives 0 "$name: a second resume does nothing" t resume $yes
}

site_start "$(mktemp -d /tmp/tgcrash.XXXXXX)" && site_users 3 &&
    t init >/dev/null 2>&1 && t adopt --release v1.0 $yes >/dev/null 2>&1 &&
    rm "$SITE"/repo/migrations/* && prepare 1000 >/dev/null 2>&1
ok 'a site of two hosts' $?
TIDEGATE_FAILPOINT_LIST=$SITE/points
export TIDEGATE_FAILPOINT_LIST
gives 0 'a whole release, its points listed' t deploy r1000 $yes
unset TIDEGATE_FAILPOINT_LIST
points=$(wc -l <"$SITE/points")
every=${CRASH_EVERY:-$((points / 10 + 1))}
echo "# $points points, every $every"
point=1
n=1001
while [ "$point" -le "$points" ]; do
    one "$point" "$n"
    point=$((point + every))
    n=$((n + 1))
done
tap_end
