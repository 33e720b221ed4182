/* event_text: one event of the ledger in words, and as JSON. */
#ifndef RUNNER_COMMAND_EVENT_TEXT_H
#define RUNNER_COMMAND_EVENT_TEXT_H

#include "runner/ledger/ledger.h"

/* "flip deploy@web1: done, v1.1 (41 ms)"; one line, cut where it is long. */
char *event_text(struct arena *a, const struct event *event);
/* {"seq", "at", "epoch", "kind", "payload"}, with hashes: also "id",
 * "previous" and "hash". */
struct json *event_json(const struct event *event, bool hashes);

#endif
