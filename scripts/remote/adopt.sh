# shellcheck shell=sh
# adopt: the tree that `current` shows becomes a release of ours.
# shellcheck disable=SC2154 # variables of lib.sh and tree.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step
take release
take look_only
take shared
[ -z "$release" ] || release_name "$release"
if [ "$look_only" = yes ]; then
    root_check
else
    hold
fi

# Capistrano's link is absolute and may go by another name of the same folder
[ -L "$path/current" ] || fail "$path/current is not a link" \
    "adopt wants a Capistrano-like layout: releases/ and current"
tg_tree=$(cd -P -- "$path/current" 2>/dev/null && pwd -P) ||
    fail "$path/current leads nowhere" "put it right first"
case $tg_tree in
"$path"/releases/*) tg_folder=${tg_tree#"$path"/releases/} ;;
*) fail "$path/current leads to $tg_tree, outside releases/" \
    "point it to a folder below $path/releases" ;;
esac
case $tg_folder in
'' | .* | -* | *[!A-Za-z0-9._-]*)
    fail "the live folder's name $tg_folder is no release name" \
        "rename it, or give --release TAG"
    ;;
esac
[ -n "$release" ] || release=$tg_folder
# what an adopt of ours that was cut has left has its list of files already
[ "$release" = "$tg_folder" ] || [ -f "$own/$release.files" ] ||
    { [ ! -e "$path/releases/$release" ] && [ ! -L "$path/releases/$release" ]; } ||
    fail "$path/releases/$release is there, and tidegate did not make it" \
        "move it away, or give another --release"
tg_revision=
[ ! -f "$tg_tree/REVISION" ] || [ -L "$tg_tree/REVISION" ] ||
    tg_revision=$(head -c 200 "$tg_tree/REVISION" | head -n 1)

if [ "$look_only" = yes ]; then
    tg_digest=$(tree_list "$tg_tree" "$shared" | grep -v "^S " | sha256sum | cut -d' ' -f1)
    tell digest "$tg_digest"
    tell revision "$tg_revision"
    tell folder "$tg_folder"
    end 'done'
fi

tg_list=$own/.$release.$epoch.adopting.new
tree_list "$tg_tree" "$shared" | grep -v "^S " >"$tg_list" && sync "$tg_list" ||
    fail "cannot write $tg_list" "is the disk full or read-only?"
tg_digest=$(sha256sum <"$tg_list" | cut -d' ' -f1)
if [ "$release" != "$tg_folder" ]; then
    # another name for the same files (hard links); the folder that is being
    # served stays where it is until the link is renamed over, and after
    [ ! -e "$path/releases/$release" ] || [ -z "$(state_of "$release")" ] || {
        rm -f -- "$tg_list"
        fail "$release is a release here already" "choose another --release"
    }
    rm -rf -- "${path:?}/releases/$release"
    tg_tmp=$path/releases/.staging.$epoch.$release
    cp -al -- "$tg_tree" "$tg_tmp" || {
        rm -rf -- "$tg_list" "$tg_tmp"
        fail "cannot copy $tg_tree" "is the disk full?"
    }
fi
mv -T -- "$tg_list" "$own/$release.files" || fail "cannot rename $tg_list"
[ "$release" = "$tg_folder" ] ||
    mv -T -- "$tg_tmp" "$path/releases/$release" || {
    rm -rf -- "$tg_tmp" "$own/$release.files"
    fail "cannot rename $tg_tmp" "look at the owner of $path/releases"
}
[ "$(readlink "$path/current")" = "releases/$release" ] ||
    current_write "$release"
own_write "$release.state" good
sync -f "$path"
tell digest "$tg_digest"
tell revision "$tg_revision"
tell folder "$tg_folder"
end 'done'
