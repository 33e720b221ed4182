/* What code that was written for one schema does not survive in another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/rehearse/old_code.h"
#include "tests/unit/migrations/facts.h"

static struct arena a;

static const char *breaks(const char *was, const char *now)
{
    struct fingerprint f[] = {facts_of(&a, was), facts_of(&a, now)};
    struct old_code none = {0}, found;
    const char *told;

    old_code_breaks(&found, &a, &f[0], &f[1]);
    told = old_code_new(&a, &none, &found);
    return told ? told : "";
}

#define T "table public.t: using heap|"
#define C T "column public.t.c: "
#define F "function public.f(integer): returns integer, definition 1|"
#define APP                                                             \
    "rights on public.t: app=arwx/postgres, postgres=arwdDxt/postgres|" \
    "owner of public.t: postgres"

static const struct {
    const char *was, *now;
    const char *breaks; /* "": nothing */
} rows[] = {
    /* relations */
    {T, "", "table public.t is gone"},
    {T "column public.t.c: text", "", "table public.t is gone"},
    {"view public.v:", "view public.v2:", "view public.v is gone"},
    {T, "view public.t:", ""},
    {"view public.v:", "materialized view public.v: using heap", ""},
    {T, "table public.t: using heap row security",
     "table public.t has row security now"},
    {"table public.\"a: b\":", "table public.\"a: b\": with x=1", ""},
    {"sequence public.s: bigint", "", "sequence public.s is gone"},
    {C "int|sequence public.s: bigint owned by public.t.c", T,
     "column public.t.c is gone"},
    {"schema app", "schema apple", "schema app is gone"},
    {"extension citext: 1.6 in public", "", "extension citext is gone"},
    {"comment on table public.t: x|index public.i: on public.t|"
     "column order of public.t: a, b",
     "", ""},
    /* columns */
    {C "text", T, "column public.t.c is gone"},
    {"view public.v:|column public.v.c: text",
     "view public.v:", "column public.v.c is gone"},
    {"composite type public.p:|column public.p.b: text",
     "composite type public.p:", "column public.p.b is gone"},
    {C "integer not null default 1", C "bigint not null default 1",
     "column public.t.c is bigint, and was integer"},
    {C "timestamp with time zone default now()",
     C "timestamp with time zone not null", "column public.t.c refuses NULL"},
    {C "timestamp with time zone", C "timestamp without time zone",
     "column public.t.c is timestamp without time zone, and was timestamp "
     "with time zone"},
    {C "\"my not null\" not null", C "\"my not null\"", ""},
    {C "text", C "text storage e collate pg_catalog.\"C\"", ""},
    {C "text", C "text not null", "column public.t.c refuses NULL"},
    {C "text|constraint k on public.t: CHECK ((c IS NOT NULL)) NOT VALID "
       "(not validated)",
     C "text not null", ""},
    {C "text not null default 'x'", C "text not null",
     "column public.t.c must be given: its default is gone"},
    {C "text default 'x'", C "text", ""},
    {C "integer not null identity always",
     C "integer not null default nextval('public.s')", ""},
    {T, C "text not null",
     "new column public.t.c must be given: it is NOT NULL without a default"},
    {T, C "text not null default 'x'", ""},
    {T, C "integer not null identity always", ""},
    {T, C "integer not null generated (a + 1)", ""},
    {T, C "text", ""},
    {"", C "text not null", ""},
    {T, C "public.some|type public.some: d integer not null",
     "new column public.t.c must be given: it is NOT NULL without a default"},
    {T, C "public.some|type public.some: d integer not null default 1", ""},
    {T, C "public.some|type public.some: d integer", ""},
    /* functions */
    {F, "", "function public.f(integer) is gone"},
    {F, "function public.f(integer): returns integer, definition 2", ""},
    {F, "function public.f(integer): returns bigint, definition 2",
     "function public.f(integer) returns bigint, and returned integer"},
    {"function public.f(integer): 1 optional, returns integer, definition 1", F,
     "function public.f(integer) takes more arguments that must be given"},
    {F, F "function public.f(integer,text): returns integer, definition 2", ""},
    {F,
     F "function public.f(integer,text): 1 optional, returns integer, "
       "definition 2",
     "calls of public.f(integer) are ambiguous: public.f(integer,text) fits "
     "them as well"},
    {F,
     F "function public.f(integer,text,text): 1 optional, returns integer, "
       "definition 2",
     ""},
    {F,
     F "function public.f(integer4,text): 1 optional, returns integer, "
       "definition 2",
     ""},
    {F,
     F "function public.ff(integer,text): 1 optional, returns integer, "
       "definition 2",
     ""},
    {"function public.g(): returns TABLE(a integer, b text), definition 1",
     "function public.g(): returns TABLE(a integer, b text), definition 1|"
     "function public.g(integer): 1 optional, returns void, definition 1",
     "calls of public.g() are ambiguous: public.g(integer) fits them as well"},
    {"function public.p(): definition 1", "function public.p(): definition 2",
     ""},
    /* types */
    {"type public.mood: e 'a', 'b'", "type public.mood: e 'b', 'c'",
     "label 'a' of type public.mood is gone"},
    {"type public.mood: e 'it''s'", "type public.mood: e 'it''s', 'x'", ""},
    {"type public.d: d integer", "type public.d: d integer not null",
     "domain public.d refuses NULL"},
    {"type public.d: d integer", "", "type public.d is gone"},
    /* rights */
    {APP, "", ""},
    {APP, "rights on public.t: the usual|owner of public.t: postgres",
     "app has no INSERT, SELECT, UPDATE on public.t any more"},
    {APP, "rights on public.t: the usual|owner of public.t: app", ""},
    {APP,
     "rights on public.t: app=ar/postgres, postgres=arwdDxt/postgres|"
     "owner of public.t: postgres",
     "app has no UPDATE on public.t any more"},
    {APP, "rights on public.t: =arw/postgres|owner of public.t: postgres", ""},
    {"rights on public.t: \"a, b\"=r/postgres", "rights on public.t: nobody",
     "\"a, b\" has no SELECT on public.t any more"},
    {"rights on function public.f(integer): the usual",
     "rights on function public.f(integer): postgres=X/postgres",
     "PUBLIC has no EXECUTE on function public.f(integer) any more"},
    {"rights on function public.f(integer): app=X/postgres",
     "rights on function public.f(integer): the usual", ""},
    {"rights on public.t: the usual", "rights on public.t: nobody", ""},
    {"rights on schema s: app=UC/postgres",
     "rights on schema s: app=C/postgres",
     "app has no USAGE on schema s any more"},
    {"rights on column public.t.c: app=r/postgres|" C "text",
     C "text|rights on public.t: the usual|owner of public.t: postgres",
     "app has no SELECT on column public.t.c any more"},
    {"rights on column public.t.c: app=r/postgres|" C "text",
     C "text|" APP "|owner of public.t: postgres", ""},
};

static void each_breaks_or_not(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = breaks(rows[i].was, rows[i].now);
        if (strcmp(got, rows[i].breaks) == 0)
            continue;
        wrong++;
        print_error("%s\n  to %s\n  gives %s\n", rows[i].was, rows[i].now, got);
    }
    assert_int_equal(wrong, 0);
}

static void only_what_is_new_is_told(void **state)
{
    struct fingerprint f[] = {
        facts_of(&a,
                 "view public.a:|view public.b:|view public.c:|view public.d:|"
                 "view public.e:"),
        facts_of(&a,
                 "view public.b:|view public.c:|view public.d:|view public.e:"),
        facts_of(&a, ""),
    };
    struct old_code none = {0}, first, second;

    (void)state;
    old_code_breaks(&first, &a, &f[0], &f[1]);
    old_code_breaks(&second, &a, &f[0], &f[2]);
    assert_string_equal(old_code_new(&a, &none, &first),
                        "view public.a is gone");
    assert_string_equal(old_code_new(&a, &first, &second),
                        "view public.b is gone; view public.c is gone; view "
                        "public.d is gone; and 1 more");
    assert_null(old_code_new(&a, &second, &first));
}

static int setup(void **state)
{
    (void)state;
    arena_init(&a);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&a);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_breaks_or_not),
        cmocka_unit_test(only_what_is_new_is_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
