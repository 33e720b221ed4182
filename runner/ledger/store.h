/* store: the inside of struct ledger, for the files of this room alone. */
#ifndef RUNNER_LEDGER_STORE_H
#define RUNNER_LEDGER_STORE_H

#include <sys/types.h>

#include "runner/ledger/ledger.h"
#include "runner/ledger/scan.h"

#define LEDGER_FILE     "ledger.tg"
#define LEDGER_NEW      "ledger.tg.new"
#define MARK_EVERY      256
#define LEDGER_UNSYNCED "ledger.unsynced"

struct lease {
    int fd;                  /* -1: none */
    char *environment, *run; /* in the arena */
    int64_t epoch;
    char claim[HASH_HEX]; /* hash of the record that took it */
    dev_t dev;
    ino_t ino;
    char lost[400]; /* "": ours */
};

struct ledger {
    struct arena *arena; /* borrowed */
    char *folder;
    enum ledger_mode mode;
    int dir, file;
    dev_t dev;
    ino_t ino;
    struct file_head head;
    bool looked; /* the reserve behind the end was, once */
    /* Behind the last record that was verified. */
    int64_t end, seq, epoch;
    unsigned char last[HASH_BYTES];
    char last_hex[HASH_HEX];
    char trouble[820];         /* "": intact */
    char broken[300];          /* "": this process may append */
    struct progress *progress; /* borrowed, or NULL */
    struct lease lease;
    /* Where the record behind each MARK_EVERY-th begins, to find one fast. */
    int64_t *marks;
    size_t marks_room;
    /* Payloads handed out for longer than a visit, by seq - 1. */
    struct json **kept;
    size_t kept_room;
    struct json *owned; /* array, or NULL */
};

/* folder.c: both open without following a link and refuse what others can
 * write or own; -1 with e set. */
int folder_open(const char *folder, struct err *e);
int folder_file(int dir, const char *folder, const char *name, int flags,
                struct err *e);

/* lock.c: the short lock around an append. Opens the file anew when it was
 * replaced meanwhile. */
bool store_lock(struct ledger *l, struct err *e);
void store_unlock(struct ledger *l);
/* An OFD lock (F_RDLCK, F_WRLCK) on all of fd: 1 taken, 0 another has it, -1
 * errno. wait_ms: how long to try. */
int lock_try(int fd, short type, int64_t wait_ms);

/* store.c */
/* Reads on from l->end; what it stopped at. SCAN_CORRUPT and SCAN_FAILED set
 * e; torn (may be NULL) gets the length of a torn tail. */
enum scan_is store_read_on(struct ledger *l, int64_t *torn, struct err *e);
/* Remembers that the record behind seq, a multiple of MARK_EVERY, begins at
 * offset. */
void store_mark(struct ledger *l, int64_t seq, int64_t offset);
/* Opens LEDGER_FILE in l->dir; verifies from the start. */
bool store_attach(struct ledger *l, struct err *e);
/* Which sequence number and where, in the words of every such error. */
bool store_corrupt(const char *folder, int64_t seq, int64_t offset,
                   const char *why, struct err *e);
/* A payload kept until the ledger is closed. */
const struct json *ledger_keep(struct ledger *l, const struct event *event);
/* Takes j over until the ledger is closed. */
const struct json *ledger_own(struct ledger *l, struct json *j);

/* append.c; the file is locked and read to its end. */
bool append_locked(struct ledger *l, enum event_kind kind, struct json *payload,
                   struct err *e);
bool reserve(int fd, int64_t end, int64_t len, bool *short_of_space);

/* recover.c; locked. Sets aside what stands behind l->end, swaps in a new
 * file and says so by RECOVERED. */
bool recover_locked(struct ledger *l, struct err *e);
bool recover_wanted(const struct ledger *l, int64_t *end);
void recover_mark(struct ledger *l);

/* lease.c */
void lease_seen(struct ledger *l, const struct record *r);
bool lease_check(struct ledger *l, struct err *e);

#endif
