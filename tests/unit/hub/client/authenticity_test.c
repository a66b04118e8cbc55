/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Known answers, made with Python's hashlib, hmac and json.
 */
#include "tests/support/unit.h"

#include "hub/wire/authenticity.h"
#include "hub/client/draft.h"
#include "hub/wire/frame.h"
#include "hub/wire/message.h"

#define KNOWN "6df032480af592c3fc5622a2dabe4609b7395e9cd49316ce88a1cc1920c84e5d"

/* {"n": [1, 2.5, 1e16, nil, true, "é😀"]} */
static const struct bytes data = {(const uint8_t *)"\x81\xa1n\x96\x01\xcb\x40\x04\0\0\0\0\0\0"
                                                   "\xcb\x43\x41\xc3\x79\x37\xe0\x80\0\xc0\xc3"
                                                   "\xa6\xc3\xa9\xf0\x9f\x98\x80",
                                  32};

static void make_key(uint8_t out_key[SIGNATURE_KEY_BYTES])
{
    assert_int_equal(signature_derive_key(BYTES_LITERAL("hunter2"), BYTES_LITERAL("vault"), out_key), 0);
}

/* The fields that differ from their defaults, and all of them. */
static struct block *make(bool is_full, const char *sender, const char *signature)
{
    struct draft draft;

    draft_begin(&draft, "broadcast");
    draft_text(&draft, "channel", BYTES_LITERAL("vault"));
    draft_text(&draft, "event", BYTES_LITERAL("note"));
    draft_raw(&draft, "data", data);
    draft_text(&draft, "sender_id", bytes_of_text(sender));
    draft_text(&draft, "origin_server_id", BYTES_LITERAL("hub"));
    draft_u64(&draft, "timestamp", 1700000000);
    if (is_full) {
        draft_text(&draft, "request_id", BYTES_NONE);
        draft_text(&draft, "target_id", BYTES_NONE);
        draft_text(&draft, "sub_name", BYTES_NONE);
        draft_bool(&draft, "is_stream", false);
        draft_bool(&draft, "is_final", true);
    }
    if (signature)
        draft_text(&draft, "signature", bytes_of_text(signature));
    return draft_finish(&draft);
}

static int check_message(bool is_full, const char *sender, const char *signature)
{
    uint8_t key[SIGNATURE_KEY_BYTES];
    struct block *frame = make(is_full, sender, signature);
    struct message message;
    int r;

    make_key(key);
    assert_int_equal(message_parse(frame_body(frame), &message), 0);
    r = authenticity_check(&message, key, 0);
    block_unref(frame);
    return r;
}

static void test_what_python_has_signed_is_authentic(void **state)
{
    (void)state;
    assert_int_equal(check_message(true, "alice", KNOWN), 0);
}

static void test_absent_fields_count_with_their_defaults(void **state)
{
    (void)state;
    assert_int_equal(check_message(false, "alice", KNOWN), 0);
}

static void test_everything_else_is_forged(void **state)
{
    (void)state;
    assert_int_equal(check_message(true, "mallory", KNOWN), AUTHENTICITY_E_FORGED);
    assert_int_equal(check_message(true, "alice", NULL), AUTHENTICITY_E_UNSIGNED);
    assert_int_equal(check_message(true, "alice", ""), AUTHENTICITY_E_FORGED);
    assert_int_equal(
        check_message(true, "alice", "7df032480af592c3fc5622a2dabe4609b7395e9cd49316ce88a1cc1920c84e5d"),
        AUTHENTICITY_E_FORGED);
}

static void test_what_we_sign_python_would_find_authentic(void **state)
{
    uint8_t key[SIGNATURE_KEY_BYTES];
    struct message message;
    struct bytes signature;
    struct draft draft;
    struct block *frame;

    (void)state;
    make_key(key);
    draft_begin(&draft, "broadcast");
    draft_text(&draft, "channel", BYTES_LITERAL("vault"));
    draft_text(&draft, "event", BYTES_LITERAL("note"));
    draft_raw(&draft, "data", data);
    draft_text(&draft, "sender_id", BYTES_LITERAL("alice"));
    draft_text(&draft, "origin_server_id", BYTES_LITERAL("hub"));
    draft_u64(&draft, "timestamp", 1700000000);
    draft_text(&draft, "request_id", BYTES_NONE);
    draft_text(&draft, "target_id", BYTES_NONE);
    draft_text(&draft, "sub_name", BYTES_NONE);
    draft_bool(&draft, "is_stream", false);
    draft_bool(&draft, "is_final", true);
    assert_int_equal(draft_sign(&draft, key), 0);
    frame = draft_finish(&draft);
    assert_int_equal(message_parse(frame_body(frame), &message), 0);
    assert_int_equal(message_text(&message, KEY_SIGNATURE, &signature), 0);
    assert_text(signature, KNOWN);
    block_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_python_has_signed_is_authentic),
        cmocka_unit_test(test_absent_fields_count_with_their_defaults),
        cmocka_unit_test(test_everything_else_is_forged),
        cmocka_unit_test(test_what_we_sign_python_would_find_authentic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
