# shellcheck shell=sh
# sshd "hosts" on loopback, to be sourced by integration tests and the demo:
#
#   sshd_start FOLDER N     starts N sshd, on 127.0.0.1 to 127.0.0.N, one port
#   sshd_stop FOLDER        ends them all; no effect when none runs
#   sshd_host_start FOLDER I [LINE...]   (re)starts host I alone, with further
#                           lines of sshd_config; the first of a key wins
#   sshd_host_stop FOLDER I              the listener and its sessions
#   sshd_sessions_end FOLDER I           kill -9 of its open connections
#   sshd_new_key FOLDER I   host I answers with another key from now on;
#                           known_hosts keeps the old one
#
# Nothing needs root: an ordinary user's own sshd logs that same user in. When
# root calls, sshd runs as SSHD_USER (default tidegate-test, made if absent).
# Afterwards:
#
#   FOLDER/port            the port, below 32768, free on every address
#   FOLDER/user            who to log in as
#   FOLDER/key, key.pub    the client's key (ed25519), also authorized
#   FOLDER/known_hosts     every host's key, for [ADDRESS]:PORT
#   FOLDER/hosts/127.0.0.I a root folder for each host: its `path` goes there
#   FOLDER/sshd/I/         config, host key, pid, log of host I

SSHD_USER=${SSHD_USER:-tidegate-test}

# The rest of the line runs as the user whose sshd these are.
sshd_as() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
    else
        runuser -u "$SSHD_USER" -- "$@"
    fi
}

sshd_who() {
    if [ "$(id -u)" != 0 ]; then
        id -un
        return
    fi
    id "$SSHD_USER" >/dev/null 2>&1 ||
        useradd --system --create-home --shell /bin/sh "$SSHD_USER" || return
    echo "$SSHD_USER"
}

sshd_configure() { # FOLDER I [LINE...]
    sshd_at=$1/sshd/$2
    sshd_folder=$1
    sshd_i=$2
    shift 2
    {
        for sshd_line; do
            printf '%s\n' "$sshd_line"
        done
        cat <<CONFIG
ListenAddress 127.0.0.$sshd_i:$(cat "$sshd_folder/port")
HostKey $sshd_at/key
PidFile $sshd_at/pid
AuthorizedKeysFile $sshd_folder/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PrintMotd no
MaxStartups 100
LogLevel VERBOSE
CONFIG
    } >"$sshd_at/config"
}

# It speaks SSH: a login works (whatever its command ends with), or is refused.
sshd_answers() { # FOLDER I
    sshd_said=$(timeout 5 ssh -F /dev/null -i "$1/key" -o BatchMode=yes \
        -o IdentitiesOnly=yes -o IdentityAgent=none \
        -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no \
        -o ConnectTimeout=2 -o LogLevel=ERROR -p "$(cat "$1/port")" \
        "$(cat "$1/user")@127.0.0.$2" exit 0 </dev/null 2>&1 >/dev/null)
    [ $? != 255 ] && return 0
    case $sshd_said in *'Permission denied'*) return 0 ;; esac
    return 1
}

# Starts a configured sshd and waits until a login works, or it has ended.
sshd_launch() { # FOLDER I
    sshd_at=$1/sshd/$2
    rm -f "$sshd_at/pid"
    sshd_as /usr/sbin/sshd -f "$sshd_at/config" -E "$sshd_at/log" || return 1
    sshd_tries=0
    while [ "$sshd_tries" -lt 100 ]; do
        [ -s "$sshd_at/pid" ] && sshd_answers "$1" "$2" && return 0
        grep -q 'Cannot bind\|Bind to port' "$sshd_at/log" && return 1
        sshd_tries=$((sshd_tries + 1))
        sleep 0.05
    done
    sed 's/^/sshd: /' "$sshd_at/log" >&2
    return 1
}

# The processes that hold a host's connections; what they run goes on.
sshd_sessions_end() { # FOLDER I
    for sshd_child in $(ps -o pid= --ppid "$(cat "$1/sshd/$2/pid")"); do
        # an sshd below a session's own process is the one with the socket
        for sshd_grand in $(ps -o pid=,comm= --ppid "$sshd_child" |
            awk '$2 == "sshd" { print $1 }'); do
            kill -9 "$sshd_grand" 2>/dev/null
        done
        kill -9 "$sshd_child" 2>/dev/null
    done
    return 0
}

sshd_host_stop() { # FOLDER I
    [ -s "$1/sshd/$2/pid" ] || return 0
    sshd_pid=$(cat "$1/sshd/$2/pid")
    sshd_sessions_end "$1" "$2"
    kill "$sshd_pid" 2>/dev/null
    sshd_tries=0
    # a zombie that nobody reaps has ended as well
    while case $(ps -o stat= -p "$sshd_pid") in '' | Z*) false ;; esac; do
        sshd_tries=$((sshd_tries + 1))
        [ "$sshd_tries" -lt 100 ] || break
        sleep 0.02
    done
    rm -f "$1/sshd/$2/pid"
}

sshd_host_start() { # FOLDER I [LINE...]
    sshd_host_stop "$1" "$2"
    sshd_configure "$@"
    sshd_launch "$1" "$2"
}

sshd_make_key() { # FOLDER I
    rm -f "$1/sshd/$2/key" "$1/sshd/$2/key.pub"
    sshd_as ssh-keygen -q -t ed25519 -N '' -C "host $2" -f "$1/sshd/$2/key"
}

sshd_new_key() { # FOLDER I
    sshd_make_key "$1" "$2" && sshd_launch_again "$1" "$2"
}

sshd_launch_again() { # FOLDER I
    sshd_host_stop "$1" "$2"
    sshd_launch "$1" "$2"
}

sshd_all_on() { # FOLDER N PORT
    echo "$3" >"$1/port"
    : >"$1/known_hosts"
    sshd_each=1
    while [ "$sshd_each" -le "$2" ]; do
        printf '[127.0.0.%s]:%s %s\n' "$sshd_each" "$3" \
            "$(cut -d' ' -f1,2 "$1/sshd/$sshd_each/key.pub")" \
            >>"$1/known_hosts"
        sshd_host_start "$1" "$sshd_each" || return 1
        sshd_each=$((sshd_each + 1))
    done
}

sshd_start() { # FOLDER N
    mkdir -p "$1/sshd" "$1/hosts" || return
    sshd_who >"$1/user" || return
    sshd_n=1
    while [ "$sshd_n" -le "$2" ]; do
        mkdir -p "$1/sshd/$sshd_n" "$1/hosts/127.0.0.$sshd_n"
        [ "$(id -u)" != 0 ] ||
            chown "$SSHD_USER" "$1/sshd/$sshd_n" "$1/hosts/127.0.0.$sshd_n"
        [ -f "$1/sshd/$sshd_n/key" ] || sshd_make_key "$1" "$sshd_n" || return
        sshd_n=$((sshd_n + 1))
    done
    [ -f "$1/key" ] ||
        ssh-keygen -q -t ed25519 -N '' -C 'tidegate test' -f "$1/key" || return
    cp "$1/key.pub" "$1/authorized_keys"
    chmod 0644 "$1/authorized_keys"
    # below 32768 no port is handed out by the kernel; found by trying
    sshd_port=$((20000 + $$ % 10000))
    sshd_attempt=0
    while [ "$sshd_attempt" -lt 20 ]; do
        sshd_all_on "$1" "$2" "$sshd_port" && return 0
        sshd_stop "$1"
        sshd_port=$((20000 + (sshd_port - 20000 + 37) % 10000))
        sshd_attempt=$((sshd_attempt + 1))
    done
    echo "sshd: no free port found for $2 hosts" >&2
    return 1
}

sshd_stop() { # FOLDER
    for sshd_pidfile in "$1"/sshd/*/pid; do
        [ -s "$sshd_pidfile" ] || continue
        sshd_host=${sshd_pidfile%/pid}
        sshd_host_stop "$1" "${sshd_host##*/}"
    done
}
