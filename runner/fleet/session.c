#include "runner/fleet/session_intern.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runner/base/escape.h"
#include "runner/fleet/kexinit.h"
#include "runner/fleet/login_keys.h"

#define RECEIVE_ONCE (64 * 1024)
#define CLOSE_TRIES  16
#define OLDEST       0x010a00
#define OLDEST_WORDS "1.10.0"

/* What we ask for, by libssh2's method number and by place in KEXINIT. ecdh
 * on nistp256 first: it costs a tenth less than curve25519 here. No CBC, no
 * SHA-1; neither chacha20 nor -etm without strict key exchange. */
static const struct {
    int method;
    enum kex_list place;
    const char *names;
} preferences[] = {
    {LIBSSH2_METHOD_KEX, KEX_EXCHANGE,
     "ecdh-sha2-nistp256,curve25519-sha256,curve25519-sha256@libssh.org,"
     "ecdh-sha2-nistp384,ecdh-sha2-nistp521"},
    {LIBSSH2_METHOD_CRYPT_CS, KEX_CIPHER_OUT,
     "aes128-ctr,aes256-ctr,aes192-ctr"},
    {LIBSSH2_METHOD_CRYPT_SC, KEX_CIPHER_IN,
     "aes128-ctr,aes256-ctr,aes192-ctr"},
    {LIBSSH2_METHOD_MAC_CS, KEX_MAC_OUT, "hmac-sha2-256,hmac-sha2-512"},
    {LIBSSH2_METHOD_MAC_SC, KEX_MAC_IN, "hmac-sha2-256,hmac-sha2-512"},
};
#define PREFERENCES (sizeof preferences / sizeof *preferences)

bool session_library_open(struct err *e)
{
    if (!libssh2_version(OLDEST)) {
        err_what(e, ERR_CONFIG, "libssh2 is too old");
        err_why(e,
                "it is %s; %s is the oldest with the security fixes we "
                "count on",
                libssh2_version(0), OLDEST_WORDS);
        return err_fix(e, "upgrade the package libssh2-1");
    }
    if (libssh2_init(0) != 0)
        BUG("libssh2 does not start");
    return true;
}

void session_library_close(void)
{
    libssh2_exit();
}

/* Until the handshake is done, what the server says is kept: a failed
 * negotiation can then say which algorithm is missing. */
static ssize_t receive_taped(libssh2_socket_t fd, void *bytes, size_t len,
                             int flags, void **ctx)
{
    struct session *s = *ctx;
    ssize_t n = recv(fd, bytes, len, flags);

    if (n < 0)
        return -errno;
    if (!s->shaken && s->taped < TAPE_LIMIT) {
        size_t room = TAPE_LIMIT - s->taped;
        size_t kept = (size_t)n < room ? (size_t)n : room;
        memcpy(s->tape + s->taped, bytes, kept);
        s->taped += kept;
    }
    return n;
}

struct session *session_open(struct arena *a, int fd, const char *key_types)
{
    struct session *s = must_malloc(sizeof *s);
    struct buf all;

    memset(s, 0, sizeof *s);
    buf_init(&s->tried);
    s->a = a;
    s->fd = fd;
    s->self = s;
    s->agent.fd = -1;
    s->ssh = libssh2_session_init_ex(NULL, NULL, NULL, s);
    if (!s->ssh)
        BUG("libssh2 has no memory for a session");
    buf_init(&all);
    for (size_t i = 0; !*key_types && login_key_types[i]; i++)
        buf_printf(&all, "%s%s", i ? "," : "", login_key_types[i]);
    s->key_types = arena_strdup(a, *key_types ? key_types : all.data);
    buf_release(&all);
    libssh2_session_set_blocking(s->ssh, 0);
    libssh2_session_callback_set(s->ssh, LIBSSH2_CALLBACK_RECV,
                                 (void *)receive_taped);
    for (size_t i = 0; i < PREFERENCES; i++)
        if (libssh2_session_method_pref(s->ssh, preferences[i].method,
                                        preferences[i].names) != 0)
            BUG("libssh2 knows none of %s", preferences[i].names);
    if (libssh2_session_method_pref(s->ssh, LIBSSH2_METHOD_HOSTKEY,
                                    s->key_types) != 0)
        BUG("libssh2 knows none of %s", s->key_types);
    return s;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    agent_close(&s->agent);
    if (s->shaken && !session_dropped(s))
        libssh2_session_disconnect(s->ssh, "done");
    /* freeing says EAGAIN while it waits for the other side's close; on a
     * connection that is shut down it cannot wait */
    shutdown(s->fd, SHUT_RDWR);
    for (int i = 0; i < CLOSE_TRIES; i++)
        if (libssh2_session_free(s->ssh) != LIBSSH2_ERROR_EAGAIN)
            break;
    close(s->fd);
    buf_release(&s->tried);
    free(s);
}

short session_events(const struct session *s)
{
    int blocked = libssh2_session_block_directions(s->ssh);

    return blocked & LIBSSH2_SESSION_BLOCK_OUTBOUND ? POLLOUT : POLLIN;
}

bool session_dropped(const struct session *s)
{
    switch (s->last) {
    case LIBSSH2_ERROR_SOCKET_SEND:
    case LIBSSH2_ERROR_SOCKET_RECV:
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
    case LIBSSH2_ERROR_BANNER_RECV:
    case LIBSSH2_ERROR_BANNER_SEND:
        return true;
    default:
        return false;
    }
}

/* libssh2's own words for its last error, in the arena. */
static const char *words(struct session *s)
{
    char *text = NULL;

    libssh2_session_last_error(s->ssh, &text, NULL, 0);
    return escape(s->a, text && *text ? text : "no reason given");
}

enum turn session_lost(struct session *s, const char *doing, struct err *e)
{
    err_what(e, ERR_UNREACHABLE, "%s failed", doing);
    if (session_dropped(s))
        err_why(e, "the connection was lost (%s)", words(s));
    else
        err_why(e, "%s", words(s));
    err_fix(e, "look at sshd's log on the host");
    return TURN_FAIL;
}

/* Why nothing was agreed on, if the server's own list tells. */
static bool explained(struct session *s, struct err *e)
{
    const char *ours[KEX_LISTS] = {[KEX_HOSTKEY] = s->key_types};
    struct kexinit theirs;

    for (size_t i = 0; i < PREFERENCES; i++)
        ours[preferences[i].place] = preferences[i].names;
    return kexinit_parse(s->a, s->tape, s->taped, &theirs) &&
           kexinit_explain(s->a, &theirs, ours, e);
}

enum turn session_handshake(struct session *s, struct err *e)
{
    s->last = libssh2_session_handshake(s->ssh, s->fd);
    if (s->last == LIBSSH2_ERROR_EAGAIN)
        return TURN_WAIT;
    if (s->last == 0) {
        s->shaken = true;
        return TURN_DONE;
    }
    if (explained(s, e)) {
        s->last = LIBSSH2_ERROR_KEX_FAILURE;
        return TURN_FAIL;
    }
    return session_lost(s, "agreeing on keys", e);
}

const unsigned char *session_host_key(struct session *s, size_t *len)
{
    int type;

    return (const unsigned char *)libssh2_session_hostkey(s->ssh, len, &type);
}

const char *session_methods(struct session *s)
{
    static const int shown[] = {LIBSSH2_METHOD_KEX, LIBSSH2_METHOD_HOSTKEY,
                                LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_MAC_CS};
    struct buf out;

    buf_init(&out);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const char *name = libssh2_session_methods(s->ssh, shown[i]);
        buf_printf(&out, "%s%s", i ? ", " : "", name ? name : "none");
    }
    return buf_into(&out, s->a);
}

enum turn session_channel_open(struct session *s, struct err *e)
{
    s->channel = libssh2_channel_open_session(s->ssh);
    if (s->channel)
        return TURN_DONE;
    s->last = libssh2_session_last_errno(s->ssh);
    if (s->last == LIBSSH2_ERROR_EAGAIN)
        return TURN_WAIT;
    return session_lost(s, "opening a channel", e);
}

enum turn session_exec(struct session *s, const char *command, struct err *e)
{
    s->last = libssh2_channel_exec(s->channel, command);
    if (s->last == LIBSSH2_ERROR_EAGAIN)
        return TURN_WAIT;
    return s->last == 0 ? TURN_DONE
                        : session_lost(s, "starting the remote shell", e);
}

enum turn session_send(struct session *s, const char *bytes, size_t len,
                       size_t *sent, struct err *e)
{
    ssize_t n = libssh2_channel_write(s->channel, bytes, len);

    *sent = 0;
    s->last = n < 0 ? (int)n : 0;
    if (s->last == LIBSSH2_ERROR_EAGAIN || n == 0)
        return TURN_WAIT;
    if (n < 0)
        return session_lost(s, "sending", e);
    *sent = (size_t)n;
    return TURN_DONE;
}

enum turn session_send_eof(struct session *s, struct err *e)
{
    s->last = libssh2_channel_send_eof(s->channel);
    if (s->last == LIBSSH2_ERROR_EAGAIN)
        return TURN_WAIT;
    return s->last == 0 ? TURN_DONE : session_lost(s, "sending", e);
}

/* One stream, at most RECEIVE_ONCE of it; false when the connection is lost.
 */
static bool receive(struct session *s, int stream, struct buf *into)
{
    size_t got = 0;

    while (got < RECEIVE_ONCE) {
        char *room = buf_room(into, 8192);
        ssize_t n = libssh2_channel_read_ex(s->channel, stream, room, 8192);
        if (n > 0) {
            buf_wrote(into, (size_t)n);
            got += (size_t)n;
            continue;
        }
        s->last = (int)n;
        return n == 0 || n == LIBSSH2_ERROR_EAGAIN;
    }
    s->hungry = true;
    return true;
}

/* Reading one stream takes packets of the other off the socket, too. What
 * libssh2 then holds, no poll will ever tell of. */
static bool held(struct session *s)
{
    unsigned long bytes = 0;

    libssh2_channel_window_read_ex(s->channel, &bytes, NULL);
    return bytes > 0;
}

enum turn session_receive(struct session *s, struct buf *out, struct buf *err,
                          struct err *e)
{
    size_t before;
    int pass = 0;

    s->hungry = false;
    do { /* a later pass without gain: it holds a stream nobody asked for */
        before = out->len + err->len;
        if (!receive(s, 0, out) || !receive(s, SSH_EXTENDED_DATA_STDERR, err))
            return session_lost(s, "receiving", e);
    } while (!s->hungry && held(s) &&
             (pass++ == 0 || out->len + err->len > before));
    if (!s->hungry && libssh2_channel_eof(s->channel))
        return TURN_DONE;
    return TURN_WAIT;
}

bool session_hungry(const struct session *s)
{
    return s->hungry;
}

enum turn session_channel_close(struct session *s, struct err *e)
{
    s->last = libssh2_channel_close(s->channel);
    if (s->last == LIBSSH2_ERROR_EAGAIN)
        return TURN_WAIT;
    if (s->last == 0)
        s->last = libssh2_channel_free(s->channel);
    if (s->last == LIBSSH2_ERROR_EAGAIN)
        return TURN_WAIT;
    if (s->last != 0)
        return session_lost(s, "closing a channel", e);
    s->channel = NULL;
    return TURN_DONE;
}
