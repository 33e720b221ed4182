#include "runner/config/config.h"
#include "runner/config/keys.h"

/* A row's place, bounds and words read best as they are. */
/* clang-format off */

#define CFG(member) .at = offsetof(struct config, member)
#define ENV(member) .at = offsetof(struct environment, member)
#define POL(member) .at = offsetof(struct policy_settings, member)
#define ENV2(list, count) ENV(list), .at2 = offsetof(struct environment, count)
#define POL2(list, count) \
    POL(list), .at2 = offsetof(struct policy_settings, count)

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct key project_keys[] = {
    {"name", KEY_NAME, KEY_REQUIRED, NULL, CFG(project),
     .help = "The project; manifests and the ledger carry it."},
    {"repository", KEY_PATH, 0, ".", CFG(repository),
     .help = "The git repository that releases are tags of."},
    {"ledger", KEY_LEDGER, 0, ".tidegate/ledger", CFG(ledger),
     .help = "The folder that keeps statements and runs."},
    {0}
};

static const struct key migrations_keys[] = {
    {"path", KEY_TEXT, 0, "migrations", CFG(migrations_path),
     .help = "The folder of the released commit that holds migrations."},
    {"layout", KEY_ONE_OF, 0, "auto", CFG(migrations_layout),
     .choices = "auto tidegate golang-migrate dbmate goose flyway "
                "sqitch diesel",
     .help = "Which tool's form the migrations have."},
    {0}
};

static const struct key environment_keys[] = {
    {"policy", KEY_PATH, KEY_REQUIRED | KEY_LOOSE, NULL, ENV(policy_path),
     .help = "The policy file: the settings of the gates."},
    {"hosts", KEY_HOSTS, KEY_LINES, NULL, ENV2(hosts, n_hosts),
     .help = "Where the release goes; absent: migrations only."},
    {"path", KEY_TEXT, KEY_HOST, NULL, ENV(path),
     .help = "The folder of the application on every host."},
    {"database", KEY_CONNINFO, 0, NULL, ENV(database),
     .help = "The database; absent: releases without migrations."},
    {"known_hosts", KEY_PATH, 0, NULL, ENV(known_hosts),
     .help = "Host keys to trust; absent: ssh's own files."},
    {"identity", KEY_PATH, 0, NULL, ENV(identity),
     .help = "Key file to log in with; absent: the agent and ssh's own."},
    {0}
};

static const struct key placeholders_keys[] = {
    {"NAME", KEY_PLACEHOLDER, KEY_ANY, NULL,
     ENV2(placeholders.list, placeholders.n),
     .help = "Put in for ${NAME}, in any case; flyway.defaultSchema for "
             "${flyway:defaultSchema}."},
    {0}
};

static const struct key rehearsal_keys[] = {
    {"clone", KEY_CLONE, 0, "dump", ENV2(rehearsal.clone,
                                         rehearsal.clone_argument),
     .choices = "dump template existing command schema",
     .help = "Where the clone comes from that migrations are timed on."},
    {"from", KEY_CONNINFO, 0, NULL, ENV(rehearsal.from),
     .help = "The database that is dumped, best a replica."},
    {"server", KEY_CONNINFO, 0, NULL, ENV(rehearsal.server),
     .help = "The server that holds the clone."},
    {0}
};

static const struct key artifact_keys[] = {
    {"from", KEY_ARTIFACT, KEY_RELEASE, "git", ENV(artifact.file),
     .help = "What goes to the hosts: the commit's tree, or a tar file."},
    {"exclude", KEY_LIST, KEY_LINES, NULL,
     ENV2(artifact.exclude, artifact.excludes),
     .help = "Paths of the tree that stay out; a folder ends in /."},
    {"shared", KEY_LIST, KEY_LINES, NULL,
     ENV2(artifact.shared, artifact.shareds),
     .help = "Paths linked into every release from shared/."},
    {"prepare", KEY_COMMAND, KEY_LINES | KEY_HOST | KEY_RELEASE, NULL,
     ENV(artifact.prepare),
     .help = "Run on each host in the staged folder, before any flip."},
    {"keep", KEY_INT, 0, "5", ENV(artifact.keep), .low = 0, .high = 1000,
     .help = "Old releases kept besides the live and the newest two other good ones."},
    {0}
};

static const struct key rollout_keys[] = {
    {"waves", KEY_WAVES, 0, "1 25% 100%",
     ENV2(rollout.waves, rollout.n_waves),
     .help = "Running total of hosts after each wave, rounded up."},
    {"max_out", KEY_SHARE, 0, "25%", ENV(rollout.max_out),
     .help = "Most hosts out of the pool at once, rounded down, at least 1."},
    {"at_once", KEY_INT, 0, "64", ENV(rollout.at_once), .low = 1, .high = 1000,
     .help = "Connections that are set up or worked on at once."},
    {"max_failed", KEY_INT, 0, "0", ENV(rollout.max_failed),
     .low = 0, .high = 1000,
     .help = "Hosts that may fail before the rollout counts as failed."},
    {"max_unreachable", KEY_INT, 0, "0", ENV(rollout.max_unreachable),
     .low = 0, .high = 1000,
     .help = "Unreachable hosts that are left out and recorded as owing."},
    {"on_failure", KEY_CHOICE, 0, "rollback", ENV(rollout.on_failure),
     .choices = "rollback stop",
     .help = "What follows a failed rollout."},
    {"drain", KEY_COMMAND, KEY_LINES | KEY_HOST | KEY_RELEASE, NULL,
     ENV(rollout.drain),
     .help = "Takes a host out of the pool; `on HOST: COMMAND` runs there."},
    {"restart", KEY_COMMAND, KEY_LINES | KEY_HOST | KEY_RELEASE, NULL,
     ENV(rollout.restart),
     .help = "Restarts the application after the flip."},
    {"undrain", KEY_COMMAND, KEY_LINES | KEY_HOST | KEY_RELEASE, NULL,
     ENV(rollout.undrain),
     .help = "Puts a host back into the pool; `on HOST: COMMAND` runs there."},
    {"timeout", KEY_MS, 0, "60s", ENV(rollout.timeout_ms),
     .low = SECOND, .high = HOUR,
     .help = "Longest time for each drain, restart and undrain."},
    {"prepare_timeout", KEY_MS, 0, "10m", ENV(rollout.prepare_timeout_ms),
     .low = SECOND, .high = DAY,
     .help = "Longest time for prepare."},
    {"soak", KEY_MS, 0, "0s", ENV(rollout.soak_ms), .low = 0, .high = DAY,
     .help = "How long probes and pool are asked after the last wave."},
    {"host_time", KEY_MS, 0, "60s", ENV(rollout.host_time_ms),
     .low = SECOND, .high = DAY,
     .help = "Time for one batch of hosts, until ten are known."},
    {"pause_max", KEY_MS, 0, "15m", ENV(rollout.pause_max_ms),
     .low = 0, .high = DAY,
     .help = "How long a run waits in a HOLD before on_hold decides."},
    {"on_hold", KEY_CHOICE, 0, "auto", ENV(rollout.on_hold),
     .choices = "auto finish back",
     .help = "Finish or go back when a HOLD lasts; auto: the shorter."},
    {0}
};

#define PROBE_KEYS(probe, who)                                                \
    {"url", KEY_URL, KEY_REQUIRED | (who), NULL, ENV(probe.url),              \
     .help = "What is asked; http:// or https://."},                          \
    {"status", KEY_INT, 0, "200", ENV(probe.status), .low = 100, .high = 599, \
     .help = "The HTTP status of a good answer."},                            \
    {"body", KEY_TEXT, KEY_RELEASE | (who), NULL, ENV(probe.body),            \
     .help = "A text that must stand in the answer; name the release by %v."},\
    {"timeout", KEY_MS, 0, "2s", ENV(probe.timeout_ms),                       \
     .low = 100, .high = 5 * MINUTE,                                          \
     .help = "Longest time for one answer."},                                 \
    {"passes", KEY_INT, 0, "2", ENV(probe.passes), .low = 1, .high = 100,     \
     .help = "Good answers in a row that count as healthy."},                 \
    {"interval", KEY_MS, 0, "500ms", ENV(probe.interval_ms),                  \
     .low = 50, .high = 5 * MINUTE,                                           \
     .help = "Time between two questions."},                                  \
    {"deadline", KEY_MS, 0, "30s", ENV(probe.deadline_ms),                    \
     .low = SECOND, .high = HOUR,                                             \
     .help = "Longest time until all passes are there."}

static const struct key probe_host_keys[] = {
    PROBE_KEYS(probe_host, KEY_HOST),
    {0}
};
static const struct key probe_front_keys[] = {
    PROBE_KEYS(probe_front, 0),
    {0}
};

static const struct key pool_keys[] = {
    {"members", KEY_FACT, KEY_REQUIRED | KEY_LINES, NULL, ENV(pool_members),
     .choices = "haproxy: http: command:",
     .help = "Where to read who is in the pool."},
    {0}
};

#define OVERRIDE(section)                                                     \
    {"override", KEY_BOOL, 0, "no", POL(section.override_allowed),            \
     .help = "Whether --override may lift this gate."}

static const struct key expected_keys[] = {
    {"signatures", KEY_BOOL, 0, "required", POL(expected.signatures_required),
     .choices = "optional required",
     .help = "Whether statements must be signed."},
    {"signers", KEY_PATH, 0, NULL, POL(expected.signers),
     .help = "Who may sign, in ssh-keygen's allowed_signers format."},
    {"revoked", KEY_PATH, 0, NULL, POL(expected.revoked),
     .help = "Keys that no longer count, in ssh-keygen's format."},
    {"approvals", KEY_INT, 0, "0", POL(expected.approvals),
     .low = 0, .high = 20,
     .help = "Persons besides the announcer who must approve."},
    {"notice", KEY_SECONDS, 0, "30m", POL(expected.notice),
     .low = 0, .high = 30 * DAY,
     .help = "How long before a deploy a release must be announced."},
    {0}
};

static const struct key window_keys[] = {
    {"zone", KEY_ZONE, KEY_REQUIRED, NULL, POL(window.calendar.zone),
     .help = "Time zone of all local times, by its IANA name."},
    {"allow", KEY_CALENDAR, KEY_REQUIRED | KEY_LINES, NULL,
     POL2(window.calendar.allow, window.calendar.allows),
     .help = "When releases may go out."},
    {"freeze", KEY_CALENDAR, KEY_LINES, NULL,
     POL2(window.calendar.freeze, window.calendar.freezes),
     .help = "When none may, whatever allow says."},
    OVERRIDE(window),
    {0}
};

static const struct key users_keys[] = {
    {"count", KEY_FACT, KEY_REQUIRED | KEY_LINES, NULL, POL(users.count),
     .choices = "sql: command: http: haproxy:",
     .help = "How many users are on now."},
    {"history", KEY_FACT, KEY_LINES, NULL, POL(users.history),
     .choices = "sql: command: recorded",
     .help = "How many were on before: instant and count, four weeks."},
    {"max", KEY_LONG, KEY_REQUIRED, NULL, POL(users.max),
     .low = 0, .high = 1000000000000,
     .help = "Most users that may be on during a release."},
    {"abort_at", KEY_LONG, 0, NULL, POL(users.abort_at),
     .low = 0, .high = 1000000000000,
     .help = "Above it in mid-run, on_hold decides at once; absent: none."},
    {"forecast", KEY_BOOL, 0, "yes", POL(users.forecast),
     .help = "Whether the users expected later count as well."},
    OVERRIDE(users),
    {0}
};

static const struct key budget_keys[] = {
    {"total", KEY_MS, 0, "10m", POL(budget.total_ms),
     .low = SECOND, .high = 30 * DAY,
     .help = "Longest time the migrations may take, by the high estimate."},
    {"blocked", KEY_MS, 0, "2s", POL(budget.blocked_ms),
     .low = 0, .high = DAY,
     .help = "Longest time any table's readers or writers may wait."},
    {"rewrite", KEY_BOOL, 0, "forbid", POL(budget.rewrite_forbidden),
     .choices = "allow forbid",
     .help = "Whether a migration may rewrite a table."},
    {"overrun", KEY_INT, 0, "3", POL(budget.overrun), .low = 1, .high = 1000,
     .help = "A migration that runs over so many times its high estimate (and "
             "over 5 s) and is not committed yet is cancelled; a verify "
             "script that nobody rehearsed, after a minute."},
    {"certificate", KEY_SECONDS, 0, "24h", POL(budget.certificate),
     .low = MINUTE, .high = 90 * DAY,
     .help = "How long a rehearsal stays fresh."},
    OVERRIDE(budget),
    {0}
};

static const struct key backup_keys[] = {
    {"age_seconds", KEY_FACT, KEY_REQUIRED | KEY_LINES, NULL,
     POL(backup.age_seconds), .choices = "sql: command: http: haproxy:",
     .help = "Age of the last good backup, in seconds."},
    {"max_age", KEY_SECONDS, KEY_REQUIRED, NULL, POL(backup.max_age),
     .low = MINUTE, .high = 365 * DAY,
     .help = "Oldest backup that a release may rely on."},
    OVERRIDE(backup),
    {0}
};

static const struct key replicas_keys[] = {
    {"min", KEY_LONG, KEY_REQUIRED, NULL, POL(replicas.min),
     .low = 0, .high = 1000,
     .help = "Replicas that must be streaming."},
    {"max_lag", KEY_MS, 0, "10s", POL(replicas.max_lag_ms),
     .low = 0, .high = DAY,
     .help = "Most that the slowest of them may lag behind."},
    OVERRIDE(replicas),
    {0}
};

static const struct key proven_keys[] = {
    {"in", KEY_NAME, KEY_REQUIRED, NULL, POL(proven.in),
     .help = "The environment where the release must have ended good."},
    {"for", KEY_SECONDS, 0, "24h", POL(proven.for_time),
     .low = 0, .high = 365 * DAY,
     .help = "How long it must have been good there."},
    OVERRIDE(proven),
    {0}
};

static const struct key statements_keys[] = {
    {"settings", KEY_BOOL, 0, "refuse", POL(statements.settings),
     .choices = "refuse allow",
     .help = "SET of role, search_path, timeouts or replication role."},
    {"triggers", KEY_BOOL, 0, "refuse", POL(statements.triggers),
     .choices = "refuse allow",
     .help = "ALTER TABLE ... DISABLE TRIGGER."},
    {"server", KEY_BOOL, 0, "refuse", POL(statements.server),
     .choices = "refuse allow",
     .help = "Programs and files of the server, and other servers."},
    {"databases", KEY_BOOL, 0, "refuse", POL(statements.databases),
     .choices = "refuse allow",
     .help = "DROP DATABASE."},
    {0}
};

const struct key_section key_sections[] = {
    {"project", SCOPE_PROJECT, .required = true, .on = KEY_NOWHERE,
     .keys = project_keys,
     .help = "What is released, and where that is recorded."},
    {"environment", SCOPE_ENVIRONMENT, .required = true, .pinned = true,
     .on = KEY_NOWHERE, .keys = environment_keys,
     .help = "One place that releases go to: [environment NAME]."},
    {"migrations", SCOPE_PROJECT, .on = KEY_NOWHERE, .keys = migrations_keys,
     .help = "Where a commit keeps its migrations."},
    {"placeholders", SCOPE_EACH, .on = KEY_NOWHERE, .keys = placeholders_keys,
     .help = "Texts that Flyway's migrations leave to its configuration. "
             "Secrets do not belong there: what is put in is shown, and "
             "recorded in the database."},
    {"rehearsal", SCOPE_EACH, .on = offsetof(struct environment, rehearsal.on),
     .keys = rehearsal_keys,
     .help = "The timed dry run of migrations on a clone."},
    {"artifact", SCOPE_EACH, .on = KEY_NOWHERE, .keys = artifact_keys,
     .help = "The files that go to the hosts."},
    {"rollout", SCOPE_EACH, .pinned = true, .on = KEY_NOWHERE,
     .keys = rollout_keys,
     .help = "How a release goes over the hosts."},
    {"probe host", SCOPE_EACH, .pinned = true,
     .on = offsetof(struct environment, probe_host.on),
     .keys = probe_host_keys,
     .help = "Asked of every host."},
    {"probe front", SCOPE_EACH, .pinned = true,
     .on = offsetof(struct environment, probe_front.on),
     .keys = probe_front_keys,
     .help = "Asked through the front door."},
    {"pool", SCOPE_EACH, .pinned = true, .on = KEY_NOWHERE, .keys = pool_keys,
     .help = "Which hosts get users."},

    {"expected", SCOPE_POLICY, .required = true, .pinned = true,
     .on = offsetof(struct policy_settings, expected.on),
     .keys = expected_keys,
     .help = "Who announces and approves releases, and how early."},
    {"window", SCOPE_POLICY, .pinned = true,
     .on = offsetof(struct policy_settings, window.on), .keys = window_keys,
     .help = "When releases may go out."},
    {"users", SCOPE_POLICY, .pinned = true,
     .on = offsetof(struct policy_settings, users.on), .keys = users_keys,
     .help = "How many users may be on."},
    {"budget", SCOPE_POLICY, .pinned = true,
     .on = offsetof(struct policy_settings, budget.on), .keys = budget_keys,
     .help = "What a rehearsed migration may cost."},
    {"backup", SCOPE_POLICY, .pinned = true,
     .on = offsetof(struct policy_settings, backup.on), .keys = backup_keys,
     .help = "How old the last backup may be."},
    {"replicas", SCOPE_POLICY, .pinned = true,
     .on = offsetof(struct policy_settings, replicas.on),
     .keys = replicas_keys,
     .help = "Which replicas must stream."},
    {"proven", SCOPE_POLICY, .pinned = true,
     .on = offsetof(struct policy_settings, proven.on), .keys = proven_keys,
     .help = "Where the release must have proven itself."},
    {"statements", SCOPE_POLICY, .pinned = true,
     .on = offsetof(struct policy_settings, statements.on),
     .keys = statements_keys,
     .help = "What migrations may hold that is refused otherwise."},
    {0}
};
