#include "policies/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A text that is too long is cut before the character that does not fit: its
 * last character may be half there, so it goes as a whole. */
static void fill(char *out, size_t size, const char *fmt, va_list args)
{
    int wanted = vsnprintf(out, size, fmt, args);
    size_t len = size - 1;

    if (wanted < (int)size)
        return;
    while (len && ((unsigned char)out[len - 1] & 0xc0) == 0x80)
        len--;
    if (len && (unsigned char)out[len - 1] >= 0xc0)
        len--;
    out[len] = '\0';
}

static struct verdict verdict_make(enum verdict_is is, const char *rule)
{
    return (struct verdict){.is = is, .rule = rule, .age = -1};
}

struct verdict verdict_pass(const char *rule, const char *fmt, ...)
{
    struct verdict v = verdict_make(PASS, rule);
    va_list args;

    va_start(args, fmt);
    fill(v.because, sizeof(v.because), fmt, args);
    va_end(args);
    return v;
}

struct verdict verdict_hold(const char *rule, int64_t retry_at, const char *fmt,
                            ...)
{
    struct verdict v = verdict_make(HOLD, rule);
    va_list args;

    v.retry_at = retry_at;
    va_start(args, fmt);
    fill(v.because, sizeof(v.because), fmt, args);
    va_end(args);
    return v;
}

struct verdict verdict_stop(const char *rule, const char *fmt, ...)
{
    struct verdict v = verdict_make(STOP, rule);
    va_list args;

    va_start(args, fmt);
    fill(v.because, sizeof(v.because), fmt, args);
    va_end(args);
    return v;
}

struct verdict verdict_off(void)
{
    struct verdict v = verdict_pass("off", "off (not configured)");

    v.state = VERDICT_OFF;
    return v;
}

struct verdict verdict_not_asked(void)
{
    struct verdict v = verdict_pass("not asked", "not asked");

    v.state = VERDICT_NOT_ASKED;
    return v;
}

static void refill(char *out, size_t size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fill(out, size, fmt, args);
    va_end(args);
}

void verdict_also(struct verdict *v, const struct verdict *other)
{
    char said[sizeof v->because];

    memcpy(said, v->because, sizeof said);
    refill(v->because, sizeof v->because, "%s; and %s", said, other->because);
}

void verdict_fix(struct verdict *v, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fill(v->fix, sizeof(v->fix), fmt, args);
    va_end(args);
}

void verdict_limit(struct verdict *v, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fill(v->limit, sizeof(v->limit), fmt, args);
    va_end(args);
}

static void fill_source(struct verdict *v, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fill(v->source, sizeof(v->source), fmt, args);
    va_end(args);
}

void verdict_source(struct verdict *v, const char *source, int64_t age)
{
    fill_source(v, "%s", source ? source : "");
    v->age = age;
}

const char *verdict_word(enum verdict_is is)
{
    static const char *const words[] = {
        [PASS] = "PASS", [HOLD] = "HOLD", [STOP] = "STOP"};

    return words[is];
}
