/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/login.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "hub/base/clock.h"

void login_init(struct login *login, struct store *store, struct throttle *addresses)
{
    *login = (struct login){.store = store, .addresses = addresses};
    throttle_init(&login->users);
    pthread_mutex_init(&login->mutex, NULL);
}

void login_clear(struct login *login)
{
    pthread_mutex_destroy(&login->mutex);
    throttle_clear(&login->users);
}

static void user_key(const char *name, uint8_t out_key[THROTTLE_KEY_BYTES])
{
    uint8_t sha256[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)name, strlen(name), sha256);
    memcpy(out_key, sha256, THROTTLE_KEY_BYTES);
}

static bool begin(struct login *login)
{
    bool may;

    pthread_mutex_lock(&login->mutex);
    may = login->n_running < LOGIN_MOST_AT_A_TIME;
    if (may)
        login->n_running++;
    pthread_mutex_unlock(&login->mutex);
    return may;
}

static void end(struct login *login)
{
    pthread_mutex_lock(&login->mutex);
    login->n_running--;
    pthread_mutex_unlock(&login->mutex);
}

/* 0, LOGIN_E_WRONG or a negative errno. */
static int compare(struct login *login, const char *name, struct bytes password, struct store_user *out_user,
                   char out_why[STORE_WHY_SIZE])
{
    int found = store_user_find(login->store, name, out_user, out_why);
    bool is_user = found == 0 && out_user->is_enabled;
    bool is_right;

    if (found < 0)
        return found;
    is_right = password_is(password, is_user ? out_user->password_hash : NULL);
    return is_right ? 0 : LOGIN_E_WRONG;
}

int login_try(struct login *login, const char *name, struct bytes password,
              const uint8_t peer_key[THROTTLE_KEY_BYTES], struct store_user *out_user, uint64_t *out_wait_ms,
              char out_why[STORE_WHY_SIZE])
{
    uint64_t now_ms = clock_monotonic_ms(), of_user;
    uint8_t key[THROTTLE_KEY_BYTES];
    int r;

    user_key(name, key);
    *out_wait_ms = throttle_wait_ms(login->addresses, peer_key, now_ms);
    of_user = throttle_wait_ms(&login->users, key, now_ms);
    if (of_user > *out_wait_ms)
        *out_wait_ms = of_user;
    if (*out_wait_ms > 0)
        return LOGIN_E_THROTTLED;
    if (!begin(login))
        return LOGIN_E_BUSY;
    r = compare(login, name, password, out_user, out_why);
    end(login);
    if (r == LOGIN_E_WRONG) {
        throttle_count_wrong(login->addresses, peer_key, now_ms);
        throttle_count_wrong(&login->users, key, now_ms);
    }
    return r;
}
