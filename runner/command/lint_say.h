/* lint_say: a finding in words, as JSON, and as a workflow command of GitHub's.
 */
#ifndef RUNNER_COMMAND_LINT_SAY_H
#define RUNNER_COMMAND_LINT_SAY_H

#include "migrations/lint/lint.h"
#include "runner/base/json.h"
#include "runner/report/output.h"

const char *lint_level_word(enum finding_level level); /* "warning" */
void lint_say_text(struct output *o, struct arena *a, const struct finding *f);
/* Every member is always there; what is not known is null. */
struct json *lint_say_json(struct arena *a, const struct finding *f);
/* "::warning file=F,line=N,title=T::TEXT", escaped as actions/toolkit does. */
const char *lint_say_github(struct arena *a, const struct finding *f);

#endif
