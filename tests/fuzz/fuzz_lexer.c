/* Any text: every byte in one piece, the parser's pieces where it parses. */
#include "migrations/hazards/words.h"
#include "migrations/text/cut.h"
#include "migrations/text/lexer.h"
#include "migrations/text/parser.h"
#include "tests/fuzz/fuzz.h"

#define PARSED_MAX 4096 /* larger texts are cut only */
#define MOST       8192

/* Between pieces stand blanks, comments and semicolons. */
static void nothing_lost(const char *text, size_t from, size_t to)
{
    while (from < to) {
        struct token t = lexer_token(text + from);
        MUST(t.kind == TOKEN_BLANK || t.kind == TOKEN_COMMENT ||
             (t.kind == TOKEN_SYMBOL && text[from] == ';'));
        from += t.len;
    }
    MUST(from == to);
}

static size_t cut_all(const char *text, struct piece *list, struct cut *c)
{
    size_t n = 0, behind = 0;

    cut_begin(c, text);
    while (n < MOST && cut_next(c, &list[n])) {
        const struct piece *p = &list[n++];
        nothing_lost(text, behind, p->offset);
        MUST(p->len > 0 && p->end >= p->offset + p->len);
        MUST(lexer_trim(text + p->offset, p->len) == p->len);
        MUST(!p->copies ||
             (p->data >= p->offset + p->len && p->data + p->data_len < p->end));
        behind = p->end;
    }
    if (c->failure == CUT_FINE && n < MOST) {
        nothing_lost(text, behind, strlen(text));
        MUST(!n || list[n - 1].line == lexer_line(text, list[n - 1].offset));
    } else if (n < MOST) {
        MUST(c->failed_at <= strlen(text));
        MUST(c->failed_line == lexer_line(text, c->failed_at));
    }
    return n;
}

static void as_the_parser(const char *text, const struct piece *list, size_t n,
                          const struct cut *c)
{
    struct parse_failure failure;
    struct parsed parsed;
    struct arena a;

    arena_init(&a);
    if (parser_parse(&a, text, &parsed, &failure) && c->failure != CUT_DATA &&
        c->failure != CUT_DATA_LINE) {
        MUST(c->failure == CUT_FINE);
        MUST(parsed.n == n);
        for (size_t i = 0; i < n; i++) {
            const struct parsed_statement *p = &parsed.list[i];
            MUST(p->offset + lexer_skip(text + p->offset) == list[i].offset);
        }
    }
    arena_release(&a);
}

static void words_hold(const char *text)
{
    struct err e = {0};
    struct arena a;

    arena_init(&a);
    words_begin(text);
    words_alone(&a, text);
    MUST(*words_kind(&a, text));
    MUST(words_allow(&a, text, 0, "x:1", &e) || (e.what[0] && e.fix[0]));
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct piece list[MOST];
    char *text = fuzz_text(data, size);
    struct cut c;
    size_t n = cut_all(text, list, &c);

    if (n < MOST && strlen(text) <= PARSED_MAX)
        as_the_parser(text, list, n, &c);
    words_hold(text);
    free(text);
    return 0;
}
