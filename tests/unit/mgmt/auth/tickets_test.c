/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/tickets.h"

#include <string.h>

#include "tests/support/unit.h"

static const struct principal alice = {.kind = PRINCIPAL_TOKEN, .role = ROLE_VIEWER, .name = "alice"};

static void test_a_ticket_lets_in_once(void **state)
{
    char word[TICKETS_WORD_SIZE];
    struct principal by = {0};
    struct tickets tickets;

    (void)state;
    tickets_init(&tickets);
    tickets_make(&tickets, &alice, 1000, word);
    assert_int_equal(strlen(word), TICKETS_WORD_SIZE - 1);
    assert_true(tickets_take(&tickets, bytes_of_text(word), 1000 + TICKETS_MS - 1, &by));
    assert_string_equal(by.name, "alice");
    assert_false(tickets_take(&tickets, bytes_of_text(word), 1001, &by));
    tickets_clear(&tickets);
}

static void test_a_ticket_ends(void **state)
{
    char word[TICKETS_WORD_SIZE];
    struct principal by;
    struct tickets tickets;

    (void)state;
    tickets_init(&tickets);
    tickets_make(&tickets, &alice, 1000, word);
    assert_false(tickets_take(&tickets, bytes_of_text(word), 1000 + TICKETS_MS, &by));
    tickets_clear(&tickets);
}

static void test_what_is_no_ticket_lets_nobody_in(void **state)
{
    char word[TICKETS_WORD_SIZE];
    struct principal by;
    struct tickets tickets;

    (void)state;
    tickets_init(&tickets);
    assert_false(tickets_take(&tickets, BYTES_NONE, 0, &by));
    assert_false(tickets_take(
        &tickets, BYTES_LITERAL("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 0, &by));
    tickets_make(&tickets, &alice, 1000, word);
    word[0] ^= 1;
    assert_false(tickets_take(&tickets, bytes_of_text(word), 1000, &by));
    tickets_clear(&tickets);
}

static void test_the_oldest_makes_room(void **state)
{
    char first[TICKETS_WORD_SIZE], word[TICKETS_WORD_SIZE];
    struct principal by;
    struct tickets tickets;

    (void)state;
    tickets_init(&tickets);
    tickets_make(&tickets, &alice, 1000, first);
    for (size_t i = 0; i < TICKETS_MOST; i++)
        tickets_make(&tickets, &alice, 1000, word);
    assert_false(tickets_take(&tickets, bytes_of_text(first), 1000, &by));
    assert_true(tickets_take(&tickets, bytes_of_text(word), 1000, &by));
    tickets_clear(&tickets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_ticket_lets_in_once),
        cmocka_unit_test(test_a_ticket_ends),
        cmocka_unit_test(test_what_is_no_ticket_lets_nobody_in),
        cmocka_unit_test(test_the_oldest_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
