#include "runner/config/hosts.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runner/base/escape.h"

#define NAME_LIMIT  253
#define LABEL_LIMIT 63
#define USER_LIMIT  32

static bool refuse(struct arena *a, const char *text, struct err *e,
                   const char *why)
{
    err_what(e, ERR_CONFIG, "'%.100s' is no host", escape(a, text));
    err_why(e, "%s", why);
    return err_fix(e, "write [user@]name[:port], web[01-12].example.net or "
                      "[2001:db8::1]:22");
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || digit(c) ||
           c == '_' || c == '-';
}

static const char *user_wrong(const char *user)
{
    size_t n = strlen(user);

    if (n == 0 || n > USER_LIMIT)
        return "a user has 1 to 32 bytes";
    if (user[0] == '-' || user[0] == '.')
        return "a user does not begin with - or .";
    for (size_t i = 0; i < n; i++)
        if (!word_byte(user[i]) && user[i] != '.')
            return "a user has letters, digits and any of . _ -";
    return NULL;
}

/* "1.2.3", "127.1" and "2130706433" mean addresses to some resolvers. */
static bool looks_numeric(const char *name)
{
    const char *last = strrchr(name, '.');

    last = last ? last + 1 : name;
    return *last && strspn(last, "0123456789") == strlen(last);
}

static const char *label_wrong(const char *label, size_t n)
{
    if (n == 0)
        return "a part of the name is empty";
    if (n > LABEL_LIMIT)
        return "a part of the name has over 63 bytes";
    if (label[0] == '-' || label[n - 1] == '-')
        return "no part of a name begins or ends with -";
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)label[i] >= 0x80)
            return "international names are written as xn--...";
        if (!word_byte(label[i]))
            return "a name has letters, digits and any of . _ -";
    }
    return NULL;
}

static const char *name_wrong(const char *name)
{
    struct in_addr v4;
    const char *at = name;

    if (strlen(name) > NAME_LIMIT)
        return "the name has over 253 bytes";
    for (;;) {
        size_t n = strcspn(at, ".");
        const char *why = label_wrong(at, n);
        if (why)
            return why;
        if (!at[n])
            break;
        at += n + 1;
    }
    if (looks_numeric(name) && inet_pton(AF_INET, name, &v4) != 1)
        return "an address has four numbers from 0 to 255";
    return NULL;
}

static const char *port_read(const char *text, int *port)
{
    size_t n = strlen(text);

    if (n == 0 || n > 5 || strspn(text, "0123456789") != n || text[0] == '0')
        return "a port is a number from 1 to 65535";
    *port = (int)strtol(text, NULL, 10);
    return *port <= 65535 ? NULL : "a port is a number from 1 to 65535";
}

/* "[2001:db8::1]:22" from its bracket on. */
static const char *v6_read(struct arena *a, const char *at,
                           struct host_name *out)
{
    const char *close = strchr(at, ']');
    struct in6_addr v6;

    if (!close)
        return "the [ is not closed";
    out->name = arena_strndup(a, at, (size_t)(close - at) + 1);
    out->address = arena_strndup(a, at + 1, (size_t)(close - at) - 1);
    if (inet_pton(AF_INET6, out->address, &v6) != 1)
        return "there is no IPv6 address in the brackets";
    if (close[1] == '\0')
        return NULL;
    return close[1] == ':' ? port_read(close + 2, &out->port)
                           : "only :port may follow the ]";
}

static const char *host_read(struct arena *a, const char *text,
                             struct host_name *out)
{
    const char *sign = strchr(text, '@'), *at = sign ? sign + 1 : text;
    const char *colon, *why;

    *out = (struct host_name){.text = arena_strdup(a, text)};
    if (sign) {
        out->user = arena_strndup(a, text, (size_t)(sign - text));
        why = user_wrong(out->user);
        if (why)
            return why;
    }
    if (*at == '[')
        return v6_read(a, at, out);
    colon = strchr(at, ':');
    if (colon && strchr(colon + 1, ':'))
        return "an IPv6 address stands in brackets";
    out->name = out->address =
        arena_strndup(a, at, colon ? (size_t)(colon - at) : strlen(at));
    why = name_wrong(out->name);
    return why || !colon ? why : port_read(colon + 1, &out->port);
}

bool host_parse(struct arena *a, const char *text, struct host_name *out,
                struct err *e)
{
    const char *why = host_read(a, text, out);

    return why ? refuse(a, text, e, why) : true;
}

/* Lower case, an address in its one canonical form, the port always there. */
static const char *host_key(struct arena *a, const struct host_name *h)
{
    unsigned char raw[16];
    char text[INET6_ADDRSTRLEN];
    char *key;

    if (inet_pton(AF_INET6, h->address, raw) == 1) {
        static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
        if (memcmp(raw, mapped, sizeof mapped) == 0)
            inet_ntop(AF_INET, raw + 12, text, sizeof text);
        else
            inet_ntop(AF_INET6, raw, text, sizeof text);
        return arena_printf(a, "%s %d", text, h->port ? h->port : 22);
    }
    key = arena_printf(a, "%s %d", h->name, h->port ? h->port : 22);
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c += 'a' - 'A';
    return key;
}

/* A range in a word: "[01-12]" between `open` and `rest`. */
struct range {
    const char *open, *rest;
    long low, high;
    int width; /* 0: no leading zeros */
};

/* NULL when the bracket at `open` is a good range. */
static const char *range_read(const char *open, struct range *r)
{
    const char *at = open + 1, *dash, *close;

    *r = (struct range){.open = open};
    dash = at + strspn(at, "0123456789");
    if (dash == at || *dash != '-' || dash - at > 6)
        return "a range is written [01-12]";
    close = dash + 1 + strspn(dash + 1, "0123456789");
    if (close == dash + 1 || *close != ']' || close - dash > 7)
        return "a range is written [01-12]";
    r->rest = close + 1;
    r->low = strtol(at, NULL, 10);
    r->high = strtol(dash + 1, NULL, 10);
    if (at[0] == '0' && dash - at > 1)
        r->width = (int)(dash - at);
    if (r->width && close - dash - 1 != r->width)
        return "both ends of a range with leading zeros are equally long";
    return r->low <= r->high ? NULL : "the range runs backwards";
}

/* The first bracket of a word that is no IPv6 address, or NULL. */
static const char *range_find(const char *word)
{
    const char *open = strchr(word, '['), *colon, *close;
    bool first = open && (open == word || open[-1] == '@');

    if (!open)
        return NULL;
    colon = strchr(open, ':');
    close = strchr(open, ']');
    return first && colon && (!close || colon < close) ? NULL : open;
}

struct host_list {
    struct arena *a;
    struct host_name *hosts;
    const char **keys;
    size_t n;
    struct err *e;
};

static bool host_add(struct host_list *l, const char *text)
{
    struct host_name host;
    const char *key;

    if (!host_parse(l->a, text, &host, l->e))
        return false;
    if (l->n == HOSTS_LIMIT) {
        err_what(l->e, ERR_CONFIG, "there are over %d hosts", HOSTS_LIMIT);
        err_why(l->e, "one environment has at most %d", HOSTS_LIMIT);
        return err_fix(l->e, "split it into several environments");
    }
    key = host_key(l->a, &host);
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->keys[i], key) != 0)
            continue;
        err_what(l->e, ERR_CONFIG, "'%s' stands twice", text);
        err_why(l->e, "%s and %s are one host", l->hosts[i].text, text);
        return err_fix(l->e, "keep one of the two");
    }
    l->hosts[l->n] = host;
    l->keys[l->n++] = key;
    return true;
}

/* A word with its ranges, the leftmost first. */
static bool word_expand(struct host_list *l, const char *word)
{
    const char *open = range_find(word), *why;
    struct range r;

    if (!open)
        return host_add(l, word);
    why = range_read(open, &r);
    if (!why && r.high - r.low >= HOSTS_LIMIT)
        why = "the range has over 1,000 hosts";
    if (why)
        return refuse(l->a, word, l->e, why);
    for (long i = r.low; i <= r.high; i++)
        if (!word_expand(l,
                         arena_printf(l->a, "%.*s%0*ld%s", (int)(open - word),
                                      word, r.width, i, r.rest)))
            return false;
    return true;
}

bool hosts_parse(struct arena *a, const char *text, struct host_name **list,
                 size_t *n, size_t *bad, struct err *e)
{
    struct host_list l = {.a = a, .e = e};
    const char *at = text;

    l.hosts = arena_array(a, HOSTS_LIMIT, sizeof *l.hosts);
    l.keys = arena_array(a, HOSTS_LIMIT, sizeof *l.keys);
    for (;;) {
        size_t len;
        at += strspn(at, " \t\n");
        len = strcspn(at, " \t\n");
        *bad = (size_t)(at - text);
        if (len == 0)
            break;
        if (!word_expand(&l, arena_strndup(a, at, len)))
            return false;
        at += len;
    }
    *list = l.hosts;
    *n = l.n;
    return true;
}

bool host_command_parse(struct arena *a, const char *text, struct host_name *on,
                        const char **command, struct err *e)
{
    const char *name, *end;

    *on = (struct host_name){0};
    *command = text;
    if (strncmp(text, "on ", 3) != 0)
        return true;
    name = text + 3 + strspn(text + 3, " ");
    end = name + strcspn(name, " \t\n");
    if (end == name || end[-1] != ':' || end[strspn(end, " \t\n")] == '\0') {
        err_what(e, ERR_CONFIG, "'on' without a host and a command");
        err_why(e, "a value that begins with `on ` names another host");
        return err_fix(e, "write: on HOST: COMMAND");
    }
    *command = end + strspn(end, " \t\n");
    return host_parse(a, arena_strndup(a, name, (size_t)(end - name) - 1), on,
                      e);
}
