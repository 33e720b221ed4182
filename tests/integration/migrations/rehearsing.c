#include "tests/integration/migrations/rehearsing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/base/buf.h"
#include "runner/base/file.h"

#define WAIT_S 20

int fixture_open(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *conninfo = getenv("TIDEGATE_TEST_PG");

    f->loop = loop_open();
    arena_init(&f->a);
    f->pg = conninfo ? pg_open(f->loop, conninfo, "test", 0, &f->e) : NULL;
    if (!f->pg)
        err_print(&f->e, stderr);
    *state = f;
    return f->pg ? 0 : 1;
}

int fixture_close(void **state)
{
    struct fixture *f = *state;

    pg_close(f->pg);
    arena_release(&f->a);
    loop_close(f->loop);
    free(f);
    return 0;
}

const char *conninfo_of(struct fixture *f, const char *database)
{
    return pg_conninfo_with(&f->a, getenv("TIDEGATE_TEST_PG"), "dbname",
                            database, &f->e);
}

static void run(struct fixture *f, struct pg *pg, const char *sql)
{
    struct pg_result r;

    if (pg_run(pg, &f->a, sql, &r, &f->e))
        return;
    print_error("%s\n%s\n", sql, f->e.why);
    fail();
}

void database_run(struct fixture *f, const char *name, const char *sql)
{
    struct pg *pg = pg_open(f->loop, conninfo_of(f, name), "test", 0, &f->e);

    assert_non_null(pg);
    run(f, pg, "SET search_path TO DEFAULT");
    run(f, pg, sql);
    pg_close(pg);
}

void database_make(struct fixture *f, const char *name, const char *sql)
{
    run(f, f->pg,
        arena_printf(&f->a, "DROP DATABASE IF EXISTS %s WITH (FORCE)", name));
    run(f, f->pg, arena_printf(&f->a, "CREATE DATABASE %s", name));
    if (sql)
        database_run(f, name, sql);
}

const char *database_ask(struct fixture *f, const char *name, const char *sql)
{
    struct pg *pg = pg_open(f->loop, conninfo_of(f, name), "test", 0, &f->e);
    struct pg_result r;

    assert_non_null(pg);
    run(f, pg, "SET search_path TO DEFAULT");
    if (!pg_query(pg, &f->a, sql, NULL, 0, &r, &f->e)) {
        print_error("%s\n%s\n", sql, f->e.why);
        fail();
    }
    pg_close(pg);
    return r.rows && r.cell[0][0] ? r.cell[0][0] : "";
}

int clones_left(struct fixture *f)
{
    const char *n = database_ask(
        f, "postgres",
        "SELECT count(*) FROM pg_database WHERE datname LIKE 'tidegate\\_%'");

    return (int)strtol(n, NULL, 10);
}

static void script_make(struct fixture *f, struct script *s, const char *file,
                        const char *text, bool transaction)
{
    struct statement *list = arena_array(&f->a, 64, sizeof *list);
    int line = 1;

    *s = (struct script){.file = file,
                         .text = text,
                         .statements = list,
                         .transaction = transaction,
                         .lock_timeout_ms = -1,
                         .statement_timeout_ms = -1};
    while (*text) {
        const char *end = strstr(text, "\n;;\n");
        size_t len = end ? (size_t)(end - text) : strlen(text);
        struct statement *at = &list[s->n++];
        at->text = arena_strndup(&f->a, text, len);
        at->len = len;
        at->line = line;
        at->kind = "statement";
        at->needs_no_transaction =
            !transaction &&
            (strstr(at->text, "CONCURRENTLY") || strstr(at->text, "VACUUM"));
        for (size_t i = 0; i < len; i++)
            line += text[i] == '\n';
        line += 2;
        text += len + (end ? 4 : 0);
    }
}

struct migration *migration_make(struct fixture *f, const char *name,
                                 const char *up, const char *down)
{
    struct migration *m = arena_alloc(&f->a, sizeof *m);
    size_t len = strcspn(name, "!+");
    bool apart = strchr(name, '!') != NULL;

    m->name = arena_strndup(&f->a, name, len);
    m->after = strchr(name, '+') != NULL;
    m->has_down = down != NULL;
    hash_hex(up, strlen(up), m->checksum);
    script_make(f, &m->up, arena_printf(&f->a, "%s.up.sql", m->name), up,
                !apart);
    if (down)
        script_make(f, &m->down, arena_printf(&f->a, "%s.down.sql", m->name),
                    down, !apart);
    return m;
}

bool rehearse(struct fixture *f, const struct rehearse_settings *s,
              const struct migration *const *list, size_t n)
{
    return rehearse_run(f->loop, &f->a, s, list, n, NULL, &f->out, &f->e);
}

struct rehearse_settings by_dump(struct fixture *f, const char *database)
{
    static int count;

    return (struct rehearse_settings){
        .how = CLONE_BY_DUMP,
        .from = conninfo_of(f, database),
        .server = conninfo_of(f, "postgres"),
        .production = conninfo_of(f, database),
        .run = arena_printf(&f->a, "test_%d_%d", (int)getpid(), ++count)};
}

const struct touched *touched_find(const struct rehearsed_statement *s,
                                   const char *relation)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->touched[i].relation, relation) == 0)
            return &s->touched[i];
    return NULL;
}

const struct migration *one(struct fixture *f, const char *up, const char *down)
{
    return migration_make(f, "0001_one", up, down);
}

void must(struct fixture *f, bool ok)
{
    if (!ok)
        err_print(&f->e, stderr);
    assert_true(ok);
    assert_int_equal(clones_left(f), 0);
}

void rehearse_shop(struct fixture *f, const struct migration *m)
{
    struct rehearse_settings s = by_dump(f, "shop");

    database_make(f, "shop", SHOP);
    must(f, rehearse(f, &s, &m, 1));
}

void refused(struct fixture *f, bool ok, enum err_code code, const char *part)
{
    assert_false(ok);
    assert_int_equal(f->e.code, code);
    assert_non_null(strstr(f->e.why, part));
    assert_true(*f->e.what && *f->e.fix);
}

bool wait_for(struct fixture *f, const char *sql, const char *want)
{
    int64_t deadline = clock_mono() + WAIT_S * 1000;

    while (strcmp(database_ask(f, "postgres", sql), want) != 0) {
        if (clock_mono() > deadline)
            return false;
        loop_sleep(f->loop, 20);
    }
    return true;
}

char *program_make(struct fixture *f, char folder[], const char *text)
{
    const char *conninfo = getenv("TIDEGATE_TEST_PG");
    char *path, *at;

    assert_non_null(mkdtemp(folder));
    path = arena_printf(&f->a, "%s/clone", folder);
    while ((at = strstr(text, "@C@")))
        text = arena_printf(&f->a, "%.*s%s%s", (int)(at - text), text, conninfo,
                            at + 3);
    assert_true(file_write(path, text, strlen(text), 0755, &f->e));
    return path;
}

const char *program_log(struct fixture *f, const char *path)
{
    char *log;
    size_t len;

    if (!file_read(path_join(&f->a, path_folder(&f->a, path), "log"), 4096,
                   ERR_INPUT, &f->a, &log, &len, &f->e))
        return "";
    return log;
}

void program_remove(struct fixture *f, const char *path)
{
    const char *folder = path_folder(&f->a, path);

    unlink(path_join(&f->a, folder, "log"));
    unlink(path);
    rmdir(path_join(&f->a, folder, "notes"));
    assert_int_equal(rmdir(folder), 0); /* so no note is left either */
}
