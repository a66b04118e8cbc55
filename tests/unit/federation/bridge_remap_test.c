/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/bridge_remap.h"

#include "federation/bridge_check.h"
#include "tests/support/unit.h"

static const struct bridge_rename swapped[] = {{"near.", "far."}, {"near.deep.", "deep."}, {"", "all."}};
static const struct bridge_renames none = {0, NULL};

static bool out_is(const struct bridge_remap *remap, const char *here, const char *there)
{
    struct bridge_remap_room room;
    struct bytes name;

    if (!bridge_remap_out(remap, bytes_of_text(here), &room, &name))
        return there == NULL;
    return there && bytes_equal_text(name, there);
}

static bool in_is(const struct bridge_remap *remap, const char *there, const char *here)
{
    struct bridge_remap_room room;
    struct bytes name;

    if (!bridge_remap_in(remap, bytes_of_text(there), &room, &name))
        return here == NULL;
    return here && bytes_equal_text(name, here);
}

static void test_the_longest_beginning_is_replaced_and_comes_back(void **state)
{
    const struct bridge_renames out = {3, swapped};
    struct bridge_remap remap;

    (void)state;
    assert_int_equal(bridge_remap_init(&remap, &none, &out), 0);
    assert_true(out_is(&remap, "near.a", "far.a"));
    assert_true(out_is(&remap, "near.deep.a", "deep.a"));
    assert_true(out_is(&remap, "other", "all.other"));
    assert_true(in_is(&remap, "far.a", "near.a"));
    assert_true(in_is(&remap, "deep.a", "near.deep.a"));
    assert_true(in_is(&remap, "all.other", "other"));
    bridge_remap_clear(&remap);
}

static void test_a_direction_that_is_left_out_is_the_inverse(void **state)
{
    const struct bridge_rename rule[] = {{"far.", "near."}};
    const struct bridge_renames in = {1, rule};
    struct bridge_remap remap;

    (void)state;
    assert_int_equal(bridge_remap_init(&remap, &in, &none), 0);
    assert_true(in_is(&remap, "far.a", "near.a"));
    assert_true(out_is(&remap, "near.a", "far.a"));
    assert_true(out_is(&remap, "other", "other"));
    bridge_remap_clear(&remap);
}

static void test_a_name_that_would_come_back_as_another_does_not_cross(void **state)
{
    const struct bridge_rename rule[] = {{"a.", "b."}};
    const struct bridge_renames out = {1, rule};
    struct bridge_remap remap;

    (void)state;
    assert_int_equal(bridge_remap_init(&remap, &none, &out), 0);
    assert_true(out_is(&remap, "b.x", NULL)); /* would come back as a.x */
    assert_true(in_is(&remap, "a.x", NULL));  /* would go back as b.x */
    assert_true(out_is(&remap, "a.b.x", "b.b.x"));
    bridge_remap_clear(&remap);
}

static void test_a_name_stays_one_on_the_other_side(void **state)
{
    const struct bridge_rename rules[] = {{"a", ""}, {"b", "a long beginning "}};
    const struct bridge_renames out = {2, rules};
    struct bridge_remap remap;
    char longest[NAME_MAX_BYTES + 1] = "b";

    (void)state;
    memset(longest + 1, 'x', NAME_MAX_BYTES - 1);
    assert_int_equal(bridge_remap_init(&remap, &none, &out), 0);
    assert_true(out_is(&remap, "a", NULL)); /* nothing would be left */
    assert_true(out_is(&remap, longest, NULL));
    assert_true(out_is(&remap, "bx", "a long beginning x"));
    bridge_remap_clear(&remap);
}

static void test_rules_that_do_not_lead_back_are_refused_and_both_are_named(void **state)
{
    const struct {
        const char *what;
        struct bridge_rename out[2];
        struct bridge_rename in[2];
        size_t n_out;
        size_t n_in;
        const char *member;
        const char *words[2];
    } rows[] = {
        {"a cycle", {{"a.", "b."}}, {{"b.", "c."}}, 1, 1, "remap/out/0", {"remap/out/0", "remap/in/0"}},
        {"no way back", {{"a.", "b."}}, {{"x.", "y."}}, 1, 1, "remap/out/0", {"no way back", "remap/in"}},
        {"one way back is missing",
         {{"a.", "b."}},
         {{"b.", "a."}, {"d.", "c."}},
         1,
         2,
         "remap/in/1",
         {"remap/in/1", "remap/out"}},
        {"the same beginning twice",
         {{"a.", "b."}, {"a.", "c."}},
         {{0}},
         2,
         0,
         "remap/out/1",
         {"remap/out/0", "remap/out/1"}},
        {"two names become one",
         {{0}},
         {{"a.", "c."}, {"b.", "c."}},
         0,
         2,
         "remap/in/1",
         {"remap/in/0", "remap/in/1"}},
        {"system channels", {{"__comm_ipc_", "x"}}, {{0}}, 1, 0, "remap/out/0", {"system channels", "never"}},
        {"a control character", {{"a\n", "b"}}, {{0}}, 1, 0, "remap/out/0", {"UTF-8", "control"}},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct bridge_spec spec = {.name = "b", .address = "tcp://h:1", .cost = 1};
        struct bridge_fault fault;

        spec.remap_out = (struct bridge_renames){rows[i].n_out, rows[i].out};
        spec.remap_in = (struct bridge_renames){rows[i].n_in, rows[i].in};
        assert_row(rows[i].what, bridge_check(&spec, &fault) == FEDERATION_E_INVALID);
        assert_row(rows[i].what, strcmp(fault.member, rows[i].member) == 0);
        assert_row(rows[i].what, strstr(fault.why, rows[i].words[0]) && strstr(fault.why, rows[i].words[1]));
    }
}

static void test_rules_that_are_each_others_inverse_are_fine(void **state)
{
    const struct bridge_rename out[] = {{"a.", "b."}, {"b.", "a."}};
    const struct bridge_rename in[] = {{"a.", "b."}, {"b.", "a."}};
    struct bridge_spec spec = {
        .name = "b", .address = "tcp://h:1", .cost = 1, .remap_out = {2, out}, .remap_in = {2, in}};
    struct bridge_fault fault;

    (void)state;
    assert_int_equal(bridge_check(&spec, &fault), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_longest_beginning_is_replaced_and_comes_back),
        cmocka_unit_test(test_a_direction_that_is_left_out_is_the_inverse),
        cmocka_unit_test(test_a_name_that_would_come_back_as_another_does_not_cross),
        cmocka_unit_test(test_a_name_stays_one_on_the_other_side),
        cmocka_unit_test(test_rules_that_do_not_lead_back_are_refused_and_both_are_named),
        cmocka_unit_test(test_rules_that_are_each_others_inverse_are_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
