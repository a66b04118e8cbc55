/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/envelope.h"

#include "hub/wire/msgpack_write.h"
#include "tests/support/allocation.h"
#include "tests/support/json.h"
#include "tests/support/unit.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

static const struct envelope from_client = {
    .server_id = TEXT("hub"),
    .sender_id = TEXT("alice"),
    .timestamp_s = 1700000000,
};

static struct block *forward(struct bytes body, const struct envelope *envelope)
{
    struct message message;

    assert_int_equal(message_parse(body, &message), 0);
    return envelope_forward(&message, envelope);
}

static void test_what_the_hub_answers_for_is_written_anew(void **state)
{
    static const struct {
        const char *what;
        struct bytes body;
        const char *forwarded;
    } rows[] = {
        {"nothing there",
         TEXT("\x81\xa4type\xa4"
              "call"),
         "{\"origin_server_id\":\"hub\",\"path\":[\"hub\"],\"sender_id\":\"alice\",\"timestamp\":1700000000,"
         "\"type\":\"call\"}"},
        {"all there",
         TEXT("\x86\xa4path\x91\xa1x\xa9sender_id\xa3"
              "eve\xa9timestamp\x05\xa4type\xa4"
              "call"
              "\xb0origin_server_id\xa1o\xa9target_id\xa1t"),
         "{\"origin_server_id\":\"o\",\"path\":[\"x\",\"hub\"],\"sender_id\":\"alice\",\"target_id\":\"t\","
         "\"timestamp\":5,\"type\":\"call\"}"},
        {"nil counts as there, but for the path",
         TEXT("\x85\xa4type\xa4"
              "call\xa4path\xc0\xa9timestamp\xc0\xb0origin_server_id\xc0\xa9sender_id\xc0"),
         "{\"origin_server_id\":null,\"path\":[\"hub\"],\"sender_id\":\"alice\",\"timestamp\":null,"
         "\"type\":\"call\"}"},
        {"a sender that is no text",
         TEXT("\x82\xa9sender_id\x92\x01\x02\xa4type\xa4"
              "call"),
         "{\"origin_server_id\":\"hub\",\"path\":[\"hub\"],\"sender_id\":\"alice\",\"timestamp\":1700000000,"
         "\"type\":\"call\"}"},
        {"an empty path",
         TEXT("\x82\xa4type\xa4"
              "call\xa4path\x90"),
         "{\"origin_server_id\":\"hub\",\"path\":[\"hub\"],\"sender_id\":\"alice\",\"timestamp\":1700000000,"
         "\"type\":\"call\"}"},
        {"a path in a long form",
         TEXT("\x82\xa4type\xa4"
              "call\xa4path\xdd\x00\x00\x00\x01\xd9\x01x"),
         "{\"origin_server_id\":\"hub\",\"path\":[\"x\",\"hub\"],\"sender_id\":\"alice\","
         "\"timestamp\":1700000000,\"type\":\"call\"}"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        print_message("%s\n", rows[i].what);
        assert_frame_json(forward(rows[i].body, &from_client), rows[i].forwarded);
    }
}

static void test_a_target_is_replaced_and_a_sender_kept_where_asked(void **state)
{
    struct bytes body = BYTES_LITERAL("\x83\xa9target_id\xc0\xa4type\xa8response\xa9sender_id\xa3"
                                      "bob");
    struct envelope envelope = from_client;

    (void)state;
    envelope.sender_id = BYTES_NONE;
    envelope.target_id = BYTES_LITERAL("carol");
    assert_frame_json(forward(body, &envelope),
                      "{\"origin_server_id\":\"hub\",\"path\":[\"hub\"],\"sender_id\":\"bob\","
                      "\"target_id\":\"carol\",\"timestamp\":1700000000,\"type\":\"response\"}");
    envelope.target_id = BYTES_NONE;
    assert_frame_json(forward(body, &envelope),
                      "{\"origin_server_id\":\"hub\",\"path\":[\"hub\"],\"sender_id\":\"bob\","
                      "\"target_id\":null,\"timestamp\":1700000000,\"type\":\"response\"}");
}

static void test_what_a_message_has_passed_stands_between_its_path_and_the_hub(void **state)
{
    static const struct bytes bodies[] = {
        TEXT("\x82\xa4type\xa4"
             "send\xa4path\x91\xa1x"),
        TEXT("\x81\xa4type\xa4"
             "send"),
    };
    struct envelope nameless = {.server_id = BYTES_NONE, .timestamp_s = 5};
    struct message message;

    (void)state;
    assert_int_equal(message_parse(bodies[0], &message), 0);
    assert_int_equal(message.passed.n, 0);
    message.passed = (struct message_hops){.raw = BYTES_LITERAL("\xa1y\xa1z"), .n = 2};
    assert_frame_json(envelope_forward(&message, &from_client),
                      "{\"origin_server_id\":\"hub\",\"path\":[\"x\",\"y\",\"z\",\"hub\"],"
                      "\"sender_id\":\"alice\",\"timestamp\":1700000000,\"type\":\"send\"}");
    assert_frame_json(envelope_forward(&message, &nameless),
                      "{\"path\":[\"x\",\"y\",\"z\"],\"timestamp\":5,\"type\":\"send\"}");
    assert_int_equal(message_parse(bodies[1], &message), 0);
    message.passed = (struct message_hops){.raw = BYTES_LITERAL("\xa1y"), .n = 1};
    assert_frame_json(envelope_forward(&message, &from_client),
                      "{\"origin_server_id\":\"hub\",\"path\":[\"y\",\"hub\"],\"sender_id\":\"alice\","
                      "\"timestamp\":1700000000,\"type\":\"send\"}");
}

/* Pairs in all orders around three unknown ones, which must come out byte for byte. */
static void test_everything_else_goes_through_byte_for_byte(void **state)
{
    static const struct bytes pairs[] = {
        TEXT("\xa9sender_id\xa1s"),
        TEXT("\xa9target_id\xa1t"),
        TEXT("\xa4path\x91\xa1p"),
        TEXT("\xa1x\xdb\x00\x00\x00\x01z"),
        TEXT("\xa4"
             "data\xdf\x00\x00\x00\x01\x05\xd3\x00\x00\x00\x00\x00\x00\x00\x01"),
    };
    const size_t n = N_ELEMENTS(pairs);
    struct envelope envelope = from_client;

    (void)state;
    envelope.target_id = BYTES_LITERAL("new");
    for (size_t order = 0; order < 3125; order++) {
        struct buffer body = {0};
        struct block *frame;
        struct message message;
        size_t rest = order;
        unsigned used = 0;

        msgpack_write_map(&body, (uint32_t)n + 1);
        for (size_t i = 0; i < n; i++, rest /= n) {
            msgpack_write_raw(&body, pairs[rest % n]);
            used |= 1U << rest % n;
        }
        msgpack_write_raw(&body, BYTES_LITERAL("\xa4type\xa4"
                                               "call"));
        if (used == (1U << n) - 1) {
            frame = forward(buffer_bytes(&body), &envelope);
            assert_int_equal(message_parse(frame_body(frame), &message), 0);
            assert_int_equal(message.n_pairs, 8);
            assert_bytes(message_raw(&message, KEY_SENDER_ID), BYTES_LITERAL("\xa5"
                                                                             "alice"));
            assert_bytes(message_raw(&message, KEY_TARGET_ID), BYTES_LITERAL("\xa3new"));
            assert_bytes(message_raw(&message, KEY_PATH), BYTES_LITERAL("\x92\xa1p\xa3hub"));
            assert_non_null(memmem(frame->ptr, frame->len, pairs[3].ptr, pairs[3].len));
            assert_non_null(memmem(frame->ptr, frame->len, pairs[4].ptr, pairs[4].len));
            block_unref(frame);
        }
        buffer_clear(&body);
    }
}

static void test_heads_grow_with_what_is_added(void **state)
{
    static const uint32_t sizes[] = {1, 11, 12, 15, 16, 65531, 65532, 65535};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
        struct buffer body = {0};
        struct block *frame;
        struct message message;

        msgpack_write_map(&body, sizes[i]);
        msgpack_write_raw(&body, BYTES_LITERAL("\xa4type\xa4"
                                               "call"));
        for (uint32_t k = 1; k < sizes[i]; k++)
            msgpack_write_raw(&body, BYTES_LITERAL("\xa1x\xc0"));
        frame = forward(buffer_bytes(&body), &from_client);
        assert_int_equal(message_parse(frame_body(frame), &message), 0);
        assert_int_equal(message.n_pairs, sizes[i] + 4);
        block_unref(frame);
        buffer_clear(&body);
    }
}

static void test_a_full_path_grows_by_one(void **state)
{
    static const uint32_t sizes[] = {14, 15, 16, 254, 255};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
        struct buffer body = {0};
        struct block *frame;
        struct message message;
        struct message again;
        uint32_t n_hops = 0;

        msgpack_write_map(&body, 2);
        msgpack_write_raw(&body, BYTES_LITERAL("\xa4type\xa4"
                                               "call\xa4path"));
        msgpack_write_array(&body, sizes[i]);
        for (uint32_t k = 0; k < sizes[i]; k++)
            msgpack_write_raw(&body, BYTES_LITERAL("\xa1x"));
        assert_int_equal(message_parse(buffer_bytes(&body), &message), 0);
        frame = envelope_forward(&message, &from_client);
        assert_int_equal(message_parse(frame_body(frame), &again), 0);
        if (sizes[i] < MESSAGE_MAX_PATH) {
            assert_int_equal(message_path_has(&again, BYTES_LITERAL("hub"), &n_hops), MESSAGE_PATH_HAS);
            assert_int_equal(n_hops, sizes[i] + 1);
        }
        block_unref(frame);
        buffer_clear(&body);
    }
}

static void test_the_frame_is_one_allocation_whatever_the_ids(void **state)
{
    static char id[255];
    static char names[1000]; /* empty ones */
    struct bytes body = BYTES_LITERAL("\x81\xa4type\xa4"
                                      "call");
    struct message message;

    (void)state;
    memset(id, 'i', sizeof id);
    memset(names, 0xa0, sizeof names);
    assert_int_equal(message_parse(body, &message), 0);
    message.passed = (struct message_hops){.raw = bytes_of(names, sizeof names), .n = sizeof names};
    for (size_t len = 1; len <= sizeof id; len++) {
        struct bytes any = bytes_of(id, len);
        struct envelope envelope = {
            .server_id = any, .sender_id = any, .target_id = any, .timestamp_s = UINT64_MAX};
        struct block *frame;

        allocation_count_from_here();
        frame = envelope_forward(&message, &envelope);
        assert_int_equal(allocation_count(), 1);
        block_unref(frame);
    }
}

static void test_without_memory_there_is_no_frame(void **state)
{
    (void)state;
    allocation_fail_at(1);
    assert_null(forward(BYTES_LITERAL("\x81\xa4type\xa4"
                                      "call"),
                        &from_client));
    allocation_fail_never();
}

static void forward_an_unsound_path(void)
{
    block_unref(forward(BYTES_LITERAL("\x82\xa4type\xa4"
                                      "call\xa4path\x01"),
                        &from_client));
}

static void test_a_path_nobody_looked_at_aborts(void **state)
{
    (void)state;
    assert_true(aborts(forward_an_unsound_path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_hub_answers_for_is_written_anew),
        cmocka_unit_test(test_a_target_is_replaced_and_a_sender_kept_where_asked),
        cmocka_unit_test(test_what_a_message_has_passed_stands_between_its_path_and_the_hub),
        cmocka_unit_test(test_everything_else_goes_through_byte_for_byte),
        cmocka_unit_test(test_heads_grow_with_what_is_added),
        cmocka_unit_test(test_a_full_path_grows_by_one),
        cmocka_unit_test(test_the_frame_is_one_allocation_whatever_the_ids),
        cmocka_unit_test(test_without_memory_there_is_no_frame),
        cmocka_unit_test(test_a_path_nobody_looked_at_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
