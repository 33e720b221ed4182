#include "runner/fleet/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/base/embedded.h"
#include "runner/base/escape.h"

/* sh reads ahead when it reads a script; dd takes exactly what it is told. */
const char remote_command[] = "exec /bin/sh -c 'IFS= read -r n && "
                              "eval \"$(dd bs=1 count=$n 2>/dev/null)\"'";

/* Runs a script only if all of it has come. */
static const char loader[] =
    "tg_login_locale=${LC_ALL-}; LC_ALL=C; export LC_ALL\n"
    "IFS= read -r n && s=$(dd bs=65536 count=\"$n\" "
    "iflag=fullblock,count_bytes 2>/dev/null; echo .) && "
    "s=${s%.} && [ \"${#s}\" = \"$n\" ] && eval \"$s\"\n";

/* A step is its parts, one after the other. */
static const struct {
    const char *step;
    const char *parts[4];
} steps[] = {
    {"observe", {"lib.sh", "tree.sh", "observe.sh"}},
    {"fence", {"lib.sh", "fence.sh"}},
    {"stage", {"lib.sh", "tree.sh", "hooks.sh", "stage.sh"}},
    {"flip", {"lib.sh", "flip.sh"}},
    {"hook", {"lib.sh", "hooks.sh", "hook.sh"}},
    {"mark", {"lib.sh", "mark.sh"}},
    {"after_begun", {"lib.sh", "after_begun.sh"}},
    {"prune", {"lib.sh", "prune.sh"}},
    {"adopt", {"lib.sh", "tree.sh", "adopt.sh"}},
};
#define STEPS (sizeof steps / sizeof *steps)

static void add_framed(struct buf *out, const char *bytes, size_t len)
{
    buf_printf(out, "%zu\n", len);
    buf_add(out, bytes, len);
}

static void add_part(struct buf *script, const char *name)
{
    for (const struct embedded *f = remote_scripts; f->name; f++) {
        if (strcmp(f->name, name) == 0) {
            buf_add(script, f->bytes, f->len);
            return;
        }
    }
    BUG("no remote script %s", name);
}

static void add_script(struct buf *out, const char *step)
{
    struct buf script;
    size_t i = 0;

    while (i < STEPS && strcmp(steps[i].step, step) != 0)
        i++;
    if (i == STEPS)
        BUG("no remote step %s", step);
    buf_init(&script);
    for (int p = 0; p < 4 && steps[i].parts[p]; p++)
        add_part(&script, steps[i].parts[p]);
    add_framed(out, script.data, script.len);
    buf_release(&script);
}

void request_build(struct buf *out, const char *nonce, const char *step,
                   const struct param *params, size_t n)
{
    add_framed(out, loader, sizeof loader - 1);
    add_script(out, step);
    add_framed(out, nonce, strlen(nonce));
    for (size_t i = 0; i < n; i++)
        add_framed(out, params[i].bytes ? params[i].bytes : "", params[i].len);
}

void reply_init(struct reply *r, struct arena *a, const char *nonce)
{
    *r = (struct reply){.a = a};
    snprintf(r->nonce, sizeof r->nonce, "%s", nonce);
    buf_init(&r->bytes);
}

void reply_release(struct reply *r)
{
    buf_release(&r->bytes);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* The bytes of a value; NULL when it is neither of the two forms. */
static const char *value_read(struct arena *a, const char *text)
{
    size_t len = strlen(text);
    char *out;

    if (*text == '=')
        return text + 1;
    if (*text != 'x' || len % 2 == 0)
        return NULL;
    out = arena_alloc(a, len / 2 + 1);
    for (size_t i = 0; i < len / 2; i++) {
        int high = hex_digit(text[1 + 2 * i]), low = hex_digit(text[2 + 2 * i]);
        if (high < 0 || low < 0 || (high | low) == 0)
            return NULL;
        out[i] = (char)(high << 4 | low);
    }
    return out;
}

static const char *const end_words[] = {
    [OUTCOME_DONE] = "done",
    [OUTCOME_FAILED] = "failed",
    [OUTCOME_UNKNOWN] = "unknown",
};

static void end_read(struct reply *r, char *text)
{
    char *count = strchr(text, ' '), *stop;

    r->ends++;
    if (r->ends > 1) {
        r->broken = "it ended its answer twice";
        return;
    }
    if (!count) {
        r->broken = "the end of its answer is malformed";
        return;
    }
    *count++ = '\0';
    for (size_t i = 0; i < sizeof end_words / sizeof *end_words; i++)
        if (end_words[i] && strcmp(text, end_words[i]) == 0)
            r->said = (enum outcome)i;
    if (r->said == OUTCOME_NONE)
        r->broken = "the end of its answer is malformed";
    else if (strtoull(count, &stop, 10) != r->n || stop == count || *stop)
        r->broken = "lines of its answer are missing";
}

static void line_read(struct reply *r, const char *bytes, size_t len)
{
    size_t head = 4 + NONCE_TEXT - 1 + 1;
    char *line, *value;

    if (len <= head || memcmp(bytes, "TG1 ", 4) != 0 ||
        memcmp(bytes + 4, r->nonce, NONCE_TEXT - 1) != 0 ||
        bytes[head - 1] != ' ' || memchr(bytes, '\0', len))
        return;
    line = arena_strndup(r->a, bytes + head, len - head);
    value = strchr(line, ' ');
    if (!value) {
        r->broken = "a line of its answer is malformed";
        return;
    }
    *value++ = '\0';
    if (strcmp(line, "end") == 0) {
        end_read(r, value);
        return;
    }
    value = (char *)value_read(r->a, value);
    if (!value || r->ends) {
        r->broken = r->ends ? "its answer went on behind its end"
                            : "a line of its answer is malformed";
        return;
    }
    if (r->n == r->room) {
        size_t room = r->room ? 2 * r->room : 32;
        r->keys = arena_grow(r->a, r->keys, r->n, room, sizeof *r->keys);
        r->values = arena_grow(r->a, r->values, r->n, room, sizeof *r->values);
        r->room = room;
    }
    r->keys[r->n] = line;
    r->values[r->n++] = value;
}

void reply_scan(struct reply *r)
{
    while (!r->broken) {
        const char *start = r->bytes.data + r->scanned;
        size_t left = r->bytes.len - r->scanned;
        const char *stop = memchr(start, '\n', left);
        if (!stop)
            break;
        line_read(r, start, (size_t)(stop - start));
        r->scanned += (size_t)(stop - start) + 1;
    }
    if (r->bytes.len > REPLY_LIMIT)
        r->broken = "it wrote over 1 MiB";
}

bool reply_ended(const struct reply *r)
{
    return r->ends || r->broken;
}

/* The last line of stderr that says something. */
static const char *last_words(struct arena *a, const char *noise)
{
    size_t end = strlen(noise), start;

    while (end && strchr(" \t\r\n", noise[end - 1]))
        end--;
    for (start = end; start && noise[start - 1] != '\n'; start--)
        continue;
    if (end - start > 300)
        start = end - 300;
    return escape(a, arena_strndup(a, noise + start, end - start));
}

void reply_take(struct reply *r, const char *noise, struct answer *out)
{
    out->keys = r->keys;
    out->values = r->values;
    out->n = r->n;
    out->outcome = r->broken || r->ends != 1 ? OUTCOME_UNKNOWN : r->said;
    if (out->outcome == OUTCOME_DONE)
        return;
    if (r->broken) {
        out->why = r->broken;
    } else if (!r->ends) {
        const char *last = last_words(r->a, noise);
        out->why =
            *last ? arena_printf(r->a, "it gave no answer; it said: %s", last)
                  : "it gave no answer";
    } else {
        const char *why = answer_get(out, "why");
        const char *fix = answer_get(out, "fix");
        out->why = why ? escape(r->a, why) : "the host gave no reason";
        out->fix = fix ? escape(r->a, fix) : NULL;
    }
}
