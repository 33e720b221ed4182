#include "tests/integration/migrations/hazard_tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/base/buf.h"

/* Their lists, one after the other. */
static const struct hazard_row *const lists[] = {
    hazard_rows_columns, hazard_rows_constraints, hazard_rows_tables,
    hazard_rows_partitions};
#define LISTS (sizeof lists / sizeof *lists)
const struct hazard_row *hazard_rows[HAZARD_ROWS_MAX];
size_t hazard_rows_n;

char *hazard_named(struct fixture *f, const char *text, size_t i)
{
    struct buf b;

    buf_init(&b);
    for (; *text; text++)
        if (*text == '$')
            buf_printf(&b, "t%zu", i);
        else
            buf_char(&b, *text);
    return buf_into(&b, &f->a);
}

const char *hazard_relation(struct fixture *f, const char *relation, size_t i)
{
    return hazard_named(f,
                        strchr(relation, '.')
                            ? relation
                            : arena_printf(&f->a, "public.%s", relation),
                        i);
}

/* HAZARD_ROWS='|46|46 one|' takes those alone. */
static bool is_wanted(const struct hazard_row *row)
{
    const char *only = getenv("HAZARD_ROWS");
    char name[64];

    snprintf(name, sizeof name, "|%s|", row->row);
    return !only || strstr(only, name);
}

static void take_rows(void)
{
    hazard_rows_n = 0;
    for (size_t i = 0; i < LISTS; i++)
        for (const struct hazard_row *row = lists[i]; row->row; row++) {
            assert_true(hazard_rows_n < HAZARD_ROWS_MAX);
            if (is_wanted(row))
                hazard_rows[hazard_rows_n++] = row;
        }
}

/* In the server's own folder (allow_in_place_tablespaces). */
static void make_space(struct fixture *f, const char *name)
{
    if (!*database_ask(f, "postgres",
                       arena_printf(&f->a,
                                    "SELECT 1 FROM pg_tablespace WHERE "
                                    "spcname = '%s'",
                                    name)))
        database_run(
            f, "postgres",
            arena_printf(&f->a, "CREATE TABLESPACE %s LOCATION ''", name));
}

/* What the rows lean on: hold('v') has another session read v for a while. */
static const char leant_on[] =
    "CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;"
    "CREATE EXTENSION dblink;"
    "CREATE FUNCTION hold(what text) RETURNS void LANGUAGE plpgsql AS "
    "$f$ BEGIN IF 'b' = ANY (dblink_get_connections()) THEN "
    "PERFORM dblink_disconnect('b'); END IF; "
    "PERFORM dblink_connect('b', format('dbname=%s user=%s port=%s host=%s', "
    "current_database(), current_user, current_setting('port'), "
    "split_part(current_setting('unix_socket_directories'), ',', 1))); "
    "PERFORM dblink_exec('b', 'SET idle_in_transaction_session_timeout = "
    "600'); PERFORM dblink_exec('b', 'BEGIN'); "
    "PERFORM * FROM dblink('b', format('SELECT 1 FROM %I LIMIT 1', what)) "
    "AS r(i int); END $f$;";

void hazard_tables_make(struct fixture *f)
{
    struct buf b;

    take_rows();
    make_space(f, "hazard_space");
    make_space(f, "hazard_all");
    buf_init(&b);
    buf_str(&b, leant_on);
    for (size_t i = 0; i < hazard_rows_n; i++)
        buf_printf(&b,
                   "CREATE TABLE t%zu (id int PRIMARY KEY, a int, b text, "
                   "ts timestamp); INSERT INTO t%zu SELECT i, i, 'x', now() "
                   "FROM generate_series(1, 3000) i; %s;\n",
                   i, i, hazard_named(f, hazard_rows[i]->setup, i));
    database_make(f, "hazards", b.data);
    buf_release(&b);
}
