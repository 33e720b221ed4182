# shellcheck shell=sh
# stage: a release is unpacked, checked and made ready beside the live one.
# shellcheck disable=SC2154,SC2034 # variables of lib.sh, tree.sh, hooks.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step
take release
take previous
take digest
take size
take shared
take prepare
take seconds
hook_path=$path
release_name "$release"
root_check
[ -d "$own" ] || fail "$own does not exist" "run: tidegate doctor"
# before anything is sent for nothing; asked again under the lock
fence_judge
tg_ours=$epoch.${nonce%????????????????????????}
tg_list=$own/.$release.$tg_ours.new
rm -f -- "$tg_list"
take_file "$tg_list"
tg_dir=$path/releases/$release
tg_tmp=$path/releases/.staging.$tg_ours.$release

drop() {
    rm -rf -- "$tg_tmp" "$tg_list"
}
refuse() {
    drop
    fail "$@"
}

[ "$(sha256sum <"$tg_list" | cut -d' ' -f1)" = "$digest" ] ||
    refuse "the list of files did not arrive whole" "run it again"

if [ -d "$tg_dir" ] && [ -n "$(state_of "$release")" ] &&
    [ "$(sha256sum <"$own/$release.files" | cut -d' ' -f1)" = "$digest" ] &&
    tree_verify "$tg_dir" "$own/$release.files" "$shared"; then
    drop
    hold
    tell present yes
    tell digest "$digest"
    end 'done'
fi

tg_free=$(df -Pk "$path" | awk 'NR == 2 { print $4 }')
case $tg_free in
'' | *[!0-9]*) refuse "df gave no number for $path" ;;
esac
tg_need=$((size / 1024 + 16384))
[ "$tg_free" -ge "$tg_need" ] ||
    refuse "$path has $tg_free KiB free, and $tg_need KiB are needed" \
        "make room on the host"

rm -rf -- "$tg_tmp"
mkdir -- "$tg_tmp" || refuse "cannot make $tg_tmp" "look at its owner"
tg_said=$(timeout -k 10 7200 tar -x -p --no-same-owner --delay-directory-restore \
    -f - -C "$tg_tmp" 2>&1 3>&-) ||
    refuse "tar failed: $tg_said" "is the disk full?"
tree_verify "$tg_tmp" "$tg_list" "" ||
    refuse "what was unpacked is not what was sent: $t_wrong" "run it again"

hold
if [ -e "$tg_dir" ] || [ -L "$tg_dir" ]; then
    current_read
    [ "$c_name" != "$release" ] ||
        refuse "$release is live here and is not what was announced: \
$(tree_verify "$tg_dir" "$own/$release.files" "$shared" || echo "$t_wrong")" \
            "go back first, or announce another release name"
    rm -f -- "$own/$release.state"
    rm -rf -- "$tg_dir" || refuse "cannot remove the old $tg_dir"
fi
rm -f -- "$own/$release.state"
mv -T -- "$tg_list" "$own/$release.files" &&
    mv -T -- "$tg_tmp" "$tg_dir" || refuse "cannot rename $tg_tmp"

# Without its state the release does not exist: a cut anywhere is made good by
# the next attempt.
undo() {
    rm -rf -- "$tg_dir" "$own/$release.files"
    fail "$@"
}

# ITEM: from releases/RELEASE/a/b to ../../../shared/a/b
share() {
    case /$1/ in
    */../* | */./* | *//*) undo "bad shared item $1" "correct shared" ;;
    esac
    [ -e "$path/shared/$1" ] ||
        undo "the shared item $1 is missing" "make it: $path/shared/$1"
    tg_up=../..
    tg_left=$1
    while :; do
        case $tg_left in
        */*)
            tg_up=$tg_up/..
            tg_left=${tg_left#*/}
            ;;
        *) break ;;
        esac
    done
    case $1 in
    */*) mkdir -p -- "$tg_dir/${1%/*}" || undo "cannot make the place of $1" ;;
    esac
    rm -rf -- "${tg_dir:?}/$1"
    ln -s -- "$tg_up/shared/$1" "$tg_dir/$1" || undo "cannot link $1"
}
while IFS= read -r tg_item; do
    [ -z "$tg_item" ] || share "${tg_item%/}"
done <<SHARED
$shared
SHARED

if [ -n "$prepare" ]; then
    hook_run prepare "$seconds" "$prepare" "$tg_dir"
    [ "$h_status" = 0 ] || {
        rm -rf -- "$tg_dir" "$own/$release.files"
        # the live release is untouched: a late prepare is no unknown
        [ "$h_late" = no ] ||
            fail "prepare did not end within $seconds s: $h_said" \
                "raise prepare_timeout, or mend it"
        hook_judge prepare "$seconds"
    }
    tree_verify "$tg_dir" "$own/$release.files" "$shared" ||
        undo "prepare changed the release: $t_wrong" \
            "let it write new files only, or list the path in shared"
fi
sync -f "$path" || undo "the disk could not be synced"
own_write "$release.state" staged
tell present no
tell digest "$digest"
end 'done'
