#include "tests/integration/migrations/applying.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *server(void)
{
    const char *text = getenv("TIDEGATE_TEST_PG");

    assert_non_null(text);
    return text;
}

int applying_setup(void **state)
{
    static int count;
    struct fixture *f = calloc(1, sizeof *f);
    struct pg_result r;

    f->loop = loop_open();
    arena_init(&f->a);
    f->root = pg_open(f->loop, server(), "test", 0, &f->e);
    f->database = arena_printf(&f->a, "apply_%d_%d", (int)getpid(), ++count);
    if (!f->root ||
        !pg_run(f->root, &f->a,
                arena_printf(&f->a, "CREATE DATABASE %s", f->database), &r,
                &f->e)) {
        err_print(&f->e, stderr);
        return 1;
    }
    f->conninfo =
        pg_conninfo_with(&f->a, server(), "dbname", f->database, &f->e);
    f->pg = pg_open(f->loop, f->conninfo, "test", 0, &f->e);
    pg_run(f->pg, &f->a, "SET search_path = public", &r, &f->e);
    f->s = (struct apply_settings){.conninfo = f->conninfo,
                                   .run = "r1",
                                   .release = "v1",
                                   .ledger = "ledger-1",
                                   .epoch = 1};
    f->x.back_high = -1;
    *state = f;
    return 0;
}

int applying_teardown(void **state)
{
    struct fixture *f = *state;
    struct pg_result r;

    pg_close(f->pg);
    pg_run(f->root, &f->a,
           arena_printf(&f->a, "DROP DATABASE %s WITH (FORCE)", f->database),
           &r, &f->e);
    pg_close(f->root);
    arena_release(&f->a);
    loop_close(f->loop);
    free(f);
    return 0;
}

/* ---- words of the tests ---- */

void run_on(struct fixture *f, struct pg *pg, const char *sql)
{
    struct pg_result r;

    if (!pg_run(pg, &f->a, sql, &r, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("%s", sql);
    }
}

void sql(struct fixture *f, const char *text)
{
    run_on(f, f->pg, text);
}

const char *value(struct fixture *f, const char *query)
{
    struct pg_result r;

    if (!pg_query(f->pg, &f->a, query, NULL, 0, &r, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("%s", query);
    }
    return r.rows && r.cell[0][0] ? r.cell[0][0] : "";
}

void read_files(struct fixture *f, const char *const files[][2], size_t n)
{
    struct sql_file *list = arena_array(&f->a, n, sizeof *list);

    for (size_t i = 0; i < n; i++)
        list[i] =
            (struct sql_file){files[i][0], files[i][1], strlen(files[i][1])};
    if (!migrations_read(&f->m, &f->a, "auto", list, n, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("the files cannot be read");
    }
}

const struct migration *one(struct fixture *f, const char *up)
{
    const char *const files[][2] = {{"0001_a.up.sql", up}};

    read_files(f, files, 1);
    return &f->m.list[0];
}

struct apply *opened(struct fixture *f)
{
    struct apply *ap = apply_open(f->loop, &f->a, &f->s, f->progress, &f->e);

    if (!ap) {
        err_print(&f->e, stderr);
        fail_msg("apply_open");
    }
    return ap;
}

bool up(struct fixture *f, const struct migration *m)
{
    struct apply *ap = opened(f);
    bool ok;

    err_clear(&f->e);
    ok = apply_up(ap, m, &f->x, &f->r, &f->e);
    apply_close(ap);
    return ok;
}

void assert_complete(const struct err *e)
{
    assert_true(e->what[0] && e->why[0] && e->fix[0]);
}

static void later_step(struct source *s, short revents, int64_t now)
{
    struct later *l = s->ctx;
    struct pg_result r;

    (void)revents;
    s->deadline = now + 10;
    if (!l->when) {
        if (!*l->flag || l->done)
            return;
        s->deadline = CLOCK_NEVER;
        l->done = true;
        pg_send_run(l->pg, l->run, &l->f->e);
        return;
    }
    if (pg_busy(l->pg))
        return;
    if (pg_transaction(l->pg) != PG_LOST && l->s.events) {
        l->s.events = 0;
        if (pg_take(l->pg, &l->f->a, &r, &l->f->e) && r.rows &&
            strcmp(r.cell[0][0], "t") == 0) {
            s->deadline = CLOCK_NEVER;
            l->done = true;
            if (l->run)
                pg_send_run(l->pg, l->run, &l->f->e);
            else
                raise(SIGTERM);
            return;
        }
    }
    l->s.events = 1; /* asked; no descriptor, so poll does not look */
    pg_send(l->pg, l->when, &l->f->e);
}

void later(struct fixture *f, struct later *l, const char *when,
           const char *run)
{
    *l = (struct later){.f = f, .when = when, .run = run};
    l->pg = pg_open(f->loop, f->conninfo, "later", 0, &f->e);
    l->s =
        (struct source){.fd = -1, .deadline = 0, .step = later_step, .ctx = l};
    loop_add(f->loop, &l->s);
}

void later_flag(struct fixture *f, struct later *l, const bool *flag,
                const char *run)
{
    later(f, l, NULL, run);
    l->flag = flag;
}

void later_end(struct later *l)
{
    struct pg_result r;
    struct err e;

    loop_remove(l->f->loop, &l->s);
    while (pg_busy(l->pg))
        loop_turn(l->f->loop, CLOCK_NEVER);
    if (l->done && l->run)
        pg_take(l->pg, &l->f->a, &r, &e);
    pg_close(l->pg);
    assert_true(l->done);
}

static void heard_note(struct progress *p, const struct progress_note *n)
{
    struct heard *h = (struct heard *)p;

    h->all =
        arena_printf(h->a, "%s%s%s%s\n", h->all, n->subject ? n->subject : "",
                     n->subject ? ": " : "", n->text);
    h->lines += n->kind == PROGRESS_LIVE;
    h->news += n->kind == PROGRESS_NEWS;
    if (h->want && strstr(n->text, h->want) && --h->times <= 0)
        h->enough = true;
}

void hear(struct fixture *f, struct heard *h, const char *want, int times)
{
    *h = (struct heard){.progress = {heard_note},
                        .a = &f->a,
                        .all = "",
                        .want = want,
                        .times = times};
    f->progress = &h->progress;
}

int child_main(const char *const files[][2], size_t n)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct apply *ap;
    int status = 0;

    arena_init(&f->a);
    f->loop = loop_open();
    f->s = (struct apply_settings){.conninfo = getenv("TEST_CONNINFO"),
                                   .run = getenv("TEST_RUN"),
                                   .release = "v1",
                                   .ledger = "ledger-1",
                                   .epoch =
                                       strtol(getenv("TEST_EPOCH"), NULL, 10)};
    read_files(f, files, n);
    ap = apply_open(f->loop, &f->a, &f->s, NULL, &f->e);
    for (size_t i = 0; ap && i < f->m.n && !status; i++)
        if (!apply_up(ap, &f->m.list[i], NULL, &f->r, &f->e))
            status = 2;
    if (!ap || status)
        err_print(&f->e, stderr);
    status = ap ? status : 1;
    apply_close(ap);
    loop_close(f->loop);
    arena_release(&f->a);
    free(f);
    return status;
}

pid_t child_start(struct fixture *f, const char *at)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (at)
        setenv("TIDEGATE_FAILPOINT", at, 1);
    setenv("TEST_CONNINFO", f->conninfo, 1);
    setenv("TEST_RUN", f->s.run, 1);
    setenv("TEST_EPOCH", arena_printf(&f->a, "%lld", (long long)f->s.epoch), 1);
    execl("/proc/self/exe", "test", "child", NULL);
    _exit(3);
}
