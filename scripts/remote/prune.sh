# shellcheck shell=sh
# prune: old releases go; never live, the newest two other good ones, or a
# needed one.
# shellcheck disable=SC2154 # variables of lib.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step
take keep
take needed
hold
current_read

is_needed() {
    while IFS= read -r tg_line; do
        [ "$tg_line" != "$1" ] || return 0
    done <<NEEDED
$needed
NEEDED
    return 1
}

# what an interrupted run left; its epoch is not ours
set +f
for tg_dir in "$path"/releases/.staging.*; do
    case $tg_dir in
    "$path/releases/.staging.$epoch."*) continue ;;
    esac
    [ ! -d "$tg_dir" ] || rm -rf -- "$tg_dir"
done
for tg_file in "$own"/.*.new; do
    case $tg_file in
    *".$epoch."????????.new) continue ;;
    esac
    [ ! -f "$tg_file" ] || rm -f -- "$tg_file"
done

# only what tidegate made has a list of files; newest first
tg_good=0
tg_kept=0
tg_removed=
# shellcheck disable=SC2012,SC2045 # the names are release names, looked at below
for tg_name in $(cd -- "$own" && ls -t -- *.files 2>/dev/null); do
    tg_name=${tg_name%.files}
    case $tg_name in '' | .* | -* | *[!A-Za-z0-9._-]*) continue ;; esac
    [ "$tg_name" != "$c_name" ] || continue
    tg_state=$(state_of "$tg_name")
    if [ "$tg_state" = good ] && [ "$tg_good" -lt 2 ]; then
        tg_good=$((tg_good + 1))
        continue
    fi
    is_needed "$tg_name" && continue
    if [ "$tg_kept" -lt "$keep" ]; then
        tg_kept=$((tg_kept + 1))
        continue
    fi
    # without its state it is no release any more, whatever happens next
    rm -f -- "$own/$tg_name.state"
    rm -rf -- "$path/releases/$tg_name" || fail "cannot remove $tg_name"
    rm -f -- "$own/$tg_name.files"
    tg_removed=$tg_removed${tg_removed:+ }$tg_name
done
set -f
sync "$own"
tell removed "$tg_removed"
end 'done'
