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
if [ ! -d "$path/releases/$release" ]; then
    [ "$state" = bad ] || fail "$release is not on this host"
    tell state ''
    end 'done' # it never came here, so nobody can choose it here
fi
[ "$(state_of "$release")" = "$state" ] || own_write "$release.state" "$state"
tell state "$(state_of "$release")"
end 'done'
