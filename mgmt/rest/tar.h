/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Files put together in one, in the form of POSIX' tar (ustar), uncompressed
 */
#ifndef COMMHUB_MGMT_REST_TAR_H
#define COMMHUB_MGMT_REST_TAR_H

#include "hub/base/buffer.h"

/* Appends a file with mode 0600. @name has at most 99 bytes; a fault sticks in @out->failed. */
void tar_add(struct buffer *out, const char *name, struct bytes content, uint64_t time_s);

/* After the last file. */
void tar_end(struct buffer *out);

#endif
