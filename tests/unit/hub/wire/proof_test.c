/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Expected proofs are those of Python's hmac and hashlib. */
#include "hub/wire/proof.h"

#include <errno.h>

#include "hub/base/text.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

static const struct {
    const char *secret;
    const char *challenge;
    const char *of_connection;
    const char *of_channel;
} rows[] = {
    {"s3cret", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
     "2cfe7d18801ba318307f205898f44483e84a723fa73d51d322911bbd2b201ade",
     "806ba018154c17c8631cecd0d8509fcadfacc1492bf9e7f4173ba914cb9b1e1b"},
    {"", "x", "84110da21ea4801a405c58a9fcb71efcab98da596fe3d87c110687da6727ec62",
     "4cbc96099a6467ce002461f10549b4898265ebe6188b45efacc44293516e62c4"},
    {"p\xc3\xa4ss", "q\"\xc3\xbc\n", "5d27619e938ca56f59eda93e42b6257411300ff33f5ac0e7841cc4e486a3bce2",
     "35b740774bb301030d3330c17046f3c8afcd2629abc3c29fbd3c174d7e6afac5"},
};

static void test_known_proofs(void **state)
{
    char proof[PROOF_TEXT];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct bytes secret = bytes_of_text(rows[i].secret);
        struct bytes challenge = bytes_of_text(rows[i].challenge);

        assert_int_equal(proof_of_connection(secret, challenge, proof), 0);
        assert_string_equal(proof, rows[i].of_connection);
        assert_int_equal(proof_of_channel(secret, challenge, proof), 0);
        assert_string_equal(proof, rows[i].of_channel);
    }
}

static void test_views_without_bytes_are_empty_texts(void **state)
{
    char proof[PROOF_TEXT];
    char other[PROOF_TEXT];

    (void)state;
    assert_int_equal(proof_of_connection(BYTES_NONE, BYTES_NONE, proof), 0);
    assert_int_equal(proof_of_connection(BYTES_LITERAL(""), BYTES_LITERAL(""), other), 0);
    assert_string_equal(proof, other);
    assert_int_equal(proof_of_channel(BYTES_NONE, BYTES_NONE, proof), 0);
    assert_int_equal(proof_of_channel(BYTES_LITERAL(""), BYTES_LITERAL(""), other), 0);
    assert_string_equal(proof, other);
}

static void test_a_channels_secret_is_bound_to_the_channel_and_no_answer_to_a_challenge(void **state)
{
    uint8_t secret[PROOF_SECRET_BYTES];
    uint8_t other[PROOF_SECRET_BYTES];
    char text[2 * PROOF_SECRET_BYTES + 1];
    char answer[PROOF_TEXT];

    (void)state;
    assert_int_equal(proof_secret_of_channel(BYTES_LITERAL("sesame"), BYTES_LITERAL("vault"), secret), 0);
    text_hex(secret, sizeof secret, text);
    assert_string_equal(text, "74215ae2aa02ce581b1c2da43e2c1f71a04d40eba14ec149171c0f9394b4dbeb");
    assert_int_equal(proof_secret_of_channel(BYTES_LITERAL("sesame"), BYTES_LITERAL("room"), other), 0);
    assert_memory_not_equal(secret, other, sizeof secret);
    assert_int_equal(
        proof_of_channel(BYTES_LITERAL("sesame"), BYTES_LITERAL("commhub channel secret vault"), answer), 0);
    assert_string_not_equal(text, answer);
}

static void test_only_the_very_proof_matches(void **state)
{
    const char *proof = rows[0].of_connection;
    char other[PROOF_TEXT + 1];

    (void)state;
    assert_true(proof_matches(proof, bytes_of_text(proof)));
    assert_false(proof_matches(proof, BYTES_NONE));
    assert_false(proof_matches(proof, bytes_of(proof, 63)));
    assert_false(proof_matches(proof, bytes_of(proof, 65)));
    for (size_t i = 0; i < 64; i++) {
        memcpy(other, proof, PROOF_TEXT);
        other[i] ^= 1;
        assert_false(proof_matches(proof, bytes_of(other, 64)));
    }
}

static void test_a_challenge_that_is_no_text_is_refused(void **state)
{
    char proof[PROOF_TEXT];

    (void)state;
    assert_int_equal(proof_of_connection(BYTES_LITERAL("x"), BYTES_LITERAL("\xff"), proof), -EINVAL);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        char proof[PROOF_TEXT];
        int r = proof_of_connection(BYTES_LITERAL("s3cret"), bytes_of_text(rows[0].challenge), proof);

        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        if (r == 0)
            assert_string_equal(proof, rows[0].of_connection);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_proofs),
        cmocka_unit_test(test_views_without_bytes_are_empty_texts),
        cmocka_unit_test(test_a_channels_secret_is_bound_to_the_channel_and_no_answer_to_a_challenge),
        cmocka_unit_test(test_only_the_very_proof_matches),
        cmocka_unit_test(test_a_challenge_that_is_no_text_is_refused),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
