/* hosts: the grammar of `hosts`, and of every other place that names a host.
 *
 *     [user@]name[:port]      one, or several separated by blanks or lines
 *     web[01-12].example.net  a range; the width of the low end is kept
 *     [2001:db8::1]:2222      an IPv6 address stands in brackets
 *
 * A name is a DNS name or an alias of ssh's configuration: labels of letters,
 * digits, - and _, up to 63 bytes each, 253 in all; international names only
 * as xn--. Nothing here resolves anything.
 */
#ifndef RUNNER_CONFIG_HOSTS_H
#define RUNNER_CONFIG_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

#define HOSTS_LIMIT 1000

/* A host as written, ranges expanded. */
struct host_name {
    const char *text;    /* "deploy@web01.example.net:2222" */
    const char *user;    /* NULL: ssh's own answer */
    const char *name;    /* what %h becomes; "[::1]" keeps its brackets */
    const char *address; /* the same without brackets: for resolvers */
    int port;            /* 0: ssh's own answer */
};

/* All hosts of a value. On failure e says what and why and fix (ERR_CONFIG,
 * without file and line) and *bad is the offset of the word in text. Two that
 * are the same host (case, port 22 written out, IPv4-mapped) are refused. */
bool hosts_parse(struct arena *a, const char *text, struct host_name **list,
                 size_t *n, size_t *bad, struct err *e);
/* One host, no range. */
bool host_parse(struct arena *a, const char *text, struct host_name *out,
                struct err *e);

/* "on lb1: COMMAND" names the host a drain or undrain runs on: fills *on and
 * *command. A command without that beginning: true, on->name NULL. */
bool host_command_parse(struct arena *a, const char *text, struct host_name *on,
                        const char **command, struct err *e);

#endif
