# shellcheck shell=sh
# fence: this host is taken for a ledger and an epoch; pins the policy digest.
# shellcheck disable=SC2154 # variables of lib.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step
take policy
take known

if [ ! -e "$path" ] && [ ! -L "$path" ]; then
    case $path in /*) mkdir -p -- "$path" 2>/dev/null ;; esac
    [ -d "$path" ] || fail "$path does not exist and cannot be made" \
        "make it on the host: install -d -o $(id -un) $path"
fi
root_check
for tg_each in "$path/releases" "$path/shared" "$own"; do
    [ -d "$tg_each" ] || mkdir -- "$tg_each" || fail "cannot make $tg_each"
done
hold

tg_pinned=$(own_read policy | head -n 1)
if [ -n "$policy" ] && [ "$tg_pinned" != "$policy" ]; then
    if [ -n "$tg_pinned" ]; then
        tg_ours=no
        while IFS= read -r tg_line; do
            [ "$tg_line" != "$tg_pinned" ] || tg_ours=yes
        done <<KNOWN
$known
KNOWN
        [ "$tg_ours" = yes ] ||
            fail "the host is pinned to policy $tg_pinned, which this ledger \
never pinned" "find out who did, then remove $own/policy" policy
    fi
    own_write policy "$policy"
fi

tg_readme="tidegate deploys here. Read this when tidegate itself is not at hand.

$path/current points to the live release below $path/releases.
.tidegate/RELEASE.state says staged, live, good or bad.
.tidegate/RELEASE.files lists what is in it (mode, type, SHA-256, name).
.tidegate/after-begun, if present, names a release whose 'after' migrations
have begun: the code before it may not run with this database any more.

To go back by hand, to a release whose state is good:

    cd $path
    flock .tidegate/lock sh -c '
        ln -s releases/RELEASE .current.hand &&
        mv -T .current.hand current'

then restart the service. Tell tidegate afterwards: tidegate status"
[ "$(own_read README)" = "$tg_readme" ] || own_write README "$tg_readme"

tell epoch "$epoch"
tell policy "$(own_read policy | head -n 1)"
end 'done'
