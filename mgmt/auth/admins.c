/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/admins.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

#include "hub/base/text.h"
#include "mgmt/auth/tokens.h"
#include "mgmt/store/data_dir.h"
#include "mgmt/store/store_audit.h"
#include "mgmt/store/store_token.h"

/* 0, or -EINVAL and a sentence. */
static int check(const char *name, struct bytes password, char out_why[STORE_WHY_SIZE])
{
    if (!name_is_valid(bytes_of_text(name)))
        snprintf(out_why, STORE_WHY_SIZE,
                 "The user's name must be 1 to %d bytes of UTF-8 without control characters", NAME_MAX_BYTES);
    else if (password.len < PASSWORD_LEAST_BYTES || password.len > PASSWORD_MOST_BYTES ||
             !text_is_utf8(password) || memchr(password.ptr, '\0', password.len))
        snprintf(out_why, STORE_WHY_SIZE, "The password must be %d to %d bytes of UTF-8",
                 PASSWORD_LEAST_BYTES, PASSWORD_MOST_BYTES);
    else
        return 0;
    return -EINVAL;
}

static int store_both(struct store *store, void *user, char *out_why)
{
    int r = store_user_put(store, user, out_why);

    return r < 0 ? r : store_token_set_origin(store, STORE_TOKEN_FIRST_RUN, NULL, out_why);
}

int admins_store(struct store *store, struct store_user *user, char out_why[STORE_WHY_SIZE])
{
    cleanup_free_ char *path = store_path(store, TOKENS_FIRST_RUN_FILE);
    int r = store_batch(store, store_both, user, out_why);

    if (r == 0 && path)
        unlink(path);
    return r;
}

static int hash(struct store_user *user, struct bytes password, char out_why[STORE_WHY_SIZE])
{
    int r = password_hash(password, user->password_hash);

    if (r < 0)
        snprintf(out_why, STORE_WHY_SIZE, "out of memory");
    return r;
}

int admins_put(struct store *store, const char *name, struct bytes password, char out_why[STORE_WHY_SIZE])
{
    struct store_user user = {.role = ROLE_ADMIN, .is_enabled = true};
    int r = check(name, password, out_why);

    if (r == 0)
        r = hash(&user, password, out_why);
    if (r < 0)
        return r;
    snprintf(user.name, sizeof user.name, "%s", name);
    return admins_store(store, &user, out_why);
}

int admins_reset_password(struct store *store, const char *name, struct bytes password,
                          char out_why[STORE_WHY_SIZE])
{
    struct store_user user;
    int r = check(name, password, out_why);

    if (r == 0)
        r = store_user_find(store, name, &user, out_why);
    if (r == STORE_E_UNKNOWN)
        snprintf(out_why, STORE_WHY_SIZE,
                 "There is no user %.200s: to make one, run commhub admin init --user", name);
    if (r == 0)
        r = hash(&user, password, out_why);
    user.is_enabled = true;
    return r ? r : store_user_put(store, &user, out_why);
}

static struct bytes trim(char *text, size_t len)
{
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    while (len > 0 && strchr(" \t\r\n", *text)) {
        text++;
        len--;
    }
    return bytes_of(text, len);
}

int admins_make_from_file(struct store *store, const char *file, bool *out_made, char out_why[STORE_WHY_SIZE])
{
    char content[PASSWORD_MOST_BYTES + 64], why[STORE_WHY_SIZE];
    struct store_audit row;
    uint64_t n = 0;
    int len, r = store_user_count_admins(store, NULL, &n, out_why);

    *out_made = false;
    if (r < 0 || n > 0)
        return r;
    len = data_dir_read(file, content, sizeof content);
    if (len < 0) {
        snprintf(out_why, STORE_WHY_SIZE, "The administrator's password file %s cannot be read: %s", file,
                 strerror(-len));
        return len;
    }
    store_audit_run(&row, STORE_AUDIT_CONFIGURATION, "commhub serve --admin-password-file %s", file);
    store_audit_stage(&row, STORE_AUDIT_MOST_ROWS);
    r = admins_put(store, ADMINS_DEFAULT_NAME, trim(content, (size_t)len), why);
    store_audit_stage(NULL, 0);
    if (r < 0)
        snprintf(out_why, STORE_WHY_SIZE, "The administrator's password file %.500s will not do: %.400s",
                 file, why);
    *out_made = r == 0;
    OPENSSL_cleanse(content, sizeof content);
    return r;
}
