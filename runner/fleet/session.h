/* session: one SSH connection with at most one channel (libssh2).
 *
 * Nothing here blocks or waits (but an agent's answer, which is local). Each
 * call takes one step and says how it went; TURN_WAIT means: call the SAME
 * function with the SAME arguments when session_events() are ready, because
 * libssh2 keeps the progress of the one unfinished call in the session. After
 * TURN_FAIL only session_close may follow. No agent, X11 or port is ever
 * forwarded. Only this file knows libssh2.
 */
#ifndef RUNNER_FLEET_SESSION_H
#define RUNNER_FLEET_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/buf.h"
#include "runner/base/err.h"

enum turn { TURN_WAIT, TURN_DONE, TURN_FAIL };

struct session;

/* Once per process, before the first session; refuses a libssh2 older than
 * the oldest one with the fixes we count on. */
bool session_library_open(struct err *e);
void session_library_close(void);

/* Takes fd over. key_types: those known for this host, comma-separated; ""
 * asks for any that we accept (to learn an unknown key's fingerprint). */
struct session *session_open(struct arena *a, int fd, const char *key_types);
/* Never waits. NULL is fine. */
void session_close(struct session *s);

enum turn session_handshake(struct session *s, struct err *e);
/* The key the host showed; valid after the handshake. */
const unsigned char *session_host_key(struct session *s, size_t *len);
/* "ecdh-sha2-nistp256, ssh-ed25519, aes128-ctr, hmac-sha2-256". */
const char *session_methods(struct session *s);
/* The connection ended (it is not us who refused): before authentication
 * such a host may be asked again. */
bool session_dropped(const struct session *s);

struct login {
    const char *user;
    const char *agent; /* socket, or NULL */
    const char *const *files;
    size_t n_files;
    bool files_only; /* of the agent's keys, those whose .pub is beside one of
                        the files */
};
enum turn session_login(struct session *s, const struct login *login,
                        struct err *e);

enum turn session_channel_open(struct session *s, struct err *e);
enum turn session_exec(struct session *s, const char *command, struct err *e);
/* *sent says how much went; TURN_DONE as soon as something did. */
enum turn session_send(struct session *s, const char *bytes, size_t len,
                       size_t *sent, struct err *e);
enum turn session_send_eof(struct session *s, struct err *e);
/* Appends what has arrived. TURN_DONE: the other side closed both streams. */
enum turn session_receive(struct session *s, struct buf *out, struct buf *err,
                          struct err *e);
/* More has arrived than session_receive took at once: ask again soon. */
bool session_hungry(const struct session *s);
enum turn session_channel_close(struct session *s, struct err *e);

/* POLLIN or POLLOUT: what the last TURN_WAIT waits for. */
short session_events(const struct session *s);

#endif
