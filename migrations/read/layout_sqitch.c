/* sqitch: a plan (sqitch_plan.h), and beside it deploy/NAME.sql,
 * revert/NAME.sql and verify/NAME.sql; of a change that was reworked later
 * NAME@TAG.sql, with the first tag after it that has a file. sqitch hands a
 * script to psql, which commits each statement unless the script says BEGIN
 * and COMMIT; a verify script fails by an error, and ends in ROLLBACK (sqitch's
 * manual, sqitch-verify).
 *
 * A change keeps its name; one that comes again is NAME#2, NAME#3. Its table
 * tells them apart by the time they were planned at, and keeps the SHA-1 of the
 * deploy script (App::Sqitch::Plan::Change, script_hash) since 0.996; an
 * upgraded table may have change_id there, which says nothing. */
#include <string.h>

#include "migrations/read/layout.h"
#include "migrations/read/sqitch_plan.h"
#include "runner/base/escape.h"
#include "runner/base/hash.h"

#define PLAN       "sqitch.plan"
#define PLAN_LIMIT (4 * 1024 * 1024)

static bool is_sqitch(const struct layout_reading *r)
{
    return layout_file(r, PLAN) != NULL;
}

/* ---- sqitch.conf ---- */

static bool take_setting(struct layout_reading *r, const char *key,
                         const char *value, int line, struct err *e)
{
    /* as sqitch has them without a word; NULL: it has no such */
    static const struct {
        const char *key, *usual;
    } dirs[] = {
        {"deploy_dir", "deploy"},      {"revert_dir", "revert"},
        {"verify_dir", "verify"},      {"extension", "sql"},
        {"reworked_dir", NULL},        {"reworked_deploy_dir", NULL},
        {"reworked_revert_dir", NULL}, {"reworked_verify_dir", NULL},
    };

    if (strcmp(key, "engine") == 0 && strcmp(value, "pg") != 0)
        return layout_refuse(
            e, "sqitch.conf", line, "a project of another database",
            arena_printf(r->a, "its engine is %.40s", escape(r->a, value)),
            "tidegate changes PostgreSQL only");
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        if (strcmp(key, dirs[i].key) == 0 &&
            !(dirs[i].usual && strcmp(value, dirs[i].usual) == 0))
            return layout_refuse(e, "sqitch.conf", line,
                                 arena_printf(r->a, "%s is not followed", key),
                                 "tidegate reads deploy/NAME.sql, "
                                 "revert/NAME.sql and verify/NAME.sql beside "
                                 "the plan",
                                 "move the scripts there");
    return true;
}

static bool read_conf(struct layout_reading *r, struct err *e)
{
    const struct sql_file *file = layout_file(r, "sqitch.conf");
    char *text, *next;

    if (!file)
        return true;
    text = arena_strndup(r->a, file->bytes, file->len);
    for (int line = 1; *text; line++, text = next) {
        size_t n = strcspn(text, "\n");
        char *key, *value;
        next = text + n + (text[n] == '\n');
        text[n] = '\0';
        key = text + strspn(text, " \t");
        value = strchr(key, '=');
        if (!value || strchr("#;[", *key))
            continue;
        key[strcspn(key, " \t=")] = '\0';
        value += 1 + strspn(value + 1, " \t\"");
        value[strcspn(value, " \t\r\"#;")] = '\0';
        if (!take_setting(r, key, value, line, e))
            return false;
    }
    return true;
}

/* ---- scripts ---- */

/* Where the tag stands among those of the change; tags_end: it does not. */
static size_t tag_of(const struct sqitch_plan *plan,
                     const struct plan_change *c, const char *name, size_t n)
{
    for (size_t i = c->tags_begin; i < c->tags_end; i++)
        if (strncmp(plan->tags[i].name, name, n) == 0 && !plan->tags[i].name[n])
            return i;
    return c->tags_end;
}

/* The file of the first tag that has one. Files are asked, not tags: a plan
 * may have thousands of them. */
static const struct sql_file *tagged_script(const struct layout_reading *r,
                                            const struct sqitch_plan *plan,
                                            const struct plan_change *c,
                                            const char *folder)
{
    const char *stem = arena_printf(r->a, "%s/%s@", folder, c->name);
    const struct sql_file *found = NULL;
    size_t n = strlen(stem), first = c->tags_end;

    for (size_t i = layout_from(r, stem);
         i < r->n && strncmp(r->files[i]->name, stem, n) == 0; i++) {
        const char *name = r->files[i]->name;
        size_t tag;

        if (!layout_ends_with(name, ".sql"))
            continue;
        tag = tag_of(plan, c, name + n, strlen(name) - n - 4);
        if (tag < first) {
            first = tag;
            found = r->files[i];
        }
    }
    return found;
}

static const struct sql_file *script_of(const struct layout_reading *r,
                                        const struct sqitch_plan *plan,
                                        const struct plan_change *c,
                                        const char *folder)
{
    if (c->reworked)
        return tagged_script(r, plan, c, folder);
    return layout_file(r, arena_printf(r->a, "%s/%s.sql", folder, c->name));
}

static bool no_script(struct layout_reading *r, const struct sqitch_plan *plan,
                      const struct plan_change *c, struct err *e)
{
    const char *tag = c->reworked ? plan->tags[c->tags_begin].name : "";

    return layout_refuse(
        e, PLAN, c->line,
        arena_printf(r->a, "%s has no deploy script", escape(r->a, c->name)),
        arena_printf(r->a, "there is no deploy/%s%s%s.sql",
                     escape(r->a, c->name), *tag ? "@" : "", escape(r->a, tag)),
        "add the file, or take the change out of the plan");
}

static bool add_change(struct layout_reading *r, const struct sqitch_plan *plan,
                       const struct plan_change *c, struct err *e)
{
    const struct sql_file *up = script_of(r, plan, c, "deploy");
    const struct sql_file *down = script_of(r, plan, c, "revert");
    const struct sql_file *verify = script_of(r, plan, c, "verify");
    const struct sql_how how = {
        .each_alone = true, .foreign = true, .psql = true};
    struct layout_entry *entry;
    char sha1[HASH_SHA1_HEX];

    if (!up)
        return no_script(r, plan, c, e);
    entry = layout_add(r);
    entry->name = c->instance == 1
                      ? c->name
                      : arena_printf(r->a, "%s#%d", c->name, c->instance);
    entry->version =
        arena_printf(r->a, "%s:%s %s", plan->project, c->name, c->planned);
    entry->up = *up;
    entry->up.how = how;
    entry->mark = arena_strdup(r->a, hash_sha1_hex(up->bytes, up->len, sha1));
    entry->has_down = down != NULL;
    if (down) {
        entry->down = *down;
        entry->down.how = how;
    }
    entry->has_verify = verify != NULL;
    if (verify) {
        entry->verify = *verify;
        entry->verify.how =
            (struct sql_how){.foreign = true, .psql = true, .undone = true};
    }
    return true;
}

static bool read_sqitch(struct layout_reading *r, struct err *e)
{
    const struct sql_file *file = layout_file(r, PLAN);
    struct sqitch_plan plan;

    if (!file)
        return layout_refuse(e, PLAN, 0, "there is no plan",
                             "the folder of a sqitch project has one",
                             "set [migrations] path to the folder of the plan");
    if (file->link)
        return layout_refuse(e, PLAN, 0, "a symbolic link",
                             "what it leads to may change",
                             "put the plan itself there");
    if (file->len > PLAN_LIMIT)
        return layout_refuse(e, PLAN, 0, "the plan is too large",
                             "tidegate reads at most 4 MiB of it",
                             "fold the oldest changes into one");
    if (memchr(file->bytes, '\0', file->len))
        return layout_refuse(e, PLAN, 0, "the plan is no text", "it has a NUL",
                             "save it as UTF-8 text");
    if (!read_conf(r, e) ||
        !sqitch_plan_read(&plan, r->a, PLAN,
                          arena_strndup(r->a, file->bytes, file->len), e))
        return false;
    for (size_t i = 0; i < plan.n; i++)
        if (!add_change(r, &plan, &plan.list[i], e))
            return false;
    return true;
}

const struct layout layout_sqitch = {
    .name = "sqitch",
    .form = "sqitch.plan",
    .recognise = is_sqitch,
    .read = read_sqitch,
    .applied_table = "sqitch.changes",
    .applied_sql =
        "SELECT project || ':' || change || ' ' || pg_catalog.to_char("
        "planned_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
        " 'applied' || coalesce(' ' || nullif("
        "pg_catalog.to_jsonb(one) ->> 'script_hash', change_id), '')"
        " FROM {table} AS one",
    .changed_fix = "restore the script as sqitch ran it; or, where the "
                   "database is as the script says now: sqitch revert and "
                   "deploy it with --log-only",
};
