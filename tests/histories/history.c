/* One whole history of migrations, as another project keeps it, tried:
 *
 *     history CONNINFO FOLDER [LAYOUT]
 *
 * CONNINFO is of a superuser of a server with an empty database history_base.
 * Prints a line for each migration: statements, times, the strongest lock on
 * what was there before, what came of its way back; what failed or was left
 * out, with the reasons; what is missing; the sums. Exit code 0: all of it
 * ran up, down and up again; 1: not all; 2: it could not be read or run. */
#include <stdio.h>
#include <string.h>

#include "runner/base/buf.h"
#include "runner/base/clock.h"
#include "runner/base/escape.h"
#include "tests/histories/folder.h"
#include "tests/histories/trial.h"

#define LINES_MAX 6 /* of what a down left or lost */

static const char *const words[CAME_KINDS] = {
    [CAME_UNDONE] = "undone",           [CAME_UP] = "no down",
    [CAME_UP_FAILED] = "UP FAILED",     [CAME_APPLY_FAILED] = "APPLY FAILED",
    [CAME_DOWN_FAILED] = "DOWN FAILED", [CAME_AGAIN_FAILED] = "UP AGAIN FAILED",
    [CAME_NOT_UNDONE] = "NOT UNDONE",
};

/* ---- what the server lacks ---- */

/* role "anon" does not exist: the word between before and after. */
static const struct {
    const char *before, *after, *what;
} lacks[] = {
    {"role \"", "\" does not exist", "role"},
    {"extension \"", "\" is not available", "extension (a package of its own)"},
    {"schema \"", "\" does not exist", "schema"},
    {"relation \"", "schema_migrations\" does not exist", "the tool's table"},
};

static void lacking(struct buf *seen, struct arena *a, const char *why)
{
    for (size_t k = 0; k < sizeof lacks / sizeof *lacks; k++) {
        const char *at = strstr(why, lacks[k].before), *name, *line;
        size_t n;

        if (!at || !strstr(at, lacks[k].after))
            continue;
        name = at + strlen(lacks[k].before);
        n = strcspn(name, "\"");
        if (strncmp(strchr(lacks[k].after, '"'), name + n, 2) != 0)
            continue;
        line =
            arena_printf(a, "MISSING %s %.*s\n", lacks[k].what, (int)n, name);
        if (!strstr(seen->data, line))
            buf_str(seen, line);
    }
}

static void say_lacks(struct arena *a, const struct trial *t)
{
    struct buf seen;

    buf_init(&seen);
    for (size_t i = 0; i < t->n; i++)
        if (t->rows[i].came == CAME_UP_FAILED)
            lacking(&seen, a, t->rows[i].why);
    if (seen.len)
        printf("%swhat migrations expect to be there: write it into a file, "
               "and name that: SETUP=FILE.sql scripts/history ...\n",
               seen.data);
    buf_release(&seen);
}

/* ---- the table ---- */

static void say_why(const char *why)
{
    int lines = 0;

    for (const char *end; *why; why = end + (*end == '\n')) {
        end = why + strcspn(why, "\n");
        if (++lines <= LINES_MAX)
            printf("    %.*s\n", (int)(end - why), why);
    }
    if (lines > LINES_MAX)
        printf("    and %d more\n", lines - LINES_MAX);
}

static void show_head(void)
{
    printf("%-60s %10s %8s %8s  %-22s %s\n", "MIGRATION", "STATEMENTS", "UP ms",
           "DOWN ms", "LOCK", "WAY BACK");
}

static void show_row(struct arena *a, const struct row *r)
{
    printf("%-60s %10zu %8lld %8lld  %-22s %s\n", escape(a, r->name),
           r->statements, (long long)r->up_ms, (long long)r->down_ms, r->lock,
           words[r->came]);
    if (r->why)
        say_why(r->why);
    else if (r->differs)
        say_why(r->differs);
    fflush(stdout); /* it may take long, and be stopped */
}

static void show_left_out(struct arena *a, const struct folder *f)
{
    for (size_t i = 0; i < f->left_out_n; i++)
        printf("LEFT OUT %s: %s\n", escape(a, f->left_out[i].file),
               escape(a, f->left_out[i].why));
}

static size_t show_sums(const struct folder *f, const struct trial *t,
                        int64_t ms)
{
    size_t came[CAME_KINDS] = {0}, statements = 0, bad;

    for (size_t i = 0; i < t->n; i++) {
        came[t->rows[i].came]++;
        statements += t->rows[i].statements;
    }
    printf("%s: %zu files, %zu left out, %zu migrations, %zu statements, "
           "%lld.%lld s\n",
           f->found.layout, f->all, f->left_out_n, t->n, statements,
           (long long)ms / 1000, (long long)ms % 1000 / 100);
    printf("each by itself:");
    for (size_t k = 0; k < CAME_KINDS; k++)
        if (came[k])
            printf(" %zu %s;", came[k], words[k]);
    printf("\nall at once: %zu up, %zu down, %zu of them undone%s\n", t->up,
           t->down, t->undone, t->stopped ? ", and then:" : ", up again");
    if (t->stopped)
        say_why(t->stopped);
    bad = t->n - came[CAME_UNDONE] - came[CAME_UP];
    return bad + f->left_out_n;
}

static bool run(struct trial *t, struct folder *f, char **argv,
                const char *layout, struct err *e)
{
    if (!folder_read(f, t->a, argv[2], layout, e))
        return false;
    t->list = f->found.list;
    t->n = f->found.n;
    show_left_out(t->a, f);
    show_head();
    return trial_run(t, e);
}

int main(int argc, char **argv)
{
    int64_t began = clock_mono();
    struct arena a;
    struct trial t = {.loop = loop_open(), .a = &a, .told = show_row};
    struct folder f;
    struct err e = {0};
    int code = 2;

    if (argc < 3)
        return 64;
    arena_init(&a);
    t.server = argv[1];
    if (run(&t, &f, argv, argc > 3 ? argv[3] : "auto", &e)) {
        say_lacks(&a, &t);
        code = show_sums(&f, &t, clock_mono() - began) ? 1 : 0;
    } else {
        err_print(&e, stderr);
    }
    arena_release(&a);
    loop_close(t.loop);
    return code;
}
