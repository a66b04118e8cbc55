/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The data directory: made when missing (0700), held by one process at a time
 */
#ifndef COMMHUB_MGMT_STORE_DATA_DIR_H
#define COMMHUB_MGMT_STORE_DATA_DIR_H

#include <stddef.h>

#include "hub/base/bytes.h"

#define DATA_DIR_WHY_SIZE 512

/*
 * Makes the directory and takes its lock, which lives as long as *@out_lock_fd is open and ends with the
 * process however it ends. 0, or a negative errno and a sentence: -EBUSY while another hub holds it.
 */
int data_dir_lock(const char *path, int *out_lock_fd, char out_why[DATA_DIR_WHY_SIZE]);

/* path/name for the caller to free(); NULL: out of memory. */
char *data_dir_path(const char *path, const char *name);

/*
 * Writes a file of mode 0600 whole or not at all, over an old one: beside it first, then renamed. 0 or a
 * negative errno.
 */
int data_dir_write(const char *path, struct bytes content);

/* The content of a regular file of at most @size - 1 bytes, closed by a zero: its length or a negative errno
 * (-EFBIG when it is longer). */
int data_dir_read(const char *path, char *out_text, size_t size);

#endif
