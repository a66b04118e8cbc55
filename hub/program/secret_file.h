/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Secrets and passwords that the operator keeps in files
 */
#ifndef COMMHUB_PROGRAM_SECRET_FILE_H
#define COMMHUB_PROGRAM_SECRET_FILE_H

#include "hub/base/buffer.h"

#define SECRET_FILE_WHY_SIZE 512

/*
 * The file's content without the line end behind it. 0, or a negative errno and a sentence: not readable,
 * empty, over 64 KiB, not UTF-8. Warns on stderr where others than the owner may read it.
 */
int secret_file_read(const char *path, struct buffer *out_secret, char out_why[SECRET_FILE_WHY_SIZE]);

/* The same of a file that is no secret, as it stands: appended to @out. */
int secret_file_read_whole(const char *path, struct buffer *out, char out_why[SECRET_FILE_WHY_SIZE]);

/* Calls @visit for every channel and password of a JSON object. 0, or a negative errno and a sentence. */
int secret_file_each_password(const char *path,
                              int (*visit)(void *context, struct bytes channel, struct bytes password),
                              void *context, char out_why[SECRET_FILE_WHY_SIZE]);

#endif
