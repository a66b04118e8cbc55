/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A secret and a challenge from the input, cut where its first byte says: proofs are made of anything but a
 * challenge that is not UTF-8, match themselves, and match nothing else.
 */
#include "hub/base/check.h"
#include "hub/base/text.h"
#include "hub/wire/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_proof(const char proof[PROOF_TEXT], struct bytes given)
{
    struct bytes text = bytes_of(proof, PROOF_TEXT - 1);

    check(proof[PROOF_TEXT - 1] == '\0' && strspn(proof, "0123456789abcdef") == PROOF_TEXT - 1);
    check(proof_matches(proof, text));
    check(proof_matches(proof, given) == bytes_equal(text, given));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char proof[PROOF_TEXT];
    struct bytes secret;
    struct bytes challenge;
    int r;

    if (size == 0)
        return 0;
    secret = bytes_of(data + 1, data[0] < size - 1 ? data[0] : size - 1);
    challenge = bytes_of(data + 1 + secret.len, size - 1 - secret.len);

    r = proof_of_connection(secret, challenge, proof);
    check((r == 0) == text_is_utf8(challenge));
    if (r == 0)
        check_proof(proof, challenge);
    check(proof_of_channel(secret, challenge, proof) == 0);
    check_proof(proof, challenge);
    return 0;
}
