#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/child.h"

static bool refuse(struct err *e, const char *text, const char *why)
{
    err_what(e, ERR_CONFIG, "not a command: %s", text);
    err_why(e, "%s", why);
    return err_fix(e, "write PROGRAM ARGUMENT..., quotes closed; nothing is "
                      "expanded, so put a pipe or a $ into a script");
}

/* One word from *at, its quotes taken off; false on an open quote. */
static bool read_word(const char **at, struct buf *word)
{
    const char *p = *at;

    while (*p && !strchr(" \t\n", *p)) {
        const char *end = NULL;

        if (*p != '\'' && *p != '"') {
            buf_char(word, *p++);
            continue;
        }
        end = strchr(p + 1, *p);
        if (!end)
            return false;
        buf_add(word, p + 1, (size_t)(end - p - 1));
        p = end + 1;
    }
    *at = p;
    return true;
}

char **command_words(struct arena *a, const char *text, struct err *e)
{
    char **words = NULL;
    size_t n = 0;
    const char *at = text;

    for (at += strspn(at, " \t\n"); *at; at += strspn(at, " \t\n")) {
        struct buf word;

        buf_init(&word);
        if (!read_word(&at, &word)) {
            buf_release(&word);
            refuse(e, text, "a quote is not closed");
            return NULL;
        }
        words = arena_grow(a, words, n, n + 2, sizeof(*words));
        words[n++] = buf_into(&word, a);
    }
    if (!n)
        refuse(e, text, "it is empty");
    return words;
}
