/* The bytes that go to a host and come back; the request is run here by the
 * shells of this machine, as a host's would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/base/child.h"
#include "runner/base/file.h"
#include "runner/fleet/remote.h"

static struct arena a;
static const char nonce[] = "00112233445566778899aabbccddeeff";

#define TG "TG1 00112233445566778899aabbccddeeff "

static struct answer answered(const char *bytes, size_t len, size_t step)
{
    struct reply r;
    struct answer out = {0};

    reply_init(&r, &a, nonce);
    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        buf_add(&r.bytes, bytes + at, n);
        reply_scan(&r);
    }
    reply_take(&r, "some noise\nlast words\n\n", &out);
    reply_release(&r);
    return out;
}

static void replies(void **state)
{
    static const struct {
        const char *bytes;
        enum outcome is;
        const char *why;
    } rows[] = {
        {TG "end done 0\n", OUTCOME_DONE, NULL},
        {TG "a =1\n" TG "b =\n" TG "end done 2\n", OUTCOME_DONE, NULL},
        {"motd\r\nTG1\nTG1 \n\n" TG "end done 0\n", OUTCOME_DONE, NULL},
        {TG "why =no space\n" TG "end failed 1\n", OUTCOME_FAILED, "no space"},
        {TG "why =late\n" TG "end unknown 1\n", OUTCOME_UNKNOWN, "late"},
        {TG "end failed 0\n", OUTCOME_FAILED, "the host gave no reason"},
        {TG "why x1b5b\n" TG "end failed 1\n", OUTCOME_FAILED, "\\x1b["},
        /* of another run, or nearly ours */
        {"TG1 00112233445566778899aabbccddeefe end done 0\n", OUTCOME_UNKNOWN,
         "it gave no answer; it said: last words"},
        {"TG2 00112233445566778899aabbccddeeff end done 0\n", OUTCOME_UNKNOWN,
         "it gave no answer; it said: last words"},
        {" " TG "end done 0\n", OUTCOME_UNKNOWN,
         "it gave no answer; it said: last words"},
        {"x" TG "end done 0\n", OUTCOME_UNKNOWN,
         "it gave no answer; it said: last words"},
        /* not whole */
        {"", OUTCOME_UNKNOWN, "it gave no answer; it said: last words"},
        {TG "end done 0", OUTCOME_UNKNOWN,
         "it gave no answer; it said: last words"},
        {TG "a =1\n", OUTCOME_UNKNOWN,
         "it gave no answer; it said: last words"},
        {TG "a =1\n" TG "end done 2\n", OUTCOME_UNKNOWN,
         "lines of its answer are missing"},
        {TG "end done 1\n", OUTCOME_UNKNOWN, "lines of its answer are missing"},
        {TG "end done\n", OUTCOME_UNKNOWN,
         "the end of its answer is malformed"},
        {TG "end done \n", OUTCOME_UNKNOWN, "lines of its answer are missing"},
        {TG "end done 0x\n", OUTCOME_UNKNOWN,
         "lines of its answer are missing"},
        {TG "end fine 0\n", OUTCOME_UNKNOWN,
         "the end of its answer is malformed"},
        /* twice, or more behind the end */
        {TG "end done 0\n" TG "end done 0\n", OUTCOME_UNKNOWN,
         "it ended its answer twice"},
        {TG "end failed 0\n" TG "end done 0\n", OUTCOME_UNKNOWN,
         "it ended its answer twice"},
        {TG "end done 0\n" TG "a =1\n", OUTCOME_UNKNOWN,
         "its answer went on behind its end"},
        /* values */
        {TG "a 1\n" TG "end done 1\n", OUTCOME_UNKNOWN,
         "a line of its answer is malformed"},
        {TG "a x1\n" TG "end done 1\n", OUTCOME_UNKNOWN,
         "a line of its answer is malformed"},
        {TG "a xZZ\n" TG "end done 1\n", OUTCOME_UNKNOWN,
         "a line of its answer is malformed"},
        {TG "a x00\n" TG "end done 1\n", OUTCOME_UNKNOWN,
         "a line of its answer is malformed"},
        {TG "a\n" TG "end done 1\n", OUTCOME_UNKNOWN,
         "a line of its answer is malformed"},
    };
    static const size_t steps[] = {1, 7, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < 3; k++) {
            struct answer got =
                answered(rows[i].bytes, strlen(rows[i].bytes), steps[k]);
            if (got.outcome != rows[i].is)
                fail_msg("row %zu: %s", i, outcome_word(got.outcome));
            if (rows[i].why)
                assert_string_equal(got.why, rows[i].why);
        }
    }
}

static void values(void **state)
{
    static const char bytes[] =
        TG "n =42\n" TG "text =a =b\n" TG "odd x610a62ff\n" TG "n =43\n" TG
           "neg =-1\n" TG "big =9999999999999999999\n" TG "end done 6\n";
    struct answer got = answered(bytes, sizeof bytes - 1, 10);

    (void)state;
    assert_int_equal(got.outcome, OUTCOME_DONE);
    assert_int_equal(got.n, 6);
    assert_string_equal(answer_get(&got, "text"), "a =b");
    assert_string_equal(answer_get(&got, "odd"), "a\nb\xff");
    assert_int_equal(answer_int(&got, "n", -1), 42);
    assert_int_equal(answer_int(&got, "neg", -7), -7);
    assert_int_equal(answer_int(&got, "big", -7), -7);
    assert_int_equal(answer_int(&got, "text", -7), -7);
    assert_int_equal(answer_int(&got, "none", -7), -7);
    assert_null(answer_get(&got, "none"));
}

static void endless(void **state)
{
    struct reply r;
    struct answer out = {0};
    char block[65536];
    size_t fed = 0;

    (void)state;
    memset(block, 'x', sizeof block);
    reply_init(&r, &a, nonce);
    buf_str(&r.bytes, TG "end done 0\n");
    while (fed < (size_t)100 * 1024 * 1024 && !r.broken) {
        buf_add(&r.bytes, block, sizeof block);
        reply_scan(&r);
        fed += sizeof block;
    }
    assert_true(fed <= REPLY_LIMIT + sizeof block);
    reply_take(&r, "", &out);
    assert_int_equal(out.outcome, OUTCOME_UNKNOWN);
    assert_string_equal(out.why, "it wrote over 1 MiB");
    reply_release(&r);
}

/* Runs a request by a shell as its login shell; returns stdout. */
static const char *run(struct loop *l, const char *shell, const char *command,
                       const char *bytes, size_t len)
{
    const char *argv[] = {shell, "-c", command, NULL};
    struct child_spec spec = {
        .argv = argv, .input = bytes, .input_len = len, .timeout_ms = 30000};
    struct child_result r;
    struct err e = {0};

    if (!child_run(l, &a, &spec, &r, &e))
        fail_msg("%s: %s", e.what, e.why);
    return r.out;
}

static void fence_request(struct buf *out, const char *path)
{
    const char *texts[] = {path,   "host", "ledger-1", "7",      "42",
                           "abcd", "run",  "claim",    "policy", ""};
    struct param params[10];

    for (int i = 0; i < 10; i++)
        params[i] = (struct param){texts[i], strlen(texts[i])};
    buf_init(out);
    request_build(out, nonce, "fence", params, 10);
}

static void remove_folder(struct loop *l, const char *folder)
{
    const char *argv[] = {"rm", "-rf", folder, NULL};
    struct child_spec spec = {.argv = argv};
    struct child_result r;
    struct err e = {0};

    assert_true(child_run(l, &a, &spec, &r, &e));
}

/* Whatever is the login shell, and whatever is behind /bin/sh. */
static void shells(void **state)
{
    static const char *const names[] = {"dash", "bash", "sh"};
    const char *inner = strchr(remote_command, '\'') + 1;
    char folder[] = "/tmp/tidegate-remote.XXXXXX";
    struct loop *l = loop_open();

    (void)state;
    inner = arena_strndup(&a, inner, strlen(inner) - 1);
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 6; i++) {
        struct buf request;
        fence_request(&request, arena_printf(&a, "%s/%d", folder, i));
        const char *out = run(l, names[i % 3], i < 3 ? remote_command : inner,
                              request.data, request.len);
        if (!strstr(out, TG "end done 2\n"))
            fail_msg("%s: %s", names[i % 3], out);
        buf_release(&request);
    }
    remove_folder(l, folder);
    loop_close(l);
}

/* A cut anywhere in the request runs nothing: no answer, nothing made. */
static void cut_requests(void **state)
{
    char folder[] = "/tmp/tidegate-remote.XXXXXX";
    struct loop *l = loop_open();
    const char *path;
    struct buf request;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = arena_printf(&a, "%s/root", folder);
    fence_request(&request, path);
    for (size_t n = 0; n < request.len; n += request.len - n < 120 ? 1 : 211) {
        const char *out = run(l, "sh", remote_command, request.data, n);
        if (strstr(out, " end ") || file_exists(path))
            fail_msg("%zu of %zu bytes were acted upon: %s", n, request.len,
                     out);
    }
    assert_non_null(
        strstr(run(l, "sh", remote_command, request.data, request.len),
               TG "end done 2\n"));
    assert_true(file_exists(path));
    buf_release(&request);
    remove_folder(l, folder);
    loop_close(l);
}

/* The command is one constant: whatever is asked, byte for byte. */
static void command_is_constant(void **state)
{
    (void)state;
    assert_string_equal(remote_command,
                        "exec /bin/sh -c 'IFS= read -r n && eval \"$(dd bs=1 "
                        "count=$n 2>/dev/null)\"'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),      cmocka_unit_test(values),
        cmocka_unit_test(endless),      cmocka_unit_test(shells),
        cmocka_unit_test(cut_requests), cmocka_unit_test(command_is_constant),
    };
    int failed;

    arena_init(&a);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&a);
    return failed;
}
