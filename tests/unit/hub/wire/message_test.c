/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/message.h"

#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/unit.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

/* A call with keys known and unknown, a nested value in `data` and an empty path. */
#define CALL                                                                                                 \
    "\x88\xa4type\xa4"                                                                                       \
    "call\xa7"                                                                                               \
    "channel\xa1"                                                                                            \
    "c\xa5"                                                                                                  \
    "extra\x01\xa4"                                                                                          \
    "data\x92\x01\x81\xa4type\xa1x"                                                                          \
    "\xa4path\x90\xa8is_final\xc2\xaarequest_id\xc0\xa9timestamp\xce\x65\x53\xf1\x00"

static void test_keys_are_found_where_they_stand(void **state)
{
    struct bytes body = BYTES_LITERAL(CALL);
    struct message message;

    (void)state;
    assert_int_equal(message_parse(body, &message), 0);
    assert_int_equal(message.type, MESSAGE_CALL);
    assert_int_equal(message.n_pairs, 8);
    assert_int_equal(message.pairs_offset, 1);
    assert_true(message_has(&message, KEY_CHANNEL));
    assert_bytes(message_raw(&message, KEY_CHANNEL), BYTES_LITERAL("\xa1"
                                                                   "c"));
    assert_bytes(message_raw(&message, KEY_DATA), BYTES_LITERAL("\x92\x01\x81\xa4type\xa1x"));
    assert_bytes(message_raw(&message, KEY_REQUEST_ID), BYTES_LITERAL("\xc0"));
    assert_bytes(message_raw(&message, KEY_TIMESTAMP), BYTES_LITERAL("\xce\x65\x53\xf1\x00"));
    assert_false(message_has(&message, KEY_EVENT));
    assert_int_equal(message_raw(&message, KEY_EVENT).len, 0);
    for (int key = 0; key < KEY_COUNT; key++) {
        struct message_field field = message.fields[key];
        const char *name = message_key_name((enum message_key)key);

        if (!message_has(&message, (enum message_key)key))
            continue;
        assert_int_equal(body.ptr[field.key_offset], 0xa0 | strlen(name));
        assert_memory_equal(body.ptr + field.key_offset + 1, name, strlen(name));
        assert_int_equal(field.value_offset, field.key_offset + 1 + strlen(name));
    }
}

static void test_every_key_and_every_type_is_recognised(void **state)
{
    struct buffer body = {0};
    struct message message;

    (void)state;
    for (int type = MESSAGE_UNKNOWN + 1; type < MESSAGE_TYPE_COUNT; type++) {
        const char *name = message_type_name((enum message_type)type);

        body.len = 0;
        msgpack_write_map(&body, KEY_COUNT);
        for (int key = 0; key < KEY_COUNT; key++) {
            msgpack_write_str(&body, bytes_of_text(message_key_name((enum message_key)key)));
            if (key == KEY_TYPE)
                msgpack_write_str(&body, bytes_of_text(name));
            else
                msgpack_write_u64(&body, (uint64_t)key);
        }
        assert_row(name, message_parse(buffer_bytes(&body), &message) == 0);
        assert_row(name, message.type == (enum message_type)type);
        for (int key = 0; key < KEY_COUNT; key++)
            if (key != KEY_TYPE)
                assert_row(message_key_name((enum message_key)key),
                           bytes_equal(message_raw(&message, (enum message_key)key),
                                       bytes_of(&(uint8_t){(uint8_t)key}, 1)));
    }
    assert_string_equal(message_type_name(MESSAGE_UNKNOWN), "unknown");
    buffer_clear(&body);
}

/* Each name with any one character changed, shortened or lengthened is a stranger. */
static void test_what_only_resembles_a_key_is_none(void **state)
{
    struct buffer body = {0};

    (void)state;
    for (int key = 0; key < KEY_COUNT; key++) {
        const char *name = message_key_name((enum message_key)key);
        size_t len = strlen(name);

        for (size_t i = 0; i <= len; i++) {
            char other[40];
            struct message message;

            memcpy(other, name, len);
            other[len] = '_';
            if (i < len)
                other[i] ^= 1;
            body.len = 0;
            msgpack_write_map(&body, 3);
            msgpack_write_raw(&body, BYTES_LITERAL("\xa4type\xa4ping"));
            msgpack_write_str(&body, bytes_of(other, i < len ? len : len + 1));
            msgpack_write_nil(&body);
            msgpack_write_str(&body, bytes_of(name, len - 1));
            msgpack_write_nil(&body);
            assert_row(name, message_parse(buffer_bytes(&body), &message) == 0);
            assert_row(name, message.present == UINT64_C(1) << KEY_TYPE);
        }
    }
    buffer_clear(&body);
}

static void test_faults(void **state)
{
    static const struct {
        const char *what;
        struct bytes body;
        int fault;
    } rows[] = {
        {"nothing", TEXT(""), MESSAGE_E_NOT_MSGPACK},
        {"the unused byte", TEXT("\xc1"), MESSAGE_E_NOT_MSGPACK},
        {"an array", TEXT("\x90"), MESSAGE_E_NOT_A_MAP},
        {"a str", TEXT("\xa1x"), MESSAGE_E_NOT_A_MAP},
        {"no pair", TEXT("\x80"), MESSAGE_E_NO_TYPE},
        {"type is a number", TEXT("\x81\xa4type\x01"), MESSAGE_E_NO_TYPE},
        {"type is nil", TEXT("\x81\xa4type\xc0"), MESSAGE_E_NO_TYPE},
        {"type is bin", TEXT("\x81\xa4type\xc4\x04ping"), MESSAGE_E_NO_TYPE},
        {"a byte behind the map", TEXT("\x81\xa4type\xa4ping\x00"), MESSAGE_E_NOT_MSGPACK},
        {"a pair too few", TEXT("\x82\xa4type\xa4ping"), MESSAGE_E_NOT_MSGPACK},
        {"a known key twice", TEXT("\x82\xa4type\xa4ping\xa4type\xa4ping"), MESSAGE_E_KEY_TWICE},
        {"a known key twice, the second long", TEXT("\x82\xa4type\xa4ping\xd9\x04type\xa4ping"),
         MESSAGE_E_KEY_TWICE},
        {"a number as key", TEXT("\x82\xa4type\xa4ping\x01\x02"), MESSAGE_E_KEY_NOT_STR},
        {"bin as key", TEXT("\x82\xa4type\xa4ping\xc4\x01x\x02"), MESSAGE_E_KEY_NOT_STR},
        {"a key that is not UTF-8", TEXT("\x82\xa4type\xa4ping\xa1\xff\x02"), MESSAGE_E_NOT_MSGPACK},
        {"a text that is not UTF-8",
         TEXT("\x82\xa4type\xa4ping\xa4"
              "data\xa1\xff"),
         MESSAGE_E_NOT_MSGPACK},
        {"a nested text that is not UTF-8", TEXT("\x82\xa4type\xa4ping\xa1x\x91\xa1\xff"),
         MESSAGE_E_NOT_MSGPACK},
        {"a map that promises too much", TEXT("\xdf\xff\xff\xff\xff\xa4type\xa4ping"), MESSAGE_E_NOT_MSGPACK},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct message message;
        int fault = message_parse(rows[i].body, &message);

        assert_row(rows[i].what, fault == rows[i].fault);
        assert_row(rows[i].what, strlen(message_fault_text(fault)) > 8);
    }
}

static void test_what_is_no_fault(void **state)
{
    static const struct {
        const char *what;
        struct bytes body;
        enum message_type type;
    } rows[] = {
        {"a type of our own", TEXT("\x81\xa4type\xa4pong"), MESSAGE_PONG},
        {"a type nobody knows", TEXT("\x81\xa4type\xa4pung"), MESSAGE_UNKNOWN},
        {"an empty type", TEXT("\x81\xa4type\xa0"), MESSAGE_UNKNOWN},
        {"long forms", TEXT("\xdf\x00\x00\x00\x01\xdb\x00\x00\x00\x04type\xda\x00\x04ping"), MESSAGE_PING},
        {"an unknown key twice", TEXT("\x83\xa4type\xa4ping\xa1x\x01\xa1x\x02"), MESSAGE_PING},
        {"nested maps with any keys", TEXT("\x82\xa4type\xa4ping\xa1x\x82\x01\x02\x01\x02"), MESSAGE_PING},
        {"ext and bin", TEXT("\x83\xa4type\xa4ping\xa1x\xd4\x01\xff\xa1y\xc4\x01\xff"), MESSAGE_PING},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct message message;

        assert_row(rows[i].what, message_parse(rows[i].body, &message) == 0);
        assert_row(rows[i].what, message.type == rows[i].type);
    }
}

static void test_cut_anywhere_it_is_no_message(void **state)
{
    struct bytes body = BYTES_LITERAL(CALL);

    (void)state;
    for (size_t len = 0; len < body.len; len++) {
        uint8_t *cut = malloc(len + 1); /* behind it the address sanitizer watches */
        struct message message;

        memcpy(cut + 1, body.ptr, len);
        assert_int_equal(message_parse(bytes_of(cut + 1, len), &message), MESSAGE_E_NOT_MSGPACK);
        free(cut);
    }
}

static void test_values_nest_to_their_limit(void **state)
{
    struct buffer body = {0};
    struct message message;

    (void)state;
    for (int beyond = 0; beyond < 2; beyond++) {
        body.len = 0;
        msgpack_write_map(&body, 2);
        msgpack_write_raw(&body, BYTES_LITERAL("\xa4type\xa4ping\xa4"
                                               "data"));
        for (int i = 0; i < MSGPACK_MAX_DEPTH + beyond - 1; i++)
            msgpack_write_array(&body, 1);
        msgpack_write_array(&body, 0);
        assert_int_equal(message_parse(buffer_bytes(&body), &message), beyond ? MESSAGE_E_TOO_DEEP : 0);
    }
    buffer_clear(&body);
}

static void test_a_nested_message_may_lack_its_type(void **state)
{
    struct message message;

    (void)state;
    assert_int_equal(message_parse_nested(BYTES_LITERAL("\x81\xa7"
                                                        "channel\xa1"
                                                        "c"),
                                          MESSAGE_REGISTER, &message),
                     0);
    assert_int_equal(message.type, MESSAGE_REGISTER);
    assert_bytes(message_raw(&message, KEY_CHANNEL), BYTES_LITERAL("\xa1"
                                                                   "c"));
    assert_int_equal(message_parse_nested(BYTES_LITERAL("\x81\xa4type\xc0"), MESSAGE_REGISTER, &message), 0);
    assert_int_equal(message.type, MESSAGE_REGISTER);
    assert_int_equal(message_parse_nested(BYTES_LITERAL("\x81\xa4type\xa4send"), MESSAGE_REGISTER, &message),
                     0);
    assert_int_equal(message.type, MESSAGE_SEND);
    assert_int_equal(message_parse_nested(BYTES_LITERAL("\x81\xa4type\x01"), MESSAGE_REGISTER, &message),
                     MESSAGE_E_NO_TYPE);
    assert_int_equal(message_parse_nested(BYTES_LITERAL("\xc0"), MESSAGE_REGISTER, &message),
                     MESSAGE_E_NOT_A_MAP);
}

static void test_texts_and_bools(void **state)
{
    struct message message;
    struct bytes text;
    bool value;

    (void)state;
    assert_int_equal(message_parse(BYTES_LITERAL("\x86\xa4type\xa4ping\xa7"
                                                 "channel\xd9\x02gr\xa5"
                                                 "event\xc0"
                                                 "\xa8is_final\xc3\xa9is_stream\xc0\xa9sender_id\x01"),
                                   &message),
                     0);
    assert_int_equal(message_text(&message, KEY_CHANNEL, &text), 0);
    assert_text(text, "gr");
    assert_int_equal(message_text(&message, KEY_EVENT, &text), MESSAGE_E_ABSENT);
    assert_null(text.ptr);
    assert_int_equal(message_text(&message, KEY_MODE, &text), MESSAGE_E_ABSENT);
    assert_null(text.ptr);
    assert_int_equal(message_text(&message, KEY_SENDER_ID, &text), MESSAGE_E_WRONG_TYPE);
    assert_null(text.ptr);

    assert_int_equal(message_bool(&message, KEY_IS_FINAL, false, &value), 0);
    assert_true(value);
    assert_int_equal(message_bool(&message, KEY_IS_STREAM, true, &value), 0);
    assert_true(value);
    assert_int_equal(message_bool(&message, KEY_IS_GROUP, false, &value), 0);
    assert_false(value);
    assert_int_equal(message_bool(&message, KEY_SENDER_ID, true, &value), MESSAGE_E_WRONG_TYPE);
}

static void test_looking_for_a_hub_in_the_path(void **state)
{
    static const struct {
        const char *what;
        struct bytes body;
        int outcome;
        uint32_t n_hops;
    } rows[] = {
        {"no path", TEXT("\x81\xa4type\xa4ping"), 0, 0},
        {"nil", TEXT("\x82\xa4type\xa4ping\xa4path\xc0"), 0, 0},
        {"empty", TEXT("\x82\xa4type\xa4ping\xa4path\x90"), 0, 0},
        {"others", TEXT("\x82\xa4type\xa4ping\xa4path\x92\xa4hub1\xa3hub"), 0, 2},
        {"first", TEXT("\x82\xa4type\xa4ping\xa4path\x92\xa4hub2\xa4hub1"), MESSAGE_PATH_HAS, 2},
        {"last, in a long form", TEXT("\x82\xa4type\xa4ping\xa4path\xdc\x00\x02\xa1x\xd9\x04hub2"),
         MESSAGE_PATH_HAS, 2},
        {"a str", TEXT("\x82\xa4type\xa4ping\xa4path\xa4hub2"), MESSAGE_E_WRONG_TYPE, 0},
        {"a number in it", TEXT("\x82\xa4type\xa4ping\xa4path\x92\xa4hub2\x01"), MESSAGE_E_WRONG_TYPE, 0},
        {"an array in it", TEXT("\x82\xa4type\xa4ping\xa4path\x91\x91\xa4hub2"), MESSAGE_E_WRONG_TYPE, 0},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct message message;
        uint32_t n_hops = 4711;

        assert_row(rows[i].what, message_parse(rows[i].body, &message) == 0);
        assert_row(rows[i].what,
                   message_path_has(&message, BYTES_LITERAL("hub2"), &n_hops) == rows[i].outcome);
        assert_row(rows[i].what, n_hops == rows[i].n_hops);
        assert_row(rows[i].what, message_path_has(&message, BYTES_LITERAL("hub2"), NULL) == rows[i].outcome);
    }
}

static void test_a_path_ends_at_its_limit(void **state)
{
    struct buffer body = {0};
    struct message message;
    uint32_t n_hops;

    (void)state;
    for (uint32_t n = MESSAGE_MAX_PATH; n <= MESSAGE_MAX_PATH + 1; n++) {
        body.len = 0;
        msgpack_write_map(&body, 2);
        msgpack_write_raw(&body, BYTES_LITERAL("\xa4type\xa4ping\xa4path"));
        msgpack_write_array(&body, n);
        for (uint32_t i = 0; i < n; i++)
            msgpack_write_str(&body, BYTES_LITERAL("x"));
        assert_int_equal(message_parse(buffer_bytes(&body), &message), 0);
        assert_int_equal(message_path_has(&message, BYTES_LITERAL("y"), &n_hops),
                         n > MESSAGE_MAX_PATH ? MESSAGE_E_WRONG_TYPE : 0);
        assert_int_equal(n_hops, n > MESSAGE_MAX_PATH ? 0 : n);
    }
    buffer_clear(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_found_where_they_stand),
        cmocka_unit_test(test_every_key_and_every_type_is_recognised),
        cmocka_unit_test(test_what_only_resembles_a_key_is_none),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_what_is_no_fault),
        cmocka_unit_test(test_cut_anywhere_it_is_no_message),
        cmocka_unit_test(test_values_nest_to_their_limit),
        cmocka_unit_test(test_a_nested_message_may_lack_its_type),
        cmocka_unit_test(test_texts_and_bools),
        cmocka_unit_test(test_looking_for_a_hub_in_the_path),
        cmocka_unit_test(test_a_path_ends_at_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
