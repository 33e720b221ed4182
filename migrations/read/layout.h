/* layout: how other tools keep their migrations, read as they are.
 *
 * A table of rows. A row recognises a folder, reads it into entries (name,
 * order, an up text and perhaps a down text) and says how the tool's own
 * table tells what is applied. Names with a slash are files of sub-folders.
 *
 * `auto` takes the one row that recognises the folder; two are ambiguous, and
 * none is an error when there is SQL. golang-migrate and tidegate share a form
 * (N_x.up.sql): it is "tidegate", which reads the same files the same way but
 * is stricter (a name of letters, digits, _ . and -; no empty files), unless
 * there is such a file of another ending (N_x.up.go). Whoever wants empty
 * files read, or an import from golang-migrate's table, names that layout.
 */
#ifndef MIGRATIONS_READ_LAYOUT_H
#define MIGRATIONS_READ_LAYOUT_H

#include "migrations/read/migration.h"

/* One migration of a layout. */
struct layout_entry {
    const char *name;    /* what tidegate calls it: unique, and stays */
    const char *version; /* what the tool's own table calls it: unique */
    int64_t number;      /* -1: its place in the list is its order */
    struct sql_file up, down, verify;
    bool has_down, has_verify;
    const char *repeats; /* Flyway's R__x: "R__x"; the name bears a digest */
    const char *mark;    /* what the tool's own table keeps of its text, where
                            it has to match: words, of which one does; or
                            NULL */
};

/* A file that is read past, as the tool itself does, and looks meant. */
struct layout_stray {
    const char *name, *why;
};

struct layout_reading {
    struct arena *a;
    const struct sql_file *const *files; /* ascending by name */
    size_t n;
    struct layout_entry *list; /* read: in the order in which they run */
    size_t count, cap;
    struct layout_stray *strays; /* layout_read: by name */
    size_t strays_n;
};

struct layout {
    const char *name; /* as configured */
    const char *form; /* for people: "N_name.up.sql" */
    const char *mark; /* what a line -- of its files begins with, or NULL */
    bool (*recognise)(const struct layout_reading *r);
    /* The first file that is not right is ERR_INPUT, "FILE:LINE: ...". */
    bool (*read)(struct layout_reading *r, struct err *e);
    /* The tool's own table, where it stands by default, and SQL that asks it.
     * {table} stands for the table; two columns: a version, and how it is
     * meant:
     *   applied     this version is applied
     *   applied MARK  so it is, with the text of that mark
     *   through     so is every one up to it (a high-water mark)
     *   unfinished  the tool began it and did not end it
     *   text MARK   this repeatable one is, with the text of that mark
     * NULL: the layout has no table of its own (tidegate). */
    const char *applied_table, *applied_sql;
    /* For people: what an unfinished version means, and how to end it. NULL:
     * the table never says so. */
    const char *unfinished_why, *unfinished_fix;
    const char *changed_fix; /* what to do where a file has another mark; NULL:
                                the table keeps none */
};

extern const struct layout *const layouts[]; /* ends in NULL */

const struct layout *layout_find(const char *name); /* or NULL */
/* "auto tidegate golang-migrate ...": the choices of the key. */
extern const char layout_choices[];

/* Files to the one layout that `name` ("auto" or a row's) means, and its
 * entries in order. NULL and e: ERR_CONFIG for a name that no row has,
 * ERR_INPUT for files that none or two recognise, or that are not right. */
const struct layout *layout_read(struct layout_reading *out, struct arena *a,
                                 const char *name, const struct sql_file *files,
                                 size_t n, struct err *e);
/* What a person should know of one. */
char *layout_stray_text(struct arena *a, const struct layout *l,
                        const struct layout_stray *s);
/* Why a file that the layout reads no migration from looks meant as one ("its
 * name ends in .SQL, not in .sql"); NULL: it does not. */
const char *layout_meant(struct arena *a, const struct layout *l,
                         const struct sql_file *file);
/* Whether the layout reads a migration from that file alone, or refuses it. */
bool layout_takes(struct arena *a, const struct layout *l,
                  const struct sql_file *file);
/* Only which one it is; out has the files, and no entries. */
const struct layout *layout_recognise(struct layout_reading *out,
                                      struct arena *a, const char *name,
                                      const struct sql_file *files, size_t n,
                                      struct err *e);
/* Whether the bytes of a file of that name are wanted; of others only the
 * name matters: whoever collects files may leave their bytes out. */
bool layout_wants(const char *name);

/* ---- what is applied, says the other tool ---- */

/* applied_sql for a table; table NULL: applied_table. In a. The table's name
 * stands in it as it is: it must be quoted where it needs to be. */
char *layout_applied_sql(struct arena *a, const struct layout *l,
                         const char *table);

/* One that is applied, and whose file has another mark than the table. */
struct layout_changed {
    const struct migration *one;
    const char *was; /* the table's mark */
};

struct layout_applied {
    bool *is;             /* per migration of m */
    const char **strange; /* versions that no file has */
    size_t strange_n;
    const char **again; /* repeatable ones that were run with another text */
    size_t again_n;
    struct layout_changed *changed;
    size_t changed_n;
    const char *unfinished; /* the first version that is, or NULL */
};
/* What the answer to applied_sql says: rows of {version, how}. All in a. */
void layout_applied(struct layout_applied *out, struct arena *a,
                    const struct migrations *m, char *const *const *cell,
                    size_t rows);
/* Versions "1.10" and "1.9" by their numbers: <0, 0, >0. */
int layout_compare(const char *x, const char *y);

/* ---- for the rows (layout_*.c) ---- */

struct layout_entry *layout_add(struct layout_reading *r);
const struct sql_file *layout_file(const struct layout_reading *r,
                                   const char *name); /* or NULL */
/* The index of the first file that is not before name. */
size_t layout_from(const struct layout_reading *r, const char *name);
/* Into r->strays. */
void layout_strays(struct layout_reading *r, const struct layout *l);
/* A line that begins with --, blanks and the mark. */
bool layout_holds(const struct sql_file *file, const char *mark);
bool layout_ends_with(const char *text, const char *end);
/* The part of a name after its last slash. */
const char *layout_base(const char *name);
/* "FILE: what", and why, and what to write. ERR_INPUT; false. */
bool layout_refuse(struct err *e, const char *file, int line, const char *what,
                   const char *why, const char *fix);

extern const struct layout layout_tidegate, layout_golang_migrate,
    layout_dbmate, layout_goose, layout_flyway, layout_sqitch, layout_diesel;

#endif
