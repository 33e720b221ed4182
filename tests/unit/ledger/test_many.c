/* A long ledger: verified in bounded memory. Syncs are left out, they would
 * be all the time there is. */
#include <sys/resource.h>

#include "tests/unit/ledger/fixture.h"

enum { RECORDS = 20000 };

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    (void)fd;
    return 0;
}

static long peak_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static bool count(void *ctx, const struct event *event)
{
    ++*(int64_t *)ctx;
    return event->seq == *(int64_t *)ctx;
}

struct hashes {
    char hash[RECORDS + 1][HASH_HEX];
};

static bool remember(void *ctx, const struct event *event)
{
    struct hashes *all = ctx;

    memcpy(all->hash[event->seq], event->hash, HASH_HEX);
    return true;
}

/* Any record can be found by its number, whoever appended it. */
static void every_head_is_found(struct fixture *f, struct ledger *l)
{
    struct hashes *all = must_malloc(sizeof *all);
    struct ledger *other = fixture_open(f, LEDGER_READ);

    assert_true(ledger_each(l, remember, all, &f->e));
    for (int64_t seq = 1; seq <= RECORDS; seq += seq % 256 > 2 ? 125 : 1) {
        assert_true(
            ledger_anchor(l, "web1", ledger_id(l), seq, all->hash[seq], &f->e));
        assert_true(ledger_anchor(other, "web1", ledger_id(l), seq,
                                  all->hash[seq], &f->e));
        assert_false(ledger_anchor(l, "web1", ledger_id(l), seq,
                                   all->hash[seq == 1 ? 2 : 1], &f->e));
    }
    ledger_close(other);
    free(all);
}

static void twenty_thousand_records_verify_in_bounded_memory(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    struct ledger_report report;
    char text[600];
    int64_t seen = 0;
    long before;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (int i = 1; i < RECORDS; i++)
        assert_true(fixture_note(l, text, &f->e));
    before = peak_kib();
    assert_true(ledger_verify(f->folder, &report, &f->e));
    assert_true(peak_kib() - before < 4096);
    assert_int_equal(report.records, RECORDS);
    assert_int_equal(report.bad_seq, 0);
    assert_true(report.bytes > (int64_t)RECORDS * 600);
    assert_string_equal(report.head, ledger_head(l));
    assert_true(ledger_each(l, count, &seen, &f->e));
    assert_int_equal(seen, RECORDS);
    every_head_is_found(f, l);
    ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            twenty_thousand_records_verify_in_bounded_memory, fixture_up,
            fixture_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
