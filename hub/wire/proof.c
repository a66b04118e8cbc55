/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/proof.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "hub/base/buffer.h"
#include "hub/base/check.h"
#include "hub/base/text.h"
#include "hub/wire/json_text.h"

_Static_assert(PROOF_TEXT == 2 * SHA256_DIGEST_LENGTH + 1, "a proof is SHA-256 in hex");

static int hex_hmac(struct bytes key, struct bytes text, char out_proof[PROOF_TEXT])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    check(key.len <= INT_MAX);
    if (!key.ptr) /* libcrypto takes NULL for a key to be set later */
        key = BYTES_LITERAL("");
    if (!HMAC(EVP_sha256(), key.ptr, (int)key.len, text.ptr, text.len, digest, NULL))
        return -ENOMEM;
    text_hex(digest, sizeof digest, out_proof);
    return 0;
}

int proof_of_connection(struct bytes secret, struct bytes challenge, char out_proof[PROOF_TEXT])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char key[PROOF_TEXT];
    struct buffer text = {0};
    int r;

    if (!EVP_Digest(secret.ptr, secret.len, digest, NULL, EVP_sha256(), NULL))
        return -ENOMEM;
    text_hex(digest, sizeof digest, key);
    buffer_append_text(&text, "challenge:");
    r = json_text_append_str(challenge, &text);
    if (r == 0)
        r = hex_hmac(bytes_of(key, PROOF_TEXT - 1), buffer_bytes(&text), out_proof);
    else if (r > 0)
        r = -EINVAL;
    OPENSSL_cleanse(digest, sizeof digest);
    OPENSSL_cleanse(key, sizeof key);
    buffer_clear(&text);
    return r;
}

int proof_of_channel(struct bytes password, struct bytes challenge, char out_proof[PROOF_TEXT])
{
    return hex_hmac(password, challenge, out_proof);
}

int proof_secret_of_channel(struct bytes password, struct bytes channel,
                            uint8_t out_secret[PROOF_SECRET_BYTES])
{
    struct buffer label = {0};
    bool is_made;

    buffer_append_text(&label, "commhub channel secret ");
    buffer_append_bytes(&label, channel);
    is_made = !label.failed && HMAC(EVP_sha256(), label.ptr, (int)label.len, password.ptr, password.len,
                                    out_secret, NULL) != NULL;
    buffer_clear(&label);
    return is_made ? 0 : -ENOMEM;
}

bool proof_matches(const char expected[PROOF_TEXT], struct bytes given)
{
    return bytes_equal_secret(bytes_of(expected, PROOF_TEXT - 1), given);
}
