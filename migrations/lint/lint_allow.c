#include "migrations/lint/lint_allow.h"

#include <string.h>
#include <strings.h>

#include "migrations/hazards/hazards.h"
#include "migrations/text/lexer.h"
#include "runner/base/escape.h"
#include "runner/base/nearest.h"

#define REASON_MAX 500
#define RULES_MAX  64

/* Rules of lint itself that may be allowed, besides those of the hazards. */
static const char *const own_rules[] = {"lock-held", "gone", "unparsed"};
/* Those that may not, and what to write. */
static const struct {
    const char *rule, *fix;
} firm[] = {
    {"breaks-old-code", "write at the top: -- tidegate: compatible REASON"},
    {"not-in-transaction", "write at the top: -- tidegate: transaction=none"},
    {"refused", "change the statement: it would not be run"},
    {"fails", "change the statement: it would fail"},
    {"catalog", "change the statement: it does not belong into a migration"},
    {"parse", "correct the statement"},
    {"bytes", "save it as UTF-8 text"},
    {"directive", "correct the directive"},
};

static size_t known_rules(const char **out)
{
    size_t n = 0;

    for (size_t i = 0; i < sizeof own_rules / sizeof *own_rules; i++)
        out[n++] = own_rules[i];
    for (size_t t = 0; hazard_tables[t]; t++)
        for (const struct hazard *h = hazard_tables[t]; h->what; h++) {
            size_t i = 0;
            while (i < n && strcmp(out[i], h->rule) != 0)
                i++;
            if (i == n && n < RULES_MAX)
                out[n++] = h->rule;
        }
    return n;
}

static const char *firm_fix(const char *rule)
{
    for (size_t i = 0; i < sizeof firm / sizeof *firm; i++)
        if (strcmp(firm[i].rule, rule) == 0)
            return firm[i].fix;
    return NULL;
}

static bool is_known(const char *rule)
{
    const char *rules[RULES_MAX];
    size_t n = known_rules(rules);

    for (size_t i = 0; i < n; i++)
        if (strcmp(rules[i], rule) == 0)
            return true;
    return false;
}

static bool unknown(struct arena *a, const char *rule, struct err *e)
{
    const char *rules[RULES_MAX], *near;
    size_t n = known_rules(rules);

    near = nearest(rule, rules, n);
    err_why(e, "lint has no rule %s", escape(a, rule));
    if (near)
        return err_fix(e, "did you mean `%s`?", near);
    return err_fix(e, "the rule stands in brackets in lint's output");
}

static bool judge(struct arena *a, const struct allowance *w, const char *file,
                  struct err *e)
{
    err_what(e, ERR_INPUT, "%s:%d: this allows nothing", file, w->line);
    if (firm_fix(w->rule)) {
        err_why(e, "%s cannot be allowed by a comment", w->rule);
        return err_fix(e, "%s", firm_fix(w->rule));
    }
    if (!*w->rule || !is_known(w->rule))
        return unknown(a, w->rule, e);
    if (*w->reason && strlen(w->reason) <= REASON_MAX)
        return true;
    err_why(e, "a reason is wanted, of at most %d bytes", REASON_MAX);
    return err_fix(e, "write: -- tidegate: allow %s REASON", w->rule);
}

/* The text after "-- tidegate: allow", or NULL. */
static const char *after_allow(const char *comment)
{
    const char *p = comment + 2 + strspn(comment + 2, " \t");

    if (comment[0] != '-' || strncasecmp(p, "tidegate:", 9) != 0)
        return NULL;
    p += 9 + strspn(p + 9, " \t");
    if (strncmp(p, "allow", 5) != 0 || !strchr(" \t\n", p[5]))
        return NULL;
    return p + 5 + strspn(p + 5, " \t");
}

static void read_one(struct allowance *w, struct arena *a, const char *text,
                     const char *end)
{
    size_t n = strcspn(text, " \t\n");

    w->rule = arena_strndup(a, text, n);
    text += n + strspn(text + n, " \t");
    while (end > text && strchr(" \t", end[-1]))
        end--;
    w->reason = end > text ? arena_strndup(a, text, (size_t)(end - text)) : "";
}

void allowances_read(struct allowances *out, struct arena *a, const char *file,
                     const char *text,
                     void (*bad)(void *arg, int line, const struct err *e),
                     void *arg)
{
    const char *at = text;
    int line = 1;
    struct token t;
    struct err e = {0};

    *out = (struct allowances){0};
    for (; (t = lexer_token(at)).kind != TOKEN_END; at += t.len) {
        const char *rest = t.kind == TOKEN_COMMENT ? after_allow(at) : NULL;
        struct allowance w = {.offset = (size_t)(at - text), .line = line};
        line += lexer_line(at, t.len) - 1;
        if (!rest)
            continue;
        read_one(&w, a, rest, at + t.len);
        if (!judge(a, &w, file, &e)) {
            bad(arg, w.line, &e);
            continue;
        }
        if (out->n == out->cap) {
            out->cap = out->cap ? 2 * out->cap : 8;
            out->list =
                arena_grow(a, out->list, out->n, out->cap, sizeof *out->list);
        }
        out->list[out->n++] = w;
    }
}

struct allowance *allowances_find(const struct allowances *all,
                                  const char *rule, size_t from, size_t to)
{
    size_t low = 0, high = all->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (all->list[mid].offset < from)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < all->n && all->list[low].offset < to; low++)
        if (strcmp(all->list[low].rule, rule) == 0)
            return &all->list[low];
    return NULL;
}
