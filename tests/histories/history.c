/* One whole history of migrations, as another project keeps it, rehearsed on
 * an empty database: up, down, compared, up again.
 *
 *     history CONNINFO FOLDER [LAYOUT]
 *
 * Prints a line for each migration: statements, times, the strongest lock on
 * what was there before, whether its down undid it; then the sums. Exit code
 * 0: all of it ran up, down and up; 1: not all, with the reasons; 2: it could
 * not be read. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "migrations/rehearse.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"

struct history {
    struct loop *loop;
    struct arena a;
    struct sql_file *files;
    size_t n;
    struct migrations found;
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

/* Names are relative to the top, with slashes, as a git tree gives them. */
static bool read_folder(struct history *h, const char *top, const char *name)
{
    DIR *folder = opendir(*name ? path_join(&h->a, top, name) : top);
    struct dirent *entry;
    bool ok = folder != NULL;

    while (ok && (entry = readdir(folder))) {
        char *inner = *name ? path_join(&h->a, name, entry->d_name)
                            : arena_strdup(&h->a, entry->d_name);
        char *path = path_join(&h->a, top, inner);
        struct stat st;

        if (entry->d_name[0] == '.' || stat(path, &st) != 0)
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

static bool rehearse(struct history *h, const char *conninfo)
{
    struct rehearse_settings s = {.how = CLONE_AS_IS,
                                  .server = conninfo,
                                  .run = "history",
                                  .lock_wait_ms = 5000};
    const struct migration **list =
        arena_array(&h->a, h->found.n, sizeof *list);

    for (size_t i = 0; i < h->found.n; i++)
        list[i] = &h->found.list[i];
    return rehearse_run(h->loop, &h->a, &s, list, h->found.n, NULL, &h->r,
                        &h->e);
}

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
    if (h->r.failed)
        printf("FAILED: %s\n", h->r.failed);
    printf("%zu files, %zu migrations, %zu statements ran, %zu not undone\n",
           h->n, h->found.n, statements, bad);
    return bad + (h->r.failed != NULL);
}

int main(int argc, char **argv)
{
    struct history h = {.loop = loop_open()};
    int code = 2;

    arena_init(&h.a);
    h.files = arena_array(&h.a, MIGRATIONS_MAX, sizeof *h.files);
    if (argc > 2 && read_folder(&h, argv[2], "") &&
        migrations_read(&h.found, &h.a, argc > 3 ? argv[3] : "auto", h.files,
                        h.n, &h.e) &&
        rehearse(&h, argv[1]))
        code = show(&h) ? 1 : 0;
    else
        err_print(&h.e, stderr);
    arena_release(&h.a);
    loop_close(h.loop);
    return code;
}
