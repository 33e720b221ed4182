/* Reading what is there: every event, a head that others saw, the report. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/ledger/store.h"

const struct json *ledger_keep(struct ledger *l, const struct event *event)
{
    size_t i = (size_t)event->seq - 1;

    if (i >= l->kept_room) {
        size_t room = i + 256 + i / 2;
        l->kept = must_realloc(l->kept, room * sizeof(struct json *));
        memset(l->kept + l->kept_room, 0,
               (room - l->kept_room) * sizeof(struct json *));
        l->kept_room = room;
    }
    if (!l->kept[i])
        l->kept[i] = json_share((struct json *)event->payload);
    return l->kept[i];
}

const struct json *ledger_own(struct ledger *l, struct json *j)
{
    if (!l->owned)
        l->owned = json_new_array();
    json_append(l->owned, j);
    return j;
}

/* The payload kept before, or parsed now; a reference of the caller's. */
static struct json *payload_of(struct ledger *l, const struct record *r,
                               struct err *e)
{
    size_t i = (size_t)r->seq - 1;
    struct json *j;

    if (i < l->kept_room && l->kept[i])
        return json_share(l->kept[i]);
    j = json_parse(r->payload, r->payload_len, e);
    if (!j)
        store_corrupt(l->folder, r->seq, 0, "its payload is no JSON", e);
    return j;
}

static void event_from(struct event *out, const struct record *r,
                       const struct json *payload)
{
    memset(out, 0, sizeof *out);
    out->seq = r->seq;
    out->epoch = r->epoch;
    out->at = r->at;
    out->kind = r->kind;
    out->payload = payload;
    memcpy(out->id, r->id, sizeof out->id);
    hash_to_hex(r->hash, out->hash);
    hash_to_hex(r->previous, out->previous);
}

/* Up to what was verified before: hashes are not computed again. */
static void scan_known(struct scan *s, struct ledger *l)
{
    scan_from(s, l->file, FILE_HEAD, 0, 0, l->head.hash);
    s->quick = true;
}

bool ledger_each(struct ledger *l,
                 bool (*visit)(void *ctx, const struct event *event), void *ctx,
                 struct err *e)
{
    struct scan s;
    struct record r;
    struct event event;
    bool good = true, on = true;

    scan_known(&s, l);
    while (good && on && s.seq < l->seq) {
        struct json *payload;
        if (scan_next(&s, &r) != SCAN_RECORD) {
            good = store_corrupt(l->folder, s.seq + 1, s.offset, s.why, e);
            break;
        }
        payload = payload_of(l, &r, e);
        good = payload != NULL;
        if (good) {
            event_from(&event, &r, payload);
            on = visit(ctx, &event);
        }
        json_free(payload);
    }
    scan_release(&s);
    return good;
}

/* From the last mark before seq on. */
static void scan_near(struct scan *s, struct ledger *l, int64_t seq)
{
    int64_t at = (seq - 1) / MARK_EVERY * MARK_EVERY;

    scan_known(s, l);
    if (at > 0) {
        s->seq = at;
        s->offset = l->marks[at / MARK_EVERY - 1];
    }
}

static bool hash_at(struct ledger *l, int64_t seq, char out[HASH_HEX],
                    struct err *e)
{
    struct scan s;
    struct record r;
    bool good = true;

    scan_near(&s, l, seq);
    while (good && s.seq < seq)
        good = scan_next(&s, &r) == SCAN_RECORD;
    if (!good)
        store_corrupt(l->folder, s.seq + 1, s.offset, s.why, e);
    hash_to_hex(s.previous, out);
    scan_release(&s);
    return good;
}

bool ledger_anchor(struct ledger *l, const char *who, const char *ledger,
                   int64_t seq, const char *head, struct err *e)
{
    char ours[HASH_HEX];

    if (!ledger || !ledger[0] || seq <= 0)
        return true;
    if (strcmp(ledger, l->head.id) != 0) {
        err_what(e, ERR_LEDGER, "%s belongs to another ledger", who);
        err_why(e, "it was last changed under ledger %s, this is %s", ledger,
                l->head.id);
        return err_fix(e, "use the ledger that it belongs to");
    }
    /* another run may have gone on since we read it last */
    if (seq > l->seq && !ledger_refresh(l, e))
        return false;
    if (seq > l->seq) {
        err_what(e, ERR_LEDGER, "ledger rolled back: has %lld, %s saw %lld",
                 (long long)l->seq, who, (long long)seq);
        err_why(e, "%s is an older copy", l->folder);
        return err_fix(e, "bring the newest copy back, then run it again");
    }
    if (!hash_at(l, seq, ours, e))
        return false;
    if (!head || strcmp(head, ours) == 0)
        return true;
    err_what(e, ERR_LEDGER, "ledger forked: %s followed another copy", who);
    err_why(e, "record %lld is %s there and %s here", (long long)seq, head,
            ours);
    return err_fix(e, "two copies were used: keep the one the hosts "
                      "followed, and see: tidegate ledger verify");
}

static void report_tail(struct ledger_report *out, const struct scan *s,
                        enum scan_is got)
{
    out->torn = got == SCAN_TORN ? s->torn : 0;
    out->records = s->seq;
    out->bytes = s->offset;
    hash_to_hex(s->previous, out->head);
    if (got != SCAN_CORRUPT && got != SCAN_FAILED)
        return;
    out->bad_seq = s->seq + 1;
    out->bad_offset = s->offset;
    snprintf(out->why, sizeof out->why, "%s", s->why);
}

static void verify_file(int fd, struct ledger_report *out)
{
    struct scan s;
    struct record r;
    struct file_head head;
    enum scan_is got;

    if (scan_init(&s, fd, &head)) {
        while ((got = scan_next(&s, &r)) == SCAN_RECORD)
            ;
        report_tail(out, &s, got);
    } else {
        out->bad_seq = 1;
        snprintf(out->why, sizeof out->why, "%s", s.why);
    }
    scan_release(&s);
}

bool ledger_verify(const char *folder, struct ledger_report *out, struct err *e)
{
    int dir = folder_open(folder, e);
    int fd = dir < 0 ? -1 : folder_file(dir, folder, LEDGER_FILE, O_RDONLY, e);

    memset(out, 0, sizeof *out);
    if (fd >= 0) {
        verify_file(fd, out);
        /* An append under way can look like damage: see store.c. */
        if (out->bad_seq && lock_try(fd, F_RDLCK, 5000) == 1) {
            memset(out, 0, sizeof *out);
            verify_file(fd, out);
        }
        close(fd);
    }
    if (dir >= 0)
        close(dir);
    return fd >= 0;
}
