/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/signature.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "hub/base/check.h"
#include "hub/base/text.h"
#include "hub/wire/json_text.h"

#define DERIVE_ROUNDS 100000

_Static_assert(SIGNATURE_TEXT == 2 * SHA256_DIGEST_LENGTH + 1, "a signature is SHA-256 in hex");

/* What is signed, in the order of the keys' names. */
static const enum message_key signed_keys[] = {
    KEY_CHALLENGE,        KEY_CHANNEL,    KEY_DATA,      KEY_EVENT,    KEY_IS_FINAL,  KEY_IS_STREAM,
    KEY_ORIGIN_SERVER_ID, KEY_REQUEST_ID, KEY_SENDER_ID, KEY_SUB_NAME, KEY_TARGET_ID, KEY_TIMESTAMP,
};

int signature_derive_key(struct bytes password, struct bytes channel, uint8_t out_key[SIGNATURE_KEY_BYTES])
{
    check(password.len <= INT_MAX && channel.len <= INT_MAX);
    if (!PKCS5_PBKDF2_HMAC((const char *)password.ptr, (int)password.len, channel.ptr, (int)channel.len,
                           DERIVE_ROUNDS, EVP_sha256(), SIGNATURE_KEY_BYTES, out_key))
        return -ENOMEM;
    return 0;
}

static int append_pair(const struct message *message, enum message_key key, struct buffer *out)
{
    int r;

    buffer_append_text(out, message_key_name(key));
    buffer_append_text(out, ":");
    r = json_text_append(message_raw(message, key), out);
    check(r != JSON_TEXT_E_INVALID); /* message_parse() has looked at every value */
    return r == JSON_TEXT_E_NOT_JSON ? SIGNATURE_E_NOT_JSON : r;
}

int signature_text(const struct message *message, struct buffer *out)
{
    bool is_first = true;

    for (size_t i = 0; i < sizeof signed_keys / sizeof signed_keys[0]; i++) {
        int r;

        if (!message_has(message, signed_keys[i]))
            continue;
        if (!is_first)
            buffer_append_text(out, "|");
        is_first = false;
        r = append_pair(message, signed_keys[i], out);
        if (r)
            return r;
    }
    return out->failed ? -ENOMEM : 0;
}

int signature_make(const uint8_t key[SIGNATURE_KEY_BYTES], const struct message *message,
                   char out_signature[SIGNATURE_TEXT])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct buffer text = {0};
    int r = signature_text(message, &text);

    if (r == 0 && !HMAC(EVP_sha256(), key, SIGNATURE_KEY_BYTES, text.ptr, text.len, digest, NULL))
        r = -ENOMEM;
    if (r == 0)
        text_hex(digest, sizeof digest, out_signature);
    buffer_clear(&text);
    return r;
}
