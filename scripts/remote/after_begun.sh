# shellcheck shell=sh
# after_begun: "after" migrations of a release have begun (or are undone).
# shellcheck disable=SC2154 # variables of lib.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step
take release
hold
if [ -n "$release" ]; then
    release_name "$release"
    [ "$(own_read after-begun)" = "$release" ] ||
        own_write after-begun "$release"
elif [ -e "$own/after-begun" ] || [ -L "$own/after-begun" ]; then
    rm -f -- "$own/after-begun" && sync "$own" ||
        fail "cannot remove $own/after-begun"
fi
tell after_begun "$(own_read after-begun)"
end 'done'
