# shellcheck shell=sh
# Small projects to release, where nothing is signed; to be sourced after
# tap.sh by scripts that ordinary_exec has brought here.
#
#   project_open          a folder D and a PostgreSQL, both gone at the end of
#                         the script (or: set D, and end it all yourself)
#   project NAME          a repository D/NAME, in P from then on; stdin is what
#                         its tidegate.ini has below [environment production]
#   project_data NAME     the same with a database NAME, without hosts; stdin is
#                         appended
#   project_clones NAME   prints a [rehearsal] for it, on the same server
#   project_budget        its policy asks for rehearsals
#   db SQL                asked of that database
#   file NAME TEXT        in its folder migrations
#   migration NAME UP DOWN   files NAME.up.sql and NAME.down.sql there
#   release TAG           what stands in P becomes a commit and a tag
#   announce TAG          its migrations alone: one test
#   goes CODE NAME TAG    released, announced and deployed: one test
#   t WORD...             tidegate in P

# shellcheck source=tests/harness/postgres.sh
. tests/harness/postgres.sh
TIDEGATE=$PWD/build/${flavour:?}/tidegate
yes=--yes=production
for name in $(env | sed -n 's/^\(GIT_[A-Z_]*\)=.*/\1/p'); do
    unset "$name"
done

t() { (cd "$P" && exec "$TIDEGATE" "$@"); }
project() {
    P=$D/$1
    mkdir -p "$P/policies" "$P/bin" "$P/docs"
    {
        printf '[project]\nname = %s\nrepository = .\n' "$1"
        printf '[environment production]\npolicy = policies/production.ini\n'
        cat
    } >"$P/tidegate.ini"
    printf '[expected]\nsignatures = optional\nnotice = 0s\n' \
        >"$P/policies/production.ini"
    printf '#!/bin/sh\necho "$TIDEGATE_RELEASE for $TIDEGATE_HOST" >built\n' \
        >"$P/bin/build"
    chmod +x "$P/bin/build"
    echo read >"$P/docs/read"
    printf '.tidegate/\ntidegate.ini\npolicies/\nbuild/\n' >"$P/.gitignore"
    git -C "$P" -c init.defaultBranch=main init -q
}
project_end() {
    postgres_stop
    rm -rf "$D"
    ordinary_end
}
project_open() {
    D=$(mktemp -d /tmp/tgproject.XXXXXX)
    trap project_end EXIT
    trap 'exit 130' INT TERM HUP
    postgres_start
    ok 'PostgreSQL stands' $?
}
project_data() {
    "$PG_BIN/createdb" -h "$PG_SOCKET" -p "$PG_PORT" -U postgres "$1"
    P=$D/$1
    mkdir -p "$P/migrations"
    {
        printf 'database = %s\n' "$(postgres_conninfo "$1")"
        cat
    } >"$D/data.ini"
    project "$1" <"$D/data.ini"
}
project_clones() {
    printf '[rehearsal]\nclone = dump\nfrom = %s\nserver = %s\n' \
        "$(postgres_conninfo "$1")" "$PG_CONNINFO"
}
project_budget() {
    printf '[budget]\ntotal = 10m\nblocked = 2s\nrewrite = forbid\n' \
        >>"$P/policies/production.ini"
}
db() {
    PGOPTIONS='' "$PG_BIN/psql" -qAtX -v ON_ERROR_STOP=1 \
        "$(postgres_conninfo "$(basename "$P")")" -c "$1"
}
file() {
    mkdir -p "$(dirname "$P/migrations/$1")"
    printf '%s\n' "$2" >"$P/migrations/$1"
}
migration() {
    file "$1.up.sql" "$2"
    file "$1.down.sql" "$3"
}
announce() {
    t expect "$1" --only migrations --at now --why test >"$D/expect.log" 2>&1
    project_said=$?
    [ $project_said = 0 ] || sed 's/^/# /' "$D/expect.log"
    ok "announced: $1" $project_said
}
release() {
    echo "$1" >"$P/VERSION"
    git -C "$P" add -A
    git -C "$P" -c user.name=t -c user.email=t@t commit -qm "$1"
    git -C "$P" tag "$1"
}
goes() {
    release "$3"
    t expect "$3" --at now --why test >"$D/expect.log" 2>&1 ||
        sed 's/^/# /' "$D/expect.log"
    gives "$1" "$2" t deploy "$3" $yes
}
