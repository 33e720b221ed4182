#include "migrations/read/batch.h"

#include <string.h>

#include "migrations/hazards/subject.h"
#include "migrations/text/parser.h"
#include "runner/base/buf.h"
#include "runner/base/escape.h"

struct reading {
    const struct statement *s;
    const char *file;
    struct arena *a; /* keeps what stays */
    struct batch *out;
    const struct node *stmt;
    const struct node *rows; /* the same, or an INSERT's SELECT */
    size_t relations;        /* rows come from */
    const char **names;      /* by which it knows the batch's table */
    size_t names_n;
    const char **only;
    size_t only_n;
    struct batch_mark *marks;
    size_t n, approved;
    bool lower, upper;
    struct err *e;
};

static bool bad(struct reading *r, const char *what, const char *why)
{
    err_what(r->e, ERR_INPUT, "%s:%d: %s", r->file, r->s->line, what);
    err_why(r->e, "%s", why);
    return err_fix(r->e,
                   "write one UPDATE, DELETE or INSERT ... SELECT with "
                   "WHERE %s%s%s BETWEEN $1 AND $2, further conditions joined "
                   "by AND",
                   r->relations > 1 && r->names_n ? r->names[0] : "",
                   r->relations > 1 && r->names_n ? "." : "", r->out->key);
}

static bool not_its_table(struct reading *r)
{
    const struct batch *b = r->out;

    bad(r, "the statement does not name the batch's table",
        arena_printf(r->a,
                     "%s%s%s is not what it changes, nor in its own FROM or "
                     "USING; an INSERT's target, subqueries and WITH do not "
                     "count",
                     b->schema, *b->schema ? "." : "", b->table));
    return err_fix(r->e, "name in batch= the table that the rows are of, with "
                         "a schema exactly if the statement has one");
}

/* ---- batch=TABLE key=COLUMN ---- */

static bool bad_names(const char *file, const struct directives *d,
                      struct err *e)
{
    err_what(e, ERR_INPUT, "%s: batch=%s key=%s names no column of a table",
             file, d->batch, d->key);
    err_why(e, "they are read as SELECT key FROM table, and do not parse so");
    return err_fix(e, "write names as SQL has them, without blanks: "
                      "batch=shop.orders key=id");
}

/* The parser folds and unquotes: the names are read as a query. */
static bool read_names(struct batch *b, struct arena *a, const char *file,
                       const struct directives *d, struct arena *scratch,
                       struct err *e)
{
    const char *text =
        arena_printf(scratch, "SELECT %s FROM %s", d->key, d->batch);
    const struct node *select, *table, *column;
    struct parse_failure failure;
    struct parsed p;

    if (!parser_parse(scratch, text, &p, &failure) || p.n != 1)
        return bad_names(file, d, e);
    select = p.list[0].tree;
    table = node_item(select, "from_clause", 0);
    column = node_get(node_item(select, "target_list", 0), "val");
    if (!node_is(table, "RangeVar") || !node_is(column, "ColumnRef") ||
        node_count(select, "from_clause") != 1 ||
        node_count(select, "target_list") != 1 ||
        node_count(column, "fields") != 1 || node_get(table, "alias") ||
        *node_str(table, "catalogname") ||
        !node_is(node_item(column, "fields", 0), "String") ||
        strchr(d->batch, '-') || strchr(d->key, '-'))
        return bad_names(file, d, e);
    b->schema = arena_strdup(a, node_str(table, "schemaname"));
    b->table = arena_strdup(a, node_str(table, "relname"));
    b->key = arena_strdup(a, node_str(node_item(column, "fields", 0), "sval"));
    return true;
}

/* ---- the range ---- */

static int param(const struct node *n)
{
    return node_is(n, "ParamRef") ? (int)node_int(n, "number") : 0;
}

/* ---- the batch's table among the statement's ---- */

static bool is_cte(const struct node *stmt, const struct node *relation)
{
    const struct node *with = node_get(stmt, "with_clause");

    if (*node_str(relation, "schemaname"))
        return false;
    for (size_t i = 0; i < node_count(with, "ctes"); i++)
        if (strcmp(node_str(node_item(with, "ctes", i), "ctename"),
                   node_str(relation, "relname")) == 0)
            return true;
    return false;
}

/* Without a schema it is what search_path finds, with one what stands there:
 * the two are not the same by name. */
static bool is_table(const struct reading *r, const struct node *relation)
{
    return strcmp(node_str(relation, "relname"), r->out->table) == 0 &&
           strcmp(node_str(relation, "schemaname"), r->out->schema) == 0 &&
           !*node_str(relation, "catalogname") &&
           !node_count(node_get(relation, "alias"), "colnames") &&
           !is_cte(r->stmt, relation) && !is_cte(r->rows, relation);
}

static void add_only(struct reading *r, const struct node *n)
{
    r->only =
        arena_grow(r->a, r->only, r->only_n, r->only_n + 2, sizeof *r->only);
    r->only[r->only_n++] = subject_relation(r->a, n);
    r->only[r->only_n] = NULL;
}

static void add_relation(struct reading *r, const struct node *n)
{
    const char *alias;

    if (node_is(n, "JoinExpr")) {
        add_relation(r, node_get(n, "larg"));
        add_relation(r, node_get(n, "rarg"));
        return;
    }
    r->relations++;
    if (node_is(n, "RangeVar") && !node_bool(n, "inh") && !is_cte(r->stmt, n) &&
        !is_cte(r->rows, n))
        add_only(r, n);
    if (!node_is(n, "RangeVar") || !is_table(r, n))
        return;
    alias = node_str(node_get(n, "alias"), "aliasname");
    r->names = arena_grow(r->a, r->names, r->names_n, r->names_n + 1,
                          sizeof *r->names);
    r->names[r->names_n++] = arena_strdup(r->a, *alias ? alias : r->out->table);
}

/* What the statement goes over itself: not what it inserts into, not what its
 * subqueries read. */
static void find_relations(struct reading *r)
{
    const char *from =
        node_is(r->stmt, "DeleteStmt") ? "using_clause" : "from_clause";

    if (r->rows == r->stmt)
        add_relation(r, node_get(r->stmt, "relation"));
    for (size_t i = 0; i < node_count(r->rows, from); i++)
        add_relation(r, node_item(r->rows, from, i));
}

/* "o.id", "orders.id", "shop.orders.id"; "id" where no other relation could be
 * meant. */
static bool is_key(const struct reading *r, const struct node *n)
{
    size_t count = node_is(n, "ColumnRef") ? node_count(n, "fields") : 0;
    const char *name;

    if (!count || count > 3 ||
        !node_is(node_item(n, "fields", count - 1), "String") ||
        strcmp(node_str(node_item(n, "fields", count - 1), "sval"),
               r->out->key) != 0)
        return false;
    if (count == 1)
        return r->relations == 1 && r->names_n == 1;
    if (count == 3 && strcmp(node_str(node_item(n, "fields", 0), "sval"),
                             r->out->schema) != 0)
        return false;
    name = node_str(node_item(n, "fields", count - 2), "sval");
    for (size_t i = 0; i < r->names_n; i++)
        if (strcmp(name, r->names[i]) == 0)
            return true;
    return false;
}

static void approve(struct reading *r, bool lower, bool upper)
{
    r->lower |= lower;
    r->upper |= upper;
    r->approved += (size_t)lower + upper;
}

static void look_between(struct reading *r, const struct node *n)
{
    const struct node *ends = node_get(n, "rexpr");

    if (is_key(r, node_get(n, "lexpr")) && node_count(ends, "items") == 2 &&
        param(node_item(ends, "items", 0)) == 1 &&
        param(node_item(ends, "items", 1)) == 2)
        approve(r, true, true);
}

/* key >= $1, $1 <= key, key <= $2, $2 >= key */
static void look_operator(struct reading *r, const struct node *n)
{
    const struct node *left = node_get(n, "lexpr"),
                      *right = node_get(n, "rexpr");
    const char *op = node_str(node_item(n, "name", 0), "sval");
    bool flipped = param(left) > 0, up, down;

    if (node_count(n, "name") != 1 || !is_key(r, flipped ? right : left))
        return;
    up = strcmp(op, flipped ? "<=" : ">=") == 0;
    down = strcmp(op, flipped ? ">=" : "<=") == 0;
    approve(r, up && param(flipped ? left : right) == 1,
            down && param(flipped ? left : right) == 2);
}

static void look_condition(struct reading *r, const struct node *n)
{
    if (node_is(n, "BoolExpr") &&
        strcmp(node_enum(n, "boolop"), "AND_EXPR") == 0)
        for (size_t i = 0; i < node_count(n, "args"); i++)
            look_condition(r, node_item(n, "args", i));
    if (!node_is(n, "AExpr"))
        return;
    if (strcmp(node_enum(n, "kind"), "AEXPR_BETWEEN") == 0)
        look_between(r, n);
    else if (strcmp(node_enum(n, "kind"), "AEXPR_OP") == 0)
        look_operator(r, n);
}

/* ---- the whole statement ---- */

static bool collect(const struct node *n, void *arg)
{
    struct reading *r = arg;

    if (!node_is(n, "ParamRef"))
        return true;
    r->marks = arena_grow(r->a, r->marks, r->n, r->n + 1, sizeof *r->marks);
    r->marks[r->n++] = (struct batch_mark){(size_t)node_int(n, "location"),
                                           (int)node_int(n, "number")};
    return true;
}

static void in_order(struct reading *r)
{
    for (size_t i = 1; i < r->n; i++)
        for (size_t j = i; j && r->marks[j].at < r->marks[j - 1].at; j--) {
            struct batch_mark m = r->marks[j];
            r->marks[j] = r->marks[j - 1];
            r->marks[j - 1] = m;
        }
}

static bool changes_key(const struct reading *r)
{
    for (size_t i = 0; i < node_count(r->stmt, "target_list"); i++)
        if (strcmp(node_str(node_item(r->stmt, "target_list", i), "name"),
                   r->out->key) == 0)
            return true;
    return false;
}

/* An INSERT's rows must be all of the range's. */
static bool passes_over(const struct node *select)
{
    return node_get(select, "limit_count") ||
           node_get(select, "limit_offset") ||
           node_count(select, "locking_clause") ||
           strcmp(node_enum(select, "op"), "SETOP_NONE") != 0;
}

static bool judge_kind(struct reading *r, const struct node **where)
{
    const struct node *select;

    if (node_is(r->stmt, "UpdateStmt") || node_is(r->stmt, "DeleteStmt")) {
        r->rows = r->stmt;
        *where = node_get(r->stmt, "where_clause");
        return !node_is(r->stmt, "UpdateStmt") || !changes_key(r) ||
               bad(r, "a batch cannot change its own key",
                   "rows that move would be done twice, or never");
    }
    if (!node_is(r->stmt, "InsertStmt"))
        return bad(r, "this statement has no rows to go through in batches",
                   "batches are for UPDATE, DELETE and INSERT ... SELECT");
    select = node_get(r->stmt, "select_stmt");
    r->rows = select;
    *where = node_get(select, "where_clause");
    return !passes_over(select) ||
           bad(r, "the SELECT may pass rows of its range over",
               "LIMIT, OFFSET, FOR UPDATE and UNION do not go with batches");
}

static bool judge(struct reading *r)
{
    const struct node *where = NULL;

    if (!judge_kind(r, &where))
        return false;
    find_relations(r);
    look_condition(r, where);
    node_walk(r->stmt, collect, r);
    in_order(r);
    if (!r->names_n)
        return not_its_table(r);
    if (!r->lower || !r->upper || r->approved != r->n)
        return bad(r, "the statement is not bound to its batch",
                   r->relations > 1
                       ? "each row is done once with >= $1 and <= $2 on the "
                         "key alone, and of several tables it says whose it is"
                       : "both ends belong to a batch, so each row is done "
                         "once with >= $1 and <= $2 on the key alone");
    return true;
}

/* ---- reading ---- */

bool batch_is_said(const struct directives *d)
{
    return d->batch || d->key || d->batch_size || d->pause_ms >= 0 ||
           d->max_lag_ms >= 0;
}

static bool lone_words(const struct script *s, const struct directives *d,
                       struct err *e)
{
    if (!batch_is_said(d))
        return true;
    err_what(e, ERR_INPUT, "%s: key, size, pause and max_lag are of a batch",
             s->file);
    err_why(e, "no directive says which table the batches are of");
    return err_fix(e, "write: -- tidegate: batch=TABLE key=COLUMN");
}

static bool one_statement(const struct script *s, const struct directives *d,
                          struct err *e)
{
    if (d->key && s->n == 1 && !d->no_transaction)
        return true;
    if (!d->key) {
        err_what(e, ERR_INPUT, "%s: batch=%s has no key", s->file, d->batch);
        err_why(e, "batches are ranges of a unique column");
        return err_fix(e, "write: -- tidegate: batch=%s key=COLUMN", d->batch);
    }
    err_what(e, ERR_INPUT, "%s: a batch is one statement by itself", s->file);
    err_why(e, "%s",
            s->n == 1 ? "transaction=none says otherwise"
                      : "the file holds several, and each batch is a "
                        "transaction");
    return err_fix(e, "%s",
                   s->n == 1 ? "leave transaction=none out"
                             : "put the others into migrations of their own");
}

bool batch_read(struct script *s, const struct directives *d, struct arena *a,
                struct err *e)
{
    struct arena scratch;
    struct parse_failure failure;
    struct parsed p;
    struct batch *b;
    struct reading r = {.file = s->file, .a = a, .e = e};
    bool ok;

    if (!d->batch)
        return lone_words(s, d, e);
    if (!one_statement(s, d, e))
        return false;
    b = arena_array(a, 1, sizeof *b);
    *b = (struct batch){
        .size = d->batch_size ? d->batch_size : BATCH_SIZE,
        .pause_ms = d->pause_ms > 0 ? d->pause_ms : 0,
        .max_lag_ms = d->max_lag_ms,
    };
    r.s = s->statements;
    r.out = b;
    arena_init(&scratch);
    ok = read_names(b, a, s->file, d, &scratch, e);
    if (ok && (!parser_parse(&scratch, r.s->text, &p, &failure) || p.n != 1))
        ok = bad(&r, "the statement does not parse by itself",
                 "batches need the parser's tree");
    if (ok) {
        r.stmt = p.list[0].tree;
        ok = judge(&r);
    }
    arena_release(&scratch);
    b->marks = r.marks;
    b->n = r.n;
    b->only = r.only;
    s->batch = ok ? b : NULL;
    s->transaction = false;
    return ok;
}

/* Those of PREPARE, and of a function's body, are their own. */
static bool find_mark(const struct node *n, void *arg)
{
    int *number = arg;

    if (node_is(n, "PrepareStmt") || node_is(n, "CreateFunctionStmt"))
        return false;
    if (!*number)
        *number = param(n);
    return true;
}

bool batch_needs_none(const struct node *stmt, const char *at, struct err *e)
{
    int number = 0;

    node_walk(stmt, find_mark, &number);
    if (!number)
        return true;
    err_what(e, ERR_INPUT, "%s: $%d, and no batch", at, number);
    err_why(e, "nothing fills it in: $1 and $2 are the ends of a batch, and no "
               "directive says that this goes in batches");
    return err_fix(e, "write the value itself, or at the top: -- tidegate: "
                      "batch=TABLE key=COLUMN");
}

bool batch_is_empty(const struct script *s, const char *table, struct err *e)
{
    err_what(e, ERR_INPUT, "%s:%d: ONLY %s has no rows", s->file,
             s->statements[0].line, table);
    err_why(e, "it is a partitioned table: all rows are in its partitions, "
               "which ONLY leaves out, so no batch would do anything");
    return err_fix(e, "leave ONLY out, or name a partition");
}

char *batch_text(struct arena *a, const struct script *s, const char *from,
                 const char *to)
{
    const struct batch *b = s->batch;
    const char *text = s->statements[0].text;
    size_t at = 0;
    struct buf out;

    buf_init(&out);
    for (size_t i = 0; i < b->n; i++) {
        buf_add(&out, text + at, b->marks[i].at - at);
        buf_str(&out, b->marks[i].number == 1 ? from : to);
        at = b->marks[i].at + 1;
        at += strspn(text + at, "0123456789");
    }
    buf_str(&out, text + at);
    return buf_into(&out, a);
}
