/* ledger: the append-only, hash-chained record of statements and runs.
 *
 * The file store: one folder (mode 0700) with `ledger.tg`; one machine. A
 * record is framed, chained and synced (fdatasync) before append returns;
 * space is reserved so that the record of a stop can always be written. Only
 * the last record may be torn. Opening replays and verifies the whole chain
 * in bounded memory.
 */
#ifndef RUNNER_LEDGER_LEDGER_H
#define RUNNER_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/base/hash.h"
#include "runner/base/json.h"

enum event_kind {
    EVENT_CREATED = 1, /* {project} */
    EVENT_POLICY,      /* {environment, digest, text, statement?} pinned */
    EVENT_STATEMENT,   /* {environment, text, signature, person, key} */
    EVENT_EPOCH,       /* {environment, run, who, pid, boot}: a lease taken */
    EVENT_RUN,         /* run begins; see state.h for the members */
    EVENT_INTENT,      /* {run, step, target, what, expect, undo, change} */
    EVENT_DONE,        /* {run, step, target, evidence, ms, observed} */
    EVENT_FAILED,      /* {run, step, target, why} nothing changed there */
    EVENT_UNKNOWN,     /* {run, step, target, why} */
    EVENT_DECISION,    /* {run, what, why}: rollback, finish, back, wait */
    EVENT_NOTE,        /* {run, text} */
    EVENT_ENDED,       /* {run, outcome, exit, live, ...} */
    EVENT_REHEARSAL,   /* {environment, release, certificate} */
    EVENT_FREEZE,      /* {environment, who, why} */
    EVENT_THAW,        /* {environment, who, why} */
    EVENT_USERS,       /* {environment, at, users} */
    EVENT_OWING,       /* {environment, host, release, why}; release "":
                          paid */
    EVENT_RECOVERED,   /* {bytes, sha256}: a torn tail was set aside */
    EVENT_KINDS
};
const char *event_word(enum event_kind k);

struct event {
    int64_t seq; /* 1, 2, ... without gaps */
    int64_t epoch;
    int64_t at;  /* UTC seconds */
    char id[33]; /* random */
    enum event_kind kind;
    const struct json *payload; /* lent; share it to keep it */
    char hash[HASH_HEX], previous[HASH_HEX];
};

struct ledger;

/* Makes folder and ledger; an existing ledger is ERR_CONFIG. */
bool ledger_create(const char *folder, const char *project, struct err *e);
bool ledger_exists(const char *folder);

enum ledger_mode {
    LEDGER_READ,  /* no lock; for status, history, show, verify, when */
    LEDGER_WRITE, /* appends single statements: short OFD lock per append */
};
/* Verifies the chain. Missing: ERR_CONFIG, with what CI must keep. Corrupt:
 * ERR_LEDGER with sequence and offset (LEDGER_READ: opens up to there, and
 * ledger_trouble tells). A torn tail is set aside when writing. */
struct ledger *ledger_open(struct arena *a, const char *folder,
                           enum ledger_mode mode, struct err *e);
void ledger_close(struct ledger *l);
const char *ledger_id(const struct ledger *l);
const char *ledger_folder(const struct ledger *l);
const char *ledger_trouble(const struct ledger *l); /* NULL: intact */
int64_t ledger_seq(const struct ledger *l);         /* of the head */
const char *ledger_head(const struct ledger *l);    /* its hash */
int64_t ledger_epoch(const struct ledger *l);       /* highest seen */

/* Durable when it returns true. Takes payload over. Picks up what other
 * processes appended since. Appending under a lease that was lost is
 * ERR_LEDGER "superseded by epoch N, run R". */
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
bool ledger_lease_held(const struct ledger *l); /* still ours, head agrees */
/* Who holds the lease of an environment now, asked of the lock itself;
 * false: nobody. Our own lease counts as held by us. */
struct lease_holder {
    const char *run, *who; /* who: "anna@deploy1, pid 4711" */
    int64_t since;         /* UTC */
};
bool ledger_lease_holder(struct ledger *l, struct arena *a,
                         const char *environment, struct lease_holder *out);

/* Every event in order; visit returns false to stop. Payloads are lent
 * during the visit. */
bool ledger_each(struct ledger *l,
                 bool (*visit)(void *ctx, const struct event *event), void *ctx,
                 struct err *e);

/* Verifies all records again from the file, streaming. */
struct ledger_report {
    int64_t records, bytes;
    int64_t bad_seq, bad_offset; /* 0: intact */
    char why[200];
    char head[HASH_HEX];
};
bool ledger_verify(const char *folder, struct ledger_report *out,
                   struct err *e);

#endif
