#include "runner/command/lint_say.h"

#include <stdio.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/duration.h"

/* So many relations are listed; a table may have thousands of partitions. */
#define TOUCHES_SHOWN 12

static const struct {
    const char *word, *github;
    enum style style;
} levels[] = {[FINDING_NOTE] = {"note", "notice", STYLE_DIM},
              [FINDING_WARNING] = {"warning", "warning", STYLE_WARN},
              [FINDING_ERROR] = {"error", "error", STYLE_BAD}};

static const struct {
    const char *word, *sentence;
} waits[] = {
    [WAIT_NOBODY] = {"nobody", "neither readers nor writers wait"},
    [WAIT_WRITERS] = {"writers", "writers wait"},
    [WAIT_READERS] = {"readers", "readers and writers wait"},
};

const char *lint_level_word(enum finding_level level)
{
    return levels[level].word;
}

/* What is wrong, without the "FILE:LINE: " that stands before it already. */
static const char *said(struct arena *a, const struct finding *f)
{
    const char *place = arena_printf(a, "%s:%d: ", f->file, f->line);
    size_t n = strlen(place);

    return strncmp(f->what, place, n) == 0 ? f->what + n : f->what;
}

static const char *reach(bool rewrites, bool scans)
{
    if (rewrites)
        return ", rewrites it";
    return scans ? ", reads all of it" : "";
}

/* "41 GB, 300 M rows" */
static const char *size_of(struct arena *a, const struct finding_touch *t)
{
    static const char *const units[] = {"", " k", " M", " G"};
    double rows = (double)t->rows;
    char bytes[32];
    size_t u = 0;

    if (t->bytes < 0)
        return "";
    bytes_text(t->bytes, bytes, sizeof bytes);
    if (t->rows < 0)
        return arena_printf(a, ", %s", bytes);
    for (; rows >= 10000 && u < 3; u++)
        rows /= 1000;
    return arena_printf(a, ", %s, %.0f%s rows", bytes, rows, units[u]);
}

/* Lines of several, under a label. */
static void labelled(struct output *o, const char *label, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        output_text(o, "    %-8s%.*s\n", label, (int)n, text);
        label = "";
        text += n + (text[n] == '\n');
    }
}

/* One relation of no known size: the line of the lock said it all. */
static bool is_plain(const struct finding *f)
{
    return f->n_touches == 1 && f->touches[0].named && f->touches[0].bytes < 0;
}

static void show_touches(struct output *o, struct arena *a,
                         const struct finding *f)
{
    if (is_plain(f))
        return;
    for (size_t i = 0; i < f->n_touches && i < TOUCHES_SHOWN; i++) {
        const struct finding_touch *t = &f->touches[i];
        output_text(o, "    %-8s%s%s: %s%s\n", i ? "" : "on", t->relation,
                    size_of(a, t), lock_mode_name(t->lock),
                    reach(t->rewrites, t->scans));
    }
    if (f->n_touches > TOUCHES_SHOWN)
        output_text(o, "    %-8sand %zu more\n", "",
                    f->n_touches - TOUCHES_SHOWN);
}

void lint_say_text(struct output *o, struct arena *a, const struct finding *f)
{
    const char *does = f->rewrites ? ", rewrites the table"
                       : f->scans  ? ", reads the whole table"
                                   : "";

    output_text(o, "%s:%d: ", f->file, f->line);
    output_style(o, levels[f->level].style, "%s", levels[f->level].word);
    output_text(o, " [%s] %s\n", f->rule, said(a, f));
    if (f->lock)
        output_text(o, "    %-8s%s%s; %s\n", "lock", f->lock, does,
                    waits[f->waits].sentence);
    else if (*does)
        output_text(o, "    %-8snone%s\n", "lock", does);
    show_touches(o, a, f);
    if (f->worst)
        output_text(o, "    worst case: %s\n", f->worst);
    if (f->allowed)
        labelled(o, "allowed", f->allowed);
    if (f->safer)
        labelled(o, "safer", f->safer);
}

static struct json *text_or_null(const char *text)
{
    return text ? json_new_string(text) : json_new_null();
}

static struct json *count_or_null(int64_t n)
{
    return n >= 0 ? json_new_int(n) : json_new_null();
}

static struct json *touch_json(const struct finding_touch *t)
{
    struct json *j = json_new_object();

    json_set_str(j, "relation", t->relation);
    json_set_bool(j, "named", t->named);
    json_set_str(j, "lock", lock_mode_name(t->lock));
    json_set_bool(j, "rewrites", t->rewrites);
    json_set_bool(j, "scans", t->scans);
    json_set_str(j, "waits", waits[finding_wait_of(t->lock)].word);
    json_set(j, "bytes", count_or_null(t->bytes));
    json_set(j, "rows", count_or_null(t->rows));
    return j;
}

struct json *lint_say_json(struct arena *a, const struct finding *f)
{
    struct json *j = json_new_object(), *list = json_new_array();

    json_set_str(j, "file", f->file);
    json_set_int(j, "line", f->line);
    json_set_str(j, "level", levels[f->level].word);
    json_set_str(j, "rule", f->rule);
    json_set_str(j, "what", said(a, f));
    json_set(j, "lock", text_or_null(f->lock));
    json_set_bool(j, "rewrites", f->rewrites);
    json_set_bool(j, "scans", f->scans);
    json_set_str(j, "waits", waits[f->waits].word);
    json_set(j, "worst_case", text_or_null(f->worst));
    json_set(j, "safer", text_or_null(f->safer));
    json_set(j, "allowed", text_or_null(f->allowed));
    for (size_t i = 0; i < f->n_touches; i++)
        json_append(list, touch_json(&f->touches[i]));
    json_set(j, "relations", list);
    return j;
}

/* A runner reads a line at a time; in properties ':' and ',' mean something,
 * and '%' everywhere. */
static void escaped(struct buf *b, const char *text, const char *special)
{
    for (; *text; text++)
        if (*text == '%' || *text == '\r' || *text == '\n' ||
            strchr(special, *text))
            buf_printf(b, "%%%02X", (unsigned)(unsigned char)*text);
        else
            buf_char(b, *text);
}

const char *lint_say_github(struct arena *a, const struct finding *f)
{
    struct buf b;
    const char *size = f->n_touches ? size_of(a, &f->touches[0]) : "";

    buf_init(&b);
    buf_printf(&b, "::%s file=", levels[f->level].github);
    escaped(&b, f->file, ":,");
    buf_printf(&b, ",line=%d,title=", f->line);
    escaped(&b, arena_printf(a, "tidegate lint: %s", f->rule), ":,");
    buf_str(&b, "::");
    escaped(&b, said(a, f), "");
    if (f->lock)
        escaped(&b,
                arena_printf(a, "\n%s%s%s; %s", f->lock,
                             reach(f->rewrites, f->scans), size,
                             waits[f->waits].sentence),
                "");
    if (f->safer)
        escaped(&b, arena_printf(a, "\nsafer:\n%s", f->safer), "");
    buf_char(&b, '\n');
    return buf_into(&b, a);
}
