/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A copy of the store while it is in use, and the way back
 *
 * Secrets in it stay sealed: whoever restores it needs the master key, which is no part of it.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_BACKUP_H
#define COMMHUB_MGMT_STORE_STORE_BACKUP_H

#include "mgmt/store/store.h"

/* The database as it stands between two writes, for the caller to free(). Any thread. 0 or a negative errno.
 */
int store_backup_take(struct store *store, char **out_image, size_t *out_len, char out_why[STORE_WHY_SIZE]);

/*
 * Puts @image in the place of the store in @data_dir, of a hub that is not running; the former one stays
 * beside it as commhub.db.before-restore. Nothing is changed unless the image is whole, of a schema that this
 * program knows, and opens with the master key. 0, or a negative errno and a sentence.
 */
int store_backup_restore(const char *data_dir, struct bytes image, char out_why[STORE_WHY_SIZE]);

#endif
