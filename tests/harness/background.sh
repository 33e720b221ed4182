# shellcheck shell=sh disable=SC2034 # names for those who source this
# Runs of tidegate in the background, while a test does something to them; to
# be sourced after tests/fault/world.sh, whose words it uses.
#
#   start ARGUMENT...   starts tidegate; its process is $runner, its output
#                       $SITE/killed.log
#   ended CODE [TEXT]   waits for it; CODE may be `any`, then see $world_ended
#   said TEXT           whether the one in the background has said that
#   says TEXT           whether the last `t` said that, else it is wrong
#   has_it I RELEASE    whether host I has that release
#   slow_site HOSTS     a site whose restarts take 0.7 s, saved as `start`, with
#                       r2, of one migration, ready to go; START, START_TREES
#                       and START_ROWS are what is there
#   restarting          whether any host of it is in its restart: the runner
#                       waits, and holds no lock but its lease
#   untouched           all is as in START

start() {
    # a shell lets what it starts in the background ignore SIGINT
    (cd "$SITE/repo" && exec env --default-signal=INT,TERM,HUP "$TIDEGATE" "$@") \
        >"$SITE/killed.log" 2>&1 &
    runner=$!
    echo "\$ tidegate $* # in the background" >"$SITE/story"
}
ended() {
    wait "$runner" 2>/dev/null
    world_ended=$?
    {
        echo '-- in the background:'
        cat "$SITE/killed.log"
    } >>"$SITE/story"
    [ "$1" = any ] ||
        same 'exit code of the one in the background' "$world_ended" "$1"
    [ -z "${2:-}" ] || said "$2" ||
        world_wrong "the one in the background did not say: $2"
}
said() { grep -q -- "$1" "$SITE/killed.log"; }
says() { grep -q -- "$1" "$SITE/said" || world_wrong "it did not say: $1"; }
has_it() { [ "$(readlink "$SITE/hosts/127.0.0.$1/shop/current")" = "releases/$2" ]; }
# a sleep that pgrep can tell from every other: this site's port
restarting() { pgrep -u "$(id -u)" -x -f "sleep 0.7$SITE_PORT" >/dev/null; }

slow_site() {
    world_start "$1" || exit
    sed -i "s/^\(restart .*= \)/\1sleep 0.7$SITE_PORT \&\& /" \
        "$SITE/repo/tidegate.ini"
    t policy accept --key "$SITE/anna"
    wants 0 policy accept --key "$SITE/jaak"
    world_release r2 '
        echo "CREATE TABLE second (id int);" >migrations/0101_second.up.sql
        echo "DROP TABLE second;" >migrations/0101_second.down.sql' &&
        world_save start
    world_judge "a site of $1 hosts"
    START=$(world_code)
    START_TREES=$(world_trees)
    START_ROWS=$(world_rows)
}
untouched() {
    same 'code' "$(world_code)" "$START"
    same 'trees' "$(world_trees)" "$START_TREES"
    same 'applied' "$(world_rows)" "$START_ROWS"
    same 'restarts' "$(cat "$SITE"/hosts/*/shop/shared/log/restarts)" ''
}
