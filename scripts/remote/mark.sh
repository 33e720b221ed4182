# shellcheck shell=sh
# mark: a release's state.
# shellcheck disable=SC2154 # variables of lib.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step
take release
take state
release_name "$release"
case $state in
staged | live | good | bad) ;;
*) fail "bad state" ;;
esac
hold
[ -d "$path/releases/$release" ] || fail "$release is not on this host"
[ "$(state_of "$release")" = "$state" ] || own_write "$release.state" "$state"
tell state "$(state_of "$release")"
end 'done'
