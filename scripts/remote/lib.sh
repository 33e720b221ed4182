# shellcheck shell=sh
# What every remote step begins with. Runs in dash, bash or busybox sh on a
# host; the parameters come length-framed on stdin, the answer goes to fd 3.
# shellcheck disable=SC2034,SC2154 # variables of the parts that follow
# shellcheck disable=SC2015 # where A && B || C: C ends the step

tg_login_path=$PATH
tg_login_umask=$(umask)
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset CDPATH ENV BASH_ENV TZ TAR_OPTIONS POSIXLY_CORRECT
umask 022
set -f
exec 3>&1 1>&2
tg_told=0

# The next parameter into the variable NAME; ends everything when it is cut.
take() {
    IFS= read -r tg_len || exit 9
    case $tg_len in '' | *[!0-9]*) exit 9 ;; esac
    tg_value=$(dd bs=65536 count="$tg_len" iflag=fullblock,count_bytes \
        2>/dev/null && echo .)
    tg_value=${tg_value%.}
    [ "${#tg_value}" = "$tg_len" ] || exit 9
    eval "$1=\$tg_value"
}

# The next parameter into a file (it may be large).
take_file() {
    IFS= read -r tg_len || exit 9
    case $tg_len in '' | *[!0-9]*) exit 9 ;; esac
    dd bs=65536 count="$tg_len" iflag=fullblock,count_bytes \
        of="$1" 2>/dev/null || exit 9
    [ "$(stat -c %s "$1")" = "$tg_len" ] || exit 9
}

# One line of the answer: KEY VALUE; the value may hold any bytes.
tell() {
    tg_told=$((tg_told + 1))
    case $2 in
    *[!\ -~]*)
        printf 'TG1 %s %s x%s\n' "$nonce" "$1" \
            "$(printf %s "$2" | od -An -v -tx1 | tr -d ' \n')" >&3
        ;;
    *) printf 'TG1 %s %s =%s\n' "$nonce" "$1" "$2" >&3 ;;
    esac
}

# The last line: done, failed or unknown.
end() {
    printf 'TG1 %s end %s %s\n' "$nonce" "$1" "$tg_told" >&3
    exit 0
}

# Nothing was changed, and why: fail WHY [FIX [KIND]].
fail() {
    tell why "$1"
    [ -z "${2-}" ] || tell fix "$2"
    [ -z "${3-}" ] || tell refused "$3"
    end failed
}

take nonce
take path
take host
take ledger
take epoch
take seq
take head
take run
take claim
own=$path/.tidegate

# A folder of ours: there, no link, the login user's, not everybody's.
owned() {
    tg_stat=$(stat -c '%F|%u|%a' -- "$1" 2>/dev/null) ||
        fail "$1 does not exist" "${2-}"
    tg_mode=${tg_stat##*|}
    tg_rest=${tg_stat%|*}
    [ "${tg_rest%%|*}" = directory ] ||
        fail "$1 is not a folder but a ${tg_rest%%|*}" \
            "move it away; nothing there may be a link"
    [ "${tg_rest#*|}" = "$(id -u)" ] ||
        fail "$1 does not belong to $(id -un)" "chown it to $(id -un)"
    case $tg_mode in
    *[2367]) fail "$1 is writable by everybody (mode $tg_mode)" "chmod o-w $1" ;;
    esac
}

# The deploy root, safe to work in.
root_check() {
    case $path in
    /*) ;;
    *) fail "the path $path is not absolute" "correct path" ;;
    esac
    owned "$path" "make it on the host: install -d -o $(id -un) $path"
    tg_real=$(cd -P -- "$path" && pwd -P)
    [ "$tg_real" = "${path%/}" ] ||
        fail "a part of $path is a link: it is really $tg_real" \
            "write path = $tg_real"
    for tg_each in "$path/releases" "$path/shared" "$own"; do
        [ ! -e "$tg_each" ] && [ ! -L "$tg_each" ] || owned "$tg_each"
    done
}

# The content of a small file of ours, or nothing; never through a link.
own_read() {
    [ ! -L "$own/$1" ] && [ -f "$own/$1" ] && head -c 65536 "$own/$1"
    return 0
}

# Temporary name, sync, rename, sync: NAME CONTENT (a newline is added).
own_write() {
    [ ! -d "$own/$1" ] || fail "$own/$1 is a folder" "move it away"
    tg_new=$own/.$1.new
    rm -f -- "$tg_new"
    (set -C && printf '%s\n' "$2" >"$tg_new") 2>/dev/null &&
        sync "$tg_new" &&
        mv -T -f -- "$tg_new" "$own/$1" &&
        sync "$own" && return 0
    rm -f -- "$tg_new"
    fail "cannot write $own/$1" "is the disk full or read-only?"
}

fence_read() {
    f_ledger=
    f_epoch=0
    f_seq=0
    f_head=
    f_run=
    f_claim=
    while read -r tg_key tg_word; do
        case $tg_key in
        ledger) f_ledger=$tg_word ;;
        epoch) f_epoch=$tg_word ;;
        seq) f_seq=$tg_word ;;
        head) f_head=$tg_word ;;
        run) f_run=$tg_word ;;
        claim) f_claim=$tg_word ;;
        esac
    done <<FENCE
$(own_read fence)
FENCE
    case $f_epoch$f_seq in
    '' | *[!0-9]*) fail "$own/fence is damaged" "look at it" ;;
    esac
}

# May this run still act here? Ends the step when not.
fence_judge() {
    fence_read
    [ -n "$f_ledger" ] || return 0
    [ "$f_ledger" = "$ledger" ] ||
        fail "the host belongs to another ledger ($f_ledger)" \
            "run it where that ledger is, or remove $own/fence" foreign
    [ "$epoch" -ge "$f_epoch" ] ||
        fail "superseded by epoch $f_epoch, run $f_run (we are epoch $epoch)" \
            "let that run end; look at: tidegate status" superseded
    [ "$epoch" != "$f_epoch" ] || [ "$run $claim" = "$f_run $f_claim" ] ||
        fail "the ledger was copied: epoch $epoch is run $f_run at head $f_seq \
$f_head here, and run $run at head $seq $head there" \
            "keep one of the two ledgers" forked
}

# The lock, then the fence: what every step that changes something does first.
hold() {
    root_check
    [ -d "$own" ] || fail "$own does not exist" "run: tidegate doctor"
    [ ! -L "$own/lock" ] || fail "$own/lock is a link" "remove it"
    exec 9>>"$own/lock" || fail "cannot open $own/lock" "look at its owner"
    flock -w 75 9 || {
        fence_read
        fail "another step holds $own/lock (last: run $f_run)" \
            "wait until it has ended, then run it again" locked
    }
    fence_judge
    if [ "$epoch" -gt "$f_epoch" ] || [ "$seq" -gt "$f_seq" ]; then
        own_write fence "ledger $ledger
epoch $epoch
seq $seq
head $head
run $run
claim $claim"
    fi
}

# What `current` is: $c_raw (its text, or what it is instead) and $c_name, the
# release; $c_is is none, release or other.
current_read() {
    c_raw=
    c_name=
    c_is=none
    if [ -L "$path/current" ]; then
        c_raw=$(readlink -- "$path/current" && echo .)
        c_raw=${c_raw%
.}
        c_is=other
        case $c_raw in
        releases/*) c_name=${c_raw#releases/} ;;
        "$path"/releases/*) c_name=${c_raw#"$path"/releases/} ;;
        esac
        case $c_name in
        '' | .* | -* | *[!A-Za-z0-9._-]*) c_name= ;;
        *) [ -d "$path/releases/$c_name" ] && c_is=release ;;
        esac
        [ "$c_is" = release ] || c_name=
    elif [ -e "$path/current" ]; then
        c_is=other
        c_raw="a $(stat -c %F "$path/current")"
    fi
}

# Parameters that become names of files are looked at once more here.
release_name() {
    case $1 in
    '' | .* | -* | *..* | *[!A-Za-z0-9._-]*) fail "bad release name" ;;
    esac
}

state_of() {
    own_read "$1.state" | head -n 1
}

# current -> releases/NAME, by the rename of a fresh relative link.
current_write() {
    tg_new=$path/.current.tidegate
    rm -f -- "$tg_new"
    ln -s -- "releases/$1" "$tg_new" && mv -T -f -- "$tg_new" "$path/current" &&
        sync "$path" || {
        rm -f -- "$tg_new"
        fail "cannot write $path/current" "is the disk full or read-only?"
    }
}
