/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Channels' passwords as a file of the operator's names them, ready to be set
 */
#ifndef COMMHUB_PROGRAM_PASSWORD_LIST_H
#define COMMHUB_PROGRAM_PASSWORD_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "hub/program/secret_file.h"
#include "hub/wire/signature.h"

struct password_entry {
    char *channel;
    char *password;
    bool is_signed; /* a system channel: the hub signs what it says there */
    uint8_t key[SIGNATURE_KEY_BYTES];
};

struct password_list {
    struct password_entry *entries;
    size_t n;
};

/* Reads @path into the empty @out_list, which is to be cleared in any case: 0, or a negative errno and a
 * sentence. Derives keys, which takes a while. */
int password_list_read(struct password_list *out_list, const char *path, char out_why[SECRET_FILE_WHY_SIZE]);

/* Overwrites the passwords. */
void password_list_clear(struct password_list *list);

/* NULL: it has none. */
const struct password_entry *password_list_find(const struct password_list *list, struct bytes channel);

#endif
