/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which master key is the store's
 *
 * It is made only where nothing was sealed yet, and proven to be the right one: the proof is a known text
 * sealed in meta.key_check. With a wrong key the hub would start and lose every secret one by one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mgmt/store/data_dir.h"
#include "mgmt/store/store_inside.h"

#define KEY_CHECK_PURPOSE "key-check"
#define KEY_CHECK_TEXT "commhub"
#define CREDENTIAL_NAME "commhub-master-key"

int store_key_make_check(struct store *store, const struct seal_key *key)
{
    cleanup_(buffer_clear) struct buffer sealed = {0};
    int r = seal_close(key, BYTES_LITERAL(KEY_CHECK_PURPOSE), BYTES_LITERAL(KEY_CHECK_TEXT), &sealed);

    return r < 0 ? r : store_meta_set(store, "key_check", buffer_bytes(&sealed));
}

/* Where the service manager puts the key, for free(); NULL: it does not. */
static char *credential_path(void)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    char *path = directory ? data_dir_path(directory, CREDENTIAL_NAME) : NULL;

    if (path && access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

bool store_key_is_credential(void)
{
    cleanup_free_ char *path = credential_path();

    return path != NULL;
}

/* Whether the key opens what was sealed at the first start: 0, SEAL_E_WRONG or -ENOMEM. */
static int try_key(const struct seal_key *key, struct bytes sealed)
{
    cleanup_(seal_wipe) struct buffer text = {0};

    return seal_open(key, BYTES_LITERAL(KEY_CHECK_PURPOSE), sealed, &text);
}

/* A change of the key that was cut short behind its transaction: the key beside it is the one. */
static bool finish_rekey(struct store *store, const char *path, struct bytes sealed)
{
    cleanup_free_ char *fresh_path = data_dir_path(store->data_dir, STORE_FRESH_KEY_FILE);
    struct seal_key fresh;
    char why[SEAL_WHY_SIZE];
    bool is_it;

    if (!fresh_path || seal_key_load(&fresh, fresh_path, false, why) < 0)
        return false;
    is_it = try_key(&fresh, sealed) == 0 && rename(fresh_path, path) == 0;
    if (is_it)
        store->key = fresh;
    seal_key_clear(&fresh);
    return is_it;
}

static int load_key_at(struct store *store, const char *path, bool may_make, char out_why[STORE_WHY_SIZE])
{
    cleanup_(buffer_clear) struct buffer sealed = {0};
    char why[SEAL_WHY_SIZE];
    int found = store_meta_get(store, "key_check", &sealed);
    int r;

    if (found < 0)
        return store_fault(store, found, out_why);
    r = seal_key_load(&store->key, path, may_make && found == STORE_E_UNKNOWN, why);
    if (r < 0) {
        snprintf(out_why, STORE_WHY_SIZE, "%s", why);
        return r;
    }
    if (found == STORE_E_UNKNOWN)
        return store_fault(store, store_key_make_check(store, &store->key), out_why);
    r = try_key(&store->key, buffer_bytes(&sealed));
    if (r == 0 || (r > 0 && finish_rekey(store, path, buffer_bytes(&sealed))))
        return 0;
    snprintf(out_why, STORE_WHY_SIZE, "The master key %s is not the one this store was sealed with", path);
    return r < 0 ? r : -EBADMSG;
}

int store_key_load(struct store *store, bool may_make, char out_why[STORE_WHY_SIZE])
{
    cleanup_free_ char *credential = credential_path();
    cleanup_free_ char *path = data_dir_path(store->data_dir, STORE_KEY_FILE);

    if (!path) {
        snprintf(out_why, STORE_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    return load_key_at(store, credential ? credential : path, may_make && !credential, out_why);
}
