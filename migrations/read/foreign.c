#include "migrations/read/foreign.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY_MS (24 * 3600 * 1000LL)

/* ---- timeouts ---- */

static const struct {
    const char *name;
    int64_t ms;
} units[] = {
    {"", 1},        {"ms", 1},      {"s", 1000},
    {"min", 60000}, {"h", 3600000}, {"d", DAY_MS},
};

/* "90", "30s", "5 min" in ms; -1: nothing we read. */
static int64_t span_of(const char *text)
{
    char *end;
    long long n = strtoll(text, &end, 10);

    end += strspn(end, " ");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].name) == 0 && n >= 0 && end != text)
            return n > DAY_MS / units[i].ms ? DAY_MS : n * units[i].ms;
    return -1;
}

/* The value of a SET in ms; -1: none that we read. */
static int64_t set_to(const struct node *stmt)
{
    const struct node *value = node_item(stmt, "args", 0);
    const struct node *number;

    if (strcmp(node_enum(stmt, "kind"), "VAR_SET_VALUE") != 0)
        return 0; /* to DEFAULT, RESET */
    if (!node_is(value, "AConst"))
        return -1;
    number = node_get(value, "ival");
    return number ? node_int(number, "ival")
                  : span_of(node_str(node_get(value, "sval"), "sval"));
}

static bool take_timeout(const struct split_piece *p, struct script *out)
{
    static const char *const names[] = {"lock_timeout", "statement_timeout"};
    int64_t *const to[] = {&out->lock_timeout_ms, &out->statement_timeout_ms};

    for (size_t i = 0; i < 2 && node_is(p->tree, "VariableSetStmt"); i++) {
        int64_t ms;
        if (strcasecmp(node_str(p->tree, "name"), names[i]) != 0)
            continue;
        ms = set_to(p->tree);
        if (ms < 0)
            return false;
        if (ms > 0 && *to[i] < 0)
            *to[i] = ms < DAY_MS ? ms : DAY_MS;
        out->timeouts = true;
        return true;
    }
    return false;
}

/* ---- the end ---- */

static bool is_any_control(const struct split_piece *p)
{
    return node_is(p->tree, "TransactionStmt") &&
           strstr("TRANS_STMT_SAVEPOINT TRANS_STMT_RELEASE "
                  "TRANS_STMT_ROLLBACK_TO",
                  node_enum(p->tree, "kind")) == NULL;
}

/* The tool has begun a transaction, and the file ends it. */
static bool ends_it(const struct split_pieces *p, bool undone)
{
    if (!p->n ||
        !split_is_control(&p->list[p->n - 1], "TRANS_STMT_COMMIT",
                          undone ? "TRANS_STMT_ROLLBACK" : "TRANS_STMT_COMMIT"))
        return false;
    for (size_t i = 0; i + 1 < p->n; i++)
        if (is_any_control(&p->list[i]))
            return false;
    return true;
}

void foreign_settle(struct split_pieces *pieces, bool undone,
                    struct script *out)
{
    size_t n = 0;

    if (ends_it(pieces, undone)) {
        out->wrapped = true;
        pieces->n--;
    }
    for (size_t i = 0; i < pieces->n; i++)
        if (!take_timeout(&pieces->list[i], out))
            pieces->list[n++] = pieces->list[i];
    pieces->n = n;
}

/* ---- what is allowed ---- */

static bool sets_search_path(const struct node *stmt)
{
    return node_is(stmt, "VariableSetStmt") &&
           strcasecmp(node_str(stmt, "name"), "search_path") == 0;
}

/* SELECT set_config('search_path', ...), alone. */
static bool selects_search_path(const struct node *stmt)
{
    const struct node *call, *first, *name;

    if (!node_is(stmt, "SelectStmt") || node_count(stmt, "target_list") != 1 ||
        node_count(stmt, "from_clause"))
        return false;
    call = node_get(node_item(stmt, "target_list", 0), "val");
    if (!node_is(call, "FuncCall") || !node_count(call, "funcname"))
        return false;
    name = node_item(call, "funcname", node_count(call, "funcname") - 1);
    first = node_item(call, "args", 0);
    return node_is(name, "String") &&
           strcmp(node_str(name, "sval"), "set_config") == 0 &&
           node_is(first, "AConst") &&
           strcasecmp(node_str(node_get(first, "sval"), "sval"),
                      "search_path") == 0;
}

static const struct {
    const char *off, *on;
} pauses[] = {
    {"AT_DisableTrig", "AT_EnableTrig"},
    {"AT_DisableTrigUser", "AT_EnableTrigUser"},
    {"AT_DisableTrigAll", "AT_EnableTrigAll"},
};

/* The one command of an ALTER TABLE, when it is of that kind; else NULL. */
static const struct node *command_of(const struct node *stmt,
                                     const char *subtype)
{
    const struct node *cmd;

    if (!node_is(stmt, "AlterTableStmt") || node_count(stmt, "cmds") != 1)
        return NULL;
    cmd = node_item(stmt, "cmds", 0);
    return strcmp(node_enum(cmd, "subtype"), subtype) == 0 ? cmd : NULL;
}

static bool same_table(const struct node *x, const struct node *y)
{
    const struct node *a = node_get(x, "relation"),
                      *b = node_get(y, "relation");

    return strcmp(node_str(a, "relname"), node_str(b, "relname")) == 0 &&
           strcmp(node_str(a, "schemaname"), node_str(b, "schemaname")) == 0;
}

/* Disables what a later statement enables again. */
static bool pauses_trigger(const struct split_piece *p,
                           const struct split_pieces *pieces)
{
    const struct node *off = NULL, *on;
    size_t i = 0;

    while (i < sizeof pauses / sizeof *pauses &&
           !(off = command_of(p->tree, pauses[i].off)))
        i++;
    for (const struct split_piece *q = p + 1;
         off && q < pieces->list + pieces->n; q++) {
        on = command_of(q->tree, pauses[i].on);
        if (on && strcmp(node_str(on, "name"), node_str(off, "name")) == 0 &&
            same_table(p->tree, q->tree))
            return true;
    }
    return false;
}

bool foreign_sets_path(const struct split_piece *p)
{
    return p->tree &&
           (selects_search_path(p->tree) ||
            (sets_search_path(p->tree) &&
             strcmp(node_enum(p->tree, "kind"), "VAR_SET_VALUE") == 0));
}

bool foreign_pauses(const struct split_piece *p,
                    const struct split_pieces *pieces)
{
    return p->tree && pauses_trigger(p, pieces);
}

bool foreign_allows(const struct split_piece *p,
                    const struct split_pieces *pieces)
{
    return sets_search_path(p->tree) || selects_search_path(p->tree) ||
           pauses_trigger(p, pieces);
}

bool foreign_allows_undone(const struct split_piece *p)
{
    const char *name;

    if (!node_is(p->tree, "VariableSetStmt"))
        return false;
    name = node_str(p->tree, "name");
    return strcasecmp(name, "role") == 0 ||
           strcasecmp(name, "session_authorization") == 0;
}

bool foreign_reads(const struct split_piece *p,
                   const struct split_pieces *pieces)
{
    struct script ignored = {.lock_timeout_ms = -1, .statement_timeout_ms = -1};

    return p->tree && (foreign_allows(p, pieces) || take_timeout(p, &ignored));
}
