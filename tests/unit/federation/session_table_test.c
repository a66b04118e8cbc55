/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/session_table.h"

#include "tests/support/unit.h"

static struct session_table table;

static int set_up(void **state)
{
    (void)state;
    memset(&table, 0, sizeof table);
    return 0;
}

struct word {
    const char *what;
    uint64_t cuts;
    enum link_session_state state;
    enum session_news news;
};

static void test_later_words_are_taken_whatever_their_order(void **state)
{
    static const struct word words[] = {
        {"cut", 1, LINK_SESSION_STALE, SESSION_NEWS_LATER},
        {"the other end says so, too", 1, LINK_SESSION_STALE, SESSION_NEWS_SAME},
        {"back", 1, LINK_SESSION_FRESH, SESSION_NEWS_LATER},
        {"the first cut, by a slow way", 1, LINK_SESSION_STALE, SESSION_NEWS_EARLIER},
        {"back a third time", 3, LINK_SESSION_FRESH, SESSION_NEWS_LATER},
        {"the second cut", 2, LINK_SESSION_STALE, SESSION_NEWS_EARLIER},
        {"the third cut", 3, LINK_SESSION_STALE, SESSION_NEWS_EARLIER},
        {"over, by an end that has counted less", 0, LINK_SESSION_OVER, SESSION_NEWS_LATER},
        {"a cut after the end", 9, LINK_SESSION_STALE, SESSION_NEWS_EARLIER},
        {"over again", 9, LINK_SESSION_OVER, SESSION_NEWS_SAME},
    };

    (void)state;
    assert_int_equal(session_table_state(&table, 7), LINK_SESSION_FRESH);
    for (size_t i = 0; i < N_ELEMENTS(words); i++)
        assert_row(words[i].what,
                   session_table_hear(&table, 7, words[i].cuts, words[i].state, i, 0) == words[i].news);
    assert_int_equal(session_table_state(&table, 7), LINK_SESSION_OVER);
    assert_int_equal(session_table_find(&table, 7)->since_ms, 7);
}

static void test_a_full_row_forgets_what_is_not_stale_first(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= SESSION_TABLE_PLACES; i++)
        session_table_hear(&table, i * SESSION_TABLE_ROWS, 1, i == 3 ? LINK_SESSION_OVER : LINK_SESSION_STALE,
                           i, 0);
    session_table_hear(&table, 5 * SESSION_TABLE_ROWS, 1, LINK_SESSION_STALE, 5, 0);
    assert_null(session_table_find(&table, 3 * SESSION_TABLE_ROWS));
    for (uint64_t i = 1; i <= 5; i++) {
        if (i != 3)
            assert_non_null(session_table_find(&table, i * SESSION_TABLE_ROWS));
    }
    /* All are stale: one of them goes. */
    session_table_hear(&table, 6 * SESSION_TABLE_ROWS, 1, LINK_SESSION_STALE, 6, 0);
    assert_non_null(session_table_find(&table, 6 * SESSION_TABLE_ROWS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_later_words_are_taken_whatever_their_order, set_up),
        cmocka_unit_test_setup(test_a_full_row_forgets_what_is_not_stale_first, set_up),
    };

    return cmocka_run_group_tests_name("session_table", tests, NULL, NULL);
}
