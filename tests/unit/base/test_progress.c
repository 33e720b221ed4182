#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "runner/base/progress.h"

/* A sink that keeps the last note. */
struct last {
    struct progress progress;
    struct progress_note note;
    char text[2000];
};

static void keep(struct progress *p, const struct progress_note *n)
{
    struct last *last = (struct last *)p;

    last->note = *n;
    snprintf(last->text, sizeof(last->text), "%s", n->text);
}

static void each_kind_reaches_the_sink(void **state)
{
    struct last l = {.progress = {keep}};

    (void)state;
    progress_stage(&l.progress, "wave %d of %d", 2, 3);
    assert_int_equal(l.note.kind, PROGRESS_STAGE);
    assert_null(l.note.subject);
    assert_string_equal(l.text, "wave 2 of 3");
    progress_step(&l.progress, "web01", "flipped");
    assert_int_equal(l.note.kind, PROGRESS_STEP);
    assert_string_equal(l.note.subject, "web01");
    progress_warn(&l.progress, NULL, "late by %d s", 5);
    assert_int_equal(l.note.kind, PROGRESS_WARN);
    assert_string_equal(l.text, "late by 5 s");
    progress_detail(&l.progress, "web02", "flip begins");
    assert_int_equal(l.note.kind, PROGRESS_DETAIL);
    assert_string_equal(l.note.subject, "web02");
    progress_live(&l.progress, "0012", 3, 10, "rows");
    assert_int_equal(l.note.kind, PROGRESS_LIVE);
    assert_int_equal(l.note.done, 3);
    assert_int_equal(l.note.total, 10);
    progress_news(&l.progress, "0013", "waits for pid %d", 7);
    assert_int_equal(l.note.kind, PROGRESS_NEWS);
    assert_string_equal(l.text, "waits for pid 7");
}

static void a_long_text_is_cut(void **state)
{
    struct last l = {.progress = {keep}};

    (void)state;
    progress_stage(&l.progress, "%01500d", 0);
    assert_int_equal(strlen(l.text), 999);
}

static void nobody_may_listen(void **state)
{
    (void)state;
    progress_stage(NULL, "x");
    progress_step(NULL, NULL, "x");
    progress_warn(NULL, NULL, "x");
    progress_detail(NULL, NULL, "x");
    progress_live(NULL, NULL, 0, 0, "x");
    progress_news(NULL, NULL, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_reaches_the_sink),
        cmocka_unit_test(a_long_text_is_cut),
        cmocka_unit_test(nobody_may_listen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
