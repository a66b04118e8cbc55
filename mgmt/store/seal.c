/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/seal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "hub/base/cleanup.h"
#include "hub/base/random.h"
#include "mgmt/store/data_dir.h"

#define NONCE_BYTES 12
#define TAG_BYTES 16
#define HEX_CHARACTERS ((size_t)2 * SEAL_KEY_BYTES)

DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free)

static int make_key(struct seal_key *out_key, const char *path, char out_why[SEAL_WHY_SIZE])
{
    char text[HEX_CHARACTERS + 2];
    size_t len = 0;
    int r;

    random_hex(text, SEAL_KEY_BYTES);
    text[HEX_CHARACTERS] = '\n';
    r = data_dir_write(path, bytes_of(text, HEX_CHARACTERS + 1));
    if (r < 0) {
        snprintf(out_why, SEAL_WHY_SIZE, "The master key %s cannot be written: %s", path, strerror(-r));
    } else {
        text[HEX_CHARACTERS] = '\0';
        r = OPENSSL_hexstr2buf_ex(out_key->bytes, SEAL_KEY_BYTES, &len, text, '\0') ? 0 : -EINVAL;
    }
    OPENSSL_cleanse(text, sizeof text);
    return r;
}

int seal_key_load(struct seal_key *out_key, const char *path, bool may_make, char out_why[SEAL_WHY_SIZE])
{
    char text[256];
    size_t key_len = 0;
    int len = data_dir_read(path, text, sizeof text);
    bool is_good = false;

    if (len == -ENOENT && may_make)
        return make_key(out_key, path, out_why);
    if (len == -ENOENT) {
        snprintf(out_why, SEAL_WHY_SIZE,
                 "The master key %s is missing, but the store holds secrets that only it opens: put it back",
                 path);
        return -ENOENT;
    }
    if (len < 0 && len != -EFBIG) {
        snprintf(out_why, SEAL_WHY_SIZE, "The master key %s cannot be read: %s", path, strerror(-len));
        return len;
    }
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
        text[--len] = '\0';
    if (len == (int)HEX_CHARACTERS)
        is_good = OPENSSL_hexstr2buf_ex(out_key->bytes, SEAL_KEY_BYTES, &key_len, text, '\0') &&
                  key_len == SEAL_KEY_BYTES;
    OPENSSL_cleanse(text, sizeof text);
    if (is_good)
        return 0;
    snprintf(out_why, SEAL_WHY_SIZE, "The master key %s is not 64 hexadecimal characters", path);
    return -EINVAL;
}

void seal_key_clear(struct seal_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}

int seal_close(const struct seal_key *key, struct bytes purpose, struct bytes secret,
               struct buffer *out_sealed)
{
    cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *place;
    int len = 0;

    if (!context || secret.len > INT_MAX - SEAL_OVERHEAD_BYTES || purpose.len > INT_MAX)
        return -ENOMEM;
    if (buffer_reserve(out_sealed, secret.len + SEAL_OVERHEAD_BYTES) < 0)
        return -ENOMEM;
    place = out_sealed->ptr + out_sealed->len;
    random_fill(place, NONCE_BYTES);
    if (!EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(), key->bytes, place, NULL) ||
        !EVP_EncryptUpdate(context, NULL, &len, purpose.ptr, (int)purpose.len) ||
        !EVP_EncryptUpdate(context, place + NONCE_BYTES, &len, secret.ptr, (int)secret.len) ||
        !EVP_EncryptFinal_ex(context, place + NONCE_BYTES + len, &len) ||
        !EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, place + NONCE_BYTES + secret.len))
        return -ENOMEM;
    out_sealed->len += secret.len + SEAL_OVERHEAD_BYTES;
    return 0;
}

int seal_open(const struct seal_key *key, struct bytes purpose, struct bytes sealed,
              struct buffer *out_secret)
{
    cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t tag[TAG_BYTES];
    uint8_t *place;
    size_t secret_len;
    int len = 0;

    if (!context || purpose.len > INT_MAX)
        return -ENOMEM;
    if (sealed.len < SEAL_OVERHEAD_BYTES || sealed.len > INT_MAX)
        return SEAL_E_WRONG;
    secret_len = sealed.len - SEAL_OVERHEAD_BYTES;
    if (buffer_reserve(out_secret, secret_len + 1) < 0)
        return -ENOMEM;
    place = out_secret->ptr + out_secret->len;
    memcpy(tag, sealed.ptr + sealed.len - TAG_BYTES, TAG_BYTES);
    if (!EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), key->bytes, sealed.ptr, NULL) ||
        !EVP_DecryptUpdate(context, NULL, &len, purpose.ptr, (int)purpose.len) ||
        !EVP_DecryptUpdate(context, place, &len, sealed.ptr + NONCE_BYTES, (int)secret_len) ||
        !EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag))
        return -ENOMEM;
    if (EVP_DecryptFinal_ex(context, place + len, &len) <= 0) {
        OPENSSL_cleanse(place, secret_len); /* nothing of what was not proven gets out */
        return SEAL_E_WRONG;
    }
    out_secret->len += secret_len;
    return 0;
}

void seal_wipe(struct buffer *secret)
{
    if (secret->ptr)
        OPENSSL_cleanse(secret->ptr, secret->size);
    buffer_clear(secret);
}
