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
    return tokens_new(&place->tokens, place->store, file, true, out_made, place->why);
}

static bool is_known(struct place *place, const char *token)
{
    struct principal by;

    return tokens_find(place->tokens, bytes_of_text(token), &by);
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
    assert_false(is_known(place, token)); /* the line's end is none of it */
    token[32] = '\0';
    assert_true(is_known(place, token));
    assert_false(is_known(place, ""));
    token[31] ^= 1;
    assert_false(is_known(place, token));
    free(path);
}

static void test_a_configured_token_replaces_the_former_one(void **state)
{
    struct place *place = *state;
    bool made;

    assert_int_equal(data_dir_write(place->file, BYTES_LITERAL(" \n0123456789abcdef\r\n")), 0);
    assert_int_equal(start(place, place->file, &made), 0);
    assert_false(made);
    assert_true(is_known(place, "0123456789abcdef"));
    assert_int_equal(data_dir_write(place->file, BYTES_LITERAL("another-good-token")), 0);
    assert_int_equal(start(place, place->file, &made), 0);
    assert_true(is_known(place, "another-good-token"));
    assert_false(is_known(place, "0123456789abcdef"));
    assert_int_equal(start(place, NULL, &made), 0);
    assert_true(made); /* else nobody could get in */
    assert_false(is_known(place, "another-good-token"));
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

static void test_a_token_that_was_made_is_good_until_its_end_or_its_removal(void **state)
{
    struct place *place = *state;
    struct store_token lasting = {.name = "deploy", .role = ROLE_OPERATOR, .scopes = SCOPE_MESH};
    struct store_token over = {.name = "old", .role = ROLE_ADMIN, .scopes = SCOPE_ALL, .expires_ms = 1};
    char text[TOKENS_TEXT_SIZE], over_text[TOKENS_TEXT_SIZE], text_of_none[TOKENS_TEXT_SIZE];
    struct principal by;
    bool made;

    assert_int_equal(start(place, NULL, &made), 0);
    assert_int_equal(tokens_make(place->tokens, &lasting, text, place->why), 0);
    assert_int_equal(tokens_make(place->tokens, &over, over_text, place->why), 0);
    assert_int_equal(tokens_make(place->tokens, &lasting, text_of_none, place->why), TOKENS_E_TAKEN);
    assert_true(tokens_find(place->tokens, bytes_of_text(text), &by));
    assert_string_equal(by.name, "token:deploy");
    assert_int_equal(by.role, ROLE_OPERATOR);
    assert_int_equal(by.scopes, SCOPE_MESH);
    assert_false(is_known(place, over_text));
    assert_int_equal(start(place, NULL, &made), 0);
    assert_true(is_known(place, text));
    assert_int_equal(tokens_remove(place->tokens, "deploy", place->why), 0);
    assert_false(is_known(place, text));
    assert_int_equal(tokens_remove(place->tokens, "deploy", place->why), STORE_E_UNKNOWN);
}

static void test_the_file_goes_with_the_first_run_token(void **state)
{
    struct place *place = *state;
    cleanup_free_ char *path = store_path(place->store, TOKENS_FIRST_RUN_FILE);
    struct stat stat_of;
    bool made;

    assert_int_equal(start(place, NULL, &made), 0);
    assert_int_equal(tokens_remove(place->tokens, "first-run", place->why), 0);
    assert_int_equal(stat(path, &stat_of), -1);
    assert_false(tokens_have(place->tokens, STORE_TOKEN_FIRST_RUN));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_run_token_is_made_once_and_written_privately),
        TEST(test_a_configured_token_replaces_the_former_one),
        TEST(test_a_token_file_that_will_not_do_is_refused_in_words),
        TEST(test_a_token_that_was_made_is_good_until_its_end_or_its_removal),
        TEST(test_the_file_goes_with_the_first_run_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
