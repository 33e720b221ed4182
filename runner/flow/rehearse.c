#include "runner/flow/rehearse.h"

#include <string.h>

#include "migrations/rehearse/versus.h"

#include "migrations/rehearse/clone.h"
#include "runner/base/escape.h"
#include "runner/base/file.h"
#include "runner/facts/contract.h"
#include "runner/release/statement.h"

static bool no_rehearsal(const struct subject *s, struct err *e)
{
    err_what(e, ERR_CONFIG, "no [rehearsal] is configured for %s",
             s->env->name);
    err_why(e, "a rehearsal needs a clone: what it is made from, and where");
    return err_fix(e, "add [rehearsal] with clone, from and server");
}

/* What making such a clone took last time, for what tells nothing of its own:
 * 0, where no rehearsal tells. */
static int64_t last_clone_ms(const struct subject *s)
{
    const struct rehearsal_settings *r = &s->env->rehearsal;
    const struct json *all = s->state.rehearsals;
    char *label;

    if (r->clone != CLONE_COMMAND)
        return 0;
    label = arena_printf(s->arena, "command %s, ",
                         escape(s->arena, r->clone_argument));
    for (size_t i = json_len(all); i-- > 0;) {
        const struct json *j = json_get(json_at(all, i), "certificate");
        const char *clone = json_str(j, "clone");

        if (clone && strncmp(clone, label, strlen(label)) == 0 &&
            json_int(j, "clone_ms", 0) > 0)
            return json_int(j, "clone_ms", 0);
    }
    return 0;
}

static struct rehearse_settings settings_of(const struct subject *s,
                                            const char *name)
{
    static const enum clone_how hows[] = {
        [CLONE_DUMP] = CLONE_BY_DUMP,     [CLONE_TEMPLATE] = CLONE_BY_TEMPLATE,
        [CLONE_EXISTING] = CLONE_AS_IS,   [CLONE_COMMAND] = CLONE_BY_COMMAND,
        [CLONE_SCHEMA] = CLONE_BY_SCHEMA,
    };
    const struct rehearsal_settings *r = &s->env->rehearsal;

    return (struct rehearse_settings){
        .how = hows[r->clone],
        .argument = r->clone_argument,
        .from = r->from,
        .server = r->server,
        .production = s->env->database,
        .run = name,
        .notes = path_join(s->arena, ledger_folder(s->ledger), CLONE_NOTES),
        .clone_ms = last_clone_ms(s),
    };
}

bool rehearse_sweep(struct loop *l, struct arena *a,
                    const struct environment *env, const struct ledger *ledger,
                    const char ***swept, size_t *n, struct err *e)
{
    const struct rehearsal_settings *r = &env->rehearsal;
    const char **databases = NULL;
    const char *notes = path_join(a, ledger_folder(ledger), CLONE_NOTES);
    size_t dropped = 0;
    bool ok = clone_commands_sweep(l, a, notes, swept, n, e);

    if (ok && r->on && r->server && r->clone != CLONE_EXISTING &&
        r->clone != CLONE_COMMAND)
        ok = clone_sweep(l, a, r->server, &databases, &dropped, e);
    *swept = arena_grow(a, *swept, *n, *n + dropped, sizeof **swept);
    for (size_t i = 0; i < dropped; i++)
        (*swept)[(*n)++] = databases[i];
    return ok;
}

static bool write_certificate(struct subject *s, const struct rehearsal *out,
                              struct err *e)
{
    struct json *j = json_new_object();

    json_set_str(j, "environment", s->env->name);
    json_set_str(j, "release", s->release);
    json_set_str(j, "phases", phases_word(s->phases));
    json_set(j, "certificate", rehearsal_to_json(out));
    return ledger_append(s->ledger, EVENT_REHEARSAL, j, e);
}

static bool reached(const struct subject *s, struct err *e)
{
    if (!s->env->database) {
        err_what(e, ERR_CONFIG, "[environment %s] names no database",
                 s->env->name);
        err_why(e, "there is nothing to rehearse without one");
        return err_fix(e, "add `database`, or deploy without rehearsal");
    }
    if (s->pending_known)
        return true;
    err_what(e, ERR_UNREACHABLE, "cannot reach the database of %s",
             s->env->name);
    err_why(e, "%s", s->pg_why ? s->pg_why : "it was not asked");
    return err_fix(e, "correct `database`, then run: tidegate doctor");
}

bool rehearse_previous(struct subject *s, const struct rehearsal *now,
                       struct rehearsal *out, const char **release)
{
    const struct json *all = s->state.rehearsals;

    for (size_t i = json_len(all); i-- > 0;) {
        const struct json *event = json_at(all, i);
        struct err ignored;

        *release = json_str(event, "release");
        if (i + 1 == json_len(all) || !*release ||
            !rehearsal_from_json(out, s->arena, json_get(event, "certificate"),
                                 &ignored))
            continue;
        if ((strcmp(*release, s->release) == 0 && versus_shares(out, now)) ||
            versus_same_names(out, now)) {
            *release = arena_strdup(s->arena, *release);
            return true;
        }
    }
    return false;
}

/* Of an "after" one it is known now whether its down gives all back, of a
 * "before" one whether the old code survives it, and nothing but other files
 * will change it: the gate will not either. */
static void judge_back(struct subject *s, const struct facts *facts,
                       struct verdict *verdict)
{
    for (size_t i = 0; i < facts->way_back.n; i++) {
        const struct migration_facts *m = &facts->way_back.migrations[i];

        if (m->after ? m->down_lacks != NULL : m->breaks && !m->compatible) {
            *verdict = way_back_judge(s->arena, &s->env->policy, facts);
            return;
        }
    }
}

bool rehearse_release(struct subject *s, const char *release,
                      struct rehearsal *out, struct verdict *verdict,
                      bool *nothing, struct err *e)
{
    struct facts facts = {0};
    char name[17];

    if (!subject_resolve(s, release, e) || !subject_contact_database(s, e) ||
        !reached(s, e))
        return false;
    if (s->phases == PHASES_CONTRACT)
        contract_foresee(s);
    *nothing = s->pending.n == 0;
    if (*nothing)
        return true;
    if (!s->env->rehearsal.on)
        return no_rehearsal(s, e);
    nonce_hex(name, 8);
    struct rehearse_settings settings = settings_of(s, name);
    struct factors factors;

    learn(&factors, s->state.past, s->state.n_past);
    settings.factors = &factors;
    if (!rehearse_run(s->loop, s->arena, &settings, s->pending.list,
                      s->pending.n, s->progress, out, e) ||
        !write_certificate(s, out, e) || !subject_refresh(s, e))
        return false;
    facts.now = clock_now();
    gather_release(s, &facts);
    gather_rehearsal(s, &facts);
    *verdict = rehearsal_judge(s->arena, &s->env->policy, &facts);
    /* Without [budget] there is no limit to break; a failure is one still. */
    if (verdict->is == PASS && out->failed) {
        facts.rehearsal.failed = out->failed;
        facts.rehearsal.lacks = out->lacks;
        *verdict = rehearsal_failed(&facts);
    }
    if (verdict->is == PASS)
        judge_back(s, &facts, verdict);
    return true;
}
