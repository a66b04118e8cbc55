/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/bridge_policy.h"

#include "tests/support/unit.h"

#define CALLS (1U << BRIDGE_CALLS)

static void test_a_star_stands_for_any_characters(void **state)
{
    static const struct {
        const char *pattern;
        const char *channel;
        bool matches;
    } rows[] = {
        {"room", "room", true},        {"room", "rooms", false},
        {"room", "roo", false},        {"*", "", true},
        {"*", "anything", true},       {"room*", "room", true},
        {"room*", "room.a", true},     {"room*", "a.room", false},
        {"*room", "a.room", true},     {"*room", "room.a", false},
        {"a*c", "abc", true},          {"a*c", "ac", true},
        {"a*c", "abcd", false},        {"a*b*c", "axbxbxc", true},
        {"a*b*c", "axc", false},       {"**a**", "xax", true},
        {"*ab", "aab", true},          {"*aab", "aaab", true},
        {"a*a", "a", false},           {"*.temp.*", "x.temp.y", true},
        {"*.temp.*", "x.temp", false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        assert_row(rows[i].pattern,
                   bridge_policy_matches(rows[i].pattern, bytes_of_text(rows[i].channel)) == rows[i].matches);
}

static void test_many_stars_do_not_take_for_ever(void **state)
{
    char channel[256];

    (void)state;
    memset(channel, 'a', sizeof channel - 1);
    channel[255] = '\0';
    assert_false(
        bridge_policy_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", bytes_of_text(channel)));
}

static void test_without_patterns_all_but_system_channels_pass(void **state)
{
    (void)state;
    assert_true(bridge_policy_lets(NULL, BRIDGE_IN, CALLS, BYTES_LITERAL("room")));
    assert_false(bridge_policy_lets(NULL, BRIDGE_IN, CALLS, BYTES_LITERAL("__comm_ipc_logs")));
}

static void test_deny_beats_allow_and_system_channels_never_pass(void **state)
{
    const char *allow[] = {"room*", "__comm_ipc_*"};
    const char *deny[] = {"room.secret*"};
    struct bridge_spec spec = {.channels = {.allow = {2, allow}, .deny = {1, deny}}};
    struct bridge_policy policy;

    (void)state;
    assert_int_equal(bridge_policy_init(&policy, &spec), 0);
    assert_true(bridge_policy_lets(&policy, BRIDGE_IN, CALLS, BYTES_LITERAL("room.a")));
    assert_false(bridge_policy_lets(&policy, BRIDGE_IN, CALLS, BYTES_LITERAL("hall")));
    assert_false(bridge_policy_lets(&policy, BRIDGE_IN, CALLS, BYTES_LITERAL("room.secret.1")));
    assert_false(bridge_policy_lets(&policy, BRIDGE_IN, CALLS, BYTES_LITERAL("__comm_ipc_system")));
    bridge_policy_clear(&policy);
}

static void test_each_direction_has_a_filter_of_its_own_besides_the_common_one(void **state)
{
    const char *all[] = {"room*"};
    const char *in[] = {"room.in*"};
    const char *out[] = {"room.out*"};
    struct bridge_spec spec = {.channels.allow = {1, all}, .in.allow = {1, in}, .out.deny = {1, out}};
    struct bridge_policy policy;

    (void)state;
    assert_int_equal(bridge_policy_init(&policy, &spec), 0);
    assert_true(bridge_policy_lets(&policy, BRIDGE_IN, CALLS, BYTES_LITERAL("room.in1")));
    assert_false(bridge_policy_lets(&policy, BRIDGE_IN, CALLS, BYTES_LITERAL("room.x")));
    assert_true(bridge_policy_lets(&policy, BRIDGE_OUT, CALLS, BYTES_LITERAL("room.x")));
    assert_false(bridge_policy_lets(&policy, BRIDGE_OUT, CALLS, BYTES_LITERAL("room.out1")));
    assert_false(bridge_policy_lets(&policy, BRIDGE_OUT, CALLS, BYTES_LITERAL("hall")));
    bridge_policy_clear(&policy);
}

static void test_only_the_classes_of_the_bridge_pass(void **state)
{
    struct bridge_spec spec = {.classes = CALLS | 1U << BRIDGE_MEMBERS};
    struct bridge_policy policy;

    (void)state;
    assert_int_equal(bridge_policy_init(&policy, &spec), 0);
    assert_true(bridge_policy_lets(&policy, BRIDGE_IN, CALLS, BYTES_LITERAL("room")));
    assert_true(bridge_policy_lets(&policy, BRIDGE_OUT, CALLS | 1U << BRIDGE_SENDS, BYTES_LITERAL("room")));
    assert_false(bridge_policy_lets(&policy, BRIDGE_IN, 1U << BRIDGE_SENDS, BYTES_LITERAL("room")));
    assert_false(bridge_policy_lets(&policy, BRIDGE_IN, 1U << BRIDGE_BROADCASTS, BYTES_LITERAL("room")));
    bridge_policy_clear(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_star_stands_for_any_characters),
        cmocka_unit_test(test_many_stars_do_not_take_for_ever),
        cmocka_unit_test(test_without_patterns_all_but_system_channels_pass),
        cmocka_unit_test(test_deny_beats_allow_and_system_channels_never_pass),
        cmocka_unit_test(test_each_direction_has_a_filter_of_its_own_besides_the_common_one),
        cmocka_unit_test(test_only_the_classes_of_the_bridge_pass),
    };

    return cmocka_run_group_tests_name("bridge_policy", tests, NULL, NULL);
}
