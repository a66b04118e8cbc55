/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/mesh_stamp.h"

#include "tests/support/json.h"
#include "tests/support/unit.h"

static const struct mesh_stamp stamp = {{{0xab, 0x01}}, 0x1f, 0xffffffffffffffff};

#define STAMPED "\"_mesh\":\"ab010000000000000000000000000000:1f:ffffffffffffffff\""

/* {"k": [1]} */
#define ONE_PAIR BYTES_LITERAL("\x81\xa1k\x91\x01")

static void assert_stamped(struct bytes raw, const char *expected)
{
    struct buffer out = {0};
    struct mesh_stamp read;

    mesh_stamp_write(&out, raw, &stamp);
    assert_json(buffer_bytes(&out), expected);
    assert_true(mesh_stamp_read(buffer_bytes(&out), &read));
    assert_memory_equal(&read, &stamp, sizeof stamp);
    buffer_clear(&out);
}

static void test_a_stamp_is_added_to_what_stands_there_and_read_again(void **state)
{
    (void)state;
    assert_stamped(BYTES_NONE, "{" STAMPED "}");
    assert_stamped(BYTES_LITERAL("\xc0"), "{" STAMPED "}");
    assert_stamped(BYTES_LITERAL("\x80"), "{" STAMPED "}");
    assert_stamped(ONE_PAIR, "{" STAMPED ",\"k\":[1]}");
}

static void test_a_stamp_replaces_the_one_before(void **state)
{
    struct buffer first = {0};
    struct mesh_stamp other = {{{0xcd}}, 1, 2};

    (void)state;
    mesh_stamp_write(&first, ONE_PAIR, &other);
    assert_stamped(buffer_bytes(&first), "{" STAMPED ",\"k\":[1]}");
    buffer_clear(&first);
}

static void test_metadata_that_is_no_map_stays_as_it_is(void **state)
{
    struct buffer out = {0};
    struct mesh_stamp read;

    (void)state;
    mesh_stamp_write(&out, BYTES_LITERAL("\x92\x01\x02"), &stamp);
    assert_json(buffer_bytes(&out), "[1,2]");
    assert_false(mesh_stamp_read(buffer_bytes(&out), &read));
    out.len = 0;
    mesh_stamp_strip(&out, BYTES_LITERAL("\x92\x01\x02"));
    assert_json(buffer_bytes(&out), "[1,2]");
    buffer_clear(&out);
}

static void test_what_is_stripped_is_as_it_was_before(void **state)
{
    struct buffer stamped = {0};
    struct buffer out = {0};

    (void)state;
    mesh_stamp_write(&stamped, ONE_PAIR, &stamp);
    mesh_stamp_strip(&out, buffer_bytes(&stamped));
    assert_bytes(buffer_bytes(&out), ONE_PAIR);
    stamped.len = 0;
    out.len = 0;
    mesh_stamp_write(&stamped, BYTES_NONE, &stamp);
    mesh_stamp_strip(&out, buffer_bytes(&stamped));
    assert_int_equal(out.len, 0);
    buffer_clear(&stamped);
    buffer_clear(&out);
}

static void test_what_is_no_stamp_is_none(void **state)
{
    static const char *const texts[] = {
        "",
        "ab010000000000000000000000000000",
        "ab010000000000000000000000000000:1f",
        "ab010000000000000000000000000000:1f:",
        "ab010000000000000000000000000000:1f:1:",
        "ab010000000000000000000000000000:1f:0",
        "ab010000000000000000000000000000:0:1",
        "ab010000000000000000000000000000:1f:11111111111111111",
        "ab010000000000000000000000000000:1F:1",
        "xb010000000000000000000000000000:1f:1",
        "ab010000000000000000000000000000-1f:1",
    };
    struct mesh_stamp read;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
        uint8_t raw[128] = "\x81\xa5_mesh\xd9";
        size_t len = strlen(texts[i]);

        raw[8] = (uint8_t)len;
        memcpy(raw + 9, texts[i], len);
        assert_row(texts[i], !mesh_stamp_read(bytes_of(raw, 9 + len), &read));
    }
    assert_false(mesh_stamp_read(BYTES_LITERAL("\x81\xa5_mesh\x07"), &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stamp_is_added_to_what_stands_there_and_read_again),
        cmocka_unit_test(test_a_stamp_replaces_the_one_before),
        cmocka_unit_test(test_metadata_that_is_no_map_stays_as_it_is),
        cmocka_unit_test(test_what_is_stripped_is_as_it_was_before),
        cmocka_unit_test(test_what_is_no_stamp_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
