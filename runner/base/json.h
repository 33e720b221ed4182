/* json: JSON values (jansson), and the canonical form that is signed.
 *
 * A `struct json *` is a reference-counted value; a setter that takes one
 * takes the reference over, getters lend. Getters of a missing or wrongly
 * typed member return the fallback named below, so readers of the ledger can
 * be plain. Canonical form (after RFC 8785): keys sorted bytewise, no blanks,
 * integers only: we write no real numbers into what is signed.
 */
#ifndef RUNNER_BASE_JSON_H
#define RUNNER_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"

struct json;

struct json *json_new_object(void);
struct json *json_new_array(void);
/* Valid UTF-8 is kept as it is. In a string that is not, bad bytes become
 * \xNN and backslashes are doubled, so that nothing is lost. */
struct json *json_new_string(const char *s);
struct json *json_new_int(int64_t v);
struct json *json_new_bool(bool v);
struct json *json_new_null(void);
struct json *json_share(struct json *j); /* one more reference */
void json_free(struct json *j);          /* drops one; NULL is fine */

/* Set a member; an earlier one of that key is dropped. s NULL: null. */
void json_set(struct json *object, const char *key, struct json *value);
void json_set_str(struct json *object, const char *key, const char *s);
void json_set_int(struct json *object, const char *key, int64_t v);
void json_set_bool(struct json *object, const char *key, bool v);
void json_append(struct json *array, struct json *value);

bool json_is_object(const struct json *j);
bool json_is_array(const struct json *j);
bool json_is_string(const struct json *j);
bool json_is_int(const struct json *j);
bool json_is_real(const struct json *j);
bool json_is_null(const struct json *j);
const struct json *json_get(const struct json *object, const char *key);
const char *json_str(const struct json *object, const char *key); /* or NULL */
int64_t json_int(const struct json *object, const char *key, int64_t absent);
bool json_bool(const struct json *object, const char *key, bool absent);
size_t json_len(const struct json *array); /* 0 for anything else */
const struct json *json_at(const struct json *array, size_t i);
const char *json_text(const struct json *j); /* a string's text, or NULL */
int64_t json_number(const struct json *j, int64_t absent); /* integers */
double json_double(const struct json *j, double absent);   /* integers too */
/* The i-th key of an object in sorted order, or NULL past the end; the text
 * lives as long as the object. */
const char *json_key(const struct json *object, size_t i);
/* RFC 6901, "/a/0/b"; NULL when it leads nowhere. */
const struct json *json_pointer(const struct json *j, const char *pointer);

/* Text to value. Refuses duplicate keys, trailing text, depth over 64, NUL,
 * invalid UTF-8 and real numbers. NULL on failure: e is ERR_INPUT, its why
 * names byte or line; set what, and a code of your own, for the reader. Free
 * with json_free. */
struct json *json_parse(const char *text, size_t len, struct err *e);
/* The same, real numbers allowed: for answers that we did not write. */
struct json *json_parse_foreign(const char *text, size_t len, struct err *e);
/* The canonical bytes, NUL-closed, in a. BUG() on a real number. */
char *json_canonical(struct arena *a, const struct json *j);
/* Two-space indented, keys in the order they were set, for people. */
char *json_pretty(struct arena *a, const struct json *j);
/* SHA-256 hex of the canonical bytes. */
char *json_digest(const struct json *j, char out[65]);

#endif
