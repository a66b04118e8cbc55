/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/toml.h"

#include "hub/base/buffer.h"
#include "tests/support/unit.h"

/* Writes every entry as `line key kind value|value;`. */
static bool note(void *context, const struct toml_entry *entry)
{
    static const char kinds[] = "tnfl";
    struct buffer *notes = context;

    buffer_append_format(notes, "%zu %s %c", entry->line, entry->key, kinds[entry->kind]);
    for (size_t i = 0; i < entry->n_values; i++)
        buffer_append_format(notes, "%s%s", i ? "|" : " ", entry->values[i]);
    buffer_append_text(notes, ";");
    return true;
}

static void test_entries_come_with_their_line_kind_and_decoded_values(void **state)
{
    static const struct {
        const char *document;
        const char *notes;
    } rows[] = {
        {"", ""},
        {"\n\r\n # only a comment", ""},
        {"a=1", "1 a n 1;"},
        {"a = 'x' # why\nb = true\n\n  c-d_9 = false", "1 a t x;2 b f true;4 c-d_9 f false;"},
        {"a = \"\\t\\\"\\\\ \\u00e4\\U0001F600 \xc3\xa4\"",
         "1 a t \t\"\\ \xc3\xa4\xf0\x9f\x98\x80 \xc3\xa4;"},
        {"a = '\\n'", "1 a t \\n;"},
        {"a = ''\nb = \"\"", "1 a t ;2 b t ;"},
        {"a = 1_000\nb = -0.50\nc = +7\nd = 0\ne = 0.25",
         "1 a n 1000;2 b n -0.50;3 c n 7;4 d n 0;5 e n 0.25;"},
        {"a = []\nb = ['x']", "1 a l;2 b l x;"},
        {"a = [ # first\n  'x', \"y\" , # second\n\n 'z',\n]\nb = 1", "1 a l x|y|z;6 b n 1;"},
        {"a = 1\r\nb = 2\r\n", "1 a n 1;2 b n 2;"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct buffer notes = {0};
        struct toml_fault fault = {0};

        assert_int_equal(toml_read(bytes_of_text(rows[i].document), note, &notes, &fault), 0);
        buffer_append(&notes, "", 1);
        assert_string_equal(notes.ptr, rows[i].notes);
        buffer_clear(&notes);
    }
}

static void test_what_is_not_read_is_refused_with_its_line_and_a_reason(void **state)
{
    static const struct {
        const char *document;
        size_t line;
        const char *why;
    } rows[] = {
        {"a", 1, "no = behind"},
        {"\n\n= 1", 3, "a line here is"},
        {"[hub]\n", 1, "no tables"},
        {"[[hub]]\n", 1, "no tables"},
        {"\"a\" = 1", 1, "without quotes"},
        {"a.b = 1", 1, "no dots"},
        {"a = ", 1, "the value is no"},
        {"a = yes", 1, "the value is no"},
        {"a = 1 2", 1, "something behind"},
        {"a = truely", 1, "something behind"},
        {"a = 1\nb = \"x", 2, "a \" is missing"},
        {"a = 'x\n'", 1, "a ' is missing"},
        {"a = \"\"\"x\"\"\"", 1, "over several lines"},
        {"a = \"\\x\"", 1, "behind a \\"},
        {"a = \"\\u12\"", 1, "4 hexadecimal digits"},
        {"a = \"\\U00110000\"", 1, "no character"},
        {"a = \"\\ud800\"", 1, "no character"},
        {"a = \"\\u0000\"", 1, "no character"},
        {"a = \"\x01\"", 1, "\\u0001"},
        {"# \x7f", 1, "control character in the comment"},
        {"a = 0x10", 1, "something behind"},
        {"a = 010", 1, "does not begin with 0"},
        {"a = 1__0", 1, "the value is no"},
        {"a = 1_", 1, "the value is no"},
        {"a = 1.", 1, "the value is no"},
        {"a = .5", 1, "the value is no"},
        {"a = 1e3", 1, "something behind"},
        {"a = 2026-01-31", 1, "something behind"},
        {"a = {b = 1}", 1, "the value is no"},
        {"a = [1]", 1, "texts in quotes"},
        {"a = ['x' 'y']", 1, ", or ]"},
        {"a = [\n'x',\n", 3, "texts in quotes"},
        {"a = '\xff'", 1, "not UTF-8"},
        {"a = 1\rb = 2", 1, "something behind"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct buffer notes = {0};
        struct toml_fault fault = {0};

        assert_int_equal(toml_read(bytes_of_text(rows[i].document), note, &notes, &fault), TOML_E_SYNTAX);
        assert_int_equal(fault.line, rows[i].line);
        if (!strstr(fault.why, rows[i].why))
            fail_msg("%s: %s", rows[i].document, fault.why);
        buffer_clear(&notes);
    }
}

static void test_a_document_cut_anywhere_is_read_or_refused(void **state)
{
    static const char document[] = "a = \"\\u00e4\" # c\nb = [ 'x', # d\n \"y\\n\", ]\nc = 1_0.5\nd = true\n";

    (void)state;
    for (size_t len = 0; len < sizeof document; len++) {
        struct buffer notes = {0};
        struct toml_fault fault = {0};
        int r = toml_read(bytes_of(document, len), note, &notes, &fault);

        assert_true(r == 0 || (r == TOML_E_SYNTAX && fault.line > 0 && *fault.why));
        buffer_clear(&notes);
    }
}

static void test_a_list_has_a_bound(void **state)
{
    struct buffer document = {0};
    struct toml_fault fault = {0};
    struct buffer notes = {0};

    (void)state;
    buffer_append_text(&document, "a = [");
    for (int i = 0; i <= TOML_MAX_VALUES; i++)
        buffer_append_text(&document, "'x',");
    buffer_append_text(&document, "]");
    assert_int_equal(toml_read(buffer_bytes(&document), note, &notes, &fault), TOML_E_SYNTAX);
    assert_non_null(strstr(fault.why, "more than 64"));
    buffer_clear(&document);
    buffer_clear(&notes);
}

static bool stop(void *context, const struct toml_entry *entry)
{
    (void)entry;
    ++*(int *)context;
    return false;
}

static void test_a_visit_may_end_the_reading(void **state)
{
    struct toml_fault fault = {0};
    int n = 0;

    (void)state;
    assert_int_equal(toml_read(BYTES_LITERAL("a = 1\nb = 2"), stop, &n, &fault), TOML_E_STOPPED);
    assert_int_equal(n, 1);
}

static bool keep(void *context, const struct toml_entry *entry)
{
    buffer_append_text(context, entry->values[0]);
    return true;
}

static void test_a_written_text_reads_back_the_same(void **state)
{
    static const char *const texts[] = {"", "plain", "\"\\'", "a\nb\tc\x01\x7f", "\xc3\xa4 \xf0\x9f\x98\x80"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
        struct buffer document = {0};
        struct buffer back = {0};
        struct toml_fault fault = {0};

        buffer_append_text(&document, "a = ");
        toml_write_text(&document, texts[i]);
        assert_int_equal(toml_read(buffer_bytes(&document), keep, &back, &fault), 0);
        buffer_append(&back, "", 1);
        assert_string_equal(back.ptr, texts[i]);
        buffer_clear(&document);
        buffer_clear(&back);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_come_with_their_line_kind_and_decoded_values),
        cmocka_unit_test(test_what_is_not_read_is_refused_with_its_line_and_a_reason),
        cmocka_unit_test(test_a_document_cut_anywhere_is_read_or_refused),
        cmocka_unit_test(test_a_list_has_a_bound),
        cmocka_unit_test(test_a_visit_may_end_the_reading),
        cmocka_unit_test(test_a_written_text_reads_back_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
