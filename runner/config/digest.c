/* digest: what of the configuration the ledger pins, and how two such texts
 * differ. The digest is over the very lines that the difference is told by,
 * so no change is silent and none is told that means nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/file.h"
#include "runner/base/hash.h"
#include "runner/config/config.h"
#include "runner/config/keys.h"

/* The lines of a key file but blank ones and comments; of a binary one (a KRL)
 * its digest. */
static bool add_lines(struct buf *out, struct arena *a, const char *label,
                      const char *path, struct err *e)
{
    char *bytes, hex[HASH_HEX];
    size_t len;

    if (!path)
        return true;
    if (!file_read(path, FILE_LIMIT, ERR_CONFIG, a, &bytes, &len, e))
        return false;
    if (memchr(bytes, '\0', len)) {
        buf_printf(out, "[%s] sha256 %s\n", label, hash_hex(bytes, len, hex));
        return true;
    }
    for (char *at = bytes, *end = bytes + len; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        size_t keep = n > 0 && at[n - 1] == '\r' ? n - 1 : n;

        if (keep > 0 && *at != '#') {
            buf_printf(out, "[%s] ", label);
            buf_add(out, at, keep);
            buf_char(out, '\n');
        }
        at += n + 1;
    }
    return true;
}

char *config_policy_text(struct arena *a, const struct environment *env,
                         struct err *e)
{
    const struct expected_settings *x = &env->policy.expected;
    struct buf out;

    buf_init(&out);
    buf_str(&out, env->pinned_text);
    if (add_lines(&out, a, "signers", x->signers, e) &&
        add_lines(&out, a, "revoked", x->revoked, e))
        return buf_into(&out, a);
    buf_release(&out);
    return NULL;
}

bool config_policy_digest(const struct environment *env, char out[65],
                          struct err *e)
{
    struct arena a;
    char *text;

    arena_init(&a);
    text = config_policy_text(&a, env, e);
    if (text)
        hash_hex(text, strlen(text), out);
    arena_release(&a);
    return text != NULL;
}

/* One line of a pinned text: "[window] allow = A" has a name and a value,
 * "[budget]" and "[signers] ..." stand for themselves. */
struct pinned_line {
    const char *text;
    size_t len;
    size_t name; /* length of "[window] allow"; 0: the whole line counts */
};

/* The key of the row `s` that "KEY = ..." begins with, or NULL. */
static const struct key *setting_key(const struct key_section *s,
                                     const char *text, size_t len)
{
    for (const struct key *k = s->keys; k->name; k++) {
        size_t n = strlen(k->name);
        if (len >= n + 3 && memcmp(text, k->name, n) == 0 &&
            memcmp(text + n, " = ", 3) == 0)
            return k;
    }
    return NULL;
}

static const struct key *line_key(const char *text, size_t len,
                                  size_t *name_len)
{
    const char *close = memchr(text, ']', len);
    size_t head = close ? (size_t)(close - text) + 2 : 0; /* "[window] " */

    *name_len = 0;
    if (head == 0 || head > len)
        return NULL;
    for (const struct key_section *s = key_sections; s->name; s++) {
        size_t n = strlen(s->name);
        const struct key *k;

        if (head != n + 3 || memcmp(text + 1, s->name, n) != 0)
            continue;
        k = setting_key(s, text + head, len - head);
        *name_len = k ? head + strlen(k->name) : 0;
        return k;
    }
    return NULL;
}

static bool line_next(const char **at, struct pinned_line *line)
{
    if (!**at)
        return false;
    line->text = *at;
    line->len = strcspn(*at, "\n");
    line_key(line->text, line->len, &line->name);
    *at += line->len + ((*at)[line->len] == '\n');
    return true;
}

/* The line of `text` that speaks of the same: equal, or of the same name. */
static bool line_find(const char *text, const struct pinned_line *like,
                      struct pinned_line *found)
{
    size_t n = like->name ? like->name : like->len;

    while (line_next(&text, found))
        if (found->name == like->name &&
            (like->name || found->len == like->len) &&
            memcmp(found->text, like->text, n) == 0)
            return true;
    return false;
}

static void add_value(struct buf *out, const char *word,
                      const struct pinned_line *line)
{
    buf_printf(out, "%s %.*s", word, (int)(line->len - line->name - 3),
               line->text + line->name + 3);
}

static void add_default(struct buf *out, const char *word,
                        const struct pinned_line *line)
{
    size_t unused;
    const struct key *k = line_key(line->text, line->len, &unused);

    if (k->fallback)
        buf_printf(out, "%s %s (default)", word, k->fallback);
    else
        buf_printf(out, "%s not set", word);
}

/* What became of one line: `was` or `is` NULL when that side has none. */
static void add_change(struct buf *out, const struct pinned_line *was,
                       const struct pinned_line *is)
{
    const struct pinned_line *any = was ? was : is;

    if (!any->name) {
        buf_printf(out, "%.*s: %s\n", (int)any->len, any->text,
                   was ? "taken out" : "added");
        return;
    }
    buf_printf(out, "%.*s:", (int)any->name, any->text);
    if (was)
        add_value(out, " was", was);
    else
        add_default(out, " was", any);
    if (is)
        add_value(out, ", is", is);
    else
        add_default(out, ", is", any);
    buf_char(out, '\n');
}

char *config_policy_changes(struct arena *a, const char *was, const char *is)
{
    struct pinned_line line, twin;
    struct buf out;
    const char *at = was;

    buf_init(&out);
    while (line_next(&at, &line)) {
        if (!line_find(is, &line, &twin))
            add_change(&out, &line, NULL);
        else if (line.len != twin.len || memcmp(line.text, twin.text, line.len))
            add_change(&out, &line, &twin);
    }
    for (at = is; line_next(&at, &line);)
        if (!line_find(was, &line, &twin))
            add_change(&out, NULL, &line);
    return buf_into(&out, a);
}

char *config_policy_sentence(struct arena *a, const char *was, const char *is)
{
    const char *text = config_policy_changes(a, was, is);
    struct buf out;

    buf_init(&out);
    while (*text) {
        size_t n = strcspn(text, "\n");

        buf_str(&out, out.len ? "; " : "");
        buf_add(&out, text, n);
        text += n + (text[n] == '\n');
    }
    return buf_into(&out, a);
}

static int by_text(const void *a, const void *b)
{
    const struct host_name *x = a, *y = b;

    return strcmp(x->text, y->text);
}

char *config_hosts_digest(const struct environment *env, char out[65])
{
    struct host_name *sorted = must_malloc((env->n_hosts + 1) * sizeof *sorted);
    struct hash h;

    if (env->n_hosts > 0)
        memcpy(sorted, env->hosts, env->n_hosts * sizeof *sorted);
    qsort(sorted, env->n_hosts, sizeof *sorted, by_text);
    hash_init(&h);
    for (size_t i = 0; i < env->n_hosts; i++)
        hash_field(&h, sorted[i].text);
    hash_end_hex(&h, out);
    free(sorted);
    return out;
}
