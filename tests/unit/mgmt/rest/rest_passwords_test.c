/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Passwords of channels: set, pinned, stored and taken away
 */
#include "hub/wire/signature.h"
#include "mgmt/store/store_password.h"
#include "tests/unit/mgmt/rest/rest_stand.h"

static void test_a_password_is_set_stored_and_taken_away(void **state)
{
    char why[STORE_WHY_SIZE];
    struct buffer stored = {0};

    (void)state;
    expect("PUT", "/api/v1/channels/a%2Fb%20c/password", "{\"password\": \"open sesame\"}", 204);
    assert_string_equal(fake_controls_password("a/b c")->password, "open sesame");
    assert_false(fake_controls_password("a/b c")->has_key);
    assert_int_equal(store_password_find(stand.store, BYTES_LITERAL("a/b c"), &stored, why), 0);
    assert_true(bytes_equal_text(buffer_bytes(&stored), "open sesame"));
    expect("DELETE", "/api/v1/channels/a%2Fb%20c/password", NULL, 204);
    assert_string_equal(fake_controls_password("a/b c")->password, "");
    expect_problem("DELETE", "/api/v1/channels/a%2Fb%20c/password", NULL, 404);
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"\"}", 422);
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{\"password\": 5}", 422);
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{}", 422);
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"x\", \"y\": 1}", 422);
    buffer_clear(&stored);
}

static void test_a_system_channel_gets_its_signing_key(void **state)
{
    uint8_t key[SIGNATURE_KEY_BYTES];

    (void)state;
    expect("PUT", "/api/v1/channels/__comm_ipc_logs/password", "{\"password\": \"pw\"}", 204);
    assert_true(fake_controls_password("__comm_ipc_logs")->has_key);
    assert_int_equal(signature_derive_key(BYTES_LITERAL("pw"), BYTES_LITERAL("__comm_ipc_logs"), key), 0);
    assert_memory_equal(fake_controls_password("__comm_ipc_logs")->key, key, sizeof key);
}

static void test_a_password_of_the_configuration_is_pinned(void **state)
{
    (void)state;
    fake_controls.pinned_channel = "__comm_ipc_logs";
    expect_problem("PUT", "/api/v1/channels/__comm_ipc_logs/password", "{\"password\": \"pw\"}", 409);
    expect_problem("DELETE", "/api/v1/channels/__comm_ipc_logs/password", NULL, 409);
    assert_int_equal(fake_controls.n_passwords, 0);
}

static void test_a_password_the_hub_does_not_take_is_taken_back(void **state)
{
    char why[STORE_WHY_SIZE];
    struct buffer stored = {0};

    (void)state;
    expect("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"old\"}", 204);
    fake_controls.refuses_passwords = true;
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"new\"}", 500);
    expect_problem("PUT", "/api/v1/channels/other/password", "{\"password\": \"new\"}", 500);
    expect_problem("DELETE", "/api/v1/channels/jobs/password", NULL, 500);
    assert_int_equal(store_password_find(stand.store, BYTES_LITERAL("jobs"), &stored, why), 0);
    assert_true(bytes_equal_text(buffer_bytes(&stored), "old"));
    assert_int_equal(store_password_find(stand.store, BYTES_LITERAL("other"), &stored, why), STORE_E_UNKNOWN);
    buffer_clear(&stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_password_is_set_stored_and_taken_away),
        TEST(test_a_system_channel_gets_its_signing_key),
        TEST(test_a_password_of_the_configuration_is_pinned),
        TEST(test_a_password_the_hub_does_not_take_is_taken_back),
#undef TEST
    };

    return cmocka_run_group_tests_name("rest, passwords of channels", tests, NULL, NULL);
}
