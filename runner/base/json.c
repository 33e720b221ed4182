#include "runner/base/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/escape.h"
#include "runner/base/hash.h"

/* jansson has macros of these names */
#undef json_is_object
#undef json_is_array
#undef json_is_string
#undef json_is_real
#undef json_is_null

#define DEPTH_LIMIT 64

/* A `struct json` is a json_t; nobody else looks inside. */
static json_t *own(const struct json *j)
{
    return (json_t *)(uintptr_t)j;
}

static struct json *made(json_t *j)
{
    if (!j)
        BUG("jansson could not make a value");
    return (struct json *)j;
}

struct json *json_new_object(void)
{
    return made(json_object());
}

struct json *json_new_array(void)
{
    return made(json_array());
}

/* Bytes of the UTF-8 character at s, 0 when there is none. */
static size_t char_bytes(const char *s)
{
    for (size_t n = 1; n <= 4 && s[n - 1]; n++)
        if (utf8_valid(s, n))
            return n;
    return 0;
}

/* The text of a string that is no UTF-8: bad bytes become \xNN, and every
 * backslash is doubled so that the two cannot be confused. */
static void add_repaired(struct buf *out, const char *s)
{
    for (size_t n; *s; s += n ? n : 1) {
        n = char_bytes(s);
        if (!n)
            buf_printf(out, "\\x%02x", (unsigned char)*s);
        else
            buf_add(out, *s == '\\' ? "\\\\" : s, *s == '\\' ? 2 : n);
    }
}

struct json *json_new_string(const char *s)
{
    struct json *string;
    struct buf repaired;

    if (utf8_valid(s, strlen(s)))
        return made(json_string(s));
    buf_init(&repaired);
    add_repaired(&repaired, s);
    string = made(json_string(repaired.data));
    buf_release(&repaired);
    return string;
}

struct json *json_new_int(int64_t v)
{
    return made(json_integer(v));
}

struct json *json_new_bool(bool v)
{
    return made(json_boolean(v));
}

struct json *json_new_null(void)
{
    return made(json_null());
}

struct json *json_share(struct json *j)
{
    return made(json_incref(own(j)));
}

void json_free(struct json *j)
{
    json_decref(own(j));
}

void json_set(struct json *object, const char *key, struct json *value)
{
    struct buf repaired;
    int failed;

    buf_init(&repaired);
    if (utf8_valid(key, strlen(key)))
        buf_str(&repaired, key);
    else
        add_repaired(&repaired, key);
    failed = json_object_set_new(own(object), repaired.data, own(value));
    buf_release(&repaired);
    if (failed)
        BUG("cannot set member \"%s\"", key);
}

void json_set_str(struct json *object, const char *key, const char *s)
{
    json_set(object, key, s ? json_new_string(s) : json_new_null());
}

void json_set_int(struct json *object, const char *key, int64_t v)
{
    json_set(object, key, json_new_int(v));
}

void json_set_bool(struct json *object, const char *key, bool v)
{
    json_set(object, key, json_new_bool(v));
}

void json_append(struct json *array, struct json *value)
{
    if (json_array_append_new(own(array), own(value)))
        BUG("cannot append to what is no array");
}

static bool is(const struct json *j, json_type type)
{
    return j && json_typeof(own(j)) == type;
}

bool json_is_object(const struct json *j)
{
    return is(j, JSON_OBJECT);
}

bool json_is_array(const struct json *j)
{
    return is(j, JSON_ARRAY);
}

bool json_is_string(const struct json *j)
{
    return is(j, JSON_STRING);
}

bool json_is_int(const struct json *j)
{
    return is(j, JSON_INTEGER);
}

bool json_is_real(const struct json *j)
{
    return is(j, JSON_REAL);
}

bool json_is_null(const struct json *j)
{
    return is(j, JSON_NULL);
}

const struct json *json_get(const struct json *object, const char *key)
{
    return (const struct json *)json_object_get(own(object), key);
}

const char *json_str(const struct json *object, const char *key)
{
    return json_text(json_get(object, key));
}

int64_t json_int(const struct json *object, const char *key, int64_t absent)
{
    return json_number(json_get(object, key), absent);
}

bool json_bool(const struct json *object, const char *key, bool absent)
{
    const struct json *j = json_get(object, key);

    return is(j, JSON_TRUE) || (absent && !is(j, JSON_FALSE));
}

size_t json_len(const struct json *array)
{
    return json_array_size(own(array));
}

const struct json *json_at(const struct json *array, size_t i)
{
    return (const struct json *)json_array_get(own(array), i);
}

const char *json_text(const struct json *j)
{
    return json_string_value(own(j));
}

int64_t json_number(const struct json *j, int64_t absent)
{
    return json_is_int(j) ? json_integer_value(own(j)) : absent;
}

double json_double(const struct json *j, double absent)
{
    return json_is_int(j) || json_is_real(j) ? json_number_value(own(j))
                                             : absent;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *json_key(const struct json *object, size_t i)
{
    size_t n = json_object_size(own(object)), k = 0;
    const char **keys, *found, *key;
    json_t *value;

    if (i >= n)
        return NULL;
    keys = must_malloc(n * sizeof(*keys));
    json_object_foreach(own(object), key, value)
    {
        keys[k++] = key;
    }
    qsort(keys, n, sizeof(*keys), compare_keys);
    found = keys[i];
    free(keys);
    return found;
}

/* One reference token: up to the next '/', with ~1 for '/' and ~0 for '~'. */
static const char *read_token(const char *p, struct buf *token)
{
    buf_clear(token);
    for (; *p && *p != '/'; p++)
        if (p[0] == '~' && (p[1] == '0' || p[1] == '1'))
            buf_char(token, *++p == '0' ? '~' : '/');
        else
            buf_char(token, *p);
    return p;
}

/* An array's element by its decimal index, no leading zeros. */
static const struct json *at_index(const struct json *array, const char *token)
{
    size_t digits = strspn(token, "0123456789");

    if (!digits || digits > 9 || token[digits] || (*token == '0' && token[1]))
        return NULL;
    return json_at(array, strtoul(token, NULL, 10));
}

const struct json *json_pointer(const struct json *j, const char *pointer)
{
    struct buf token;

    buf_init(&token);
    while (j && *pointer) {
        if (*pointer != '/') {
            j = NULL;
            break;
        }
        pointer = read_token(pointer + 1, &token);
        j = json_is_array(j) ? at_index(j, token.data)
                             : json_get(j, token.data);
    }
    buf_release(&token);
    return j;
}

/* Where nesting passes the limit, as a byte offset, or -1. Looked for before
 * parsing: jansson itself goes 2048 calls deep. */
static long too_deep(const char *text, size_t len)
{
    bool in_string = false;
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if (c == ']' || c == '}')
            depth--;
        else if ((c == '[' || c == '{') && ++depth > DEPTH_LIMIT)
            return (long)i;
    }
    return -1;
}

struct json *json_parse_foreign(const char *text, size_t len, struct err *e)
{
    long deep = too_deep(text, len);
    json_error_t error;
    json_t *j = NULL;

    if (deep < 0)
        j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                       &error);
    if (j)
        return made(j);
    err_what(e, ERR_INPUT, "not JSON as we read it");
    if (deep < 0)
        err_why(e, "line %d, byte %d: %s", error.line, error.position,
                error.text);
    else
        err_why(e, "byte %ld: more than %d levels deep", deep, DEPTH_LIMIT);
    err_fix(e, "correct it at the source");
    return NULL;
}

/* Does a real number occur anywhere in j? */
static bool has_real(json_t *j)
{
    const char *key;
    json_t *value;
    size_t i;

    json_array_foreach(j, i, value)
    {
        if (has_real(value))
            return true;
    }
    json_object_foreach(j, key, value)
    {
        if (has_real(value))
            return true;
    }
    return json_typeof(j) == JSON_REAL;
}

struct json *json_parse(const char *text, size_t len, struct err *e)
{
    struct json *j = json_parse_foreign(text, len, e);

    if (!j || !has_real(own(j)))
        return j;
    json_free(j);
    err_what(e, ERR_INPUT, "not JSON as we read it");
    err_why(e, "it holds a real number; only integers have one spelling");
    err_fix(e, "correct it at the source");
    return NULL;
}

static char *dumped(struct arena *a, const struct json *j, size_t flags)
{
    char *text = json_dumps(own(j), flags | JSON_ENCODE_ANY), *copy;

    if (!text)
        BUG("jansson could not write a value");
    copy = arena_strdup(a, text);
    free(text);
    return copy;
}

char *json_canonical(struct arena *a, const struct json *j)
{
    if (has_real(own(j)))
        BUG("a real number in what is signed");
    return dumped(a, j, JSON_SORT_KEYS | JSON_COMPACT);
}

char *json_pretty(struct arena *a, const struct json *j)
{
    return dumped(a, j, JSON_INDENT(2));
}

char *json_digest(const struct json *j, char out[65])
{
    struct arena a;
    char *text;

    arena_init(&a);
    text = json_canonical(&a, j);
    hash_hex(text, strlen(text), out);
    arena_release(&a);
    return out;
}
