/* What a power cut, a bit of rot or a person can leave in the file. */
#include "runner/ledger/record.h"
#include "tests/unit/ledger/fixture.h"

/* A ledger of a few records: its bytes up to the end, and where the last
 * record begins. */
struct sample_file {
    unsigned char *bytes;
    size_t end, last;
};

static struct sample_file make(struct fixture *f)
{
    struct ledger *l = fixture_new(f);
    struct ledger_report report;
    struct sample_file s;
    size_t len;

    assert_true(fixture_note(l, "one", &f->e));
    assert_true(fixture_note(l, "two", &f->e));
    assert_true(ledger_verify(f->folder, &report, &f->e));
    s.last = (size_t)report.bytes;
    assert_true(
        fixture_note(l, "the last, some bytes longer than the others", &f->e));
    assert_true(ledger_verify(f->folder, &report, &f->e));
    s.end = (size_t)report.bytes;
    ledger_close(l);
    s.bytes = (unsigned char *)fixture_bytes(f, &len);
    assert_true(len > s.end + 256 * 1024 - 1);
    return s;
}

/* Puts these bytes, followed by `zeros` zeros. */
static void put(struct fixture *f, const void *bytes, size_t len, size_t zeros)
{
    fixture_put(f, bytes, len);
    assert_int_equal(truncate(f->path, (off_t)(len + zeros)), 0);
}

static struct ledger_report verify(struct fixture *f)
{
    struct ledger_report report;

    assert_true(ledger_verify(f->folder, &report, &f->e));
    return report;
}

struct recovered {
    int64_t bytes, seq;
    char sha[HASH_HEX], file[64];
};

static bool find_recovered(void *ctx, const struct event *event)
{
    struct recovered *r = ctx;

    if (event->kind != EVENT_RECOVERED)
        return true;
    r->seq = event->seq;
    r->bytes = json_int(event->payload, "bytes", -1);
    snprintf(r->sha, sizeof r->sha, "%s", json_str(event->payload, "sha256"));
    snprintf(r->file, sizeof r->file, "%s", json_str(event->payload, "file"));
    return true;
}

/* The torn bytes stand aside, digested, and the chain goes on. */
static void assert_recovered(struct fixture *f, const unsigned char *torn,
                             size_t len, int64_t seq)
{
    struct ledger *l = fixture_open(f, LEDGER_WRITE);
    struct recovered r = {0};
    char sha[HASH_HEX], path[256], *aside;
    size_t n;

    assert_non_null(l);
    assert_int_equal(ledger_seq(l), seq);
    assert_true(ledger_each(l, find_recovered, &r, &f->e));
    assert_int_equal(r.seq, seq);
    assert_int_equal(r.bytes, len);
    assert_string_equal(r.sha, hash_hex(torn, len, sha));
    snprintf(path, sizeof path, "%s/%s", f->folder, r.file);
    assert_true(file_read(path, 1 << 20, ERR_LEDGER, &f->a, &aside, &n, &f->e));
    assert_int_equal(n, len);
    assert_memory_equal(aside, torn, len);
    assert_int_equal(unlink(path), 0);
    assert_true(fixture_note(l, "it goes on", &f->e));
    ledger_close(l);
    assert_int_equal(verify(f).bad_seq, 0);
    assert_int_equal(fixture_files(f, "ledger.tg"), 1);
}

static size_t without_zeros(const unsigned char *p, size_t len)
{
    while (len && p[len - 1] == 0)
        len--;
    return len;
}

/* Both ways a cut looks: the file ends, or reserved zeros follow. */
static void every_cut_of_the_last_record_is_set_aside(void **state)
{
    struct fixture *f = *state;
    struct sample_file s = make(f);

    for (size_t cut = s.last + 1; cut < s.end; cut++)
        for (size_t zeros = 0; zeros <= 4096; zeros += 4096) {
            size_t len = without_zeros(s.bytes + s.last, cut - s.last);
            struct ledger *l;

            put(f, s.bytes, cut, zeros);
            assert_int_equal(verify(f).torn, len);
            l = fixture_open(f, LEDGER_READ);
            assert_int_equal(ledger_seq(l), 3);
            assert_null(ledger_trouble(l));
            ledger_close(l);
            assert_recovered(f, s.bytes + s.last, len, 4);
        }
}

static void a_cut_between_records_is_a_shorter_ledger(void **state)
{
    struct fixture *f = *state;
    struct sample_file s = make(f);
    struct ledger *l;

    for (size_t zeros = 0; zeros <= 300000; zeros += 300000) {
        put(f, s.bytes, s.last, zeros);
        assert_int_equal(verify(f).torn, 0);
        assert_int_equal(verify(f).records, 3);
        l = fixture_open(f, LEDGER_WRITE);
        assert_int_equal(ledger_seq(l), 3);
        assert_true(fixture_note(l, "x", &f->e));
        ledger_close(l);
        assert_int_equal(verify(f).records, 4);
    }
}

static int64_t seq_at(const struct sample_file *s, size_t at, int64_t *offset)
{
    size_t begin = FILE_HEAD;
    int64_t seq = 1;

    for (;;) {
        size_t len = record_length(s->bytes + begin);
        if (at < begin + len) {
            *offset = (int64_t)begin;
            return seq;
        }
        begin += len;
        seq++;
    }
}

static void assert_damaged(struct fixture *f, int64_t seq, int64_t offset)
{
    struct ledger_report report = verify(f);
    char words[64];
    struct ledger *l;

    assert_int_equal(report.bad_seq, seq);
    assert_int_equal(report.bad_offset, offset);
    assert_int_equal(report.records, seq - 1);
    assert_true(report.why[0]);
    assert_null(ledger_open(&f->a, f->folder, LEDGER_WRITE, &f->e));
    assert_int_equal(f->e.code, ERR_LEDGER);
    snprintf(words, sizeof words, "record %lld, offset %lld", (long long)seq,
             (long long)offset);
    assert_non_null(strstr(f->e.what, words));
    assert_words(&f->e);
    l = fixture_open(f, LEDGER_READ);
    assert_non_null(l);
    assert_int_equal(ledger_seq(l), seq - 1);
    assert_non_null(strstr(ledger_trouble(l), words));
    ledger_close(l);
    assert_int_equal(fixture_files(f, "torn"), 0);
}

static void every_flipped_byte_is_damage(void **state)
{
    static const unsigned char flips[] = {0x01, 0x80, 0xff};
    struct fixture *f = *state;
    struct sample_file s = make(f);

    for (size_t at = FILE_HEAD; at < s.end; at++) {
        int64_t offset, seq = seq_at(&s, at, &offset);
        unsigned char flip = flips[at % 3];

        s.bytes[at] ^= flip;
        put(f, s.bytes, s.end, at % 2 ? 0 : 4096);
        assert_damaged(f, seq, offset);
        s.bytes[at] ^= flip;
    }
}

static void every_flipped_byte_of_the_header_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sample_file s = make(f);

    for (size_t at = 0; at < FILE_HEAD; at++) {
        s.bytes[at] ^= 0x10;
        put(f, s.bytes, s.end, 4096);
        assert_int_equal(verify(f).bad_seq, 1);
        assert_null(ledger_open(&f->a, f->folder, LEDGER_WRITE, &f->e));
        assert_int_equal(f->e.code, ERR_LEDGER);
        assert_words(&f->e);
        s.bytes[at] ^= 0x10;
    }
}

/* Sectors reach a disk in any order: the first may be missing while the
 * second is there. */
static void a_missing_sector_of_the_last_record_is_torn(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    char text[4000];
    struct ledger_report before, after;
    unsigned char *bytes;
    size_t len;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    before = verify(f);
    assert_true(fixture_note(l, text, &f->e));
    after = verify(f);
    ledger_close(l);
    bytes = (unsigned char *)fixture_bytes(f, &len);
    for (int64_t at = before.bytes; at < after.bytes;) {
        int64_t next = (at / 512 + 1) * 512;
        unsigned char *torn;
        size_t n;

        if (next > after.bytes)
            next = after.bytes;
        torn = arena_copy(&f->a, bytes, len);
        memset(torn + at, 0, (size_t)(next - at));
        put(f, torn, len, 0);
        n = without_zeros(torn + before.bytes,
                          (size_t)(after.bytes - before.bytes));
        assert_int_equal(verify(f).torn, n);
        assert_recovered(f, torn + before.bytes, n, 2);
        at = next;
    }
}

static void a_valid_record_behind_a_hole_is_damage(void **state)
{
    struct fixture *f = *state;
    struct sample_file s = make(f);
    size_t third = s.last;
    int64_t offset;
    int64_t seq = seq_at(&s, third - 1, &offset);
    unsigned char *bytes = arena_alloc(&f->a, s.end + 1024);

    /* the record before the last is gone altogether */
    memcpy(bytes, s.bytes, s.end);
    memset(bytes + offset, 0, third - (size_t)offset);
    put(f, bytes, s.end, 4096);
    assert_damaged(f, seq, offset);
    /* garbage was written in between */
    memcpy(bytes, s.bytes, third);
    memset(bytes + third, 'g', 100);
    memcpy(bytes + third + 100, s.bytes + third, s.end - third);
    put(f, bytes, s.end + 100, 4096);
    assert_damaged(f, 4, (int64_t)third);
}

static void garbage_behind_the_end_is_damage(void **state)
{
    struct fixture *f = *state;
    struct sample_file s = make(f);
    unsigned char *bytes = arena_alloc(&f->a, s.end + 4096);

    memcpy(bytes, s.bytes, s.end);
    memset(bytes + s.end, 'g', 4096);
    for (size_t len = 1; len <= 4096; len = len * 3 + 1) {
        put(f, bytes, s.end + len, 4096);
        assert_damaged(f, 5, (int64_t)s.end);
    }
}

static void a_record_twice_is_damage(void **state)
{
    struct fixture *f = *state;
    struct sample_file s = make(f);
    unsigned char *bytes = arena_alloc(&f->a, 2 * s.end);

    memcpy(bytes, s.bytes, s.end);
    memcpy(bytes + s.end, s.bytes + s.last, s.end - s.last);
    put(f, bytes, 2 * s.end - s.last, 4096);
    assert_damaged(f, 5, (int64_t)s.end);
    assert_non_null(strstr(verify(f).why, "sequence"));
}

/* Two copies of one ledger went on: neither accepts the other's record. */
static void a_record_of_a_fork_is_damage(void **state)
{
    struct fixture *f = *state;
    struct sample_file s = make(f);
    struct ledger *l;
    unsigned char *bytes;
    size_t len;

    put(f, s.bytes, s.last, 4096);
    l = fixture_open(f, LEDGER_WRITE);
    assert_true(fixture_note(l, "the other's third", &f->e));
    assert_true(fixture_note(l, "the other's fourth", &f->e));
    ledger_close(l);
    bytes = (unsigned char *)fixture_bytes(f, &len);
    /* our record 4, their record 5 */
    {
        size_t theirs = s.last + record_length(bytes + s.last);
        size_t n = record_length(bytes + theirs);
        unsigned char *both = arena_alloc(&f->a, s.end + n);

        memcpy(both, s.bytes, s.end);
        memcpy(both + s.end, bytes + theirs, n);
        put(f, both, s.end + n, 4096);
    }
    assert_damaged(f, 5, (int64_t)s.end);
    assert_non_null(strstr(verify(f).why, "chain"));
}

static void an_unknown_kind_is_not_guessed(void **state)
{
    struct fixture *f = *state;
    struct sample_file s = make(f);
    struct record r;
    struct buf b;

    buf_init(&b);
    buf_add(&b, s.bytes, s.last);
    record_split(&r, s.bytes + s.last, s.end - s.last);
    r.kind = EVENT_KINDS;
    record_write(&b, &r);
    put(f, b.data, b.len, 4096);
    buf_release(&b);
    assert_damaged(f, 4, (int64_t)s.last);
    assert_non_null(strstr(verify(f).why, "does not know"));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_cut_of_the_last_record_is_set_aside),
        TEST(a_cut_between_records_is_a_shorter_ledger),
        TEST(every_flipped_byte_is_damage),
        TEST(every_flipped_byte_of_the_header_is_refused),
        TEST(a_missing_sector_of_the_last_record_is_torn),
        TEST(a_valid_record_behind_a_hole_is_damage),
        TEST(garbage_behind_the_end_is_damage),
        TEST(a_record_twice_is_damage),
        TEST(a_record_of_a_fork_is_damage),
        TEST(an_unknown_kind_is_not_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
