/* facts: everything that is judged, measured by runner/facts, as plain
 * structs. Gates read these and nothing else: no I/O, no clock (`now` is a
 * fact too). Strings and arrays are borrowed. Instants are UTC seconds.
 */
#ifndef POLICIES_FACTS_H
#define POLICIES_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One measured number: where it came from and how old it is. */
struct fact {
    enum { FACT_UNREAD, FACT_UNREADABLE, FACT_KNOWN } is;
    int64_t value;
    int64_t at;         /* when it was true */
    const char *source; /* "sql: SELECT count(*) ..." */
    const char *why;    /* FACT_UNREADABLE: the reason */
};

enum phases {
    PHASES_ALL,
    PHASES_MIGRATIONS,
    PHASES_RESTART,
    PHASES_CONTRACT, /* the contracting migrations of what is live */
};

/* What is to be released, resolved once. Digests are 64 hex digits. */
struct release_facts {
    const char *project, *environment, *release;
    const char *commit;
    const char *artifact, *migrations, *hosts, *policy; /* digests */
    /* What this name stood for when it was live here, or NULL: it never was. */
    const char *was_commit, *was_artifact;
    enum phases phases;
    bool restart_only;
    size_t pending;    /* migrations of these phases, not applied yet */
    bool pending_read; /* `pending` is known; true without a database */
    bool hostless;     /* the environment has a database alone */
};

/* How the candidate's commit stands to the live one. */
enum ancestry {
    ANCESTRY_NOTHING_LIVE,
    ANCESTRY_SAME,
    ANCESTRY_DESCENDS, /* live is an ancestor of the candidate */
    ANCESTRY_OLDER,    /* the candidate is an ancestor of live */
    ANCESTRY_DIVERGED,
    ANCESTRY_UNKNOWN, /* adopted without a commit, or history cut off */
};

struct live_facts {
    const char *release, *commit; /* NULL: nothing is live */
    bool verified;                /* the ledger says good */
    enum ancestry ancestry;
    const char *why; /* ANCESTRY_UNKNOWN: the reason */
};

/* How a signature was found; see runner/release/sign.h. */
enum signed_how {
    SIGNED_GOOD,
    SIGNED_NOT,
    SIGNED_BAD,       /* text and signature do not belong together */
    SIGNED_UNKNOWN,   /* key or principal not in the signers file */
    SIGNED_NAMESPACE, /* made for something else than tidegate */
    SIGNED_REVOKED,
    SIGNED_EXPIRED, /* key not valid at the time of signing, or now */
};

struct approval_facts {
    const char *person, *key; /* principal, key fingerprint */
    int64_t at;
    enum signed_how how;
    const char *manifest; /* digest of the manifest it binds */
};

struct manifest_facts {
    const char *digest; /* of its canonical JSON */
    const char *environment, *release, *commit;
    const char *artifact, *migrations, *hosts, *policy;
    enum phases phases;
    int64_t announced, opens, expires; /* as signed */
    int64_t recorded;                  /* by the ledger; 0: not yet */
    const char *person, *key; /* the announcer; key NULL when unsigned */
    enum signed_how how;
    bool withdrawn;
    const char *withdrawn_by;
    const char *replaced_by; /* digest of a later manifest, or NULL */
    const char *used_by;     /* run id, or NULL: open */
    const char *replaces;    /* a diverged live release it may replace */
    bool again, repairs;
    const struct approval_facts *approvals; /* recorded for this manifest */
    size_t approved;
};

struct policy_facts {
    const char *pinned, *now; /* digests; pinned NULL: none yet */
    const char *changes;      /* "[window] allow: was ..., is ..." */
    const char *announcers;   /* who may announce: "anna, jaak", or NULL */
};

struct sample {
    int64_t at, users;
};

struct users_facts {
    struct fact live;
    bool history_read;       /* a history source answered */
    const char *history_why; /* else the reason, or NULL: none configured */
    const struct sample *history; /* ascending, last 28 days */
    size_t samples;
};

/* What the work still needs; milliseconds. See need_total for the sum. */
struct need_facts {
    int64_t before_high, after_high, after_down_high;
    int64_t batches;      /* host batches still to go */
    int64_t batches_done; /* already on the new release: the way back */
    int64_t batch;        /* p90 of the last ten, else host_time */
    bool batch_known;
    int64_t soak;
};

/* A table that the migrations' work grows with; -1: unknown, or gone. */
struct table_growth {
    const char *table;
    int64_t bytes_was, bytes_now, rows_was, rows_now;
};

struct setting_change {
    const char *name, *was, *now;
};

/* Production when it was rehearsed, against now. */
struct basis_facts {
    bool known;                   /* the certificate says what it was like */
    int version_was, version_now; /* 150020 */
    const struct setting_change *settings; /* only what differs */
    size_t n_settings;
    const char *schema; /* what differs, or NULL */
    const struct table_growth *tables;
    size_t n_tables;
    const char *unread; /* could be read then and cannot now: what, why */
    const char *blind;  /* could not be read then either: what, why */
};

/* The certificate of a rehearsal. */
struct rehearsal_facts {
    bool needed; /* something is pending */
    bool present;
    int64_t at;
    bool same;                 /* exactly these migrations */
    const char *differs;       /* !same: what */
    double clone_share;        /* size of the clone / production, 0..1+ */
    int64_t low, likely, high; /* ms, whole "up" in production */
    int64_t pausable;          /* of high: all but the longest batch of each
                                  backfill, which can pause after any */
    int64_t blocked;           /* ms, longest wait of any table */
    const char *blocked_by;    /* "0012_x.up.sql:3 ACCESS EXCLUSIVE on
                                  orders" */
    const char *rewrite;       /* the first rewriting statement, or NULL */
    const char *safer;         /* than that statement, or NULL */
    const char *blocked_safer; /* than what they wait for, or NULL */
    const char *failed;        /* the rehearsal itself failed: why, or NULL */
    const char *lacks;         /* the clone had none of these tables of
                                  production's; or NULL */
    struct basis_facts basis;
};

struct migration_facts {
    const char *name;
    bool after;
    const char *breaks;     /* what the old code would not survive, or NULL */
    const char *compatible; /* declared reason, or NULL */
    bool has_down, down_rehearsed; /* rehearsed: and it gave all back */
    const char *down_lacks;        /* how the rehearsed one did not, or NULL */
    bool down_loses; /* that: values or rows are gone, which no SQL can know */
    const char *forward_only; /* declared reason, or NULL */
};

struct way_back_facts {
    const struct migration_facts *migrations; /* pending ones */
    size_t n;
    bool backup_fresh; /* the backup gate passes; false when it is off */
};

/* A contracting migration (expand and contract) that has not run. */
struct contract_facts {
    const char *name;
    const char *release; /* that must have been good ... */
    int64_t seconds;     /* ... for so long */
    int64_t good_at;     /* since when it is; 0: it is not */
    bool taken_back;     /* it was, and somebody went back from it */
    bool runs;           /* it belongs to this run */
};

struct contracts_facts {
    const struct contract_facts *list;
    size_t n;
    size_t unapplied; /* other migrations of the release, still pending */
};

struct line_facts {
    const char *other_run; /* id of a run that holds the environment */
    const char *other_who;
    int64_t other_since;
    const char *unfinished; /* id of a run that stopped part-way */
    const char *frozen_by, *frozen_why;
    int64_t frozen_at;
    bool lease_lost; /* epoch or lease is no longer ours */
};

struct replicas_facts {
    struct fact streaming; /* how many */
    struct fact lag_ms;    /* the worst */
};

struct answer_facts {
    const char *who;      /* "front", or a host */
    bool good;            /* status and body as configured */
    const char *named;    /* the release that it named, or NULL */
    const char *expected; /* the release it should have; NULL: probe's */
    const char *why;      /* !good: the reason */
    bool excepted;        /* within max_unreachable: named, not judged */
};

struct probe_facts {
    bool configured;
    const char *expected; /* the release each host should have now; NULL:
                             nothing is live yet, the gate is not asked */
    const char *other;    /* before the last flip the front may name this
                             one too; NULL otherwise */
    const struct answer_facts *answers;
    size_t n;
};

enum member_state {
    MEMBER_UP,
    MEMBER_DRAIN,
    MEMBER_DOWN,
    MEMBER_UNKNOWN,
    MEMBER_ABSENT /* a host of ours that the pool does not list */
};

struct member_facts {
    const char *name;
    enum member_state state;
    bool excepted;
};

struct pool_facts {
    bool configured;
    bool read;
    const char *why; /* !read */
    int64_t at;
    const struct member_facts *members;
    size_t n;
};

struct proven_facts {
    bool known; /* the same artifact and migrations ran there */
    bool good;  /* ended good and not rolled back since */
    int64_t good_at;
    const char *run;
};

struct clock_facts {
    int64_t worst_skew_ms; /* largest, to any host or the database */
    const char *worst_who; /* NULL: not measured */
};

struct facts {
    int64_t now;
    bool changing; /* true once the run has begun to change something */
    struct release_facts release;
    struct live_facts live;
    struct policy_facts policy;
    const struct manifest_facts *manifests; /* of this environment */
    size_t announced;
    const char *consumed; /* digest of the manifest this run consumed */
    struct users_facts users;
    struct need_facts need;
    struct rehearsal_facts rehearsal;
    struct way_back_facts way_back;
    struct contracts_facts contract;
    struct line_facts line;
    struct fact backup_age; /* seconds */
    struct replicas_facts replicas;
    struct probe_facts probe;
    struct pool_facts pool;
    struct proven_facts proven;
    struct clock_facts clock;
};

#endif
