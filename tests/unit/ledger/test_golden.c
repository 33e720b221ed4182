/* A ledger of format 1 as it was first written: every later tidegate reads
 * it, byte for byte the same. */
#include "runner/ledger/state.h"
#include "tests/unit/ledger/fixture.h"

#define GOLDEN "tests/unit/ledger/golden/version-1.tg"
#define ID     "1654d20b0511be7b70207dd9fe2e791d"
#define HEAD   "81e5918e6a7cd38eec1c0d3d01f69476069a22b1de15fe954b9c1688f0b7fb67"

static void put_golden(struct fixture *f, char **bytes, size_t *len)
{
    assert_true(
        file_read(GOLDEN, 1 << 20, ERR_INPUT, &f->a, bytes, len, &f->e));
    assert_int_equal(mkdir(f->folder, 0700), 0);
    fixture_put(f, *bytes, *len);
}

static bool word_of(void *ctx, const struct event *event)
{
    char *words = ctx;

    snprintf(words + strlen(words), 200 - strlen(words), "%s%lld ",
             event_word(event->kind), (long long)event->epoch);
    return true;
}

static void format_one_is_read(void **state)
{
    struct fixture *f = *state;
    struct environment_state s;
    char *bytes, words[200] = "";
    struct ledger *l;
    size_t len;

    put_golden(f, &bytes, &len);
    l = fixture_open(f, LEDGER_READ);
    assert_non_null(l);
    assert_null(ledger_trouble(l));
    assert_string_equal(ledger_id(l), ID);
    assert_string_equal(ledger_head(l), HEAD);
    assert_int_equal(ledger_epoch(l), 1);
    assert_true(ledger_each(l, word_of, words, &f->e));
    assert_string_equal(words, "created0 epoch1 run1 intent1 done1 ended1 "
                               "freeze1 ");
    assert_true(state_read(&s, &f->a, l, "production", &f->e));
    assert_string_equal(s.live, "v1.1");
    assert_string_equal(s.frozen_by, "jaak");
    assert_string_equal(s.runs[0].steps[0].text, "caf\xc3\xa9 \x01");
    ledger_close(l);
}

static void format_one_goes_on(void **state)
{
    struct fixture *f = *state;
    struct ledger *l;
    struct ledger_report report;
    char *bytes, *now;
    size_t len, longer;

    put_golden(f, &bytes, &len);
    l = fixture_open(f, LEDGER_WRITE);
    assert_non_null(l);
    assert_true(fixture_note(l, "later", &f->e));
    ledger_close(l);
    assert_true(ledger_verify(f->folder, &report, &f->e));
    assert_int_equal(report.records, 8);
    assert_int_equal(report.bad_seq, 0);
    now = fixture_bytes(f, &longer);
    assert_true(longer > len);
    assert_memory_equal(now, bytes, len);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(format_one_is_read),
        TEST(format_one_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
