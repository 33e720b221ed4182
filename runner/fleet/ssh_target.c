#include "runner/fleet/ssh_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/child.h"

#define ADDRESS_LIMIT 16
#define AT_ONCE       16
#define ANSWER_MS     10000

/* "~/x", and the tokens that ssh_config(5) allows in a key file's name. */
static const char *key_path(struct arena *a, const struct ssh_target *t,
                            const char *text)
{
    const char *home = getenv("HOME");
    const char *out = "";

    if (strncmp(text, "~/", 2) == 0) {
        if (!home)
            return NULL;
        out = arena_printf(a, "%s/", home);
        text += 2;
    }
    while (*text) {
        size_t n = strcspn(text, "%");
        const char *fill = "";
        char c = text[n] ? text[n + 1] : '\0';
        if (text[n]) {
            fill = c == 'd'   ? home
                   : c == 'h' ? t->hostname
                   : c == 'r' ? t->user
                   : c == '%' ? "%"
                              : NULL;
            if (!fill)
                return NULL;
        }
        out = arena_printf(a, "%s%.*s%s", out, (int)n, text, fill);
        text += n + (text[n] ? 2 : 0);
    }
    return out;
}

static void list_add(struct arena *a, const char ***list, size_t *n,
                     const char *text)
{
    *list = arena_grow(a, *list, *n, *n + 1, sizeof **list);
    (*list)[(*n)++] = text;
}

static void files_add(struct arena *a, struct ssh_target *t, char *value)
{
    char *rest = value, *file;

    while ((file = strsep(&rest, " ")) != NULL) {
        const char *path = *file ? key_path(a, t, file) : NULL;
        if (path && strcmp(path, "none") != 0)
            list_add(a, &t->known_hosts, &t->n_known_hosts, path);
    }
}

static const char *agent_path(struct arena *a, const struct ssh_target *t,
                              const char *value)
{
    if (strcmp(value, "none") == 0)
        return NULL;
    if (strcmp(value, "SSH_AUTH_SOCK") == 0)
        return arena_strdup(a, getenv("SSH_AUTH_SOCK"));
    if (*value == '$')
        return arena_strdup(a, getenv(value + 1));
    return key_path(a, t, value);
}

static bool not_followed(const char *name, const char *key, const char *value,
                         struct err *e)
{
    err_what(e, ERR_CONFIG, "%s is reached through %s, which is not supported",
             name, key);
    err_why(e, "the ssh configuration says: %s %s", key, value);
    return err_fix(e,
                   "run tidegate where %s is reached directly, or give it a "
                   "Host entry without %s",
                   name, key);
}

static bool setting(struct arena *a, const char *name, const char *key,
                    char *value, struct ssh_target *t, struct err *e)
{
    if (strcmp(key, "hostname") == 0) {
        t->hostname = value;
    } else if (strcmp(key, "user") == 0) {
        t->user = value;
    } else if (strcmp(key, "port") == 0) {
        t->port = (int)strtol(value, NULL, 10);
    } else if (strcmp(key, "hostkeyalias") == 0) {
        t->key_name = value;
    } else if (strcmp(key, "identitiesonly") == 0) {
        t->identities_only = strcmp(value, "yes") == 0;
    } else if (strcmp(key, "identityfile") == 0) {
        const char *path = key_path(a, t, value);
        if (path && strcmp(path, "none") != 0)
            list_add(a, &t->identities, &t->n_identities, path);
    } else if (strcmp(key, "identityagent") == 0) {
        t->agent = agent_path(a, t, value);
    } else if (strcmp(key, "userknownhostsfile") == 0 ||
               strcmp(key, "globalknownhostsfile") == 0) {
        files_add(a, t, value);
    } else if ((strcmp(key, "proxyjump") == 0 ||
                strcmp(key, "proxycommand") == 0) &&
               strcmp(value, "none") != 0) {
        return not_followed(name, key[5] == 'j' ? "ProxyJump" : "ProxyCommand",
                            value, e);
    }
    return true;
}

bool ssh_target_parse(struct arena *a, const char *name, char *text,
                      struct ssh_target *out, struct err *e)
{
    char *line;

    *out = (struct ssh_target){.hostname = name, .port = 22};
    out->agent = arena_strdup(a, getenv("SSH_AUTH_SOCK"));
    while ((line = strsep(&text, "\n")) != NULL) {
        char *value = strchr(line, ' ');
        if (!value)
            continue;
        *value++ = '\0';
        if (!setting(a, name, line, value, out, e))
            return false;
    }
    if (out->port < 1 || out->port > 65535 || !out->user) {
        err_what(e, ERR_CONFIG, "ssh gives no usable settings for %s", name);
        err_why(e, "`ssh -G %s` names no user, or no port of 1 to 65535", name);
        return err_fix(e, "correct the Host entry in your ssh configuration");
    }
    out->key_port = out->key_name ? 0 : out->port;
    if (!out->key_name)
        out->key_name = out->hostname;
    return true;
}

static bool address_from(struct arena *a, const char *text, int port,
                         struct ssh_address *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->at;

    *out = (struct ssh_address){0};
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        out->len = sizeof *v4;
        out->text = arena_printf(a, "%s:%d", text, port);
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        out->len = sizeof *v6;
        out->text = arena_printf(a, "[%s]:%d", text, port);
    }
    return out->len != 0;
}

size_t ssh_addresses_parse(struct arena *a, const char *text, int port,
                           const struct ssh_address **out)
{
    struct ssh_address *found = arena_array(a, ADDRESS_LIMIT, sizeof *found);
    size_t n = 0;
    char *rest = arena_strdup(a, text), *line;

    while ((line = strsep(&rest, "\n")) != NULL && n < ADDRESS_LIMIT) {
        char *kind = strpbrk(line, " \t");
        if (!kind)
            continue;
        *kind++ = '\0';
        if (strncmp(kind + strspn(kind, " \t"), "STREAM", 6) == 0 &&
            address_from(a, line, port, &found[n]))
            n++;
    }
    *out = found;
    return n;
}

/* A number of children of one kind, some at a time. */
struct asking {
    struct arena *a;
    struct loop *l;
    const struct host_name *hosts;
    struct ssh_target *out;
    struct child **children;
    size_t n, started, ended;
    struct child *(*start)(struct asking *q, size_t i, struct err *e);
    bool (*take)(struct asking *q, size_t i, const struct child_result *r,
                 struct err *e);
    struct err *e;
    bool failed;
};

static void end_some(struct asking *q)
{
    for (size_t i = 0; i < q->started; i++) {
        struct child *c = q->children[i];
        if (!c || !child_done(c))
            continue;
        if (!q->failed)
            q->failed = !q->take(q, i, child_result(c), q->e);
        child_close(c);
        q->children[i] = NULL;
        q->ended++;
    }
}

static bool asked(void *ctx)
{
    struct asking *q = ctx;

    end_some(q);
    while (!q->failed && q->started < q->n && q->started - q->ended < AT_ONCE) {
        size_t i = q->started++;
        struct err e = {0};
        q->children[i] = q->start(q, i, &e);
        if (!q->children[i]) {
            q->ended++;
            if (e.code != ERR_NONE) {
                *q->e = e;
                q->failed = true;
            }
        }
    }
    return q->failed || q->ended == q->n;
}

static bool ask_all(struct asking *q)
{
    q->children = arena_array(q->a, q->n, sizeof *q->children);
    if (!loop_until(q->l, asked, q, CLOCK_NEVER)) {
        err_what(q->e, ERR_INTERRUPTED, "interrupted");
        err_why(q->e, "a stop signal came while host names were resolved");
        err_fix(q->e, "nothing was contacted; run it again");
        q->failed = true;
    }
    for (size_t i = 0; i < q->started; i++)
        if (q->children[i])
            child_close(q->children[i]);
    return !q->failed;
}

static struct child *config_start(struct asking *q, size_t i, struct err *e)
{
    const struct host_name *h = &q->hosts[i];
    const char *argv[10] = {"ssh", "-G"};
    size_t n = 2;

    if (h->user) {
        argv[n++] = "-l";
        argv[n++] = h->user;
    }
    if (h->port) {
        argv[n++] = "-p";
        argv[n++] = arena_printf(q->a, "%d", h->port);
    }
    argv[n++] = "--";
    argv[n++] = h->address;
    struct child_spec spec = {.argv = argv, .timeout_ms = ANSWER_MS};
    return child_start(q->l, q->a, &spec, e);
}

static bool config_take(struct asking *q, size_t i,
                        const struct child_result *r, struct err *e)
{
    const char *name = q->hosts[i].address;

    if (r->status != 0) {
        err_what(e, ERR_CONFIG, "ssh cannot read its configuration for %s",
                 name);
        err_why(e, "%s",
                r->timed_out ? "`ssh -G` did not end within 10 s"
                : *r->err    ? r->err
                             : "`ssh -G` failed");
        return err_fix(e, "try it: ssh -G %s", name);
    }
    return ssh_target_parse(q->a, name, r->out, &q->out[i], e);
}

static struct child *name_start(struct asking *q, size_t i, struct err *e)
{
    struct ssh_target *t = &q->out[i];
    struct ssh_address *one = arena_alloc(q->a, sizeof *one);
    const char *argv[] = {"getent", "ahosts", t->hostname, NULL};
    struct child_spec spec = {.argv = argv, .timeout_ms = ANSWER_MS};

    if (address_from(q->a, t->hostname, t->port, one)) {
        t->addresses = one;
        t->n_addresses = 1;
        return NULL;
    }
    return child_start(q->l, q->a, &spec, e);
}

static bool name_take(struct asking *q, size_t i, const struct child_result *r,
                      struct err *e)
{
    struct ssh_target *t = &q->out[i];

    (void)e;
    if (r->status == 0)
        t->n_addresses =
            ssh_addresses_parse(q->a, r->out, t->port, &t->addresses);
    if (t->n_addresses == 0)
        t->why = arena_printf(q->a, "the name %s does not resolve%s",
                              t->hostname, r->timed_out ? " within 10 s" : "");
    return true;
}

bool ssh_targets_resolve(struct arena *a, struct loop *l,
                         const struct host_name *hosts, size_t n,
                         struct ssh_target *out, struct err *e)
{
    struct asking config = {.a = a,
                            .l = l,
                            .hosts = hosts,
                            .out = out,
                            .n = n,
                            .start = config_start,
                            .take = config_take,
                            .e = e};
    struct asking names = {.a = a,
                           .l = l,
                           .hosts = hosts,
                           .out = out,
                           .n = n,
                           .start = name_start,
                           .take = name_take,
                           .e = e};

    return ask_all(&config) && ask_all(&names);
}
