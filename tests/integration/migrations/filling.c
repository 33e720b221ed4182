#include "tests/integration/migrations/filling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct filling filling;

static void look_at_replica(struct fixture *f)
{
    struct pg_result r;
    long done =
        strtol(value(f, "SELECT count(*) FROM t WHERE n = 1"), NULL, 10);

    if (done == filling.seen && filling.waited < 0) {
        filling.waited = done;
        assert_true(pg_run(filling.replica, &f->a,
                           "SELECT pg_wal_replay_resume()", &r, &f->e));
    }
    filling.seen = done;
}

static bool may_go_on(void *ctx, struct err *e)
{
    struct fixture *f = ctx;

    if (filling.replica)
        look_at_replica(f);
    if (filling.left < 0 || filling.left-- > 0)
        return true;
    filling.left = -1;
    err_what(e, ERR_HELD, "the window is closed");
    err_why(e, "it opens tomorrow");
    return err_fix(e, "wait");
}

int filling_setup(void **state)
{
    struct fixture *f;

    if (applying_setup(state) != 0)
        return 1;
    f = *state;
    filling = (struct filling){.left = -1};
    f->s.outside = (struct apply_outside){f, NULL, may_go_on};
    return 0;
}

const struct migration *two(struct fixture *f, const char *up, const char *down)
{
    struct sql_file list[] = {{"0001_a.up.sql", up, strlen(up)},
                              {"0001_a.down.sql", down, strlen(down)}};

    if (!migrations_read(&f->m, &f->a, "auto", list, *down ? 2 : 1, &f->e)) {
        err_print(&f->e, stderr);
        fail_msg("the files cannot be read");
    }
    return &f->m.list[0];
}

/* Rows count how often they were done. */
const struct migration *counting(struct fixture *f, const char *words)
{
    return two(f,
               arena_printf(&f->a,
                            "-- tidegate: batch=t key=id %s\n"
                            "UPDATE t SET n = n + 1 WHERE id BETWEEN $1 AND $2",
                            words),
               arena_printf(&f->a,
                            "-- tidegate: batch=t key=id %s\n"
                            "UPDATE t SET n = n - 1 WHERE id BETWEEN $1 AND $2",
                            words));
}

void make_rows(struct fixture *f, int n)
{
    sql(f, arena_printf(&f->a,
                        "CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL"
                        " DEFAULT 0); INSERT INTO t SELECT 3 * i FROM"
                        " generate_series(1, %d) i; ANALYZE t",
                        n));
}

static const struct applied_row *row_of(const struct applied *applied)
{
    const struct backfill_row *half = applied_backfill(applied, "0001_a");

    return half ? &half->row : applied_find(applied, "0001_a");
}

bool down(struct fixture *f)
{
    struct applied applied;
    struct apply *ap = opened(f);
    bool ok;

    err_clear(&f->e);
    assert_true(applied_read(f->pg, &f->a, &applied, &f->e));
    assert_non_null(row_of(&applied));
    ok = apply_down(ap, row_of(&applied), NULL, &f->r, &f->e);
    apply_close(ap);
    return ok;
}

void assert_went(struct fixture *f, bool ok)
{
    if (!ok)
        err_print(&f->e, stderr);
    assert_true(ok);
    assert_int_equal(f->r.outcome, APPLY_DONE);
}
