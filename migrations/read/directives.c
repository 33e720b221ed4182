#include "migrations/read/directives.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "migrations/text/lexer.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"
#include "runner/base/nearest.h"

#define MARK          "tidegate:"
#define MAX_WAIT      ((int64_t)24 * 3600 * 1000)
#define REASON_MAX    500
#define LONGEST       ((int64_t)366 * 86400 * 1000)
#define SIZE_MAX_ROWS 1000000

struct directive_reader {
    struct directives *out;
    struct arena *a;
    const char *file;
    int line;
    bool down;
    unsigned seen; /* rows, as bits */
    bool before;   /* phase=before was said */
    struct err *e;
};

/* ---- the rows ---- */

static bool is_phase(struct directive_reader *r, const char *value)
{
    r->out->after = strcmp(value, "after") == 0;
    r->before = strcmp(value, "before") == 0;
    return r->out->after || r->before;
}

static bool is_transaction(struct directive_reader *r, const char *value)
{
    r->out->no_transaction = true;
    return strcmp(value, "none") == 0;
}

static bool is_span(const char *value, int64_t *out)
{
    return duration_parse(value, out) && *out > 0 && *out <= MAX_WAIT;
}

static bool is_lock_timeout(struct directive_reader *r, const char *value)
{
    return is_span(value, &r->out->lock_timeout_ms);
}

static bool is_statement_timeout(struct directive_reader *r, const char *value)
{
    return is_span(value, &r->out->statement_timeout_ms);
}

static bool is_reason(const char *value)
{
    return *value && strlen(value) <= REASON_MAX;
}

static bool is_compatible(struct directive_reader *r, const char *value)
{
    r->out->compatible = value;
    return is_reason(value);
}

static bool is_forward_only(struct directive_reader *r, const char *value)
{
    r->out->forward_only = value;
    return is_reason(value);
}

static bool is_batch(struct directive_reader *r, const char *value)
{
    r->out->batch = value;
    return *value;
}

static bool is_key(struct directive_reader *r, const char *value)
{
    r->out->key = value;
    return *value;
}

static bool is_size(struct directive_reader *r, const char *value)
{
    if (!*value || strspn(value, "0123456789") != strlen(value) ||
        strlen(value) > 7)
        return false;
    r->out->batch_size = strtol(value, NULL, 10);
    return r->out->batch_size > 0 && r->out->batch_size <= SIZE_MAX_ROWS;
}

static bool is_pause(struct directive_reader *r, const char *value)
{
    return is_span(value, &r->out->pause_ms);
}

static bool is_max_lag(struct directive_reader *r, const char *value)
{
    return is_span(value, &r->out->max_lag_ms);
}

/* As a tag that is a release's name (at most 64 bytes of letters, digits and
 * ._-, not beginning with a dot or a dash). */
static bool is_after(struct directive_reader *r, const char *value)
{
    size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    r->out->contract = value;
    return n > 0 && n <= 64 && !value[n] && !strchr(".-", *value);
}

static bool is_for(struct directive_reader *r, const char *value)
{
    int64_t ms;
    bool good = duration_parse(value, &ms) && ms <= LONGEST && ms % 1000 == 0;

    r->out->contract_for = good ? ms / 1000 : 0;
    return good;
}

const struct directive_row directive_rows[] = {
    {"phase", false, false, is_phase, "before or after",
     "Runs before the code of its release goes out (the default), or after "
     "it."},
    {"after", false, false, is_after,
     "the release that must be good first, or `this`: the one that brings it",
     "A contracting migration: it waits until that release is good, and runs "
     "with `migrate finish`, or with a later release."},
    {"for", false, false, is_for, "a duration up to 366d, such as 24h",
     "With after: how long that release must have been good."},
    {"compatible", true, false, is_compatible, "a reason after a blank",
     "The old code survives what looks as if it would not; a person says so."},
    {"forward-only", true, false, is_forward_only, "a reason after a blank",
     "There is no way back from it: it has none, and after the code it wants a "
     "fresh backup."},
    {"transaction", false, true, is_transaction, "the word `none`",
     "Statement by statement, each journaled, instead of one transaction."},
    {"lock_timeout", false, true, is_lock_timeout,
     "a duration from 1ms to 24h, such as 2s",
     "How long a statement waits for a lock before it is tried again."},
    {"statement_timeout", false, true, is_statement_timeout,
     "a duration from 1ms to 24h, such as 10m",
     "How long one statement may take."},
    {"batch", false, true, is_batch, "a table, such as orders",
     "The one statement runs over ranges of a key of that table, $1 to $2, "
     "each a transaction of its own."},
    {"key", false, true, is_key, "a column of the batch's table",
     "With batch: the key, which is unique and NOT NULL."},
    {"size", false, true, is_size, "rows of one batch, from 1 to 1000000",
     "With batch: at most so many rows at once."},
    {"pause", false, true, is_pause, "a duration from 1ms to 24h",
     "With batch: waits so long after each."},
    {"max_lag", false, true, is_max_lag, "a duration from 1ms to 24h",
     "With batch: waits while a replica is further behind."},
    {"allow", true, true, NULL,
     "a rule of lint and a reason, on a line by itself above its statement",
     "Makes a note of that finding of lint; may stand anywhere."},
    {0},
};
#define ROWS (sizeof directive_rows / sizeof *directive_rows - 1)

/* ---- reading ---- */

static bool bad(struct directive_reader *r, const char *fix, const char *why,
                const char *word)
{
    err_what(r->e, ERR_INPUT, "%s:%d: %s", r->file, r->line,
             escape(r->a, word));
    err_why(r->e, "%s", why);
    return err_fix(r->e, "%s", fix);
}

static char *all_names(struct arena *a)
{
    char *all = arena_strdup(a, directive_rows[0].name);

    for (size_t i = 1; i < ROWS; i++)
        all = arena_printf(a, "%s, %s", all, directive_rows[i].name);
    return all;
}

static bool unknown(struct directive_reader *r, const char *name)
{
    const char *names[ROWS], *near;

    for (size_t i = 0; i < ROWS; i++)
        names[i] = directive_rows[i].name;
    near = nearest(name, names, ROWS);
    if (near)
        return bad(r, arena_printf(r->a, "did you mean `%s`?", near),
                   "tidegate knows no such directive", name);
    return bad(r, arena_printf(r->a, "known are %s", all_names(r->a)),
               "tidegate knows no such directive", name);
}

static bool take(struct directive_reader *r, const char *name,
                 const char *value, bool reason)
{
    const struct directive_row *row = NULL;
    size_t i;

    for (i = 0; i < ROWS && !row; i++)
        if (strcmp(directive_rows[i].name, name) == 0)
            row = &directive_rows[i];
    if (!row)
        return unknown(r, name);
    if (r->down && !row->in_down)
        return bad(r, "write it in the up file",
                   "this directive has no meaning in a down file", name);
    if (r->seen & 1u << (i - 1))
        return bad(r, "keep one of them", "the directive stands twice", name);
    r->seen |= 1u << (i - 1);
    if (row->reason != reason || !row->take || !row->take(r, value))
        return bad(r, arena_printf(r->a, "it takes %s", row->takes),
                   "the directive's value cannot be read", name);
    return true;
}

static char *word_of(struct directive_reader *r, const char **text)
{
    size_t n = strcspn(*text, " \t");
    char *word = arena_strndup(r->a, *text, n);

    *text += n;
    *text += strspn(*text, " \t");
    return word;
}

/* The text after the mark, one line. */
static bool read_line(struct directive_reader *r, const char *text)
{
    text += strspn(text, " \t");
    if (!*text)
        return bad(r, "delete the line, or name a directive",
                   "no directive follows", "-- " MARK);
    while (*text) {
        char *word = word_of(r, &text);
        char *value = strchr(word, '=');
        if (!value)
            return take(r, word, text, true);
        *value++ = '\0';
        if (!take(r, word, value, false))
            return false;
    }
    return true;
}

/* The text after "-- tidegate:" of a comment, or NULL: any other comment. */
static const char *marked(struct arena *a, const char *comment, size_t len)
{
    const char *p = comment + 2 + strspn(comment + 2, " \t");
    char *text;

    if (comment[0] != '-' || strncasecmp(p, MARK, strlen(MARK)) != 0)
        return NULL;
    text = arena_strndup(a, p + strlen(MARK),
                         (size_t)(comment + len - p) - strlen(MARK));
    for (size_t n = strlen(text); n && strchr(" \t", text[n - 1]); n--)
        text[n - 1] = '\0';
    return text;
}

/* What single directives cannot tell of each other. */
static bool agree(struct directive_reader *r)
{
    struct directives *d = r->out;

    if (d->contract_for >= 0 && !d->contract)
        return bad(r, "add after=this, or name the release to wait for",
                   "it does not say after which release", "for");
    if (d->contract && r->before)
        return bad(r, "delete phase=before",
                   "what waits for a release runs after the code", "phase");
    d->after |= d->contract != NULL;
    if (d->contract_for < 0)
        d->contract_for = 0;
    return true;
}

/* "allow RULE REASON" is for lint, and stands above its statement. */
static bool is_allow(const char *rest)
{
    rest += strspn(rest, " \t");
    return strncmp(rest, "allow", 5) == 0 &&
           (!rest[5] || strchr(" \t", rest[5]));
}

bool directives_read(struct directives *out, struct arena *a, const char *file,
                     const char *text, int lines_before, bool down,
                     struct err *e)
{
    struct directive_reader r = {
        .out = out, .a = a, .file = file, .down = down, .e = e};
    bool begun = false; /* a statement has been seen */
    struct token t;

    *out = (struct directives){.lock_timeout_ms = -1,
                               .statement_timeout_ms = -1,
                               .pause_ms = -1,
                               .max_lag_ms = -1,
                               .contract_for = -1};
    r.line = lines_before + 1;
    for (; (t = lexer_token(text)).kind != TOKEN_END; text += t.len) {
        const char *rest =
            t.kind == TOKEN_COMMENT ? marked(a, text, t.len) : NULL;
        if (rest && is_allow(rest))
            rest = NULL;
        if (rest && begun)
            return bad(&r, "move it to the top of the file",
                       "directives stand before the first statement",
                       "-- " MARK);
        if (rest && !read_line(&r, rest))
            return false;
        begun |= t.kind != TOKEN_COMMENT && t.kind != TOKEN_BLANK;
        r.line += lexer_line(text, t.len) - 1;
    }
    return agree(&r);
}
