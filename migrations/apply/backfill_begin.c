/* Where a backfill stands, and the row that says so. */
#include <string.h>

#include "migrations/apply/backfill_work.h"
#include "migrations/apply/transaction.h"
#include "runner/base/failpoint.h"

static char *number(struct arena *a, long long n)
{
    return arena_printf(a, "%lld", n);
}

static bool other_text(struct backfill *f, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s was begun with another text",
             f->t->script->file);
    err_why(e, "its checkpoint has digest %s; the file has %s",
            f->row.row.checksum, f->t->checksum);
    return err_fix(e, "restore the file, resume, and write the change as a "
                      "new migration");
}

void backfill_keep_last(struct backfill *f, const char *last)
{
    struct buf new;

    buf_init(&new);
    if (last)
        buf_str(&new, last);
    buf_release(&f->last);
    f->last = new;
    f->row.last = last ? f->last.data : NULL;
}

/* Whether it is applied: a down has not begun. */
static bool is_whole(struct backfill *f, struct err *e)
{
    struct pg_result r;

    if (!pg_query(f->ap->idle, f->t->a,
                  "SELECT FROM tidegate.migration WHERE name = $1",
                  (const char *[]){f->t->name}, 1, &r, e))
        return false;
    f->whole = r.rows > 0;
    return true;
}

bool backfill_load(struct backfill *f, struct err *e)
{
    if (!applied_backfill_read(f->ap->idle, f->t->a, f->t->name, &f->row,
                               &f->found, e) ||
        !is_whole(f, e))
        return false;
    f->unknown = false;
    f->some = f->t->down ? !f->whole : f->found && f->row.last;
    if (!f->found)
        return true;
    backfill_keep_last(f, f->row.last);
    return strcmp(f->row.row.checksum, f->t->checksum) == 0 || other_text(f, e);
}

bool backfill_enter(struct backfill *f, struct err *e)
{
    struct apply *ap = f->ap;
    struct pg_result r;

    f->t->entered = false;
    if (!pg_run(ap->work, f->t->a,
                transaction_opening(ap, f->t, false, ap->s.lock_timeout_ms), &r,
                e) ||
        !backfill_dates(ap->idle, f->t->a, e))
        return false;
    f->t->entered = true;
    return backfill_key(ap->work, f->t->a, f->t->script, &f->key, e);
}

static bool other_key(struct backfill *f, struct err *e)
{
    err_what(e, ERR_REFUSED, "%s goes over another key", f->t->script->file);
    err_why(e, "what is done is known by %s, and not by %s", f->row.over,
            f->key.name);
    return err_fix(e, "finish the migration first: tidegate resume");
}

static bool begin_row(struct backfill *f, struct err *e)
{
    struct apply *ap = f->ap;
    struct arena *a = f->t->a;
    const struct applied_row *as = f->t->as;
    const char *params[] = {ap->s.ledger,
                            number(a, ap->s.epoch),
                            ap->s.run,
                            f->t->name,
                            f->t->number ? number(a, f->t->number) : NULL,
                            f->t->checksum,
                            as->after ? "after" : "before",
                            as->release,
                            as->up,
                            as->down,
                            as->compatible,
                            as->forward_only,
                            f->t->down ? "t" : "f",
                            f->key.name,
                            f->row.last,
                            f->row.until,
                            number(a, f->row.rows),
                            number(a, f->row.estimated),
                            number(a, f->row.size)};
    struct pg_result r;

    failpoint("backfill-begin");
    if (pg_query(ap->idle, a,
                 "SELECT tidegate.begin_backfill($1, $2::int8, $3, $4,"
                 " $5::int8, $6, $7, $8, $9, $10, $11, $12, $13::bool, $14,"
                 " $15, $16, $17::int8, $18::int8, $19::int8)",
                 params, sizeof params / sizeof *params, &r, e)) {
        failpoint("backfill-begun");
        f->some |= f->t->down;
        return true;
    }
    /* beginning a down takes the applied row away: it may be gone */
    f->unknown = f->t->down && pg_failed(ap->idle)->lost;
    transaction_blame_own(ap, pg_failed(ap->idle), f->t->script->file, e);
    return false;
}

/* From the start; a down begins at the highest key there is. */
static bool begin_anew(struct backfill *f, struct err *e)
{
    struct backfill_row *row = &f->row;

    *row = (struct backfill_row){.size = f->b->size};
    /* before: those of the old code above the end; after: those below it */
    if (!backfill_writers(f, e) ||
        !backfill_end(f->ap->idle, f->t->a, &f->key, &row->until,
                      &row->estimated, e) ||
        !backfill_writers(f, e))
        return false;
    backfill_keep_last(f, f->t->down ? row->until : NULL);
    row->rows = f->t->down ? row->estimated : 0;
    return begin_row(f, e);
}

bool backfill_begin(struct backfill *f, struct err *e)
{
    bool same = f->found && strcmp(f->row.over, f->key.name) == 0;

    if (f->found && !same && !(f->t->down && f->whole))
        return other_key(f, e);
    if (!same)
        return begin_anew(f, e);
    if (f->row.size < 1 || f->row.size > f->b->size)
        f->row.size = f->b->size;
    return begin_row(f, e);
}
