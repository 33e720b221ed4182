# shellcheck shell=sh
# Trees as text. One line per entry, sorted bytewise by name:
#     MODE TYPE DIGEST NAME
# MODE is four octal digits, TYPE f, d or l, DIGEST the SHA-256 of a file, "-"
# of a folder, the target of a link; bytes outside [!-~] and the backslash are
# \ooo. Everything travels NUL-closed, so that no name can confuse it.
# shellcheck disable=SC2154 # variables of lib.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step

# Is an entry shared, or does it lie under one that is?
# shellcheck disable=SC2016 # awk expands these
tg_shared_out='
    function shared_out(name,   at) {
        for (;;) {
            if (name in shared) return 1
            for (at = length(name); at > 0; at--)
                if (substr(name, at, 1) == "/") break
            if (at == 0) return 0
            name = substr(name, 1, at - 1)
        }
    }
'

# TREE SHARED: the lines; shared items (a list, one a line) and what lies under
# them are left out, and named in lines "S NAME" before.
tree_list() (
    cd -- "$1" || exit 1
    {
        printf '%s\n' "$2" | sed -n 's|/*$||; /./s/^/S/p' | tr '\n' '\0'
        find . -mindepth 1 -printf '%P\0' | sort -z | sed -z 's/^/N/'
        find . -mindepth 1 -printf 'A%m\0%y\0%l\0%P\0'
        find . -mindepth 1 -type f -print0 |
            xargs -0 -r sha256sum -z -- | sed -z 's/^/H/'
    } | od -An -v -to1 -w1 | awk "$tg_shared_out"'
        BEGIN {
            for (i = 33; i < 127; i++)
                plain[sprintf("%03o", i)] = sprintf("%c", i)
            delete plain["134"]
        }
        function field(f,   kind) {
            if (want == 3) { t = f; want = 2; return }
            if (want == 2) { link = f; want = 1; return }
            if (want == 1) {
                mode[f] = m; type[f] = t; target[f] = link; want = 0
                return
            }
            kind = substr(f, 1, 1)
            f = substr(f, 2)
            if (kind == "S") { shared[f] = 1; print "S", f }
            else if (kind == "N") names[n++] = f
            else if (kind == "A") { m = substr("0000" f, length(f) + 1); want = 3 }
            else if (kind == "H") digest[substr(f, 75)] = substr(f, 1, 64)
        }
        {
            b = $1
            if (b == "000") { field(s); s = "" }
            else if (b in plain) s = s plain[b]
            else s = s "\\" b
        }
        END {
            for (i = 0; i < n; i++) {
                f = names[i]
                if (shared_out(f)) continue
                d = "-"
                if (type[f] == "f") d = (f in digest) ? digest[f] : "unreadable"
                if (type[f] == "l") d = target[f]
                print mode[f], type[f], d, f
            }
        }'
)

# TREE FILES SHARED: is the tree what FILES says? $t_wrong names the first
# entry that is not, $t_extra counts those FILES does not know.
tree_verify() {
    tg_result=$(
        {
            cat -- "$2"
            echo '='
            tree_list "$1" "$3" || echo unreadable
        } | awk "$tg_shared_out"'
            $0 == "=" { part++; next }
            part == 0 { want[$4] = $0; order[n++] = $4; next }
            $1 == "S" { shared[$2] = 1; next }
            { have[$4] = $0; if (!($4 in want)) extra++ }
            END {
                for (i = 0; i < n; i++) {
                    f = order[i]
                    if (f in have && have[f] == want[f]) continue
                    if (shared_out(f)) continue
                    if (!(f in have)) { wrong = f " is missing"; break }
                    split(have[f], h, " "); split(want[f], w, " ")
                    what = h[2] != w[2] ? "type" : h[3] != w[3] ? "content" : "mode"
                    wrong = f " differs in its " what
                    break
                }
                if (part != 1) wrong = "the list could not be read"
                print extra + 0
                print wrong
            }'
    )
    t_extra=${tg_result%%
*}
    t_wrong=${tg_result#*
}
    [ "$t_wrong" != "$tg_result" ] || t_wrong=
    case $t_extra in
    '' | *[!0-9]*)
        t_extra=0
        t_wrong="the tree could not be read"
        ;;
    esac
    [ -z "$t_wrong" ]
}
