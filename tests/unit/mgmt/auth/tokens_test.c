/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "mgmt/auth/tokens.h"
#include "mgmt/store/data_dir.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

struct place {
    char dir[32];
    struct store *store;
    struct tokens *tokens;
    char why[TOKENS_WHY_SIZE];
    char *file; /* for a configured token */
};

static const uint8_t peer[THROTTLE_KEY_BYTES] = {1};

static int set_up(void **state)
{
    static struct place place;

    place = (struct place){.dir = "/tmp/commhub-tokens-XXXXXX"};
    assert_non_null(mkdtemp(place.dir));
    assert_int_equal(store_open(&place.store, place.dir, place.why), 0);
    place.file = data_dir_path(place.dir, "admin");
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    tokens_free(place->tokens);
    store_close(place->store);
    stand_remove(place->dir);
    free(place->file);
    return 0;
}

static int start(struct place *place, const char *file, bool *out_made)
{
    tokens_free(place->tokens);
    place->tokens = NULL;
    return tokens_new(&place->tokens, place->store, file, out_made, place->why);
}

static int check_token(struct place *place, const char *token)
{
    struct principal by;
    unsigned wait_s;

    return tokens_check(place->tokens, bytes_of_text(token), peer, &by, &wait_s);
}

static void test_the_first_run_token_is_made_once_and_written_privately(void **state)
{
    struct place *place = *state;
    char *path = store_path(place->store, TOKENS_FIRST_RUN_FILE);
    char token[128], again[128];
    struct stat stat_of;
    bool made;

    assert_int_equal(start(place, NULL, &made), 0);
    assert_true(made);
    assert_int_equal(data_dir_read(path, token, sizeof token), 33);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    assert_int_equal(start(place, NULL, &made), 0);
    assert_false(made);
    assert_int_equal(data_dir_read(path, again, sizeof again), 33);
    assert_string_equal(token, again);
    assert_int_equal(check_token(place, token), TOKENS_E_WRONG); /* the line's end is none of it */
    token[32] = '\0';
    assert_int_equal(check_token(place, token), 0);
    assert_int_equal(check_token(place, ""), TOKENS_E_MISSING);
    token[31] ^= 1;
    assert_int_equal(check_token(place, token), TOKENS_E_WRONG);
    free(path);
}

static void test_a_configured_token_replaces_the_former_one(void **state)
{
    struct place *place = *state;
    bool made;

    assert_int_equal(data_dir_write(place->file, BYTES_LITERAL(" \n0123456789abcdef\r\n")), 0);
    assert_int_equal(start(place, place->file, &made), 0);
    assert_false(made);
    assert_int_equal(check_token(place, "0123456789abcdef"), 0);
    assert_int_equal(data_dir_write(place->file, BYTES_LITERAL("another-good-token")), 0);
    assert_int_equal(start(place, place->file, &made), 0);
    assert_int_equal(check_token(place, "another-good-token"), 0);
    assert_int_equal(check_token(place, "0123456789abcdef"), TOKENS_E_WRONG);
    assert_int_equal(start(place, NULL, &made), 0);
    assert_true(made); /* else nobody could get in */
    assert_int_equal(check_token(place, "another-good-token"), TOKENS_E_WRONG);
}

static void test_a_token_file_that_will_not_do_is_refused_in_words(void **state)
{
    static const struct {
        const char *what;
        const char *content;
        size_t len;
    } rows[] = {
        {"empty", "", 0},
        {"fifteen characters", "0123456789abcde\n", 16},
        {"two words", "0123456789 abcdef", 17},
        {"a comma", "0123456789,abcdef", 17},
        {"not ASCII", "0123456789\xc3\xa4xxxxxx", 18},
        {"a zero byte", "0123456789\0abcdef0123456789", 27},
    };
    struct place *place = *state;
    char long_token[TOKENS_MOST_CHARACTERS + 200];
    bool made;

    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        assert_int_equal(data_dir_write(place->file, bytes_of(rows[i].content, rows[i].len)), 0);
        assert_row(rows[i].what, start(place, place->file, &made) == -EINVAL);
        assert_row(rows[i].what, strstr(place->why, "16 to 512") != NULL);
    }
    memset(long_token, 'x', sizeof long_token);
    assert_int_equal(data_dir_write(place->file, bytes_of(long_token, sizeof long_token)), 0);
    assert_int_equal(start(place, place->file, &made), -EINVAL);
    unlink(place->file);
    assert_int_equal(start(place, place->file, &made), -ENOENT);
    assert_non_null(strstr(place->why, place->file));
}

static void test_an_address_that_guesses_is_not_even_looked_at(void **state)
{
    struct place *place = *state;
    struct principal by;
    unsigned wait_s;
    bool made;

    assert_int_equal(data_dir_write(place->file, BYTES_LITERAL("0123456789abcdef")), 0);
    assert_int_equal(start(place, place->file, &made), 0);
    for (int i = 0; i < THROTTLE_BURST; i++)
        assert_int_equal(check_token(place, "a-wrong-token-of-16"), TOKENS_E_WRONG);
    assert_int_equal(tokens_check(place->tokens, BYTES_LITERAL("0123456789abcdef"), peer, &by, &wait_s),
                     TOKENS_E_THROTTLED);
    assert_int_equal(wait_s, 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_run_token_is_made_once_and_written_privately),
        TEST(test_a_configured_token_replaces_the_former_one),
        TEST(test_a_token_file_that_will_not_do_is_refused_in_words),
        TEST(test_an_address_that_guesses_is_not_even_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
