/* measured_text: predicted against actual, of the statements of a run. */
#ifndef RUNNER_COMMAND_MEASURED_TEXT_H
#define RUNNER_COMMAND_MEASURED_TEXT_H

#include "runner/base/json.h"
#include "runner/report/output.h"

struct measured_text {
    struct arena *arena;
    struct table table;
    struct json *json; /* array of {"migration", "down", "line", "took_ms",
                          "low_ms", "likely_ms", "high_ms", ...}; the
                          caller's to put somewhere or free */
};

void measured_text_init(struct measured_text *m, struct arena *a);
/* The payload of an EVENT_MEASURED. */
void measured_text_add(struct measured_text *m, const struct json *payload);
/* The table, where there is anything in it. */
void measured_text_print(const struct measured_text *m, struct output *out);

#endif
