#include "runner/command/event_text.h"

#include <string.h>

#include "runner/base/clock.h"
#include "runner/base/duration.h"
#include "runner/base/escape.h"
#include "runner/release/statement.h"

#define LONGEST 160

static const char *get(const struct json *p, const char *key)
{
    const char *s = json_str(p, key);

    return s ? s : "";
}

/* ": TEXT", or nothing. */
static char *also(struct arena *a, const char *text)
{
    return arena_printf(a, "%s%s", text[0] ? ": " : "", text);
}

static char *took(struct arena *a, const struct json *p)
{
    int64_t ms = json_int(p, "ms", 0);
    char text[32];

    if (ms <= 0)
        return arena_strdup(a, "");
    return arena_printf(a, " (%s)", duration_text(ms, text, sizeof text));
}

static char *say_step(struct arena *a, const struct event *event)
{
    const struct json *p = event->payload;
    const char *target = get(p, "target");
    const char *text = get(p, "evidence");

    if (!text[0])
        text = get(p, "why");
    if (!text[0])
        text = get(p, "what");
    return arena_printf(a, "%s%s%s: %s%s%s%s", get(p, "step"),
                        target[0] ? " " : "", target, event_word(event->kind),
                        json_bool(p, "observed", false) ? ", observed" : "",
                        text[0] ? arena_printf(a, ", %s", text) : "",
                        took(a, p));
}

static char *say_created(struct arena *a, const struct event *event)
{
    return arena_printf(a, "ledger of %s, by %s",
                        get(event->payload, "project"),
                        get(event->payload, "who"));
}

static char *say_policy(struct arena *a, const struct event *event)
{
    return arena_printf(a, "policy of %s pinned: %.12s",
                        get(event->payload, "environment"),
                        get(event->payload, "digest"));
}

/* What a person said, from the signed text itself. */
static char *say_statement(struct arena *a, const struct event *event)
{
    const char *text = get(event->payload, "text");
    struct err ignored = {0};
    struct json *j = json_parse(text, strlen(text), &ignored);
    const char *about = get(j, "release");
    const char *reason = get(j, "reason");
    char *said;

    if (!about[0])
        about = arena_printf(a, "%.12s", get(j, "manifest"));
    said = arena_printf(a, "%s of %s%s%s by %s%s", get(j, "type"), about,
                        get(j, "gate")[0] ? ", gate " : "", get(j, "gate"),
                        get(event->payload, "person"), also(a, reason));
    json_free(j);
    return said;
}

static char *say_epoch(struct arena *a, const struct event *event)
{
    return arena_printf(
        a, "epoch %lld of %s, %s, pid %lld", (long long)event->epoch,
        get(event->payload, "environment"), get(event->payload, "who"),
        (long long)json_int(event->payload, "pid", 0));
}

static char *say_run(struct arena *a, const struct event *event)
{
    const struct json *p = event->payload;
    const char *from = get(p, "from"), *kind = get(p, "kind");

    if (strcmp(get(p, "phases"), "contract") == 0)
        kind = "finish";
    if (json_bool(p, "down", false))
        kind = "down";
    return arena_printf(a, "%s %s of %s in %s%s%s, by %s%s", kind,
                        get(p, "run"), get(p, "release"), get(p, "environment"),
                        from[0] ? ", from " : "", from, get(p, "who"),
                        also(a, get(p, "reason")));
}

static char *say_decision(struct arena *a, const struct event *event)
{
    return arena_printf(a, "decided: %s%s", get(event->payload, "what"),
                        also(a, get(event->payload, "why")));
}

static char *say_note(struct arena *a, const struct event *event)
{
    return arena_strdup(a, get(event->payload, "text"));
}

static char *say_ended(struct arena *a, const struct event *event)
{
    const struct json *p = event->payload;
    const char *live = json_str(p, "live");
    const struct json *left = json_get(p, "contract");
    char *text =
        arena_printf(a, "ended: %s (exit %lld)%s%s%s", get(p, "outcome"),
                     (long long)json_int(p, "exit", 0), live ? ", live " : "",
                     live ? live : "", also(a, get(p, "why")));

    for (size_t i = 0; i < json_len(left); i++)
        text = arena_printf(
            a, "%s%s%s", text,
            i ? ", " : ", contract pending: ", get(json_at(left, i), "name"));
    return text;
}

static char *say_rehearsal(struct arena *a, const struct event *event)
{
    return arena_printf(a, "%s rehearsed for %s",
                        get(event->payload, "release"),
                        get(event->payload, "environment"));
}

static char *say_freeze(struct arena *a, const struct event *event)
{
    return arena_printf(a, "%s of %s by %s%s", event_word(event->kind),
                        get(event->payload, "environment"),
                        get(event->payload, "who"),
                        also(a, get(event->payload, "why")));
}

static char *say_users(struct arena *a, const struct event *event)
{
    return arena_printf(a, "%lld users in %s",
                        (long long)json_int(event->payload, "users", 0),
                        get(event->payload, "environment"));
}

static char *say_owing(struct arena *a, const struct event *event)
{
    const char *release = get(event->payload, "release");

    return arena_printf(a, "%s %s %s%s", get(event->payload, "host"),
                        release[0] ? "has yet to get" : "is level again",
                        release, also(a, get(event->payload, "why")));
}

static char *say_measured(struct arena *a, const struct event *event)
{
    const struct json *list = json_get(event->payload, "statements");
    int64_t likely = 0, took = 0;
    char text[2][32];
    size_t known = 0;

    for (size_t i = 0; i < json_len(list); i++) {
        const struct json *o = json_at(list, i);

        took += json_int(o, "took_ms", 0);
        likely += json_int(o, "likely_ms", 0);
        known += json_get(o, "likely_ms") != NULL;
    }
    duration_text(took, text[0], sizeof text[0]);
    duration_text(likely, text[1], sizeof text[1]);
    return arena_printf(
        a, "%s%s took %s%s%s%s", get(event->payload, "target"),
        json_bool(event->payload, "down", false) ? ", its down," : "", text[0],
        known ? ", predicted " : "", known ? text[1] : "",
        known && known < json_len(list) ? " for a part of it" : "");
}

static char *say_recovered(struct arena *a, const struct event *event)
{
    return arena_printf(a, "a torn record of %lld bytes was set aside: %s",
                        (long long)json_int(event->payload, "bytes", 0),
                        get(event->payload, "file"));
}

static char *(*const says[EVENT_KINDS])(struct arena *a,
                                        const struct event *event) = {
    [EVENT_CREATED] = say_created,
    [EVENT_POLICY] = say_policy,
    [EVENT_STATEMENT] = say_statement,
    [EVENT_EPOCH] = say_epoch,
    [EVENT_RUN] = say_run,
    [EVENT_INTENT] = say_step,
    [EVENT_DONE] = say_step,
    [EVENT_FAILED] = say_step,
    [EVENT_UNKNOWN] = say_step,
    [EVENT_DECISION] = say_decision,
    [EVENT_NOTE] = say_note,
    [EVENT_ENDED] = say_ended,
    [EVENT_REHEARSAL] = say_rehearsal,
    [EVENT_FREEZE] = say_freeze,
    [EVENT_THAW] = say_freeze,
    [EVENT_USERS] = say_users,
    [EVENT_OWING] = say_owing,
    [EVENT_RECOVERED] = say_recovered,
    [EVENT_MEASURED] = say_measured,
};

/* Never cut within a character. */
static void cut(char *text)
{
    size_t at = LONGEST - 3;

    if (strlen(text) <= LONGEST)
        return;
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    memcpy(text + at, "...", 4);
}

char *event_text(struct arena *a, const struct event *event)
{
    char *text = says[event->kind](a, event);

    cut(text);
    return escape(a, text);
}

struct json *event_json(const struct event *event, bool hashes)
{
    struct json *j = json_new_object();
    char at[21];

    json_set_int(j, "seq", event->seq);
    json_set_str(j, "at", clock_rfc3339(event->at, at));
    json_set_int(j, "epoch", event->epoch);
    json_set_str(j, "kind", event_word(event->kind));
    json_set(j, "payload", json_share((struct json *)event->payload));
    if (hashes) {
        json_set_str(j, "id", event->id);
        json_set_str(j, "previous", event->previous);
        json_set_str(j, "hash", event->hash);
    }
    return j;
}
