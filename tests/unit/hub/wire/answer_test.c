/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/answer.h"

#include "tests/support/allocation.h"
#include "tests/support/json.h"
#include "tests/support/unit.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }
#define T(literal) BYTES_LITERAL(literal)

#define REQUEST T("\xa2r1")

static const struct receive a_receive = {
    .channel = TEXT("news"),
    .event = TEXT("subscription.x.data"),
    .raw_data = TEXT("\x92\x01\xc3"),
    .sender_id = TEXT("alice"),
    .server_id = TEXT("hub"),
    .signature = TEXT("5160"),
    .timestamp_s = 1700000000,
};

static const struct call_failure a_failure = {
    .raw_request_id = TEXT("\xa2r1"),
    .text = TEXT("No provider for c:e"),
    .channel = TEXT("c"),
    .event = TEXT("e"),
    .server_id = TEXT("hub"),
    .timestamp_s = 1700000000,
};

static const struct metadata_update an_event = {
    .channel = TEXT("c"),
    .name = TEXT("e"),
    .owner = TEXT("alice"),
    .is_event = true,
    .is_stream = true,
    .raw_param_schema = TEXT("\x81\xa4type\xa3int"),
};

static const struct membership_update a_leaving = {
    .channel = TEXT("c"),
    .client_id = TEXT("alice"),
    .mode = TEXT("client"),
    .raw_path = TEXT("\x91\xa3hub"),
};

static struct block *pong(void)
{
    return answer_pong();
}

static struct block *identified(void)
{
    return answer_identified(T("alice"), T("hub"));
}

static struct block *conn_challenge(void)
{
    return answer_conn_challenge(T("ab12"), T("hub"));
}

static struct block *auth_challenge(void)
{
    return answer_auth_challenge(T("c"), T("Xy"), T("uuid"), REQUEST);
}

static struct block *auth_challenge_without_request(void)
{
    return answer_auth_challenge(T("c"), T("Xy"), T("uuid"), BYTES_NONE);
}

static struct block *error(void)
{
    return answer_error(T("Authentication failed"), BYTES_NONE);
}

static struct block *error_to_request(void)
{
    return answer_error(T("no"), REQUEST);
}

static struct block *failure(void)
{
    return answer_failure(REQUEST, T("no"), BYTES_NONE, BYTES_NONE);
}

static struct block *failure_of_event(void)
{
    return answer_failure(BYTES_NONE, T("no"), T("c"), T("e"));
}

static struct block *success(void)
{
    return answer_success(REQUEST);
}

static struct block *registered(void)
{
    return answer_registered(T("\x07"), T("c"), T("e"), true);
}

static struct block *opened(void)
{
    return answer_registered(REQUEST, T("c"), BYTES_NONE, false);
}

static struct block *data(void)
{
    return answer_data(REQUEST, T("\x81\xa7members\x90"));
}

static struct block *call_failure(void)
{
    return answer_call_failure(&a_failure);
}

static struct block *call_failure_of_nothing(void)
{
    struct call_failure bare = {.text = T("no"), .server_id = T("hub"), .target_id = T("t")};

    return answer_call_failure(&bare);
}

static struct block *receive(void)
{
    return answer_receive(&a_receive);
}

static struct block *bare_receive(void)
{
    struct receive bare = a_receive;

    bare.sender_id = BYTES_NONE;
    bare.signature = BYTES_NONE;
    bare.raw_data = BYTES_NONE;
    return answer_receive(&bare);
}

static struct block *event_update(void)
{
    return answer_metadata_update(&an_event);
}

static struct block *topic_update(void)
{
    struct metadata_update topic = an_event;

    topic.is_event = false;
    return answer_metadata_update(&topic);
}

static struct block *local_join(void)
{
    struct membership_update joining = a_leaving;

    joining.has_joined = true;
    joining.is_local = true;
    return answer_membership_update(&joining);
}

static struct block *remote_leave(void)
{
    return answer_membership_update(&a_leaving);
}

static struct block *remote_leave_without_path(void)
{
    struct membership_update leaving = a_leaving;

    leaving.raw_path = BYTES_NONE;
    return answer_membership_update(&leaving);
}

#define METADATA "{\"channel\":\"c\","
#define SCHEMAS "\"owner\":\"alice\",\"param_schema\":{\"type\":\"int\"},\"return_schema\":null,"

static const struct {
    const char *what;
    struct block *(*build)(void);
    const char *json;
} rows[] = {
    {"pong", pong, "{\"type\":\"pong\"}"},
    {"identified", identified, "{\"client_id\":\"alice\",\"server_id\":\"hub\",\"type\":\"identified\"}"},
    {"conn_challenge", conn_challenge,
     "{\"challenge\":\"ab12\",\"server_id\":\"hub\",\"type\":\"conn_challenge\"}"},
    {"auth_challenge", auth_challenge,
     "{\"challenge\":\"Xy\",\"challenge_id\":\"uuid\",\"channel\":\"c\",\"request_id\":\"r1\","
     "\"type\":\"auth_challenge\"}"},
    {"auth_challenge to no request", auth_challenge_without_request,
     "{\"challenge\":\"Xy\",\"challenge_id\":\"uuid\",\"channel\":\"c\",\"request_id\":null,"
     "\"type\":\"auth_challenge\"}"},
    {"error", error, "{\"message\":\"Authentication failed\",\"type\":\"error\"}"},
    {"error to a request", error_to_request, "{\"message\":\"no\",\"request_id\":\"r1\",\"type\":\"error\"}"},
    {"failure", failure, "{\"error\":\"no\",\"request_id\":\"r1\",\"type\":\"response\"}"},
    {"failure of an event", failure_of_event,
     "{\"channel\":\"c\",\"error\":\"no\",\"event\":\"e\",\"request_id\":null,\"type\":\"response\"}"},
    {"success", success,
     "{\"data\":{\"success\":true},\"request_id\":\"r1\",\"success\":true,\"type\":\"response\"}"},
    {"registered", registered,
     "{\"channel\":\"c\",\"data\":{\"authenticated\":true,\"channel\":\"c\",\"event\":\"e\"},\"event\":\"e\","
     "\"request_id\":7,\"success\":true,\"type\":\"response\"}"},
    {"opened", opened,
     "{\"channel\":\"c\",\"data\":{\"authenticated\":false,\"channel\":\"c\",\"event\":null},\"event\":null,"
     "\"request_id\":\"r1\",\"success\":true,\"type\":\"response\"}"},
    {"data", data, "{\"data\":{\"members\":[]},\"request_id\":\"r1\",\"type\":\"response\"}"},
    {"call failure", call_failure,
     "{\"channel\":\"c\",\"error\":\"No provider for c:e\",\"event\":\"e\",\"is_final\":false,"
     "\"is_stream\":false,\"origin_server_id\":\"hub\",\"request_id\":\"r1\",\"sender_id\":\"server\","
     "\"server_id\":\"hub\",\"target_id\":null,\"timestamp\":1700000000,\"type\":\"response\"}"},
    {"call failure of nothing", call_failure_of_nothing,
     "{\"channel\":null,\"error\":\"no\",\"event\":null,\"is_final\":false,\"is_stream\":false,"
     "\"origin_server_id\":\"hub\",\"request_id\":null,\"sender_id\":\"server\",\"server_id\":\"hub\","
     "\"target_id\":\"t\",\"timestamp\":0,\"type\":\"response\"}"},
    {"receive", receive,
     "{\"channel\":\"news\",\"data\":[1,true],\"event\":\"subscription.x.data\",\"sender_id\":\"alice\","
     "\"server_id\":\"hub\",\"signature\":\"5160\",\"timestamp\":1700000000,\"type\":\"receive\"}"},
    {"bare receive", bare_receive,
     "{\"channel\":\"news\",\"data\":null,\"event\":\"subscription.x.data\",\"server_id\":\"hub\","
     "\"timestamp\":1700000000,\"type\":\"receive\"}"},
    {"event update", event_update,
     METADATA "\"is_group\":false,\"is_stream\":true,\"name\":\"e\"," SCHEMAS
              "\"stype\":\"event\",\"type\":\"metadata_update\"}"},
    {"topic update", topic_update,
     METADATA "\"name\":\"e\"," SCHEMAS "\"stype\":\"subscription\",\"type\":\"metadata_update\"}"},
    {"local join", local_join,
     "{\"action\":\"join\",\"channel\":\"c\",\"mode\":\"client\",\"name\":\"alice\",\"owner\":\"alice\","
     "\"stype\":\"membership\",\"type\":\"metadata_update\"}"},
    {"remote leave", remote_leave,
     "{\"action\":\"leave\",\"channel\":\"c\",\"is_local\":false,\"mode\":\"client\",\"name\":\"alice\","
     "\"owner\":\"alice\",\"path\":[\"hub\"],\"stype\":\"membership\",\"type\":\"metadata_update\"}"},
    {"remote leave without a path", remote_leave_without_path,
     "{\"action\":\"leave\",\"channel\":\"c\",\"is_local\":false,\"mode\":\"client\",\"name\":\"alice\","
     "\"owner\":\"alice\",\"path\":[],\"stype\":\"membership\",\"type\":\"metadata_update\"}"},
};

static void test_every_answer_has_its_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        print_message("%s\n", rows[i].what);
        assert_frame_json(rows[i].build(), rows[i].json);
    }
}

/* As many pairs as the head says, none twice, and a type that is the protocol's. */
static void test_every_answer_is_a_sound_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct block *frame = rows[i].build();
        struct message message;

        assert_row(rows[i].what, message_parse(frame_body(frame), &message) == 0);
        assert_row(rows[i].what, message.type != MESSAGE_UNKNOWN);
        block_unref(frame);
    }
}

static void test_a_receive_is_one_allocation(void **state)
{
    static uint8_t big[70000] = {0xc6, 0, 1, 0x11, 0x6b};
    struct receive wide = a_receive;
    struct block *frame;

    (void)state;
    wide.raw_data = bytes_of(big, sizeof big);
    wide.timestamp_s = UINT64_MAX;
    allocation_count_from_here();
    frame = answer_receive(&wide);
    assert_int_equal(allocation_count(), 1);
    block_unref(frame);
    allocation_count_from_here();
    frame = answer_receive(&a_receive);
    assert_int_equal(allocation_count(), 1);
    block_unref(frame);
}

static void test_without_memory_there_is_no_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        for (unsigned n = 1; allocation_fail_at(n); n++) {
            struct block *frame = rows[i].build();

            allocation_fail_never();
            assert_row(rows[i].what, !frame == allocation_has_failed());
            block_unref(frame);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_answer_has_its_fields),
        cmocka_unit_test(test_every_answer_is_a_sound_message),
        cmocka_unit_test(test_a_receive_is_one_allocation),
        cmocka_unit_test(test_without_memory_there_is_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
