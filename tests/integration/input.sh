#!/bin/sh
# Bad input, as the whole program meets it: names of releases, refs that are
# hostile or no tags, names that stand for something else by now, announcements
# and artifacts that were made by hand, two names for one host, and an
# environment that would lead elsewhere. Each is refused by its name, and
# neither ledger nor host is touched. TAP.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
# shellcheck source=tests/harness/sshd.sh
. tests/harness/sshd.sh
# shellcheck source=tests/harness/project.sh
. tests/harness/project.sh

APPEND=$PWD/build/$flavour/integration/ledger/append
D=$(mktemp -d /tmp/tginput.XXXXXX)
stop() {
    sshd_stop "$D"
    rm -rf "$D"
    ordinary_end
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

all_there_is() {
    {
        cksum <"$P/.tidegate/ledger/ledger.tg"
        find "$D/hosts" -printf '%p %y %l %s %T@\n' | sort
    } | cksum
}
# refused CODE NAME PART WORD...: the exit code, what it says, nothing touched
refused() {
    refused_code=$1
    refused_name=$2
    refused_part=$3
    shift 3
    refused_before=$(all_there_is)
    gives "$refused_code" "$refused_name" t "$@"
    case $OUT in *"$refused_part"*) refused_said=yes ;; *) refused_said=$OUT ;; esac
    is "$refused_name: it is said, nothing is touched" \
        "$refused_said, $([ "$(all_there_is)" = "$refused_before" ] || echo touched)" 'yes, '
}

sshd_start "$D" 1
ok 'a host' $?
mkdir "$D/hosts/127.0.0.1/app" "$D/hosts/127.0.0.1/files" \
    "$D/hosts/127.0.0.1/twins" "$D/hosts/127.0.0.1/roots"
hosts="$(cat "$D/user")@127.0.0.1:$(cat "$D/port")"
configuration() { # HOSTS PATH [LINE...]
    printf 'hosts = %s\npath = %s\nknown_hosts = %s\nidentity = %s\n' \
        "$1" "$2" "$D/known_hosts" "$D/key"
    shift 2
    [ $# = 0 ] || printf '%s\n' "$@"
}
project shop <<END
$(configuration "$hosts" "$D/hosts/%h/app")
END
gives 0 'init' t init
goes 0 'v1 goes out' v1
goes 0 'and v2' v2

echo '# names of releases'
long=$(printf '%065d' 0)
for name in v1/x .. .v1 v1..x 'v 1' 'a;id' '$(id)' '`id`' '${IFS}x' "$long" 'v1
'; do
    refused 64 "check: ${name%
}" '' check "$name"
    refused 64 "expect: ${name%
}" '' expect "$name" --at now --why x
done
refused 64 'check: -rf' 'there is no option -r' check -rf
refused 64 'a direction mark in a name' 'v\xe2\x80\xae1' check "$(printf 'v\342\200\2561')"
refused 64 'no UTF-8' '\xff' check "$(printf 'v\3771')"

echo '# refs that are no release'
git -C "$P" branch work v2
refused 64 'a branch' 'there is a branch of that name' check work
refused 64 'a short id' 'there is no tag' \
    check "$(git -C "$P" rev-parse --short v2)"
git -C "$P" branch v2 v1
gives 0 'a branch named as the tag: the tag counts' t check v2
has 'which is live' "$OUT" 'v2 is live and verified'
git -C "$P" branch -q -D v2

echo '# a name that was used'
echo other >"$P/VERSION"
git -C "$P" -c user.name=t -c user.email=t@t commit -qam other
was=$(git -C "$P" rev-parse v1 | cut -c1-12)
is_now=$(git -C "$P" rev-parse HEAD | cut -c1-12)
git -C "$P" tag -f v1 >/dev/null 2>&1
t expect v1 --again --at now --why x >"$D/expect.log" 2>&1
for what in 'check v1' "deploy v1 $yes"; do
    # shellcheck disable=SC2086
    refused 10 "$what, of another commit" \
        "v1 was live here with commit $was, and now it is $is_now" $what
done
git -C "$P" tag -f v2 >/dev/null 2>&1
t expect v2 --again --at now --why x >"$D/expect.log" 2>&1
refused 10 'the live one, of another commit' "and now names commit $is_now" \
    deploy v2 $yes
git -C "$P" tag -f v1 "$was" >/dev/null 2>&1
git -C "$P" tag -f v2 HEAD~1 >/dev/null 2>&1

echo '# announcements made by hand'
release v3
t expect v3 --at now --why test >"$D/expect.log" 2>&1
good=$(grep -a -o '{\\"again\\":[^}]*}' "$P/.tidegate/ledger/ledger.tg" | tail -1 |
    sed 's/\\"/"/g')
t withdraw v3 --why test >"$D/expect.log" 2>&1
digest=$(printf '%s' "$good" | sed 's/.*"artifact":"\([^"]*\)".*/\1/')
forge() { # TEXT
    "$APPEND" "$P/.tidegate/ledger" statement "$(
        /usr/bin/python3 -c 'import json, sys
print(json.dumps({"environment": "production", "text": sys.argv[1],
    "signature": "", "person": "somebody", "key": ""}))' "$1")" >/dev/null
}
by_hand() { # NAME SED
    forge "$(printf '%s' "$good" | sed "$2; s/\"nonce\":\"..../\"nonce\":\"0000/")"
    refused 10 "$1" 'v3 is not expected' deploy v3 $yes
}
by_hand 'no digest' "s/\"artifact\":\"$digest\",//"
by_hand 'an empty digest' "s/$digest//"
by_hand 'a digest that is cut' "s/$digest/$(printf %.63s "$digest")/"
by_hand 'a digest of another algorithm' "s/$digest/sha512:$digest$digest/"
by_hand 'a digest in capitals' \
    "s/$digest/$(printf %s "$digest" | tr a-f A-F)/"
forge "$good"
refused 10 'a withdrawn one once more' 'was withdrawn by' deploy v3 $yes
by_hand 'a digest of something else' "s/$digest/$(printf %064d 1)/"
t status >"$D/status" 2>&1
has 'status tells of the first that cannot be read' "$(cat "$D/status")" \
    'this manifest cannot be read'

echo '# artifacts made by hand'
project files <<END
$(configuration "$hosts" "$D/hosts/%h/files" '[artifact]' 'from = file:build/%v')
END
gives 0 'init' t init
release t1
mkdir -p "$P/build"
cat >"$D/tars.py" <<'PY'
import gzip, io, sys, tarfile
kind, path = sys.argv[1:]
entries = {
    "absolute": [("/etc/x", tarfile.REGTYPE, "")],
    "above": [("a/../../x", tarfile.REGTYPE, "")],
    "link out": [("l", tarfile.SYMTYPE, "../../x")],
    "hard link out": [("h", tarfile.LNKTYPE, "/etc/passwd")],
    "below a link": [("d", tarfile.SYMTYPE, "e"), ("d/x", tarfile.REGTYPE, "")],
    "device": [("null", tarfile.CHRTYPE, "")],
    "case": [("Readme", tarfile.REGTYPE, ""), ("README", tarfile.REGTYPE, "")],
    "empty": [],
}.get(kind, [("fine", tarfile.REGTYPE, "")])
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
    for name, type_, target in entries:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = type_, target
        if kind == "setuid":
            info.mode = 0o4755
        tar.addfile(info)
data = out.getvalue()
if kind == "header":
    data = b"X" + data[1:]
if kind == "cut":
    data = data[:700]
if kind.startswith("gzip"):
    data = gzip.compress(data, mtime=0)
data = {"gzip cut": data[:-9], "gzip rest": data + b"garbage",
        "gzip twice": data + data}.get(kind, data)
open(path, "wb").write(data)
PY
while IFS='|' read -r code kind says; do
    /usr/bin/python3 "$D/tars.py" "$kind" "$P/build/t1"
    refused "$code" "an artifact: $kind" "$says" expect t1 --at now --why x </dev/null
done <<END
10|absolute|/etc/x
10|above|a/../../x
10|link out|out of the release
10|hard link out|hard link
10|below a link|d/x
10|device|null
10|case|by case alone
10|setuid|fine
10|header|Unrecognized archive format
10|cut|Truncated tar archive
10|gzip cut|cannot be unpacked
10|gzip rest|something is appended
10|gzip twice|two gzip members
10|empty|t1
END
rm "$P/build/t1"
mkdir "$P/build/t1"
refused 65 'an artifact: a folder' 't1' expect t1 --at now --why x
rmdir "$P/build/t1"
/usr/bin/python3 "$D/tars.py" fine "$P/build/t1"
gives 0 'and one that is fine' t expect t1 --at now --why x

echo '# one host by two names'
sed -n 's/^\[127.0.0.1\]/[localhost]/p' "$D/known_hosts" >"$D/alias"
cat "$D/alias" >>"$D/known_hosts"
twin=$(printf %s "$hosts" | sed 's/127.0.0.1/localhost/')
mkdir -p "$D/hosts/localhost/roots"
project twins <<END
$(configuration "$hosts $twin" "$D/hosts/127.0.0.1/twins")
END
gives 0 'init' t init
release w1
t expect w1 --at now --why x >"$D/expect.log" 2>&1
refused_before=$(ls -A "$D/hosts/127.0.0.1/twins")
gives 78 'one folder by two names' t deploy w1 $yes
has 'both are named' "$OUT" 'localhost'
is 'and nothing is made there' "$(ls -A "$D/hosts/127.0.0.1/twins")" "$refused_before"
gives 78 'adopt says so too' t adopt --release w1 $yes
project roots <<END
$(configuration "$hosts $twin" "$D/hosts/%h/roots")
END
gives 0 'init' t init
goes 0 'two folders of one machine are two hosts' r1

echo '# an environment that would lead elsewhere'
P=$D/shop
told() { "$@" 2>"$D/told" | sed 's/"at":[0-9]*//g'; }
plain=$(told t status --format json)
for locale in C tr_TR.UTF-8 de_DE.ISO-8859-1; do
    is "the same with every variable set, under $locale" "$(
        cd "$P" && told env -u HOME PGHOSTADDR=192.0.2.1 PGOPTIONS=-c LD_LIBRARY_PATH=/x \
            GIT_DIR=/nowhere GIT_INDEX_FILE=/x IFS=x TZ=Asia/Tokyo TMPDIR=/nowhere \
            PATH=".:$PATH" LC_ALL="$locale" "$TIDEGATE" status --format json)" "$plain"
    is 'all of them are named, in one line' "$(
        grep -c 'not taken from the environment: .*TMPDIR' "$D/told")" 1
done
for name in PGHOSTADDR PGOPTIONS LD_LIBRARY_PATH GIT_DIR GIT_INDEX_FILE IFS TZ PATH; do
    has "$name is named" "$(cat "$D/told")" "$name"
done
tap_end
