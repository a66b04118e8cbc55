/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Expected texts and signatures are those of Python's json, hmac and hashlib. */
#include "hub/wire/signature.h"

#include <errno.h>

#include "hub/base/text.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

/* The bytes 0 to 31. */
static const uint8_t key[SIGNATURE_KEY_BYTES] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                                 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static const struct row {
    const char *what;
    struct bytes body;
    const char *text;
    const char *signature;
} rows[] = {
    {"a call",
     TEXT("\xde\x00\x11\xa4type\xa4"
          "call\xa7"
          "channel\xa6orders\xa5"
          "event\xa5price\xa4"
          "data\x82\xa1"
          "b\x93\x01\xcb@\x04\x00\x00\x00\x00\x00\x00\xc0\xa1"
          "a\xa2\xc3\xbc\xaarequest_id\xa3r-1\xa9sender_id\xa1"
          "c\xa9server_id\xa1h\xa9timestamp\xce"
          "eS\xf1\x00\xa9target_id\xc0\xa4path\x91\xa1h\xa9is_stream\xc2\xa8is_final\xc3\xb0origin_server_"
          "id\xc0\xa8sub_name\xc0\xa8metadata\x80\xa4mode\xa6"
          "client\xa9signature\xa2"
          "00"),
     "channel:\"orders\"|data:{\"a\":\"\\u00fc\",\"b\":[1,2.5,null]}|event:\"price\"|is_final:true|is_stream:"
     "false|origin_server_id:null|request_id:\"r-1\"|sender_id:\"c\"|sub_name:null|target_id:null|timestamp:"
     "1700000000",
     "2a07d5988fac832cbc0e5cad187567528e85a3e2537ee983ce49c1087ac36fb4"},
    {"only a challenge",
     TEXT("\x82\xa4type\xa1x\xa9"
          "challenge\xa3"
          "abc"),
     "challenge:\"abc\"", "e75534352f27a1822d279934be3e79b4b1c60d4d774c30de0993850f49a9ad5a"},
    {"nothing signed", TEXT("\x81\xa4type\xa4ping"), "",
     "d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb"},
};

static void test_known_signatures(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct buffer text = {0};
        struct message message;
        char signature[SIGNATURE_TEXT];

        assert_row(rows[i].what, message_parse(rows[i].body, &message) == 0);
        assert_row(rows[i].what, signature_text(&message, &text) == 0);
        assert_text(buffer_bytes(&text), rows[i].text);
        assert_row(rows[i].what, signature_make(key, &message, signature) == 0);
        assert_string_equal(signature, rows[i].signature);
        buffer_clear(&text);
    }
}

static void test_known_keys(void **state)
{
    static const struct {
        const char *password;
        const char *channel;
        const char *hex;
    } keys[] = {
        {"hunter2", "orders", "8429c2a0e176b263f0ee073ca1454bf0cc7c92f131f2621c7a14047a6b950165"},
        {"", "", "64a868d4b23af696d3734d0b814d04cdd1ac280128e97653a05f32b49c13a29a"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(keys); i++) {
        uint8_t derived[SIGNATURE_KEY_BYTES];
        char hex[2 * SIGNATURE_KEY_BYTES + 1];

        assert_int_equal(
            signature_derive_key(bytes_of_text(keys[i].password), bytes_of_text(keys[i].channel), derived),
            0);
        text_hex(derived, sizeof derived, hex);
        assert_string_equal(hex, keys[i].hex);
    }
}

static void test_a_view_without_bytes_is_an_empty_password(void **state)
{
    uint8_t derived[SIGNATURE_KEY_BYTES];
    uint8_t other[SIGNATURE_KEY_BYTES];

    (void)state;
    assert_int_equal(signature_derive_key(BYTES_NONE, BYTES_NONE, derived), 0);
    assert_int_equal(signature_derive_key(BYTES_LITERAL(""), BYTES_LITERAL(""), other), 0);
    assert_memory_equal(derived, other, sizeof derived);
}

static void test_binary_data_cannot_be_signed(void **state)
{
    struct message message;
    char signature[SIGNATURE_TEXT];

    (void)state;
    assert_int_equal(message_parse(BYTES_LITERAL("\x82\xa4type\xa4"
                                                 "call\xa4"
                                                 "data\xc4\x01x"),
                                   &message),
                     0);
    assert_int_equal(signature_make(key, &message, signature), SIGNATURE_E_NOT_JSON);
    /* Beside the signed keys it may stand. */
    assert_int_equal(message_parse(BYTES_LITERAL("\x82\xa4type\xa4"
                                                 "call\xa5other\xc4\x01x"),
                                   &message),
                     0);
    assert_int_equal(signature_make(key, &message, signature), 0);
}

static void test_without_memory(void **state)
{
    struct message message;

    (void)state;
    assert_int_equal(message_parse(rows[0].body, &message), 0);
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        char signature[SIGNATURE_TEXT];
        int r = signature_make(key, &message, signature);

        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        if (r == 0)
            assert_string_equal(signature, rows[0].signature);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_signatures),
        cmocka_unit_test(test_known_keys),
        cmocka_unit_test(test_a_view_without_bytes_is_an_empty_password),
        cmocka_unit_test(test_binary_data_cannot_be_signed),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
