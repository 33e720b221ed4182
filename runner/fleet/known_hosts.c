#include "runner/fleet/known_hosts.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runner/base/buf.h"
#include "runner/base/file.h"
#include "runner/base/hash.h"
#include "runner/fleet/base64.h"

#define LINE_LIMIT   (16 * 1024)
#define HASHED_BYTES 20

enum mark { MARK_NONE, MARK_REVOKED, MARK_AUTHORITY };

struct known_line {
    struct known_line *next;
    enum mark mark;
    const char *names; /* comma-separated patterns; NULL: a hashed name */
    const unsigned char *salt, *hash;
    size_t salt_len;
    const char *type;
    const unsigned char *blob;
    size_t len;
    const char *file;
    int number;
};

void known_hosts_init(struct known_hosts *k, struct arena *a)
{
    *k = (struct known_hosts){.a = a};
}

/* The next word of *at, cut out of the line; NULL at its end. */
static char *word(char **at)
{
    char *start = *at + strspn(*at, " \t");

    if (!*start)
        return NULL;
    *at = start + strcspn(start, " \t");
    if (**at)
        *(*at)++ = '\0';
    return start;
}

/* The type named inside the key must be the one beside it. */
static bool blob_is(const unsigned char *blob, size_t len, const char *type)
{
    size_t n = strlen(type);

    return len > 4 + n && blob[0] == 0 && blob[1] == 0 &&
           (size_t)(blob[2] << 8 | blob[3]) == n &&
           memcmp(blob + 4, type, n) == 0;
}

/* HashKnownHosts: base64 of salt and of HMAC-SHA1(salt, name). */
static bool hashed_name(struct arena *a, struct known_line *l)
{
    const char *salt = l->names + 3, *bar = strchr(salt, '|');
    size_t len;

    l->names = NULL;
    if (!bar)
        return false;
    l->salt = base64_decode(a, salt, (size_t)(bar - salt), &l->salt_len);
    l->hash = base64_decode(a, bar + 1, strlen(bar + 1), &len);
    return l->salt && l->hash && len == HASHED_BYTES;
}

static void line_add(struct known_hosts *k, const char *path, int number,
                     char *text)
{
    struct known_line line = {.file = path, .number = number};
    char *names = word(&text), *key;

    if (!names || *names == '#')
        return;
    if (*names == '@') {
        if (strcmp(names, "@revoked") == 0)
            line.mark = MARK_REVOKED;
        else if (strcmp(names, "@cert-authority") == 0)
            line.mark = MARK_AUTHORITY;
        else
            return;
        names = word(&text);
    }
    line.names = names;
    line.type = word(&text);
    key = word(&text);
    if (!names || !line.type || !key)
        return;
    line.blob = base64_decode(k->a, key, strlen(key), &line.len);
    if (!line.blob || !blob_is(line.blob, line.len, line.type))
        return;
    if (strncmp(names, "|1|", 3) == 0 && !hashed_name(k->a, &line))
        return;
    struct known_line *kept = arena_copy(k->a, &line, sizeof line);
    if (k->last)
        k->last->next = kept;
    else
        k->first = kept;
    k->last = kept;
    k->lines++;
}

void known_hosts_parse(struct known_hosts *k, const char *path,
                       const char *text, size_t len)
{
    const char *end = text + len;

    path = arena_strdup(k->a, path);
    for (int number = 1; text < end; number++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop ? stop : end) - text);
        if (n && text[n - 1] == '\r')
            n--;
        if (n < LINE_LIMIT && !memchr(text, '\0', n))
            line_add(k, path, number, arena_strndup(k->a, text, n));
        text = stop ? stop + 1 : end;
    }
}

bool known_hosts_read(struct known_hosts *k, const char *path, bool optional,
                      struct err *e)
{
    char *text;
    size_t len;

    if (optional && access(path, F_OK) != 0 &&
        (errno == ENOENT || errno == ENOTDIR))
        return true;
    if (!file_read(path, FILE_LIMIT, ERR_CONFIG, k->a, &text, &len, e))
        return false;
    known_hosts_parse(k, path, text, len);
    return true;
}

static bool glob(const char *pattern, size_t n, const char *name)
{
    for (; n; pattern++, n--, name++) {
        if (*pattern == '*') {
            do {
                if (glob(pattern + 1, n - 1, name))
                    return true;
            } while (*name++);
            return false;
        }
        if (!*name ||
            (*pattern != '?' && tolower((unsigned char)*pattern) != *name))
            return false;
    }
    return !*name;
}

/* Any pattern that fits, and none negated that fits. */
static bool names_match(const struct known_line *l, const char *name)
{
    const char *names = l->names;
    bool found = false;

    if (!names) {
        unsigned char got[HASHED_BYTES];
        hash_hmac_sha1(l->salt, l->salt_len, name, strlen(name), got);
        return memcmp(got, l->hash, sizeof got) == 0;
    }
    while (*names) {
        size_t n = strcspn(names, ",");
        bool negated = *names == '!';
        if (glob(names + negated, n - negated, name)) {
            if (negated)
                return false;
            found = true;
        }
        names += n + (names[n] == ',');
    }
    return found;
}

static const char *looked_up(struct arena *a, const char *name, int port)
{
    char *text = port == 0 || port == 22
                     ? arena_strdup(a, name)
                     : arena_printf(a, "[%s]:%d", name, port);

    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return text;
}

static bool same(const struct known_line *l, const unsigned char *blob,
                 size_t len)
{
    return l->len == len && memcmp(l->blob, blob, len) == 0;
}

static struct known_answer ask(const struct known_hosts *k, const char *name,
                               const unsigned char *blob, size_t len)
{
    struct known_answer got = {.is = KNOWN_NOT};
    const struct known_line *other = NULL;

    for (const struct known_line *l = k->first; l; l = l->next) {
        if (!names_match(l, name))
            continue;
        if (l->mark == MARK_AUTHORITY) {
            got.authority = true;
        } else if (l->mark == MARK_REVOKED) {
            if (!same(l, blob, len))
                continue;
            got.is = KNOWN_REVOKED;
            other = l;
            break;
        } else if (same(l, blob, len)) {
            got.is = KNOWN_GOOD;
        } else if (!blob_is(blob, len, l->type)) {
            got.other = l->type;
        } else if (!other) {
            other = l;
        }
    }
    if (got.is == KNOWN_NOT && other) {
        got.is = KNOWN_CHANGED;
        got.expected = key_fingerprint(k->a, other->blob, other->len);
    }
    if (other) {
        got.file = other->file;
        got.line = other->number;
    }
    return got;
}

struct known_answer known_hosts_ask(const struct known_hosts *k,
                                    const char *name, int port,
                                    const unsigned char *blob, size_t len)
{
    struct known_answer got = ask(k, looked_up(k->a, name, port), blob, len);

    /* as OpenSSH: the plain name may vouch for another port, never accuse */
    if (got.is == KNOWN_NOT && port != 0 && port != 22) {
        struct known_answer plain = ask(k, looked_up(k->a, name, 0), blob, len);
        if (plain.is == KNOWN_GOOD || plain.is == KNOWN_REVOKED)
            got = plain;
        got.authority |= plain.authority;
    }
    got.shown = key_fingerprint(k->a, blob, len);
    return got;
}

/* A line that gives a key of this host: under its port, else plain. */
static const struct known_line *line_for(const struct known_hosts *k,
                                         const char *name, int port,
                                         const char *type)
{
    const char *with = looked_up(k->a, name, port);
    const char *plain = looked_up(k->a, name, 0);
    const struct known_line *second = NULL;

    for (const struct known_line *l = k->first; l; l = l->next) {
        if (l->mark != MARK_NONE || strcmp(l->type, type) != 0)
            continue;
        if (names_match(l, with))
            return l;
        if (!second && names_match(l, plain))
            second = l;
    }
    return second;
}

const char *known_hosts_types(const struct known_hosts *k, const char *name,
                              int port, const char *const *types)
{
    struct buf out;

    buf_init(&out);
    for (; *types; types++)
        if (line_for(k, name, port, *types))
            buf_printf(&out, "%s%s", out.len ? "," : "", *types);
    return buf_into(&out, k->a);
}
