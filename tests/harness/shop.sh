# shellcheck shell=sh
# A small site under test, and short words for what releases need; to be
# sourced after tap.sh by scripts that ordinary_exec has brought here.
#
#   shop_open HOSTS ROWS   site.sh's site, v1.0 adopted, a policy that asks for
#                          a signed announcement and nothing else
#   shop_close             ends it; in the script's EXIT trap
#   t WORD...              tidegate in SITE/repo, for environment SITE_ENV
#   policy APPROVALS [LINE...]   (NOTICE=T before it) another policy, accepted; LINEs follow
#   setting SECTION KEY [VALUE]  a key of tidegate.ini anew, without VALUE gone
#   accept                 whatever changed is accepted by all it needs
#   release TAG            what stands in SITE/repo becomes a commit and a tag
#   up NAME SQL, down NAME SQL   migration files
#   announce TAG [WORD...] expect --at now, signed by anna
#   asks CODE GATE RULE NAME WORD...   runs a command with --format json: its
#                          exit code, and the rule that the gate spoke by
#   releases               what the hosts have, each once
#   records                how many records the ledger has
#   all_there_is           a digest of ledger, hosts and tables
#   forge WHO NAMESPACE [MEMBER=VALUE...]   the newest manifest once more, with
#                          other members and nonce, signed by WHO's key ("":
#                          not signed), into the ledger
#   until_true SECONDS COMMAND...   waits by trying

# shellcheck source=tests/demo/site.sh
. tests/demo/site.sh

TIDEGATE=$PWD/build/${flavour:?}/tidegate
APPEND=$PWD/build/$flavour/integration/ledger/append
yes=--yes=production
SITE_ENV=

t() {
    (cd "$SITE/repo" && exec "$TIDEGATE" ${SITE_ENV:+-e "$SITE_ENV"} "$@")
}

until_true() {
    shop_end=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$shop_end" ] || return 1
        sleep 0.02
    done
}

policy_text() {
    printf '[expected]\nsignatures = required\n'
    printf 'signers = policies/allowed_signers\n'
    printf 'revoked = policies/revoked_keys\n'
    printf 'approvals = %s\nnotice = %s\n' "$1" "${NOTICE:-0s}"
    shift
    case $* in
    *'[window]'*) ;;
    *) printf '[window]\nzone = Europe/Tallinn\nallow = always\n' ;;
    esac
    [ $# = 0 ] || printf '%s\n' "$@"
}

signer() { # PERSON WHO: may sign, with WHO's key
    printf '%s namespaces="tidegate" %s\n' "$1" \
        "$(cut -d' ' -f1,2 "$SITE/$2.pub")" \
        >>"$SITE/repo/policies/allowed_signers"
}

accept() {
    for who in anna jaak mari; do
        t policy accept --key "$SITE/$who" >"$SITE/accept.log" 2>&1 && return 0
    done
    sed 's/^/# accept: /' "$SITE/accept.log"
    return 1
}

policy() {
    policy_text "$@" >"$SITE/repo/policies/production.ini"
    accept
}

setting() {
    awk -v section="[$1]" -v key="$2" -v value="${3-}" '
        function put() { if (value != "") print key " = " value; done = 1 }
        /^\[/ { if (in_it && !done) put(); in_it = $0 == section }
        in_it && $1 == key { if (!done) put(); next }
        { print }
        END { if (in_it && !done) put()
            else if (!done && value != "") { print section; put() } }' \
        "$SITE/repo/tidegate.ini" >"$SITE/ini" &&
        cp "$SITE/ini" "$SITE/repo/tidegate.ini"
}

release() { (cd "$SITE/repo" && site_tag "$1"); }
sql() { # FILE TEXT
    mkdir -p "$SITE/repo/migrations"
    printf '%s\n' "$2" >"$SITE/repo/migrations/$1"
}
up() { sql "$1.up.sql" "$2"; }
down() { sql "$1.down.sql" "$2"; }

announce() {
    shop_tag=$1
    shift
    t expect "$shop_tag" --at now --why test --key "$SITE/anna" "$@" \
        >"$SITE/announce.log" 2>&1 && return 0
    sed 's/^/# announce: /' "$SITE/announce.log"
    return 1
}

rule_of() {
    /usr/bin/python3 - "$1" "$SITE/asked.json" <<'PY'
import json, sys
gate, path = sys.argv[1:]
try:
    rows = json.loads(open(path).read().splitlines()[0])["gates"]
except Exception as trouble:
    rows = []
print(*[r.get("rule", r["state"]) for r in rows if r["gate"] == gate] or ["none"])
PY
}

asks() {
    shop_code=$1
    shop_gate=$2
    shop_rule=$3
    shop_name=$4
    shift 4
    t "$@" --format json >"$SITE/asked.json" 2>"$SITE/asked.err"
    shop_got="$? $(rule_of "$shop_gate")"
    OUT=$(cat "$SITE/asked.json" "$SITE/asked.err")
    is "$shop_name: $shop_rule, exit $shop_code" "$shop_got" \
        "$shop_code $shop_rule"
    [ "$shop_got" = "$shop_code $shop_rule" ] ||
        printf '%s\n' "$OUT" | sed 's/^/# /'
}

releases() {
    for h in "$SITE"/hosts/*; do readlink "$h/shop/current"; done | sort -u
}
records() {
    t ledger verify --format json | sed 's/.*"records":\([0-9]*\).*/\1/'
}
all_there_is() {
    {
        cksum <"$SITE/repo/.tidegate/ledger/ledger.tg"
        (cd "$SITE/hosts" && find . ! -name '*.log' ! -name lock -printf '%p %y %l %s\n' | sort)
        "$PG_BIN/pg_dump" -s "$(postgres_conninfo shop)" | grep -v '^\\'
        site_sql 'SELECT count(*) FROM orders'
        site_sql 'SELECT datname FROM pg_database ORDER BY 1'
    } | cksum
}

# The newest manifest in the ledger, with changes.
manifest() { # [MEMBER=VALUE...]
    /usr/bin/python3 - "$SITE/repo/.tidegate/ledger/ledger.tg" "$@" <<'PY'
import json, sys
data = open(sys.argv[1], "rb").read()
at, found = 0, None
while (at := data.find(b'"text":"{', at)) >= 0:
    text, _ = json.JSONDecoder().raw_decode(data[at + 7:].split(b"}\"", 1)[0]
                                            .decode() + "}\"")
    at += 7
    if '"type":"manifest"' in text:
        found = json.loads(text)
for change in sys.argv[2:]:
    member, value = change.split("=", 1)
    found[member] = type(found[member])(value)
sys.stdout.write(json.dumps(found, sort_keys=True, separators=(",", ":"),
                            ensure_ascii=False))
PY
}

manifest_digest() { # of the newest
    manifest | sha256sum | cut -d' ' -f1
}
member() { # NAME: of the newest manifest
    manifest | sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"
}
pinned() { # the digest of the policy that is
    t policy show --format json | sed 's/.*"pinned":"\([^"]*\)".*/\1/'
}
pool_whole() {
    ! echo 'show stat' | /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"show stat\n")
print(s.makefile().read())' "$SITE/haproxy.sock" | grep '^shop,127' |
        grep -vq ',UP,'
}

pool_short() { ! pool_whole; }

statement() { # WHO NAMESPACE FILE: the file's text, signed, into the ledger
    : >"$SITE/signature"
    [ -z "$1" ] || {
        rm -f "$3.sig"
        ssh-keygen -q -Y sign -f "$SITE/$1" -n "$2" "$3" 2>/dev/null
        cp "$3.sig" "$SITE/signature"
    }
    "$APPEND" "$SITE/repo/.tidegate/ledger" statement "$(
        /usr/bin/python3 - "$3" "$SITE/signature" "$1" <<'PY'
import json, sys
text, signature = [open(p).read() for p in sys.argv[1:3]]
print(json.dumps({"environment": "production", "text": text, "person":
    sys.argv[3] or "somebody", "key": "SHA256:forged" if signature else "",
    "signature": signature}))
PY
    )" >/dev/null
}

forge() {
    forge_who=$1
    forge_for=$2
    shift 2
    manifest nonce="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" "$@" \
        >"$SITE/forged" &&
        statement "$forge_who" "$forge_for" "$SITE/forged"
}

shop_open() {
    SITE_HOSTS=$1
    SITE_ROWS=$2
    site_start "$(mktemp -d /tmp/tgshop.XXXXXX)" || return 1
    for who in mari eve; do
        ssh-keygen -q -t ed25519 -N '' -C "$who" -f "$SITE/$who"
    done
    signer mari mari
    : >"$SITE/repo/policies/revoked_keys"
    setting rollout max_out 1
    policy_text 0 >"$SITE/repo/policies/production.ini"
    site_users 5
    t init >"$SITE/open.log" 2>&1 &&
        t adopt --release v1.0 $yes >>"$SITE/open.log" 2>&1 && return 0
    cat "$SITE/open.log"
    return 1
}

shop_close() {
    site_stop
    ordinary_end
}
