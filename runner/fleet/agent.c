#include "runner/fleet/agent.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_IDENTITIES 11
#define IDENTITIES_ANSWER  12
#define SIGN_REQUEST       13
#define SIGN_RESPONSE      14
#define ANSWER_LIMIT       (256 * 1024)
#define KEYS_LIMIT         1024

static uint32_t number(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
           b[3];
}

static void add_number(struct buf *b, size_t n)
{
    const char bytes[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8),
                           (char)n};

    buf_add(b, bytes, sizeof bytes);
}

static void add_string(struct buf *b, const unsigned char *bytes, size_t len)
{
    add_number(b, len);
    buf_add(b, bytes, len);
}

/* The string at *at; false when it reaches beyond end. */
static bool take_string(const unsigned char **at, const unsigned char *end,
                        const unsigned char **bytes, size_t *len)
{
    if (end - *at < 4 || number(*at) > (uint64_t)(end - *at - 4))
        return false;
    *len = number(*at);
    *bytes = *at + 4;
    *at += 4 + *len;
    return true;
}

static bool receive(int fd, struct buf *into, size_t len)
{
    while (len > 0) {
        ssize_t n = recv(fd, buf_room(into, len), len, 0);
        if (n <= 0)
            return false;
        buf_wrote(into, (size_t)n);
        len -= (size_t)n;
    }
    return true;
}

/* One question, one answer of the wanted type; its content behind the type. */
static bool ask(int fd, const struct buf *body, int want, struct buf *answer)
{
    struct buf message;
    size_t len;
    bool sent;

    buf_init(&message);
    add_number(&message, body->len);
    buf_add(&message, body->data, body->len);
    sent = send(fd, message.data, message.len, MSG_NOSIGNAL) ==
           (ssize_t)message.len;
    buf_release(&message);
    buf_clear(answer);
    if (!sent || !receive(fd, answer, 4))
        return false;
    len = number((const unsigned char *)answer->data);
    buf_clear(answer);
    if (len < 1 || len > ANSWER_LIMIT || !receive(fd, answer, len) ||
        answer->data[0] != want)
        return false;
    buf_drop(answer, 1);
    return true;
}

static int connect_to(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval wait = {.tv_sec = AGENT_MS / 1000};
    int fd;

    if (strlen(path) >= sizeof at.sun_path)
        return -1;
    memcpy(at.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
        connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool keys_read(struct agent *g, struct arena *a, const struct buf *b)
{
    const unsigned char *at = (const unsigned char *)b->data;
    const unsigned char *end = at + b->len, *comment;
    struct agent_key *keys;
    size_t n, len;

    if (b->len < 4)
        return false;
    n = number(at);
    at += 4;
    if (n > KEYS_LIMIT)
        return false;
    keys = arena_array(a, n, sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        if (!take_string(&at, end, &keys[i].blob, &keys[i].len) ||
            !take_string(&at, end, &comment, &len))
            return false;
        keys[i].blob = arena_copy(a, keys[i].blob, keys[i].len);
    }
    g->keys = keys;
    g->n = n;
    return true;
}

bool agent_open(struct agent *g, struct arena *a, const char *socket)
{
    struct buf body, answer;
    bool good;

    *g = (struct agent){.fd = connect_to(socket)};
    if (g->fd < 0)
        return false;
    buf_init(&body);
    buf_init(&answer);
    buf_char(&body, REQUEST_IDENTITIES);
    good = ask(g->fd, &body, IDENTITIES_ANSWER, &answer) &&
           keys_read(g, a, &answer);
    buf_release(&body);
    buf_release(&answer);
    if (!good)
        agent_close(g);
    return good;
}

void agent_close(struct agent *g)
{
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
}

/* string(string type, string signature): the inner one. */
static bool signature_read(const struct buf *answer, struct buf *out)
{
    const unsigned char *at = (const unsigned char *)answer->data;
    const unsigned char *end = at + answer->len, *outer, *type, *bytes;
    size_t outer_len, len;

    if (!take_string(&at, end, &outer, &outer_len))
        return false;
    end = outer + outer_len;
    if (!take_string(&outer, end, &type, &len) ||
        !take_string(&outer, end, &bytes, &len))
        return false;
    buf_add(out, bytes, len);
    return true;
}

bool agent_sign(struct agent *g, const struct agent_key *key,
                const unsigned char *data, size_t len, struct buf *out)
{
    struct buf body, answer;
    bool good;

    buf_init(&body);
    buf_init(&answer);
    buf_char(&body, SIGN_REQUEST);
    add_string(&body, key->blob, key->len);
    add_string(&body, data, len);
    add_number(&body, 0);
    good = ask(g->fd, &body, SIGN_RESPONSE, &answer) &&
           signature_read(&answer, out);
    buf_release(&body);
    buf_release(&answer);
    return good;
}
