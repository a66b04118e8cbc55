/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/error_text.h"

#include "hub/base/text.h"
#include "tests/support/unit.h"

static void test_texts_that_programs_know_are_exact(void **state)
{
    static const struct {
        enum error_text id;
        const char *text;
    } rows[] = {
        {ERROR_CLIENT_ID_IN_USE, "Client ID one already in use"},
        {ERROR_AUTHENTICATION_FAILED, "Authentication failed"},
        {ERROR_NO_PROVIDER, "No provider for one:two"},
        {ERROR_PROVIDER_EXISTS, "Provider already exists for one:two and group mode is incompatible"},
        {ERROR_EVENT_NAME_REQUIRED, "Event name required for provider registration"},
        {ERROR_CHANNEL_RESERVED, "Channel name one is reserved"},
        {ERROR_SUBSCRIPTION_RESERVED, "Subscription name one is reserved"},
        {ERROR_SUBSCRIPTION_NOT_OWNED, "Not the owner or subscription does not exist"},
        {ERROR_NOT_CHANNEL_OWNER, "Only the channel owner can set or change the password"},
        {ERROR_PASSWORD_CHANGED, "Channel password changed, please reconnect"},
        {ERROR_OWNER_DISCONNECTED, "Channel one owner disconnected, channel terminated"},
        {ERROR_CHALLENGE_UNKNOWN, "Invalid or expired challenge"},
        {ERROR_CHALLENGE_EXPIRED, "Challenge expired"},
        {ERROR_WRONG_PASSWORD, "Invalid channel password"},
    };
    char buffer[ERROR_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        assert_text(error_text_format(rows[i].id, BYTES_LITERAL("one"), BYTES_LITERAL("two"), buffer),
                    rows[i].text);
}

static void test_every_text_fits_with_two_longest_names(void **state)
{
    char name[255];
    char buffer[ERROR_TEXT_SIZE];

    (void)state;
    memset(name, 'n', sizeof name);
    for (int id = 0; id < ERROR_TEXT_COUNT; id++) {
        struct bytes text =
            error_text_format((enum error_text)id, bytes_of(name, 255), bytes_of(name, 255), buffer);

        assert_in_range(text.len, 1, ERROR_TEXT_SIZE - 2);
        assert_ptr_equal(text.ptr, buffer);
        assert_int_equal(buffer[text.len], '\0');
        assert_null(memchr(text.ptr, '%', text.len));
    }
}

static void test_a_name_with_percents_is_only_text(void **state)
{
    char buffer[ERROR_TEXT_SIZE];

    (void)state;
    assert_text(error_text_format(ERROR_NO_PROVIDER, BYTES_LITERAL("%2%s"), BYTES_LITERAL("%1%n"), buffer),
                "No provider for %2%s:%1%n");
    assert_text(error_text_format(ERROR_NO_PROVIDER, BYTES_NONE, BYTES_NONE, buffer), "No provider for :");
}

static void test_a_longer_text_is_cut_between_characters(void **state)
{
    static char name[4000];
    char buffer[ERROR_TEXT_SIZE];

    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        struct bytes text;

        memset(name, 'x', shift);
        for (size_t i = shift; i + 4 <= sizeof name; i += 4)
            memcpy(name + i, "\xf0\x9f\x98\x80", 4);
        text = error_text_format(ERROR_UNKNOWN_TYPE, bytes_of(name, sizeof name), BYTES_NONE, buffer);
        assert_in_range(text.len, ERROR_TEXT_SIZE - 4, ERROR_TEXT_SIZE - 1);
        assert_int_equal(buffer[text.len], '\0');
        assert_true(text_is_utf8(text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_that_programs_know_are_exact),
        cmocka_unit_test(test_every_text_fits_with_two_longest_names),
        cmocka_unit_test(test_a_name_with_percents_is_only_text),
        cmocka_unit_test(test_a_longer_text_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
