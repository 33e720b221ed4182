/* events: what the ledger remembers, and the members of each payload.
 *
 * A payload is a JSON object, at most EVENT_PAYLOAD_LIMIT bytes in canonical
 * form. Members are strings unless said otherwise; [x] may be left out; a
 * reader passes over members it does not know. No payload holds a secret.
 * `run` is a run's id, `environment` its name, `host` a host's (fleet_name:
 * without user and port), `target` a host's, a migration's, or "" for the
 * environment as a whole. The time of an event is the record's own `at`, never
 * repeated in the payload.
 *
 * CREATED    project, ledger (the id), who
 * POLICY     environment, digest, text, who, [statements: array of objects
 *            {text, signature, person, key}]: pins the digest
 * STATEMENT  environment, text (canonical JSON, see release/statement.h),
 *            signature ("": unsigned), person, key ("": unsigned),
 *            [run: of an override, the run it is for; written before RUN]
 * EPOCH      environment, run, who, pid (int), boot, start (int): written by
 *            ledger_lease alone. A run that is unfinished is open again when
 *            an EPOCH names it (that is how `resume` goes on).
 * RUN        environment, run, kind (run_kind_word), who, [release], [commit],
 *            [from: live before it; left out: nothing was], [artifact],
 *            [migrations], [hosts], [policy] (digests), [manifest: digest of
 *            the manifest that this very append consumes], [phases:
 *            phases_word], [contract: as in ENDED, those that this run
 *            runs], [records: array of migration
 *            names that an import or baseline records], [restart_only: bool],
 * [takes_over: the unfinished run that this one undoes or replaces], [reason],
 * [rehearsal: digest of the certificate that it began with], [down: bool],
 * and whatever else the flow wants back in run_state.begun (its plan) INTENT
 * run, step, target, change (bool: the effect changes what users or data meet:
 * migration, drain, flip, restart), [what: in words], [expect: the state
 * before], [undo: the recipe], [deadline: int, UTC], and whatever
 * step_state.intent is read for. INTENT again for the same (run, step, target):
 * asked once more. DONE       run, step, target, [evidence: what was observed],
 * [ms: int], [observed: bool, found done after a crash]. Step "batch" with ms
 *            (no INTENT needed) is how long one batch of hosts took.
 * FAILED     run, step, target, why, [ms]: nothing changed there
 * UNKNOWN    run, step, target, why, [ms]: sent, and no answer came
 * DECISION   run, what, why. "rollback" (or "back"): from here the run only
 *            goes back; "finish", "wait", "interrupt" and others: remembered
 * NOTE       run, text
 * ENDED      run, outcome (run_ended_word), exit (int), [why], and what
 *            stands now: [live: release on the hosts, "": none; left out:
 *            live is unchanged], [verified: bool; left out: true when the
 *            outcome is good or back], [bad: release that is bad from now
 *            on], [commit], [artifact], [migrations] (of `live`, where RUN
 *            did not know them: adopt), [pending: array of migration names
 *            still to run], [kept: array of migration names that a rollback
 *            leaves in the database], [contract: array of objects {name,
 *            after: release, seconds (int)}: contracting migrations that
 *            wait until that release has been good for so long]
 * REHEARSAL  environment, release, certificate (object with its own `at`),
 *            [phases: phases_word]
 * FREEZE     environment, who, why
 * THAW       environment, who, why
 * USERS      environment, at (int, UTC), users (int)
 * OWING      environment, host, release ("": paid), why
 * MEASURED   run, environment, target (a migration), down (bool), statements
 *            (array of objects {number, took_ms, [line, low_ms, likely_ms,
 *            high_ms, scaled_ms: ints, and work: work_word; what had been
 *            predicted]}), [left_out: int, how many more ran]
 * RECOVERED  bytes (int), sha256, file: a torn tail was set aside there;
 *            written by ledger_open alone
 */
#ifndef RUNNER_LEDGER_EVENTS_H
#define RUNNER_LEDGER_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "runner/base/hash.h"
#include "runner/base/json.h"

/* Manifests and plans of thousands of migrations fit; more is refused. */
#define EVENT_PAYLOAD_LIMIT (1024 * 1024)

/* The numbers are in files: never change one, add at the end. */
enum event_kind {
    EVENT_CREATED = 1,
    EVENT_POLICY,
    EVENT_STATEMENT,
    EVENT_EPOCH,
    EVENT_RUN,
    EVENT_INTENT,
    EVENT_DONE,
    EVENT_FAILED,
    EVENT_UNKNOWN,
    EVENT_DECISION,
    EVENT_NOTE,
    EVENT_ENDED,
    EVENT_REHEARSAL,
    EVENT_FREEZE,
    EVENT_THAW,
    EVENT_USERS,
    EVENT_OWING,
    EVENT_RECOVERED,
    EVENT_MEASURED,
    EVENT_KINDS
};
/* "created", "policy", ...; "?" for a number that is no kind. */
const char *event_word(enum event_kind k);
/* Whether it only closes or explains what already began: such records may
 * use the space reserved for a full disk. */
bool event_closes(enum event_kind k);

struct event {
    int64_t seq;   /* 1, 2, ... without gaps */
    int64_t epoch; /* of the writer's lease; else the highest before it */
    int64_t at;    /* UTC seconds */
    char id[33];   /* random */
    enum event_kind kind;
    const struct json *payload; /* lent; share it to keep it */
    char hash[HASH_HEX], previous[HASH_HEX];
};

#endif
