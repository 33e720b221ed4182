# shellcheck shell=sh
# Small projects to release, where nothing is signed; to be sourced after
# tap.sh by scripts that ordinary_exec has brought here and that have set D, a
# folder of their own.
#
#   project NAME          a repository D/NAME, in P from then on; stdin is what
#                         its tidegate.ini has below [environment production]
#   release TAG           what stands in P becomes a commit and a tag
#   goes CODE NAME TAG    the same, announced and deployed: one test
#   t WORD...             tidegate in P

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
