/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/log.h"

#include <errno.h>
#include <pthread.h>

#include "hub/base/text.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#define N_KEPT 8

static struct log *log_;

static int set_up(void **state)
{
    (void)state;
    return log_new(&log_, N_KEPT);
}

static int tear_down(void **state)
{
    (void)state;
    log_free(log_);
    log_free(NULL);
    return 0;
}

static void say(const char *text)
{
    struct log_field field = log_text("message", bytes_of_text(text));

    log_record(log_, LOG_INFO, LOG_LOGS, "server_log", &field, 1);
}

struct seen {
    uint64_t sequences[64];
    size_t n;
    struct log_record last;
    uint8_t last_text[8192];
};

static void see(const struct log_record *record, void *context)
{
    struct seen *seen = context;

    seen->sequences[seen->n++] = record->sequence;
    seen->last = *record;
    if (record->n_fields && record->fields[0].text.len)
        memcpy(seen->last_text, record->fields[0].text.ptr, record->fields[0].text.len);
}

static void test_an_empty_log_has_no_range(void **state)
{
    struct seen seen = {0};
    struct log_range range = log_range(log_);

    (void)state;
    assert_int_equal(range.latest, 0);
    assert_true(range.oldest > range.latest);
    assert_int_equal(log_read(log_, 0, 10, see, &seen), 0);
    assert_int_equal(log_read(log_, 5, 10, see, &seen), 5);
    assert_int_equal(seen.n, 0);
}

static void test_records_keep_what_was_said(void **state)
{
    char text[] = "hello";
    struct log_field fields[] = {
        log_text("message", bytes_of_text(text)),
        log_bool("is_provider", true),
        log_text_or_null("client_id", BYTES_NONE),
        log_text_or_null("channel", BYTES_LITERAL("")),
    };
    struct seen seen = {0};

    (void)state;
    log_record(log_, LOG_WARN, LOG_ERRORS, "server_error", fields, N_ELEMENTS(fields));
    memset(text, '#', sizeof text); /* the log has its own copy */
    assert_int_equal(log_read(log_, 0, 10, see, &seen), 1);
    assert_int_equal(seen.last.sequence, 1);
    assert_true(seen.last.wall_ms > 0);
    assert_int_equal(seen.last.level, LOG_WARN);
    assert_int_equal(seen.last.stream, LOG_ERRORS);
    assert_string_equal(seen.last.event, "server_error");
    assert_int_equal(seen.last.n_fields, 4);
    assert_text(bytes_of(seen.last_text, 5), "hello");
    assert_int_equal(seen.last.fields[1].type, LOG_FIELD_BOOL);
    assert_true(seen.last.fields[1].is_true);
    assert_int_equal(seen.last.fields[2].type, LOG_FIELD_NULL);
    assert_int_equal(seen.last.fields[3].type, LOG_FIELD_TEXT);
    assert_int_equal(seen.last.fields[3].text.len, 0);
}

static void test_a_record_without_fields(void **state)
{
    struct seen seen = {0};

    (void)state;
    log_record(log_, LOG_INFO, LOG_LINKS, "link_state", NULL, 0);
    assert_int_equal(log_read(log_, 0, 1, see, &seen), 1);
    assert_int_equal(seen.last.n_fields, 0);
}

static void test_the_ring_keeps_the_last_records(void **state)
{
    struct seen seen = {0};
    struct log_range range;

    (void)state;
    for (int i = 0; i < 20; i++)
        say("x");
    range = log_range(log_);
    assert_int_equal(range.oldest, 13);
    assert_int_equal(range.latest, 20);
    assert_int_equal(log_read(log_, 0, 100, see, &seen), 20);
    assert_int_equal(seen.n, N_KEPT);
    for (size_t i = 0; i < N_KEPT; i++)
        assert_int_equal(seen.sequences[i], 13 + i);
}

static void test_reading_goes_on_where_it_stopped(void **state)
{
    struct seen seen = {0};
    uint64_t since = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        say("x");
    since = log_read(log_, since, 2, see, &seen);
    assert_int_equal(since, 2);
    since = log_read(log_, since, 0, see, &seen);
    assert_int_equal(since, 2);
    since = log_read(log_, since, 100, see, &seen);
    assert_int_equal(since, 5);
    assert_int_equal(seen.n, 5);
    assert_int_equal(log_read(log_, since, 100, see, &seen), 5);
    assert_int_equal(log_read(log_, 1000, 100, see, &seen), 1000);
    assert_int_equal(log_read(log_, UINT64_MAX, 100, see, &seen), UINT64_MAX);
    assert_int_equal(seen.n, 5);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    static char text[6000];
    struct seen seen = {0};
    struct bytes kept;

    (void)state;
    text[0] = 'a'; /* so that 4096 falls inside a character */
    for (size_t i = 1; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xbc", 2);
    say(text);
    log_read(log_, 0, 1, see, &seen);
    kept = bytes_of(seen.last_text, seen.last.fields[0].text.len);
    assert_int_equal(kept.len, 4095);
    assert_true(text_is_utf8(kept));
}

static void test_every_sink_hears_every_record(void **state)
{
    struct seen seen[8] = {0};

    (void)state;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(log_add_sink(log_, see, &seen[i]), 0);
    assert_int_equal(log_add_sink(log_, see, NULL), -ENOSPC);
    say("one");
    say("two");
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(seen[i].n, 2);
        assert_int_equal(seen[i].last.sequence, 2);
        assert_text(bytes_of(seen[i].last_text, 3), "two");
    }
}

static void test_without_memory_there_is_no_log(void **state)
{
    (void)state;
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct log *log = NULL;
        int r = log_new(&log, 4);

        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        log_free(log);
    }
}

static void test_without_memory_a_record_is_kept_without_its_texts(void **state)
{
    struct seen sink = {0};
    struct seen seen = {0};

    (void)state;
    log_add_sink(log_, see, &sink);
    allocation_fail_at(1);
    say("important");
    allocation_fail_never();
    assert_text(bytes_of(sink.last_text, 9), "important");
    log_read(log_, 0, 1, see, &seen);
    assert_text(bytes_of(seen.last_text, seen.last.fields[0].text.len), "(out of memory)");
}

static void *say_much(void *context)
{
    (void)context;
    for (int i = 0; i < 500; i++)
        say("from a thread");
    return NULL;
}

static void count_gaps(const struct log_record *record, void *context)
{
    uint64_t *next = context;

    if (record->sequence != *next)
        *next = UINT64_MAX - 1; /* an assertion would jump off the wrong thread */
    ++*next;
}

static void test_threads_share_one_sequence_without_gaps(void **state)
{
    pthread_t threads[4];
    uint64_t next = 1;

    (void)state;
    log_add_sink(log_, count_gaps, &next);
    for (size_t i = 0; i < N_ELEMENTS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, say_much, NULL), 0);
    for (size_t i = 0; i < N_ELEMENTS(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(next, 2001);
    assert_int_equal(log_range(log_).latest, 2000);
}

static void test_levels_and_streams_have_names(void **state)
{
    (void)state;
    assert_string_equal(log_level_name(LOG_DEBUG), "debug");
    assert_string_equal(log_level_name(LOG_INFO), "info");
    assert_string_equal(log_level_name(LOG_WARN), "warning");
    assert_string_equal(log_level_name(LOG_ERROR), "error");
    assert_string_equal(log_stream_name(LOG_LOGS), "logs");
    assert_string_equal(log_stream_name(LOG_ERRORS), "errors");
    assert_string_equal(log_stream_name(LOG_SYSTEM), "system");
    assert_string_equal(log_stream_name(LOG_LINKS), "links");
}

#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOG(test_an_empty_log_has_no_range),
        WITH_LOG(test_records_keep_what_was_said),
        WITH_LOG(test_a_record_without_fields),
        WITH_LOG(test_the_ring_keeps_the_last_records),
        WITH_LOG(test_reading_goes_on_where_it_stopped),
        WITH_LOG(test_long_texts_are_cut_between_characters),
        WITH_LOG(test_every_sink_hears_every_record),
        cmocka_unit_test(test_without_memory_there_is_no_log),
        WITH_LOG(test_without_memory_a_record_is_kept_without_its_texts),
        WITH_LOG(test_threads_share_one_sequence_without_gaps),
        cmocka_unit_test(test_levels_and_streams_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
