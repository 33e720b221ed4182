# shellcheck shell=sh
# observe: how the host stands. Changes nothing, takes no lock.
# shellcheck disable=SC2154 # variables of lib.sh and tree.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step
take verify
take shared

t_missing=
missing() {
    t_missing=$t_missing${t_missing:+
}$1
}

for tg_tool in awk cat cp date dd df find flock head id ln mkdir mv od \
    readlink rm sed sha256sum sort stat sync tail tar timeout tr xargs; do
    command -v "$tg_tool" >/dev/null 2>&1 ||
        missing "the program $tg_tool"
done

# As root_check, but told instead of refused.
look() {
    [ -e "$1" ] || [ -L "$1" ] || return 0
    case $(stat -c '%F' "$1") in
    directory) ;;
    *) missing "$1 must be a folder of its own, not a $(stat -c %F "$1")" ;;
    esac
    [ "$(stat -c %u "$1")" = "$(id -u)" ] ||
        missing "$1 must belong to $(id -un)"
    case $(stat -c %a "$1") in
    *[2367]) missing "$1 must not be writable by everybody" ;;
    esac
}

if [ -d "$path" ]; then
    tg_real=$(cd -P -- "$path" && pwd -P)
    [ "$tg_real" = "${path%/}" ] ||
        missing "path must hold no link: it is really $tg_real"
    for tg_each in "$path" "$path/releases" "$path/shared" "$own"; do
        look "$tg_each"
    done
    tell place "$(stat -c %d:%i "$path")"
    tell free_kb "$(df -Pk "$path" | awk 'NR == 2 { print $4 }')"
else
    missing "the folder $path (make it: install -d -o $(id -un) $path)"
fi

current_read
tell current_is "$c_is"
tell current "$c_name"
tell current_raw "$c_raw"

set +f
for tg_dir in "$path"/releases/*; do
    [ -d "$tg_dir" ] || continue
    tg_name=${tg_dir##*/}
    case $tg_name in -* | *[!A-Za-z0-9._-]*) continue ;; esac
    tg_state=$(state_of "$tg_name")
    tg_digest=
    # without a state it is a release that was never finished
    [ -z "$tg_state" ] || [ ! -f "$own/$tg_name.files" ] ||
        tg_digest=$(sha256sum <"$own/$tg_name.files" | cut -d' ' -f1)
    tell release "$tg_name $tg_state $tg_digest"
done
set -f

fence_read
tell ledger "$f_ledger"
tell epoch "$f_epoch"
tell seq "$f_seq"
tell head "$f_head"
tell run "$f_run"
tell policy "$(own_read policy | head -n 1)"
tell after_begun "$(own_read after-begun | head -n 1)"
tell machine "$(head -c 64 /etc/machine-id 2>/dev/null | head -n 1)"
tell boot "$(head -c 64 /proc/sys/kernel/random/boot_id 2>/dev/null)"

while IFS= read -r tg_item; do
    [ -n "$tg_item" ] || continue
    tg_item=${tg_item%/}
    if [ -d "$path/shared/$tg_item" ]; then
        tell shared "$tg_item folder"
    elif [ -f "$path/shared/$tg_item" ]; then
        tell shared "$tg_item file"
    elif [ -e "$path/shared/$tg_item" ]; then
        tell shared "$tg_item other"
    else
        tell shared "$tg_item absent"
    fi
done <<SHARED
$shared
SHARED

[ -n "$verify" ] || verify=$c_name
if [ -n "$verify" ]; then
    tell verify "$verify"
    if [ ! -d "$path/releases/$verify" ]; then
        tell wrong "it is not there"
    elif [ ! -f "$own/$verify.files" ]; then
        tell wrong "its list of files is not there"
    elif tree_verify "$path/releases/$verify" "$own/$verify.files" "$shared"; then
        tell verified yes
        tell extra "$t_extra"
    else
        tell wrong "$t_wrong"
    fi
fi
tell missing "$t_missing"
# last, so that the answer's arrival dates it
tell clock_ms "$(date +%s%3N)"
end 'done'
