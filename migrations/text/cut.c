#include "migrations/text/cut.h"

#include <string.h>
#include <strings.h>

#include "migrations/text/lexer.h"

/* How far CREATE [OR REPLACE] FUNCTION | PROCEDURE has come. */
enum head { HEAD_START, HEAD_CREATE, HEAD_OR, HEAD_ROUTINE, HEAD_OTHER };

/* The word before, where it matters. */
enum before { BEFORE_ANY, BEFORE_BEGIN, BEFORE_FROM, BEFORE_LABEL };

/* One statement on its way. */
struct scan {
    bool begun;
    size_t end; /* behind its last token */
    int parens;
    size_t paren_at; /* the outermost one that is open */
    int paren_line;
    enum head head;
    enum before before;
    bool copy, from_stdin;
    /* BEGIN ATOMIC */
    bool body, fresh; /* fresh: a statement of the body may begin here */
    int cases;        /* CASE without its END */
    size_t body_at;
    int body_line;
};

static bool is(const char *word, size_t len, const char *what)
{
    return (*word | 0x20) == *what && strlen(what) == len &&
           strncasecmp(word, what, len) == 0;
}

void cut_begin(struct cut *c, const char *text)
{
    *c = (struct cut){.text = text, .line = 1};
}

static bool fail(struct cut *c, enum cut_failure why, size_t at, int line)
{
    c->failure = why;
    c->failed_at = at;
    c->failed_line = line;
    return false;
}

static void pass(struct cut *c, size_t n)
{
    const char *p = c->text + c->at, *end = p + n;

    while ((p = memchr(p, '\n', (size_t)(end - p)))) {
        c->line++;
        p++;
    }
    c->at += n;
}

/* ---- words ---- */

static enum head head_after(enum head head, const char *w, size_t n)
{
    if (head == HEAD_START)
        return is(w, n, "create") ? HEAD_CREATE : HEAD_OTHER;
    if (head == HEAD_CREATE && is(w, n, "or"))
        return HEAD_OR;
    if (head == HEAD_OR && is(w, n, "replace"))
        return HEAD_CREATE;
    if (head == HEAD_CREATE && (is(w, n, "function") || is(w, n, "procedure")))
        return HEAD_ROUTINE;
    return HEAD_OTHER;
}

/* CASE as the name of a column has nothing to say behind it. */
static bool case_opens(const char *behind)
{
    struct token t;

    behind += lexer_skip(behind);
    t = lexer_token(behind);
    return !(t.kind == TOKEN_END ||
             (t.kind == TOKEN_SYMBOL && strchr(";,)", *behind)) ||
             (t.kind == TOKEN_WORD && is(behind, t.len, "from")));
}

/* A word in the body of a routine: END ends a CASE, or the body where a
 * statement could begin; anywhere else CASE and END are names. */
static void body_word(struct scan *s, const char *w, size_t n)
{
    bool label = s->before == BEFORE_LABEL;

    if (is(w, n, "case") && !label && case_opens(w + n))
        s->cases++;
    else if (is(w, n, "end") && s->cases && !label)
        s->cases--;
    else if (is(w, n, "end") && s->fresh)
        s->body = false;
}

static void routine_word(struct cut *c, struct scan *s, const char *w, size_t n)
{
    if (s->body) {
        body_word(s, w, n);
        s->fresh = false;
    } else if (s->before == BEFORE_BEGIN && is(w, n, "atomic")) {
        s->body = s->fresh = true;
        s->body_at = c->at;
        s->body_line = c->line;
    }
    s->before = is(w, n, "begin") ? BEFORE_BEGIN
                : is(w, n, "as")  ? BEFORE_LABEL
                                  : BEFORE_ANY;
}

static void take_word(struct cut *c, struct scan *s, size_t n)
{
    const char *w = c->text + c->at;

    if (s->head == HEAD_START)
        s->copy = is(w, n, "copy");
    if (s->head < HEAD_ROUTINE)
        s->head = head_after(s->head, w, n);
    if (s->parens)
        return;
    if (s->head == HEAD_ROUTINE) {
        routine_word(c, s, w, n);
    } else if (s->copy) {
        s->from_stdin |= s->before == BEFORE_FROM && is(w, n, "stdin");
        s->before = is(w, n, "from") ? BEFORE_FROM : BEFORE_ANY;
    }
}

/* ---- tokens ---- */

static bool take_symbol(struct cut *c, struct scan *s)
{
    char symbol = c->text[c->at];

    s->before = symbol == '.' ? BEFORE_LABEL : BEFORE_ANY;
    s->fresh = s->fresh && symbol == ';';
    switch (symbol) {
    case '(':
        if (s->parens++ == 0) {
            s->paren_at = c->at;
            s->paren_line = c->line;
        }
        break;
    case ')':
        s->parens -= s->parens > 0;
        break;
    case ';': /* of a statement in a body; see ends() */
        if (s->body && !s->parens) {
            s->fresh = true;
            s->cases = 0;
        }
        break;
    case '\\':
        return fail(c, CUT_BACKSLASH, c->at, c->line);
    case '{':
        return fail(c, CUT_BRACE, c->at, c->line);
    default:
        break;
    }
    return true;
}

static bool take(struct cut *c, struct scan *s, struct token t,
                 struct piece *out)
{
    if (t.open)
        return fail(c, CUT_QUOTE, c->at, c->line);
    if (t.kind == TOKEN_BLANK || t.kind == TOKEN_COMMENT) {
        pass(c, t.len);
        return true;
    }
    if (!s->begun) {
        s->begun = true;
        out->offset = c->at;
        out->line = c->line;
    }
    if (t.kind == TOKEN_WORD) {
        take_word(c, s, t.len);
    } else if (t.kind == TOKEN_SYMBOL) {
        if (!take_symbol(c, s))
            return false;
    } else {
        s->before = BEFORE_ANY;
        s->fresh = false;
    }
    pass(c, t.len);
    s->end = c->at;
    return true;
}

static bool ends(const struct cut *c, const struct scan *s, struct token t)
{
    return t.kind == TOKEN_SYMBOL && c->text[c->at] == ';' && !s->parens &&
           !s->body;
}

/* ---- the data of a COPY ---- */

static bool is_end_of_data(const char *line)
{
    return line[0] == '\\' && line[1] == '.' &&
           (line[2] == '\n' || line[2] == '\0');
}

/* Behind the semicolon: the lines up to \. */
static bool take_data(struct cut *c, struct piece *out)
{
    const char *text = c->text;
    size_t at = c->at + strspn(text + c->at, " \t");

    if (text[at] == '-' && text[at + 1] == '-')
        at += strcspn(text + at, "\n");
    if (text[at] && text[at] != '\n')
        return fail(c, CUT_DATA_LINE, at, c->line);
    if (!text[at])
        return fail(c, CUT_DATA, out->offset, out->line);
    out->copies = true;
    out->data = ++at;
    for (; text[at]; at += text[at] == '\n') {
        if (is_end_of_data(text + at)) {
            out->data_len = at - out->data;
            pass(c, at + 2 - c->at);
            return true;
        }
        at += strcspn(text + at, "\n");
    }
    return fail(c, CUT_DATA, out->offset, out->line);
}

/* ---- statements ---- */

static bool end_of_text(struct cut *c, const struct scan *s, struct piece *out)
{
    if (s->body)
        return fail(c, CUT_ATOMIC, s->body_at, s->body_line);
    if (s->parens)
        return fail(c, CUT_PAREN, s->paren_at, s->paren_line);
    if (!s->begun)
        return false;
    if (s->from_stdin)
        return fail(c, CUT_DATA, out->offset, out->line);
    out->len = s->end - out->offset;
    out->end = s->end;
    return true;
}

bool cut_next(struct cut *c, struct piece *out)
{
    struct scan s = {0};

    *out = (struct piece){0};
    for (;;) {
        struct token t = lexer_token(c->text + c->at);
        if (t.kind == TOKEN_END)
            return end_of_text(c, &s, out);
        if (ends(c, &s, t)) {
            c->at++;
            if (!s.begun)
                continue; /* an empty statement */
            out->len = s.end - out->offset;
            if (s.from_stdin && !take_data(c, out))
                return false;
            out->end = c->at;
            return true;
        }
        if (!take(c, &s, t, out))
            return false;
    }
}
