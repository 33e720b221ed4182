#include "migrations/hazards/refusals_reach.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "migrations/hazards/subject.h"
#include "migrations/text/lexer.h"

/* EXECUTE of a string that holds EXECUTE of a string ... */
#define NESTING_MAX 4

bool reach_is_kept(const char *setting)
{
    static const char *const kept[] = {
        "role",         "session_authorization", "search_path",
        "lock_timeout", "statement_timeout",     "session_replication_role"};

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strcasecmp(setting, kept[i]) == 0)
            return true;
    return false;
}

/* ---- functions of PostgreSQL 15 and its contrib modules ---- */

static bool is_server_function(const char *name)
{
    static const char *const names[] = {
        "pg_read_file",     "pg_read_binary_file", "pg_stat_file",
        "lo_import",        "lo_export",           "pg_file_write",
        "pg_file_read",     "pg_file_rename",      "pg_file_unlink",
        "pg_file_sync",     "pg_file_length",      "pg_logdir_ls",
        "pg_logfile_rotate"};
    static const char *const families[] = {"pg_ls_", "dblink", "postgres_fdw_"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strncasecmp(name, families[i], strlen(families[i])) == 0)
            return true;
    return false;
}

/* ---- trees ---- */

static const char *text_of(const struct node *constant)
{
    if (node_is(constant, "TypeCast"))
        constant = node_get(constant, "arg");
    if (!node_is(constant, "AConst"))
        return "";
    return node_str(node_get(constant, "sval"), "sval");
}

static bool is_true(const struct node *constant)
{
    const char *text = text_of(constant);

    if (node_is(constant, "TypeCast"))
        constant = node_get(constant, "arg");
    return *text == 't' ||
           (node_is(constant, "AConst") &&
            node_bool(node_get(constant, "boolval"), "boolval"));
}

/* set_config('search_path', ...) does what SET does; for the transaction
 * alone it ends before ours comes. */
static bool sets_kept(const struct node *call)
{
    const char *setting = text_of(node_item(call, "args", 0));

    return reach_is_kept(setting) &&
           !(strcasecmp(setting, "search_path") == 0 &&
             is_true(node_item(call, "args", 2)));
}

/* file_fdw's tables read files and programs. */
static bool foreign_file(const struct node *option)
{
    return subject_word_in(node_str(option, "defname"), "program filename");
}

static bool add_reached(const struct node *n, void *arg)
{
    unsigned *found = arg;

    if (node_is(n, "CreateFunctionStmt"))
        return true;
    if (node_is(n, "FuncCall")) {
        const char *name = subject_last(n, "funcname");
        if (is_server_function(name))
            *found |= REACH_SERVER;
        else if (strcasecmp(name, "set_config") == 0 && sets_kept(n))
            *found |= REACH_SETTING;
    }
    return true;
}

static unsigned of_foreign_table(const struct node *stmt)
{
    for (size_t i = 0; i < node_count(stmt, "options"); i++)
        if (foreign_file(node_item(stmt, "options", i)))
            return REACH_SERVER;
    return REACH_NOTHING;
}

/* ---- the words of a DO block ---- */

struct words {
    char last[64]; /* the word before this one, in small letters */
    bool starts;   /* a statement begins with the next word */
    bool copies;   /* COPY, and no semicolon since */
    bool sets;     /* the statement is SET, and its setting comes */
    int nesting;
};

static void small(char *out, size_t size, const char *text, size_t len)
{
    size_t i = 0;

    for (; i < len && i + 1 < size; i++)
        out[i] =
            text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
    out[i] = '\0';
}

static unsigned of_words(const char *text, size_t len, struct words *w);

/* How long the quotes of a string are: ' or E' or $tag$. */
static size_t opening(const char *text)
{
    size_t at = strcspn(text, "'$");

    return text[at] == '$' ? at + 2 + strcspn(text + at + 1, "$") : at + 1;
}

/* A string's content: the name that set_config is given, a file of COPY, or
 * what EXECUTE runs. */
static unsigned of_string(const char *text, size_t len, struct words *w)
{
    struct words inner = {.starts = true, .nesting = w->nesting + 1};
    size_t from = opening(text), quotes = *text == '$' ? 2 * from : from + 1;
    char name[64];

    if (w->copies && subject_word_in(w->last, "from to"))
        return REACH_SERVER;
    if (len < quotes)
        return REACH_NOTHING;
    small(name, sizeof name, text + from, len - quotes);
    /* search_path may be for the transaction alone: its third argument is an
     * expression, and settings are looked at again after the file */
    if (strcmp(w->last, "set_config") == 0 && reach_is_kept(name) &&
        strcmp(name, "search_path") != 0)
        return REACH_SETTING;
    if (inner.nesting > NESTING_MAX)
        return REACH_NOTHING;
    return of_words(text + from, len - quotes, &inner);
}

/* UPDATE ... SET role = ... is no SET. */
static void follow(struct words *w, const char *word)
{
    bool set = w->starts && strcmp(word, "set") == 0;

    w->sets = set || (w->sets && subject_word_in(word, "session local"));
    w->starts = subject_word_in(word, "begin then else loop");
    w->copies |= strcmp(word, "copy") == 0;
    snprintf(w->last, sizeof w->last, "%s", word);
}

static unsigned of_word(const char *text, size_t len, bool schema,
                        struct words *w)
{
    char word[sizeof w->last];
    unsigned found = REACH_NOTHING;

    small(word, sizeof word, text, len);
    if (schema && strcmp(word, "tidegate") == 0)
        return REACH_OURS;
    if (is_server_function(word) ||
        (w->copies && strcmp(word, "program") == 0 &&
         subject_word_in(w->last, "from to")))
        found |= REACH_SERVER;
    if (strcmp(word, "trigger") == 0 && strcmp(w->last, "disable") == 0)
        found |= REACH_TRIGGERS;
    if (w->sets && reach_is_kept(word) && strcmp(word, "search_path") != 0)
        found |= REACH_SETTING;
    follow(w, word);
    return found;
}

static unsigned of_words(const char *text, size_t len, struct words *w)
{
    const char *end = text + len;
    unsigned found = REACH_NOTHING;
    struct token t;

    while (!(found & REACH_OURS) && text < end &&
           (t = lexer_token(text)).kind != TOKEN_END) {
        size_t n = t.len < (size_t)(end - text) ? t.len : (size_t)(end - text);
        if (t.kind == TOKEN_WORD)
            found |= of_word(text, n, text[n] == '.', w);
        else if (t.kind == TOKEN_NAME && n > 2)
            found |= of_word(text + 1, n - 2, text[n] == '.', w);
        else if (t.kind == TOKEN_STRING)
            found |= of_string(text, n, w);
        else if (*text == ';')
            *w = (struct words){.starts = true, .nesting = w->nesting};
        text += n;
    }
    return found;
}

unsigned reach_of_text(const char *text)
{
    struct words w = {.starts = true};

    return of_words(text, strlen(text), &w);
}

static unsigned of_do(const struct node *stmt)
{
    unsigned found = REACH_NOTHING;

    for (size_t i = 0; i < node_count(stmt, "args"); i++) {
        const struct node *o = node_item(stmt, "args", i);
        if (strcmp(node_str(o, "defname"), "as") == 0)
            found |= reach_of_text(node_str(node_get(o, "arg"), "sval"));
    }
    return found;
}

unsigned reach_of(const struct node *stmt)
{
    unsigned found = REACH_NOTHING;

    if (node_is(stmt, "CreateFunctionStmt"))
        return found;
    if (node_is(stmt, "DoStmt"))
        return of_do(stmt);
    if (node_is(stmt, "CreateForeignTableStmt"))
        found = of_foreign_table(stmt);
    if (!found)
        node_walk(stmt, add_reached, &found);
    return found;
}
