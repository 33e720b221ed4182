#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <wchar.h>

#include "runner/base/arena.h"
#include "runner/base/buf.h"
#include "tests/unit/base/forked.h"

void *__wrap_realloc(void *old, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
static bool memory_is_out;

/* optimised, realloc(NULL, size) is a malloc */
void *__wrap_malloc(size_t size)
{
    return memory_is_out ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return memory_is_out ? NULL : __real_realloc(old, size);
}

_Noreturn void __wrap__exit(int status)
{
    memory_is_out = false; /* coverage needs some to be written */
    forked_exit(status);
}

static int setup(void **state)
{
    static struct arena a;

    arena_init(&a);
    *state = &a;
    return 0;
}

static int teardown(void **state)
{
    arena_release(*state);
    return 0;
}

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    char *before = NULL;

    for (size_t size = 0; size < 3000; size = size * 2 + 1) {
        char *piece = arena_alloc(*state, size);

        assert_ptr_not_equal(piece, before);
        assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(piece[i], 0);
        memset(piece, 0xff, size);
        before = piece;
    }
    assert_non_null(arena_alloc(*state, 1 << 20));
}

static void a_released_arena_may_be_used_again(void **state)
{
    arena_alloc(*state, 10);
    arena_release(*state);
    assert_string_equal(arena_strdup(*state, "again"), "again");
}

static void arrays_grow_and_keep_their_content(void **state)
{
    int *old = arena_array(*state, 2, sizeof(*old)), *grown;

    old[0] = 1;
    old[1] = 2;
    grown = arena_grow(*state, old, 2, 4, sizeof(*old));
    assert_int_equal(grown[0], 1);
    assert_int_equal(grown[1], 2);
    assert_int_equal(grown[2] | grown[3], 0);
    grown = arena_grow(*state, old, 2, 1, sizeof(*old));
    assert_int_equal(grown[0], 1);
    grown = arena_grow(*state, NULL, 0, 1, sizeof(*old));
    assert_int_equal(grown[0], 0);
}

static void text_is_copied(void **state)
{
    char *text;

    assert_null(arena_strdup(*state, NULL));
    assert_string_equal(arena_strndup(*state, "abc", 2), "ab");
    assert_string_equal(arena_strndup(*state, "abc", 20), "abc");
    assert_memory_equal(arena_copy(*state, "a\0b", 3), "a\0b", 3);
    assert_non_null(arena_copy(*state, NULL, 0));
    text = arena_printf(*state, "%s-%d-%0500d", "x", 7, 1);
    assert_int_equal(strlen(text), 504);
    assert_memory_equal(text, "x-7-000", 7);
}

static void buffers_grow_and_stay_closed(void **state)
{
    struct buf b;

    buf_init(&b);
    assert_string_equal(b.data, "");
    buf_add(&b, NULL, 0);
    for (int i = 0; i < 300; i++)
        buf_char(&b, (char)('a' + i % 26));
    buf_printf(&b, "%0200d", 0);
    buf_str(&b, "end");
    assert_int_equal(b.len, 503);
    assert_int_equal(b.data[503], 0);
    buf_drop(&b, 500);
    assert_string_equal(b.data, "end");
    memcpy(buf_room(&b, 2), "!?", 2);
    buf_wrote(&b, 2);
    assert_string_equal(b.data, "end!?");
    buf_clear(&b);
    assert_string_equal(b.data, "");
    buf_add(&b, "a\0b", 3);
    assert_memory_equal(buf_into(&b, *state), "a\0b", 4);
    assert_null(b.data);
    buf_release(&b);
}

static void take_all_memory(void *arg)
{
    memory_is_out = true;
    arena_alloc(arg, 1 << 20);
}

static void no_memory(void **state)
{
    char said[300];

    assert_int_equal(forked(take_all_memory, *state, said, sizeof(said)), 70);
    assert_non_null(strstr(said, "out of memory: "));
    assert_non_null(strstr(said, "fix: "));
}

static void piece_too_large(void *arg)
{
    arena_alloc(arg, SIZE_MAX - 4);
}

static void array_too_large(void *arg)
{
    arena_array(arg, SIZE_MAX / 2, 3);
}

/* a wide character that the C locale cannot write */
static void bad_format(void *arg)
{
    arena_printf(arg, "%ls", L"\x20ac");
}

static void bad_format_in_buffer(void *arg)
{
    struct buf b;

    (void)arg;
    buf_init(&b);
    buf_printf(&b, "%ls", L"\x20ac");
}

static void room_too_large(void *arg)
{
    struct buf b;

    (void)arg;
    buf_init(&b);
    buf_room(&b, SIZE_MAX - 1);
}

static void wrote_too_much(void *arg)
{
    struct buf b;

    (void)arg;
    buf_init(&b);
    buf_wrote(&b, b.cap);
}

static void dropped_too_much(void *arg)
{
    struct buf b;

    (void)arg;
    buf_init(&b);
    buf_drop(&b, 1);
}

static void foreign_mark(void *arg)
{
    struct arena a, b;

    (void)arg;
    arena_init(&a);
    arena_init(&b);
    arena_alloc(&a, 1);
    arena_alloc(&b, 1);
    arena_rewind(&a, arena_mark(&b));
}

static void a_mark_can_be_gone_back_to(void **state)
{
    struct arena a;
    struct arena_mark empty, mark;

    (void)state;
    arena_init(&a);
    empty = arena_mark(&a);
    char *kept = arena_strdup(&a, "kept");

    mark = arena_mark(&a);
    for (int round = 0; round < 3; round++) {
        arena_alloc(&a, 100);
        arena_alloc(&a, 100000);
        arena_rewind(&a, mark);
        assert_ptr_equal(a.last, mark.block);
        assert_string_equal(kept, "kept");
    }
    arena_rewind(&a, empty);
    assert_null(a.last);
}

static void misuse_is_a_bug(void **state)
{
    void (*const misuses[])(void *) = {piece_too_large,  array_too_large,
                                       bad_format,       bad_format_in_buffer,
                                       room_too_large,   wrote_too_much,
                                       dropped_too_much, foreign_mark};
    char said[300];

    for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
        assert_int_equal(forked(misuses[i], *state, said, sizeof(said)), 70);
        assert_non_null(strstr(said, "tidegate: bug at runner/base/"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_released_arena_may_be_used_again),
        cmocka_unit_test(arrays_grow_and_keep_their_content),
        cmocka_unit_test(text_is_copied),
        cmocka_unit_test(buffers_grow_and_stay_closed),
        cmocka_unit_test(a_mark_can_be_gone_back_to),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(misuse_is_a_bug),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
