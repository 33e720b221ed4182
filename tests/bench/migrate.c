/* What the scripts beside it measure: the rooms of migrations alone, without
 * gates, ledger and hosts, since the peers have none of these.
 *
 *     migrate apply CONNINFO FOLDER         all of a folder, for real
 *     migrate rehearse CONNINFO FOLDER      traced, on that database itself
 *     migrate fingerprint CONNINFO          the schema; prints its lines
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrations/apply/apply.h"
#include "migrations/rehearse/fingerprint.h"
#include "migrations/rehearse/rehearse.h"
#include "runner/base/file.h"

struct bench {
    struct loop *loop;
    struct arena a;
    const char *conninfo, *folder;
    struct migrations found;
    struct err e;
};

static bool is_sql(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && strcmp(name + n - 4, ".sql") == 0;
}

static bool read_folder(struct bench *b)
{
    struct sql_file *files = arena_array(&b->a, MIGRATIONS_MAX, sizeof *files);
    DIR *folder = opendir(b->folder);
    struct dirent *entry;
    size_t n = 0;
    bool ok = true;

    while (folder && ok && n < MIGRATIONS_MAX && (entry = readdir(folder))) {
        struct sql_file *f = &files[n];
        char *bytes;

        if (!is_sql(entry->d_name))
            continue;
        ok = file_read(path_join(&b->a, b->folder, entry->d_name),
                       MIGRATION_LIMIT, ERR_INPUT, &b->a, &bytes, &f->len,
                       &b->e);
        f->bytes = bytes;
        f->name = arena_strdup(&b->a, entry->d_name);
        n++;
    }
    if (folder)
        closedir(folder);
    return ok && migrations_read(&b->found, &b->a, "auto", files, n, &b->e);
}

static bool apply_all(struct bench *b)
{
    struct apply_settings s = {.conninfo = b->conninfo,
                               .run = "bench",
                               .release = "v1",
                               .ledger = "bench",
                               .epoch = 1};
    struct apply *ap = apply_open(b->loop, &b->a, &s, NULL, &b->e);
    struct apply_result r;
    bool ok = ap != NULL;

    for (size_t i = 0; ok && i < b->found.n; i++)
        ok = apply_up(ap, &b->found.list[i], 0, &r, &b->e);
    apply_close(ap);
    return ok;
}

static bool rehearse_all(struct bench *b)
{
    struct rehearse_settings s = {.how = CLONE_AS_IS,
                                  .server = b->conninfo,
                                  .run = "bench",
                                  .lock_wait_ms = 5000};
    const struct migration **list =
        arena_array(&b->a, b->found.n, sizeof *list);
    struct rehearsal r;

    for (size_t i = 0; i < b->found.n; i++)
        list[i] = &b->found.list[i];
    if (!rehearse_run(b->loop, &b->a, &s, list, b->found.n, NULL, &r, &b->e))
        return false;
    if (!r.failed)
        return true;
    fprintf(stderr, "%s\n", r.failed);
    err_what(&b->e, ERR_FAILED, "a migration failed");
    return false;
}

static bool fingerprint(struct bench *b)
{
    struct pg *pg = pg_open(b->loop, b->conninfo, "bench", 0, &b->e);
    struct fingerprint f;
    bool ok = pg && fingerprint_take(pg, &b->a, &f, &b->e);

    if (ok)
        printf("%zu facts\n", f.n);
    pg_close(pg);
    return ok;
}

static bool run(struct bench *b, const char *what)
{
    if (strcmp(what, "fingerprint") == 0)
        return fingerprint(b);
    if (!b->folder || !read_folder(b))
        return false;
    return strcmp(what, "apply") == 0 ? apply_all(b) : rehearse_all(b);
}

int main(int argc, char **argv)
{
    struct bench b = {.loop = loop_open()};
    bool ok;

    if (argc < 3)
        return 64;
    arena_init(&b.a);
    b.conninfo = argv[2];
    b.folder = argc > 3 ? argv[3] : NULL;
    ok = run(&b, argv[1]);
    if (!ok)
        err_print(&b.e, stderr);
    arena_release(&b.a);
    loop_close(b.loop);
    return ok ? 0 : 1;
}
