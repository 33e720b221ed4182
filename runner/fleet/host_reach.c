#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runner/fleet/host_stages.h"
#include "runner/fleet/login_keys.h"

#define DEAD_PEER 15000 /* ms without an acknowledgement */

enum turn host_queue(struct host *h)
{
    if (!h->target->n_addresses) {
        err_what(&h->e, ERR_UNREACHABLE, "its address is not known");
        err_why(&h->e, "%s", h->target->why);
        err_fix(&h->e, "correct `hosts`, or the name service");
        return TURN_FAIL;
    }
    if (h->now < h->not_before || !fleet_may_start(h->fleet, h))
        return TURN_WAIT;
    h->address = 0;
    return TURN_DONE;
}

static bool socket_prepare(int fd)
{
    int on = 1, idle = 5, every = 3, count = 3, dead = DEAD_PEER;

    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every) ==
               0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) ==
               0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof dead) ==
               0;
}

static enum turn connect_failed(struct host *h, int error)
{
    const struct ssh_address *at = &h->target->addresses[h->address];

    err_what(&h->e, ERR_UNREACHABLE, "cannot connect to %s", at->text);
    err_why(&h->e, "%s", strerror(error));
    err_fix(&h->e, "look at the host and the network between: ssh %s true",
            h->name);
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    h->address++;
    return TURN_FAIL;
}

/* The socket for the address whose turn it is. */
static enum turn connect_begin(struct host *h)
{
    const struct ssh_address *at = &h->target->addresses[h->address];

    h->fd =
        socket(at->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    h->rtt_ms = clock_mono();
    if (h->fd < 0 || !socket_prepare(h->fd))
        return connect_failed(h, errno);
    if (connect(h->fd, (const struct sockaddr *)&at->at, at->len) == 0 ||
        errno == EINPROGRESS)
        return TURN_WAIT;
    return connect_failed(h, errno);
}

static enum turn connect_look(struct host *h)
{
    struct pollfd p = {.fd = h->fd, .events = POLLOUT};
    socklen_t len = sizeof(int);
    int error = 0;

    if (poll(&p, 1, 0) != 1)
        return TURN_WAIT;
    if (getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    return error ? connect_failed(h, error) : TURN_DONE;
}

enum turn host_connect(struct host *h)
{
    enum turn got = TURN_FAIL;

    while (h->address < h->target->n_addresses) {
        got = h->fd < 0 ? connect_begin(h) : TURN_WAIT;
        if (got == TURN_WAIT)
            got = connect_look(h);
        if (got != TURN_FAIL)
            break;
    }
    if (got != TURN_DONE)
        return got;
    h->rtt_ms = clock_mono() - h->rtt_ms;
    h->session =
        session_open(&h->arena, h->fd,
                     known_hosts_types(h->known, h->target->key_name,
                                       h->target->key_port, login_key_types));
    return TURN_DONE;
}

enum turn host_handshake(struct host *h)
{
    enum turn got = session_handshake(h->session, &h->e);

    if (got == TURN_DONE)
        h->methods =
            arena_strdup(fleet_arena(h->fleet), session_methods(h->session));
    return got;
}

static const char *key_hint(struct host *h, const struct known_answer *k)
{
    if (k->authority)
        return " (a @cert-authority line does name it, but host certificates "
               "are not supported)";
    return k->other
               ? arena_printf(&h->arena, " of this type (only %s)", k->other)
               : "";
}

static bool key_refused(struct host *h, const struct known_answer *k)
{
    const struct ssh_target *t = h->target;

    h->key_refused = true;
    switch (k->is) {
    case KNOWN_CHANGED:
        err_what(&h->e, ERR_REFUSED, "the host key of %s has changed", h->name);
        err_why(&h->e, "it shows %s, but %s:%d knows %s", k->shown, k->file,
                k->line, k->expected);
        break;
    case KNOWN_REVOKED:
        err_what(&h->e, ERR_REFUSED, "the host key of %s is revoked", h->name);
        err_why(&h->e, "it shows %s, marked @revoked at %s:%d", k->shown,
                k->file, k->line);
        break;
    default:
        err_what(&h->e, ERR_REFUSED, "the host key of %s is not known",
                 h->name);
        err_why(&h->e, "it shows %s, and known_hosts has no line for %s%s",
                k->shown, t->key_name, key_hint(h, k));
        break;
    }
    err_fix(&h->e,
            "compare the fingerprint with the host's own (ssh-keygen -lf "
            "/etc/ssh/ssh_host_ed25519_key.pub there); if it is right, "
            "put `ssh-keyscan -p %d %s` into known_hosts%s",
            t->port, t->hostname,
            k->is == KNOWN_CHANGED ? ", in place of that line" : "");
    return false;
}

enum turn host_hostkey(struct host *h)
{
    size_t len;
    const unsigned char *blob = session_host_key(h->session, &len);
    struct known_answer k = known_hosts_ask(h->known, h->target->key_name,
                                            h->target->key_port, blob, len);

    h->fingerprint = k.shown;
    if (k.is != KNOWN_GOOD && !key_refused(h, &k))
        return TURN_FAIL;
    return TURN_DONE;
}

enum turn host_login(struct host *h)
{
    return session_login(h->session, &h->login, &h->e);
}

enum turn host_channel(struct host *h)
{
    return session_channel_open(h->session, &h->e);
}
