/* Logging in: the agent's keys first, then those of files. */
#include <string.h>
#include <unistd.h>

#include "runner/fleet/base64.h"
#include "runner/fleet/login_keys.h"
#include "runner/fleet/session_intern.h"

#define AGENT_TRIES 5 /* sshd's MaxAuthTries is 6 */

static void tried(struct session *s, const char *key, const char *why)
{
    buf_printf(&s->tried, "%s%s (%s)", s->tried.len ? ", " : "", key, why);
}

static bool among_files(struct session *s, const struct login *login,
                        const struct agent_key *key)
{
    for (size_t i = 0; i < login->n_files; i++) {
        size_t len;
        unsigned char *blob = key_public_half(s->a, login->files[i], &len);
        if (blob && len == key->len && memcmp(blob, key->blob, len) == 0)
            return true;
    }
    return false;
}

/* Moves on to the agent's next key worth trying; false at the end. */
static bool agent_next(struct session *s, const struct login *login)
{
    while (s->agent.fd >= 0 && s->agent_tries < AGENT_TRIES &&
           s->agent_at < s->agent.n) {
        s->agent_key = &s->agent.keys[s->agent_at++];
        if (!key_blob_usable(s->agent_key->blob, s->agent_key->len))
            continue;
        if (login->files_only && !among_files(s, login, s->agent_key))
            continue;
        s->agent_tries++;
        return true;
    }
    return false;
}

static bool agent_begin(struct session *s, const struct login *login)
{
    s->agent_asked = true;
    if (!login->agent)
        return false;
    if (!agent_open(&s->agent, s->a, login->agent)) {
        tried(s, "the SSH agent", "it does not answer");
        return false;
    }
    if (!agent_next(s, login)) {
        tried(s, "the SSH agent", "it holds no key for this");
        return false;
    }
    return true;
}

/* libssh2 frees the signature with free(). */
static int sign_by_agent(LIBSSH2_SESSION *ssh, unsigned char **signature,
                         size_t *len, const unsigned char *data,
                         size_t data_len, void **ctx)
{
    struct session *s = *ctx;
    struct buf out;

    (void)ssh;
    buf_init(&out);
    if (!agent_sign(&s->agent, s->agent_key, data, data_len, &out)) {
        /* a late answer would be taken for that of the next question */
        agent_close(&s->agent);
        buf_release(&out);
        return -1;
    }
    *len = out.len;
    *signature = must_malloc(out.len);
    memcpy(*signature, out.data, out.len);
    buf_release(&out);
    return 0;
}

/* TURN_FAIL here means: none of the agent's keys; the files are next. */
static enum turn login_agent(struct session *s, const struct login *login)
{
    if (!s->agent_asked && !agent_begin(s, login))
        return TURN_FAIL;
    do {
        s->last = libssh2_userauth_publickey(
            s->ssh, login->user, s->agent_key->blob, s->agent_key->len,
            sign_by_agent, &s->self);
        if (s->last == LIBSSH2_ERROR_EAGAIN)
            return TURN_WAIT;
        if (s->last == 0)
            return TURN_DONE;
        tried(s, key_fingerprint(s->a, s->agent_key->blob, s->agent_key->len),
              s->agent.fd < 0 ? "agent, it did not sign" : "agent, refused");
    } while (!session_dropped(s) && agent_next(s, login));
    return TURN_FAIL;
}

static enum turn login_files(struct session *s, const struct login *login)
{
    for (; s->file < login->n_files; s->file++) {
        const char *path = login->files[s->file];
        const char *bad = key_file_unusable(s->a, path);
        if (bad) {
            if (access(path, F_OK) == 0 || login->n_files == 1)
                tried(s, path, bad);
            continue;
        }
        s->last = libssh2_userauth_publickey_fromfile_ex(
            s->ssh, login->user, (unsigned)strlen(login->user), NULL, path, "");
        if (s->last == LIBSSH2_ERROR_EAGAIN)
            return TURN_WAIT;
        if (s->last == 0)
            return TURN_DONE;
        if (session_dropped(s))
            return TURN_FAIL;
        tried(s, path,
              s->last == LIBSSH2_ERROR_AUTHENTICATION_FAILED ||
                      s->last == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED
                  ? "refused"
                  : "not readable without a passphrase: ssh-add it");
    }
    return TURN_FAIL;
}

enum turn session_login(struct session *s, const struct login *login,
                        struct err *e)
{
    enum turn got = TURN_FAIL;

    if (s->part == LOGIN_AGENT) {
        got = login_agent(s, login);
        if (got == TURN_FAIL && !session_dropped(s))
            s->part = LOGIN_FILES;
    }
    if (s->part == LOGIN_FILES)
        got = login_files(s, login);
    if (got == TURN_WAIT)
        return got;
    agent_close(&s->agent);
    if (got == TURN_DONE)
        return got;
    if (session_dropped(s) && !s->tried.len)
        return session_lost(s, "logging in", e);
    err_what(e, ERR_UNREACHABLE, "login as %s refused", login->user);
    err_why(e, "tried: %s%s", s->tried.len ? s->tried.data : "no key at all",
            session_dropped(s) ? "; then the host closed the connection" : "");
    /* a host that ends it after a key was refused is no host that dropped us */
    if (s->tried.len)
        s->last = LIBSSH2_ERROR_AUTHENTICATION_FAILED;
    err_fix(e,
            "put the public key into ~%s/.ssh/authorized_keys on the host, "
            "or name another key: `identity`, ssh-add",
            login->user);
    return TURN_FAIL;
}
