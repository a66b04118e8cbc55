/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/base/text.h"
#include "mgmt/store/data_dir.h"
#include "mgmt/store/migrations.h"
#include "mgmt/store/store_inside.h"

/*
 * Other hubs take a hub with a smaller incarnation than they have seen for an old one. More starts than these
 * lie between no backup and its restore.
 */
#define INCARNATIONS_AHEAD 1000000

int store_backup_take(struct store *store, char **out_image, size_t *out_len, char out_why[STORE_WHY_SIZE])
{
    store_lock(store);
    return store_unlock(store, db_image(store->db, out_image, out_len), out_why);
}

static int why_not(char out_why[STORE_WHY_SIZE], int r, const char *why)
{
    snprintf(out_why, STORE_WHY_SIZE, "Nothing was restored: %.900s", why);
    return r;
}

/* The store as restored begins anew, ahead of all that other hubs may have seen. */
static int go_ahead(struct store *store)
{
    cleanup_(buffer_clear) struct buffer value = {0};
    char text[32];
    uint64_t incarnation;
    int r = store_meta_get(store, "incarnation", &value);

    if (r != 0 || value.len >= sizeof text)
        return r < 0 ? r : -EBADMSG;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    if (text_to_u64(text, 0, UINT64_MAX - INCARNATIONS_AHEAD, &incarnation) < 0)
        return -EBADMSG;
    snprintf(text, sizeof text, "%llu", (unsigned long long)(incarnation + INCARNATIONS_AHEAD));
    return store_meta_set(store, "incarnation", bytes_of_text(text));
}

static int prepare(const char *data_dir, const char *path, char out_why[STORE_WHY_SIZE])
{
    struct store store = {.data_dir = (char *)(uintptr_t)data_dir};
    char why[STORE_WHY_SIZE];
    int r = db_open(&store.db, path, &(struct db_schema){migrations, migrations_n}, why);

    if (r < 0) {
        char shown[DB_WHY_SIZE + 16];

        snprintf(shown, sizeof shown, "the file %.500s", why);
        return why_not(out_why, r, shown);
    }
    r = store_key_load(&store, false, why);
    if (r == 0) {
        r = go_ahead(&store);
        if (r < 0)
            snprintf(why, sizeof why, "the file has no identity of a hub");
    }
    db_close(store.db);
    seal_key_clear(&store.key);
    return r < 0 ? why_not(out_why, r, why) : 0;
}

/* Moves one of the files of the former store out of the way; one that is not there is fine. */
static int set_aside(const char *data_dir, const char *name, const char *aside)
{
    cleanup_free_ char *from = data_dir_path(data_dir, name);
    cleanup_free_ char *to = data_dir_path(data_dir, aside);

    if (!from || !to)
        return -ENOMEM;
    unlink(to);
    return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

/* The main file is linked aside first and then replaced in one step: there is a whole store at any time. */
static int replace(const char *data_dir, const char *fresh)
{
    cleanup_free_ char *path = data_dir_path(data_dir, STORE_FILE_NAME);
    cleanup_free_ char *aside = data_dir_path(data_dir, "commhub.db.before-restore");
    int r = path && aside ? 0 : -ENOMEM;

    if (r == 0)
        r = set_aside(data_dir, "commhub.db-wal", "commhub.db.before-restore-wal");
    if (r == 0)
        r = set_aside(data_dir, "commhub.db-shm", "commhub.db.before-restore-shm");
    if (r < 0)
        return r;
    unlink(aside);
    if (link(path, aside) < 0 && errno != ENOENT)
        return -errno;
    return rename(fresh, path) < 0 ? -errno : 0;
}

int store_backup_restore(const char *data_dir, struct bytes image, char out_why[STORE_WHY_SIZE])
{
    cleanup_free_ char *fresh = data_dir_path(data_dir, "commhub.db.restored");
    char why[DATA_DIR_WHY_SIZE];
    int lock_fd;
    int r = fresh ? data_dir_lock(data_dir, &lock_fd, why) : -ENOMEM;

    if (r < 0)
        return why_not(out_why, r, fresh ? why : "out of memory");
    r = data_dir_write(fresh, image);
    if (r < 0)
        why_not(out_why, r, strerror(-r));
    else
        r = prepare(data_dir, fresh, out_why);
    if (r == 0) {
        r = replace(data_dir, fresh);
        if (r < 0)
            why_not(out_why, r, strerror(-r));
    }
    if (r < 0)
        unlink(fresh);
    close(lock_fd);
    return r;
}
