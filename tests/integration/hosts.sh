#!/bin/sh
# Hosts that fail: down before the start, lost in mid-release, sessions cut,
# another host key, a `current` that somebody moved.
set -u
cd "$(dirname "$0")/../.." || exit
flavour=asan
. tests/harness/begin.sh
. tests/fault/world.sh
. tests/harness/background.sh

TIDEGATE=$PWD/build/$flavour/tidegate
trap world_end EXIT
trap 'exit 130' INT TERM HUP

released() {
    world_common
    same 'code' "$(world_code)" 'releases/r2 r2'
}
back() {
    world_common
    same 'code' "$(world_code)" "$START"
}
# What a run that could not finish leaves is finished as the policy says.
on_or_back() {
    t status || t resume $yes
    left=$?
    case $left$(world_code) in
    "0releases/r2 r2" | "0$START" | "11$START") ;;
    *) world_wrong "resume ended with $left, and there is: $(world_code)" ;;
    esac
    world_common
}
host_up() { sshd_launch_again "$SITE" "$1"; }

slow_site 3

sshd_host_stop "$SITE" 3
wants 69 deploy r2 $yes
says 127.0.0.3
host_up 3
untouched
wants 0 ledger verify
wants 0 deploy r2 $yes
released
world_judge 'a host is down before the start: exit 69, nothing changed; up again, it goes'

world_back start
start deploy r2 $yes
world_until has_it 1 r2
sshd_host_stop "$SITE" 3
ended any
case $world_ended in 12 | 13) ;; *) world_wrong "exit $world_ended" ;; esac
t status
same 'status tells of it' "$([ $? != 0 ] && echo yes)" yes
host_up 3
on_or_back
world_judge "a host dies in mid-release (exit $world_ended): up again, resume finishes"

world_back start
start deploy r2 $yes
world_until has_it 1 r2
sshd_host_stop "$SITE" 3
ended any
wants 0 rollback $yes
host_up 3
t status
[ "$(world_code)" = "$START" ] || wants 0 catch-up $yes
same 'code' "$(world_code)" "$START"
world_judge 'a host dies in mid-release: rollback brings the others back'

for i in 1 2; do
    world_back start
    start deploy r2 $yes
    world_until restarting
    [ "$i" = 1 ] || world_until has_it 2 r2
    sshd_sessions_end "$SITE" "$i"
    ended any
    case $world_ended in 0 | 11 | 12 | 13) ;; *) world_wrong "exit $world_ended" ;; esac
    on_or_back
    world_judge "the session of host $i is cut in its restart (exit $world_ended)"
done

world_back start
cp "$SITE/sshd/2/key" "$SITE/key.2" && cp "$SITE/sshd/2/key.pub" "$SITE/key.2.pub"
sshd_new_key "$SITE" 2
wants 10 deploy r2 $yes
says SHA256
untouched
world_judge 'another host key before any change: exit 10, nothing changed'

old_key() {
    cp -p "$SITE/key.2" "$SITE/sshd/2/key" && cp "$SITE/key.2.pub" "$SITE/sshd/2/key.pub"
    host_up 2
}
old_key
world_back start
start deploy r2 $yes
world_until has_it 1 r2
kill -s KILL "$runner"
wait "$runner" 2>/dev/null
sshd_new_key "$SITE" 2
wants 12 resume $yes
says SHA256
wants 13 status
old_key
wants 0 resume $yes
released
world_judge 'another host key in mid-release: exit 12; the right key again, resume finishes'

world_back start
start deploy r2 $yes
world_until has_it 1 r2
ln -sfn releases/v1.0 "$SITE/hosts/127.0.0.3/shop/current"
ended any 'changed by another'
case $world_ended in 12 | 13) ;; *) world_wrong "exit $world_ended" ;; esac
t status
same 'status tells of it' "$([ $? != 0 ] && echo yes)" yes
ln -sfn releases/r1 "$SITE/hosts/127.0.0.3/shop/current"
on_or_back
world_judge "current was moved by another between stage and flip (exit $world_ended)"

world_back start
ln -sfn releases/v1.0 "$SITE/hosts/127.0.0.3/shop/current"
wants 10 deploy r2 $yes
says 'changed by another'
ln -sfn releases/r1 "$SITE/hosts/127.0.0.3/shop/current"
untouched
world_judge 'current was moved by another before the start: nothing changed'

world_back start
sed -i 's/^waves .*/&\nmax_unreachable = 1/' "$SITE/repo/tidegate.ini"
t policy accept --key "$SITE/anna"
wants 0 policy accept --key "$SITE/jaak"
t expect r2 --at now --why crash --key "$SITE/anna" &&
    wants 0 approve r2 --key "$SITE/jaak"
sshd_host_stop "$SITE" 3
wants 0 deploy r2 $yes
wants 13 status # nobody can tell what it has
says 'owing.*127.0.0.3'
has_it 3 r1 || world_wrong 'host 3 was changed'
has_it 2 r2 || world_wrong 'host 2 was not changed'
host_up 3
wants 0 catch-up $yes
released
world_judge 'max_unreachable = 1: a host that is down is left out, owing, and caught up'
tap_end
