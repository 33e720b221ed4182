#include "migrations/hazards/words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "migrations/hazards/refusals.h"
#include "migrations/hazards/refusals_reach.h"
#include "migrations/text/lexer.h"
#include "runner/base/buf.h"

/* ---- the words of a statement ---- */

struct words {
    const char **list; /* in lower case; a symbol; ' for a string */
    size_t n;
};

static const char *word_of(struct arena *a, const char *text, struct token t)
{
    char *word;

    if (t.kind == TOKEN_STRING)
        return "'";
    if (t.kind == TOKEN_NAME)
        return arena_strndup(a, text + 1, t.len > 1 ? t.len - 2 : 0);
    word = arena_strndup(a, text, t.len);
    for (char *p = word; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return word;
}

static struct words words_of(struct arena *a, const char *text)
{
    struct words w = {0};
    size_t cap = 0;
    struct token t;

    for (; (t = lexer_token(text)).kind != TOKEN_END; text += t.len) {
        if (t.kind == TOKEN_BLANK || t.kind == TOKEN_COMMENT)
            continue;
        if (w.n == cap) {
            cap = cap ? 2 * cap : 32;
            w.list = arena_grow(a, w.list, w.n, cap, sizeof *w.list);
        }
        w.list[w.n++] = word_of(a, text, t);
    }
    return w;
}

/* The words of pattern, up to a * or its end, at that place: behind them, or
 * 0. */
static size_t run_at(const char *pattern, const struct words *w, size_t at)
{
    while (*pattern && *pattern != '*') {
        size_t n = strcspn(pattern, " ");
        if (*pattern == '|')
            return at == w->n ? at : 0;
        if (at >= w->n || strlen(w->list[at]) != n ||
            strncmp(w->list[at], pattern, n) != 0)
            return 0;
        at++;
        pattern += n + (pattern[n] == ' ');
    }
    return at;
}

/* A pattern is words with blanks between; * is any number of words, | at the
 * end: there are no more. The first place that fits is taken: one pass. */
static bool match(const char *pattern, const struct words *w)
{
    bool anywhere = false;
    size_t at = 0;

    while (*pattern) {
        size_t behind = 0;
        if (*pattern == '*') {
            anywhere = true;
            pattern += 2;
        }
        do
            behind = run_at(pattern, w, at);
        while (!behind && anywhere && ++at < w->n);
        if (!behind)
            return false;
        at = behind;
        pattern += strcspn(pattern, "*");
    }
    return true;
}

/* ---- what it is ---- */

static const char *const commands[] = {
    "abort",      "alter",      "analyse", "analyze",  "begin",    "call",
    "checkpoint", "close",      "cluster", "comment",  "commit",   "copy",
    "create",     "deallocate", "declare", "delete",   "discard",  "do",
    "drop",       "end",        "execute", "explain",  "fetch",    "grant",
    "import",     "insert",     "listen",  "load",     "lock",     "merge",
    "move",       "notify",     "prepare", "reassign", "refresh",  "reindex",
    "release",    "repack",     "reset",   "revoke",   "rollback", "savepoint",
    "security",   "select",     "set",     "show",     "start",    "table",
    "truncate",   "unlisten",   "update",  "vacuum",   "values",   "wait",
    "with",
};

bool words_begin(const char *text)
{
    struct token t;

    text += lexer_skip(text);
    t = lexer_token(text);
    if (t.kind == TOKEN_SYMBOL)
        return *text == '(';
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strlen(commands[i]) == t.len &&
            strncasecmp(commands[i], text, t.len) == 0)
            return true;
    return false;
}

const char *words_kind(struct arena *a, const char *text)
{
    struct buf b;
    struct token t;
    int n = 0;

    buf_init(&b);
    for (; (t = lexer_token(text)).kind != TOKEN_END && n < 2; text += t.len) {
        if (t.kind == TOKEN_BLANK || t.kind == TOKEN_COMMENT)
            continue;
        if (t.kind != TOKEN_WORD || t.len > 30)
            break;
        buf_printf(&b, "%s", n++ ? " " : "");
        for (size_t i = 0; i < t.len; i++)
            buf_char(&b, (char)toupper((unsigned char)text[i]));
    }
    if (!n)
        buf_str(&b, "statement");
    return buf_into(&b, a);
}

/* ---- outside of any transaction ---- */

static const char *const alone[] = {
    "vacuum",
    "reindex database",
    "reindex schema",
    "reindex system",
    "reindex * concurrently",
    "create index concurrently",
    "create unique index concurrently",
    "drop index concurrently",
    "cluster |",
    "repack",
    "create database",
    "drop database",
    "alter database * set tablespace",
    "alter system",
    "create tablespace",
    "drop tablespace",
    "create subscription",
    "drop subscription",
    "alter subscription * refresh",
    "alter table * detach * concurrently",
};

bool words_alone(struct arena *a, const char *text)
{
    struct words w = words_of(a, text);

    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (match(alone[i], &w))
            return true;
    return false;
}

/* ---- refused ---- */

#define CONTROL                                      \
    ERR_INPUT, "transaction control in a migration", \
        "tidegate begins and ends the transaction", "delete the statement"
#define FIRM_SETTING                                                         \
    ERR_REFUSED, "a migration changes a setting that tidegate keeps",        \
        "role, search_path, timeouts and replication role are set anew for " \
        "each migration, so that all run alike",                             \
        "qualify names with their schema; timeouts: -- tidegate: "           \
        "lock_timeout=2s statement_timeout=10m"
#define SETTING FIRM_SETTING, REFUSES_SETTINGS
#define SERVER                                                               \
    ERR_REFUSED, "a migration reaches outside of the database",              \
        "programs and files of the database server, and other servers, are " \
        "no part of a schema",                                               \
        "bring the data in with INSERT"
#define OURS                                                 \
    ERR_INPUT, "touches schema tidegate",                    \
        "it holds what tidegate remembers of this database", \
        "leave schema tidegate alone"
#define PSQL                                                        \
    ERR_INPUT, "not SQL: a variable of psql",                       \
        "psql would put a text in there, and migrations go to the " \
        "database itself",                                          \
        "write the text itself; sqitch's :'DBNAME' and :\"DBNAME\" are read"

static const struct {
    const char *pattern;
    enum err_code code;
    const char *what, *why, *fix;
    enum refusals may; /* the policy allows it; 0: never */
} refused[] = {
    {"begin", CONTROL},
    {"start transaction", CONTROL},
    {"commit", CONTROL},
    {"end", CONTROL},
    {"abort", CONTROL},
    {"rollback |", CONTROL},
    {"rollback work", CONTROL},
    {"rollback transaction", CONTROL},
    {"rollback and", CONTROL},
    {"rollback prepared", CONTROL},
    {"prepare transaction", CONTROL},
    {"set role", SETTING},
    {"set session role", SETTING},
    {"set local role", SETTING},
    {"set session authorization", SETTING},
    {"set search_path", SETTING},
    {"set session search_path", SETTING},
    {"* lock_timeout", SETTING},
    {"* statement_timeout", SETTING},
    {"* transaction_timeout", SETTING},
    {"* session_replication_role", SETTING},
    {"reset", FIRM_SETTING},
    {"discard", FIRM_SETTING},
    {"alter * disable trigger", ERR_REFUSED, "a migration disables triggers",
     "foreign keys and the application's own rules are triggers",
     "leave them on", REFUSES_TRIGGERS},
    {"drop database", ERR_REFUSED, "a migration drops a database",
     "that cannot be undone, nor rehearsed",
     "do it by hand, outside of a release", REFUSES_DATABASES},
    {"copy * program", SERVER, REFUSES_SERVER},
    {"copy * from '", SERVER, REFUSES_SERVER},
    {"copy * to '", SERVER, REFUSES_SERVER},
    {"load", SERVER, REFUSES_SERVER},
    {"* tidegate .", OURS},
    {"* schema tidegate", OURS},
    {"* schema if exists tidegate", OURS},
    {"* schema if not exists tidegate", OURS},
    {"create index concurrently on", ERR_INPUT,
     "CREATE INDEX CONCURRENTLY without a name",
     "after a crash nobody could tell whether it is there",
     "write CREATE INDEX CONCURRENTLY NAME ON ..."},
};

/* :name, :'name' or :"name", where PostgreSQL knows :: and := only. */
static bool has_variable(const char *text)
{
    struct token t;
    char before = ' ';

    for (; (t = lexer_token(text)).kind != TOKEN_END; text += t.len) {
        const char *next = text + 1;
        if (t.kind == TOKEN_SYMBOL && *text == ':' && before != ':' &&
            (isalpha((unsigned char)*next) || strchr("_'\"", *next)) && *next)
            return true;
        before = text[t.len - 1];
    }
    return false;
}

static bool refuse(const char *at, struct err *e, enum err_code code,
                   const char *what, const char *why, const char *fix)
{
    err_what(e, code, "%s: %s", at, what);
    err_why(e, "%s", why);
    return err_fix(e, "%s", fix);
}

bool words_allow(struct arena *a, const char *text, unsigned allowed,
                 const char *at, struct err *e)
{
    struct words w = words_of(a, text);

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (!(refused[i].may & allowed) && match(refused[i].pattern, &w))
            return refuse(at, e, refused[i].code, refused[i].what,
                          refused[i].why, refused[i].fix);
    if (!(allowed & REFUSES_SERVER) && (reach_of_text(text) & REACH_SERVER))
        return refuse(at, e, SERVER);
    return !has_variable(text) || refuse(at, e, PSQL);
}
