/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/options.h"

#include "tests/support/unit.h"

#define MOST_WORDS 8

struct given {
    bool is_once;
    const char *file;
    const char *kind; /* of --kind: a or b */
    const char *first;
    const char *second;
    bool wants_help;
};

static bool read_kind(void *context, const char *value)
{
    struct given *given = context;

    given->kind = value;
    return strcmp(value, "a") == 0 || strcmp(value, "b") == 0;
}

/* @words: ended by NULL. The index of the one that was not taken; -1: all were. */
static int read_words(const char *const *words, struct given *out_given)
{
    const struct option rows[] = {
        {"--once", .is_given = &out_given->is_once},         {"--file", "-f", .value = &out_given->file},
        {"--kind", .read = read_kind, .context = out_given}, {.value = &out_given->first},
        {"--second", .value = &out_given->second},           {.value = &out_given->second},
    };
    char *argv[MOST_WORDS + 1];
    int argc = 0, i;

    while (words[argc]) {
        argv[argc] = (char *)(uintptr_t)words[argc];
        argc++;
    }
    *out_given = (struct given){0};
    i = options_read(rows, sizeof rows / sizeof *rows, argc, argv, &out_given->wants_help);
    return i == argc ? -1 : i;
}

static void test_options_and_arguments_may_stand_in_any_order(void **state)
{
    struct given given;

    (void)state;
    assert_int_equal(
        read_words((const char *const[]){"x", "-f", "y", "--once", "z", "--kind", "b", NULL}, &given), -1);
    assert_true(given.is_once && !given.wants_help);
    assert_string_equal(given.first, "x");
    assert_string_equal(given.file, "y");
    assert_string_equal(given.second, "z");
    assert_string_equal(given.kind, "b");
}

static void test_the_first_argument_that_no_row_takes_is_named(void **state)
{
    static const struct {
        const char *what;
        const char *words[MOST_WORDS];
        int at; /* -1: all are taken */
    } rows[] = {
        {"nothing at all", {NULL}, -1},
        {"an unknown option", {"--once", "--twice", "--thrice"}, 1},
        {"an unknown letter", {"-x"}, 0},
        {"a dash alone", {"x", "-"}, 1},
        {"a missing value", {"x", "--file"}, 1},
        {"a value that begins like an option", {"--file", "--once"}, -1},
        {"a wrong value", {"--kind", "c"}, 0},
        {"a third argument", {"x", "y", "z"}, 2},
        {"an argument that was given by its option", {"--second", "y", "x", "z"}, 3},
        {"an option twice", {"--file", "x", "--file", "y"}, -1},
    };
    struct given given;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_row(rows[i].what, read_words(rows[i].words, &given) == rows[i].at);
    assert_string_equal(given.file, "y");
}

static void test_help_ends_the_reading(void **state)
{
    struct given given;

    (void)state;
    assert_int_equal(read_words((const char *const[]){"x", "-h", "--twice", NULL}, &given), -1);
    assert_true(given.wants_help);
    assert_int_equal(read_words((const char *const[]){"--twice", "--help", NULL}, &given), 0);
    assert_false(given.wants_help);
    assert_int_equal(read_words((const char *const[]){"--file", "--help", NULL}, &given), -1);
    assert_false(given.wants_help);
    assert_string_equal(given.file, "--help");
}

static void test_a_wrong_use_is_told_apart_by_its_exit_status(void **state)
{
    (void)state;
    assert_int_equal(options_misused("test", "not known: ", "\033x"), OPTIONS_WRONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_and_arguments_may_stand_in_any_order),
        cmocka_unit_test(test_the_first_argument_that_no_row_takes_is_named),
        cmocka_unit_test(test_help_ends_the_reading),
        cmocka_unit_test(test_a_wrong_use_is_told_apart_by_its_exit_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
