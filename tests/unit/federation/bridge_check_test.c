/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/bridge_check.h"

#include "tests/support/unit.h"

static const char *const topics[] = {"news"};

static void test_what_a_python_hub_has_no_part_in_is_refused(void **state)
{
    static const struct {
        const char *what;
        struct bridge_spec spec;
        const char *member;
    } rows[] = {
        {"durable topics", {.durable.topics = {1, topics}}, "durable/topics"},
        {"management", {.management = BRIDGE_MANAGEMENT_READ}, "management"},
        {"a pinned name", {.address = "tls://far:1", .tls.pinned_name = "far"}, "tls/pinned_name"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct bridge_spec spec = rows[i].spec;
        struct bridge_fault fault;

        spec.name = "to-far";
        spec.cost = 1;
        spec.address = spec.address ? spec.address : "unix:/far";
        assert_row(rows[i].what, bridge_check(&spec, &fault) == 0);
        spec.kind = BRIDGE_REFERENCE;
        assert_row(rows[i].what, bridge_check(&spec, &fault) == FEDERATION_E_INVALID);
        assert_string_equal(fault.member, rows[i].member);
        spec.kind = BRIDGE_AUTO;
        assert_row(rows[i].what, bridge_check(&spec, &fault) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_python_hub_has_no_part_in_is_refused),
    };

    return cmocka_run_group_tests_name("bridge_check", tests, NULL, NULL);
}
