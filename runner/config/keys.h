/* keys: every key of every section, one row each.
 *
 * The table is the one source: the reader checks and converts by it, the
 * suggestions, `help config` and the manual are printed from it. A new
 * setting is a row here and a member of its struct.
 */
#ifndef RUNNER_CONFIG_KEYS_H
#define RUNNER_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/base/arena.h"
#include "runner/base/err.h"
#include "runner/config/ini.h"

/* How a value is read and where it lands (C type of the member). */
enum key_kind {
    KEY_TEXT,        /* const char *: any text of one line */
    KEY_NAME,        /* const char *: [A-Za-z0-9._-], up to 32 bytes */
    KEY_PATH,        /* const char *: made absolute */
    KEY_INT,         /* int, low..high */
    KEY_LONG,        /* int64_t, low..high */
    KEY_BOOL,        /* bool: yes, no */
    KEY_MS,          /* int64_t: a duration, low..high ms */
    KEY_SECONDS,     /* int64_t: a duration in whole seconds, low..high ms */
    KEY_CHOICE,      /* an enum: the place of the word in `choices` */
    KEY_ONE_OF,      /* const char *: a word of `choices` */
    KEY_LIST,        /* const char **, size_t: words, on several lines too */
    KEY_COMMAND,     /* const char *: a shell command on a host */
    KEY_FACT,        /* const char *: sql:, command:, http:, haproxy: as in
                        `choices`, or a bare word there */
    KEY_URL,         /* const char *: http:// or https:// */
    KEY_CONNINFO,    /* const char *: what libpq takes, without a password */
    KEY_HOSTS,       /* struct host_name *, size_t */
    KEY_WAVES,       /* struct wave_size *, size_t */
    KEY_SHARE,       /* struct wave_size: "25%" or "3" */
    KEY_ZONE,        /* struct zone * */
    KEY_CALENDAR,    /* struct calendar_item *, size_t */
    KEY_CLONE,       /* enum clone_kind, const char * */
    KEY_ARTIFACT,    /* const char *: NULL for git, else a path */
    KEY_LEDGER,      /* const char *: a folder */
    KEY_PLACEHOLDER, /* struct placeholder *, size_t: key and value are added
                        to the list; the value may be empty */
    KEY_KINDS
};

enum key_flags {
    KEY_REQUIRED = 1, /* once its section is there */
    KEY_HOST = 2,     /* %h allowed */
    KEY_RELEASE = 4,  /* %v allowed */
    KEY_LINES = 8,    /* may run over several lines */
    KEY_LOOSE = 16,   /* not pinned, though its section is */
    KEY_ANY = 32,     /* stands for every key of its section */
};

struct key {
    const char *name;
    enum key_kind kind;
    unsigned flags;
    const char *fallback; /* the default as it would be written, or NULL */
    size_t at, at2;       /* offsets in the struct of the scope; at2: where a
                             kind with two members puts the second */
    int64_t low, high;
    const char *choices; /* words with blanks between */
    const char *help;    /* ends in a full stop */
};

/* Where a section stands, and which struct its offsets are in. */
enum key_scope {
    SCOPE_PROJECT,     /* tidegate.ini once: struct config */
    SCOPE_ENVIRONMENT, /* [environment NAME]: struct environment */
    SCOPE_EACH,        /* [X] for all, [X NAME] for one: struct environment */
    SCOPE_POLICY,      /* a policy file: struct policy_settings */
};

#define KEY_NOWHERE SIZE_MAX

struct key_section {
    const char *name; /* "probe host" */
    enum key_scope scope;
    bool required, pinned;
    size_t on;              /* offset of the bool that says it is there */
    const struct key *keys; /* ends with name NULL */
    const char *help;
};
extern const struct key_section key_sections[]; /* ends with name NULL */

/* The section "rollout", or "rollout production" with *environment set to the
 * name (NULL without one); NULL: no such section in that kind of file. */
const struct key_section *key_section_find(const char *written, bool policy,
                                           const char **environment);
/* The row of a key, or the one that stands for any; NULL: there is none. */
const struct key *key_find(const struct key_section *s, const char *name);
/* What a value looks like: "a duration with its unit, from 1s to 1h". */
char *key_form(struct arena *a, const struct key *k);

/* Refuses what the table does not know, with the nearest name, and a comment
 * inside a command, a query or a placeholder's value. */
bool keys_check(struct arena *a, const struct ini_file *f, bool policy,
                struct err *e);

/* One setting on its way into a struct. entry NULL: the default is set. */
struct setting {
    struct arena *arena;
    const struct ini_file *file;
    const struct ini_entry *entry;
    const struct key *key;
    const char *folder; /* relative paths start here */
    void *base;         /* the struct that key->at is in */
};
/* Reads entry->value (or the default; neither: nothing happens) into base;
 * runner/config/value.c. */
bool setting_put(const struct setting *s, struct err *e);
/* Starts "FILE:LINE: KEY: ..." and adds why and how the value should look. */
bool setting_refuse(const struct setting *s, struct err *e, const char *why);

#endif
