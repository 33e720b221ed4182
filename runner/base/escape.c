#include "runner/base/escape.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Reads one UTF-8 character (RFC 3629: no overlong forms, no surrogates,
 * nothing over U+10FFFF). Returns its bytes, 0 when it is none. */
static size_t utf8_read(const unsigned char *s, size_t len, uint32_t *point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80             ? 1
               : (s[0] & 0xe0) == 0xc0 ? 2
               : (s[0] & 0xf0) == 0xe0 ? 3
               : (s[0] & 0xf8) == 0xf0 ? 4
                                       : 0;

    if (!n || n > len)
        return 0;
    *point = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (s[i] & 0x3f);
    }
    if (*point < smallest[n] || *point > 0x10ffff ||
        (*point >= 0xd800 && *point <= 0xdfff))
        return 0;
    return n;
}

/* Controls of the terminal, and those that reorder what the eye sees. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e ||
           c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* The bytes of the character at s, and whether it may be shown as it is; one
 * byte of invalid UTF-8 counts as a character. */
static size_t next_char(const char *s, size_t len, bool *plain)
{
    uint32_t point;
    size_t n = utf8_read((const unsigned char *)s, len, &point);

    *plain = n && !is_control(point);
    return n ? n : 1;
}

void escape_to(struct buf *out, const char *bytes, size_t len,
               bool keep_newlines)
{
    for (size_t i = 0, n; i < len; i += n) {
        bool plain;

        n = next_char(bytes + i, len - i, &plain);
        if (plain || (keep_newlines && (bytes[i] == '\n' || bytes[i] == '\t')))
            buf_add(out, bytes + i, n);
        else
            for (size_t k = 0; k < n; k++)
                buf_printf(out, "\\x%02x", (unsigned char)bytes[i + k]);
    }
}

char *escape(struct arena *a, const char *text)
{
    struct buf out;

    buf_init(&out);
    escape_to(&out, text ? text : "", text ? strlen(text) : 0, false);
    return buf_into(&out, a);
}

long text_bad_byte(const char *bytes, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        bool plain;

        n = next_char(bytes + i, len - i, &plain);
        if (!plain && bytes[i] != '\t')
            return (long)i;
    }
    return -1;
}

bool utf8_valid(const char *bytes, size_t len)
{
    uint32_t point;

    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_read((const unsigned char *)bytes + i, len - i, &point);
        if (!n)
            return false;
    }
    return true;
}

/* A word sh takes as it stands. `=` only in options: `a=b` in front of a
 * command would be an assignment. */
static bool is_plain_word(const char *text)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz"
                               "0123456789_@%+:,./-=";

    return *text && text[strspn(text, safe)] == '\0' &&
           (*text == '-' || !strchr(text, '='));
}

char *shell_word(struct arena *a, const char *text)
{
    struct buf out;

    if (is_plain_word(text))
        return arena_strdup(a, text);
    buf_init(&out);
    buf_char(&out, '\'');
    for (; *text; text++)
        if (*text == '\'')
            buf_str(&out, "'\\''");
        else
            buf_char(&out, *text);
    buf_char(&out, '\'');
    return buf_into(&out, a);
}

/* The end of a conninfo value: quoted, or up to a blank; a backslash takes
 * the next byte along (libpq, section 34.1.1.1). */
static const char *value_end(const char *s)
{
    bool quoted = *s == '\'';

    for (s += quoted; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        else if (quoted ? *s == '\'' : !!strchr(" \t\r\n", *s))
            break;
    }
    return s + (quoted && *s);
}

/* After "password": the start of its value, or NULL when none is set. */
static const char *value_start(const char *s)
{
    s += strspn(s, " \t");
    return *s == '=' ? s + 1 + strspn(s + 1, " \t") : NULL;
}

/* After "://": the bounds of the password in user:password@; false when there
 * is none. Searched up to the LAST @ of the word: an unencoded / or @ in a
 * password must not show the rest of it. */
static bool url_password(const char *s, const char **from, const char **to)
{
    size_t word = strcspn(s, " \t\r\n");
    const char *at = memrchr(s, '@', word);
    const char *colon = at ? memchr(s, ':', (size_t)(at - s)) : NULL;

    *from = colon ? colon + 1 : NULL;
    *to = at;
    return colon != NULL;
}

/* Does a secret begin right behind text? Then its bounds. */
static bool secret_after(const char *text, const char **from, const char **to)
{
    if (!strncmp(text, "://", 3))
        return url_password(text + 3, from, to);
    if (strncasecmp(text, "password", 8))
        return false;
    *from = value_start(text + 8);
    if (!*from)
        return false;
    *to = value_end(*from);
    return true;
}

char *redact(struct arena *a, const char *text)
{
    const char *from, *to;
    struct buf out;

    buf_init(&out);
    while (*text) {
        if (secret_after(text, &from, &to)) {
            buf_add(&out, text, (size_t)(from - text));
            buf_str(&out, "***");
            text = to;
        } else {
            buf_char(&out, *text++);
        }
    }
    return buf_into(&out, a);
}
