#include "migrations/text/lexer.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
           c == '\v';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_digit_or_letter(char c)
{
    return is_letter(c) || is_digit(c);
}

static bool is_word(char c)
{
    return is_digit_or_letter(c) || c == '$';
}

/* From the opening quote to the closing one; a doubled quote does not end
 * it, nor, in E'', one after a backslash. */
static struct token quoted(const char *text, size_t at, bool backslash,
                           enum token_kind kind)
{
    char quote = text[at++];

    for (; text[at]; at++) {
        if (backslash && text[at] == '\\' && text[at + 1])
            at++;
        else if (text[at] == quote && text[at + 1] == quote)
            at++;
        else if (text[at] == quote)
            return (struct token){kind, at + 1, false};
    }
    return (struct token){kind, at, true};
}

/* A string goes on behind blanks with a newline in them: how many bytes are
 * between? 0: it does not. Comments to the end of a line count as blanks. */
static size_t continues(const char *text)
{
    bool newline = false;
    size_t at = 0;

    for (;; at++) {
        if (text[at] == '-' && text[at + 1] == '-')
            at += strcspn(text + at, "\r\n");
        if (!is_blank(text[at]))
            break;
        newline |= text[at] == '\n' || text[at] == '\r';
    }
    return newline && text[at] == '\'' ? at : 0;
}

/* E'...', and what goes on with it: there, too, a backslash escapes. */
static struct token escaped(const char *text)
{
    struct token t = quoted(text, 1, true, TOKEN_STRING);
    size_t more;

    while (!t.open && (more = continues(text + t.len))) {
        struct token next = quoted(text + t.len + more, 0, true, TOKEN_STRING);
        t.len += more + next.len;
        t.open = next.open;
    }
    return t;
}

static struct token dollar(const char *text)
{
    size_t tag = 1;
    const char *end;

    if (is_letter(text[1]))
        while (is_word(text[tag]) && text[tag] != '$')
            tag++;
    if (text[tag] != '$')
        return (struct token){TOKEN_SYMBOL, 1, false};
    tag++;
    for (end = text + tag; (end = strchr(end, '$')); end++)
        if (strncmp(end, text, tag) == 0)
            return (struct token){TOKEN_STRING, (size_t)(end - text) + tag,
                                  false};
    return (struct token){TOKEN_STRING, strlen(text), true};
}

static struct token block_comment(const char *text)
{
    size_t at = 0;
    int depth = 0;

    while (text[at]) {
        if (text[at] == '/' && text[at + 1] == '*') {
            depth++;
            at += 2;
        } else if (text[at] == '*' && text[at + 1] == '/') {
            depth--;
            at += 2;
            if (depth == 0)
                return (struct token){TOKEN_COMMENT, at, false};
        } else {
            at++;
        }
    }
    return (struct token){TOKEN_COMMENT, at, true};
}

static struct token run_of(const char *text, enum token_kind kind,
                           bool (*belongs)(char))
{
    size_t len = 1;

    while (belongs(text[len]))
        len++;
    return (struct token){kind, len, false};
}

struct token lexer_token(const char *text)
{
    if (!*text)
        return (struct token){TOKEN_END, 0, false};
    if (is_blank(*text))
        return run_of(text, TOKEN_BLANK, is_blank);
    if (text[0] == '-' && text[1] == '-')
        return (struct token){TOKEN_COMMENT, strcspn(text, "\r\n"), false};
    if (text[0] == '/' && text[1] == '*')
        return block_comment(text);
    if (*text == '\'')
        return quoted(text, 0, false, TOKEN_STRING);
    if ((*text == 'e' || *text == 'E') && text[1] == '\'')
        return escaped(text);
    if (*text == '"')
        return quoted(text, 0, false, TOKEN_NAME);
    if (*text == '$')
        return dollar(text);
    if (is_letter(*text))
        return run_of(text, TOKEN_WORD, is_word);
    if (is_digit(*text)) /* 1$a$...$a$ is a number and a string */
        return run_of(text, TOKEN_WORD, is_digit_or_letter);
    return (struct token){TOKEN_SYMBOL, 1, false};
}

size_t lexer_skip(const char *text)
{
    size_t at = 0;

    for (;;) {
        struct token t = lexer_token(text + at);
        if (t.kind != TOKEN_BLANK && t.kind != TOKEN_COMMENT)
            return at;
        at += t.len;
    }
}

size_t lexer_trim(const char *text, size_t len)
{
    size_t at = 0, end = 0;

    while (at < len) {
        struct token t = lexer_token(text + at);
        if (t.kind == TOKEN_END)
            break;
        at += t.len;
        if (t.kind != TOKEN_BLANK && t.kind != TOKEN_COMMENT)
            end = at;
    }
    return end < len ? end : len;
}

size_t lexer_depth(const char *text)
{
    size_t most = 0, n = 0;

    for (;;) {
        struct token t = lexer_token(text);
        if (t.kind == TOKEN_END)
            return n > most ? n : most;
        if (t.kind == TOKEN_SYMBOL && (*text == ',' || *text == ';')) {
            most = n > most ? n : most;
            n = 0;
        } else if (t.kind != TOKEN_BLANK && t.kind != TOKEN_COMMENT) {
            n++;
        }
        text += t.len;
    }
}

int lexer_line(const char *text, size_t offset)
{
    int line = 1;

    for (size_t i = 0; i < offset && text[i]; i++)
        line += text[i] == '\n';
    return line;
}
