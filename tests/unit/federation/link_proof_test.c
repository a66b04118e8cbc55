/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_proof.h"

#include "tests/support/unit.h"

static const uint8_t nonce_a[LINK_WIRE_NONCE_BYTES] = {1};
static const uint8_t nonce_b[LINK_WIRE_NONCE_BYTES] = {2};

static struct link_proof_parties parties(void)
{
    struct link_proof_parties parties = {.cost = 10};

    parties.dialer =
        (struct link_greeting){1, {{0xaa}}, 5, BYTES_LITERAL("alpha"), bytes_of(nonce_a, 32), 7, 0};
    parties.acceptor =
        (struct link_greeting){1, {{0xbb}}, 6, BYTES_LITERAL("beta"), bytes_of(nonce_b, 32), 8, 0};
    return parties;
}

static void test_both_sides_make_the_same_proofs_and_session(void **state)
{
    struct link_proof_parties both = parties();
    uint8_t one[LINK_PROOF_BYTES];
    uint8_t two[LINK_PROOF_BYTES];
    uint64_t session_one;
    uint64_t session_two;

    (void)state;
    assert_int_equal(link_proof_make(BYTES_LITERAL("secret"), LINK_ROLE_DIALER, &both, one), 0);
    assert_int_equal(link_proof_make(BYTES_LITERAL("secret"), LINK_ROLE_DIALER, &both, two), 0);
    assert_true(link_proof_matches(one, bytes_of(two, sizeof two)));
    assert_int_equal(link_proof_session(BYTES_LITERAL("secret"), &both, &session_one), 0);
    assert_int_equal(link_proof_session(BYTES_LITERAL("secret"), &both, &session_two), 0);
    assert_true(session_one == session_two && session_one != 0);
}

static void test_whatever_differs_makes_another_proof(void **state)
{
    struct link_proof_parties base = parties();
    struct link_proof_parties others[17];
    uint8_t expected[LINK_PROOF_BYTES];
    uint8_t proof[LINK_PROOF_BYTES];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(others); i++)
        others[i] = base;
    others[0].dialer.hub_id.octets[15] = 1;
    others[1].acceptor.hub_id.octets[15] = 1;
    others[2].dialer.nonce = base.acceptor.nonce;
    others[3].acceptor.nonce = base.dialer.nonce;
    others[4].dialer.incarnation++;
    others[5].dialer.server_id = BYTES_LITERAL("alph");
    others[6].cost++;
    /* The two sides exchanged. */
    others[7].dialer = base.acceptor;
    others[7].acceptor = base.dialer;
    others[8].asked.session = 1;
    others[9].asked.is_wanted = true;
    others[10].asked.received = 1;
    others[11].asked.cuts = 1;
    others[12].granted.is_wanted = true;
    others[13].granted.received = 1;
    others[14].asked.window_s = 1;
    others[15].is_trial = true;
    others[16].is_trial = true;
    others[16].release = BYTES_LITERAL("0.1.0");
    assert_int_equal(link_proof_make(BYTES_LITERAL("secret"), LINK_ROLE_DIALER, &base, expected), 0);
    for (size_t i = 0; i < N_ELEMENTS(others); i++) {
        assert_int_equal(link_proof_make(BYTES_LITERAL("secret"), LINK_ROLE_DIALER, &others[i], proof), 0);
        assert_false(link_proof_matches(expected, bytes_of(proof, sizeof proof)));
    }
    link_proof_make(BYTES_LITERAL("secret"), LINK_ROLE_ACCEPTOR, &base, proof);
    assert_false(link_proof_matches(expected, bytes_of(proof, sizeof proof)));
    link_proof_make(BYTES_LITERAL("Secret"), LINK_ROLE_DIALER, &base, proof);
    assert_false(link_proof_matches(expected, bytes_of(proof, sizeof proof)));
    assert_false(link_proof_matches(expected, bytes_of(expected, LINK_PROOF_BYTES - 1)));
    assert_false(link_proof_matches(expected, BYTES_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_sides_make_the_same_proofs_and_session),
        cmocka_unit_test(test_whatever_differs_makes_another_proof),
    };

    return cmocka_run_group_tests_name("link_proof", tests, NULL, NULL);
}
