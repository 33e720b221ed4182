#include "runner/config/load.h"

#include <string.h>

#include "migrations/hazards/allowed.h"

/* [expected] in itself: signatures, signers and approvals must agree. */
static bool expected_agrees(const struct load *l, const struct ini_file *f,
                            const struct expected_settings *x)
{
    const struct ini_section *s = ini_section_find(f, "expected");
    const struct ini_entry *n = ini_entry_find(f, "expected", "approvals");

    if (!x->signatures_required && x->approvals > 0) {
        ini_refuse(f, n->line, "approvals", l->e,
                   "%d approvals without signatures", x->approvals);
        err_why(l->e, "an approval that nobody must sign proves nothing");
        return err_fix(l->e, "set `signatures = required` or `approvals = 0`");
    }
    if (x->signatures_required && !x->signers) {
        ini_refuse(f, s->line, "signers", l->e,
                   "the key is missing in [expected]");
        err_why(l->e, "signatures are required, and nobody says whose");
        return err_fix(l->e, "add `signers = FILE` in ssh-keygen's "
                             "allowed_signers format");
    }
    return true;
}

static bool sections_there(const struct load *l, const struct ini_file *f)
{
    for (const struct key_section *s = key_sections; s->name; s++) {
        if (s->scope != SCOPE_POLICY || !s->required ||
            ini_section_find(f, s->name))
            continue;
        err_what(l->e, ERR_CONFIG, "%s: there is no [%s]", f->shown, s->name);
        err_why(l->e, "no policy can turn this gate off");
        return err_fix(l->e, "add the section; see: tidegate help config");
    }
    return true;
}

bool policy_load(const struct load *l, struct environment *env,
                 struct buf *pinned)
{
    struct policy_settings *p = &env->policy;
    struct ini_file f;

    p->path = env->policy_path;
    p->users.abort_at = -1;
    if (!load_file(l, env->policy_path, true, &f) || !sections_there(l, &f))
        return false;
    for (const struct key_section *s = key_sections; s->name; s++)
        if (s->scope == SCOPE_POLICY &&
            !load_section(l, &f, s, NULL, p, pinned))
            return false;
    return expected_agrees(l, &f, &p->expected);
}

unsigned config_allowed(const struct policy_settings *p)
{
    const struct statements_settings *s = &p->statements;
    unsigned allowed = 0;

    if (s->settings)
        allowed |= REFUSES_SETTINGS;
    if (s->triggers)
        allowed |= REFUSES_TRIGGERS;
    if (s->server)
        allowed |= REFUSES_SERVER;
    if (s->databases)
        allowed |= REFUSES_DATABASES;
    return allowed;
}
