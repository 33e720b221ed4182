# shellcheck shell=sh
# Run as an ordinary user, to be sourced: PostgreSQL and sshd are started by
# people, not by root.
#
#   ordinary_user    makes that user where it is missing, as root
#   ordinary_exec SCRIPT [ARG...]   as root: makes the user tidegate-test where
#       it is missing, copies what the scripts need to a folder of that user's,
#       and goes on there as that user, who calls ordinary_end at the end;
#       as anybody else: returns at once.
#
# Expects the current folder to be the project's root.

ORDINARY_USER=${ORDINARY_USER:-tidegate-test}

ordinary_user() {
    [ "$(id -u)" = 0 ] || return 0
    id "$ORDINARY_USER" >/dev/null 2>&1 ||
        useradd --system --create-home --shell /bin/sh "$ORDINARY_USER"
}

ordinary_exec() {
    [ "$(id -u)" = 0 ] || return 0
    ordinary_user
    ordinary_copy=$(mktemp -d /tmp/tgrun.XXXXXX)
    mkdir -p "$ordinary_copy/build"
    cp -a scripts tests policies "$ordinary_copy/"
    for ordinary_flavour in build/*/tidegate; do
        [ -x "$ordinary_flavour" ] || continue
        mkdir -p "$ordinary_copy/${ordinary_flavour%/*}"
        cp "$ordinary_flavour" "$ordinary_copy/$ordinary_flavour"
        for ordinary_more in bench histories; do
            ! [ -d "${ordinary_flavour%/*}/$ordinary_more" ] ||
                cp -r "${ordinary_flavour%/*}/$ordinary_more" \
                    "$ordinary_copy/${ordinary_flavour%/*}/"
        done
        ordinary_append=${ordinary_flavour%/*}/integration/ledger/append
        [ ! -x "$ordinary_append" ] || {
            mkdir -p "$ordinary_copy/${ordinary_append%/*}"
            cp "$ordinary_append" "$ordinary_copy/$ordinary_append"
        }
    done
    chown -R "$ORDINARY_USER" "$ordinary_copy"
    cd "$ordinary_copy" || exit
    exec setpriv --reuid "$ORDINARY_USER" --regid "$(id -g "$ORDINARY_USER")" \
        --init-groups env ORDINARY_COPY="$ordinary_copy" \
        HOME="$(getent passwd "$ORDINARY_USER" | cut -d: -f6)" \
        USER="$ORDINARY_USER" LOGNAME="$ORDINARY_USER" "$@"
}

# At the end of what ordinary_exec started.
ordinary_end() {
    [ -z "${ORDINARY_COPY:-}" ] || rm -rf "$ORDINARY_COPY"
}
