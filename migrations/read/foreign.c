#include "migrations/read/foreign.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "migrations/hazards/refusals_reach.h"

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

/* Savepoints are none: what is within a transaction may go back to one. */
static bool is_any_control(const struct split_piece *p)
{
    static const char *const within[] = {
        "TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO"};

    if (!node_is(p->tree, "TransactionStmt"))
        return false;
    for (size_t i = 0; i < sizeof within / sizeof *within; i++)
        if (strcmp(node_enum(p->tree, "kind"), within[i]) == 0)
            return false;
    return true;
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

/* Where all control is plain, and no BEGIN is left open at the end (the tool
 * would roll that back): the first of it, else NULL. A COMMIT may also end what
 * the tool has begun. undone: so may a ROLLBACK at the end, or nothing. */
static const struct split_piece *parts(const struct split_pieces *p,
                                       bool undone)
{
    const struct split_piece *first = NULL;
    bool open = false;

    for (size_t i = 0; i < p->n; i++) {
        const struct split_piece *piece = &p->list[i];
        if (!is_any_control(piece))
            continue;
        if (split_is_control(piece, "TRANS_STMT_COMMIT",
                             undone && i + 1 == p->n ? "TRANS_STMT_ROLLBACK"
                                                     : ""))
            open = false;
        else if (!open && split_is_control(piece, "TRANS_STMT_BEGIN",
                                           "TRANS_STMT_START"))
            open = true;
        else
            return NULL;
        first = first ? first : piece;
    }
    return open && !undone ? NULL : first;
}

static void join_parts(struct split_pieces *p, bool undone, struct script *out)
{
    const struct split_piece *first = parts(p, undone);
    size_t n = 0;

    if (!first)
        return;
    out->wrapped = true;
    out->joined = first->at.line;
    for (size_t i = 0; i < p->n; i++)
        if (!is_any_control(&p->list[i]))
            p->list[n++] = p->list[i];
    p->n = n;
}

/* One BEGIN at the top, and a COMMIT at the end. */
static bool is_one_part(const struct split_pieces *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        n += is_any_control(&p->list[i]);
    return n == 2 &&
           split_is_control(&p->list[0], "TRANS_STMT_BEGIN",
                            "TRANS_STMT_START") &&
           is_any_control(&p->list[p->n - 1]);
}

void foreign_settle(struct split_pieces *pieces, bool undone,
                    struct script *out)
{
    size_t n = 0;

    if (!is_one_part(pieces) && !ends_it(pieces, undone))
        join_parts(pieces, undone, out);
    out->wrapped |= split_unwrap(pieces, undone);
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

static const struct pause {
    const char *off, *on;
} pauses[] = {
    {"AT_DisableTrig", "AT_EnableTrig"},
    {"AT_DisableTrigUser", "AT_EnableTrigUser"},
    {"AT_DisableTrigAll", "AT_EnableTrigAll"},
};

/* One command of an ALTER TABLE disables triggers: how; or NULL. */
static const struct pause *pause_of(const struct node *cmd)
{
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++)
        if (strcmp(node_enum(cmd, "subtype"), pauses[i].off) == 0)
            return &pauses[i];
    return NULL;
}

static bool same_table(const struct node *x, const struct node *y)
{
    const struct node *a = node_get(x, "relation"),
                      *b = node_get(y, "relation");

    return strcmp(node_str(a, "relname"), node_str(b, "relname")) == 0 &&
           strcmp(node_str(a, "schemaname"), node_str(b, "schemaname")) == 0;
}

static bool enables(const struct node *stmt, const struct pause *pause,
                    const char *trigger)
{
    for (size_t i = 0; i < node_count(stmt, "cmds"); i++) {
        const struct node *cmd = node_item(stmt, "cmds", i);
        if (strcmp(node_enum(cmd, "subtype"), pause->on) == 0 &&
            strcmp(node_str(cmd, "name"), trigger) == 0)
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

/* A later statement enables what the command of p disables. */
static bool comes_back(const struct node *cmd, const struct split_piece *p,
                       const struct split_pieces *pieces)
{
    for (const struct split_piece *q = p + 1; q < pieces->list + pieces->n; q++)
        if (node_is(q->tree, "AlterTableStmt") &&
            same_table(p->tree, q->tree) &&
            enables(q->tree, pause_of(cmd), node_str(cmd, "name")))
            return true;
    return false;
}

/* A statement before p has made the one trigger that the command disables. */
static bool is_new(const struct node *cmd, const struct split_piece *p,
                   const struct split_pieces *pieces)
{
    for (const struct split_piece *q = pieces->list; q < p; q++)
        if (pause_of(cmd) == &pauses[0] && node_is(q->tree, "CreateTrigStmt") &&
            strcmp(node_str(q->tree, "trigname"), node_str(cmd, "name")) == 0 &&
            same_table(p->tree, q->tree))
            return true;
    return false;
}

/* Disables triggers, and none that was there stays so; n: how many were. */
static bool pauses_triggers(const struct split_piece *p,
                            const struct split_pieces *pieces, size_t *n)
{
    *n = 0;
    if (!node_is(p->tree, "AlterTableStmt"))
        return false;
    for (size_t i = 0; i < node_count(p->tree, "cmds"); i++) {
        const struct node *cmd = node_item(p->tree, "cmds", i);
        if (!pause_of(cmd))
            return false;
        if (is_new(cmd, p, pieces))
            continue;
        if (!comes_back(cmd, p, pieces))
            return false;
        ++*n;
    }
    return true;
}

bool foreign_pauses(const struct split_piece *p,
                    const struct split_pieces *pieces)
{
    size_t n;

    return p->tree && pauses_triggers(p, pieces, &n) && n > 0;
}

bool foreign_allows(const struct split_piece *p,
                    const struct split_pieces *pieces)
{
    size_t ignored;

    return sets_search_path(p->tree) || selects_search_path(p->tree) ||
           pauses_triggers(p, pieces, &ignored);
}

bool foreign_allows_undone(const struct split_piece *p)
{
    const char *name;

    if (node_is(p->tree, "DoStmt"))
        return reach_of(p->tree) == REACH_SETTING;
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

    return p->tree && (foreign_allows(p, pieces) || take_timeout(p, &ignored) ||
                       (is_any_control(p) && parts(pieces, false)));
}
