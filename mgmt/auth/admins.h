/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Administrators made from outside the API: at start from a file, or by the command line on a hub that is
 * down
 */
#ifndef COMMHUB_MGMT_AUTH_ADMINS_H
#define COMMHUB_MGMT_AUTH_ADMINS_H

#include "mgmt/store/store_user.h"

#define ADMINS_DEFAULT_NAME "admin"

/*
 * Makes or changes the user, as store_user_put(), and withdraws the first-run token with its file, both or
 * neither. 0, or a negative errno and a sentence. Where a hub runs, tokens_forget_first_run() has to follow.
 */
int admins_store(struct store *store, struct store_user *user, char out_why[STORE_WHY_SIZE]);

/*
 * Makes the administrator @name, or gives that user a new password, the role and his way in; his sessions
 * end, and the first-run token is withdrawn. 0, or -EINVAL or another negative errno and a sentence.
 */
int admins_put(struct store *store, const char *name, struct bytes password, char out_why[STORE_WHY_SIZE]);

/*
 * Gives a user a new password, and his way in where he was disabled; his sessions end. 0, STORE_E_UNKNOWN, or
 * -EINVAL or another negative errno; each with a sentence.
 */
int admins_reset_password(struct store *store, const char *name, struct bytes password,
                          char out_why[STORE_WHY_SIZE]);

/*
 * Where there is no enabled administrator yet, makes one of the default name with the password that @file
 * holds, without the blanks around it. *@out_made tells. 0, or a negative errno and a sentence.
 */
int admins_make_from_file(struct store *store, const char *file, bool *out_made,
                          char out_why[STORE_WHY_SIZE]);

#endif
