#include "runner/ledger/events.h"

/* Closing kinds explain or end what already began; the others announce
 * something new and must leave the reserve alone. */
static const struct {
    const char *word;
    bool closes;
} kinds[EVENT_KINDS] = {
    [EVENT_CREATED] = {"created", false},
    [EVENT_POLICY] = {"policy", false},
    [EVENT_STATEMENT] = {"statement", false},
    [EVENT_EPOCH] = {"epoch", false},
    [EVENT_RUN] = {"run", false},
    [EVENT_INTENT] = {"intent", false},
    [EVENT_DONE] = {"done", true},
    [EVENT_FAILED] = {"failed", true},
    [EVENT_UNKNOWN] = {"unknown", true},
    [EVENT_DECISION] = {"decision", true},
    [EVENT_NOTE] = {"note", true},
    [EVENT_ENDED] = {"ended", true},
    [EVENT_REHEARSAL] = {"rehearsal", false},
    [EVENT_FREEZE] = {"freeze", true},
    [EVENT_THAW] = {"thaw", false},
    [EVENT_USERS] = {"users", false},
    [EVENT_OWING] = {"owing", true},
    [EVENT_RECOVERED] = {"recovered", true},
    [EVENT_MEASURED] = {"measured", false},
};

const char *event_word(enum event_kind k)
{
    return k >= EVENT_CREATED && k < EVENT_KINDS ? kinds[k].word : "?";
}

bool event_closes(enum event_kind k)
{
    return k >= EVENT_CREATED && k < EVENT_KINDS && kinds[k].closes;
}
