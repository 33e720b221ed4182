#include "migrations/read/split.h"

#include <string.h>

#include "migrations/hazards/hazards.h"
#include "migrations/hazards/refusals.h"
#include "migrations/hazards/words.h"
#include "migrations/read/batch.h"
#include "migrations/read/explain.h"
#include "migrations/read/foreign.h"
#include "migrations/read/placeholders.h"
#include "migrations/read/psql_name.h"
#include "migrations/text/lexer.h"
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

static void refuse_link(const struct sql_file *file, struct err *e)
{
    err_what(e, ERR_INPUT, "%s: a symbolic link", file->name);
    err_why(e, "what it leads to may change, and another path is approved");
    err_fix(e, "put the file itself there");
}

char *split_normalise(struct arena *a, const struct sql_file *file,
                      struct err *e)
{
    const char *in = file->bytes;
    size_t len = file->len, n = 0;
    char *out;

    if (file->link) {
        refuse_link(file, e);
        return NULL;
    }
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
    return file->how.psql ? psql_name_fill(a, out) : out;
}

/* ---- statements with their trees ---- */

struct splitter {
    struct split_pieces *out;
    struct arena *a;
    const char *file, *text;
    int lines_before;
    size_t cap;
    bool copies; /* some of it is data */
    struct err *e;
};

/* Blanks that are none to PostgreSQL, which an editor has left behind a
 * semicolon: no-break and of no width. */
static bool is_only_blank(const char *text, size_t len)
{
    static const char *const blanks[] = {
        "\xc2\xa0", "\xe2\x80\x8b", "\xef\xbb\xbf", " ", "\t", "\n"};

    for (size_t i = 0, n; i < len; i += n) {
        n = 0;
        for (size_t k = 0; k < sizeof blanks / sizeof *blanks; k++)
            if (strncmp(text + i, blanks[k], strlen(blanks[k])) == 0)
                n = strlen(blanks[k]);
        if (!n)
            return false;
    }
    return true;
}

static bool cut_all(struct splitter *s)
{
    struct split_pieces *out = s->out;
    struct piece piece;
    struct cut c;

    cut_begin(&c, s->text);
    while (cut_next(&c, &piece)) {
        if (is_only_blank(s->text + piece.offset, piece.len))
            continue;
        if (out->n == s->cap) {
            size_t cap = s->cap ? 2 * s->cap : 16;
            out->list =
                arena_grow(s->a, out->list, out->n, cap, sizeof *out->list);
            s->cap = cap;
        }
        s->copies |= piece.copies;
        out->list[out->n++] = (struct split_piece){
            .at = piece,
            .text = arena_strndup(s->a, s->text + piece.offset, piece.len)};
    }
    return c.failure == CUT_FINE ||
           explain_cut(s->file, &c, s->lines_before, s->e);
}

/* The parser sees blanks where the data of a COPY stand. */
static const char *without_data(const struct splitter *s)
{
    char *text;

    if (!s->copies)
        return s->text;
    text = arena_strdup(s->a, s->text);
    for (size_t i = 0; i < s->out->n; i++) {
        const struct piece *p = &s->out->list[i].at;
        for (size_t j = p->data; p->copies && j < p->end; j++)
            text[j] = text[j] == '\n' ? '\n' : ' ';
    }
    return text;
}

/* Whether the parser has cut where we did; then the trees are taken. */
static bool agree(struct splitter *s, const struct parsed *parsed)
{
    if (parsed->n != s->out->n)
        return false;
    for (size_t i = 0; i < parsed->n; i++) {
        const struct parsed_statement *p = &parsed->list[i];
        struct split_piece *piece = &s->out->list[i];
        size_t offset = p->offset + lexer_skip(s->text + p->offset);
        if (offset != piece->at.offset)
            return false;
        piece->tree = p->tree;
    }
    return true;
}

static bool parse_each(struct splitter *s)
{
    for (size_t i = 0; i < s->out->n; i++) {
        struct split_piece *p = &s->out->list[i];
        struct parse_failure failure;
        struct parsed parsed;
        p->tree = NULL;
        if (!parser_parse(s->a, p->text, &parsed, &failure)) {
            if (failure.too_large || !words_begin(p->text))
                return explain_parse(s->file, &p->at, s->text, s->lines_before,
                                     &failure, s->e);
            p->unparsed = arena_strdup(s->a, failure.message);
        } else if (parsed.n == 1) {
            p->tree = parsed.list[0].tree;
        } else {
            p->unparsed = "it is cut otherwise by PostgreSQL's parser";
        }
    }
    return true;
}

bool split_pieces(struct split_pieces *out, struct arena *a, const char *file,
                  const char *text, int lines_before, struct err *e)
{
    struct splitter s = {.out = out,
                         .a = a,
                         .file = file,
                         .text = text,
                         .lines_before = lines_before,
                         .e = e};
    struct parse_failure ignored;
    struct parsed parsed;

    *out = (struct split_pieces){0};
    return cut_all(&s) &&
           ((parser_parse(a, without_data(&s), &parsed, &ignored) &&
             agree(&s, &parsed)) ||
            parse_each(&s));
}

bool split_is_control(const struct split_piece *p, const char *kind,
                      const char *other)
{
    const char *is =
        node_is(p->tree, "TransactionStmt") ? node_enum(p->tree, "kind") : "";

    return (strcmp(is, kind) == 0 || strcmp(is, other) == 0) &&
           !node_count(p->tree, "options") && !node_bool(p->tree, "chain");
}

bool split_unwrap(struct split_pieces *p, bool undone)
{
    if (p->n < 2 ||
        !split_is_control(&p->list[0], "TRANS_STMT_BEGIN",
                          "TRANS_STMT_START") ||
        !split_is_control(&p->list[p->n - 1], "TRANS_STMT_COMMIT",
                          undone ? "TRANS_STMT_ROLLBACK" : "TRANS_STMT_COMMIT"))
        return false;
    p->list++;
    p->n -= 2;
    return true;
}

/* ---- judged ---- */

struct judge {
    struct script *out;
    struct arena *a;       /* keeps what stays */
    struct arena *scratch; /* trees */
    const struct sql_how *how;
    const struct split_pieces *pieces;
    bool apart, none, batch; /* by statement; no transaction; directives */
    struct fresh fresh;
    struct err *e;
};

static bool judge_tree(struct judge *j, const struct split_piece *p,
                       const char *at, struct statement *s)
{
    const char *breaks;

    s->kind = subject_kind(j->a, p->tree);
    s->needs_no_transaction = refusals_alone(j->scratch, p->tree, s->text);
    breaks = hazards_breaks(j->scratch, p->tree, s->text, &j->fresh);
    s->breaks_old_code = arena_strdup(j->a, breaks);
    subject_remember(j->scratch, p->tree, &j->fresh);
    return (j->batch || batch_needs_none(p->tree, at, j->e)) &&
           ((j->how->foreign && foreign_allows(p, j->pieces)) ||
            (j->how->undone && foreign_allows_undone(p)) ||
            refusals_allow(j->scratch, p->tree, s->text, j->how->allowed, at,
                           j->e));
}

static bool judge_words(struct judge *j, const struct split_piece *p,
                        const char *at, struct statement *s)
{
    s->kind = words_kind(j->a, s->text);
    s->needs_no_transaction = words_alone(j->scratch, s->text);
    s->breaks_old_code = "text that PostgreSQL 15's parser does not know";
    s->unparsed = arena_strdup(j->a, p->unparsed);
    return words_allow(j->scratch, s->text, j->how->allowed, at, j->e);
}

/* Where the file says that it is no transaction, or the tool makes it none, a
 * procedure may end its own, and a DO block that says so too: in one of ours
 * they would fail. */
static bool may_commit(const struct statement *s)
{
    if (strcmp(s->kind, "CALL") == 0)
        return true;
    return strcmp(s->kind, "DO") == 0 &&
           (strcasestr(s->text, "commit") || strcasestr(s->text, "rollback"));
}

/* golang-migrate names its files as we do. */
static bool refuse(struct judge *j, const struct split_piece *p)
{
    const char *fix = arena_strdup(j->scratch, j->e->fix);

    if (j->how->foreign || !foreign_reads(p, j->pieces))
        return false;
    return err_fix(j->e,
                   "%s; files of golang-migrate: [migrations] layout = "
                   "golang-migrate",
                   fix);
}

static bool judge(struct judge *j, const struct split_piece *p,
                  struct statement *s)
{
    int line = p->at.line + j->how->lines_before;
    const char *at = arena_printf(j->scratch, "%s:%d", j->out->file, line);

    *s = (struct statement){.text = arena_strdup(j->a, p->text),
                            .offset = p->at.offset,
                            .len = p->at.len,
                            .line = line};
    if (j->how->foreign && !j->out->pauses && foreign_pauses(p, j->pieces))
        j->out->pauses = line;
    if (j->how->foreign && !j->out->path && foreign_sets_path(p))
        j->out->path = line;
    if (p->at.copies) {
        s->data = j->out->text + p->at.data;
        s->data_len = p->at.data_len;
    }
    if (!(p->tree ? judge_tree(j, p, at, s) : judge_words(j, p, at, s)))
        return refuse(j, p);
    if ((j->none || (j->how->each_alone && !j->out->wrapped)) && may_commit(s))
        s->commits = s->needs_no_transaction = true;
    return true;
}

static bool judge_all(struct judge *j)
{
    struct split_pieces pieces;
    struct statement *list;

    j->pieces = &pieces;
    if (!split_pieces(&pieces, j->scratch, j->out->file, j->out->text,
                      j->how->lines_before, j->e))
        return false;
    if (j->how->foreign)
        foreign_settle(&pieces, j->how->undone, j->out);
    else
        j->out->wrapped = split_unwrap(&pieces, j->how->undone);
    if (j->out->joined)
        j->out->joined += j->how->lines_before;
    list = arena_array(j->a, pieces.n, sizeof *list);
    for (size_t i = 0; !j->apart && i < pieces.n; i++)
        if (pieces.list[i].tree)
            subject_foresee(j->scratch, pieces.list[i].tree, &j->fresh);
    for (size_t i = 0; i < pieces.n; i++)
        if (!judge(j, &pieces.list[i], &list[i]))
            return false;
    j->out->statements = list;
    j->out->n = pieces.n;
    if (pieces.n || j->how->foreign)
        return true;
    err_what(j->e, ERR_INPUT, "%s: the file holds no statement", j->out->file);
    err_why(j->e, "it is empty, or only comments");
    return err_fix(j->e, "delete the file, or write the statement; files of "
                         "golang-migrate may be empty: [migrations] layout = "
                         "golang-migrate");
}

/* ---- the transaction ---- */

static bool alone_among(const struct script *s, const struct statement *first,
                        struct err *e)
{
    err_what(e, ERR_INPUT, "%s:%d: %s cannot run in a transaction", s->file,
             first->line, first->kind);
    if (s->wrapped) {
        err_why(e, s->joined ? "the file says BEGIN and COMMIT, and is one "
                               "transaction"
                             : "the file says BEGIN before it");
        return err_fix(e, "take BEGIN and COMMIT out of the file");
    }
    err_why(e, "the file has other statements, which would no longer be all "
               "or nothing");
    return err_fix(e, "move it to a migration of its own, or write at the top: "
                      "-- tidegate: transaction=none");
}

/* What is always rolled back is one transaction. */
static bool cannot_be_undone(const struct script *s,
                             const struct statement *first, struct err *e)
{
    err_what(e, ERR_INPUT, "%s:%d: %s cannot run in a transaction", s->file,
             first->line, first->kind);
    err_why(e, "what a verify script does is always rolled back");
    return err_fix(e, "let it ask only");
}

/* Statements that run alone decide for the whole file; beside others they
 * must be asked for, since they end the file's atomicity. */
static bool settle_transaction(struct script *s, bool none,
                               const struct sql_how *how, struct err *e)
{
    const struct statement *first = NULL;
    size_t n = 0;

    for (size_t i = s->n; i-- > 0;)
        if (s->statements[i].needs_no_transaction) {
            first = &s->statements[i];
            n++;
        }
    s->transaction = s->wrapped || (!none && n == 0) || s->n == 0;
    if (n && how->undone)
        return cannot_be_undone(s, first, e);
    if (n == 0 || (!s->wrapped && (none || how->each_alone || n == s->n)))
        return true;
    return alone_among(s, first, e);
}

/* What only the layout said stands in the text as well: the down text is read
 * again from the database, where there is no layout. */
static void write_directive(struct script *s, struct arena *a)
{
    static const char line[] = "-- tidegate: transaction=none\n";
    size_t n = strlen(line), total = strlen(s->text);
    char *text = arena_alloc(a, n + total + 1);
    struct statement *list = arena_copy(a, s->statements, s->n * sizeof *list);

    memcpy(text, line, n);
    memcpy(text + n, s->text, total);
    for (size_t i = 0; i < s->n; i++) {
        list[i].offset += n;
        if (list[i].data)
            list[i].data = text + n + (list[i].data - s->text);
    }
    s->text = text;
    s->statements = list;
}

/* ---- one file ---- */

/* Braces in a string are data; a name that has them stands for another. */
static bool no_templates(const struct script *s, const struct sql_how *how,
                         struct err *e)
{
    const char *at = s->text;
    struct token t;

    if (!strstr(at, "{{"))
        return true;
    for (; (t = lexer_token(at)).kind != TOKEN_END; at += t.len) {
        if (t.kind != TOKEN_NAME || !memmem(at, t.len, "{{", 2))
            continue;
        err_what(e, ERR_INPUT, "%s:%d: not SQL: {{ in a name", s->file,
                 lexer_line(s->text, (size_t)(at - s->text)) +
                     how->lines_before);
        err_why(e, "it belongs to a template, and tidegate fills in nothing");
        return err_fix(e, "write the name that is meant");
    }
    return true;
}

static bool not_of_verify(const struct script *s, struct err *e)
{
    err_what(e, ERR_INPUT, "%s: a verify script is one transaction", s->file);
    err_why(e, "it is always rolled back; it can neither do without a "
               "transaction nor go through batches");
    return err_fix(e, "delete the directive");
}

bool split_script(struct script *out, struct directives *said, struct arena *a,
                  const struct sql_file *file, bool down, struct err *e)
{
    struct arena scratch;
    struct judge j = {
        .out = out, .a = a, .scratch = &scratch, .how = &file->how, .e = e};
    struct directives d;
    char *text;
    bool ok;

    *out = (struct script){.file = arena_strdup(a, file->name)};
    text = split_normalise(a, file, e);
    out->text = text ? placeholders_fill(a, file, text, e) : NULL;
    out->filled = out->text != text;
    if (!out->text || !directives_read(&d, a, out->file, out->text,
                                       file->how.lines_before, down, e))
        return false;
    if (file->how.undone && (d.no_transaction || d.batch))
        return not_of_verify(out, e);
    out->lock_timeout_ms = d.lock_timeout_ms;
    out->statement_timeout_ms = d.statement_timeout_ms;
    if (said)
        *said = d;
    j.batch = batch_is_said(&d);
    j.none = d.no_transaction || file->how.no_transaction;
    j.apart = j.none || file->how.each_alone;
    arena_init(&scratch);
    ok = no_templates(out, &file->how, e) && judge_all(&j) &&
         settle_transaction(out, j.none, &file->how, e);
    if (ok && !d.batch && !out->transaction && !d.no_transaction &&
        (file->how.no_transaction || file->how.each_alone))
        write_directive(out, a);
    ok = ok && batch_read(out, &d, a, e);
    arena_release(&scratch);
    return ok;
}
