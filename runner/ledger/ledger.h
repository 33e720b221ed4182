/* ledger: the append-only, hash-chained record of statements and runs.
 *
 * The file store: one folder (0700, ours) with `ledger.tg` (0600); one
 * machine. A record is framed, chained and synced (fdatasync) before append
 * returns; 256 KiB beyond the end are reserved, so that the record of a stop
 * can always be written. Only the last record may be torn. Opening verifies
 * the whole chain in bounded memory. Payloads: runner/ledger/events.h.
 *
 * All errors are ERR_LEDGER (74) but where said otherwise.
 */
#ifndef RUNNER_LEDGER_LEDGER_H
#define RUNNER_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/progress.h"
#include "runner/ledger/events.h"

struct ledger;

/* Makes folder and ledger; an existing ledger is ERR_CONFIG. */
bool ledger_create(const char *folder, const char *project, struct err *e);
bool ledger_exists(const char *folder);

enum ledger_mode {
    LEDGER_READ,  /* no lock; for status, history, show, verify, when */
    LEDGER_WRITE, /* appends single statements: short OFD lock per append */
};
/* Verifies the chain. Missing: ERR_CONFIG, with what CI must keep. Folder or
 * file not ours alone: ERR_CONFIG that names the bit or the owner. Corrupt:
 * sequence and offset (LEDGER_READ: opens up to there, and ledger_trouble
 * tells). A torn tail is set aside when writing, and not seen when reading. */
struct ledger *ledger_open(struct arena *a, const char *folder,
                           enum ledger_mode mode, struct err *e);
void ledger_close(struct ledger *l); /* gives the lease back; NULL is fine */
const char *ledger_id(const struct ledger *l);
const char *ledger_folder(const struct ledger *l);
const char *ledger_trouble(const struct ledger *l); /* NULL: intact */
int64_t ledger_seq(const struct ledger *l);         /* of the head */
const char *ledger_head(const struct ledger *l);    /* its hash */
/* Of the lease while one is held (what fences carry); else the highest seen. */
int64_t ledger_epoch(const struct ledger *l);
/* The hash of the record that took the lease's epoch, "" without a lease: two
 * copies of one ledger may both take epoch 8, and never by the same record. */
const char *ledger_claim(const struct ledger *l);
/* Who hears of a disk that takes over a second for an append: "ledger slow
 * 3.0 s". The append is acknowledged no earlier for it. */
void ledger_tell(struct ledger *l, struct progress *p);

/* Durable when it returns true. Takes payload over. Picks up what other
 * processes appended since. Appending under a lease that was lost is
 * "superseded by epoch N, run R". A full disk: closing kinds (event_closes)
 * still go into the reserve, others are refused. After a failed sync this
 * process appends no more: nobody knows what the disk holds. */
bool ledger_append(struct ledger *l, enum event_kind kind, struct json *payload,
                   struct err *e);
/* Reads what others appended meanwhile. */
bool ledger_refresh(struct ledger *l, struct err *e);

/* The lease: one run at a time for an environment (an OFD lock on
 * <folder>/<environment>.lease, held until release or death) and a new epoch,
 * taken by an event. Another holder: ERR_HELD with who, pid, since. */
bool ledger_lease(struct ledger *l, const char *environment, const char *run,
                  struct err *e);
void ledger_unlease(struct ledger *l);
bool ledger_lease_held(struct ledger *l); /* still ours; refreshes */

/* Who holds the lease of an environment now, asked of the lock itself (a
 * lock file left by a crash is nobody); false: nobody. Our own lease counts as
 * held by us. Texts in a. */
struct lease_holder {
    const char *run, *who; /* who: "anna@deploy1, pid 4711" */
    const char *boot;      /* boot id of the machine */
    int64_t pid, start;    /* start: of the process, in clock ticks of boot */
    int64_t since, epoch;  /* since: UTC */
};
bool ledger_lease_holder(struct ledger *l, struct arena *a,
                         const char *environment, struct lease_holder *out);
char *ledger_who(struct arena *a); /* "user@machine": us */

/* What a host or database saw of this ledger (its fence) against what we
 * hold: another ledger id, a higher seq ("ledger rolled back: has 118, host
 * web2 saw 121") or another hash at that seq (a fork, both heads named).
 * ledger "" or seq 0: saw nothing, true. */
bool ledger_anchor(struct ledger *l, const char *who, const char *ledger,
                   int64_t seq, const char *head, struct err *e);

/* Every event in order; visit returns false to stop. Payloads are lent
 * during the visit. */
bool ledger_each(struct ledger *l,
                 bool (*visit)(void *ctx, const struct event *event), void *ctx,
                 struct err *e);

/* Verifies all records again from the file, streaming. false: could not look
 * (missing, not ours); what it found wrong is in out. */
struct ledger_report {
    int64_t records, bytes;      /* intact ones; bytes up to their end */
    int64_t torn;                /* bytes of a torn tail; 0: none */
    int64_t bad_seq, bad_offset; /* bad_seq 0: intact */
    char why[200];
    char head[HASH_HEX];
};
bool ledger_verify(const char *folder, struct ledger_report *out,
                   struct err *e);

#endif
