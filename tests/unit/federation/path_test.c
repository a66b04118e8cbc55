/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/path.h"

#include "tests/support/unit.h"

static struct hop hop_of(uint8_t hub, uint64_t session)
{
    struct hop hop = {.session = session};

    memset(hop.hub.octets, hub, sizeof hop.hub.octets);
    return hop;
}

static void test_hops_are_read_as_they_were_appended(void **state)
{
    struct buffer packed = {0};
    struct hop hops[] = {hop_of(1, 7), hop_of(2, UINT64_MAX), hop_of(3, UINT64_C(0x0102030405060708))};
    struct bytes path;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(hops); i++)
        assert_int_equal(path_append(&packed, &hops[i]), 0);
    path = buffer_bytes(&packed);
    assert_int_equal(path_n_hops(path), 3);
    for (size_t i = 0; i < N_ELEMENTS(hops); i++) {
        assert_true(hub_id_equal(&hops[i].hub, &(struct hub_id){0}) == false);
        assert_memory_equal(path_at(path, i).hub.octets, hops[i].hub.octets, HUB_ID_BYTES);
        assert_true(path_at(path, i).session == hops[i].session);
        assert_true(path_has_hub(path, &hops[i].hub));
        assert_true(path_has_session(path, hops[i].session));
    }
    assert_false(path_has_session(path, 8));
    buffer_clear(&packed);
}

static void test_a_hub_is_found_only_where_a_hop_begins(void **state)
{
    struct buffer packed = {0};
    struct hop hops[] = {hop_of(1, UINT64_C(0x0505050505050505)), hop_of(5, 1)};
    struct hop other = hop_of(5, 0);

    (void)state;
    /* Eight bytes of session and the beginning of a hub look like a hub between the hops. */
    other.hub.octets[15] = 9;
    path_append(&packed, &hops[0]);
    path_append(&packed, &hops[1]);
    assert_false(path_has_hub(buffer_bytes(&packed), &other.hub));
    assert_false(path_has_hub(BYTES_NONE, &other.hub));
    buffer_clear(&packed);
}

static void test_hub_ids_are_32_lowercase_hex_characters(void **state)
{
    struct hub_id id;
    char text[HUB_ID_TEXT];

    (void)state;
    assert_int_equal(hub_id_parse(BYTES_LITERAL("00112233445566778899aabbccddeeff"), &id), 0);
    hub_id_text(&id, text);
    assert_string_equal(text, "00112233445566778899aabbccddeeff");
    assert_true(hub_id_parse(BYTES_LITERAL("00112233445566778899aabbccddeef"), &id) < 0);
    assert_true(hub_id_parse(BYTES_LITERAL("00112233445566778899aabbccddeefff"), &id) < 0);
    assert_true(hub_id_parse(BYTES_LITERAL("00112233445566778899AABBCCDDEEFF"), &id) < 0);
    assert_true(hub_id_parse(BYTES_LITERAL("0011223344556677 899aabbccddeeff"), &id) < 0);
    assert_true(hub_id_parse(BYTES_NONE, &id) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hops_are_read_as_they_were_appended),
        cmocka_unit_test(test_a_hub_is_found_only_where_a_hop_begins),
        cmocka_unit_test(test_hub_ids_are_32_lowercase_hex_characters),
    };

    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
