#include "tests/unit/config/folder.h"

#include "runner/config/ini.h"

static bool read_text(struct folder *f, const char *bytes, size_t len,
                      struct ini_file *out)
{
    folder_bytes(f, "x.ini", bytes, len);
    return ini_file_read(out, &f->arena, folder_path(f, "x.ini"), "x.ini",
                         &f->err);
}

static const char *value(const struct ini_file *f, const char *section,
                         const char *key)
{
    const struct ini_entry *entry = ini_entry_find(f, section, key);

    assert_non_null(entry);
    return entry->value;
}

static void test_reads(void **state)
{
    struct ini_file f;
    static const char text[] =
        "; a comment\n# another\n\n[one]\nplain = a b  c\nquoted = \"x\"\n"
        "tight=v;not a comment\ncut = v ; comment\nequals = a=b:c\n"
        "dollar = $HOME ~ %(x)s\n[two  words]\n"
        "list = a\n   b ; cut here too\n\n; whole\n\tc\nlast = end";

    assert_true(read_text(*state, text, sizeof text - 1, &f));
    assert_int_equal(f.n_sections, 2);
    assert_string_equal(value(&f, "one", "plain"), "a b  c");
    assert_string_equal(value(&f, "one", "quoted"), "\"x\"");
    assert_string_equal(value(&f, "one", "tight"), "v;not a comment");
    assert_string_equal(value(&f, "one", "cut"), "v");
    assert_string_equal(value(&f, "one", "equals"), "a=b:c");
    assert_string_equal(value(&f, "one", "dollar"), "$HOME ~ %(x)s");
    assert_string_equal(value(&f, "two words", "list"), "a\nb\nc");
    assert_string_equal(value(&f, "two words", "last"), "end");
    assert_null(ini_entry_find(&f, "one", "list"));
}

static void test_lines(void **state)
{
    struct ini_file f;
    const struct ini_entry *list;
    static const char text[] = "[s]\na = 1\nlist =\n  x\n\n  y ; why\n  z\n";

    assert_true(read_text(*state, text, sizeof text - 1, &f));
    assert_int_equal(f.sections[0].line, 1);
    list = ini_entry_find(&f, "s", "list");
    assert_string_equal(list->value, "x\ny\nz");
    assert_int_equal(list->line, 3);
    assert_int_equal(list->pieces, 3);
    assert_int_equal(list->lines[0], 4);
    assert_int_equal(list->lines[1], 6);
    assert_int_equal(list->lines[2], 7);
    assert_int_equal(list->comment, 6);
    assert_int_equal(ini_entry_find(&f, "s", "a")->comment, 0);
}

static void test_indented_comment_is_inside(void **state)
{
    struct ini_file f;
    static const char text[] = "[s]\nrun = a\n  # b\n  c\n";

    assert_true(read_text(*state, text, sizeof text - 1, &f));
    assert_int_equal(f.entries[0].comment, 3);
    assert_string_equal(f.entries[0].value, "a\nc");
}

/* The byte-order mark, CR before LF and a missing last newline change
 * nothing. */
static void test_same_result(void **state)
{
    struct ini_file f;
    static const char text[] = "\xef\xbb\xbf[s]\r\na = 1\r\nlist = x\r\n  y";

    assert_true(read_text(*state, text, sizeof text - 1, &f));
    assert_string_equal(value(&f, "s", "a"), "1");
    assert_string_equal(value(&f, "s", "list"), "x\ny");
}

static void test_longest_line(void **state)
{
    struct ini_file f;
    char text[256];
    int n = snprintf(text, sizeof text, "[s]\nnote=%0175d\nb=1\n", 7);

    assert_true(read_text(*state, text, (size_t)n, &f));
    assert_int_equal(strlen(value(&f, "s", "note")), 175);
    n = snprintf(text, sizeof text, "[s]\nnote=%0176d\nb=1\n", 7);
    assert_false(read_text(*state, text, (size_t)n, &f));
    assert_says(((struct folder *)*state)->err.what, "x.ini:2: ");
}

/* inih alone makes two keys of this line, and says nothing. */
static void test_tail_is_no_key(void **state)
{
    struct folder *folder = *state;
    struct ini_file f;
    char text[256];
    int n = snprintf(text, sizeof text, "[s]\nnote=%0194dallow=yes\n", 7);

    assert_false(read_text(folder, text, (size_t)n, &f));
    assert_int_equal(f.n_entries, 0);
    assert_says(folder->err.why, "at most 180 bytes");
}

static void test_value_limit(void **state)
{
    struct folder *folder = *state;
    struct ini_file f;
    char text[8192];
    size_t n = (size_t)snprintf(text, sizeof text, "[s]\na = x\n");

    for (int i = 0; i < 27; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " %0150d\n", i);
    assert_true(read_text(folder, text, n, &f));
    n += (size_t)snprintf(text + n, sizeof text - n, " %0150d\n", 28);
    assert_false(read_text(folder, text, n, &f));
    assert_says(folder->err.what, "x.ini:30: a: the value has over 4096");
}

struct bad {
    const char *text;
    size_t len;
    const char *what, *why;
};
#define BAD(text, what, why)              \
    {                                     \
        text, sizeof(text) - 1, what, why \
    }

static const struct bad bads[] = {
    BAD("[s]\na = 1\nb = 2\na = 3\n", "x.ini:4: a: ",
        "line 2 and again at "
        "line 4"),
    BAD("[s]\na = 1\n[t]\n[s]\n", "x.ini:4: [s]", "line 1 and again at line 4"),
    BAD("[s]\na = 1\n[ s ]\n", "x.ini:3: [s]", "line 1 and again at line 3"),
    BAD("[s]\na: 1\n", "x.ini:2: ", "the separator is ="),
    BAD("[s]\na:b = 1\n", "x.ini:2: ", "the separator is ="),
    BAD("[s]\nalone\n", "x.ini:2: ", "no ="),
    BAD("[s]\n= v\n", "x.ini:2: ", "no key"),
    BAD("[s]\na b = v\n", "x.ini:2: ", "a key has"),
    BAD("a = v\n[s]\n", "x.ini:1: ", "before the first"),
    BAD("[s\na = v\n", "x.ini:1: ", "must end with ]"),
    BAD("[s]\na = 1\n[b\nc = 2\n", "x.ini:3: ", "must end with ]"),
    BAD("[s] x\n", "x.ini:1: ", "follows the ]"),
    BAD("[]\n", "x.ini:1: ", "1 to 48"),
    BAD("[a/b]\n", "x.ini:1: ", "1 to 48"),
    BAD("[sssssssssssssssssssssssssssssssssssssssssssssssss]\n",
        "x.ini:1: ", "1 to 48"),
    BAD("[s]\nkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk = 1\n",
        "x.ini:2: ", "longer than 48"),
    BAD("[s]\n  a = 1\n", "x.ini:2: ", "continues the value above"),
    BAD("[s]\na = 1\n  [t]\n", "x.ini:3: the section is indented", "continues"),
    BAD("[s]\na = 1\0b = 2\n", "byte 0x00 at offset 9", "without control"),
    BAD("[s]\na = \x1b[2J\n", "byte 0x1b at offset 8", "without control"),
    BAD("[s]\na = x\ry\n", "byte 0x0d at offset 9", "without control"),
    BAD("[s]\na = \xff\n", "byte 0xff at offset 8", "UTF-8"),
    BAD("[s]\na = \xe2\x80\xae"
        "b\n",
        "x.ini:2: byte 0xe2 at offset 8", "direction"),
};

static void test_refuses(void **state)
{
    struct folder *folder = *state;
    struct ini_file f;

    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        if (read_text(folder, bads[i].text, bads[i].len, &f))
            fail_msg("row %zu was taken", i);
        assert_int_equal(folder->err.code, ERR_CONFIG);
        assert_says(folder->err.what, bads[i].what);
        assert_says(folder->err.why, bads[i].why);
        assert_true(folder->err.fix[0]);
    }
}

/* An IPv6 host on a line of its own is no section. */
static void test_bracket_that_is_no_section(void **state)
{
    struct ini_file f;
    static const char text[] = "[s]\nhosts =\n  [::1]:22\n  [fe80::1]\n";

    assert_true(read_text(*state, text, sizeof text - 1, &f));
    assert_string_equal(value(&f, "s", "hosts"), "[::1]:22\n[fe80::1]");
}

static void test_no_regular_file(void **state)
{
    struct folder *folder = *state;
    struct ini_file f;

    folder_text(folder, "big.ini", "[s]\n");
    assert_int_equal(truncate(folder_path(folder, "big.ini"), 1L << 31), 0);
    assert_false(ini_file_read(&f, &folder->arena,
                               folder_path(folder, "big.ini"), "big.ini",
                               &folder->err));
    assert_int_equal(folder->err.code, ERR_CONFIG);
    assert_int_equal(mkfifo(folder_path(folder, "x.ini"), 0600), 0);
    assert_false(ini_file_read(&f, &folder->arena, folder_path(folder, "x.ini"),
                               "x.ini", &folder->err));
    assert_int_equal(folder->err.code, ERR_CONFIG);
    assert_false(
        ini_file_read(&f, &folder->arena, folder->path, "x", &folder->err));
    assert_false(
        ini_file_read(&f, &folder->arena, "/dev/zero", "x", &folder->err));
}

#define IN_FOLDER(test) \
    cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_reads),
        IN_FOLDER(test_lines),
        IN_FOLDER(test_indented_comment_is_inside),
        IN_FOLDER(test_same_result),
        IN_FOLDER(test_longest_line),
        IN_FOLDER(test_tail_is_no_key),
        IN_FOLDER(test_value_limit),
        IN_FOLDER(test_refuses),
        IN_FOLDER(test_bracket_that_is_no_section),
        IN_FOLDER(test_no_regular_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
