/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <string.h>

#include "hub/base/clock.h"
#include "mgmt/auth/login.h"
#include "mgmt/auth/password.h"
#include "mgmt/auth/sessions.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define NOW ((uint64_t)1700000000000)
#define MINUTE ((uint64_t)60 * 1000)

struct place {
    char dir[32];
    struct store *store;
    struct sessions *sessions;
    struct store_user alice;
    char why[STORE_WHY_SIZE];
};

static void put_user(struct place *place, struct store_user *user, const char *name)
{
    *user = (struct store_user){.role = ROLE_OPERATOR, .is_enabled = true};
    snprintf(user->name, sizeof user->name, "%s", name);
    assert_int_equal(password_hash(BYTES_LITERAL("correct horse"), user->password_hash), 0);
    assert_int_equal(store_user_put(place->store, user, place->why), 0);
}

static int set_up(void **state)
{
    static struct place place;

    place = (struct place){.dir = "/tmp/commhub-sessions-XXXXXX"};
    assert_non_null(mkdtemp(place.dir));
    assert_int_equal(store_open(&place.store, place.dir, place.why), 0);
    put_user(&place, &place.alice, "alice");
    assert_int_equal(sessions_new(&place.sessions, place.store, place.why), 0);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    sessions_free(place->sessions);
    store_close(place->store);
    stand_remove(place->dir);
    return 0;
}

static int64_t begin(struct place *place, char word[SESSIONS_WORD_SIZE], uint64_t now_ms)
{
    struct store_session session = {.address = "192.0.2.1:5", .agent = "a browser"};

    assert_int_equal(sessions_begin(place->sessions, &place->alice, &session, word, now_ms, place->why), 0);
    return session.serial;
}

static bool is_known(struct place *place, const char *word, uint64_t now_ms)
{
    struct principal by;

    return sessions_find(place->sessions, bytes_of_text(word), now_ms, &by);
}

static void test_a_session_knows_its_user(void **state)
{
    struct place *place = *state;
    char word[SESSIONS_WORD_SIZE];
    int64_t serial = begin(place, word, NOW);
    struct principal by;

    assert_true(sessions_find(place->sessions, bytes_of_text(word), NOW, &by));
    assert_string_equal(by.name, "alice");
    assert_int_equal(by.role, ROLE_OPERATOR);
    assert_int_equal(by.kind, PRINCIPAL_SESSION);
    assert_int_equal(by.serial, serial);
    word[3] ^= 1;
    assert_false(is_known(place, word, NOW));
}

static void test_a_session_ends_when_idle_and_in_any_case_after_twelve_hours(void **state)
{
    struct place *place = *state;
    char idle[SESSIONS_WORD_SIZE], busy[SESSIONS_WORD_SIZE];
    uint64_t at = NOW;

    begin(place, idle, NOW);
    begin(place, busy, NOW);
    for (; at < NOW + SESSIONS_MOST_MS; at += 29 * MINUTE) {
        assert_true(is_known(place, busy, at));
        if (at == NOW)
            continue;
        assert_int_equal(is_known(place, idle, NOW + 30 * MINUTE), false);
    }
    assert_false(is_known(place, busy, NOW + SESSIONS_MOST_MS));
}

static void test_a_session_outlives_a_restart_and_its_use_is_remembered(void **state)
{
    struct place *place = *state;
    char word[SESSIONS_WORD_SIZE];

    begin(place, word, NOW);
    assert_true(is_known(place, word, NOW + 20 * MINUTE));
    sessions_free(place->sessions);
    assert_int_equal(sessions_new(&place->sessions, place->store, place->why), 0);
    assert_true(is_known(place, word, NOW + 45 * MINUTE));
}

static void test_a_session_that_was_ended_is_known_no_more(void **state)
{
    struct place *place = *state;
    char one[SESSIONS_WORD_SIZE], other[SESSIONS_WORD_SIZE];
    int64_t serial = begin(place, one, NOW);
    struct store_sessions list;

    begin(place, other, NOW);
    assert_int_equal(sessions_end(place->sessions, serial, place->why), 0);
    assert_int_equal(sessions_end(place->sessions, serial, place->why), SESSIONS_E_UNKNOWN);
    assert_false(is_known(place, one, NOW));
    assert_true(is_known(place, other, NOW));
    assert_int_equal(sessions_list(place->sessions, NOW, &list), 0);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.rows[0].agent, "a browser");
    free(list.rows);
}

static void test_a_change_of_the_user_ends_his_sessions(void **state)
{
    struct place *place = *state;
    char word[SESSIONS_WORD_SIZE];

    begin(place, word, NOW);
    assert_int_equal(store_user_put(place->store, &place->alice, place->why), 0);
    sessions_forget_user(place->sessions, place->alice.serial);
    assert_false(is_known(place, word, NOW));
    sessions_free(place->sessions);
    assert_int_equal(sessions_new(&place->sessions, place->store, place->why), 0);
    assert_false(is_known(place, word, NOW));
}

static void test_a_user_has_a_bound_of_sessions_and_the_oldest_makes_room(void **state)
{
    struct place *place = *state;
    char first[SESSIONS_WORD_SIZE], word[SESSIONS_WORD_SIZE];
    struct store_sessions list;

    begin(place, first, NOW);
    for (int i = 0; i < SESSIONS_MOST_OF_USER; i++)
        begin(place, word, NOW);
    assert_false(is_known(place, first, NOW));
    assert_true(is_known(place, word, NOW));
    assert_int_equal(sessions_list(place->sessions, NOW, &list), 0);
    assert_int_equal(list.n, SESSIONS_MOST_OF_USER);
    free(list.rows);
}

static void test_a_password_is_known_by_its_hash_only(void **state)
{
    struct place *place = *state;

    assert_null(strstr(place->alice.password_hash, "correct"));
    assert_true(password_is(BYTES_LITERAL("correct horse"), place->alice.password_hash));
    assert_false(password_is(BYTES_LITERAL("correct hors"), place->alice.password_hash));
    assert_false(password_is(BYTES_LITERAL("correct horse"), NULL));
    assert_false(password_is(BYTES_LITERAL("correct horse"), "scrypt:99:8:1:00:00"));
    assert_false(password_is(BYTES_LITERAL("correct horse"), "plain"));
}

static int guess(struct login *login, const char *name, const char *password, uint8_t address)
{
    uint8_t peer[THROTTLE_KEY_BYTES] = {address};
    char why[STORE_WHY_SIZE];
    struct store_user user;
    uint64_t wait_ms;

    return login_try(login, name, bytes_of_text(password), peer, &user, &wait_ms, why);
}

static void test_guessing_is_bounded_for_the_address_and_for_the_user(void **state)
{
    struct place *place = *state;
    struct throttle addresses;
    struct login login;

    throttle_init(&addresses);
    login_init(&login, place->store, &addresses);
    assert_int_equal(guess(&login, "alice", "correct horse", 1), 0);
    for (int i = 0; i < THROTTLE_BURST; i++)
        throttle_count_wrong(&addresses, (uint8_t[THROTTLE_KEY_BYTES]){1}, clock_monotonic_ms());
    assert_int_equal(guess(&login, "alice", "correct horse", 1), LOGIN_E_THROTTLED);
    assert_int_equal(guess(&login, "alice", "correct horse", 2), 0);
    for (uint8_t i = 0; i < THROTTLE_BURST; i++)
        assert_int_equal(guess(&login, "alice", "wrong", (uint8_t)(10 + i)), LOGIN_E_WRONG);
    login.users.places[0].last_ms = clock_monotonic_ms(); /* as if the tries had taken no time */
    login.users.places[0].debt_ms = THROTTLE_BURST * THROTTLE_REFILL_MS;
    assert_int_equal(guess(&login, "alice", "correct horse", 3), LOGIN_E_THROTTLED);
    assert_int_equal(guess(&login, "nobody", "correct horse", 3), LOGIN_E_WRONG);
    login_clear(&login);
    throttle_clear(&addresses);
}

static void test_a_disabled_user_is_as_unknown_as_nobody(void **state)
{
    struct place *place = *state;
    struct throttle addresses;
    struct login login;

    throttle_init(&addresses);
    login_init(&login, place->store, &addresses);
    place->alice.is_enabled = false;
    assert_int_equal(store_user_put(place->store, &place->alice, place->why), 0);
    assert_int_equal(guess(&login, "alice", "correct horse", 1), LOGIN_E_WRONG);
    login_clear(&login);
    throttle_clear(&addresses);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_session_knows_its_user),
        TEST(test_a_session_ends_when_idle_and_in_any_case_after_twelve_hours),
        TEST(test_a_session_outlives_a_restart_and_its_use_is_remembered),
        TEST(test_a_session_that_was_ended_is_known_no_more),
        TEST(test_a_change_of_the_user_ends_his_sessions),
        TEST(test_a_user_has_a_bound_of_sessions_and_the_oldest_makes_room),
        TEST(test_a_password_is_known_by_its_hash_only),
        TEST(test_guessing_is_bounded_for_the_address_and_for_the_user),
        TEST(test_a_disabled_user_is_as_unknown_as_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
