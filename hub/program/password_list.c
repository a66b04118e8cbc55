/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/password_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void clear_entry(struct password_entry *entry)
{
    if (entry->password)
        explicit_bzero(entry->password, strlen(entry->password));
    explicit_bzero(entry->key, sizeof entry->key);
    free(entry->password);
    free(entry->channel);
}

static int fill(struct password_entry *entry, struct bytes channel, struct bytes password)
{
    entry->channel = bytes_to_text(channel);
    entry->password = bytes_to_text(password);
    if (!entry->channel || !entry->password)
        return -ENOMEM;
    entry->is_signed = bytes_start_with(channel, BYTES_LITERAL("__comm_ipc_"));
    return entry->is_signed ? signature_derive_key(password, channel, entry->key) : 0;
}

/* Moves what there is by hand: realloc() would leave passwords behind. */
static int grow(struct password_list *list)
{
    struct password_entry *entries = calloc(list->n + 1, sizeof *entries);

    if (!entries)
        return -ENOMEM;
    if (list->n > 0)
        memcpy(entries, list->entries, list->n * sizeof *entries);
    if (list->entries)
        explicit_bzero(list->entries, list->n * sizeof *entries);
    free(list->entries);
    list->entries = entries;
    list->n++;
    return 0;
}

static int add(void *context, struct bytes channel, struct bytes password)
{
    struct password_list *list = context;
    int r = grow(list);

    return r < 0 ? r : fill(&list->entries[list->n - 1], channel, password);
}

int password_list_read(struct password_list *out_list, const char *path, char out_why[SECRET_FILE_WHY_SIZE])
{
    return secret_file_each_password(path, add, out_list, out_why);
}

void password_list_clear(struct password_list *list)
{
    while (list->n > 0)
        clear_entry(&list->entries[--list->n]);
    free(list->entries);
    list->entries = NULL;
}

const struct password_entry *password_list_find(const struct password_list *list, struct bytes channel)
{
    for (size_t i = 0; i < list->n; i++) {
        if (bytes_equal_text(channel, list->entries[i].channel))
            return &list->entries[i];
    }
    return NULL;
}
