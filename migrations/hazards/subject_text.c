/* Parts of a statement's text, by its tokens. */
#include "migrations/hazards/subject_text.h"

#include <ctype.h>
#include <string.h>

#include "migrations/hazards/subject.h"
#include "migrations/text/lexer.h"
#include "runner/base/buf.h"

/* Words that end a DEFAULT, CHECK or REFERENCES of a column. */
static const char constraint_words[] =
    "check constraint default generated not null primary references unique "
    "collate";

const char *text_small(const char *text, size_t len, char out[24])
{
    size_t i = 0;

    for (; i < len && i < 23; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[i] = '\0';
    return out;
}

const char *text_part(struct arena *a, const char *text, const char *word,
                      bool with)
{
    const char *from = NULL, *at = text;
    char here[24], before[24] = "";
    int depth = 0;

    for (; *at; at += lexer_token(at).len) {
        struct token t = lexer_token(at);
        if (t.kind == TOKEN_SYMBOL)
            depth += (*at == '(' || *at == '[') - (*at == ')' || *at == ']');
        if (t.kind != TOKEN_WORD || depth)
            continue;
        text_small(at, t.len, here);
        if (!from && strcmp(here, word) == 0)
            from = with ? at : at + t.len;
        else if (from && strcmp(before, "set") != 0 &&
                 subject_word_in(here, constraint_words))
            break;
        memcpy(before, here, sizeof before);
    }
    if (!from)
        return "...";
    from += lexer_skip(from);
    return arena_strndup(a, from, lexer_trim(from, (size_t)(at - from)));
}

char *text_with_word(struct arena *a, const char *text, const char *after,
                     const char *word)
{
    struct buf b;
    char here[24];
    bool done = false;

    buf_init(&b);
    while (*text) {
        struct token t = lexer_token(text);
        buf_add(&b, text, t.len);
        if (!done && t.kind == TOKEN_WORD &&
            subject_word_in(text_small(text, t.len, here), after)) {
            buf_printf(&b, " %s", word);
            done = true;
        }
        text += t.len;
    }
    return buf_into(&b, a);
}

/* Outside of parentheses: the last WHERE, and what may follow it. */
struct places {
    const char *where, *returning, *end;
};

static struct places find_places(const char *text)
{
    struct places p = {NULL, NULL, NULL};
    char here[24];
    int depth = 0;

    for (; *text; text += lexer_token(text).len) {
        struct token t = lexer_token(text);
        if (t.kind == TOKEN_SYMBOL)
            depth +=
                (*text == '(' || *text == '[') - (*text == ')' || *text == ']');
        if (t.kind != TOKEN_WORD || depth)
            continue;
        text_small(text, t.len, here);
        if (strcmp(here, "where") == 0)
            p.where = text;
        else if (strcmp(here, "returning") == 0)
            p.returning = text;
    }
    p.end = text;
    return p;
}

char *text_bounded(struct arena *a, const char *text, const char *key)
{
    struct places p = find_places(text);
    const char *end = p.returning ? p.returning : p.end;
    const char *head = p.where ? p.where : end, *asks = p.where;
    struct buf b;

    buf_init(&b);
    buf_add(&b, text, lexer_trim(text, (size_t)(head - text)));
    if (asks) {
        asks += strlen("where");
        asks += lexer_skip(asks);
        buf_str(&b, " WHERE (");
        buf_add(&b, asks, lexer_trim(asks, (size_t)(end - asks)));
        buf_printf(&b, ") AND %s BETWEEN $1 AND $2", key);
    } else {
        buf_printf(&b, " WHERE %s BETWEEN $1 AND $2", key);
    }
    if (p.returning)
        buf_printf(&b, " %s", p.returning);
    return buf_into(&b, a);
}

char *text_bare(struct arena *a, const char *name)
{
    const char *from = name;
    struct buf b;

    buf_init(&b);
    for (const char *p = name; *p; p += lexer_token(p).len)
        if (*p == '.')
            from = p + 1;
    for (bool in = *from == '"'; *from; from++)
        if (in && *from == '"' && from[1] == '"')
            buf_char(&b, *from++);
        else if (!in || *from != '"')
            buf_char(&b, *from);
    return buf_into(&b, a);
}
