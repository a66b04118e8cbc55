/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/block.h"

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

static void test_a_block_lives_as_long_as_its_last_reference(void **state)
{
    struct block *block = block_new(3);
    struct block *other;

    (void)state;
    if (!block)
        abort();
    memcpy(block->ptr, "abc", 3);
    other = block_ref(block);
    block_unref(block);
    assert_text(block_bytes(other), "abc");
    assert_int_equal(other->n_refs, 1);
    block_unref(other);
    block_unref(NULL);
}

static void test_an_empty_block_is_one(void **state)
{
    struct block *block = block_new(0);

    (void)state;
    assert_non_null(block);
    assert_int_equal(block_bytes(block).len, 0);
    block_unref(block);
}

static void test_without_memory_there_is_no_block(void **state)
{
    /* Volatile: else the compiler takes an allocation that nobody uses for one that succeeds. */
    struct block *volatile block;

    (void)state;
    allocation_fail_at(1);
    block = block_new(1);
    allocation_fail_never();
    assert_null(block);
    assert_null(block_new((size_t)UINT32_MAX + 1));
}

static struct block *guarded(bool succeeds)
{
    cleanup_(block_unrefp) struct block *block = block_new(1);

    return succeeds ? take(block) : NULL;
}

static void test_a_guard_releases_what_is_not_taken(void **state)
{
    struct block *block = guarded(true);

    (void)state;
    assert_int_equal(block->n_refs, 1);
    block_unref(block);
    assert_null(guarded(false)); /* the leak checker sees it otherwise */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_lives_as_long_as_its_last_reference),
        cmocka_unit_test(test_an_empty_block_is_one),
        cmocka_unit_test(test_without_memory_there_is_no_block),
        cmocka_unit_test(test_a_guard_releases_what_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
