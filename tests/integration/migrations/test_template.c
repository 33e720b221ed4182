/* How far the copy of a template is, told while it goes on. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/integration/migrations/rehearsing.h"

/* As large as it says, and without a byte on the disk. */
static void folder_make(struct fixture *f, const char *path, off_t size)
{
    char *file = arena_printf(&f->a, "%s/1", path);
    int fd;

    assert_int_equal(mkdir(path, 0755), 0);
    fd = open(file, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

static void folder_remove(struct fixture *f, const char *path)
{
    unlink(arena_printf(&f->a, "%s/1", path));
    rmdir(path);
}

struct listener {
    struct progress progress;
    struct fixture *f;
    struct pg *holds;   /* keeps the copy from beginning; NULL: let go */
    const char *folder; /* that stands for what is copied */
    bool waited;        /* that nothing is there yet was told */
    char said[80];      /* "copied 3.0 MB of 8.6 MB" */
};

/* What PostgreSQL waits for, 5 s, ends with the second line. */
static void listen_note(struct progress *p, const struct progress_note *n)
{
    struct listener *l = (struct listener *)p;

    if (n->kind != PROGRESS_LIVE || !l->holds)
        return;
    if (strncmp(n->text, "copying ", 8) == 0 && !l->waited) {
        folder_make(l->f, l->folder, 3 << 20);
        l->waited = true;
    } else if (strncmp(n->text, "copied ", 7) == 0) {
        snprintf(l->said, sizeof l->said, "%.*s", (int)strcspn(n->text, ","),
                 n->text);
        pg_close(l->holds);
        l->holds = NULL;
    }
}

static bool try_once(struct listener *l, const struct rehearse_settings *s)
{
    struct fixture *f = l->f;
    const struct migration *m = one(f, "DROP TABLE orders", NULL);
    bool ok;

    l->waited = false;
    l->said[0] = '\0';
    l->holds = pg_open(f->loop, conninfo_of(f, "golden"), "holds", 0, &f->e);
    assert_non_null(l->holds);
    ok = rehearse_run(f->loop, &f->a, s, &m, 1, &l->progress, &f->out, &f->e);
    pg_close(l->holds);
    if (l->waited)
        folder_remove(f, l->folder);
    return ok;
}

/* A small one is copied before anybody could tell of it. So somebody is
 * connected to it, and while PostgreSQL waits for that one, a folder stands for
 * what is copied by then. On a slow machine it may give up before: then it is
 * tried again. */
static void a_copy_says_how_far_it_is(void **state)
{
    struct fixture *f = *state;
    struct rehearse_settings s = by_dump(f, "shop");
    struct listener l = {.progress = {listen_note}, .f = f};
    const char *base, *left;
    bool ok = false;

    database_make(f, "shop", SHOP);
    database_make(f, "golden", SHOP);
    s.how = CLONE_BY_TEMPLATE;
    s.argument = "golden";
    base = arena_printf(&f->a, "%s/base",
                        database_ask(f, "postgres", "SHOW data_directory"));
    left = arena_printf(&f->a, "%s/987653", base); /* it is none of ours */
    l.folder = arena_printf(&f->a, "%s/987654", base);
    folder_make(f, left, 1 << 20);
    for (int i = 0; i < 10 && !ok; i++)
        ok = try_once(&l, &s);
    folder_remove(f, left);
    must(f, ok);
    assert_true(l.waited);
    assert_non_null(strstr(l.said, "copied 3.0 MB of "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_says_how_far_it_is, fixture_open,
                                        fixture_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
