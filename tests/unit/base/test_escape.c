#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner/base/escape.h"

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void good_text_is_left_alone(void **state)
{
    static const char *const good[] = {
        "",
        "plain ~ text",
        "\xc3\xa4\xc3\xb6",
        "\xe2\x82\xac",
        "\xf0\x9f\x9a\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "\xc2\xa0",
        "\xd8\x9d",
        "\xe2\x80\x90",
        "\xe2\x80\xaf",
        "\xe2\x81\xaa",
        "\xe2\x80\x8d",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_string_equal(escape(&arena, good[i]), good[i]);
        assert_true(utf8_valid(good[i], strlen(good[i])));
        assert_int_equal(text_bad_byte(good[i], strlen(good[i])), -1);
    }
    assert_string_equal(escape(&arena, NULL), "");
}

/* Controls: valid UTF-8, but never shown. */
static void controls_are_escaped(void **state)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"\n", "\\x0a"},
        {"\x1b[0m", "\\x1b[0m"},
        {"\x7f", "\\x7f"},
        {"\xc2\x80", "\\xc2\\x80"},
        {"\xc2\x9f", "\\xc2\\x9f"},
        {"\xd8\x9c", "\\xd8\\x9c"},
        {"\xe2\x80\x8e", "\\xe2\\x80\\x8e"},
        {"\xe2\x80\x8f", "\\xe2\\x80\\x8f"},
        {"\xe2\x80\xaa", "\\xe2\\x80\\xaa"},
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},
        {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
        {"\xe2\x81\xa9", "\\xe2\\x81\\xa9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(escape(&arena, rows[i].text), rows[i].shown);
        assert_true(utf8_valid(rows[i].text, strlen(rows[i].text)));
        assert_int_equal(text_bad_byte(rows[i].text, strlen(rows[i].text)), 0);
    }
}

static void invalid_utf8_is_escaped_byte_by_byte(void **state)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"\xff", "\\xff"},
        {"\x80", "\\x80"},
        {"\xc3", "\\xc3"},
        {"\xc3(", "\\xc3("},
        {"\xc0\xaf", "\\xc0\\xaf"},
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
        {"\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
        {"\xe2\x82", "\\xe2\\x82"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(escape(&arena, rows[i].text), rows[i].shown);
        assert_false(utf8_valid(rows[i].text, strlen(rows[i].text)));
        assert_int_equal(text_bad_byte(rows[i].text, strlen(rows[i].text)), 0);
    }
}

static void newlines_and_tabs_stay_when_asked(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out);
    escape_to(&out, "a\n\tb\r\0c", 7, true);
    assert_string_equal(out.data, "a\n\tb\\x0d\\x00c");
    buf_release(&out);
}

static void the_first_bad_byte_is_found(void **state)
{
    (void)state;
    assert_int_equal(text_bad_byte("ab\tc", 4), -1);
    assert_int_equal(text_bad_byte("ab\0c", 4), 2);
    assert_int_equal(text_bad_byte("\xc3\xa4\nb", 4), 2);
    assert_int_equal(text_bad_byte("abc\xc3\xa4", 4), 3);
    assert_true(utf8_valid("a\0b", 3));
}

static void shell_words_are_quoted_where_needed(void **state)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"", "''"},
        {"v1.4.2", "v1.4.2"},
        {"deploy@web01:/srv/shop", "deploy@web01:/srv/shop"},
        {"--yes=production", "--yes=production"},
        {"A=b", "'A=b'"},
        {"two words", "'two words'"},
        {"it's", "'it'\\''s'"},
        {"$(id)", "'$(id)'"},
        {"~root", "'~root'"},
        {"#no", "'#no'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(shell_word(&arena, rows[i].text), rows[i].word);
}

/* What sh makes of `printf %s WORD`; its length is returned. */
static ssize_t through_sh(const char *word, char *out, size_t size)
{
    char *command = arena_printf(&arena, "printf %%s %s", word);
    ssize_t len = 0, n;
    int ends[2], status;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    while ((n = read(ends[0], out + len, size - (size_t)len)) > 0)
        len += n;
    close(ends[0]);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    return len;
}

static void every_byte_survives_a_real_sh(void **state)
{
    char all[256] = {0}, out[512];

    (void)state;
    for (int i = 1; i <= 255; i++) {
        char one[3] = {(char)i, '\0'};

        all[i - 1] = (char)i;
        assert_int_equal(through_sh(shell_word(&arena, one), out, 512), 1);
        assert_int_equal((unsigned char)out[0], i);
    }
    assert_int_equal(through_sh(shell_word(&arena, all), out, 512), 255);
    assert_memory_equal(out, all, 255);
    assert_int_equal(through_sh(shell_word(&arena, ""), out, 512), 0);
}

static void secrets_are_replaced(void **state)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"", ""},
        {"no secret: user@host", "no secret: user@host"},
        {"https://host/path", "https://host/path"},
        {"https://user@host/path", "https://user@host/path"},
        {"https://host:8080/path", "https://host:8080/path"},
        {"to postgresql://u:s3cret@h:5432/db failed",
         "to postgresql://u:***@h:5432/db failed"},
        {"ssh://u:p@w@h x:y@z", "ssh://u:***@h x:y@z"},
        {"http://u:a/b?c@h/", "http://u:***@h/"},
        {"http://u:@h/", "http://u:***@h/"},
        {"a://u:p@h b://v:q@i", "a://u:***@h b://v:***@i"},
        {"host=h password=s3cret user=u", "host=h password=*** user=u"},
        {"password = 'a b\\' c' user=u", "password = *** user=u"},
        {"password='open", "password=***"},
        {"password=a\\ b user=u", "password=*** user=u"},
        {"password=a\\", "password=***"},
        {"sslpassword=x", "sslpassword=***"},
        {"PGPASSWORD=x y", "PGPASSWORD=*** y"},
        {"postgresql://h/db?password=x", "postgresql://h/db?password=***"},
        {"password authentication failed", "password authentication failed"},
        {"password=", "password=***"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(redact(&arena, rows[i].text), rows[i].shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_text_is_left_alone),
        cmocka_unit_test(controls_are_escaped),
        cmocka_unit_test(invalid_utf8_is_escaped_byte_by_byte),
        cmocka_unit_test(newlines_and_tabs_stay_when_asked),
        cmocka_unit_test(the_first_bad_byte_is_found),
        cmocka_unit_test(shell_words_are_quoted_where_needed),
        cmocka_unit_test(every_byte_survives_a_real_sh),
        cmocka_unit_test(secrets_are_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
