# shellcheck shell=sh
# Test results in TAP, to be sourced.
#
#   ok NAME STATUS            status 0 passes
#   is NAME GOT WANTED        texts are equal
#   has NAME TEXT PART        the text holds the part
#   gives CODE NAME COMMAND...  runs it, output into $OUT, checks its exit code
#   tap_end                   prints the plan; its status is the verdict

TAP_N=0
TAP_BAD=0
OUT=

ok() {
    TAP_N=$((TAP_N + 1))
    if [ "$2" = 0 ]; then
        echo "ok $TAP_N - $1"
    else
        TAP_BAD=$((TAP_BAD + 1))
        echo "not ok $TAP_N - $1"
    fi
}

is() {
    [ "$2" = "$3" ]
    tap_status=$?
    ok "$1" "$tap_status"
    [ "$tap_status" = 0 ] || printf '# got:    %s\n# wanted: %s\n' "$2" "$3"
}

has() {
    case $2 in *"$3"*) tap_status=0 ;; *) tap_status=1 ;; esac
    ok "$1" "$tap_status"
    [ "$tap_status" = 0 ] || {
        echo "# does not hold: $3"
        printf '%s\n' "$2" | sed 's/^/# /'
    }
}

gives() {
    tap_wanted=$1
    tap_name=$2
    shift 2
    OUT=$("$@" 2>&1)
    tap_got=$?
    if [ "$tap_got" = "$tap_wanted" ]; then
        ok "$tap_name" 0
    else
        ok "$tap_name" 1
        echo "# exit $tap_got, wanted $tap_wanted"
        printf '%s\n' "$OUT" | sed 's/^/# /'
    fi
}

tap_end() {
    echo "1..$TAP_N"
    [ "$TAP_BAD" = 0 ]
}
