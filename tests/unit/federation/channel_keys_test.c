/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/channel_keys.h"

#include <pthread.h>

#include "hub/base/text.h"
#include "tests/support/unit.h"

static struct loop *loop;
static struct mailbox *mailbox;
static struct channel_keys *keys;
static unsigned n_keys;
static char last_channel[16];
static char last_key[2 * MESH_SECRET_BYTES + 1];

static void on_key(void *context, struct bytes channel, const uint8_t *secret, const uint8_t *key)
{
    assert_ptr_equal(context, &n_keys);
    assert_non_null(secret);
    snprintf(last_channel, sizeof last_channel, "%.*s", (int)channel.len, (const char *)channel.ptr);
    text_hex(key, MESH_SECRET_BYTES, last_key);
    if (++n_keys == 2)
        loop_stop(loop);
}

static int set_up(void **state)
{
    (void)state;
    n_keys = 0;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(mailbox_new(&mailbox, loop), 0);
    assert_int_equal(channel_keys_new(&keys, mailbox, on_key, &n_keys), 0);
    return 0;
}

static void test_keys_come_in_the_order_of_asking_and_are_the_same_at_every_hub(void **state)
{
    static const uint8_t zeros[MESH_SECRET_BYTES];
    static const uint8_t other[MESH_SECRET_BYTES] = {1};

    (void)state;
    channel_keys_ask(keys, BYTES_LITERAL("first"), other);
    channel_keys_ask(keys, BYTES_LITERAL("second"), zeros);
    assert_int_equal(n_keys, 0);
    assert_int_equal(loop_run(loop), 0);
    assert_string_equal(last_channel, "second");
    /* hashlib.pbkdf2_hmac("sha256", bytes(32), b"commhub channel proof", 100000).hex() */
    assert_string_equal(last_key, "e7ecc5d0536f3c917801fa1a3185bfd1ee043b29c26ef8e6d7628b5b77f0233f");
    channel_keys_free(keys);
    mailbox_free(mailbox);
    loop_free(loop);
}

static void test_who_goes_gets_no_answer_any_more(void **state)
{
    static const uint8_t zeros[MESH_SECRET_BYTES];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        channel_keys_ask(keys, BYTES_LITERAL("first"), zeros);
    channel_keys_free(keys);
    mailbox_free(mailbox);
    loop_free(loop);
    assert_int_equal(n_keys, 0);
}

static void test_a_closed_mailbox_loses_the_answer_and_nothing_else(void **state)
{
    static const uint8_t zeros[MESH_SECRET_BYTES];

    (void)state;
    mailbox_close(mailbox);
    channel_keys_ask(keys, BYTES_LITERAL("first"), zeros);
    channel_keys_free(keys);
    mailbox_free(mailbox);
    loop_free(loop);
    assert_int_equal(n_keys, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_keys_come_in_the_order_of_asking_and_are_the_same_at_every_hub, set_up),
        cmocka_unit_test_setup(test_who_goes_gets_no_answer_any_more, set_up),
        cmocka_unit_test_setup(test_a_closed_mailbox_loses_the_answer_and_nothing_else, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
