/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/password.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "hub/base/random.h"
#include "hub/base/text.h"

#define LOG_N 15
#define BLOCKS 8
#define PARALLEL 1
#define SALT_BYTES 16
#define KEY_BYTES 32
#define MOST_MEMORY_BYTES ((uint64_t)64 * 1024 * 1024) /* 128 * N * r is 32 MiB, and a little more */

/* With another hub's or another time's costs, a hash still tells its own. */
struct costs {
    unsigned log_n, blocks, parallel;
};

static int derive(struct bytes password, const char *salt, struct costs costs,
                  char out_hex[2 * KEY_BYTES + 1])
{
    uint8_t key[KEY_BYTES];
    int r = EVP_PBE_scrypt((const char *)password.ptr, password.len, (const unsigned char *)salt,
                           strlen(salt), (uint64_t)1 << costs.log_n, costs.blocks, costs.parallel,
                           MOST_MEMORY_BYTES, key, sizeof key);

    if (r == 1)
        text_hex(key, sizeof key, out_hex);
    OPENSSL_cleanse(key, sizeof key);
    return r == 1 ? 0 : -ENOMEM;
}

int password_hash(struct bytes password, char out_hash[PASSWORD_HASH_SIZE])
{
    struct costs costs = {LOG_N, BLOCKS, PARALLEL};
    char salt[2 * SALT_BYTES + 1], hex[2 * KEY_BYTES + 1];
    int r;

    random_hex(salt, SALT_BYTES);
    r = derive(password, salt, costs, hex);
    if (r == 0)
        snprintf(out_hash, PASSWORD_HASH_SIZE, "scrypt:%u:%u:%u:%s:%s", costs.log_n, costs.blocks,
                 costs.parallel, salt, hex);
    return r;
}

bool password_is(struct bytes password, const char *hash)
{
    static const char nobody[] = "scrypt:15:8:1:00000000000000000000000000000000:"
                                 "0000000000000000000000000000000000000000000000000000000000000000";
    char salt[2 * SALT_BYTES + 1], wanted[2 * KEY_BYTES + 1], hex[2 * KEY_BYTES + 1];
    struct costs costs;
    bool is_equal;

    if (sscanf(hash ? hash : nobody, "scrypt:%2u:%2u:%2u:%32[0-9a-f]:%64[0-9a-f]", &costs.log_n,
               &costs.blocks, &costs.parallel, salt, wanted) != 5 ||
        costs.log_n > 20 || strlen(wanted) != 2 * KEY_BYTES)
        return false;
    if (derive(password, salt, costs, hex) < 0)
        return false;
    is_equal = CRYPTO_memcmp(hex, wanted, 2 * KEY_BYTES) == 0;
    OPENSSL_cleanse(hex, sizeof hex);
    return is_equal && hash;
}
