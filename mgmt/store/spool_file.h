/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The spool on disk: spool.db in the data directory, and the thread that alone touches it
 */
#ifndef COMMHUB_MGMT_STORE_SPOOL_FILE_H
#define COMMHUB_MGMT_STORE_SPOOL_FILE_H

#include "federation/spool.h"
#include "hub/io/mailbox.h"

#define SPOOL_FILE_WHY_SIZE 512

struct spool_file;

/* Opens or makes the file in the directory, which the caller holds, and starts the thread. What is told comes
 * by @mailbox. 0, or a negative errno and a sentence. */
int spool_file_open(struct spool_file **out_file, const char *data_dir, struct mailbox *mailbox,
                    char out_why[SPOOL_FILE_WHY_SIZE]);

/* Its functions, for federation; they are good until spool_file_stop(). */
const struct spool *spool_file_spool(struct spool_file *file);

/* Does what has been asked for, ends the thread, and tells nobody anything any more. NULL is fine. */
void spool_file_stop(struct spool_file *file);

/* After spool_file_stop(), and after the mailbox is freed: letters may be under way. NULL is fine. */
void spool_file_free(struct spool_file *file);

#endif
