/* http: GET, several at once, as sources of the loop (libcurl's multi).
 *
 * No redirects, no proxies, nothing compressed, TLS verified, http and https
 * only, one deadline for all of it, 64 KiB of body at the most; every request
 * has a connection of its own. Only http.c knows libcurl.
 */
#ifndef RUNNER_FLEET_HTTP_H
#define RUNNER_FLEET_HTTP_H

#include "runner/base/arena.h"
#include "runner/base/loop.h"

#define HTTP_BODY_LIMIT (64 * 1024)

struct http;
struct http_call;

struct http *http_open(struct loop *l);
/* Ends what is under way. */
void http_close(struct http *h);

/* Starts one; what it answers lives in a. */
struct http_call *http_start(struct http *h, struct arena *a, const char *url,
                             int64_t timeout_ms);
bool http_ended(const struct http_call *c);

struct http_answer {
    const char *why; /* NULL: it answered */
    int status;
    char *body; /* NUL-closed */
    size_t len;
    int64_t ms;
};
/* Of an ended call; ends it for good (c is gone). */
struct http_answer http_take(struct http_call *c);

#endif
