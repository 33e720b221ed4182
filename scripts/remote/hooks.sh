# shellcheck shell=sh
# Hooks: commands of the configuration, run on the host.
# shellcheck disable=SC2154 # variables of lib.sh
# shellcheck disable=SC2015 # where A \&\& B || C: C ends the step

# STEP SECONDS COMMAND FOLDER: $h_status, $h_late, $h_said (the last of its
# output). It gets no stdin, no lock and not the answer's descriptor; what it leaves
# running holds nothing of ours but its log.
hook_run() {
    if [ -n "$path" ]; then
        h_log=$own/hook-$1.log
        rm -f -- "$h_log"
        (set -C && : >"$h_log") 2>/dev/null || fail "cannot write $h_log" \
            "is the disk full or read-only?"
    else
        h_log=$(mktemp) || fail "cannot make a temporary file"
    fi
    h_began=$(date +%s)
    (
        cd -- "$4" || exit 126
        umask "$tg_login_umask"
        # a service that the hook starts keeps them for its life
        LC_ALL=$tg_login_locale
        [ -n "$LC_ALL" ] || unset LC_ALL
        TIDEGATE_STEP=$1
        TIDEGATE_HOST=$host
        TIDEGATE_RELEASE=$release
        TIDEGATE_PREVIOUS=$previous
        TIDEGATE_PATH=$hook_path
        PATH=$tg_login_path
        export TIDEGATE_STEP TIDEGATE_HOST TIDEGATE_RELEASE TIDEGATE_PREVIOUS
        export TIDEGATE_PATH PATH
        exec timeout -k 10 "$2" sh -c "$3" </dev/null >>"$h_log" 2>&1 3>&- 9>&-
    )
    h_status=$?
    h_late=no
    case $h_status in
    124 | 137) [ $(($(date +%s) - h_began)) -lt "$2" ] || h_late=yes ;;
    esac
    h_said=$(tail -c 2000 "$h_log" 2>/dev/null | tail -n 5)
    [ -n "$path" ] || rm -f -- "$h_log"
}

# Ends the step when the hook did not end well.
hook_judge() {
    tell status "$h_status"
    [ -z "$h_said" ] || tell said "$h_said"
    [ "$h_status" != 0 ] || return 0
    [ "$h_late" = yes ] || fail "$1 ended with status $h_status: $h_said" \
        "mend the command or what it calls"
    tell why "$1 did not end within $2 s and was stopped: $h_said"
    tell fix "look at the service on the host, then at: tidegate status"
    end 'unknown'
}
