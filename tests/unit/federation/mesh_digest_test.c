/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Whether two hubs hold the same table: the digests that they tell each other, and what follows
 */
#include "federation/digest.h"
#include "tests/unit/federation/mesh_stand.h"

static void test_what_is_told_again_as_it_stands_is_not_passed_on(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    join(0x20);
    tell(a, 0x10, service_by_a);
    n_told = 0;
    mesh_settle(mesh, at(5000));
    tell(a, 0x10, service_by_a);
    mesh_settle(mesh, at(9000));
    assert_int_equal(n_told, 0);
}

static size_t count_frames(int link, enum link_message_type type)
{
    size_t n = 0;

    for (size_t i = 0; i < n_told; i++)
        n += told[i].link == link && told[i].type == type;
    return n;
}

static void test_a_digest_is_told_every_half_minute_and_the_table_anew_once_for_each(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    provide(1);
    n_told = 0;
    mesh_settle(mesh, at(500 + DIGEST_EVERY_MS - 1));
    assert_int_equal(n_told, 0);
    assert_int_equal(say(a, LINK_MESSAGE_TELL_ALL), MESH_E_BAD_MESSAGE);
    mesh_settle(mesh, at(500 + DIGEST_EVERY_MS));
    mesh_settle(mesh, at(2000 + DIGEST_EVERY_MS));
    assert_int_equal(count_frames(0x10, LINK_MESSAGE_DIGEST), 1);
    assert_int_equal(say(a, LINK_MESSAGE_TELL_ALL), 0);
    assert_int_equal(count_frames(0x10, LINK_MESSAGE_BEGIN), 1);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(told[n_told - 1].type, LINK_MESSAGE_END);
    assert_int_equal(say(a, LINK_MESSAGE_TELL_ALL), MESH_E_BAD_MESSAGE);
}

static void test_a_table_is_asked_for_once_and_told_anew_only_when_it_was_asked_for(void **state)
{
    struct link_message digest = {.type = LINK_MESSAGE_DIGEST, .digest = 77};
    struct mesh_link *a = join(0x10);

    (void)state;
    tell(a, 0x10, service_by_a);
    assert_int_equal(say(a, LINK_MESSAGE_BEGIN), MESH_E_BAD_MESSAGE);
    n_told = 0;
    assert_int_equal(mesh_link_receive(a, &digest, at(31000)), 0);
    assert_int_equal(mesh_link_receive(a, &digest, at(31000)), 0);
    assert_int_equal(count_frames(0x10, LINK_MESSAGE_TELL_ALL), 1);
    assert_int_equal(mesh_link_counts(a).digest_mismatches, 1);
    assert_int_equal(n_warned, 1);
    assert_int_equal(say(a, LINK_MESSAGE_BEGIN), 0);
    assert_int_equal(say(a, LINK_MESSAGE_BEGIN), MESH_E_BAD_MESSAGE);
    assert_int_equal(mesh_counts(mesh).n_candidates, 2);
    assert_int_equal(say(a, LINK_MESSAGE_END), 0);
    assert_int_equal(mesh_counts(mesh).n_candidates, 1);
    /* And now nothing has been told. */
    digest.digest = 0;
    assert_int_equal(mesh_link_receive(a, &digest, at(31000)), 0);
    assert_int_equal(mesh_link_counts(a).digest_mismatches, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_what_is_told_again_as_it_stands_is_not_passed_on),
        TEST(test_a_digest_is_told_every_half_minute_and_the_table_anew_once_for_each),
        TEST(test_a_table_is_asked_for_once_and_told_anew_only_when_it_was_asked_for),
#undef TEST
    };

    return cmocka_run_group_tests_name("mesh, digests of tables", tests, NULL, NULL);
}
