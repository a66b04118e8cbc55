/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/rewrite.h"

#include "tests/support/json.h"
#include "tests/support/unit.h"

/* {"request_id": "r", "type": "call", "x": 1, "target_id": nil, "data": [1, 2]} */
#define CALL                                                                                                 \
    "\x85\xaarequest_id\xa1r\xa4type\xa4"                                                                    \
    "call\xa1x\x01\xa9target_id\xc0\xa4"                                                                     \
    "data\x92\x01\x02"

static const struct bytes call = {(const uint8_t *)CALL, sizeof CALL - 1};

static struct block *rewritten(size_t n, const struct rewrite *changes)
{
    struct message message;

    assert_int_equal(message_parse(call, &message), 0);
    return rewrite_message(&message, n, changes);
}

static void test_named_keys_get_other_values_and_the_rest_stays(void **state)
{
    static const struct rewrite changes[] = {
        {KEY_TARGET_ID, {(const uint8_t *)"\xa1t", 2}},
        {KEY_REQUEST_ID, {(const uint8_t *)"\xa2r2", 3}},
    };

    (void)state;
    assert_frame_json(rewritten(2, changes),
                      "{\"data\":[1,2],\"request_id\":\"r2\",\"target_id\":\"t\",\"type\":\"call\",\"x\":1}");
}

static void test_a_key_that_was_not_there_is_added(void **state)
{
    static const struct rewrite change = {KEY_METADATA, {(const uint8_t *)"\x80", 1}};

    (void)state;
    assert_frame_json(rewritten(1, &change), "{\"data\":[1,2],\"metadata\":{},\"request_id\":\"r\","
                                             "\"target_id\":null,\"type\":\"call\",\"x\":1}");
}

static void test_a_key_without_a_value_is_left_out(void **state)
{
    static const struct rewrite changes[] = {{KEY_DATA, {0}}, {KEY_PATH, {0}}};

    (void)state;
    assert_frame_json(rewritten(2, changes),
                      "{\"request_id\":\"r\",\"target_id\":null,\"type\":\"call\",\"x\":1}");
}

static void test_nothing_to_change_leaves_the_message_as_it_is(void **state)
{
    struct block *frame = rewritten(0, NULL);

    (void)state;
    assert_bytes(frame_body(frame), call);
    block_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named_keys_get_other_values_and_the_rest_stays),
        cmocka_unit_test(test_a_key_that_was_not_there_is_added),
        cmocka_unit_test(test_a_key_without_a_value_is_left_out),
        cmocka_unit_test(test_nothing_to_change_leaves_the_message_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
