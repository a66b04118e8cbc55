/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/map.h"

#include <errno.h>

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

struct element {
    struct map_node node;
    char key[16];
    bool is_seen;
};

#define N_ELEMENTS_MADE 1000
static struct element elements[N_ELEMENTS_MADE];
static struct map map;

static struct bytes key_of(const struct element *element)
{
    return bytes_of_text(element->key);
}

static struct element *find(const char *key)
{
    struct map_node *node = map_find(&map, bytes_of_text(key));

    return node ? container_of(node, struct element, node) : NULL;
}

static int set_up(void **state)
{
    (void)state;
    map_init(&map);
    for (int i = 0; i < N_ELEMENTS_MADE; i++) {
        snprintf(elements[i].key, sizeof elements[i].key, "key %d", i);
        elements[i].is_seen = false;
    }
    return 0;
}

static void remove_node(struct map_node *node, void *context)
{
    map_remove(context, node);
}

static int tear_down(void **state)
{
    (void)state;
    map_walk(&map, remove_node, &map);
    map_clear(&map);
    return 0;
}

static void test_the_hash_is_siphash_1_3(void **state)
{
    /* From CPython (hash of bytes under PYTHONHASHSEED=0) and from openssl mac SipHash with 1 and 3 rounds.
     */
    static const struct {
        uint64_t secret[2];
        const char *text;
        uint64_t hash;
    } rows[] = {
        {{0, 0}, "a", 0x407448d2b89b1813},
        {{0, 0}, "abcdefg", 0x6db12aae9070f506},
        {{0, 0}, "abcdefgh", 0x3f7b849c0b8e35ea},
        {{0, 0}, "abcdefghi", 0xf89b34a3d11eb6e5},
        {{0, 0}, "0123456789abcdef0123456789abcdef!", 0xf57d8a77201be07b},
        {{0x0706050403020100, 0x0f0e0d0c0b0a0908}, "member of a channel", 0xfe4775a2da9ddae7},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        assert_row(rows[i].text, map_hash(rows[i].secret, bytes_of_text(rows[i].text)) == rows[i].hash);
}

static void test_what_was_inserted_is_found_until_it_is_removed(void **state)
{
    (void)state;
    assert_null(find("key 0"));
    for (int i = 0; i < N_ELEMENTS_MADE; i++)
        assert_int_equal(map_insert(&map, &elements[i].node, key_of(&elements[i])), 0);
    assert_int_equal(map.n_nodes, N_ELEMENTS_MADE);
    for (int i = 0; i < N_ELEMENTS_MADE; i++)
        assert_ptr_equal(find(elements[i].key), &elements[i]);
    assert_null(find("key"));
    assert_null(find(""));
    for (int i = 0; i < N_ELEMENTS_MADE; i += 2)
        map_remove(&map, &elements[i].node);
    for (int i = 0; i < N_ELEMENTS_MADE; i++)
        assert_ptr_equal(find(elements[i].key), i % 2 ? &elements[i] : NULL);
}

static void test_equal_keys_are_all_found(void **state)
{
    unsigned n = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(map_insert(&map, &elements[i].node, bytes_of_text(i % 10 ? "other" : "same")), 0);
    for (struct map_node *node = map_find(&map, BYTES_LITERAL("same")); node; node = map_next_equal(node)) {
        struct element *element = container_of(node, struct element, node);

        assert_false(element->is_seen);
        element->is_seen = true;
        assert_int_equal((element - elements) % 10, 0);
        n++;
    }
    assert_int_equal(n, 10);
}

static void see(struct map_node *node, void *context)
{
    struct element *element = container_of(node, struct element, node);

    assert_false(element->is_seen);
    element->is_seen = true;
    if (context)
        map_remove(context, node);
}

static void test_a_walk_sees_each_once_and_may_remove_it(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        assert_int_equal(map_insert(&map, &elements[i].node, key_of(&elements[i])), 0);
    map_walk(&map, see, NULL);
    for (int i = 0; i < 300; i++) {
        assert_true(elements[i].is_seen);
        elements[i].is_seen = false;
    }
    map_walk(&map, see, &map);
    assert_int_equal(map.n_nodes, 0);
    assert_null(map_any(&map));
}

static void test_any_empties_a_map(void **state)
{
    (void)state;
    assert_null(map_any(&map));
    for (int i = 0; i < 50; i++)
        assert_int_equal(map_insert(&map, &elements[i].node, key_of(&elements[i])), 0);
    for (int i = 0; i < 50; i++)
        map_remove(&map, map_any(&map));
    assert_null(map_any(&map));
}

static void test_without_memory_an_empty_map_refuses_and_a_full_one_goes_on(void **state)
{
    (void)state;
    allocation_fail_at(1);
    assert_int_equal(map_insert(&map, &elements[0].node, key_of(&elements[0])), -ENOMEM);
    allocation_fail_never();
    assert_null(find(elements[0].key));

    for (int i = 0; i < 8; i++)
        assert_int_equal(map_insert(&map, &elements[i].node, key_of(&elements[i])), 0);
    for (int i = 8; i < 40; i++) {
        allocation_fail_at(1);
        assert_int_equal(map_insert(&map, &elements[i].node, key_of(&elements[i])), 0);
        assert_true(allocation_has_failed());
    }
    allocation_fail_never();
    for (int i = 0; i < 40; i++)
        assert_ptr_equal(find(elements[i].key), &elements[i]);
}

static void clear_a_full_map(void)
{
    map_init(&map);
    map_insert(&map, &elements[0].node, BYTES_LITERAL("x"));
    map_clear(&map);
}

static void remove_a_stranger(void)
{
    map_init(&map);
    map_insert(&map, &elements[0].node, BYTES_LITERAL("x"));
    map_remove(&map, &elements[1].node);
}

static void test_misuse_aborts(void **state)
{
    (void)state;
    assert_true(aborts(clear_a_full_map));
    assert_true(aborts(remove_a_stranger));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_hash_is_siphash_1_3),
        cmocka_unit_test_setup_teardown(test_what_was_inserted_is_found_until_it_is_removed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_equal_keys_are_all_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_walk_sees_each_once_and_may_remove_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_empties_a_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_memory_an_empty_map_refuses_and_a_full_one_goes_on,
                                        set_up, tear_down),
        cmocka_unit_test(test_misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
