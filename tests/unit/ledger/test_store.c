#include "tests/unit/ledger/fixture.h"

struct seen {
    int n;
    struct event last;
    char text[64];
    char hash[HASH_HEX];
};

static bool see(void *ctx, const struct event *event)
{
    struct seen *s = ctx;
    const char *text = json_str(event->payload, "text");

    s->n++;
    assert_int_equal(event->seq, s->n);
    if (s->n > 1)
        assert_string_equal(event->previous, s->hash);
    snprintf(s->hash, sizeof s->hash, "%s", event->hash);
    snprintf(s->text, sizeof s->text, "%s", text ? text : "");
    s->last = *event;
    return true;
}

static void appended_events_come_back_in_order(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    struct seen s = {0};

    assert_int_equal(ledger_seq(l), 1);
    assert_true(fixture_note(l, "one", &f->e));
    assert_true(fixture_note(l, "two \xc3\xa4 \n", &f->e));
    assert_true(ledger_each(l, see, &s, &f->e));
    assert_int_equal(s.n, 3);
    assert_string_equal(s.text, "two \xc3\xa4 \n");
    assert_int_equal(s.last.kind, EVENT_NOTE);
    assert_string_equal(s.last.hash, ledger_head(l));
    assert_int_equal(strlen(s.last.id), 32);
    ledger_close(l);

    l = fixture_open(f, LEDGER_READ);
    assert_non_null(l);
    assert_int_equal(ledger_seq(l), 3);
    assert_string_equal(ledger_head(l), s.hash);
    assert_null(ledger_trouble(l));
    assert_int_equal(strlen(ledger_id(l)), 32);
    assert_string_equal(ledger_folder(l), f->folder);
    ledger_close(l);
}

static bool stop_at_two(void *ctx, const struct event *event)
{
    *(int64_t *)ctx = event->seq;
    return event->seq < 2;
}

static void a_visit_can_stop(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    int64_t last = 0;

    for (int i = 0; i < 3; i++)
        assert_true(fixture_note(l, "x", &f->e));
    assert_true(ledger_each(l, stop_at_two, &last, &f->e));
    assert_int_equal(last, 2);
    ledger_close(l);
}

static void a_ledger_is_made_once(void **state)
{
    struct fixture *f = *state;

    assert_false(ledger_exists(f->folder));
    assert_true(ledger_create(f->folder, "shop", &f->e));
    assert_true(ledger_exists(f->folder));
    assert_false(ledger_create(f->folder, "shop", &f->e));
    assert_int_equal(f->e.code, ERR_CONFIG);
    assert_words(&f->e);
    assert_int_equal(fixture_files(f, "ledger.tg"), 1);
}

static void a_missing_ledger_says_what_ci_must_keep(void **state)
{
    struct fixture *f = *state;

    assert_null(ledger_open(&f->a, f->folder, LEDGER_READ, &f->e));
    assert_int_equal(f->e.code, ERR_CONFIG);
    assert_non_null(strstr(f->e.why, "CI"));
    assert_words(&f->e);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    assert_null(ledger_open(&f->a, f->folder, LEDGER_WRITE, &f->e));
    assert_int_equal(f->e.code, ERR_CONFIG);
    assert_int_equal(fixture_files(f, "ledger"), 0);
}

static void refused(struct fixture *f, const char *word)
{
    struct ledger_report report;

    err_clear(&f->e);
    assert_null(ledger_open(&f->a, f->folder, LEDGER_READ, &f->e));
    assert_int_equal(f->e.code, ERR_CONFIG);
    assert_words(&f->e);
    if (!strstr(f->e.why, word))
        fail_msg("'%s' is not in: %s", word, f->e.why);
    assert_false(ledger_verify(f->folder, &report, &f->e));
}

static void folder_and_file_must_be_ours_alone(void **state)
{
    struct fixture *f = *state;
    char other[128];

    ledger_close(fixture_new(f));
    assert_int_equal(chmod(f->folder, 0750), 0);
    refused(f, "0750");
    assert_int_equal(chmod(f->folder, 0700), 0);
    assert_int_equal(chmod(f->path, 0620), 0);
    refused(f, "0620");
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_int_equal(chmod(f->top, 0707), 0);
    refused(f, "world-writable");
    assert_int_equal(chmod(f->top, 01777), 0);
    ledger_close(fixture_open(f, LEDGER_READ));
    assert_int_equal(chmod(f->top, 0700), 0);

    snprintf(other, sizeof other, "%s/real", f->top);
    assert_int_equal(rename(f->folder, other), 0);
    assert_int_equal(symlink(other, f->folder), 0);
    refused(f, "symbolic link");
    assert_int_equal(unlink(f->folder), 0);
    assert_int_equal(rename(other, f->folder), 0);

    snprintf(other, sizeof other, "%s/kept", f->folder);
    assert_int_equal(rename(f->path, other), 0);
    assert_int_equal(symlink(other, f->path), 0);
    refused(f, "symbolic link");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    refused(f, "no regular file");
}

static void owner_is_named(void **state)
{
    struct fixture *f = *state;

    if (geteuid() != 0)
        skip();
    ledger_close(fixture_new(f));
    assert_int_equal(chown(f->path, 12345, 12345), 0);
    refused(f, "12345");
    assert_int_equal(chown(f->path, 0, 0), 0);
    assert_int_equal(chown(f->folder, 12345, 12345), 0);
    refused(f, "12345");
}

static void other_formats_are_refused(void **state)
{
    struct fixture *f = *state;
    struct ledger_report report;
    char zeros[4096] = "";
    char *bytes;
    size_t len;

    ledger_close(fixture_new(f));
    bytes = fixture_bytes(f, &len);
    bytes[16] = 2; /* the version */
    fixture_put(f, bytes, len);
    assert_null(ledger_open(&f->a, f->folder, LEDGER_READ, &f->e));
    assert_int_equal(f->e.code, ERR_LEDGER);
    assert_non_null(strstr(f->e.why, "format 2"));
    assert_words(&f->e);

    fixture_put(f, zeros, sizeof zeros);
    assert_null(ledger_open(&f->a, f->folder, LEDGER_READ, &f->e));
    assert_int_equal(f->e.code, ERR_LEDGER);
    assert_non_null(strstr(f->e.why, "only zeros"));
    fixture_put(f, "", 0);
    assert_null(ledger_open(&f->a, f->folder, LEDGER_WRITE, &f->e));
    assert_non_null(strstr(f->e.why, "empty"));
    fixture_put(f,
                "SQLite format 3, and so on, for more than sixty-four bytes"
                "                                                      ",
                100);
    assert_null(ledger_open(&f->a, f->folder, LEDGER_WRITE, &f->e));
    assert_non_null(strstr(f->e.why, "no ledger"));
    assert_true(ledger_verify(f->folder, &report, &f->e));
    assert_int_equal(report.bad_seq, 1);
}

static void space_is_reserved_behind_the_end(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    char *large = arena_alloc(&f->a, 900 * 1024);
    struct stat st;
    struct ledger_report report;

    memset(large, 'x', 900 * 1024 - 1);
    assert_true(fixture_note(l, large, &f->e));
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(ledger_verify(f->folder, &report, &f->e));
    assert_int_equal(report.bad_seq, 0);
    assert_true(st.st_size >= report.bytes + 256 * 1024);
    ledger_close(l);
}

static void a_payload_over_the_limit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    char *large = arena_alloc(&f->a, EVENT_PAYLOAD_LIMIT + 1);

    memset(large, 'x', EVENT_PAYLOAD_LIMIT);
    assert_false(fixture_note(l, large, &f->e));
    assert_int_equal(f->e.code, ERR_LEDGER);
    assert_words(&f->e);
    assert_true(fixture_note(l, "still fine", &f->e));
    assert_int_equal(ledger_seq(l), 2);
    ledger_close(l);
}

static void two_handles_append_by_turns(void **state)
{
    struct fixture *f = *state;
    struct ledger *one = fixture_new(f), *two = fixture_open(f, LEDGER_WRITE);
    struct ledger *reader = fixture_open(f, LEDGER_READ);
    struct seen s = {0};

    for (int i = 0; i < 5; i++) {
        assert_true(fixture_note(one, "a", &f->e));
        assert_true(fixture_note(two, "b", &f->e));
    }
    assert_int_equal(ledger_seq(two), 11);
    assert_int_equal(ledger_seq(one), 10);
    assert_true(ledger_refresh(one, &f->e));
    assert_string_equal(ledger_head(one), ledger_head(two));
    assert_int_equal(ledger_seq(reader), 1);
    assert_true(ledger_refresh(reader, &f->e));
    assert_true(ledger_each(reader, see, &s, &f->e));
    assert_int_equal(s.n, 11);
    ledger_close(one);
    ledger_close(two);
    ledger_close(reader);
}

static void anchors_tell_older_and_forked_copies(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = fixture_new(f);
    char second[HASH_HEX];

    assert_true(fixture_note(l, "x", &f->e));
    snprintf(second, sizeof second, "%s", ledger_head(l));
    assert_true(fixture_note(l, "y", &f->e));
    assert_true(ledger_anchor(l, "web2", "", 0, "", &f->e));
    assert_true(ledger_anchor(l, "web2", ledger_id(l), 2, second, &f->e));
    assert_true(
        ledger_anchor(l, "web2", ledger_id(l), 3, ledger_head(l), &f->e));

    assert_false(ledger_anchor(l, "web2", ledger_id(l), 121, second, &f->e));
    assert_string_equal(f->e.what, "ledger rolled back: has 3, web2 saw 121");
    assert_words(&f->e);
    assert_false(
        ledger_anchor(l, "web2", ledger_id(l), 2, ledger_head(l), &f->e));
    assert_int_equal(f->e.code, ERR_LEDGER);
    assert_non_null(strstr(f->e.why, second));
    assert_non_null(strstr(f->e.why, ledger_head(l)));
    assert_false(ledger_anchor(l, "web2", "0123", 2, second, &f->e));
    assert_non_null(strstr(f->e.what, "another ledger"));
    assert_words(&f->e);
    ledger_close(l);
}

static void every_kind_has_a_word(void **state)
{
    (void)state;
    for (int k = EVENT_CREATED; k < EVENT_KINDS; k++)
        assert_string_not_equal(event_word((enum event_kind)k), "?");
    assert_string_equal(event_word(EVENT_KINDS), "?");
    assert_string_equal(event_word(EVENT_RECOVERED), "recovered");
    assert_false(event_closes(EVENT_INTENT));
    assert_true(event_closes(EVENT_ENDED));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(appended_events_come_back_in_order),
        TEST(a_visit_can_stop),
        TEST(a_ledger_is_made_once),
        TEST(a_missing_ledger_says_what_ci_must_keep),
        TEST(folder_and_file_must_be_ours_alone),
        TEST(owner_is_named),
        TEST(other_formats_are_refused),
        TEST(space_is_reserved_behind_the_end),
        TEST(a_payload_over_the_limit_is_refused),
        TEST(two_handles_append_by_turns),
        TEST(anchors_tell_older_and_forked_copies),
        TEST(every_kind_has_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
