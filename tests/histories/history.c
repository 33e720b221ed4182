/* One whole history of migrations, as another project keeps it, rehearsed:
 * up, down, compared, up again.
 *
 *     history CONNINFO FOLDER [LAYOUT [SKIPPED...]]
 *
 * CONNINFO is of a server where the database `history` is made anew from
 * `history_base`. A migration that fails is left out, and the rest is run once
 * more, so that one failure does not hide the others. Files whose names end in
 * SKIPPED are not read. Prints a line for each migration: statements, times,
 * the strongest lock on what was there before, whether its down undid it; then
 * the failures with their reasons, and the sums. Exit code 0: all of it ran
 * up, down and up; 1: not all; 2: it could not be read. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "migrations/rehearse/rehearse.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"

#define FAILURES_MAX 100

struct history {
    struct loop *loop;
    struct arena a;
    const char *server, *database; /* conninfos */
    char **skipped;                /* ends in NULL */
    const char *roles;             /* that were there before */
    struct sql_file *files;
    size_t n;
    struct migrations found;
    const struct migration **list; /* those that have not failed */
    size_t left;
    const char *failures[FAILURES_MAX];
    size_t failed;
    struct rehearsal r;
    struct err e;
};

static bool read_file(struct history *h, const char *path, const char *name)
{
    struct sql_file *f = &h->files[h->n];
    char *bytes;

    if (h->n == MIGRATIONS_MAX) {
        err_what(&h->e, ERR_INPUT, "more than %d files", MIGRATIONS_MAX);
        return false;
    }
    if (!file_read(path, MIGRATION_LIMIT, ERR_INPUT, &h->a, &bytes, &f->len,
                   &h->e))
        return false;
    f->name = name;
    f->bytes = bytes;
    h->n++;
    return true;
}

/* A file of such an ending, or the other half of one. */
static bool is_skipped(struct history *h, const char *folder, const char *name)
{
    static const char *const halves[] = {".up", ".down"};
    size_t len = strlen(name), stem = strcspn(name, ".");

    for (char **end = h->skipped; *end; end++) {
        size_t n = strlen(*end);
        if (n <= len && strcmp(name + len - n, *end) == 0)
            return true;
        for (int i = 0; i < 2; i++)
            if (file_exists(arena_printf(&h->a, "%s/%.*s%s%s", folder,
                                         (int)stem, name, halves[i], *end)))
                return true;
    }
    return false;
}

/* Names are relative to the top, with slashes, as a git tree gives them. */
static bool read_folder(struct history *h, const char *top, const char *name)
{
    const char *where = *name ? path_join(&h->a, top, name) : top;
    DIR *folder = opendir(where);
    struct dirent *entry;
    bool ok = folder != NULL;

    while (ok && (entry = readdir(folder))) {
        char *inner = *name ? path_join(&h->a, name, entry->d_name)
                            : arena_strdup(&h->a, entry->d_name);
        char *path = path_join(&h->a, top, inner);
        struct stat st;

        if (entry->d_name[0] == '.' || is_skipped(h, where, entry->d_name) ||
            stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            ok = read_folder(h, top, inner);
        else if (S_ISREG(st.st_mode) && st.st_size <= MIGRATION_LIMIT)
            ok = read_file(h, path, inner);
    }
    if (folder)
        closedir(folder);
    else
        err_what(&h->e, ERR_INPUT, "%s cannot be opened", top);
    return ok;
}

/* ---- again and again, without those that fail ---- */

static bool fresh(struct history *h)
{
    struct pg *pg = pg_open(h->loop, h->server, "history", 0, &h->e);
    struct pg_result r;
    bool ok = pg &&
              pg_run(pg, &h->a, "DROP DATABASE IF EXISTS history", &r, &h->e) &&
              pg_run(pg, &h->a, "CREATE DATABASE history TEMPLATE history_base",
                     &r, &h->e);

    pg_close(pg);
    return ok;
}

static bool rehearse(struct history *h)
{
    struct rehearse_settings s = {.how = CLONE_AS_IS,
                                  .server = h->database,
                                  .run = "history",
                                  .lock_wait_ms = 5000};

    return fresh(h) && rehearse_run(h->loop, &h->a, &s, h->list, h->left, NULL,
                                    &h->r, &h->e);
}

/* The one whose file the failure names goes. */
static bool leave_out(struct history *h)
{
    for (size_t i = 0; i < h->left; i++) {
        const char *file = h->list[i]->up.file;
        size_t n = strlen(file);

        if (strncmp(h->r.failed, file, n) != 0 || h->r.failed[n] != ':')
            continue;
        h->failures[h->failed++] = h->r.failed;
        memmove(&h->list[i], &h->list[i + 1],
                (h->left - i - 1) * sizeof(struct migration *));
        h->left--;
        return h->failed < FAILURES_MAX;
    }
    return false;
}

static bool rehearse_all(struct history *h)
{
    h->left = h->found.n;
    h->list = arena_array(&h->a, h->left, sizeof *h->list);
    for (size_t i = 0; i < h->left; i++)
        h->list[i] = &h->found.list[i];
    do {
        if (!rehearse(h))
            return false;
    } while (h->r.failed && leave_out(h));
    return true;
}

/* ---- what came of it ---- */

static const char *strongest(const struct rehearsed *m)
{
    static const char *const order[] = {"ACCESS EXCLUSIVE", "EXCLUSIVE",
                                        "SHARE ROW EXCLUSIVE", "SHARE",
                                        "SHARE UPDATE EXCLUSIVE"};

    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < m->n; i++)
            for (size_t j = 0; j < m->up[i].n; j++)
                if (strcmp(m->up[i].touched[j].lock, order[k]) == 0)
                    return order[k];
    return "-";
}

static const char *way_back(const struct rehearsed *m)
{
    if (!m->has_down)
        return "no down";
    return m->down_ok ? "undone" : "NOT UNDONE";
}

static size_t show(struct history *h)
{
    size_t bad = 0, statements = 0;

    printf("%-60s %10s %8s %8s  %-22s %s\n", "MIGRATION", "STATEMENTS", "UP ms",
           "DOWN ms", "LOCK", "WAY BACK");
    for (size_t i = 0; i < h->r.n; i++) {
        const struct rehearsed *m = &h->r.list[i];

        printf("%-60s %10zu %8lld %8lld  %-22s %s\n", escape(&h->a, m->name),
               m->n, (long long)m->up_ms, (long long)m->down_ms, strongest(m),
               way_back(m));
        if (m->has_down && !m->down_ok && m->differs)
            printf("    %s\n", m->differs);
        bad += m->has_down && !m->down_ok;
        statements += m->n;
    }
    for (size_t i = 0; i < h->failed; i++)
        printf("FAILED %s\n", h->failures[i]);
    printf("%zu files, %s: %zu migrations, %zu statements ran, %zu failed, %zu "
           "not undone\n",
           h->n, h->found.layout, h->found.n, statements, h->failed, bad);
    return bad + h->failed;
}

int main(int argc, char **argv)
{
    static char *none[] = {NULL};
    struct history h = {.loop = loop_open(),
                        .skipped = argc > 4 ? argv + 4 : none};
    int code = 2;

    if (argc < 3)
        return 64;
    arena_init(&h.a);
    h.server = argv[1];
    h.database = pg_conninfo_with(&h.a, argv[1], "dbname", "history", &h.e);
    h.files = arena_array(&h.a, MIGRATIONS_MAX, sizeof *h.files);
    if (h.database && read_folder(&h, argv[2], "") &&
        migrations_read(&h.found, &h.a, argc > 3 ? argv[3] : "auto", h.files,
                        h.n, &h.e) &&
        rehearse_all(&h))
        code = show(&h) ? 1 : 0;
    else
        err_print(&h.e, stderr);
    arena_release(&h.a);
    loop_close(h.loop);
    return code;
}
