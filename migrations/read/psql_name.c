#include "migrations/read/psql_name.h"

#include <string.h>

#include "migrations/text/cut.h"
#include "migrations/text/lexer.h"
#include "runner/base/buf.h"

#define VALUE ":'DBNAME'"
#define NAME  ":\"DBNAME\""
/* Stands for the name until statements are cut; as long as NAME. */
#define MARK "\"?DBNAME\""

/* The variable at p, which follows the byte before; or NULL. */
static const char *variable_at(const char *p, char before)
{
    static const char *const all[] = {VALUE, NAME};

    for (size_t i = 0; i < 2 && before != ':'; i++)
        if (strncmp(p, all[i], strlen(all[i])) == 0)
            return all[i];
    return NULL;
}

/* Values filled in, names marked. */
static char *filled(struct arena *a, const char *text)
{
    struct buf out;
    struct token t;
    char before = ' ';

    buf_init(&out);
    for (; (t = lexer_token(text)).kind != TOKEN_END; text += t.len) {
        const char *is =
            t.kind == TOKEN_SYMBOL ? variable_at(text, before) : NULL;
        if (is) {
            buf_str(&out, *is && is[1] == '"'
                              ? MARK
                              : "pg_catalog.current_database()");
            t.len = strlen(is);
        } else {
            buf_add(&out, text, t.len);
        }
        before = text[t.len - 1];
    }
    return buf_into(&out, a);
}

/* As format() wants it: the name where the mark is, and each % twice. */
static void put_format(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strncmp(text + i, MARK, strlen(MARK)) == 0) {
            buf_str(out, "%1$I");
            i += strlen(MARK) - 1;
        } else {
            buf_add(out, text[i] == '%' ? "%%" : text + i,
                    text[i] == '%' ? 2 : 1);
        }
}

static void put_statement(struct buf *out, const char *text, size_t len)
{
    buf_str(out, "DO $tidegate$BEGIN EXECUTE pg_catalog.format($sql$");
    put_format(out, text, len);
    buf_str(out, "$sql$, pg_catalog.current_database()); END$tidegate$");
}

/* Statements with a mark executed by a block; NULL: they cannot be cut. */
static char *wrapped(struct arena *a, const char *text)
{
    struct piece p;
    struct buf out;
    struct cut c;
    size_t done = 0;

    buf_init(&out);
    cut_begin(&c, text);
    while (cut_next(&c, &p)) {
        const char *mark = memmem(text + p.offset, p.len, MARK, strlen(MARK));
        buf_add(&out, text + done, p.offset - done);
        if (mark)
            put_statement(&out, text + p.offset, p.len);
        else
            buf_add(&out, text + p.offset, p.len);
        done = p.offset + p.len;
    }
    if (c.failure == CUT_FINE) {
        buf_str(&out, text + done);
        return buf_into(&out, a);
    }
    buf_release(&out);
    return NULL;
}

char *psql_name_fill(struct arena *a, char *text)
{
    char *out;

    if ((!strstr(text, VALUE) && !strstr(text, NAME)) || strstr(text, MARK))
        return text;
    out = filled(a, text);
    if (!strstr(out, MARK))
        return out;
    out = strstr(out, "$sql$") || strstr(out, "$tidegate$") ? NULL
                                                            : wrapped(a, out);
    return out ? out : text;
}
