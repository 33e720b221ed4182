# shellcheck shell=sh
# flip: current goes from one release to another, by rename.
# shellcheck disable=SC2154 # variables of lib.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step
take from
take to
release_name "$to"
hold
[ -d "$path/releases/$to" ] && [ ! -L "$path/releases/$to" ] ||
    fail "$to is not staged" "run it again"
[ -n "$(state_of "$to")" ] || fail "$to is only half staged" "run it again"

current_read
if [ "$c_is" = other ]; then
    fail "current was changed by another: it is now $c_raw" \
        "look who did; put it back to releases/${from:-$to}" moved
fi
if [ "$c_name" != "$to" ] && [ "$c_name" != "$from" ]; then
    fail "current was changed by another: it was ${from:-absent}, and is now \
${c_name:-absent}" "look who did; put it back to releases/${from:-$to}" moved
fi
if [ "$c_name" != "$to" ] || [ "$c_raw" != "releases/$to" ]; then
    current_write "$to"
fi
[ "$(state_of "$to")" = live ] || own_write "$to.state" live
if [ -n "$from" ] && [ "$from" != "$to" ] && [ "$(state_of "$from")" = live ]; then
    own_write "$from.state" staged
fi
current_read
[ "$c_name" = "$to" ] || fail "current is $c_raw after the flip" "look at it"
tell current "$c_name"
end 'done'
