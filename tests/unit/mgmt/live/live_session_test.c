/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <jansson.h>
#include <string.h>

#include "mgmt/live/live_session.h"
#include "tests/support/unit.h"

struct place {
    struct log *log;
    struct live_session session;
    struct live_source source;
};

static int set_up(void **state)
{
    static struct place place;

    place = (struct place){0};
    assert_int_equal(log_new(&place.log, 10), 0);
    place.source = (struct live_source){.log = place.log, .epoch = "hub.1"};
    live_session_init(&place.session, false);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    log_free(place->log);
    return 0;
}

static void record(struct place *place, enum log_stream stream, const char *text)
{
    struct log_field field = log_text("message", bytes_of_text(text));

    log_record(place->log, LOG_WARN, stream, "server_log", &field, 1);
}

static void records(struct place *place, int n)
{
    for (int i = 0; i < n; i++)
        record(place, LOG_LOGS, "x");
}

static void say(struct place *place, const char *text)
{
    live_session_receive(&place->session, &place->source, bytes_of_text(text));
}

/* The next message must be this one, as JSON without what is not named; "" for none. */
static void expect(struct place *place, const char *json)
{
    struct buffer out = {0};
    int r = live_session_next(&place->session, &place->source, &out);
    json_t *got = out.len ? json_loadb((const char *)out.ptr, out.len, 0, NULL) : NULL;
    json_t *wanted = *json ? json_loads(json, 0, NULL) : NULL;
    const char *name;
    json_t *value;

    assert_int_equal(r, *json ? LIVE_SESSION_MESSAGE : 0);
    assert_true((got != NULL) == (wanted != NULL));
    json_object_foreach(wanted, name, value)
    {
        if (!json_equal(json_object_get(got, name), value))
            fail_msg("%s of %.*s", name, (int)out.len, (const char *)out.ptr);
    }
    json_decref(got);
    json_decref(wanted);
    buffer_clear(&out);
}

static void test_it_says_hello_and_then_nothing_unasked(void **state)
{
    struct place *place = *state;

    records(place, 3);
    expect(place, "{\"type\": \"hello\", \"epoch\": \"hub.1\", \"oldest\": 1, \"latest\": 3}");
    expect(place, "");
    assert_false(live_session_has_more(&place->session, place->log));
}

static void test_records_follow_since_and_only_of_the_streams(void **state)
{
    struct place *place = *state;

    expect(place, "{\"type\": \"hello\"}");
    record(place, LOG_LOGS, "one");
    record(place, LOG_LINKS, "two");
    record(place, LOG_SYSTEM, "three");
    record(place, LOG_LOGS, "four");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\", \"links\"], \"since\": 1}");
    expect(place,
           "{\"id\": 2, \"stream\": \"links\", \"type\": \"server_log\", \"data\": {\"message\": \"two\"}}");
    expect(place, "{\"id\": 4, \"data\": {\"message\": \"four\", \"level\": \"warning\"}}");
    expect(place, "");
    record(place, LOG_LOGS, "five");
    assert_true(live_session_has_more(&place->session, place->log));
    expect(place, "{\"id\": 5}");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"]}"); /* from now on */
    expect(place, "");
}

static void test_one_who_falls_behind_the_ring_is_told_the_count(void **state)
{
    struct place *place = *state;

    expect(place, "{\"type\": \"hello\"}");
    records(place, 3);
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"], \"since\": 0}");
    expect(place, "{\"id\": 1}");
    records(place, 20); /* 23 are made, 14 to 23 are kept */
    expect(place, "{\"type\": \"gap\", \"from\": 2, \"to\": 13, \"count\": 12}");
    for (int id = 14; id <= 23; id++) {
        char message[32];

        snprintf(message, sizeof message, "{\"id\": %d}", id);
        expect(place, message);
    }
    expect(place, "");
}

static void test_since_of_another_time_is_reset_to_the_oldest(void **state)
{
    struct place *place = *state;

    records(place, 15);
    expect(place, "{\"type\": \"hello\", \"oldest\": 6, \"latest\": 15}");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"], \"since\": 4}");
    expect(place, "{\"type\": \"reset\", \"epoch\": \"hub.1\"}");
    expect(place, "{\"id\": 6}");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"], \"since\": 16}");
    expect(place, "{\"type\": \"reset\", \"epoch\": \"hub.1\"}");
    expect(place, "{\"id\": 6}");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"], \"since\": 5}");
    expect(place, "{\"id\": 6}");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"], \"since\": 15}");
    expect(place, "");
}

static void test_since_of_another_epoch_is_reset_though_the_id_is_there(void **state)
{
    struct place *place = *state;

    records(place, 15);
    expect(place, "{\"type\": \"hello\"}");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"], \"since\": 12, \"epoch\": \"hub.0\"}");
    expect(place, "{\"type\": \"reset\", \"epoch\": \"hub.1\"}");
    expect(place, "{\"id\": 6}");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"], \"since\": 12, \"epoch\": \"hub.1\"}");
    expect(place, "{\"id\": 13}");
}

static void test_what_is_not_understood_is_answered_and_changes_nothing(void **state)
{
    static const char *const messages[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"type\": 5}",
        "{\"type\": \"unsubscribe\"}",
        "{\"type\": \"subscribe\"}",
        "{\"type\": \"subscribe\", \"streams\": \"logs\"}",
        "{\"type\": \"subscribe\", \"streams\": [\"logs\", \"nothing\"]}",
        "{\"type\": \"subscribe\", \"streams\": [5]}",
        "{\"type\": \"subscribe\", \"streams\": [], \"since\": -1}",
        "{\"type\": \"subscribe\", \"streams\": [], \"since\": \"1\"}",
        "{\"type\": \"subscribe\", \"streams\": [], \"since\": 1, \"epoch\": 1}",
        "{\"type\": \"subscribe\", \"streams\": [\"\\u001b[31m\\u202e%s%n\"]}",
    };
    struct place *place = *state;

    expect(place, "{\"type\": \"hello\"}");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"]}");
    for (size_t i = 0; i < N_ELEMENTS(messages); i++) {
        say(place, messages[i]);
        expect(place, "{\"type\": \"error\"}");
        expect(place, "");
    }
    record(place, LOG_LOGS, "still subscribed");
    expect(place, "{\"id\": 1}");
}

static void test_only_the_newest_metrics_are_told(void **state)
{
    struct place *place = *state;

    expect(place, "{\"type\": \"hello\"}");
    live_session_note_metrics(&place->session);
    expect(place, ""); /* nobody asked */
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"metrics\"]}");
    place->source.metrics = "{\"calls\":1}";
    live_session_note_metrics(&place->session);
    place->source.metrics = "{\"calls\":2}";
    live_session_note_metrics(&place->session);
    expect(place, "{\"stream\": \"metrics\", \"type\": \"counters\", \"data\": {\"calls\": 2}}");
    expect(place, "");
}

static void test_texts_of_strangers_stay_texts(void **state)
{
    struct place *place = *state;

    expect(place, "{\"type\": \"hello\"}");
    record(place, LOG_LOGS, "<script>\"\n\x01");
    record(place, LOG_LOGS, "\xff\xfe");
    say(place, "{\"type\": \"subscribe\", \"streams\": [\"logs\"], \"since\": 0}");
    expect(place, "{\"data\": {\"message\": \"<script>\\\"\\n\\u0001\", \"level\": \"warning\"}}");
    expect(place, "{\"data\": {\"message\": \"\\\\xff\\\\xfe\", \"level\": \"warning\"}}");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_it_says_hello_and_then_nothing_unasked),
        TEST(test_records_follow_since_and_only_of_the_streams),
        TEST(test_one_who_falls_behind_the_ring_is_told_the_count),
        TEST(test_since_of_another_time_is_reset_to_the_oldest),
        TEST(test_since_of_another_epoch_is_reset_though_the_id_is_there),
        TEST(test_what_is_not_understood_is_answered_and_changes_nothing),
        TEST(test_only_the_newest_metrics_are_told),
        TEST(test_texts_of_strangers_stay_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
