/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/profile.h"

#include "hub/wire/msgpack_write.h"
#include "tests/support/unit.h"

static const struct hub_id far_hub = {{0xfa}};

static void write_two(struct buffer *out)
{
    struct profile_link up = {hub_id_bytes(&far_hub), BYTES_LITERAL("to-far"), true, BYTES_LITERAL("up")};
    struct profile_link unknown = {BYTES_NONE, BYTES_LITERAL("to-nobody"), true, BYTES_LITERAL("backoff")};

    profile_write(out, BYTES_LITERAL("1.2.3"), 1700000000, 2);
    profile_write_link(out, &up);
    profile_write_link(out, &unknown);
}

static void test_what_is_written_is_read(void **state)
{
    struct buffer raw = {0};
    struct profile profile;
    struct profile_link link;

    (void)state;
    write_two(&raw);
    assert_int_equal(profile_read(buffer_bytes(&raw), &profile), 0);
    assert_true(bytes_equal_text(profile.version, "1.2.3"));
    assert_int_equal(profile.started_s, 1700000000);
    assert_int_equal(profile.n_links, 2);
    assert_int_equal(profile.n_named, 2);
    assert_int_equal(profile_next_link(&profile, &link), 0);
    assert_true(bytes_equal(link.hub_id, hub_id_bytes(&far_hub)));
    assert_true(bytes_equal_text(link.bridge, "to-far"));
    assert_true(link.is_outgoing);
    assert_true(bytes_equal_text(link.state, "up"));
    assert_int_equal(profile_next_link(&profile, &link), 0);
    assert_int_equal(link.hub_id.len, 0);
    assert_true(bytes_equal_text(link.state, "backoff"));
    buffer_clear(&raw);
}

static void test_a_profile_that_ends_early_is_refused_at_every_byte(void **state)
{
    struct buffer raw = {0};
    struct profile profile;

    (void)state;
    write_two(&raw);
    for (size_t len = 0; len < raw.len; len++)
        assert_int_equal(profile_read(bytes_of(raw.ptr, len), &profile), PROFILE_E_BAD);
    buffer_clear(&raw);
}

static void test_of_many_links_some_are_counted_only(void **state)
{
    struct buffer raw = {0};
    struct profile profile;
    struct profile_link link = {BYTES_NONE, BYTES_NONE, false, BYTES_LITERAL("up")};

    (void)state;
    profile_write(&raw, BYTES_LITERAL("1"), 1, PROFILE_MAX_LINKS + 5);
    for (unsigned i = 0; i < PROFILE_MAX_LINKS; i++)
        profile_write_link(&raw, &link);
    assert_int_equal(profile_read(buffer_bytes(&raw), &profile), 0);
    assert_int_equal(profile.n_links, PROFILE_MAX_LINKS + 5);
    assert_int_equal(profile.n_named, PROFILE_MAX_LINKS);
    buffer_clear(&raw);
}

static void test_later_keys_are_passed_over_and_missing_ones_refused(void **state)
{
    struct buffer raw = {0};
    struct profile profile;

    (void)state;
    write_two(&raw);
    /* A map of four pairs becomes one of five. */
    raw.ptr[0] = 0x85;
    msgpack_write_str(&raw, BYTES_LITERAL("colour"));
    msgpack_write_u64(&raw, 7);
    assert_int_equal(profile_read(buffer_bytes(&raw), &profile), 0);
    buffer_clear(&raw);
    msgpack_write_map(&raw, 1);
    msgpack_write_str(&raw, BYTES_LITERAL("version"));
    msgpack_write_str(&raw, BYTES_LITERAL("1"));
    assert_int_equal(profile_read(buffer_bytes(&raw), &profile), PROFILE_E_BAD);
    buffer_clear(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_a_profile_that_ends_early_is_refused_at_every_byte),
        cmocka_unit_test(test_of_many_links_some_are_counted_only),
        cmocka_unit_test(test_later_keys_are_passed_over_and_missing_ones_refused),
    };

    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
