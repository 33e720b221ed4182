#include "runner/flow/doctor.h"
#include "runner/command/cmd.h"

static const enum style styles[] = {[DOCTOR_OK] = STYLE_GOOD,
                                    [DOCTOR_OFF] = STYLE_DIM,
                                    [DOCTOR_WARNING] = STYLE_WARN,
                                    [DOCTOR_PROBLEM] = STYLE_BAD};

static void show_line(struct tidegate *t, const struct doctor_line *line)
{
    output_style(t->out, styles[line->is], "%-8s", doctor_word(line->is));
    output_text(t->out, " %-10s", line->check);
    if (line->subject)
        output_text(t->out, "%s: ", line->subject);
    output_text(t->out, "%s\n", line->text);
    if (*line->fix)
        output_text(t->out, "%-8s %-10sfix: %s\n", "", "", line->fix);
}

static void show(struct tidegate *t, const struct doctor *d)
{
    for (size_t i = 0; i < d->n; i++)
        show_line(t, &d->lines[i]);
    output_style(t->out, STYLE_BOLD, "ok %zu, warnings %zu, problems %zu\n",
                 doctor_count(d, DOCTOR_OK), doctor_count(d, DOCTOR_WARNING),
                 doctor_count(d, DOCTOR_PROBLEM));
}

static struct json *line_json(const struct doctor_line *line)
{
    struct json *j = json_new_object();

    json_set_str(j, "check", line->check);
    if (line->subject)
        json_set_str(j, "subject", line->subject);
    json_set_str(j, "is", doctor_word(line->is));
    json_set_str(j, "text", line->text);
    if (*line->fix)
        json_set_str(j, "fix", line->fix);
    if (line->is == DOCTOR_PROBLEM)
        json_set_int(j, "exit", exit_code_of(line->code, 0));
    return j;
}

static void show_json(struct tidegate *t, const struct doctor *d)
{
    struct json *j = json_new_object(), *list = json_new_array();

    for (size_t i = 0; i < d->n; i++)
        json_append(list, line_json(&d->lines[i]));
    json_set(j, "lines", list);
    if (d->env)
        json_set_str(j, "environment", d->env->name);
    if (d->s.migrations.n > 0)
        json_set_str(j, "layout", d->s.migrations.layout);
    json_set_int(j, "warnings", (int64_t)doctor_count(d, DOCTOR_WARNING));
    json_set_int(j, "problems", (int64_t)doctor_count(d, DOCTOR_PROBLEM));
    output_json(t->out, j);
}

static bool doctor_command(struct tidegate *t, void *args, struct err *e)
{
    struct doctor d = {.arena = t->arena,
                       .loop = t->loop,
                       .progress = t->progress,
                       .folder = t->globals.folder ? t->globals.folder : ".",
                       .environment = t->globals.environment};

    (void)args;
    bool ok = doctor_run(&d, e);

    show(t, &d);
    show_json(t, &d);
    t->env = d.env; /* for the verdict line: its texts are in the arena */
    doctor_close(&d);
    return ok;
}

const struct cmd cmd_doctor = {
    .name = "doctor",
    .summary = "Prove, read-only, all that a release will need.",
    .help = "Looks at the configuration, the pinned policy, the ledger, git, "
            "the signers, the database and the rehearsal server, every host, "
            "the probes, the pool and the sources of facts. One line each: "
            "ok, off, warning or problem, with the fix. The exit code is that "
            "of the gravest problem.",
    .needs = CMD_VERDICT,
    .run = doctor_command,
};
