/* Cancelling: pg_cancel_backend on a connection of its own, because PQcancel
 * blocks without a timeout. */
#include <sys/socket.h>

#include "migrations/server/pg_intern.h"

/* After a cancel: when the backend is terminated, when we hang up. */
#define TERMINATE_AFTER_MS 2000
#define HANG_UP_AFTER_MS   5000

void pg_cancel_say(struct pg *pg)
{
    struct pg *h = pg->helper;
    char sql[96];
    struct err ignored;

    if (!h || h->state != PG_STATE_READY || pg->state != PG_STATE_RUNNING)
        return; /* the command has ended by itself: nothing to cancel */
    snprintf(sql, sizeof sql, "SELECT pg_catalog.%s(%d)",
             pg->cancel == CANCEL_TERMINATE ? "pg_terminate_backend"
                                            : "pg_cancel_backend",
             PQbackendPID(pg->conn));
    pg_send(h, sql, &ignored);
}

static void cancel_begin(struct pg *pg, int64_t now)
{
    struct err ignored;

    pg->cancel = CANCEL_ASKED;
    pg->cancel_at = now;
    pg->source.deadline = now + TERMINATE_AFTER_MS;
    pg->helper = pg_begin(pg->loop, pg->conninfo, "tidegate:cancel", &ignored);
    if (pg->helper)
        pg->helper->owner = pg;
}

void pg_overdue(struct pg *pg, int64_t now)
{
    if (pg->cancel == CANCEL_NONE) {
        pg->overdue = true;
        cancel_begin(pg, now);
    } else if (now < pg->cancel_at + HANG_UP_AFTER_MS) {
        pg->cancel = CANCEL_TERMINATE;
        pg->source.deadline = pg->cancel_at + HANG_UP_AFTER_MS;
        if (pg->helper && pg->helper->state == PG_STATE_ANSWERED)
            pg->helper->state = PG_STATE_READY;
        pg_cancel_say(pg);
    } else {
        /* client_connection_check_interval ends the backend */
        shutdown(PQsocket(pg->conn), SHUT_RDWR);
        pg_gone(pg);
    }
}

void pg_cancel(struct pg *pg)
{
    if (pg->state == PG_STATE_RUNNING && pg->cancel == CANCEL_NONE)
        cancel_begin(pg, clock_mono());
}
