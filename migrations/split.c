#include "migrations/split.h"

#include <string.h>
#include <strings.h>

#include "migrations/batch.h"
#include "migrations/hazards.h"
#include "migrations/lexer.h"
#include "migrations/parser.h"
#include "migrations/refusals.h"
#include "runner/base/escape.h"

/* ---- bytes ---- */

static bool bad_bytes(const struct sql_file *file, size_t at, const char *why,
                      struct err *e)
{
    int line = 1;

    for (size_t i = 0; i < at; i++)
        line += file->bytes[i] == '\n';
    err_what(e, ERR_INPUT, "%s:%d: the file is no SQL text", file->name, line);
    err_why(e, "byte %zu: %s", at, why);
    return err_fix(e, "save it as UTF-8 text");
}

static size_t first_invalid(const char *bytes, size_t len)
{
    size_t good = 0;

    /* a sequence is at most four bytes long */
    while (good < len) {
        size_t n = 1;
        while (n <= 4 && good + n <= len && !utf8_valid(bytes + good, n))
            n++;
        if (n > 4 || good + n > len)
            return good;
        good += n;
    }
    return good;
}

char *split_normalise(struct arena *a, const struct sql_file *file,
                      struct err *e)
{
    const char *in = file->bytes;
    size_t len = file->len, n = 0;
    char *out;

    if (len > MIGRATION_LIMIT) {
        err_what(e, ERR_INPUT, "%s: the file is too large", file->name);
        err_why(e, "%zu bytes; a migration has at most %d", len,
                MIGRATION_LIMIT);
        err_fix(e, "split it into several migrations");
        return NULL;
    }
    if (memchr(in, '\0', len)) {
        bad_bytes(file, (size_t)((const char *)memchr(in, '\0', len) - in),
                  "a NUL", e);
        return NULL;
    }
    if (!utf8_valid(in, len)) {
        bad_bytes(file, first_invalid(in, len), "invalid UTF-8", e);
        return NULL;
    }
    out = arena_alloc(a, len + 1);
    for (size_t i = len >= 3 && memcmp(in, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
         i < len; i++)
        if (in[i] != '\r')
            out[n++] = in[i];
        else if (i + 1 == len || in[i + 1] != '\n')
            out[n++] = '\n';
    return out;
}

/* ---- texts that do not parse ---- */

/* Is the byte inside a line that begins with a backslash? Which word? */
static const char *psql_command(const char *text, size_t offset)
{
    const char *line = text + offset;

    while (line > text && line[-1] != '\n')
        line--;
    line += strspn(line, " \t");
    return *line == '\\' ? line : NULL;
}

/* What to write instead of psql's commands. */
static const struct {
    const char *command, *fix;
} psql[] = {
    {"\\i", "put the included statements into this file"},
    {"\\ir", "put the included statements into this file"},
    {"\\copy", "write INSERT INTO ... VALUES ..."},
    {"\\.", "write INSERT INTO ... VALUES ... instead of COPY data"},
    {"\\set", "write the value where it is used"},
    {"\\c", "one migration changes one database: that of the environment"},
    {"\\connect", "one migration changes one database: that of the "
                  "environment"},
    {"\\gexec", "write the statements out, or use a DO block with EXECUTE"},
    {"\\if", "use a DO block with IF"},
    {"\\restrict", "delete the line: it is pg_dump's own"},
    {"\\unrestrict", "delete the line: it is pg_dump's own"},
};

static const char *psql_fix(const char *command)
{
    size_t n = strcspn(command, " \t\n");

    for (size_t i = 0; i < sizeof psql / sizeof *psql; i++)
        if (strlen(psql[i].command) == n &&
            strncmp(command, psql[i].command, n) == 0)
            return psql[i].fix;
    return "delete it: psql is not used";
}

/* COPY data stands after a COPY ... FROM stdin; it ends in a line "\.". */
static bool after_copy(const char *text, size_t offset)
{
    const char *at = text;

    for (; (at = strcasestr(at, "from stdin")) && at < text + offset; at++)
        if (strstr(at, "\n\\."))
            return true;
    return false;
}

bool split_explain(const char *file, const char *text,
                   const struct parse_failure *failure, struct err *e)
{
    const char *command = psql_command(text, failure->offset);
    int line = lexer_line(text, failure->offset);

    if (after_copy(text, failure->offset)) {
        err_what(e, ERR_INPUT, "%s:%d: not SQL: data of a COPY", file, line);
        err_why(e, "%s", failure->message);
        return err_fix(e, "write INSERT INTO ... VALUES ...");
    }
    if (command) {
        err_what(e, ERR_INPUT, "%s:%d: not SQL: psql's %.*s", file, line,
                 (int)strcspn(command, " \t\n"), command);
        err_why(e, "lines with a backslash are commands to psql, and "
                   "migrations go to the database itself");
        return err_fix(e, "%s", psql_fix(command));
    }
    err_what(e, ERR_INPUT, "%s:%d: the file does not parse", file, line);
    err_why(e, "%s (%s)", failure->message, parser_version());
    return err_fix(e, "correct the statement that begins there or before");
}

/* ---- statements ---- */

struct cutter {
    struct script *out;
    struct arena *a;       /* keeps what stays */
    struct arena *scratch; /* trees */
    struct fresh fresh;
    size_t counted; /* lines are counted up to here */
    int line;
    bool may_be_empty;
    struct err *e;
};

static bool cut(struct cutter *c, const struct parsed_statement *p,
                struct statement *s)
{
    const char *text = c->out->text;
    size_t skip = lexer_skip(text + p->offset);
    const char *breaks;

    s->offset = p->offset + skip;
    s->len = lexer_trim(text + s->offset, p->len - skip);
    c->line += lexer_line(text + c->counted, s->offset - c->counted) - 1;
    c->counted = s->offset;
    s->line = c->line;
    s->text = arena_strndup(c->a, text + s->offset, s->len);
    s->kind = subject_kind(c->a, p->tree);
    s->needs_no_transaction = refusals_alone(c->scratch, p->tree, s->text);
    breaks = hazards_breaks(c->scratch, p->tree, s->text, &c->fresh);
    s->breaks_old_code = arena_strdup(c->a, breaks);
    subject_remember(c->scratch, p->tree, &c->fresh);
    return refusals_allow(
        c->scratch, p->tree, s->text,
        arena_printf(c->scratch, "%s:%d", c->out->file, s->line), c->e);
}

static bool cut_all(struct cutter *c)
{
    struct parse_failure failure;
    struct parsed parsed;
    struct statement *list;

    if (!parser_parse(c->scratch, c->out->text, &parsed, &failure))
        return split_explain(c->out->file, c->out->text, &failure, c->e);
    list = arena_array(c->a, parsed.n, sizeof *list);
    for (size_t i = 0; i < parsed.n; i++)
        if (!cut(c, &parsed.list[i], &list[i]))
            return false;
    c->out->statements = list;
    c->out->n = parsed.n;
    if (parsed.n || c->may_be_empty)
        return true;
    err_what(c->e, ERR_INPUT, "%s: the file holds no statement", c->out->file);
    err_why(c->e, "it is empty, or only comments");
    return err_fix(c->e, "delete the file, or write the statement");
}

/* Statements that run alone decide for the whole file; beside others they
 * must be asked for, since they end the file's atomicity. */
static bool settle_transaction(struct script *s, const struct directives *d,
                               struct err *e)
{
    const struct statement *first = NULL;
    size_t n = 0;

    for (size_t i = s->n; i-- > 0;)
        if (s->statements[i].needs_no_transaction) {
            first = &s->statements[i];
            n++;
        }
    s->transaction = !d->no_transaction && n == 0;
    if (d->no_transaction || n == 0 || n == s->n)
        return true;
    err_what(e, ERR_INPUT, "%s:%d: %s cannot run in a transaction", s->file,
             first->line, first->kind);
    err_why(e, "the file has other statements, which would no longer be all "
               "or nothing");
    return err_fix(e, "move it to a migration of its own, or write at the top: "
                      "-- tidegate: transaction=none");
}

bool split_script(struct script *out, struct directives *said, struct arena *a,
                  const struct sql_file *file, bool down, struct err *e)
{
    struct arena scratch;
    struct cutter c = {.out = out,
                       .a = a,
                       .scratch = &scratch,
                       .line = 1,
                       .may_be_empty = file->how.may_be_empty,
                       .e = e};
    struct directives d;
    bool ok;

    *out = (struct script){.file = arena_strdup(a, file->name)};
    out->text = split_normalise(a, file, e);
    if (!out->text || !directives_read(&d, a, out->file, out->text, down, e))
        return false;
    out->lock_timeout_ms = d.lock_timeout_ms;
    out->statement_timeout_ms = d.statement_timeout_ms;
    if (said)
        *said = d;
    arena_init(&scratch);
    ok = cut_all(&c) && settle_transaction(out, &d, e) &&
         batch_read(out, &d, a, e);
    arena_release(&scratch);
    return ok;
}
